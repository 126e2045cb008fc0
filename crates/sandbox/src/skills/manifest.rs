//! Reading an uploaded skill: its files, and the front matter of its `SKILL.md`.

use std::io::{Cursor, Write};

use axum::extract::Request;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::skill::SkillFile;
use crate::body::hex;
use crate::error::ApiError;
use crate::multipart::Parts;

/// The most bytes of all files of a skill.
const SKILL_BYTES_MAX: u64 = 30 * 1024 * 1024;
const NAME_MAX: usize = 64;
const DESCRIPTION_MAX: usize = 1024;
const DISPLAY_NAME_MAX: usize = 255;

/// A skill as it was uploaded, checked.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) display_name: Option<String>,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) directory: String,
    pub(crate) files: Vec<SkillFile>,
    /// All of them as a zip file.
    pub(crate) archive: Vec<u8>,
}

/// Reads the parts `files[]` and `display_name` (`display_title` in the older shape).
///
/// # Errors
/// 400 for what breaks the rules of skills; 413 for files that are too large together.
pub(crate) async fn receive(request: Request, old: bool) -> Result<Upload, ApiError> {
    let mut parts = Parts::of(request).await?;
    let title = if old { "display_title" } else { "display_name" };
    let mut display_name = None;
    let mut files: Vec<(SkillFile, Vec<u8>)> = Vec::new();
    let mut left = SKILL_BYTES_MAX;
    while let Some(mut part) = parts.next().await? {
        match part.name().as_str() {
            "files[]" | "files" => {
                let path = part.file_name().unwrap_or_default();
                let bytes =
                    part.bytes(left)
                        .await
                        .map_err(|error| match error.status.as_u16() {
                            413 => ApiError::too_large(SKILL_BYTES_MAX),
                            _ => error,
                        })?;
                left -= bytes.len() as u64;
                let sha256 = hex(&Sha256::digest(&bytes));
                files.push((
                    SkillFile {
                        path,
                        bytes: bytes.len() as u64,
                        sha256,
                    },
                    bytes,
                ));
            }
            name if name == title => display_name = Some(part.text().await?),
            other => {
                return Err(ApiError::invalid(format!(
                    "{other}: Extra inputs are not permitted"
                )));
            }
        }
    }
    if display_name
        .as_ref()
        .is_some_and(|name| name.is_empty() || name.chars().count() > DISPLAY_NAME_MAX)
    {
        return Err(ApiError::invalid(format!(
            "{title}: must have 1 to {DISPLAY_NAME_MAX} characters"
        )));
    }
    let directory = directory(&files)?;
    let wanted = format!("{directory}/SKILL.md");
    let (_, text) = files
        .iter()
        .find(|(file, _)| file.path == wanted)
        .ok_or_else(|| {
            ApiError::invalid("files: SKILL.md must lie at the root of the top folder")
        })?;
    let FrontMatter { name, description } = front_matter(text)?;
    let archive = archive(&files)
        .map_err(|error| ApiError::invalid(format!("files: no zip file can be made: {error}")))?;
    Ok(Upload {
        display_name,
        name,
        description,
        directory,
        archive,
        files: files.into_iter().map(|(file, _)| file).collect(),
    })
}

/// The files as they are downloaded again. The same files are the same bytes.
fn archive(files: &[(SkillFile, Vec<u8>)]) -> ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (file, bytes) in files {
        archive.start_file(file.path.as_str(), stored)?;
        archive.write_all(bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// The one top folder of all files.
fn directory(files: &[(SkillFile, Vec<u8>)]) -> Result<String, ApiError> {
    let Some((first, bytes)) = files.first() else {
        return Err(ApiError::invalid("files: Field required"));
    };
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(ApiError::invalid(
            "files: the sandbox does not read zip files; send one part for each file",
        ));
    }
    let top = |path: &str| {
        path.split_once('/')
            .map(|(top, _)| top.to_owned())
            .filter(|top| !top.is_empty())
    };
    let directory = top(&first.path)
        .ok_or_else(|| ApiError::invalid("files: all files must lie in one top folder"))?;
    for (file, _) in files {
        if top(&file.path).as_ref() != Some(&directory) {
            return Err(ApiError::invalid(
                "files: all files must lie in one top folder",
            ));
        }
        if file
            .path
            .split('/')
            .any(|part| matches!(part, "" | "." | ".."))
        {
            return Err(ApiError::invalid(format!(
                "files: `{}` is not a plain relative path",
                file.path
            )));
        }
    }
    Ok(directory)
}

#[derive(Debug, Deserialize)]
struct FrontMatter {
    name: String,
    description: String,
}

fn front_matter(text: &[u8]) -> Result<FrontMatter, ApiError> {
    let refused = |what: &str| ApiError::invalid(format!("SKILL.md: {what}"));
    let text = std::str::from_utf8(text)
        .map_err(|_| refused("must be UTF-8"))?
        .replace("\r\n", "\n");
    let yaml = text
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---"))
        .map(|(yaml, _)| yaml)
        .ok_or_else(|| refused("must begin with YAML front matter between lines of `---`"))?;
    let found: FrontMatter =
        serde_yaml::from_str(yaml).map_err(|error| refused(&format!("front matter: {error}")))?;
    let slug = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if found.name.is_empty() || found.name.len() > NAME_MAX || !found.name.bytes().all(slug) {
        return Err(refused(
            "`name` must have 1 to 64 characters of a-z, 0-9 and -",
        ));
    }
    if ["anthropic", "claude"]
        .iter()
        .any(|word| found.name.contains(word))
    {
        return Err(refused(
            "`name` must not contain \"anthropic\" or \"claude\"",
        ));
    }
    if found.description.is_empty() || found.description.chars().count() > DESCRIPTION_MAX {
        return Err(refused("`description` must have 1 to 1024 characters"));
    }
    if has_tag(&found.description) {
        return Err(refused("`description` must not contain XML tags"));
    }
    Ok(found)
}

fn has_tag(text: &str) -> bool {
    text.split('<').skip(1).any(|rest| {
        let begins = rest
            .strip_prefix('/')
            .unwrap_or(rest)
            .starts_with(|first: char| first.is_ascii_alphabetic());
        begins && rest.contains('>')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_matter_is_checked() {
        for (text, expected) in [
            (
                "---\nname: demo\ndescription: Does it.\nlicense: MIT\n---\nBody",
                "demo Does it.",
            ),
            (
                "---\r\nname: demo\r\ndescription: x < y > z\r\n---\r\n",
                "demo x < y > z",
            ),
            (
                "name: demo",
                "SKILL.md: must begin with YAML front matter between lines of `---`",
            ),
            (
                "---\nname: Demo\ndescription: d\n---\n",
                "SKILL.md: `name` must have 1 to 64 characters of a-z, 0-9 and -",
            ),
            (
                "---\nname: my-claude\ndescription: d\n---\n",
                "SKILL.md: `name` must not contain \"anthropic\" or \"claude\"",
            ),
            (
                "---\nname: demo\ndescription: <b>d</b>\n---\n",
                "SKILL.md: `description` must not contain XML tags",
            ),
            (
                "---\nname: demo\ndescription: ''\n---\n",
                "SKILL.md: `description` must have 1 to 1024 characters",
            ),
        ] {
            let outcome = front_matter(text.as_bytes()).map_or_else(
                |error| error.message,
                |found| format!("{} {}", found.name, found.description),
            );
            assert_eq!(outcome, expected);
        }
    }
}

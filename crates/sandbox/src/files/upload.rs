//! Reading an uploaded file: its content goes straight to the disk, its name is checked.

use std::io;
use std::path::{Path, PathBuf};

use axum::extract::Request;
use tokio::io::AsyncWriteExt;

use crate::disk;
use crate::error::ApiError;
use crate::multipart::{Part, Parts};

/// The most bytes of a file.
const FILE_BYTES_MAX: u64 = 500 * 1024 * 1024;
/// The most characters of a file's name.
const NAME_MAX: usize = 255;

/// A file whose content is durable, but not yet in its place.
#[derive(Debug)]
pub(crate) struct Uploaded {
    pub(crate) content: Content,
    pub(crate) filename: String,
    pub(crate) mime_type: String,
    /// How many seconds after the upload it expires.
    pub(crate) expires_in_seconds: Option<i64>,
}

/// The content in the scratch folder; it goes away when dropped, unless it was moved.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) path: PathBuf,
    pub(crate) size_bytes: u64,
}

impl Drop for Content {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Reads the parts `file` and `expires_in_seconds`; the latter only in the newer shape.
///
/// # Errors
/// 400 for a missing file, a bad name or a bad expiry; 413 for a file that is too large.
pub(crate) async fn receive(
    request: Request,
    scratch: &Path,
    old: bool,
) -> Result<Uploaded, ApiError> {
    let mut parts = Parts::of(request).await?;
    let mut file = None;
    let mut expires_in_seconds = None;
    while let Some(mut part) = parts.next().await? {
        match part.name().as_str() {
            "file" if file.is_none() => {
                let mime_type = part
                    .content_type()
                    .unwrap_or_else(|| "application/octet-stream".to_owned());
                let filename = filename(part.file_name(), &mime_type)?;
                file = Some((store(&mut part, scratch).await?, filename, mime_type));
            }
            "expires_in_seconds" if !old => expires_in_seconds = Some(expiry(&part.text().await?)?),
            other => {
                return Err(ApiError::invalid(format!(
                    "{other}: Extra inputs are not permitted"
                )));
            }
        }
    }
    let (content, filename, mime_type) =
        file.ok_or_else(|| ApiError::invalid("file: Field required"))?;
    Ok(Uploaded {
        content,
        filename,
        mime_type,
        expires_in_seconds,
    })
}

async fn store(part: &mut Part<'_>, scratch: &Path) -> Result<Content, ApiError> {
    let path = disk::scratch_path(scratch);
    let mut file = tokio::fs::File::create(&path).await?;
    let mut content = Content {
        path,
        size_bytes: 0,
    };
    while let Some(chunk) = part.chunk().await? {
        content.size_bytes += chunk.len() as u64;
        if content.size_bytes > FILE_BYTES_MAX {
            return Err(ApiError::too_large(FILE_BYTES_MAX));
        }
        file.write_all(&chunk).await?;
    }
    sync(file).await?;
    Ok(content)
}

async fn sync(mut file: tokio::fs::File) -> io::Result<()> {
    file.flush().await?;
    file.sync_all().await
}

/// The last component of the name that was sent, or a made-up one.
fn filename(sent: Option<String>, mime_type: &str) -> Result<String, ApiError> {
    let extension = match mime_type.split(';').next().unwrap_or_default().trim() {
        "text/plain" => ".txt",
        "text/csv" => ".csv",
        "text/markdown" => ".md",
        "application/json" => ".json",
        "application/pdf" => ".pdf",
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        _ => "",
    };
    let Some(sent) = sent.filter(|name| !name.is_empty()) else {
        return Ok(format!("unnamed{extension}"));
    };
    let name = sent.rsplit('/').next().unwrap_or_default();
    let bad = |character: char| character.is_control() || "<>:\"|?*\\".contains(character);
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(bad) {
        let message = format!(
            "file: the name must have 1 to {NAME_MAX} characters and none of < > : \" | ? * \\ / or control characters"
        );
        return Err(ApiError::invalid(message));
    }
    Ok(name.to_owned())
}

fn expiry(text: &str) -> Result<i64, ApiError> {
    match text.trim().parse() {
        Ok(seconds @ 3_600..=7_776_000) => Ok(seconds),
        _ => Err(ApiError::invalid(
            "expires_in_seconds: must be a whole number from 3600 to 7776000",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_to_the_last_component_and_checked() {
        let name = |sent: Option<&str>| filename(sent.map(str::to_owned), "text/csv").ok();
        assert_eq!(name(Some("a/b/c.csv")).as_deref(), Some("c.csv"));
        assert_eq!(name(None).as_deref(), Some("unnamed.csv"));
        assert_eq!(name(Some("a\u{7}")), None);
        assert_eq!(name(Some("what?")), None);
        assert_eq!(name(Some("dir/")), None);
        assert_eq!(name(Some(&"x".repeat(256))), None);
    }
}

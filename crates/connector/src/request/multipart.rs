//! Files for the parts of a multipart body: paths of the project, stored values, or maps that say everything.

use std::sync::Arc;

use flow_backend::context::StepContext;
use flow_engine::run::Failure;
use flow_engine::value::Value;

use crate::project::Project;

/// A file to send.
pub(crate) struct File {
    pub(crate) name: Arc<str>,
    pub(crate) media: Arc<str>,
    pub(crate) content: Value,
}

/// One file, under the last part of its path.
pub(crate) fn file(value: &Value, context: &StepContext) -> Result<File, Failure> {
    match value {
        Value::String(path) => {
            let project = Project::open(context)?;
            let blob = project.store(path, &*context.blobs)?;
            let name = path.rsplit('/').next().unwrap_or(path);
            Ok(File {
                name: name.into(),
                media: media_of(name).into(),
                content: Value::from(blob),
            })
        }
        Value::Blob(blob) => {
            let name = blob.name.clone().unwrap_or_else(|| "file".into());
            let media = if blob.name.is_some() {
                media_of(&name).into()
            } else {
                blob.media.clone()
            };
            Ok(File {
                name,
                media,
                content: value.clone(),
            })
        }
        Value::Map(map) => {
            let text = |key: &str| map.get(key).and_then(Value::as_str);
            let name: Arc<str> = text("name").unwrap_or("file").into();
            let media = text("media").unwrap_or_else(|| media_of(&name)).into();
            Ok(File {
                name,
                media,
                content: map.get("content").cloned().unwrap_or_default(),
            })
        }
        other => {
            let message = format!(
                "a file is a path, a stored value or a map, not {}",
                other.described()
            );
            Err(Failure::permanent("call.type", message))
        }
    }
}

/// Several files. Paths keep what they have below the folder that holds their common folder, so that `a/b/SKILL.md` and
/// `a/b/c/x.py` are sent as `b/SKILL.md` and `b/c/x.py`. A single zip file is sent under its own name.
pub(crate) fn files(value: &Value, context: &StepContext) -> Result<Vec<File>, Failure> {
    let one = std::slice::from_ref(value);
    let list = value.as_list().unwrap_or(one);
    let paths: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    let is_zip = |path: &&str| media_of(path) == "application/zip";
    let above = if list.len() == 1 && paths.first().is_some_and(is_zip) {
        None
    } else {
        Some(above_common_folder(&paths))
    };
    let named = |value: &Value| {
        let mut file = file(value, context)?;
        if let (Some(path), Some(above)) = (value.as_str(), above) {
            file.name = path[above..].into();
        }
        Ok(file)
    };
    list.iter().map(named).collect()
}

/// All regular files of a folder and the folders in it, under the folder's own name; those that begin with a dot are left
/// out.
pub(crate) fn folder(value: &Value, context: &StepContext) -> Result<Vec<File>, Failure> {
    let folder = value.as_str().unwrap_or_default().trim_end_matches('/');
    let project = Project::open(context)?;
    let paths = project.files_below(folder)?;
    if paths.is_empty() {
        return Err(Failure::permanent(
            "file.not_found",
            format!("the folder `{folder}` has no files"),
        ));
    }
    let above = folder.rfind('/').map_or(0, |at| at + 1);
    let named = |path: &String| {
        let mut file = file(&Value::from(path.as_str()), context)?;
        file.name = path[above..].into();
        Ok(file)
    };
    paths.iter().map(named).collect()
}

/// Length of what all paths have in common above their common folder's own name.
fn above_common_folder(paths: &[&str]) -> usize {
    let Some((first, rest)) = paths.split_first() else {
        return 0;
    };
    let mut common = first.rfind('/').map_or("", |at| &first[..at]);
    for path in rest {
        while !common.is_empty()
            && !path
                .strip_prefix(common)
                .is_some_and(|rest| rest.starts_with('/'))
        {
            common = common.rfind('/').map_or("", |at| &common[..at]);
        }
    }
    common.rfind('/').map_or(0, |at| at + 1)
}

/// Media type by the end of a name.
pub(crate) fn media_of(name: &str) -> &'static str {
    let end = name
        .rsplit_once('.')
        .map_or("", |(_, end)| end)
        .to_ascii_lowercase();
    match end.as_str() {
        "txt" | "log" | "py" | "sh" | "rs" | "toml" => "text/plain",
        "md" => "text/markdown",
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "csv" => "text/csv",
        "js" => "text/javascript",
        "json" => "application/json",
        "jsonl" | "ndjson" => "application/x-ndjson",
        "yaml" | "yml" => "application/yaml",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_to_the_parent_of_the_common_folder() {
        let check = |paths: &[&str], expected: usize| {
            assert_eq!(above_common_folder(paths), expected, "{paths:?}");
        };
        check(&["a/b/SKILL.md", "a/b/c/x.py"], 2);
        check(&["demo/SKILL.md"], 0);
        check(&["x/demo/SKILL.md"], 2);
        check(&["a/b/x", "a/bc/y"], 0);
        check(&["x", "y"], 0);
        check(&[], 0);
    }
}

//! From one or two texts to a checked service, with the place of every error.

use flow_engine::source::{Position, SourceFile};
use flow_engine::yaml::{self, Node, NodeKind};
use serde::de::DeserializeOwned;

use super::compile;
use super::document::Document;
use super::error::DescriptorError;
use super::resource::ResourceDocument;
use super::service::Service;

/// How long one text of a descriptor may be.
pub const DESCRIPTOR_BYTES_MAX: usize = 4 << 20;

/// Reads a connector from its descriptor: one document, or a service document and a list of resources, in any order.
/// JSON if a text begins with `{` or `[`, else YAML.
///
/// # Errors
/// The first [`DescriptorError`], with source, path and place.
pub fn load(sources: &[SourceFile]) -> Result<Service, DescriptorError> {
    let mut service: Option<(&SourceFile, Document)> = None;
    let mut lists: Vec<(&SourceFile, Vec<ResourceDocument>)> = Vec::new();
    for source in sources {
        check_size(source)?;
        if is_list(source.text()) {
            lists.push((source, read(source)?));
        } else if let Some((first, _)) = &service {
            let message = format!("a second service document; the first is `{}`", first.name());
            return Err(placed(
                DescriptorError::at("descriptor.shape", "", message),
                source,
            ));
        } else {
            service = Some((source, read(source)?));
        }
    }
    let Some((source, mut document)) = service else {
        let message =
            "no service document: one of the texts must be a map with `handle` and `service`";
        return Err(DescriptorError::at("descriptor.incomplete", "", message));
    };
    let own = document.resources.len();
    for (_, list) in &mut lists {
        document.resources.append(list);
    }
    let compiled = compile::service(&document).map_err(|error| match lists.first() {
        // Resources of a text of their own are counted from its first.
        Some((list, _)) => match in_list(&error.path, own) {
            Some(path) => placed(DescriptorError { path, ..error }, list),
            None => placed(error, source),
        },
        None => placed(error, source),
    })?;
    Ok(Service {
        sources: sources.to_vec(),
        ..compiled
    })
}

fn check_size(source: &SourceFile) -> Result<(), DescriptorError> {
    if source.text().len() <= DESCRIPTOR_BYTES_MAX {
        return Ok(());
    }
    let message = format!("longer than {DESCRIPTOR_BYTES_MAX} bytes");
    let error = DescriptorError::at("descriptor.too_large", "", message);
    Err(DescriptorError {
        file: source.name().to_owned(),
        ..error
    })
}

/// Whether the document is a list: `[` or `- ` is its first thing that is neither blank nor a comment.
fn is_list(text: &str) -> bool {
    let first = text
        .lines()
        .map(str::trim_start)
        .find(|line| !line.is_empty() && !line.starts_with('#') && *line != "---");
    first.is_some_and(|line| line.starts_with('[') || line.starts_with("- "))
}

pub(crate) fn read<T: DeserializeOwned>(source: &SourceFile) -> Result<T, DescriptorError> {
    let text = source.text().trim_start_matches('\u{feff}');
    let failed = |code, path: String, message: String, at: Option<Position>| DescriptorError {
        code,
        file: source.name().to_owned(),
        path: if path == "." { String::new() } else { path },
        at,
        message,
    };
    if text.trim_start().starts_with(['{', '[']) {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        return serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let inner = error.inner();
            let at = Position {
                line: inner.line(),
                column: inner.column(),
            };
            let code = if inner.is_data() {
                "descriptor.shape"
            } else {
                "descriptor.syntax"
            };
            let message = inner.to_string();
            let message = message
                .split(" at line ")
                .next()
                .unwrap_or(&message)
                .to_owned();
            failed(code, error.path().to_string(), message, Some(at))
        });
    }
    let failed_yaml = |error: &serde_yaml::Error, path: String| {
        let at = error.location().map(|at| Position {
            line: at.line(),
            column: at.column(),
        });
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        // The reader puts a path of its own in front.
        let message = message
            .rsplit_once(": unknown field")
            .map_or(message.to_owned(), |(_, rest)| {
                format!("unknown field{rest}")
            });
        failed("descriptor.shape", path, message, at)
    };
    if has_merge_keys(text) {
        // Only a tree can be merged, and a tree has no places: they are looked up by path.
        let mut tree: serde_yaml::Value =
            serde_yaml::from_str(text).map_err(|error| failed_yaml(&error, String::new()))?;
        tree.apply_merge()
            .map_err(|error| failed_yaml(&error, String::new()))?;
        return serde_path_to_error::deserialize(tree).map_err(|error| {
            let path = error.path().to_string();
            placed(failed_yaml(error.inner(), path), source)
        });
    }
    let deserializer = serde_yaml::Deserializer::from_str(text);
    serde_path_to_error::deserialize(deserializer)
        .map_err(|error| failed_yaml(error.inner(), error.path().to_string()))
}

/// Whether a line begins with a merge key.
fn has_merge_keys(text: &str) -> bool {
    text.lines()
        .any(|line| line.trim_start().starts_with("<<:"))
}

/// `resources[5].x` as it is called in a text that holds only the resources from `own` on.
fn in_list(path: &str, own: usize) -> Option<String> {
    let (number, rest) = path.strip_prefix("resources[")?.split_once(']')?;
    let index = number.parse::<usize>().ok()?.checked_sub(own)?;
    Some(format!("[{index}]{rest}"))
}

fn placed(error: DescriptorError, source: &SourceFile) -> DescriptorError {
    let (root, _) = yaml::read(source);
    let offset = find(&root, &error.path);
    DescriptorError {
        file: source.name().to_owned(),
        at: Some(source.position(offset)),
        ..error
    }
}

/// Offset of the deepest node on the path that the text has.
fn find(root: &Node, path: &str) -> u32 {
    let mut node = root;
    let mut offset = root.span.start;
    for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
        let next = match &node.kind {
            NodeKind::Map(entries) => entries
                .iter()
                .find(|entry| &*entry.key == part)
                .map(|entry| (entry.key_span.start, &entry.value)),
            NodeKind::List(items) => part
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get(index))
                .map(|item| (item.span.start, item)),
            _ => None,
        };
        let Some((start, inner)) = next else {
            return offset;
        };
        (offset, node) = (start, inner);
    }
    offset
}

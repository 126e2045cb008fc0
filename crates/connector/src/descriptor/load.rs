//! From one or two texts to a checked service, with the place of every error.

use flow_engine::source::{Position, SourceFile, Span};
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
    let (service, errors) = read_all(sources);
    match errors.into_iter().next() {
        Some(error) => Err(error),
        None => service.ok_or_else(no_service),
    }
}

/// Everything that is wrong with a descriptor, in the order of its text; empty if it can be used. What a text that cannot
/// be read as a document has besides is not known.
pub fn check(sources: &[SourceFile]) -> Vec<DescriptorError> {
    read_all(sources).1
}

fn no_service() -> DescriptorError {
    let message = "no service document: one of the texts must be a map with `handle` and `service`";
    DescriptorError::at("descriptor.incomplete", "", message)
}

fn read_all(sources: &[SourceFile]) -> (Option<Service>, Vec<DescriptorError>) {
    let mut service: Option<(&SourceFile, Document)> = None;
    let mut lists: Vec<(&SourceFile, Vec<ResourceDocument>)> = Vec::new();
    let mut errors = Vec::new();
    for source in sources {
        let read = check_size(source).and_then(|()| {
            if is_list(source.text()) {
                lists.push((source, read(source)?));
            } else if let Some((first, _)) = &service {
                let message = format!("a second service document; the first is `{}`", first.name());
                return Err(Tree::of(source).placed(DescriptorError::at(
                    "descriptor.shape",
                    "",
                    message,
                )));
            } else {
                service = Some((source, read(source)?));
            }
            Ok(())
        });
        errors.extend(read.err());
    }
    if !errors.is_empty() {
        return (None, errors);
    }
    let Some((source, mut document)) = service else {
        let error = no_service();
        let named = sources
            .first()
            .map_or(String::new(), |source| source.name().to_owned());
        return (
            None,
            vec![DescriptorError {
                file: if sources.len() == 1 {
                    named
                } else {
                    String::new()
                },
                ..error
            }],
        );
    };
    let own = document.resources.len();
    for (_, list) in &mut lists {
        document.resources.append(list);
    }
    let (service, errors) = compile::service(&document);
    let (tree, list) = if errors.is_empty() {
        (None, None)
    } else {
        let list = lists.first().map(|(list, _)| Tree::of(list));
        (Some(Tree::of(source)), list)
    };
    let placed = |error: DescriptorError| match (&tree, &list) {
        // Resources of a text of their own are counted from its first.
        (Some(tree), Some(list)) => match in_list(&error.path, own) {
            Some(path) => list.placed(DescriptorError { path, ..error }),
            None => tree.placed(error),
        },
        (Some(tree), None) => tree.placed(error),
        _ => error,
    };
    let service = service.map(|service| Service {
        sources: sources.to_vec(),
        ..service
    });
    (service, errors.into_iter().map(placed).collect())
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
        span: at.map_or_else(Span::default, |at| word_at(source, at)),
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
            Tree::of(source).placed(failed_yaml(error.inner(), path))
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

/// A text as a tree, for places of errors.
struct Tree<'a> {
    source: &'a SourceFile,
    root: Node,
}

impl<'a> Tree<'a> {
    fn of(source: &'a SourceFile) -> Tree<'a> {
        let (root, _) = yaml::read(source);
        Tree { source, root }
    }

    /// The error with its place: the deepest node on its path that the text has.
    fn placed(&self, error: DescriptorError) -> DescriptorError {
        let span = self.find(&error.path);
        DescriptorError {
            file: self.source.name().to_owned(),
            at: Some(self.source.position(span.start)),
            span,
            ..error
        }
    }

    fn find(&self, path: &str) -> Span {
        let mut node = &self.root;
        let mut span = Span::at(self.root.span.start as usize);
        for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
            let next = match &node.kind {
                NodeKind::Map(entries) => entries
                    .iter()
                    .find(|entry| &*entry.key == part)
                    .map(|entry| (entry.key_span, &entry.value)),
                NodeKind::List(items) => part
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index))
                    .map(|item| (Span::at(item.span.start as usize), item)),
                _ => None,
            };
            let Some((place, inner)) = next else {
                return span;
            };
            (span, node) = (place, inner);
        }
        span
    }
}

/// The word at a position.
fn word_at(source: &SourceFile, at: Position) -> Span {
    let text = source.text();
    let line = text
        .split_inclusive('\n')
        .take(at.line.saturating_sub(1))
        .map(str::len)
        .sum::<usize>();
    let rest = text.get(line..).unwrap_or_default();
    let start = line
        + rest
            .chars()
            .take_while(|letter| *letter != '\n')
            .take(at.column.saturating_sub(1))
            .map(char::len_utf8)
            .sum::<usize>();
    let word = text.get(start..).unwrap_or_default();
    let end = word
        .find(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '-'))
        .unwrap_or(word.len());
    Span::new(start, start + end)
}

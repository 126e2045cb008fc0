//! The files that a workflow names: `!text PATH` puts a text in its place, `!template PATH` a template. They are read
//! before anything is checked, and pinned with the run.

use std::sync::Arc;

use crate::finding::Finding;
use crate::source::SourceFile;
use crate::yaml::{Node, NodeKind, Scalar, Style};

/// How long one included text may be.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// How long all texts of a workflow may be together, its own included.
const ALL_BYTES_MAX: usize = 16 << 20;

/// Reads the files that a workflow names. The engine itself opens none.
pub trait Files {
    /// The text of a file. `path` is as `from`, the name of the file that names it, would have it: relative to its folder.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn read(&self, from: &str, path: &str) -> Result<SourceFile, String>;

    /// The settings of the project, `flow.toml`, if there are any.
    fn project(&self) -> Option<SourceFile> {
        None
    }
}

/// The path of a file that another one names: `path`, beginning at the folder of `from`, without `.` and `..` where that
/// can be. Only the texts of the paths are looked at.
pub fn resolve(from: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let folder = from.rfind('/').map_or("", |slash| &from[..=slash]);
    let absolute = folder.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if absolute { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// No files at all, for texts that stand alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str, _: &str) -> Result<SourceFile, String> {
        Err("there are no files beside this text".to_owned())
    }
}

/// Replaces every `!text` and `!template` by what it names. The source that comes back holds all texts.
pub(super) fn include(
    root: &mut Node,
    source: &SourceFile,
    files: &dyn Files,
    findings: &mut Vec<Finding>,
) -> SourceFile {
    let mut including = Including {
        source: source.clone(),
        files,
        findings,
    };
    // Most files include nothing, and then nothing is looked over.
    if source.text().contains("!te") {
        including.node(root);
    }
    including.source
}

struct Including<'a> {
    source: SourceFile,
    files: &'a dyn Files,
    findings: &'a mut Vec<Finding>,
}

impl Including<'_> {
    fn node(&mut self, node: &mut Node) {
        match &mut node.kind {
            NodeKind::List(items) => {
                for item in Arc::make_mut(items) {
                    self.node(item);
                }
            }
            NodeKind::Map(entries) => {
                for entry in Arc::make_mut(entries) {
                    self.node(&mut entry.value);
                }
            }
            NodeKind::Scalar(_) | NodeKind::Hole => {}
        }
        let tag = match node.tag.as_deref() {
            Some(tag @ ("text" | "template")) => tag.to_owned(),
            _ => return,
        };
        match self.text(node, &tag) {
            Some(included) => *node = included,
            None => node.kind = NodeKind::Hole,
        }
    }

    fn text(&mut self, node: &Node, tag: &str) -> Option<Node> {
        let wrong = |message: String| {
            Finding::error("include.unreadable", node.span, message)
                .help("paths are written out, and start at the folder of the workflow")
        };
        let Some(scalar) = node.as_scalar().filter(|scalar| !scalar.text.is_empty()) else {
            let message = format!(
                "`!{tag}` takes the path of a file, found {}",
                node.describe()
            );
            self.findings.push(wrong(message));
            return None;
        };
        if scalar.text.contains("{{") {
            let message = format!("the path of `!{tag}` cannot be a template");
            let finding = Finding::error("template.not_allowed_here", node.span, message);
            self.findings.push(finding.help("write the path out"));
            return None;
        }
        let read = match self.files.read(self.source.name(), &scalar.text) {
            Ok(read) if read.text().len() > TEXT_BYTES_MAX => {
                Err(format!("it is longer than {TEXT_BYTES_MAX} bytes"))
            }
            Ok(read) if read.text().len() + self.source.text().len() > ALL_BYTES_MAX => Err(
                format!("all texts together are longer than {ALL_BYTES_MAX} bytes"),
            ),
            other => other,
        };
        match read {
            Ok(read) => {
                let text: Arc<str> = read.text().into();
                let span = self.source.append(&read);
                let raw = (tag == "text").then(|| Arc::from("raw"));
                let style = Style::Literal;
                Some(Node {
                    span,
                    kind: NodeKind::Scalar(Scalar { text, style }),
                    tag: raw,
                })
            }
            Err(why) => {
                let message = format!("`{}` cannot be read: {why}", scalar.text);
                self.findings.push(wrong(message));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn paths_begin_at_the_folder_of_the_file_that_names_them() {
        assert_eq!(resolve("a.yml", "prompts/b.md"), "prompts/b.md");
        assert_eq!(resolve("./flows/a.yml", "../b.md"), "b.md");
        assert_eq!(resolve("/x/flows/a.yml", "./c/../b.md"), "/x/flows/b.md");
        assert_eq!(resolve("a.yml", "../b.md"), "../b.md");
        assert_eq!(resolve("x/a.yml", "/etc/b"), "/etc/b");
    }
}

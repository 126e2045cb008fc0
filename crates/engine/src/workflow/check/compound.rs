//! Operations that are workflows of others: the step runs that workflow, on the connection that it names.

use std::sync::Arc;

use super::Checker;
use super::steps::Found;
use crate::source::{SourceFile, Span};
use crate::workflow::{Argument, CallShape, ChildCall};
use crate::yaml::Node;

/// Stands for the connection in the text of an operation.
const CONNECTION: &str = "CONNECTION";

impl Checker<'_> {
    /// The text becomes a file of its own, with the settings of the connection that is called: it can be taken up alone.
    pub(super) fn compound(
        &mut self,
        found: &Found<'_>,
        text: &str,
        call: CallShape,
        node: &Node,
    ) -> Option<ChildCall> {
        let name = format!(
            "{}/{}@{}.yml",
            found.connector, found.name, found.connection
        );
        let with = call.arguments.into_iter();
        let with = with.filter_map(|(name, argument)| match argument {
            Argument::Value(tree) => Some((name, tree)),
            Argument::Expression(_) | Argument::Template(_) => None,
        });
        let with = with.collect();
        let workflow: Arc<str> = name.as_str().into();
        if !self.children.contains_key(&workflow) {
            let mut text = text.replace(CONNECTION, &found.connection);
            if let Some(span) = self.declared.get(&found.connection) {
                text.push_str(&self.declaration(&found.connection, *span));
            }
            let source = SourceFile::new(name.as_str(), text);
            let help = format!(
                "the operation is a workflow of its own, with the settings of `{}` as they are written here: write them out, without anchors and aliases",
                found.connection
            );
            let child = self.checked(&source, &name, help, node)?;
            self.children.insert(workflow.clone(), child);
        }
        Some(ChildCall {
            workflow,
            with,
            detach: false,
        })
    }

    /// `connections:` with this one, as it stands in the workflow. One of the project's settings is known to every workflow.
    fn declaration(&self, name: &str, span: Span) -> String {
        let (_, file) = self.source.file_at(span.start);
        if file.start != 0 {
            return String::new();
        }
        let before = self.source.slice(Span::new(0, span.start as usize));
        let column = before.rsplit('\n').next().map_or(0, str::len);
        let mut lines = self.source.slice(span).lines();
        let mut text = format!(
            "\nconnections:\n  {name}:\n    {}\n",
            lines.next().unwrap_or_default()
        );
        for line in lines {
            let shared = line.len() - line.trim_start_matches(' ').len();
            text.push_str("    ");
            text.push_str(&line[shared.min(column)..]);
            text.push('\n');
        }
        text
    }
}

//! `workflow:`: another file, checked like this one, its inputs given by `with:`.

use std::sync::Arc;

use crate::collections::IndexMap;

use super::{Checker, check_with};
use crate::document::{self, StepShape};
use crate::finding::Finding;
use crate::source::SourceFile;
use crate::workflow::{ChildCall, Tree, Workflow};
use crate::yaml::Node;

/// How deep workflows may start each other.
const DEPTH_MAX: usize = 8;

impl Checker<'_> {
    pub(super) fn child(&mut self, shape: &StepShape, node: &Node) -> Option<ChildCall> {
        let path = self.text(Some(node))?;
        let detach = self
            .boolean(shape.field("detach"), "`detach`")
            .unwrap_or(false);
        let with: IndexMap<Arc<str>, Tree> = self.tree_map(&shape.with);
        let child = self.child_workflow(&path, node)?;
        for member in &shape.with {
            if !child.inputs.contains_key(&member.name.text) {
                let message = format!("`{path}` has no input `{}`", member.name.text);
                let finding = Finding::error("check.unknown_input", member.name.span, message);
                let known = child.inputs.keys().map(AsRef::as_ref);
                let names = child.inputs.keys().map(|name| format!("`{name}`"));
                let list = names.collect::<Vec<_>>().join(", ");
                let otherwise = if list.is_empty() {
                    "it takes no inputs".to_owned()
                } else {
                    format!("its inputs are {list}")
                };
                self.findings
                    .push(finding.help_nearest(&member.name.text, known, otherwise));
            }
        }
        let misspelt = super::arguments::meant(&shape.with, &child.inputs.keys());
        for input in child.inputs.values() {
            let given = shape
                .with
                .iter()
                .any(|member| member.name.text == input.name)
                || misspelt.contains(&input.name);
            if input.required && !given {
                let message = format!("`{path}` needs the input `{}`", input.name);
                let finding = Finding::error("check.missing_parameter", shape.name.span, message);
                self.findings
                    .push(finding.help(format!("add `{}` under `with:`", input.name)));
            }
        }
        if child.uses_trigger {
            let message = format!("`{path}` uses `trigger`, and a child has none");
            let finding = Finding::error("check.child", node.span, message);
            self.findings.push(
                finding.help("hand over what it needs as an input, and give its own trigger's data to that input too"),
            );
        }
        let workflow = Arc::from(child.source.name());
        self.children.insert(Arc::clone(&workflow), child);
        Some(ChildCall {
            workflow,
            with,
            detach,
        })
    }

    fn child_workflow(&mut self, path: &str, node: &Node) -> Option<Arc<Workflow>> {
        let wrong = |message: String| Finding::error("check.child", node.span, message);
        let read = match self.files.read(self.source.name(), path) {
            Ok(read) => read,
            Err(why) => {
                let finding = wrong(format!("`{path}` cannot be read: {why}"));
                self.findings.push(finding.help(
                    "`workflow:` takes the path of a file, relative to the folder of this one",
                ));
                return None;
            }
        };
        if let Some(known) = self.children.get(read.name()) {
            return Some(known.clone());
        }
        let chain = || {
            let names = self.ancestors.iter().map(String::as_str);
            names.chain([read.name()]).collect::<Vec<_>>().join(" → ")
        };
        if self.ancestors.iter().any(|name| name == read.name()) {
            let finding = wrong(format!("these workflows start each other: {}", chain()));
            self.findings
                .push(finding.help("to repeat steps, use `repeat:` or `for_each:`"));
            return None;
        }
        if self.ancestors.len() >= DEPTH_MAX {
            let message = format!(
                "workflows start each other more than {DEPTH_MAX} deep: {}",
                chain()
            );
            self.findings.push(wrong(message));
            return None;
        }
        let help = format!("`flow check {}` shows them all", read.name());
        self.checked(&read, path, help, node)
    }

    /// Checks the workflow of a source that is started by this one.
    pub(super) fn checked(
        &mut self,
        read: &SourceFile,
        path: &str,
        help: String,
        node: &Node,
    ) -> Option<Arc<Workflow>> {
        let wrong = |message: String| Finding::error("check.child", node.span, message);
        let (document, findings) = document::parse(read, self.files);
        let mut ancestors = self.ancestors.clone();
        ancestors.push(read.name().to_owned());
        let (child, findings) =
            check_with(&document, self.catalog, self.files, findings, ancestors);
        if let Some(child) = child {
            return Some(Arc::new(child));
        }
        let errors: Vec<_> = findings
            .iter()
            .filter(|finding| finding.is_error())
            .collect();
        let first = errors.first()?;
        let place = document.source.position(first.span.start);
        let message = format!(
            "`{path}` has {} error{}; the first, in line {}: {}",
            errors.len(),
            if errors.len() == 1 { "" } else { "s" },
            place.line,
            first.message
        );
        self.findings.push(wrong(message).help(help));
        None
    }
}

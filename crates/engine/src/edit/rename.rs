//! A name that cannot be one becomes one, with every reference to it that is plain to see.

use super::Edit;
use super::locate::{entries_around, scalars};
use crate::document::is_identifier;
use crate::finding::{Finding, Meant};
use crate::source::{SourceFile, Span};
use crate::yaml::{Entry, Node, NodeKind};

/// Functions of expressions that name a step.
const STEP_FUNCTIONS: [&str; 6] = [
    "status",
    "failed",
    "succeeded",
    "skipped",
    "error",
    "callback_url",
];

/// Edits for the references to a name that the finding wants to change; `None` if the new name is taken.
pub(super) fn references(
    source: &SourceFile,
    root: &Node,
    finding: &Finding,
    meant: &Meant,
) -> Option<Vec<Edit>> {
    let around = entries_around(root, finding.span);
    let [section, own] = around.as_slice() else {
        // The name of the workflow itself: nothing in the file refers to it.
        return Some(Vec::new());
    };
    if own.key_span != finding.span {
        return Some(Vec::new());
    }
    let NodeKind::Map(siblings) = &section.value.kind else {
        return Some(Vec::new());
    };
    if siblings.iter().any(|it| clashes(it, own, &meant.instead)) {
        return None;
    }
    let mut edits = Vec::new();
    let names = Names {
        source,
        section: &section.key,
        meant,
    };
    scalars(root, "", &mut |node, key| {
        names.in_scalar(node, key, &mut edits);
    });
    if &*section.key == "inputs" {
        names.in_triggers(root, &mut edits);
    }
    edits.sort_by_key(|edit| edit.span);
    edits.dedup();
    Some(edits)
}

/// Whether a sibling has the new name, or would get it too.
fn clashes(sibling: &Entry, own: &Entry, instead: &str) -> bool {
    let same = sibling.key_span == own.key_span;
    !same && (&*sibling.key == instead || sibling.key.to_ascii_lowercase() == instead)
}

struct Names<'a> {
    source: &'a SourceFile,
    section: &'a str,
    meant: &'a Meant,
}

impl Names<'_> {
    fn in_scalar(&self, node: &Node, key: &str, edits: &mut Vec<Edit>) {
        if node.tag.is_some() {
            return;
        }
        let raw = self.source.slice(node.span);
        let old = &*self.meant.written;
        if self.section == "steps" && key == "needs" {
            let inner = raw.trim_matches(['"', '\'']);
            if inner == old {
                self.replace(node.span, raw.find(old), edits);
            }
            return;
        }
        if self.section == "connections" {
            let names_operation = matches!(key, "action" | "query" | "trigger" | "poll");
            if names_operation && raw.strip_prefix(old).is_some_and(|it| it.starts_with('.')) {
                self.replace(node.span, Some(0), edits);
            }
            return;
        }
        let bare = matches!(key, "if" | "where" | "by" | "of");
        for at in self.uses(raw) {
            if bare || in_template(raw, at) {
                self.replace(node.span, Some(at), edits);
            }
        }
    }

    /// Offsets of the name in `steps.name`, `steps['name']`, `failed('name')` and their kin.
    fn uses(&self, raw: &str) -> Vec<usize> {
        let (old, section) = (&*self.meant.written, self.section);
        let mut found = Vec::new();
        if !matches!(section, "steps" | "inputs" | "vars") {
            return found;
        }
        for (at, _) in raw.match_indices(old) {
            let (before, after) = (&raw[..at], &raw[at + old.len()..]);
            let word_ends = !after.starts_with(|it: char| it.is_alphanumeric() || it == '_');
            let dotted = before.strip_suffix('.');
            let quoted = ['\'', '"'].into_iter().find_map(|quote| {
                let before = before
                    .strip_suffix(quote)?
                    .strip_suffix('\\')
                    .unwrap_or(before.strip_suffix(quote)?);
                let after = after.strip_prefix('\\').unwrap_or(after);
                after.starts_with(quote).then_some(before)
            });
            let is_use = match (dotted, quoted) {
                (Some(before), _) => word_ends && ends_with_word(before, section),
                (_, Some(before)) => {
                    let index = before.strip_suffix('[');
                    let call = before.strip_suffix('(');
                    index.is_some_and(|before| ends_with_word(before, section))
                        || (section == "steps"
                            && call.is_some_and(|before| {
                                STEP_FUNCTIONS.iter().any(|it| ends_with_word(before, it))
                            }))
                }
                (None, None) => false,
            };
            if is_use {
                found.push(at);
            }
        }
        found
    }

    /// Keys of `inputs:` under `on:`.
    fn in_triggers(&self, root: &Node, edits: &mut Vec<Edit>) {
        let member = |node: &Node, name: &str| match &node.kind {
            NodeKind::Map(entries) => entries
                .iter()
                .find(|entry| &*entry.key == name)
                .map(|entry| entry.value.clone()),
            _ => None,
        };
        let Some(on) = member(root, "on") else { return };
        let mut given: Vec<Node> = member(&on, "inputs").into_iter().collect();
        if let NodeKind::Map(triggers) = &on.kind {
            given.extend(triggers.iter().filter_map(|it| member(&it.value, "inputs")));
        }
        for node in given {
            let NodeKind::Map(entries) = &node.kind else {
                continue;
            };
            for entry in entries.iter() {
                if *entry.key == *self.meant.written {
                    let raw = self.source.slice(entry.key_span);
                    self.replace(entry.key_span, raw.find(&*self.meant.written), edits);
                }
            }
        }
    }

    /// Replaces the name at an offset of a place. In an expression it needs no brackets any more, but may keep them.
    fn replace(&self, place: Span, at: Option<usize>, edits: &mut Vec<Edit>) {
        debug_assert!(!is_identifier(&self.meant.written));
        let Some(at) = at else { return };
        let start = place.start as usize + at;
        let span = Span::new(start, start + self.meant.written.len());
        edits.push(Edit::new(span, self.meant.instead.clone()));
    }
}

fn ends_with_word(text: &str, word: &str) -> bool {
    text.strip_suffix(word).is_some_and(|before| {
        !before.ends_with(|it: char| it.is_alphanumeric() || it == '_' || it == '.')
            || (word == "callback_url" && before.ends_with("run."))
    })
}

/// Whether an offset lies between `{{` and `}}` or `{%` and `%}`.
fn in_template(raw: &str, at: usize) -> bool {
    let before = &raw[..at];
    [("{{", "}}"), ("{%", "%}")].iter().any(|(open, close)| {
        before
            .rfind(open)
            .is_some_and(|opened| !before[opened..].contains(close))
    })
}

//! Gives findings the edits that can be told from the text alone.

use super::locate::entries_around;
use super::{Edit, command, indent, rename};
use crate::finding::{Finding, Meant};
use crate::source::{SourceFile, Span};
use crate::yaml::{self, Node};

/// Fills in the edits of findings, as far as they are mechanical.
pub fn complete(source: &SourceFile, findings: &mut [Finding]) {
    let mut tree: Option<Node> = None;
    for finding in findings.iter_mut().filter(|it| it.edits.is_empty()) {
        let needs_tree = matches!(
            finding.code,
            "schema.id" | "check.wrong_kind" | "shell.tainted"
        );
        if needs_tree && tree.is_none() {
            tree = Some(yaml::read(source).0);
        }
        finding.edits = match (finding.code, &finding.meant, &tree) {
            ("yaml.tab", ..) => indent::tabs(source),
            ("shell.tainted", _, Some(root)) => {
                command::env_form(source, root, finding.span).unwrap_or_default()
            }
            ("check.wrong_kind", Some(meant), Some(root)) => {
                verb(source, root, finding.span, meant)
                    .into_iter()
                    .collect()
            }
            ("schema.id", Some(meant), Some(root)) => {
                let own = replaced(source, finding.span, meant);
                let others = rename::references(source, root, finding, meant);
                match (own, others) {
                    (Some(own), Some(others)) => std::iter::once(own).chain(others).collect(),
                    _ => Vec::new(),
                }
            }
            (_, Some(meant), _) => replaced(source, finding.span, meant).into_iter().collect(),
            _ => Vec::new(),
        };
    }
}

/// The key of a step whose operation is of another kind.
fn verb(source: &SourceFile, root: &Node, operation: Span, meant: &Meant) -> Option<Edit> {
    let around = entries_around(root, operation);
    let [steps, _, verb] = around.as_slice() else {
        return None;
    };
    (&*steps.key == "steps" && *verb.key == *meant.written)
        .then(|| replaced(source, verb.key_span, meant))
        .flatten()
}

/// Replaces the written word where it is all that stands at the place, or stands in it exactly once.
fn replaced(source: &SourceFile, span: Span, meant: &Meant) -> Option<Edit> {
    let slice = source.slice(span);
    let at = |start: usize| {
        let start = span.start as usize + start;
        Edit::new(
            Span::new(start, start + meant.written.len()),
            meant.instead.clone(),
        )
    };
    if slice == meant.written {
        return Some(at(0));
    }
    let part_of_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
    let mut found = slice
        .match_indices(&*meant.written)
        .map(|(start, _)| start)
        .filter(|start| {
            let before = slice[..*start].chars().next_back();
            let after = slice[start + meant.written.len()..].chars().next();
            !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
        });
    let first = found.next()?;
    found.next().is_none().then(|| at(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let source = SourceFile::new("a.yml", text);
        let finding =
            Finding::error("check.x", Span::new(0, text.len()), "").meant("fetsh", "fetch");
        let mut findings = vec![finding];
        complete(&source, &mut findings);
        let changed = super::super::apply(text, &findings[0].edits).expect("no overlap");
        assert_eq!((changed != text).then_some(&*changed), expected);
    }

    #[test]
    fn a_word_is_replaced_where_it_stands_once() {
        check("fetsh", Some("fetch"));
        check("\"fetsh\"", Some("\"fetch\""));
        check("steps.fetsh.id", Some("steps.fetch.id"));
        check("steps['fetsh']", Some("steps['fetch']"));
        check("steps.fetsh.fetsh", None);
        check("steps.fetsh_all", None);
        check("f\\u0065tsh", None);
    }
}

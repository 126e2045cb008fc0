//! Tabs used for indentation become spaces, where it is plain how many each stands for.

use super::Edit;
use crate::source::{SourceFile, Span};

/// Edits for every line that begins with tabs: each tab stands for as many spaces as the lines with spaces are indented
/// by at least, else for two. Nothing is offered if tabs and spaces stand in front of one line.
pub(super) fn tabs(source: &SourceFile) -> Vec<Edit> {
    let text = source.text();
    let mut unit = usize::MAX;
    let mut found = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let blank = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        let is_empty = line.trim().is_empty();
        match (blank.contains('\t'), blank.contains(' ')) {
            _ if is_empty => {}
            (true, true) => return Vec::new(),
            (true, false) => found.push((at, blank.len())),
            (false, true) => unit = unit.min(blank.len()),
            (false, false) => {}
        }
        at += line.len();
    }
    let unit = if unit == usize::MAX { 2 } else { unit };
    found
        .into_iter()
        .map(|(at, tabs)| Edit::new(Span::new(at, at + tabs), " ".repeat(tabs * unit)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let edits = tabs(&SourceFile::new("a.yml", text));
        assert_eq!(crate::edit::apply(text, &edits).expect("apart"), expected);
    }

    #[test]
    fn a_tab_is_as_wide_as_the_indentation_beside_it() {
        check("a:\n\tb:\n\t\tc: 1\n", "a:\n  b:\n    c: 1\n");
        check("a:\n    b: 1\n\tc: 1\n", "a:\n    b: 1\n    c: 1\n");
        check("a:\n  b: 1\n\t\n\tc: 1\n", "a:\n  b: 1\n\t\n  c: 1\n");
        check("a:\n \tb: 1\n\tc: 1\n", "a:\n \tb: 1\n\tc: 1\n");
    }
}

//! From an offset in a scalar's value back to the source: escapes, doubled quotes, folding and indentation undone.

use super::Style;
use crate::source::{SourceFile, Span};

/// Where a scalar stands and how it was written: enough to find any part of its text again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextPlace {
    /// The scalar in the source, quotes included.
    pub span: Span,
    /// How it was written.
    pub style: Style,
}

impl TextPlace {
    /// The source of the part `inner` of the value `text`.
    pub fn locate(&self, source: &SourceFile, text: &str, inner: Span) -> Span {
        let map = |offset: u32| self.offset(source, text, offset as usize);
        Span::new(map(inner.start), map(inner.end))
    }

    fn offset(&self, source: &SourceFile, text: &str, offset: usize) -> usize {
        let raw = source.slice(self.span);
        let start = self.span.start as usize;
        if raw.starts_with(text) {
            return start + offset.min(raw.len());
        }
        let quoted = matches!(self.style, Style::SingleQuoted | Style::DoubleQuoted);
        if quoted && raw[1..].starts_with(text) {
            return start + 1 + offset.min(raw.len() - 1);
        }
        let mut at = usize::from(quoted);
        let indent = self.indent(source);
        for (_, letter) in text
            .char_indices()
            .take_while(|(position, _)| *position < offset)
        {
            at = self.step(raw, at, letter, indent);
        }
        if matches!(self.style, Style::Literal | Style::Folded) {
            at = skip_indent(raw, at, indent);
        }
        start + at.min(raw.len())
    }

    /// How far a block scalar is indented: as its first line with text is.
    fn indent(&self, source: &SourceFile) -> usize {
        let start = self.span.start as usize;
        let line_start = source.text()[..start]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let lines = source.text()[line_start..].lines();
        let first = lines
            .map(|line| (line, line.trim_start_matches(' ')))
            .find(|(_, text)| !text.is_empty());
        first.map_or(0, |(line, text)| line.len() - text.len())
    }

    /// The source offset after the piece that stands for one letter of the value.
    fn step(&self, raw: &str, at: usize, letter: char, indent: usize) -> usize {
        let rest = raw.get(at..).unwrap_or("");
        match self.style {
            Style::DoubleQuoted if rest.starts_with('\\') => at + escape_length(rest),
            Style::SingleQuoted if rest.starts_with("''") => at + 2,
            Style::Literal | Style::Folded => {
                let at = skip_indent(raw, at, indent);
                // Empty lines at the top belong to the value, and stand before the place of the block.
                if letter == '\n' && !raw[at..].starts_with(['\n', '\r']) {
                    return at;
                }
                if letter == '\n' && raw[at..].starts_with("\r\n") {
                    return at + 2;
                }
                at + raw
                    .get(at..)
                    .and_then(|rest| rest.chars().next())
                    .map_or(0, char::len_utf8)
            }
            _ => match rest.chars().next() {
                Some(found) if found == letter && found != ' ' => at + found.len_utf8(),
                // A folded line break: one blank (or newline) of the value stands for all the white space here.
                Some(found)
                    if found.is_whitespace()
                        && rest.trim_start_matches(' ').starts_with(['\n', '\r']) =>
                {
                    at + rest.len() - rest.trim_start().len()
                }
                Some(found) => at + found.len_utf8(),
                None => at,
            },
        }
    }
}

fn skip_indent(raw: &str, at: usize, indent: usize) -> usize {
    let at_line_start = at == 0 || raw.as_bytes().get(at - 1) == Some(&b'\n');
    if !at_line_start {
        return at;
    }
    let blanks = raw.as_bytes()[at.min(raw.len())..]
        .iter()
        .take(indent)
        .take_while(|byte| **byte == b' ');
    at + blanks.count()
}

fn escape_length(rest: &str) -> usize {
    match rest.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u')
            if rest[6.min(rest.len())..].starts_with("\\u")
                && rest.len() >= 12
                && is_high_surrogate(rest) =>
        {
            12
        }
        Some(b'u') => 6,
        Some(b'U') => 10,
        Some(b'\n') => 2 + rest[2..].len() - rest[2..].trim_start().len(),
        _ => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
    }
}

fn is_high_surrogate(rest: &str) -> bool {
    rest.get(2..4).is_some_and(|digits| {
        let digits = digits.to_ascii_lowercase();
        ("d8".."dc").contains(&digits.as_str())
    })
}

#[cfg(test)]
mod tests {
    use crate::source::{SourceFile, Span};
    use crate::yaml::{NodeKind, read};

    /// The source text that stands for the first `needle` in the value of `key`.
    #[track_caller]
    fn check(yaml: &str, needle: &str, line: usize, column: usize) {
        let source = SourceFile::new("a.yml", yaml);
        let (root, findings) = read(&source);
        assert!(findings.is_empty(), "{findings:?}");
        let NodeKind::Map(entries) = &root.kind else {
            panic!("a map")
        };
        let node = &entries[0].value;
        let text = &node.as_scalar().expect("a scalar").text;
        let at = text.find(needle).expect("needle");
        let span = node
            .place()
            .locate(&source, text, Span::new(at, at + needle.len()));
        let position = source.position(span.start);
        assert_eq!(
            (position.line, position.column),
            (line, column),
            "{text:?} {:?}",
            source.slice(span)
        );
        assert!(source.slice(span).starts_with(&needle[..1]));
    }

    #[test]
    fn offsets_come_back_to_the_source() {
        check("a: one {{ two }}\n", "two", 1, 11);
        check("a: \"é {{ two }}\"\n", "two", 1, 10);
        check(r#"a: "x\n\"{{ two }}\u00e9""#, "two", 1, 13);
        check("a: 'it''s {{ two }}'\n", "two", 1, 14);
        check("a: one\n  {{ two }}\n", "two", 2, 6);
        check("a: |\n  one\n    {{ two }}\n", "two", 3, 8);
        check("a: |\r\n  one\r\n  {{ two }}\r\n", "two", 3, 6);
        check("a: |\n\n  one\n  {{ two }}\n", "two", 4, 6);
        check("a: >\n  one\n  {{ two }}\n", "two", 3, 6);
        check("a: \"one\n  {{ two }}\"\n", "two", 2, 6);
    }
}

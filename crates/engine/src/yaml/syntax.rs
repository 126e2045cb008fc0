//! What is said of text that is not YAML, or not what YAML people think it is.

use granit_parser::{ErrorKind, ScanError};

use super::Node;
use crate::finding::Finding;
use crate::source::{SourceFile, Span};

/// `{{ x }}` without quotes is a map whose key is a map.
pub(super) fn complex_key(source: &SourceFile, key: &Node, value: &Node) -> Finding {
    let text = source.text();
    let start = key.span.start as usize;
    if text[..start].ends_with('{') && value.is_null() {
        let start = start - 1;
        let end = text[start..]
            .find("}}")
            .map_or(key.span.end as usize, |at| start + at + 2);
        return unquoted_template(source, Span::new(start, end));
    }
    let finding = Finding::error(
        "yaml.key",
        key.span,
        format!("a key must be text, not {}", key.describe()),
    );
    finding.help("write the key as text, in quotes if need be")
}

fn unquoted_template(source: &SourceFile, span: Span) -> Finding {
    let quoted = crate::edit::quoted(source.slice(span));
    Finding::error(
        "yaml.unquoted_template",
        span,
        "a template must be quoted: YAML reads `{` as the start of a map",
    )
    .label("quotes are missing here")
    .help(format!("write {quoted}"))
    .edits(crate::edit::template_value(source, span))
}

pub(super) fn syntax_finding(
    source: &SourceFile,
    error: &ScanError,
    at: usize,
    open: impl DoubleEndedIterator<Item = usize>,
) -> Finding {
    let text = source.text();
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].lines().next().unwrap_or("");
    let message = error.to_string();
    let message = message.split(" at ").next().unwrap_or(&message).to_owned();
    if let Some(tab) = leading_tab(line) {
        let finding = Finding::error(
            "yaml.tab",
            Span::new(line_start + tab, line_start + tab + 1),
            "a tab is used for indentation",
        );
        return finding.help("use spaces");
    }
    for candidate in [line_start, previous_line(text, line_start)] {
        let line = text[candidate..].lines().next().unwrap_or("");
        if let Some(open) = line.find("{{")
            && line[..open].trim_end().ends_with([':', '-'])
        {
            let end = line[open..]
                .find("}}")
                .map_or(line.len(), |at| open + at + 2);
            return unquoted_template(source, Span::new(candidate + open, candidate + end));
        }
    }
    if let Some(finding) = colon_in_text(line, line_start)
        .or_else(|| opening_mark(source, at, &message))
        .or_else(|| long_key(source, at))
    {
        return finding;
    }
    match error.kind() {
        ErrorKind::UnknownAnchor => Finding::error("yaml.alias", Span::at(at), message)
            .help("text that begins with `*` must be quoted"),
        _ if message.contains("recursion")
            || message.contains("nesting")
            || message.contains("depth") =>
        {
            Finding::error(
                "yaml.depth",
                Span::at(at),
                "lists and maps nest too deep here",
            )
            .help("put deep data into a file, and read it with `file.read`")
        }
        _ if message.contains("anchor or alias") => {
            Finding::error("yaml.alias", Span::at(at), message)
                .help("text that begins with `*` or `&` must be quoted")
        }
        _ => {
            let in_quotes = message.contains("quote") || message.contains("end of");
            let here = matches!(text.as_bytes().get(at), Some(b'"' | b'\''));
            let quote = match in_quotes {
                true if here => Some(at),
                true => unclosed_quote(text, at),
                false => None,
            };
            let bracket = open
                .rev()
                .find(|start| matches!(text.as_bytes().get(*start), Some(b'[' | b'{')));
            match quote.or(bracket) {
                Some(open) => unclosed(text, open, at, &message),
                None => Finding::error("yaml.syntax", Span::at(at), message)
                    .help("keys end with `: `, what belongs to them is indented below them, and text with `: `, `#` or `{` in it stands in quotes"),
            }
        }
    }
}

/// The most characters that YAML lets a key have on one line.
const KEY_CHARS_MAX: usize = 1024;

/// What the reader shows itself: a quote or bracket that has no end.
fn opening_mark(source: &SourceFile, at: usize, message: &str) -> Option<Finding> {
    let mark = source.text()[at..].starts_with(['"', '\'', '[', '{']);
    (message.starts_with("unclosed") && mark).then(|| unclosed(source.text(), at, at, message))
}

/// A key that is too long is taken for a value, and what is said of that helps nobody.
fn long_key(source: &SourceFile, at: usize) -> Option<Finding> {
    let text = source.text();
    let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = &text[line_start..line_end];
    let ends_key = |at: usize| line[at + 1..].is_empty() || line[at + 1..].starts_with([' ', '\r']);
    let mut begin = 0;
    let long = line.match_indices(':').map(|(at, _)| at).find_map(|colon| {
        let key = line[begin..colon].trim_start_matches([' ', '-', '{', ',']);
        if !ends_key(colon) {
            return None;
        }
        begin = colon + 1;
        (key.chars().count() > KEY_CHARS_MAX).then(|| Span::new(colon - key.len(), colon))
    });
    long.map(|key| {
        let (start, end) = (
            line_start + key.start as usize,
            line_start + key.end as usize,
        );
        let message = format!("a key is longer than {KEY_CHARS_MAX} characters");
        Finding::error("yaml.key", Span::new(start, end), message)
            .help("names are lower-case letters, digits and `_`, at most 64 in all")
    })
}

fn unclosed(text: &str, open: usize, at: usize, message: &str) -> Finding {
    let mark = &text[open..=open];
    let close = match mark {
        "[" => "]",
        "{" => "}",
        quote => quote,
    };
    let finding = Finding::error(
        "yaml.unclosed",
        Span::new(open, open + 1),
        format!("this is never closed: {message}"),
    )
    .label("opened here")
    .help(format!("close it with `{close}`"));
    if at <= open + 1 {
        return finding;
    }
    finding.related(Span::at(at), "the reader gave up here")
}

/// `{ title: Note: done }`: a plain text inside `{}` or `[]` with `: ` in it is read as a key.
fn colon_in_text(line: &str, line_start: usize) -> Option<Finding> {
    let quoted = line.contains(['"', '\'']);
    for (at, _) in line.match_indices(": ") {
        let rest = &line[at + 2..];
        let end = rest.find([',', '}', ']', '{', '[']).unwrap_or(rest.len());
        let value = rest[..end].trim_end();
        if value.contains(": ") && !quoted {
            let from = line_start + at + 2;
            let finding = Finding::error(
                "yaml.syntax",
                Span::new(from, from + value.len()),
                "a text with `: ` in it must be quoted: YAML reads a key before it",
            );
            return Some(
                finding
                    .label("quotes are missing here")
                    .help(format!("write \"{value}\"")),
            );
        }
    }
    None
}

fn previous_line(text: &str, line_start: usize) -> usize {
    text[..line_start.saturating_sub(1)]
        .rfind('\n')
        .map_or(0, |newline| newline + 1)
}

fn leading_tab(line: &str) -> Option<usize> {
    let blank = line.len() - line.trim_start_matches([' ', '\t']).len();
    line[..blank].find('\t')
}

/// The quote that opens a value on the line where the trouble is, or on one of the few before it, and has no end.
fn unclosed_quote(text: &str, at: usize) -> Option<usize> {
    let mut start = at.min(text.len());
    for _ in 0..50 {
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = &text[line_start..start];
        for quote in ['"', '\''] {
            let opens = line
                .find(&format!(": {quote}"))
                .map(|found| found + 2)
                .or_else(|| line.find(&format!("- {quote}")).map(|found| found + 2));
            if let Some(open) = opens
                && line[open..].matches(quote).count() % 2 == 1
            {
                return Some(line_start + open);
            }
        }
        start = line_start.checked_sub(1)?;
    }
    None
}

/// Control and bidirectional override characters make a text read other than it is.
pub(super) fn control_character(source: &SourceFile) -> Option<Finding> {
    let plain = |byte: u8| matches!(byte, b'\n' | b'\r' | b'\t' | b' '..=b'~');
    if source.text().bytes().all(plain) {
        return None;
    }
    let refused = |letter: char| {
        (letter.is_control() && !matches!(letter, '\n' | '\r' | '\t' | '\u{85}'))
            || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let (at, letter) = source
        .text()
        .char_indices()
        .find(|(_, letter)| refused(*letter))?;
    let span = Span::new(at, at + letter.len_utf8());
    let message = format!(
        "the character U+{:04X} may not stand in a workflow",
        u32::from(letter)
    );
    Some(
        Finding::error("yaml.control_character", span, message)
            .help("in a quoted string it can be written as an escape"),
    )
}

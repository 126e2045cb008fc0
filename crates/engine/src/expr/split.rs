//! Takes a text apart into literal text, `{{ expr }}` and `{% tag %}`. `{#` is text.

use super::error::Parse;
use super::scan::{End, Extent, scan};
use crate::source::Span;

/// One piece of a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token {
    Text(Span),
    /// What stands between `{{` and `}}`.
    Emit(Extent),
    /// What stands between `{%` and `%}`, and where the tag begins.
    Tag(Extent, usize),
}

/// Whether there is anything but literal text.
pub(super) fn has_template(text: &str) -> bool {
    next_mark(text, 0).is_some()
}

fn next_mark(text: &str, from: usize) -> Option<(usize, End)> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(found) = text[at..].find('{') {
        at += found;
        match bytes.get(at + 1) {
            Some(b'{') => return Some((at, End::Braces)),
            Some(b'%') => return Some((at, End::Percent)),
            _ => at += 1,
        }
    }
    None
}

/// The pieces in order. A `-` inside a mark takes away the white space on its side, as in Jinja.
pub(super) fn split(text: &str) -> Parse<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut trim = false;
    loop {
        let mark = next_mark(text, at);
        let (open, end) = mark.unwrap_or((text.len(), End::Text));
        let minus = mark.is_some() && text[open + 2..].starts_with('-');
        let mut literal = &text[at..open];
        let mut start = at;
        if trim {
            start = open - literal.trim_start().len();
            literal = literal.trim_start();
        }
        if minus {
            literal = literal.trim_end();
        }
        if !literal.is_empty() {
            tokens.push(Token::Text(Span::new(start, start + literal.len())));
        }
        if mark.is_none() {
            return Ok(tokens);
        }
        let extent = scan(text, open, open + 2 + usize::from(minus), end)?;
        tokens.push(match end {
            End::Percent => Token::Tag(extent, open),
            _ => Token::Emit(extent),
        });
        at = extent.after;
        trim = extent.trim_after;
    }
}

/// What stands between the marks of each `{{ }}` of a text, in bytes; nothing if the text cannot be taken apart.
pub(crate) fn template_extents(text: &str) -> Vec<(usize, usize)> {
    let tokens = split(text).unwrap_or_default();
    let emits = tokens.iter().filter_map(|token| match token {
        Token::Emit(extent) => Some((extent.start, extent.end)),
        _ => None,
    });
    emits.collect()
}

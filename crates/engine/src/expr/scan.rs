//! Looks over an expression before the parser does: finds its end, and refuses what is too long, too deep, or written in
//! another language's operators, with the corrected text.

use super::error::{Parse, SyntaxError};
use super::limits::{EXPRESSION_CHARS_MAX, NESTING_MAX};
use crate::source::Span;

/// What ends an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The end of the text.
    Text,
    /// `}}`.
    Braces,
    /// `%}`.
    Percent,
}

/// Where an expression stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// The expression itself, without the marks around it.
    pub(super) start: usize,
    pub(super) end: usize,
    /// One past the closing mark.
    pub(super) after: usize,
    /// Whether the closing mark has a `-`: white space after it goes.
    pub(super) trim_after: bool,
}

/// Finds the end of the expression that begins at `from`, and checks it. `open` is where its opening mark stands.
pub(super) fn scan(text: &str, open: usize, from: usize, end: End) -> Parse<Extent> {
    let extent = find_end(text, open, from, end)?;
    let written = &text[extent.start..extent.end];
    if written.len() > EXPRESSION_CHARS_MAX && written.chars().count() > EXPRESSION_CHARS_MAX {
        return Err(too_long(extent.start, extent.end));
    }
    let word = written.split_whitespace().next();
    let assigns = end == End::Percent && matches!(word, Some("set" | "with"));
    diagnose(written, extent.start, assigns)?;
    Ok(extent)
}

fn too_long(start: usize, end: usize) -> SyntaxError {
    let message = format!("an expression is longer than {EXPRESSION_CHARS_MAX} characters");
    SyntaxError::new("template.too_long", Span::new(start, end), message)
        .help("compute it in steps with `value:` or `vars:`")
}

fn find_end(text: &str, open: usize, from: usize, end: End) -> Parse<Extent> {
    let bytes = text.as_bytes();
    let mut brackets: Vec<(u8, usize)> = Vec::new();
    let mut at = from;
    while at < bytes.len() {
        let byte = bytes[at];
        let closes = match end {
            End::Text => false,
            End::Braces => byte == b'}' && bytes.get(at + 1) == Some(&b'}'),
            End::Percent => byte == b'%' && bytes.get(at + 1) == Some(&b'}'),
        };
        if closes && brackets.last().is_none_or(|(bracket, _)| *bracket != b'{') {
            if let Some((bracket, place)) = brackets.last() {
                return Err(unclosed_bracket(*bracket, *place));
            }
            let trim_after = at > from && bytes[at - 1] == b'-';
            return Ok(Extent {
                start: from,
                end: if trim_after { at - 1 } else { at },
                after: at + 2,
                trim_after,
            });
        }
        match byte {
            b'\'' | b'"' => at = string_end(text, at)?,
            b'(' | b'[' | b'{' => {
                brackets.push((byte, at));
                if brackets.len() > NESTING_MAX {
                    return Err(too_deep(at));
                }
            }
            b')' | b']' | b'}' => close_bracket(&mut brackets, byte, at)?,
            _ => {}
        }
        at += 1;
    }
    match (brackets.last(), end) {
        (Some((bracket, place)), End::Text) => Err(unclosed_bracket(*bracket, *place)),
        (None, End::Text) => Ok(Extent {
            start: from,
            end: text.len(),
            after: text.len(),
            trim_after: false,
        }),
        (_, End::Braces) => Err(unclosed(text, open, "{{", "}}")),
        (_, End::Percent) => Err(unclosed(text, open, "{%", "%}")),
    }
}

fn unclosed(text: &str, open: usize, mark: &str, closing: &str) -> SyntaxError {
    let message = format!("`{mark}` is not closed by `{closing}`");
    let span = Span::new(open, (open + 2).min(text.len()));
    SyntaxError::new("template.syntax", span, message).help(format!(
        "add `{closing}`; if the file goes on after it, YAML cut the value at `: `, `, ` or ` #`: put all of it in quotes"
    ))
}

fn unclosed_bracket(bracket: u8, place: usize) -> SyntaxError {
    let message = format!("`{}` is not closed", bracket as char);
    SyntaxError::new("template.syntax", Span::new(place, place + 1), message)
}

fn close_bracket(brackets: &mut Vec<(u8, usize)>, byte: u8, at: usize) -> Parse<()> {
    let wanted = match byte {
        b')' => b'(',
        b']' => b'[',
        _ => b'{',
    };
    match brackets.pop() {
        Some((bracket, _)) if bracket == wanted => Ok(()),
        Some((bracket, place)) => Err(unclosed_bracket(bracket, place)),
        None => {
            let message = format!("`{}` closes nothing", byte as char);
            Err(SyntaxError::new(
                "template.syntax",
                Span::new(at, at + 1),
                message,
            ))
        }
    }
}

/// The place of the quote that closes the string which opens at `at`.
fn string_end(text: &str, at: usize) -> Parse<usize> {
    let bytes = text.as_bytes();
    let quote = bytes[at];
    let mut end = at + 1;
    while end < bytes.len() {
        match bytes[end] {
            b'\\' => end += 1,
            byte if byte == quote => return Ok(end),
            _ => {}
        }
        end += 1;
    }
    let message = format!("a string is not closed by {}", quote as char);
    Err(SyntaxError::new(
        "template.syntax",
        Span::new(at, at + 1),
        message,
    ))
}

fn too_deep(at: usize) -> SyntaxError {
    let message = format!("the expression is nested deeper than {NESTING_MAX}");
    SyntaxError::new("template.depth", Span::new(at, at + 1), message)
}

/// Operators of other languages, with what they are here. Longer ones first.
const FOREIGN: [(&str, &str); 6] = [
    ("===", "=="),
    ("!==", "!="),
    ("&&", " and "),
    ("||", " or "),
    ("<>", "!="),
    ("=>", ">="),
];

/// Refuses foreign operators and long runs of signs. The brackets and strings of `written` are known to be closed.
fn diagnose(written: &str, base: usize, assigns: bool) -> Parse<()> {
    let suspect = |byte: &u8| matches!(byte, b'&' | b'|' | b'=' | b'<' | b'!' | b'?');
    if written.len() <= NESTING_MAX && !written.as_bytes().iter().any(suspect) {
        return Ok(());
    }
    let mut found: Option<(usize, usize, &str)> = None;
    let mut corrected = String::with_capacity(written.len() + 8);
    let mut calls = Vec::new();
    let mut signs = 0;
    let mut at = 0;
    while at < written.len() {
        let rest = &written[at..];
        let byte = written.as_bytes()[at];
        let (length, instead) = match byte {
            b'\'' | b'"' => (string_end(written, at)? + 1 - at, None),
            b'(' => {
                let before = written[..at].trim_end();
                calls.push(before.ends_with(|c: char| c.is_alphanumeric() || c == '_'));
                (1, None)
            }
            b'[' | b'{' => {
                calls.push(false);
                (1, None)
            }
            b')' | b']' | b'}' => {
                calls.pop();
                (1, None)
            }
            _ => operator(rest, *calls.last().unwrap_or(&assigns)),
        };
        let word = &rest[..length];
        match word {
            "-" | "not" => signs += 1,
            _ if byte.is_ascii_whitespace() => {}
            _ => signs = 0,
        }
        if signs > NESTING_MAX {
            return Err(too_deep(base + at));
        }
        if let Some(instead) = instead
            && found.is_none()
        {
            found = Some((at, length, instead));
        }
        corrected.push_str(instead.unwrap_or(word));
        at += length;
    }
    let Some((at, length, instead)) = found else {
        return Ok(());
    };
    let wrong = &written[at..at + length];
    let span = Span::new(base + at, base + at + length);
    if wrong == "?" {
        return Err(
            SyntaxError::new("template.syntax", span, "`?` is not an operator here")
                .help("a choice is written `a if condition else b`, a fallback `a | default(b)`"),
        );
    }
    let instead = spaced(&written[..at], instead, &written[at + length..]);
    let corrected: Vec<&str> = corrected.split_whitespace().collect();
    Err(SyntaxError::new(
        "template.syntax",
        span,
        format!("`{wrong}` is not an operator here"),
    )
    .meant(wrong, Some(&instead))
    .help(format!("write `{}`", corrected.join(" "))))
}

/// The operator with the blanks that it needs between its neighbours, and none that are there already.
fn spaced(before: &str, operator: &str, after: &str) -> String {
    let blank = |it: char| it.is_ascii_whitespace();
    let left = operator.starts_with(blank) && !before.ends_with(blank);
    let right = operator.ends_with(blank) && !after.starts_with(blank);
    let side = |needed| if needed { " " } else { "" };
    format!("{}{}{}", side(left), operator.trim(), side(right))
}

/// The length of the word or operator in front, and what it should be if it is a foreign one.
fn operator(rest: &str, names_arguments: bool) -> (usize, Option<&'static str>) {
    if let Some((foreign, ours)) = FOREIGN
        .iter()
        .find(|(foreign, _)| rest.starts_with(foreign))
    {
        return (foreign.len(), Some(ours));
    }
    for known in ["==", "!=", "<=", ">="] {
        if rest.starts_with(known) {
            return (2, None);
        }
    }
    let word = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(rest.len());
    match rest.as_bytes()[0] {
        b'!' => (1, Some("not ")),
        b'=' if !names_arguments => (1, Some(" == ")),
        b'?' => (1, Some("?")),
        _ if word > 0 => (word, None),
        _ => (rest.chars().next().map_or(1, char::len_utf8), None),
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::{rendered, shown};

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(text), expected, "{text}");
    }

    #[track_caller]
    fn check_text(text: &str, expected: &str) {
        assert_eq!(rendered(text), expected, "{text}");
    }

    #[test]
    fn operators_of_other_languages_come_with_the_corrected_text() {
        check(
            "a && b",
            "template.syntax at `&&`: `&&` is not an operator here = write `a and b`",
        );
        check(
            "a||b",
            "template.syntax at `||`: `||` is not an operator here = write `a or b`",
        );
        check(
            "!a and !(b)",
            "template.syntax at `!`: `!` is not an operator here = write `not a and not (b)`",
        );
        check(
            "inputs.n = 1",
            "template.syntax at `=`: `=` is not an operator here = write `inputs.n == 1`",
        );
        check(
            "a === 'x = 1'",
            "template.syntax at `===`: `===` is not an operator here = write `a == 'x = 1'`",
        );
        check(
            "a <> 1",
            "template.syntax at `<>`: `<>` is not an operator here = write `a != 1`",
        );
        check(
            "a ? b : c",
            "template.syntax at `?`: `?` is not an operator here = a choice is written `a if condition else b`, a fallback `a | default(b)`",
        );
        check("'&& = !' == '&& = !'", "true");
        check("1 != 2", "true");
        check("[3, 1] | sort(reverse = true)", "[3,1]");
    }

    #[test]
    fn what_is_not_closed_is_shown_where_it_opens() {
        check(
            "'abc",
            "template.syntax at `'`: a string is not closed by '",
        );
        check("(1 + 2", "template.syntax at `(`: `(` is not closed");
        check("[1, (2]", "template.syntax at `(`: `(` is not closed");
        check("1 + 2)", "template.syntax at `)`: `)` closes nothing");
        let help = "if the file goes on after it, YAML cut the value at `: `, `, ` or ` #`: put all of it in quotes";
        check(
            "{{ inputs.n",
            &format!(
                "template.syntax at `{{{{`: `{{{{` is not closed by `}}}}` = add `}}}}`; {help}"
            ),
        );
        check_text(
            "a {{ inputs.n } b",
            "template.syntax at `}`: `}` closes nothing",
        );
        check_text(
            "a {% if x",
            &format!("template.syntax at `{{%`: `{{%` is not closed by `%}}` = add `%}}`; {help}"),
        );
        check_text(
            "a {{ 'b }} c",
            "template.syntax at `'`: a string is not closed by '",
        );
        check_text("a {{ (b }} c", "template.syntax at `(`: `(` is not closed");
        check("", "template.syntax at ``: an expression is missing here");
        check_text(
            "a {{ }} b",
            "template.syntax at ` `: an expression is missing here",
        );
        check(
            "{{ a }} and {{ b }}",
            "template.syntax at ` and {{ b }}`: here stands one expression, and this follows it = write the whole as one expression, without `{{`: `a`",
        );
    }

    #[test]
    fn the_parser_speaks_for_the_rest() {
        check(
            "1 +",
            "template.syntax at `+`: unexpected end of input, expected expression",
        );
        check(
            "a b",
            "template.syntax at `b`: unexpected input after expression",
        );
        check(
            "f(*a)",
            "template.syntax at `f`: `*` and `**` cannot unpack arguments",
        );
    }

    #[test]
    fn strings_and_brackets_may_hold_marks() {
        check_text("{{ '}}' }}", r#""}}""#);
        check_text("{{ '{{' }} {{ \"%}\" }}", r#""{{ %}""#);
        check_text("{{ {'a': {'b': 1}} }}", r#"{"a":{"b":1}}"#);
        check_text("{{ {'a': {'b': 1}}}}", r#"{"a":{"b":1}}"#);
        check_text("{# text #}", r#""{# text #}""#);
        check_text("{# {{ inputs.n }} #}", r#""{# 7 #}""#);
        check_text("{ {a} }", r#""{ {a} }""#);
    }
}

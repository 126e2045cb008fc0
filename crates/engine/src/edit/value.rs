//! Single values: quotes around what YAML would read as something else, words of other languages of YAML, names.

use super::Edit;
use crate::source::{SourceFile, Span};
use crate::yaml::{Node, Style};

/// The text as a quoted scalar on one line: in `"`, or in `'` where that needs no escapes.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        format!("\"{text}\"")
    }
}

/// Quotes a value that begins with the template at `span`. Where more follows the template, it belongs to the value as
/// long as the line says so: up to its end in a block, nowhere inside `{}` and `[]`.
pub(crate) fn template_value(source: &SourceFile, span: Span) -> Option<Edit> {
    let text = source.text();
    let (start, end) = (span.start as usize, span.end as usize);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..]
        .find('\n')
        .map_or(text.len(), |newline| start + newline);
    let rest = without_comment(text.get(end..line_end)?).trim_end();
    if !source.slice(span).ends_with("}}") {
        return None;
    }
    let after = rest.trim_start();
    if after.is_empty() || (after.starts_with([',', '}', ']']) && after.len() <= rest.len()) {
        return Some(Edit::new(span, quoted(source.slice(span))));
    }
    let before = text[line_start..start].trim_start_matches([' ', '-']);
    let key = before.trim_end().strip_suffix(':');
    let in_block = before.is_empty()
        || key.is_some_and(|key| !key.contains(['{', '[', ',', '"', '\'', ':', '#']));
    let whole = Span::new(start, end + rest.len());
    in_block.then(|| Edit::new(whole, quoted(source.slice(whole))))
}

/// Quotes a text that begins with `*` and is plainly no alias, such as `*/5 * * * *`.
pub(crate) fn starred_value(source: &SourceFile, alias: Span) -> Option<Edit> {
    let text = source.text();
    let start = alias.start as usize;
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let rest = without_comment(text[start..].lines().next()?);
    let in_flow = text[line_start..start].contains(['{', '[']);
    let end = if in_flow {
        rest.find([',', '}', ']'])?
    } else {
        rest.len()
    };
    let value = rest[..end].trim_end();
    let word = |it: char| it.is_alphanumeric() || it == '_' || it == '-';
    let is_alias = value.strip_prefix('*')?.chars().all(word);
    let span = Span::new(start, start + value.len());
    (!is_alias && !value.contains(": ")).then(|| Edit::new(span, quoted(value)))
}

/// What other languages of YAML call a boolean.
pub(crate) fn boolean(node: &Node) -> Option<Edit> {
    let scalar = node.as_scalar().filter(|it| it.style == Style::Plain)?;
    let word = match scalar.text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" => "true",
        "no" | "off" | "n" => "false",
        _ => return None,
    };
    Some(Edit::new(node.span, word))
}

/// The name of a workflow in small letters, with `-` for what may not stand in it.
pub(crate) fn workflow_name(source: &SourceFile, node: &Node) -> Option<Edit> {
    let text = &node.as_scalar()?.text;
    let written = source.slice(node.span);
    let plain = text.is_ascii() && text.len() <= 64 && written.trim_matches(['"', '\'']) == &**text;
    let letter = |it: char| match it {
        'a'..='z' | '0'..='9' | '_' => it,
        'A'..='Z' => it.to_ascii_lowercase(),
        _ => '-',
    };
    let name: String = text.trim().chars().map(letter).collect();
    (plain && name.starts_with(|it: char| it.is_ascii_lowercase()))
        .then(|| Edit::new(node.span, written.replace(&**text, &name)))
}

/// The part of a line before ` #`.
fn without_comment(line: &str) -> &str {
    line.find(" #").map_or(line, |at| &line[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        let source = SourceFile::new("a.yml", line);
        let start = line.find("{{").expect("a template");
        let end = line.find("}}").map_or(line.len(), |at| at + 2);
        let edit = template_value(&source, Span::new(start, end));
        let changed = edit.map(|edit| crate::edit::apply(line, &[edit]).expect("in the text"));
        assert_eq!(changed.as_deref(), expected);
    }

    #[test]
    fn templates_get_their_quotes() {
        check("a: {{ x }}\n", Some("a: \"{{ x }}\"\n"));
        check("  - {{ x }}", Some("  - \"{{ x }}\""));
        check("a: {{ x['b'] }}", Some("a: \"{{ x['b'] }}\""));
        check("a: {{ x[\"b\"] }}", Some("a: '{{ x[\"b\"] }}'"));
        check(
            "a: {{ x }} more # why\n",
            Some("a: \"{{ x }} more\" # why\n"),
        );
        check("a: {{ x }}/{{ y }}\n", Some("a: \"{{ x }}/{{ y }}\"\n"));
        check(
            "a: { b: {{ x }}, c: 1 }\n",
            Some("a: { b: \"{{ x }}\", c: 1 }\n"),
        );
        check("a: { b: {{ x }} }\n", Some("a: { b: \"{{ x }}\" }\n"));
        check("a: { b: {{ x }} more }\n", None);
        check("a: {{ x\n", None);
    }
}

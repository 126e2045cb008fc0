//! A tree as YAML that people like to read: what fits into a line stands in one.

use serde_json::Value as Json;
use std::fmt::Write as _;

/// How long a line of a map or list in flow style may get.
const LINE_CHARS_MAX: usize = 140;
/// Keys below which every entry has a line of its own.
const SPREAD: [&str; 6] = [
    "service",
    "settings",
    "operations",
    "parameters",
    "properties",
    "types",
];

/// The text.
pub(super) fn yaml(value: &Json) -> String {
    let mut text = String::new();
    block(value, 0, "", &mut text);
    text
}

/// A map or list whose entries have lines of their own.
fn block(value: &Json, indent: usize, key: &str, out: &mut String) {
    match value {
        Json::Object(members) => {
            for (name, value) in members {
                pad(indent, out);
                out.push_str(&scalar(name));
                out.push(':');
                entry(value, indent, name, key, out);
            }
        }
        Json::Array(items) => {
            for item in items {
                pad(indent, out);
                out.push('-');
                let mut inner = String::new();
                if let Some(line) = line(item, indent + 2).filter(|_| key != "resources") {
                    inner.push_str(&line);
                    inner.push('\n');
                } else {
                    block(item, indent + 2, key, &mut inner);
                }
                out.push(' ');
                out.push_str(inner.trim_start_matches(' '));
            }
        }
        scalar_value => {
            pad(indent, out);
            out.push_str(&flow(scalar_value));
            out.push('\n');
        }
    }
}

fn entry(value: &Json, indent: usize, name: &str, around: &str, out: &mut String) {
    // An operation is read line by line, and so is what is around it.
    let spread = SPREAD.contains(&name) || around == "operations";
    let is_empty = value.as_object().is_some_and(serde_json::Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty);
    let short = (!spread || is_empty || !(value.is_object() || value.is_array()))
        .then(|| line(value, indent + name.len() + 2))
        .flatten();
    if let Some(line) = short {
        out.push(' ');
        out.push_str(&line);
        out.push('\n');
    } else {
        out.push('\n');
        block(value, indent + 2, name, out);
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// The value in one line, if that is not too long. A scalar always is.
fn line(value: &Json, before: usize) -> Option<String> {
    let text = flow(value);
    let is_tree = value.is_object() || value.is_array();
    (!is_tree || before + text.chars().count() <= LINE_CHARS_MAX).then_some(text)
}

fn flow(value: &Json) -> String {
    match value {
        Json::Object(members) if members.is_empty() => "{}".to_owned(),
        Json::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{}: {}", scalar(name), flow(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Json::Array(items) => format!(
            "[{}]",
            items.iter().map(flow).collect::<Vec<_>>().join(", ")
        ),
        Json::String(text) => scalar(text),
        other => other.to_string(),
    }
}

/// A text without quotes where that is the same text to every reader of YAML, else in double quotes.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 10] = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", "~",
    ];
    let begins = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/');
    let plain = |letter: char| {
        letter.is_ascii_alphanumeric()
            || "_-./ ()".contains(letter)
            || (letter.is_alphabetic() && !letter.is_control())
    };
    let spaced = text.ends_with(' ') || text.contains("  ");
    let word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if text == "$ref" || begins && !spaced && !word && text.chars().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // What people cannot see, and what readers of YAML refuse.
            '\u{0}'..='\u{1f}'
            | '\u{7f}'..='\u{a0}'
            | '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{ffff}' => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use flow_engine::source::SourceFile;
    use flow_engine::yaml;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_comes_back_as_it_was() {
        let texts = [
            "", " ", "a", "on", "No", "1", "1.5", "-", "a: b", "a #b", "{x}", "[x", "'x'", "\"x\"",
            "\\", "\n", "\u{7}", "é", "🦀", "\u{202e}", "\u{feff}", "a ", " a", "{{x}}", "&a",
            "*a", "!a", "|", ">", "%", "@", "`", "a,b", "x\u{85}y",
        ];
        let all: serde_json::Map<String, Json> = texts
            .iter()
            .map(|text| ((*text).to_owned(), json!([text, { "k": text }])))
            .collect();
        let document = json!({ "service": all, "types": { "a": [[1, [2]], { "properties": { "x": {}, "y": [] } }] } });
        let text = yaml(&document);
        let read: Json =
            serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(read, document, "{text}");
        let (_, findings) = yaml::read(&SourceFile::new("x.yaml", text));
        assert!(findings.is_empty(), "{findings:?}");
    }
}

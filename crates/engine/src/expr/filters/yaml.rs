//! Filters between values and YAML text.

use std::sync::Arc;

use super::{Call, Filter, Gives, Takes};
use crate::expr::error::Fault;
use crate::expr::text::{json, opened};
use crate::source::SourceFile;
use crate::value::{Map, Value};
use crate::yaml::{self, Node, NodeKind, Scalar, Style};

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "yaml",
        aliases: &["from_yaml"],
        about: "The value of a YAML 1.2 text: one document, without tags; only `true` and `false` are booleans.",
        example: (r"'a: [1, no]\nb: ~\n' | yaml", r#"{"a":[1,"no"],"b":null}"#),
        gives: Gives::Unknown,
        params: &[],
        takes: Takes::Text,
        run: from_yaml,
    },
    Filter {
        name: "to_yaml",
        aliases: &[],
        about: "The YAML text of any value.",
        example: (
            "{'a': [1, 'no'], 'b': none} | to_yaml",
            r#""a:\n  - 1\n  - \"no\"\nb: null\n""#,
        ),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Any,
        run: to_yaml,
    },
];

fn from_yaml(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text()?;
    call.context.budget.steps(text.len() / 64)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let source = SourceFile::new("text", text);
    let (node, findings) = yaml::read(&source);
    let bad = |at: u32, message: &str| {
        let place = source.position(at);
        let (line, column) = (place.line, place.column);
        let message =
            format!("not YAML that can be read: {message} at line {line} column {column}");
        Fault::new("data.yaml", message)
    };
    if let Some(finding) = findings.iter().find(|finding| finding.is_error()) {
        return match finding.code {
            "yaml.empty" => Ok(Value::Null),
            _ => Err(bad(finding.span.start, &finding.message)),
        };
    }
    value(&node, call, &bad)
}

fn value(node: &Node, call: &Call<'_>, bad: &dyn Fn(u32, &str) -> Fault) -> Result<Value, Fault> {
    call.context.budget.step()?;
    if node.tag.is_some() {
        return Err(bad(node.span.start, "a tag stands in data"));
    }
    match &node.kind {
        NodeKind::Hole => Err(bad(node.span.start, "something unreadable")),
        NodeKind::Scalar(scalar) => scalar
            .value()
            .map_err(|_| bad(node.span.start, "a number outside 64 bits")),
        NodeKind::List(items) => {
            let items = items.iter().map(|item| value(item, call, bad));
            Ok(Value::from(items.collect::<Result<Vec<_>, _>>()?))
        }
        NodeKind::Map(entries) => {
            let mut map = Map::new();
            for entry in entries.iter() {
                map.insert(entry.key.clone(), value(&entry.value, call, bad)?);
            }
            Ok(Value::from(map))
        }
    }
}

fn to_yaml(call: &Call<'_>) -> Result<Value, Fault> {
    let value = opened(&call.input, call.context)?;
    let mut writer = Writer {
        call,
        out: String::new(),
    };
    writer.node(&value, 0, Place::Line)?;
    call.made(writer.out)
}

/// Where a value stands: at the start of a line, or behind `key:` or `-`.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Line,
    Key,
    Item,
}

struct Writer<'w> {
    call: &'w Call<'w>,
    out: String,
}

impl Writer<'_> {
    fn node(&mut self, value: &Value, depth: usize, place: Place) -> Result<(), Fault> {
        self.call.context.budget.step()?;
        if self.out.len() > crate::expr::limits::OUTPUT_BYTES_MAX {
            self.call.context.budget.text_bytes(self.out.len())?;
        }
        match value {
            Value::List(items) if !items.is_empty() => {
                for (at, item) in items.iter().enumerate() {
                    self.begin(depth, place, at == 0);
                    self.out.push('-');
                    self.node(item, depth + 1, Place::Item)?;
                }
            }
            Value::Map(map) if !map.is_empty() => {
                for (at, (key, value)) in map.iter().enumerate() {
                    self.begin(depth, place, at == 0);
                    self.text(key)?;
                    self.out.push(':');
                    self.node(value, depth + 1, Place::Key)?;
                }
            }
            other => {
                if place != Place::Line {
                    self.out.push(' ');
                }
                match other {
                    Value::String(text) => self.text(text)?,
                    Value::List(_) => self.out.push_str("[]"),
                    Value::Map(_) => self.out.push_str("{}"),
                    other => self.out.push_str(&json(other, self.call.context)?),
                }
                self.out.push('\n');
            }
        }
        Ok(())
    }

    /// A new line, indented; the first entry of a list or map in a list stands behind its `-`.
    fn begin(&mut self, depth: usize, place: Place, first: bool) {
        if first && place == Place::Item {
            self.out.push(' ');
            return;
        }
        if first && place == Place::Key {
            self.out.push('\n');
        }
        self.out.push_str(&"  ".repeat(depth));
    }

    /// Plain where every reader takes it for the same text, else in double quotes, which are those of JSON.
    fn text(&mut self, text: &Arc<str>) -> Result<(), Fault> {
        if is_plain(text) {
            self.out.push_str(text);
            return Ok(());
        }
        let quoted = json(&Value::String(text.clone()), self.call.context)?;
        self.out.push_str(&quoted);
        Ok(())
    }
}

/// Words that readers of older YAML take for booleans or null.
const WORDS: [&str; 11] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "",
];

fn is_plain(text: &str) -> bool {
    let letters =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ' ' | '@' | '+');
    let scalar = Scalar {
        text: text.into(),
        style: Style::Plain,
    };
    text.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '/')
        && text.chars().all(letters)
        && !text.ends_with(' ')
        && !WORDS.contains(&&*text.to_lowercase())
        && matches!(scalar.value(), Ok(Value::String(_)))
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::shown;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(text), expected, "{text}");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for value in [
            "{'a': {'b': [[1, 2], [], {}], 'c': [{'d': 1, 'e': [2]}, 'x']}}",
            "['yes', '1', '', ' a', 'a: b', '# c', '- d', 'two\\nlines', '2026-01-31', '~', 'é ø', '0x1F', '1e3']",
            "{'on': true, 'null': none, 'a b': 1.5, '7': 18446744073709551615}",
            "'text'",
            "[]",
        ] {
            check(&format!("({value} | to_yaml | yaml) == {value}"), "true");
        }
        check(
            "{'a': [{'b': 1, 'c': [2]}], 'd': {}} | to_yaml",
            r#""a:\n  - b: 1\n    c:\n      - 2\nd: {}\n""#,
        );
    }

    #[test]
    fn what_is_no_yaml_has_its_place() {
        check(
            r"'a: [1' | yaml",
            r"data.yaml at `'a: [1' | yaml`: not YAML that can be read: this is never closed: unclosed bracket '[' at line 1 column 4",
        );
        check(
            r"'a: 1\na: 2' | yaml",
            r"data.yaml at `'a: 1\na: 2' | yaml`: not YAML that can be read: the key `a` stands twice in this map at line 2 column 1",
        );
        check(
            r"'a: !text x' | yaml",
            r"data.yaml at `'a: !text x' | yaml`: not YAML that can be read: a tag stands in data at line 1 column 10",
        );
        check("'' | yaml", "null");
        check(
            "{'a': secrets.TOKEN} | to_yaml",
            "template.secret at `{'a': secrets.TOKEN} | to_yaml`: JSON text cannot work on a secret: only its receiver may read it = put the secret into text as it is: `\"Bearer {{ secrets.TOKEN }}\"`",
        );
    }
}

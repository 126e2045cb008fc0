//! Text made of values: the text form, and the builder that holds it to its limit and keeps secrets closed.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use serde::Serialize as _;

use super::context::Context;
use super::error::Fault;
use super::limits::OUTPUT_BYTES_MAX;
use super::operators::secret_used;
use crate::value::{Secret, SecretPart, Value};

/// Text under construction, with handles where secrets stand.
#[derive(Default)]
pub(super) struct Text {
    closed: Vec<SecretPart>,
    open: String,
    bytes: usize,
}

impl Text {
    /// Adds text as it stands.
    pub(super) fn push(&mut self, text: &str) -> Result<(), Fault> {
        self.bytes += text.len();
        if self.bytes > OUTPUT_BYTES_MAX {
            return Err(Fault::new(
                "template.output_limit",
                format!("the template makes more than {OUTPUT_BYTES_MAX} bytes of text"),
            ));
        }
        self.open.push_str(text);
        Ok(())
    }

    /// Adds a value in its text form; a secret stays closed.
    pub(super) fn push_value(&mut self, value: &Value, context: &Context<'_>) -> Result<(), Fault> {
        match value {
            Value::String(text) => self.push(text),
            Value::Secret(secret) => {
                for part in secret.parts() {
                    match part {
                        SecretPart::Text(text) => self.push(text)?,
                        name @ SecretPart::Name(_) => {
                            self.close();
                            self.closed.push(name.clone());
                        }
                    }
                }
                Ok(())
            }
            Value::Null => Err(Fault::new("template.null", "null has no text form")
                .help("say what stands for it: `| default('none', true)`")),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Bool(_) => {
                self.push(&scalar(value))
            }
            Value::Blob(blob) => {
                if blob.bytes > OUTPUT_BYTES_MAX as u64 {
                    // Refused before it is read.
                    self.bytes = OUTPUT_BYTES_MAX;
                    return self.push(" ");
                }
                let content = context.load(blob)?;
                self.push_value(&content, context)
            }
            Value::List(_) | Value::Map(_) => {
                let json = json(value, context)?;
                self.push(&json)
            }
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            let text = std::mem::take(&mut self.open);
            self.closed.push(SecretPart::Text(text.into()));
        }
    }

    /// The finished text; a secret if one is in it.
    pub(super) fn finish(mut self, context: &Context<'_>) -> Result<Value, Fault> {
        context.budget.text_bytes(self.bytes)?;
        if self.closed.is_empty() {
            return Ok(Value::from(self.open));
        }
        self.close();
        Ok(Value::from(Secret::mixed(self.closed)))
    }
}

/// A number or a boolean as text: no fraction where there is none.
pub(super) fn scalar(value: &Value) -> String {
    let mut text = String::new();
    let written = match value {
        Value::Bool(value) => write!(text, "{value}"),
        Value::Int(number) => write!(text, "{number}"),
        Value::UInt(number) => write!(text, "{number}"),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            write!(text, "{number:.0}")
        }
        other => {
            text = other.to_json().unwrap_or_default();
            Ok(())
        }
    };
    debug_assert!(written.is_ok(), "writing to a string never fails");
    if text == "-0" { "0".to_owned() } else { text }
}

/// Any value as one text; secrets are refused.
pub(super) fn text_of(value: &Value, context: &Context<'_>) -> Result<Arc<str>, Fault> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Secret(_) => Err(secret_used("text")),
        _ => {
            let mut text = Text::default();
            text.push_value(value, context)?;
            Ok(text.open.into())
        }
    }
}

/// Compact JSON, within the limit; stored values inside are read.
pub(super) fn json(value: &Value, context: &Context<'_>) -> Result<String, Fault> {
    json_by(value, serde_json::ser::CompactFormatter, context)
}

/// JSON with one member or item a line, indented by so many blanks a level.
pub(super) fn json_in_lines(
    value: &Value,
    indent: usize,
    context: &Context<'_>,
) -> Result<String, Fault> {
    let blanks = " ".repeat(indent);
    let formatter = serde_json::ser::PrettyFormatter::with_indent(blanks.as_bytes());
    json_by(value, formatter, context)
}

fn json_by(
    value: &Value,
    formatter: impl serde_json::ser::Formatter,
    context: &Context<'_>,
) -> Result<String, Fault> {
    let value = opened(value, context)?;
    let mut out = Limited(Vec::new());
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(out.0)
            .map_err(|_| Fault::new("template.type", "the JSON form is not text")),
        Err(error) if error.is_io() => Err(Fault::new(
            "template.output_limit",
            format!("the template makes more than {OUTPUT_BYTES_MAX} bytes of text"),
        )),
        Err(_) => Err(secret_used("JSON text")),
    }
}

/// The value with stored values inside it replaced by their content.
pub(super) fn opened(value: &Value, context: &Context<'_>) -> Result<Value, Fault> {
    if !holds_stored(value, context)? {
        return Ok(value.clone());
    }
    Ok(match value {
        Value::Blob(blob) => context.load(blob)?,
        Value::List(items) => {
            let open = items.iter().map(|item| opened(item, context));
            Value::from(open.collect::<Result<Vec<_>, _>>()?)
        }
        Value::Map(map) => {
            let mut whole = crate::value::Map::new();
            for (key, item) in map.iter() {
                whole.insert(key.clone(), opened(item, context)?);
            }
            Value::from(whole)
        }
        other => other.clone(),
    })
}

/// Whether a stored value is in it. Eight items are a step: writing them is cheap, but a template can make a value that
/// holds another one twice, and that one another twice, and so on.
fn holds_stored(value: &Value, context: &Context<'_>) -> Result<bool, Fault> {
    match value {
        Value::Blob(_) => return Ok(true),
        Value::List(items) => {
            context.budget.steps(items.len() / 8 + 1)?;
            for item in items.iter() {
                if holds_stored(item, context)? {
                    return Ok(true);
                }
            }
        }
        Value::Map(map) => {
            context.budget.steps(map.len() / 8 + 1)?;
            for (_, item) in map.iter() {
                if holds_stored(item, context)? {
                    return Ok(true);
                }
            }
        }
        _ => {}
    }
    Ok(false)
}

/// Bytes up to the limit, then an error.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT_BYTES_MAX {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::rendered;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(rendered(text), expected, "{text}");
    }

    #[test]
    fn every_kind_of_value_has_one_text_form() {
        check("{{ inputs.name }}.", r#""Ada.""#);
        check(
            "{{ inputs.n }}, {{ inputs.f }}, {{ inputs.half }}, {{ inputs.big }}",
            r#""7, 2, 0.5, 18446744073709551615""#,
        );
        check("{{ true }} {{ 1 == 2 }}", r#""true false""#);
        check("{{ [1, 'a', none, 2.5] }}!", r#""[1,\"a\",null,2.5]!""#);
        check("{{ {'a': '<é>'} }}!", r#""{\"a\":\"<é>\"}!""#);
        check("{{ 1e20 }} {{ -0.0 }}!", r#""1e+20 0!""#);
        check(
            "{{ inputs.none }}!",
            "template.null at `inputs.none`: null has no text form = say what stands for it: `| default('none', true)`",
        );
        check("{{ inputs.none | default('-', true) }}!", r#""-!""#);
        check(
            "{{ [secrets.TOKEN] }}!",
            "template.secret at `[secrets.TOKEN]`: JSON text cannot work on a secret: only its receiver may read it = put the secret into text as it is: `\"Bearer {{ secrets.TOKEN }}\"`",
        );
    }

    #[test]
    fn a_whole_expression_keeps_its_type() {
        check("{{ inputs.n }}", "7");
        check("{{ inputs.list }}", "[1,2,3]");
        check("{{ inputs.none }}", "null");
        check("{{ false }}", "false");
        check(" {{ inputs.n }}", r#"" 7""#);
        check("{{ inputs.n }}{{ inputs.n }}", r#""77""#);
    }
}

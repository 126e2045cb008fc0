//! Filters that make one kind of value of another.

use super::numbers::to_whole;
use super::{Call, Filter, Gives, Param, Takes};
use crate::expr::error::Fault;
use crate::expr::member::excerpt;
use crate::expr::operators::{finite, truth};
use crate::expr::text::text_of;
use crate::value::Value;

pub(super) const FILTERS: &[Filter] = &[
    Filter {
        name: "int",
        aliases: &[],
        about: "A whole number, of text or of a number (cut towards zero); `default` where the text is none.",
        example: ("' 42 ' | int", "42"),
        gives: Gives::Integer,
        params: &[Param::optional("default")],
        takes: Takes::Any,
        run: int,
    },
    Filter {
        name: "float",
        aliases: &[],
        about: "A number with a fraction, of text or of a number; `default` where the text is none.",
        example: ("'2.5' | float", "2.5"),
        gives: Gives::Number,
        params: &[Param::optional("default")],
        takes: Takes::Any,
        run: float,
    },
    Filter {
        name: "string",
        aliases: &[],
        about: "The text form of any value but null.",
        example: ("[1, 'a'] | string", r#""[1,\"a\"]""#),
        gives: Gives::Text,
        params: &[],
        takes: Takes::Any,
        run: |call| text_of(&call.input, call.context).map(Value::String),
    },
    Filter {
        name: "bool",
        aliases: &[],
        about: "True or false: of text `true, yes, on, 1` or `false, no, off, 0` and nothing; else whether it counts as true.",
        example: ("'yes' | bool", "true"),
        gives: Gives::Boolean,
        params: &[],
        takes: Takes::Any,
        run: bool,
    },
];

fn not_a_number(call: &Call<'_>, wanted: &str) -> Result<Value, Fault> {
    if let Some(otherwise) = call.arg(0) {
        return Ok(otherwise.clone());
    }
    match &call.input {
        Value::String(text) => {
            let message = format!("\"{}\" is not {wanted}", excerpt(text));
            Err(Fault::new("template.type", message)
                .help(format!("`| {}(0)` says what it is then", call.filter.name)))
        }
        other => Err(Fault::kind(&call.name(), "text or a number", other)),
    }
}

fn int(call: &Call<'_>) -> Result<Value, Fault> {
    match &call.input {
        Value::Int(_) | Value::UInt(_) => Ok(call.input.clone()),
        Value::Bool(value) => Ok(Value::Int(i64::from(*value))),
        Value::Float(number) => to_whole(number.trunc()),
        Value::String(text) => {
            let text = text.trim();
            if let Ok(number) = text.parse::<i64>() {
                return Ok(Value::Int(number));
            }
            if let Ok(number) = text.parse::<u64>() {
                return Ok(Value::from(number));
            }
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if whole && call.arg(0).is_none() {
                return Err(Fault::new(
                    "template.number",
                    "a whole number outside 64 bits",
                ));
            }
            match text.parse::<f64>() {
                Ok(number) if number.is_finite() && !whole => to_whole(number.trunc()),
                _ => not_a_number(call, "a whole number"),
            }
        }
        _ => not_a_number(call, "a whole number"),
    }
}

fn float(call: &Call<'_>) -> Result<Value, Fault> {
    match &call.input {
        Value::Bool(value) => Ok(Value::Float(f64::from(u8::from(*value)))),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => finite(number),
            _ => not_a_number(call, "a number"),
        },
        other => match other.as_f64() {
            Some(number) => finite(number),
            None => not_a_number(call, "a number"),
        },
    }
}

fn bool(call: &Call<'_>) -> Result<Value, Fault> {
    if let Value::String(text) = &call.input {
        return match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(Value::Bool(true)),
            "false" | "no" | "off" | "0" | "" => Ok(Value::Bool(false)),
            _ => {
                let message = format!("\"{}\" is neither true nor false", excerpt(text));
                Err(Fault::new("template.type", message)
                    .help("compare it instead: `x == 'ready'`, or ask `x is empty`"))
            }
        };
    }
    truth(&call.input, call.context).map(Value::Bool)
}

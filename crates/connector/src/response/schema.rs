//! Whether a value fits a JSON Schema that an author wrote, and where it does not.
//!
//! Read: `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`, `minItems`, `maxItems`,
//! `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`, `minLength`, `maxLength`, `anyOf`, `oneOf`, `allOf`, and
//! `$ref` inside the schema: more than the service takes for structured outputs. Other keywords say nothing here. The crates
//! that read all of JSON Schema bring thirty others along.

use std::cell::Cell;

use serde_json::{Map, Value};

/// How deep schemas may lead into each other: a value of 100 levels, and a few steps for each.
const DEPTH_MAX: usize = 400;

/// How many schemas are looked at in all: choices of choices would take for ever.
const STEPS_MAX: u32 = 5_000_000;

/// Where a value does not fit, as a path such as `items[2].name` (empty for the value itself), and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) path: String,
    pub(crate) why: String,
}

/// The first place at which a value does not fit.
pub(crate) fn misfit(schema: &Value, value: &Value) -> Option<Misfit> {
    let reader = Reader {
        root: schema,
        left: Cell::new(STEPS_MAX),
    };
    reader.check(schema, value, "", 0).err()
}

struct Reader<'a> {
    root: &'a Value,
    left: Cell<u32>,
}

type Fits = Result<(), Misfit>;

fn wrong(path: &str, why: String) -> Fits {
    Err(Misfit {
        path: path.to_owned(),
        why,
    })
}

impl Reader<'_> {
    fn check(&self, schema: &Value, value: &Value, path: &str, depth: usize) -> Fits {
        let rules = match schema {
            Value::Object(rules) => rules,
            Value::Bool(false) => return wrong(path, "nothing may stand here".to_owned()),
            _ => return Ok(()),
        };
        if depth > DEPTH_MAX {
            return wrong(
                path,
                "the schema leads back to itself without end".to_owned(),
            );
        }
        let Some(left) = self.left.get().checked_sub(1) else {
            return wrong(
                path,
                format!("the schema takes more than {STEPS_MAX} steps to check"),
            );
        };
        self.left.set(left);
        let inner = |schema: &Value| self.check(schema, value, path, depth + 1);
        if let Some(target) = rules.get("$ref").and_then(Value::as_str) {
            let found = target
                .strip_prefix('#')
                .and_then(|at| self.root.pointer(at));
            match found {
                Some(found) => inner(found)?,
                None => return wrong(path, format!("the schema has no `{target}`")),
            }
        }
        kind(rules, value, path)?;
        choice(rules, value, path)?;
        bounds(rules, value, path)?;
        let list = |name: &str| rules.get(name).and_then(Value::as_array);
        for schema in list("allOf").into_iter().flatten() {
            inner(schema)?;
        }
        if let Some(options) = list("anyOf").or_else(|| list("oneOf")) {
            let mut outcomes = options.iter().map(inner);
            let first = outcomes.next().unwrap_or(Ok(()));
            if let Err(misfit) = first
                && !outcomes.any(|outcome| outcome.is_ok())
            {
                // Of one choice, its own place is told.
                return match options.as_slice() {
                    [_] => Err(misfit),
                    _ => wrong(path, format!("{} fits none of the choices", shown(value))),
                };
            }
        }
        match value {
            Value::Object(members) => self.members(rules, members, path, depth),
            Value::Array(items) => {
                let Some(schema) = rules.get("items") else {
                    return Ok(());
                };
                let mut items = items.iter().enumerate();
                items.try_for_each(|(at, item)| {
                    self.check(schema, item, &format!("{path}[{at}]"), depth + 1)
                })
            }
            _ => Ok(()),
        }
    }

    fn members(
        &self,
        rules: &Map<String, Value>,
        members: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) -> Fits {
        let required = rules.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                return wrong(path, format!("there is no member `{name}`"));
            }
        }
        let known = rules.get("properties").and_then(Value::as_object);
        for (name, member) in members {
            let at = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            match known.and_then(|known| known.get(name)) {
                Some(schema) => self.check(schema, member, &at, depth + 1)?,
                None => match rules.get("additionalProperties") {
                    Some(Value::Bool(false)) => {
                        return wrong(
                            path,
                            format!("there is a member `{name}` that may not be there"),
                        );
                    }
                    Some(schema) => self.check(schema, member, &at, depth + 1)?,
                    None => {}
                },
            }
        }
        Ok(())
    }
}

fn kind(rules: &Map<String, Value>, value: &Value, path: &str) -> Fits {
    let names: Vec<&str> = match rules.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let is = |name: &&str| match *name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        // 1.0 is an integer by the standard.
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|it| it.fract() == 0.0)
        }
        _ => true,
    };
    if names.iter().any(is) {
        return Ok(());
    }
    wrong(
        path,
        format!("expected {}, found {}", names.join(" or "), shown(value)),
    )
}

fn choice(rules: &Map<String, Value>, value: &Value, path: &str) -> Fits {
    let one = rules.get("const").map(std::slice::from_ref);
    let choices = one.or_else(|| {
        rules
            .get("enum")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
    });
    match choices {
        Some(choices) if !choices.iter().any(|choice| equal(choice, value)) => {
            let shown: Vec<String> = choices.iter().take(20).map(self::shown).collect();
            let found = self::shown(value);
            wrong(
                path,
                format!("expected one of {}, found {found}", shown.join(", ")),
            )
        }
        _ => Ok(()),
    }
}

/// Numbers are equal by what they are worth.
fn equal(left: &Value, right: &Value) -> bool {
    left == right
        || matches!((left, right), (Value::Number(_), Value::Number(_)))
            && left.as_f64() == right.as_f64()
}

fn bounds(rules: &Map<String, Value>, value: &Value, path: &str) -> Fits {
    let bound = |name: &str| rules.get(name).and_then(Value::as_f64);
    let (measured, what, least, most) = match value {
        Value::Number(number) => (number.as_f64(), "", "minimum", "maximum"),
        Value::String(text) => (
            Some(count(text.chars().count())),
            " letters",
            "minLength",
            "maxLength",
        ),
        Value::Array(items) => (Some(count(items.len())), " items", "minItems", "maxItems"),
        _ => return Ok(()),
    };
    let Some(measured) = measured else {
        return Ok(());
    };
    let is_number = value.is_number();
    let low = bound(least).is_some_and(|least| measured < least)
        || is_number && bound("exclusiveMinimum").is_some_and(|least| measured <= least);
    let high = bound(most).is_some_and(|most| measured > most)
        || is_number && bound("exclusiveMaximum").is_some_and(|most| measured >= most);
    match (low, high) {
        (true, _) => wrong(path, format!("{measured}{what} are too few: see `{least}`")),
        (_, true) => wrong(path, format!("{measured}{what} are too many: see `{most}`")),
        _ => Ok(()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of an answer in memory")]
fn count(number: usize) -> f64 {
    number as f64
}

/// A value for a message: its kind, and what it is if that is short.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "a map".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::String(text) if text.chars().count() > 60 => {
            let begin: String = text.chars().take(60).collect();
            format!("{begin:?}...")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: &Value, value: &Value, expected: &str) {
        let found = misfit(schema, value);
        let found = found.map_or("fits".to_owned(), |it| format!("{}: {}", it.path, it.why));
        assert_eq!(found, expected, "{schema} {value}");
    }

    #[test]
    fn a_value_fits_or_its_first_wrong_place_is_told() {
        let ticket = json!({
            "type": "object",
            "properties": {
                "topic": { "type": "string", "enum": ["battery", "screen"] },
                "stars": { "type": ["integer", "null"], "enum": [1, 2, null] },
                "parts": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/part" } },
            },
            "required": ["topic"],
            "additionalProperties": false,
            "$defs": {
                "part": {
                    "type": "object",
                    "properties": { "name": { "type": "string" }, "inside": { "$ref": "#/$defs/part" } },
                    "required": ["name"],
                },
            },
        });
        for (value, expected) in [
            (
                json!({ "topic": "battery", "stars": 2, "parts": [{ "name": "a" }] }),
                "fits",
            ),
            (json!({ "topic": "battery", "stars": 2.0 }), "fits"),
            (json!({ "topic": "battery", "stars": null }), "fits"),
            (json!([]), ": expected object, found a list of 0"),
            (json!({}), ": there is no member `topic`"),
            (
                json!({ "topic": "sound" }),
                "topic: expected one of \"battery\", \"screen\", found \"sound\"",
            ),
            (
                json!({ "topic": "battery", "stars": 3 }),
                "stars: expected one of 1, 2, null, found 3",
            ),
            (
                json!({ "topic": "battery", "stars": 1.5 }),
                "stars: expected integer or null, found 1.5",
            ),
            (
                json!({ "topic": "battery", "mood": 1 }),
                ": there is a member `mood` that may not be there",
            ),
            (
                json!({ "topic": "battery", "parts": [] }),
                "parts: 0 items are too few: see `minItems`",
            ),
            (
                json!({ "topic": "battery", "parts": [{ "name": "a", "inside": { "name": 7 } }] }),
                "parts[0].inside.name: expected string, found 7",
            ),
        ] {
            check(&ticket, &value, expected);
        }
    }

    #[test]
    fn choices_bounds_and_circles() {
        let either = json!({ "anyOf": [{ "type": "string" }, { "const": 1 }] });
        check(&either, &json!("a"), "fits");
        check(&either, &json!(1), "fits");
        check(&either, &json!(2), ": 2 fits none of the choices");
        let both = json!({ "allOf": [{ "minimum": 1 }, { "exclusiveMaximum": 5 }] });
        check(&both, &json!(4), "fits");
        check(&both, &json!(5), ": 5 are too many: see `maximum`");
        check(&json!({ "maxLength": 2 }), &json!("é🦀"), "fits");
        check(
            &json!({ "additionalProperties": { "type": "null" } }),
            &json!({ "a": 1 }),
            "a: expected null, found 1",
        );
        check(
            &json!({ "$ref": "#" }),
            &json!(1),
            ": the schema leads back to itself without end",
        );
        check(
            &json!({ "$ref": "https://example.com/x" }),
            &json!(1),
            ": the schema has no `https://example.com/x`",
        );
        check(&json!(false), &json!(1), ": nothing may stand here");
        let twice = json!({ "anyOf": [{ "$ref": "#" }, { "$ref": "#" }, false] });
        assert!(misfit(&twice, &json!(1)).is_some());
    }
}

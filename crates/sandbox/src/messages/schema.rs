//! Making a value that fits a JSON Schema, always the same for the same text.

use std::cell::Cell;

use serde_json::{Map, Number, Value, json};
use sha2::{Digest, Sha256};

/// Past this depth only what is required is made.
const FULL_DEPTH: usize = 8;
/// Past this depth nothing is, since the schema then refers to itself without end.
const DEPTH_MAX: usize = 32;
/// The most values one schema makes.
const VALUES_MAX: u32 = 10_000;
/// The most characters of the text that a made string quotes.
const QUOTED_CHARS_MAX: usize = 60;

/// A value that fits `schema`, as an answer to `asked` would.
///
/// Of an `enum`, the value whose words occur in `asked` is taken; among several, and if there is
/// none, a hash of `asked` decides.
pub(crate) fn make(schema: &Value, asked: &str) -> Value {
    let maker = Maker {
        root: schema,
        asked,
        words: words(asked),
        left: Cell::new(VALUES_MAX),
    };
    maker.value(schema, "", 0)
}

struct Maker<'a> {
    root: &'a Value,
    asked: &'a str,
    words: Vec<String>,
    left: Cell<u32>,
}

impl Maker<'_> {
    fn value(&self, schema: &Value, path: &str, depth: usize) -> Value {
        if depth > DEPTH_MAX || self.left.get() == 0 {
            return Value::Null;
        }
        self.left.set(self.left.get() - 1);
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(values) = schema["enum"]
            .as_array()
            .filter(|values| !values.is_empty())
        {
            return self.pick(values, path).clone();
        }
        if let Some(target) = schema["$ref"]
            .as_str()
            .and_then(|name| self.root.pointer(name.strip_prefix('#')?))
        {
            return self.value(target, path, depth + 1);
        }
        for name in ["anyOf", "oneOf"] {
            if let Some(schemas) = schema[name]
                .as_array()
                .filter(|schemas| !schemas.is_empty())
            {
                return self.value(self.branch(schemas, path, depth), path, depth + 1);
            }
        }
        if let Some(schemas) = schema["allOf"]
            .as_array()
            .filter(|schemas| !schemas.is_empty())
        {
            return self.value(&self.merged(schema, schemas), path, depth + 1);
        }
        match kind(schema) {
            "object" => self.object(schema, path, depth),
            "array" => self.array(schema, path, depth),
            "integer" => self.integer(schema, path),
            "number" => self.number(schema, path),
            "boolean" => Value::Bool(self.hash(path).is_multiple_of(2)),
            "null" => Value::Null,
            _ => self.string(schema, path),
        }
    }

    fn object(&self, schema: &Value, path: &str, depth: usize) -> Value {
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut made = Map::new();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            if depth < FULL_DEPTH || required.contains(&name.as_str()) {
                made.insert(
                    name.clone(),
                    self.value(schema, &format!("{path}.{name}"), depth + 1),
                );
            }
        }
        for name in required {
            if !made.contains_key(name) {
                made.insert(
                    name.to_owned(),
                    self.string(&Value::Null, &format!("{path}.{name}")),
                );
            }
        }
        Value::Object(made)
    }

    fn array(&self, schema: &Value, path: &str, depth: usize) -> Value {
        let least = schema["minItems"].as_u64().unwrap_or(0);
        let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        let usual = if depth < FULL_DEPTH {
            1 + self.hash(path) % 2
        } else {
            0
        };
        let count = usual.max(least).min(most).min(u64::from(self.left.get()));
        Value::Array(
            (0..count)
                .map(|at| self.value(&schema["items"], &format!("{path}.{at}"), depth + 1))
                .collect(),
        )
    }

    fn integer(&self, schema: &Value, path: &str) -> Value {
        let low = schema["minimum"]
            .as_i64()
            .or_else(|| schema["exclusiveMinimum"].as_i64()?.checked_add(1));
        let high = schema["maximum"]
            .as_i64()
            .or_else(|| schema["exclusiveMaximum"].as_i64()?.checked_sub(1));
        let low = low.unwrap_or_else(|| high.map_or(0, |high| high.saturating_sub(100)));
        let high = high.unwrap_or_else(|| low.saturating_add(100)).max(low);
        let step = schema["multipleOf"]
            .as_i64()
            .filter(|step| *step > 0)
            .unwrap_or(1);
        let first = low.div_euclid(step).saturating_mul(step);
        let first = if first < low {
            first.saturating_add(step)
        } else {
            first
        };
        let places = (high.saturating_sub(first) / step)
            .clamp(0, 100)
            .unsigned_abs()
            + 1;
        let place = i64::try_from(self.hash(path) % places).unwrap_or(0);
        json!(first.saturating_add(place.saturating_mul(step)))
    }

    #[expect(clippy::cast_precision_loss, reason = "below 1000")]
    fn number(&self, schema: &Value, path: &str) -> Value {
        let bound = |name: &str, exclusive: &str| {
            schema[name].as_f64().or_else(|| schema[exclusive].as_f64())
        };
        let low = bound("minimum", "exclusiveMinimum");
        let high = bound("maximum", "exclusiveMaximum");
        let low = low.unwrap_or_else(|| high.map_or(0.0, |high| high.min(1.0) - 1.0));
        let high = high.unwrap_or(low + 1.0);
        // Never an end of the range, which may be excluded.
        let share = (1 + self.hash(path) % 99) as f64 / 100.0;
        Number::from_f64(low + share * (high - low)).map_or(json!(0), Value::Number)
    }

    fn string(&self, schema: &Value, path: &str) -> Value {
        let hash = self.hash(path);
        let text = match schema["format"].as_str() {
            Some("date-time") => format!("2026-01-{:02}T12:00:00Z", 1 + hash % 28),
            Some("date") => format!("2026-01-{:02}", 1 + hash % 28),
            Some("time") => format!("{:02}:00:00Z", hash % 24),
            Some("duration") => format!("PT{}M", 1 + hash % 59),
            Some("email") => format!("person{}@example.com", hash % 1000),
            Some("hostname") => format!("host{}.example.com", hash % 1000),
            Some("uri") => format!("https://example.com/{}", hash % 1000),
            Some("ipv4") => format!("192.0.2.{}", hash % 256),
            Some("ipv6") => format!("2001:db8::{:x}", hash % 65_536),
            Some("uuid") => format!("00000000-0000-4000-8000-{:012x}", hash % (1 << 48)),
            _ => self.prose(schema, path),
        };
        Value::String(text)
    }

    fn prose(&self, schema: &Value, path: &str) -> String {
        let name = path
            .rsplit('.')
            .find(|part| part.parse::<u64>().is_err())
            .unwrap_or_default();
        let quoted: String = self.asked.chars().take(QUOTED_CHARS_MAX).collect();
        let text = if name.is_empty() {
            quoted
        } else {
            format!("{name} of: {quoted}")
        };
        let most = schema["maxLength"]
            .as_u64()
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(usize::MAX);
        let least = schema["minLength"]
            .as_u64()
            .and_then(|least| usize::try_from(least).ok())
            .unwrap_or(0)
            .min(100_000);
        let text: String = text.chars().take(most).collect();
        let missing = least.saturating_sub(text.chars().count());
        text + &".".repeat(missing)
    }

    /// The schema of several that is followed: not the null one, nor, deep down, one that nests.
    fn branch<'s>(&self, schemas: &'s [Value], path: &str, depth: usize) -> &'s Value {
        let flat = |schema: &&Value| {
            schema.get("$ref").is_none() && !matches!(kind(schema), "object" | "array")
        };
        if depth >= FULL_DEPTH
            && let Some(schema) = schemas.iter().find(flat)
        {
            return schema;
        }
        let real: Vec<&Value> = schemas
            .iter()
            .filter(|schema| kind(schema) != "null")
            .collect();
        real.get(index(self.hash(path), real.len()))
            .copied()
            .unwrap_or(&schemas[0])
    }

    /// `allOf` as one schema: later fields win, properties and required names add up.
    fn merged(&self, schema: &Value, schemas: &[Value]) -> Value {
        let mut all = Map::new();
        let own = schema
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "allOf");
        let resolved = schemas.iter().map(|schema| {
            let target = schema["$ref"]
                .as_str()
                .and_then(|name| self.root.pointer(name.strip_prefix('#')?));
            target.unwrap_or(schema)
        });
        let fields =
            own.chain(resolved.flat_map(|schema| schema.as_object().into_iter().flatten()));
        for (name, value) in fields {
            match (all.get_mut(name), value) {
                (Some(Value::Object(there)), Value::Object(more)) => {
                    there.extend(
                        more.iter()
                            .map(|(name, value)| (name.clone(), value.clone())),
                    );
                }
                (Some(Value::Array(there)), Value::Array(more)) => {
                    there.extend(more.iter().cloned());
                }
                _ => {
                    all.insert(name.clone(), value.clone());
                }
            }
        }
        Value::Object(all)
    }

    fn pick<'v>(&self, values: &'v [Value], path: &str) -> &'v Value {
        let scores: Vec<(usize, usize)> = values.iter().map(|value| self.score(value)).collect();
        let best = scores.iter().copied().max().unwrap_or_default();
        let tied: Vec<&Value> = values
            .iter()
            .zip(&scores)
            .filter(|(_, score)| **score == best)
            .map(|(value, _)| value)
            .collect();
        tied[index(self.hash(path), tied.len())]
    }

    /// How much of a value's words occur in the text, in thousandths, and how often.
    fn score(&self, value: &Value) -> (usize, usize) {
        let own = match value {
            Value::String(text) => words(text),
            _ => return (0, 0),
        };
        let counts: Vec<usize> = own
            .iter()
            .map(|word| self.words.iter().filter(|other| same(word, other)).count())
            .collect();
        let found = counts.iter().filter(|count| **count > 0).count();
        (found * 1000 / own.len().max(1), counts.iter().sum())
    }

    fn hash(&self, path: &str) -> u64 {
        let digest = Sha256::new()
            .chain_update(self.asked)
            .chain_update([0])
            .chain_update(path)
            .finalize();
        u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
    }
}

/// `type`, or what the other fields show it to be. Of several types the first that is not null.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or("null"),
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

fn index(hash: u64, length: usize) -> usize {
    usize::try_from(hash % (length.max(1) as u64)).unwrap_or(0)
}

fn words(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Whether a word of the text is `word` or, if that is long enough to tell, a longer form of it.
fn same(word: &str, other: &str) -> bool {
    word == other || (word.len() >= 4 && other.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_text_win_an_enum() {
        let schema = json!({"enum": ["billing", "technical_fault", "other"]});
        assert_eq!(make(&schema, "My bill: two BILLINGS this month"), "billing");
        assert_eq!(
            make(&schema, "a technical fault, not an account"),
            "technical_fault"
        );
        let by_hash = make(&schema, "hello");
        assert_eq!(make(&schema, "hello"), by_hash);
    }

    #[test]
    fn every_kind_is_made() {
        let schema = json!({
            "type": "object", "required": ["extra"], "$defs": {"p": {"type": "object", "properties": {"next": {"$ref": "#/$defs/p"}}}},
            "properties": {
                "c": {"const": 7}, "s": {"type": "string", "maxLength": 3}, "i": {"type": "integer", "minimum": 5, "maximum": 6},
                "n": {"type": "number", "minimum": 2, "maximum": 3}, "b": {"type": ["null", "boolean"]}, "z": {"type": "null"},
                "a": {"type": "array", "minItems": 3, "items": {"enum": [1]}}, "r": {"$ref": "#/$defs/p"},
                "u": {"anyOf": [{"type": "null"}, {"type": "integer"}]}, "all": {"allOf": [{"properties": {"x": {"const": 1}}}, {"properties": {"y": {"const": 2}}}]},
            },
        });
        let made = make(&schema, "text");
        assert_eq!(made["c"], 7);
        assert_eq!(made["s"].as_str().map(str::len), Some(3));
        assert!(matches!(made["i"].as_i64(), Some(5 | 6)));
        assert!(
            made["n"]
                .as_f64()
                .is_some_and(|number| number > 2.0 && number < 3.0)
        );
        assert!(
            made["b"].is_boolean()
                && made["z"].is_null()
                && made["u"].is_i64()
                && made["extra"].is_string()
        );
        assert_eq!(made["a"], json!([1, 1, 1]));
        assert_eq!(made["all"], json!({"x": 1, "y": 2}));
        assert!(made["r"]["next"].is_object());
    }

    #[test]
    fn schemas_without_an_end_end() {
        let schema = json!({"type": "object", "required": ["a", "b"], "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}});
        assert!(make(&schema, "x").is_object());
        assert!(make(&json!({"type": "array", "minItems": u64::MAX, "items": {"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX}}), "x").is_array());
    }
}

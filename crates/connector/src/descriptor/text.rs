//! A text in a descriptor: written plainly, or as a map of `value` and `placeholders`.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A text with the placeholders it declares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Text {
    /// The text; its holes are written `{{name}}`.
    pub value: String,
    /// What it says about its holes; those it does not mention are required strings.
    pub placeholders: Vec<Placeholder>,
}

/// One declared hole.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placeholder {
    /// Its name.
    pub name: String,
    /// `String`, `Integer`, `Number`, `Boolean`, `DateTime`, `Object` or `Array`.
    #[serde(rename = "type", default = "string_type")]
    pub kind: String,
    /// One sentence.
    #[serde(default)]
    pub description: String,
    /// Whether it must be given.
    #[serde(default = "yes")]
    pub required: bool,
}

fn string_type() -> String {
    "String".to_owned()
}

fn yes() -> bool {
    true
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a map with `value` and `placeholders`")
    }

    fn visit_str<E>(self, value: &str) -> Result<Text, E> {
        Ok(Text {
            value: value.to_owned(),
            placeholders: Vec::new(),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Text, A::Error> {
        let mut value = None;
        let mut placeholders = Vec::new();
        while let Some(key) = access.next_key::<String>()? {
            match key.as_str() {
                "value" => value = Some(access.next_value()?),
                "placeholders" => placeholders = access.next_value()?,
                other => return Err(A::Error::unknown_field(other, &["value", "placeholders"])),
            }
        }
        Ok(Text {
            value: value.ok_or_else(|| A::Error::missing_field("value"))?,
            placeholders,
        })
    }
}

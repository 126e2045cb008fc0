//! Reading no more of a JSON value than an expression uses.

use std::fmt;
use std::sync::Arc;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::json::Seed;
use super::{Map, Value};

/// The members that are read; what is not named is skipped without being looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// Nothing: all of it is read.
    members: Vec<(Arc<str>, Projection)>,
}

impl Projection {
    /// Reads what these paths lead to. `None` if one of them is empty, or there are none: then nothing can be skipped.
    pub fn of<'p>(paths: impl IntoIterator<Item = &'p [Arc<str>]>) -> Option<Projection> {
        let mut whole = Projection {
            members: Vec::new(),
        };
        let mut some = false;
        for path in paths {
            if path.is_empty() {
                return None;
            }
            some = true;
            whole.add(path);
        }
        some.then_some(whole)
    }

    fn add(&mut self, path: &[Arc<str>]) {
        let Some((first, rest)) = path.split_first() else {
            self.members.clear();
            return;
        };
        match self.members.iter_mut().find(|(name, _)| name == first) {
            // All of it is read already.
            Some((_, known)) if known.members.is_empty() => {}
            Some((_, known)) => known.add(rest),
            None => {
                let mut new = Projection {
                    members: Vec::new(),
                };
                new.add(rest);
                self.members.push((first.clone(), new));
            }
        }
    }
}

/// Reads a value as [`Seed`] does, without the members that are not wanted.
pub(super) struct Projected<'a> {
    pub(super) seed: Seed<'a>,
    pub(super) projection: &'a Projection,
}

impl<'de> DeserializeSeed<'de> for Projected<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.projection.members.is_empty() {
            return self.seed.deserialize(deserializer);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Projected<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.seed.expecting(f)
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        self.seed.visit_unit()
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        self.seed.visit_bool(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        self.seed.visit_i64(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        self.seed.visit_u64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        self.seed.visit_f64(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.seed.visit_str(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        self.seed.visit_seq(access)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        let members = &self.projection.members;
        while let Some(wanted) = access.next_key_seed(Wanted(members))? {
            let Some((name, projection)) = wanted else {
                access.next_value::<IgnoredAny>()?;
                continue;
            };
            let seed = self.seed.deeper::<A::Error>()?;
            map.insert(
                name.clone(),
                access.next_value_seed(Projected { seed, projection })?,
            );
        }
        Ok(Value::from(map))
    }
}

/// Finds the name of a member among those that are wanted.
struct Wanted<'a>(&'a [(Arc<str>, Projection)]);

impl<'de, 'a> DeserializeSeed<'de> for Wanted<'a> {
    type Value = Option<&'a (Arc<str>, Projection)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Wanted<'a> {
    type Value = Option<&'a (Arc<str>, Projection)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|(name, _)| **name == *value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json::{parse, parse_projected};

    fn projection(paths: &[&str]) -> Option<Projection> {
        let paths: Vec<Vec<Arc<str>>> = paths
            .iter()
            .map(|path| {
                path.split('.')
                    .filter(|part| !part.is_empty())
                    .map(Arc::from)
                    .collect()
            })
            .collect();
        Projection::of(paths.iter().map(Vec::as_slice))
    }

    #[track_caller]
    fn check(text: &str, paths: &[&str], expected: &str) {
        let projection = projection(paths).expect("it leaves something out");
        let shown = match parse_projected(text.as_bytes(), &projection) {
            Ok(value) => value.to_json().expect("plain"),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn only_what_is_named_is_read() {
        let text = r#"{"a":{"b":[1,{"c":2}],"d":"x"},"e":{"a":1},"a\u0062":3}"#;
        check(text, &["a.b"], r#"{"a":{"b":[1,{"c":2}]}}"#);
        check(text, &["a.b", "a"], r#"{"a":{"b":[1,{"c":2}],"d":"x"}}"#);
        check(text, &["a", "a.b"], r#"{"a":{"b":[1,{"c":2}],"d":"x"}}"#);
        check(text, &["ab", "none"], r#"{"ab":3}"#);
        check(text, &["e.a.z"], r#"{"e":{"a":1}}"#);
        check(r#"{"a":1,"a":{"b":2}}"#, &["a.b"], r#"{"a":{"b":2}}"#);
        check(r#"{"a":{"b":2},"a":1}"#, &["a.b"], r#"{"a":1}"#);
        check("[{\"a\":1}]", &["a"], "[{\"a\":1}]");
        check(
            r#"{"x":[1,2,"#,
            &["a"],
            "EOF while parsing a value at line 1 column 10",
        );
        check(r#"{"x":99999999999999999999,"a":1}"#, &["a"], r#"{"a":1}"#);
        assert_eq!(projection(&["a", ""]), None);
        assert_eq!(projection(&[]), None);
    }

    #[test]
    fn a_projection_of_everything_is_everything() {
        let text = r#"{"a":[true,null,1.5,"\ud83d\ude00"],"b":{"c":{}}}"#;
        let projection = projection(&["a", "b.c"]).expect("paths");
        assert_eq!(
            parse_projected(text.as_bytes(), &projection),
            parse(text.as_bytes())
        );
    }
}

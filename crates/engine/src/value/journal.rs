//! The form in which the journal keeps values: JSON in which blobs, secrets and views are maps with a key that starts
//! with `$`. A key of the user's own that starts with `$` gets one more `$`, so the two can never be confused.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;

use super::{Blob, Hash, Map, PathPart, Secret, SecretPart, Value, View, ViewMember};

/// Writes and reads a field of a journal event: `#[serde(with = "value::journal")]`.
///
/// # Errors
/// Only those of the serializer.
pub fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    Written(value).serialize(serializer)
}

/// See [`serialize`].
///
/// # Errors
/// If the text is not in the journal's form.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Ok(Read::deserialize(deserializer)?.0)
}

/// A value in the journal's form as a text of its own.
pub fn to_string(value: &Value) -> String {
    serde_json::to_string(&Written(value)).expect("values always have a journal form")
}

/// Reads what [`to_string`] wrote.
///
/// # Errors
/// If the text is not in the journal's form.
pub fn from_str(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str::<Read>(text).map(|read| read.0)
}

struct Written<'a>(&'a Value);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::List(items) => serializer.collect_seq(items.iter().map(Written)),
            Value::Map(map) => match map.view() {
                None => Members(map).serialize(serializer),
                Some(view) => {
                    let mut outer = serializer.serialize_map(Some(2))?;
                    outer.serialize_entry("$view", &view_json(view))?;
                    outer.serialize_entry("$map", &Members(map))?;
                    outer.end()
                }
            },
            Value::Blob(blob) => {
                let mut outer = serializer.serialize_map(Some(1))?;
                outer.serialize_entry("$blob", &blob_json(blob))?;
                outer.end()
            }
            Value::Secret(secret) => {
                let mut outer = serializer.serialize_map(Some(1))?;
                outer.serialize_entry("$secret", &secret_json(secret))?;
                outer.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}

struct Members<'a>(&'a Map);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0.iter() {
            if key.starts_with('$') {
                members.serialize_entry(&format!("${key}"), &Written(value))?;
            } else {
                members.serialize_entry(&**key, &Written(value))?;
            }
        }
        members.end()
    }
}

fn blob_json(blob: &Blob) -> serde_json::Value {
    let mut form =
        json!({ "hash": blob.hash.to_string(), "bytes": blob.bytes, "media": &*blob.media });
    if let Some(count) = blob.count {
        form["count"] = count.into();
    }
    if let Some(view) = &blob.item_view {
        form["item_view"] = view_json(view);
    }
    if let Some(name) = &blob.name {
        form["name"] = (&**name).into();
    }
    form
}

fn secret_json(secret: &Secret) -> serde_json::Value {
    let part = |part: &SecretPart| match part {
        SecretPart::Text(text) => json!({ "text": &**text }),
        SecretPart::Name(name) => json!({ "name": &**name }),
    };
    secret.parts().iter().map(part).collect()
}

fn view_json(view: &View) -> serde_json::Value {
    let part = |part: &PathPart| match part {
        PathPart::Key(key) => json!(&**key),
        PathPart::Index(index) => json!(index),
    };
    let member = |member: &ViewMember| {
        let mut form = json!({ "name": &*member.name, "path": member.path.iter().map(part).collect::<Vec<_>>() });
        if let Some(join) = &member.join_text_of {
            form["join_text_of"] = (&**join).into();
        }
        form
    };
    view.members.iter().map(member).collect()
}

struct Read(Value);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Read, D::Error> {
        deserializer.deserialize_any(ReadVisitor)
    }
}

struct ReadVisitor;

impl<'de> Visitor<'de> for ReadVisitor {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value in the journal's form")
    }

    fn visit_unit<E>(self) -> Result<Read, E> {
        Ok(Read(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Read, E> {
        Ok(Read(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Read, E> {
        Ok(Read(Value::Int(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Read, E> {
        Ok(Read(Value::from(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Read, E> {
        Ok(Read(Value::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Read, E> {
        Ok(Read(Value::from(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Read, A::Error> {
        let mut items = Vec::new();
        while let Some(Read(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Read(Value::from(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Read, A::Error> {
        let mut map = Map::new();
        let mut view = None;
        while let Some(key) = access.next_key::<String>()? {
            match key.as_str() {
                "$blob" => {
                    return Ok(Read(
                        read_blob(&access.next_value()?).map_err(A::Error::custom)?,
                    ));
                }
                "$secret" => {
                    return Ok(Read(
                        read_secret(&access.next_value()?).map_err(A::Error::custom)?,
                    ));
                }
                "$view" => {
                    view = Some(Arc::new(
                        read_view(&access.next_value()?).map_err(A::Error::custom)?,
                    ));
                }
                "$map" => match access.next_value::<Read>()?.0 {
                    Value::Map(inner) => map = Arc::unwrap_or_clone(inner),
                    other => {
                        return Err(A::Error::custom(format!(
                            "`$map` holds {}",
                            other.described()
                        )));
                    }
                },
                own => {
                    let own = if own.starts_with("$$") {
                        &own[1..]
                    } else {
                        own
                    };
                    map.insert(own, access.next_value::<Read>()?.0);
                }
            }
        }
        Ok(Read(Value::from(map.with_view(view))))
    }
}

fn read_blob(form: &serde_json::Value) -> Result<Value, String> {
    let hash = form["hash"]
        .as_str()
        .and_then(Hash::parse)
        .ok_or("a blob without a hash")?;
    let bytes = form["bytes"].as_u64().ok_or("a blob without a length")?;
    let mut blob = Blob::new(
        hash,
        bytes,
        form["media"].as_str().unwrap_or("application/octet-stream"),
    );
    blob.count = form["count"].as_u64();
    blob.name = form["name"].as_str().map(Arc::from);
    if !form["item_view"].is_null() {
        blob.item_view = Some(Arc::new(read_view(&form["item_view"])?));
    }
    Ok(Value::from(blob))
}

fn read_secret(form: &serde_json::Value) -> Result<Value, String> {
    let part = |part: &serde_json::Value| match (part["text"].as_str(), part["name"].as_str()) {
        (Some(text), _) => Ok(SecretPart::Text(text.into())),
        (None, Some(name)) => Ok(SecretPart::Name(name.into())),
        (None, None) => Err("a part of a secret is neither text nor name".to_owned()),
    };
    let parts = form.as_array().ok_or("a secret is not a list")?;
    Ok(Value::from(Secret::mixed(
        parts.iter().map(part).collect::<Result<_, _>>()?,
    )))
}

fn read_view(form: &serde_json::Value) -> Result<View, String> {
    let part = |part: &serde_json::Value| match (part.as_str(), part.as_u64()) {
        (Some(key), _) => Ok(PathPart::Key(key.into())),
        (None, Some(index)) => Ok(PathPart::Index(
            usize::try_from(index).map_err(|error| error.to_string())?,
        )),
        (None, None) => Err("a view's path holds neither key nor index".to_owned()),
    };
    let member = |member: &serde_json::Value| {
        Ok::<_, String>(ViewMember {
            name: member["name"]
                .as_str()
                .ok_or("a view's member has no name")?
                .into(),
            path: member["path"]
                .as_array()
                .ok_or("a view's member has no path")?
                .iter()
                .map(part)
                .collect::<Result<_, _>>()?,
            join_text_of: member["join_text_of"].as_str().map(Arc::from),
        })
    };
    let members = form.as_array().ok_or("a view is not a list")?;
    Ok(View {
        members: members.iter().map(member).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_as_it_was() {
        let view = Arc::new(View {
            members: vec![ViewMember {
                name: "text".into(),
                path: vec![PathPart::Key("content".into()), PathPart::Index(0)],
                join_text_of: Some("text".into()),
            }],
        });
        let mut blob = Blob::new(Hash::of(b"x"), 1, Blob::JSON_LINES);
        blob.count = Some(1);
        blob.item_view = Some(view.clone());
        let viewed: Map = [(Arc::from("content"), Value::Null)].into_iter().collect();
        let value = Value::map([
            ("$blob", Value::from("the user's own")),
            ("$$x", Value::from(1_i64)),
            ("blob", Value::from(blob)),
            ("secret", Value::from(Secret::named("KEY"))),
            ("viewed", Value::from(viewed.with_view(Some(view)))),
            (
                "list",
                Value::list([Value::Float(1.5), Value::from(u64::MAX)]),
            ),
        ]);
        let text = to_string(&value);
        let again = from_str(&text).expect("it was just written");
        assert_eq!(again, value);
        assert_eq!(to_string(&again), text);
        assert!(
            again
                .get("viewed")
                .and_then(Value::as_map)
                .is_some_and(|map| map.view().is_some())
        );
    }
}

//! The form in which a request is journaled: a map of plain values, handles and stored values.

use std::sync::Arc;
use std::time::Duration;

use flow_backend::context::Blobs;
use flow_engine::money::Costs;
use flow_engine::run::{Failure, Prepared};
use flow_engine::value::{Map, Value};

use super::secrets::Opener;
use super::{Body, Part, Request, measure, query, spill};

impl Request {
    /// Makes it durable: large parts are stored, and its hash is taken over method, address and body, a secret standing
    /// as its name.
    pub(crate) fn prepare(
        mut self,
        blobs: &dyn Blobs,
        count: Option<u64>,
        key: &str,
    ) -> Result<Prepared, Failure> {
        self.body = match self.body {
            Body::Json(value) => Body::Json(spill(&value, blobs)?),
            Body::Raw { content, media } => Body::Raw {
                content: spill(&content, blobs)?,
                media,
            },
            other => other,
        };
        let query = query::joined(&self.query, &Opener::Named)?;
        let prefix = format!("{}\n{}?{query}\n", self.method, self.url);
        let written = measure(prefix.as_bytes(), &self.body, blobs, &Opener::Named)?;
        Ok(Prepared {
            request: self.to_value(),
            hash: written.hash,
            count,
            bound: Costs::default(),
            key: key.to_owned(),
        })
    }

    /// The form.
    pub(crate) fn to_value(&self) -> Value {
        let mut form = Map::new();
        form.insert("method", Value::from(self.method.clone()));
        form.insert("url", Value::from(self.url.clone()));
        form.insert("query", pairs(&self.query));
        form.insert("headers", pairs(&self.headers));
        form.insert("body", body_value(&self.body));
        if let Some(limit) = self.first_byte {
            let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            form.insert("first_byte", Value::from(millis));
        }
        Value::from(form)
    }

    /// Reads the form.
    ///
    /// # Errors
    /// `call.prepared` if it is not one: the journal was written by another version.
    pub(crate) fn from_value(form: &Value) -> Result<Request, Failure> {
        let read = || {
            Some(Request {
                method: text(form.get("method")?)?,
                url: text(form.get("url")?)?,
                query: read_pairs(form.get("query")?)?,
                headers: read_pairs(form.get("headers")?)?,
                body: read_body(form.get("body")?)?,
                first_byte: form
                    .get("first_byte")
                    .and_then(Value::as_u64)
                    .map(Duration::from_millis),
            })
        };
        read().ok_or_else(|| {
            Failure::permanent(
                "call.prepared",
                "the prepared request is not in a form that this version knows",
            )
        })
    }
}

fn text(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn pairs(pairs: &[(Arc<str>, Value)]) -> Value {
    Value::list(
        pairs
            .iter()
            .map(|(name, value)| Value::list([Value::from(name.clone()), value.clone()])),
    )
}

fn read_pairs(value: &Value) -> Option<Vec<(Arc<str>, Value)>> {
    let pair = |pair: &Value| match pair.as_list()? {
        [name, value] => Some((text(name)?, value.clone())),
        _ => None,
    };
    value.as_list()?.iter().map(pair).collect()
}

fn body_value(body: &Body) -> Value {
    match body {
        Body::Empty => Value::Null,
        Body::Json(value) => Value::map([("json", value.clone())]),
        Body::Form(fields) => Value::map([("form", pairs(fields))]),
        Body::Raw { content, media } => Value::map([
            ("raw", content.clone()),
            ("media", Value::from(media.clone())),
        ]),
        Body::Multipart { boundary, parts } => {
            let part = |part: &Part| {
                Value::map([
                    ("name", Value::from(part.name.clone())),
                    ("file_name", Value::from(part.file_name.clone())),
                    ("media", Value::from(part.media.clone())),
                    ("content", part.content.clone()),
                ])
            };
            Value::map([
                ("boundary", Value::from(boundary.clone())),
                ("parts", Value::list(parts.iter().map(part))),
            ])
        }
    }
}

fn read_body(form: &Value) -> Option<Body> {
    if form.is_null() {
        return Some(Body::Empty);
    }
    if let Some(value) = form.get("json") {
        return Some(Body::Json(value.clone()));
    }
    if let Some(fields) = form.get("form") {
        return Some(Body::Form(read_pairs(fields)?));
    }
    if let Some(content) = form.get("raw") {
        return Some(Body::Raw {
            content: content.clone(),
            media: text(form.get("media")?)?,
        });
    }
    let part = |part: &Value| {
        Some(Part {
            name: text(part.get("name")?)?,
            file_name: part.get("file_name").and_then(text),
            media: part.get("media").and_then(text),
            content: part.get("content")?.clone(),
        })
    };
    let parts = form
        .get("parts")?
        .as_list()?
        .iter()
        .map(part)
        .collect::<Option<_>>()?;
    Some(Body::Multipart {
        boundary: text(form.get("boundary")?)?,
        parts,
    })
}

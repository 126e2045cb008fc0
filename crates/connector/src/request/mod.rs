//! From an operation and its arguments to the bytes of a request, without a socket. Read in this order: [`Request`], `build`
//! (a descriptor's operation), `query`, `multipart`, `source` (files in messages), `write` (bodies as bytes, stored values among them), `spill` (large
//! parts into the blob store), `prepared` (the form in which a request is made durable), `secrets`.

pub(crate) mod build;
pub(crate) mod multipart;
mod prepared;
pub(crate) mod query;
pub(crate) mod secrets;
pub(crate) mod source;
mod spill;
mod write;

use std::sync::Arc;
use std::time::Duration;

use flow_engine::value::{Secret, Value};

pub(crate) use spill::{INLINE_BYTES_MAX, size, spill, store, store_failure};
pub(crate) use write::{WriteError, body, json, measure};

/// A request whose secrets are handles and whose large parts are stored values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// Upper-case method.
    pub(crate) method: Arc<str>,
    /// Address without query.
    pub(crate) url: Arc<str>,
    /// The query in order: names and texts, perhaps secret.
    pub(crate) query: Vec<(Arc<str>, Value)>,
    /// Lower-case names and texts, perhaps secret.
    pub(crate) headers: Vec<(Arc<str>, Value)>,
    /// The body.
    pub(crate) body: Body,
    /// Time to the first byte of the answer, if not the usual.
    pub(crate) first_byte: Option<Duration>,
}

/// What is sent after the headers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// Nothing.
    Empty,
    /// A tree, written as JSON.
    Json(Value),
    /// Names and texts, `application/x-www-form-urlencoded`.
    Form(Vec<(Arc<str>, Value)>),
    /// Parts, `multipart/form-data`.
    Multipart {
        /// What stands between them.
        boundary: Arc<str>,
        /// In order.
        parts: Vec<Part>,
    },
    /// A text or a stored value, as it is.
    Raw {
        /// The content.
        content: Value,
        /// Its media type.
        media: Arc<str>,
    },
}

/// One part of a multipart body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// Name of the field.
    pub(crate) name: Arc<str>,
    /// Name of the file, if it is one.
    pub(crate) file_name: Option<Arc<str>>,
    /// Media type, if it is not plain text.
    pub(crate) media: Option<Arc<str>>,
    /// A text, a stored value as its bytes, or any other value as JSON.
    pub(crate) content: Value,
}

impl Request {
    /// A request without query, headers and body.
    pub(crate) fn new(method: impl Into<Arc<str>>, url: impl Into<Arc<str>>) -> Request {
        Request {
            method: method.into(),
            url: url.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Body::Empty,
            first_byte: None,
        }
    }

    /// Whether it has a header of this lower-case name.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| &**known == name)
    }

    /// The secrets in its query, its headers and its body.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let mut found = Vec::new();
        let mut look = |value: &Value| {
            value.walk(&mut |value| {
                if let Value::Secret(secret) = value {
                    found.push((**secret).clone());
                }
            });
        };
        let pairs = self.query.iter().chain(&self.headers);
        pairs.for_each(|(_, value)| look(value));
        match &self.body {
            Body::Json(value) => look(value),
            Body::Form(fields) => fields.iter().for_each(|(_, value)| look(value)),
            Body::Multipart { parts, .. } => parts.iter().for_each(|part| look(&part.content)),
            Body::Raw { content, .. } => look(content),
            Body::Empty => {}
        }
        found
    }

    /// Sets a query parameter: in place of the one of that name, or at the end.
    pub(crate) fn set_query(&mut self, name: &Arc<str>, value: Value) {
        match self.query.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.query.push((name.clone(), value)),
        }
    }
}

impl Body {
    /// The media type to declare.
    pub(crate) fn media(&self) -> Option<String> {
        match self {
            Body::Empty => None,
            Body::Json(_) => Some("application/json".to_owned()),
            Body::Form(_) => Some("application/x-www-form-urlencoded".to_owned()),
            Body::Multipart { boundary, .. } => {
                Some(format!("multipart/form-data; boundary={boundary}"))
            }
            Body::Raw { media, .. } => Some(media.to_string()),
        }
    }
}

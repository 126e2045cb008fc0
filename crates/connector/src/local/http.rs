//! `http`: any address, without a descriptor.

use std::sync::Arc;

use flow_backend::context::Blobs;
use flow_engine::run::{Failure, Prepared};
use flow_engine::value::{Map, Value};

use super::LocalCall;
use crate::descriptor::document::ArrayStyle;
use crate::descriptor::operation::{Answer, Pagination};
use crate::descriptor::pagination_of;
use crate::project::Project;
use crate::request::build::boundary;
use crate::request::{Body, Part, Request, multipart, query};
use crate::service::perform::{Performer, Reading};

/// A request and how its answer is read.
pub(crate) struct HttpCall {
    request: Request,
    accept: Vec<u16>,
    /// As the author wrote it: its form is journaled.
    paginate: Value,
}

impl HttpCall {
    /// Builds it. Blocks: files are copied into the store.
    pub(crate) fn build(call: &LocalCall, key: &str) -> Result<HttpCall, Failure> {
        let method = match &*call.operation {
            "request" => call.text("method").to_ascii_uppercase(),
            other => other.to_ascii_uppercase(),
        };
        let mut request = Request::new(method, call.text("url"));
        for (name, value) in members(call.argument("query")) {
            query::add(&mut request.query, name, ArrayStyle::Repeat, value)?;
        }
        request
            .headers
            .push(("accept".into(), Value::from("application/json, */*;q=0.5")));
        for (name, value) in members(call.argument("headers")).filter(|(_, value)| !value.is_null())
        {
            let name: Arc<str> = name.to_ascii_lowercase().into();
            request.headers.retain(|(known, _)| *known != name);
            request
                .headers
                .push((name.clone(), query::scalar(&name, value)?));
        }
        match call.argument("idempotency_key") {
            Value::String(own) => request
                .headers
                .push(("idempotency-key".into(), Value::from(own.clone()))),
            Value::Bool(true) => request
                .headers
                .push(("idempotency-key".into(), Value::from(key))),
            _ => {}
        }
        request.body = body(call)?;
        let accept = call.argument("accept_status").as_list().unwrap_or_default();
        let paginate = call.argument("paginate").clone();
        pagination(&paginate)?;
        Ok(HttpCall {
            request,
            accept: accept
                .iter()
                .filter_map(|status| u16::try_from(status.as_u64()?).ok())
                .collect(),
            paginate,
        })
    }

    /// Makes it durable.
    pub(crate) fn prepare(self, blobs: &dyn Blobs, key: &str) -> Result<Prepared, Failure> {
        let prepared = self.request.prepare(blobs, None, key)?;
        let accept = Value::list(
            self.accept
                .iter()
                .map(|status| Value::from(u32::from(*status))),
        );
        let form = [
            ("http", prepared.request),
            ("accept", accept),
            ("paginate", self.paginate),
        ];
        Ok(Prepared {
            request: Value::map(form),
            ..prepared
        })
    }

    /// Reads what [`HttpCall::prepare`] gave.
    pub(crate) fn from_prepared(prepared: &Prepared) -> Result<HttpCall, Failure> {
        let form = |name: &str| prepared.request.get(name).cloned().unwrap_or_default();
        let accept = form("accept");
        let accept = accept.as_list().unwrap_or_default();
        Ok(HttpCall {
            request: Request::from_value(&form("http"))?,
            accept: accept
                .iter()
                .filter_map(|status| u16::try_from(status.as_u64()?).ok())
                .collect(),
            paginate: form("paginate"),
        })
    }

    /// Sends it.
    pub(crate) async fn perform(
        &self,
        performer: &Performer<'_>,
        pages: Option<u32>,
        with_response: bool,
    ) -> Result<Value, Failure> {
        if &*self.request.method == "HEAD" {
            return performer.head(&self.request, &self.accept).await;
        }
        let reading = Reading {
            usage: None,
            answer: Answer::Auto,
            view: None,
            pagination: pagination(&self.paginate)?,
            pages,
            with_response,
            accept: self.accept.clone(),
            promise: None,
        };
        performer.perform(&self.request, &reading).await
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&Arc<str>, &Value)> {
    value.as_map().into_iter().flat_map(Map::iter)
}

fn pagination(written: &Value) -> Result<Option<Pagination>, Failure> {
    if written.is_null() {
        return Ok(None);
    }
    let refused =
        |error: &serde_json::Error| Failure::permanent("call.type", format!("`paginate`: {error}"));
    let text = written.to_json().map_err(|error| refused(&error))?;
    let document = serde_json::from_str(&text).map_err(|error| refused(&error))?;
    Ok(pagination_of(&document))
}

fn body(call: &LocalCall) -> Result<Body, Failure> {
    let names = ["body", "form", "multipart", "file"];
    let given: Vec<&str> = names
        .into_iter()
        .filter(|name| !call.argument(name).is_null())
        .collect();
    if given.len() > 1 {
        let message = format!("only one of {} can be the body", given.join(", "));
        return Err(Failure::permanent("call.body", message));
    }
    let Some(name) = given.first() else {
        return Ok(Body::Empty);
    };
    let value = call.argument(name);
    match *name {
        "form" => {
            let mut fields = Vec::new();
            for (name, value) in members(value) {
                query::add(&mut fields, name, ArrayStyle::Repeat, value)?;
            }
            Ok(Body::Form(fields))
        }
        "multipart" => {
            let parts = members(value).map(|(name, value)| part(name, value, call));
            let parts = parts.collect::<Result<Vec<Part>, Failure>>()?;
            Ok(Body::Multipart {
                boundary: boundary(&parts),
                parts,
            })
        }
        "file" => {
            let blob = Project::open(&call.context)?.store(call.text("file"), call.blobs())?;
            let media = blob.media.clone();
            Ok(Body::Raw {
                content: Value::from(blob),
                media,
            })
        }
        _ => Ok(match value {
            Value::String(_) | Value::Secret(_) => Body::Raw {
                content: value.clone(),
                media: "text/plain; charset=utf-8".into(),
            },
            Value::Blob(blob) if !blob.is_json() && !blob.is_json_lines() => Body::Raw {
                content: value.clone(),
                media: blob.media.clone(),
            },
            tree => Body::Json(tree.clone()),
        }),
    }
}

fn part(name: &Arc<str>, value: &Value, call: &LocalCall) -> Result<Part, Failure> {
    let file = match value {
        Value::Map(map) if map.get("file").is_some() => {
            multipart::file(map.get("file").unwrap_or(&Value::Null), &call.context)?
        }
        Value::Map(map) if map.get("content").is_some() => multipart::file(value, &call.context)?,
        Value::Blob(_) => multipart::file(value, &call.context)?,
        Value::List(_) | Value::Map(_) => {
            return Ok(Part {
                name: name.clone(),
                file_name: None,
                media: Some("application/json".into()),
                content: value.clone(),
            });
        }
        value => {
            let content = query::scalar(name, value)?;
            return Ok(Part {
                name: name.clone(),
                file_name: None,
                media: None,
                content,
            });
        }
    };
    Ok(Part {
        name: name.clone(),
        file_name: Some(file.name),
        media: Some(file.media),
        content: file.content,
    })
}

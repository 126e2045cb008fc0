//! How a request is refused: problem details (RFC 9457), with the stable code of the error.

use std::borrow::Cow;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// Why a request is refused.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    help: Option<Cow<'static, str>>,
    /// Further members.
    more: Vec<(String, Value)>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Problem {
        Problem {
            status,
            code: code.into(),
            detail: detail.into(),
            help: None,
            more: Vec::new(),
        }
    }

    pub(super) fn help(self, help: impl Into<Cow<'static, str>>) -> Problem {
        Problem {
            help: Some(help.into()),
            ..self
        }
    }

    /// Its stable code.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    pub(super) fn with(mut self, member: &str, value: impl Into<Value>) -> Problem {
        self.more.push((member.to_owned(), value.into()));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        body.insert("type".to_owned(), "about:blank".into());
        let title = self.status.canonical_reason().unwrap_or_default();
        body.insert("title".to_owned(), title.into());
        body.insert("status".to_owned(), self.status.as_u16().into());
        body.insert("code".to_owned(), (*self.code).into());
        body.insert("detail".to_owned(), self.detail.into());
        if let Some(help) = self.help {
            body.insert("help".to_owned(), (*help).into());
        }
        body.extend(self.more);
        let mut response = (self.status, Value::from(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if self.code == "api.unauthorized" {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

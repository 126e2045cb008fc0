//! Errors as the service tells them: a status and an envelope with a type, a message and a request id.

use std::io;

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use serde_json::{Value, json};

/// An error a client sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    /// `error.type`.
    pub(crate) kind: String,
    /// `error.message`.
    pub(crate) message: String,
    /// `error.details.error_code`.
    pub(crate) code: Option<String>,
}

impl ApiError {
    /// An error whose type follows from its status.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError {
            status,
            kind: kind(status).to_owned(),
            message: message.into(),
            code: None,
        }
    }

    /// 400 `invalid_request_error`.
    pub(crate) fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404 `not_found_error`.
    pub(crate) fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, message)
    }

    /// 413 `request_too_large`.
    pub(crate) fn too_large(bytes_max: u64) -> ApiError {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "Request exceeds the maximum size of {} MB",
                bytes_max / (1024 * 1024)
            ),
        )
    }

    /// 500 `api_error`.
    pub(crate) fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The same error with a stable code.
    #[must_use]
    pub(crate) fn with_code(mut self, code: &str) -> ApiError {
        self.code = Some(code.to_owned());
        self
    }

    /// The body of the answer. Batch results hold the same envelope.
    pub(crate) fn envelope(&self, request_id: &str) -> Value {
        let mut error = json!({ "type": self.kind, "message": self.message });
        if let Some(code) = &self.code {
            error["details"] = json!({ "error_code": code });
        }
        json!({ "type": "error", "error": error, "request_id": request_id })
    }
}

/// The `error.type` of a status. Source: Claude API, Errors.
fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

impl From<io::Error> for ApiError {
    fn from(error: io::Error) -> ApiError {
        ApiError::internal(format!("the sandbox cannot use its state folder: {error}"))
    }
}

/// The body is written later, by `app`, which alone knows the request id.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What a blocking closure returned, with a panic in it told as 500.
pub(crate) fn joined<T>(
    joined: Result<Result<T, ApiError>, tokio::task::JoinError>,
) -> Result<T, ApiError> {
    joined.unwrap_or_else(|panic| Err(ApiError::internal(format!("the sandbox failed: {panic}"))))
}

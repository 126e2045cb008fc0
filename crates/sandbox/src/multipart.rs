//! Bodies of several parts: opened, and noted for the record.

use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::body::{Tap, hex};
use crate::error::ApiError;

/// The most parts of a body.
const PARTS_MAX: usize = 2_000;
/// The most bytes of a part that is a plain value.
const VALUE_BYTES_MAX: usize = 4_096;

/// The parts of a body, one after the other.
pub(crate) struct Parts {
    multipart: Multipart,
    tap: Option<Tap>,
    notes: Vec<Value>,
}

impl Parts {
    /// Begins to read a body.
    ///
    /// # Errors
    /// 400 if it is not `multipart/form-data`.
    pub(crate) async fn of(request: Request) -> Result<Parts, ApiError> {
        let tap = request.extensions().get::<Tap>().cloned();
        let multipart = Multipart::from_request(request, &()).await.map_err(|_| {
            ApiError::invalid("The request body must be multipart/form-data with a boundary")
        })?;
        Ok(Parts {
            multipart,
            tap,
            notes: Vec::new(),
        })
    }

    /// The next part; `None` at the end.
    ///
    /// # Errors
    /// 400 if the body is no longer well formed, or has too many parts.
    pub(crate) async fn next(&mut self) -> Result<Option<Part<'_>>, ApiError> {
        let Some(field) = self.multipart.next_field().await.map_err(malformed)? else {
            if let Some(tap) = &self.tap {
                tap.summarise(json!({ "parts": self.notes }));
            }
            return Ok(None);
        };
        if self.notes.len() == PARTS_MAX {
            return Err(ApiError::invalid(format!(
                "The request body has more than {PARTS_MAX} parts"
            )));
        }
        Ok(Some(Part {
            field,
            digest: Sha256::new(),
            length: 0,
            notes: &mut self.notes,
        }))
    }
}

/// One part, read chunk by chunk.
pub(crate) struct Part<'a> {
    field: Field<'a>,
    digest: Sha256,
    length: u64,
    notes: &'a mut Vec<Value>,
}

impl Part<'_> {
    /// Its name, empty if it has none.
    pub(crate) fn name(&self) -> String {
        self.field.name().unwrap_or_default().to_owned()
    }

    /// Its file name, with any path in it.
    pub(crate) fn file_name(&self) -> Option<String> {
        self.field.file_name().map(str::to_owned)
    }

    /// Its content type.
    pub(crate) fn content_type(&self) -> Option<String> {
        self.field.content_type().map(str::to_owned)
    }

    /// The next bytes; `None` at its end, where it is noted.
    pub(crate) async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, ApiError> {
        let chunk = self.field.chunk().await.map_err(malformed)?;
        match &chunk {
            Some(bytes) => {
                self.length += bytes.len() as u64;
                self.digest.update(bytes);
            }
            None => self.notes.push(json!({
                "name": self.field.name(),
                "filename": self.field.file_name(),
                "content_type": self.field.content_type(),
                "bytes": self.length,
                "sha256": hex(&self.digest.clone().finalize()),
            })),
        }
        Ok(chunk)
    }

    /// All of it.
    ///
    /// # Errors
    /// 413 past `bytes_max`.
    pub(crate) async fn bytes(&mut self, bytes_max: u64) -> Result<Vec<u8>, ApiError> {
        let mut all = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if self.length > bytes_max {
                return Err(ApiError::too_large(bytes_max));
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// All of it, as a short text.
    ///
    /// # Errors
    /// 400 if it is long or no UTF-8.
    pub(crate) async fn text(&mut self) -> Result<String, ApiError> {
        let name = self.name();
        let refused = || ApiError::invalid(format!("{name}: Input should be a short text"));
        let bytes = self
            .bytes(VALUE_BYTES_MAX as u64)
            .await
            .map_err(|_| refused())?;
        String::from_utf8(bytes).map_err(|_| refused())
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature of an error mapping"
)]
fn malformed(error: MultipartError) -> ApiError {
    ApiError::invalid(format!(
        "The request body is not valid multipart/form-data: {}",
        error.body_text()
    ))
}

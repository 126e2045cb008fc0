//! What evaluation and filters share: the budget, and the content of stored values.

use std::cell::RefCell;
use std::sync::Arc;

use super::error::Fault;
use super::limits::Budget;
use crate::eval::{self, BlobRead};
use crate::value::{Blob, Value};

/// One evaluation's budget and its reader of stored values.
pub(super) struct Context<'e> {
    pub(super) budget: Budget,
    blobs: Option<&'e dyn BlobRead>,
    /// What was read already: an expression often names the same stored value twice.
    loaded: RefCell<Vec<(Arc<Blob>, Value)>>,
}

impl<'e> Context<'e> {
    pub(super) fn new(blobs: Option<&'e dyn BlobRead>) -> Context<'e> {
        Context {
            budget: Budget::new(),
            blobs,
            loaded: RefCell::new(Vec::new()),
        }
    }

    fn blobs(&self) -> Result<&'e dyn BlobRead, Fault> {
        self.blobs.ok_or_else(Fault::needs_content)
    }

    /// The value itself, or the content of a stored one.
    pub(super) fn content(&self, value: Value) -> Result<Value, Fault> {
        match &value {
            Value::Blob(blob) => self.load(blob),
            _ => Ok(value),
        }
    }

    /// The content of a stored value as a tree.
    pub(super) fn load(&self, blob: &Arc<Blob>) -> Result<Value, Fault> {
        let known = self
            .loaded
            .borrow()
            .iter()
            .find(|(known, _)| known == blob)
            .map(|(_, value)| value.clone());
        if let Some(value) = known {
            return Ok(value);
        }
        let value = eval::load(blob, self.blobs()?)?;
        self.loaded.borrow_mut().push((blob.clone(), value.clone()));
        Ok(value)
    }

    /// The bytes of a stored value, within what a text may have.
    pub(super) fn bytes(&self, blob: &Blob) -> Result<Vec<u8>, Fault> {
        let length = usize::try_from(blob.bytes).unwrap_or(usize::MAX);
        self.budget.text_bytes(length)?;
        let mut bytes = Vec::new();
        let mut content = eval::open(blob, self.blobs()?)?;
        std::io::Read::read_to_end(&mut content, &mut bytes)
            .map_err(|problem| eval::unreadable(blob, &problem))?;
        Ok(bytes)
    }

    /// How many items a stored list or stream has: known, or counted without keeping them.
    pub(super) fn count(&self, blob: &Blob) -> Result<u64, Fault> {
        if let Some(count) = blob.count {
            return Ok(count);
        }
        let value = Value::from(blob.clone());
        let mut count = 0;
        for item in eval::items(&value, self.blobs()?)? {
            item?;
            count += 1;
        }
        Ok(count)
    }

    /// The first item of a stored list or stream, without reading the rest.
    pub(super) fn first(&self, blob: &Blob) -> Result<Option<Value>, Fault> {
        let value = Value::from(blob.clone());
        let first = eval::items(&value, self.blobs()?)?.next();
        Ok(first.transpose()?)
    }
}

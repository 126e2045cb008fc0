//! Evaluation over values that may be stored: what it is handed to read them, and what it hands to operations.

mod content;
mod reads;
mod verified;

use std::io::{self, Read};
use std::sync::Arc;

use crate::run::Failure;
use crate::value::{Hash, Value};

pub use content::{
    Items, LINE_BYTES_MAX, Lines, TREE_BYTES_MAX, items, load, next_line, open, text_of,
    unreadable, window,
};
pub use reads::Reads;

/// Opens the content of blobs. Evaluation inside the machine is handed none.
pub trait BlobRead: Send + Sync {
    /// The content from its first byte.
    ///
    /// # Errors
    /// `NotFound` if the store has no such blob; others as the system gives them.
    fn open(&self, hash: Hash) -> io::Result<Box<dyn Read + Send>>;

    /// The content from a byte of it on. Stores that can seek do so; others read and drop what is before.
    ///
    /// # Errors
    /// Those of [`BlobRead::open`].
    fn open_at(&self, hash: Hash, at: u64) -> io::Result<Box<dyn Read + Send>> {
        let mut reader = self.open(hash)?;
        io::copy(&mut reader.by_ref().take(at), &mut io::sink())?;
        Ok(reader)
    }
}

/// An expression or a tree of templates that an operation evaluates for each item (LANGUAGE rule 18: parameters of kind
/// expression and template). It sees `item`, `index` and `key`, and what the step sees.
pub trait ItemFunction: Send + Sync {
    /// The value for one item. `index` counts from 0; `key` is the map key, or the index again.
    ///
    /// # Errors
    /// A [`Failure`] with the place in the workflow.
    fn apply(&self, item: &Value, index: u64, key: &Value) -> Result<Value, Failure>;

    /// The members of the item that its value depends on, each as a path of names: an item without any other gives the same
    /// value. `None` if it may use all of it.
    fn reads(&self) -> Option<Vec<Vec<Arc<str>>>> {
        None
    }
}

impl<F> ItemFunction for F
where
    F: Fn(&Value, u64, &Value) -> Result<Value, Failure> + Send + Sync,
{
    fn apply(&self, item: &Value, index: u64, key: &Value) -> Result<Value, Failure> {
        self(item, index, key)
    }
}

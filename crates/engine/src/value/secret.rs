//! Handles of secrets. A handle names a secret; only the transport and the process starter can open it.

use std::sync::Arc;

/// One piece of a text that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPart {
    /// Text as it stands.
    Text(Arc<str>),
    /// The value of the secret with this name.
    Name(Arc<str>),
}

/// A secret, or a text with secrets in it, such as `Bearer {{ secrets.TOKEN }}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    parts: Vec<SecretPart>,
}

impl Secret {
    /// The secret of this name.
    pub fn named(name: impl Into<Arc<str>>) -> Secret {
        Secret {
            parts: vec![SecretPart::Name(name.into())],
        }
    }

    /// A text made of these parts.
    pub fn mixed(parts: Vec<SecretPart>) -> Secret {
        Secret { parts }
    }

    /// The pieces in order.
    pub fn parts(&self) -> &[SecretPart] {
        &self.parts
    }

    /// The names of the secrets it holds.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            SecretPart::Name(name) => Some(&**name),
            SecretPart::Text(_) => None,
        })
    }
}

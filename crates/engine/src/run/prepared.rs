//! The first half of an attempt whose effect must not be repeated blindly: the very request that will be sent.

use serde::{Deserialize, Serialize};

use crate::money::Costs;
use crate::value::{Hash, Value, journal};

/// A request that was rendered and checked, and not yet sent. It holds handles of secrets, never secrets, and its large
/// parts are blobs. Sending it again sends the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// What the connector needs to send it, in the connector's own shape.
    #[serde(with = "journal")]
    pub request: Value,
    /// SHA-256 of what is sent, for adoption and for people who compare.
    #[serde(with = "hash_text")]
    pub hash: Hash,
    /// How many items it holds, where the connector counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// What it may cost at most, as far as the request tells.
    #[serde(default, skip_serializing_if = "Costs::is_empty")]
    pub bound: Costs,
    /// The idempotency key: a hash of run, step path, item key and round, never of the attempt.
    pub key: String,
}

mod hash_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::value::Hash;

    pub(super) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(hash)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        Hash::parse(&text).ok_or_else(|| D::Error::custom("a hash is 64 hexadecimal digits"))
    }
}

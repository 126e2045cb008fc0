//! What a run pins: everything that its meaning depends on. Recovery parses and checks it again; no plan is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::value::Hash;

/// Version of the engine's meaning: raised when the same bundle would run differently.
pub const ENGINE_ABI: u32 = 1;

/// A workflow with all it uses, as one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Version of the language.
    pub language: u32,
    /// [`ENGINE_ABI`] of the engine that started the run.
    pub engine_abi: u32,
    /// Name of the workflow's file.
    pub file: String,
    /// Its text.
    pub text: String,
    /// Descriptors of the connectors it uses that are not local, by handle, as JSON or YAML text.
    pub descriptors: BTreeMap<String, String>,
}

impl Bundle {
    /// The bundle of one workflow file.
    pub fn new(
        file: impl Into<String>,
        text: impl Into<String>,
        descriptors: BTreeMap<String, String>,
    ) -> Bundle {
        Bundle {
            language: 1,
            engine_abi: ENGINE_ABI,
            file: file.into(),
            text: text.into(),
            descriptors,
        }
    }

    /// Its stored form.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a bundle always has a JSON form")
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// If it is none, or if a newer engine wrote it.
    pub fn from_json(text: &[u8]) -> Result<Bundle, String> {
        let bundle: Bundle = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if bundle.language > 1 || bundle.engine_abi > ENGINE_ABI {
            return Err(format!(
                "the run was started by a newer flow (engine {})",
                bundle.engine_abi
            ));
        }
        Ok(bundle)
    }

    /// Hash of the stored form.
    pub fn hash(&self) -> Hash {
        Hash::of(self.to_json().as_bytes())
    }
}

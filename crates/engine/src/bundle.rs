//! What a run pins: everything that its meaning depends on. Recovery parses and checks it again; no plan is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::document::{Files, resolve};
use crate::source::SourceFile;
use crate::value::Hash;
use crate::workflow::Workflow;

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
    /// Texts of the files that it names, at any depth, by their paths.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Name of the project's settings among the files, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
    /// Descriptors of the connectors it uses that are not local, by handle, as JSON or YAML text.
    pub descriptors: BTreeMap<String, String>,
}

impl Bundle {
    /// What a checked workflow pins.
    pub fn new(workflow: &Workflow, descriptors: BTreeMap<String, String>) -> Bundle {
        let mut files = BTreeMap::new();
        collect(workflow, &mut files);
        let file = workflow.source.name().to_owned();
        let settings = files.keys().find(|name| is_settings(name)).cloned();
        Bundle {
            language: 1,
            engine_abi: ENGINE_ABI,
            text: files.remove(&file).unwrap_or_default(),
            file,
            files,
            settings,
            descriptors,
        }
    }

    /// What a workflow pins that one with this bundle starts.
    #[must_use]
    pub fn of_child(&self, child: &Workflow) -> Bundle {
        Bundle::new(child, self.descriptors.clone())
    }

    /// Its workflow's source.
    pub fn source(&self) -> SourceFile {
        SourceFile::new(self.file.as_str(), self.text.as_str())
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

impl Files for Bundle {
    fn read(&self, from: &str, path: &str) -> Result<SourceFile, String> {
        let name = resolve(from, path);
        match self.files.get(&name) {
            Some(text) => Ok(SourceFile::new(name, text.as_str())),
            None => Err("the run has not pinned it".to_owned()),
        }
    }

    fn project(&self) -> Option<SourceFile> {
        let name = self.settings.as_ref()?;
        let text = self.files.get(name)?;
        Some(SourceFile::new(name.as_str(), text.as_str()))
    }
}

fn is_settings(name: &str) -> bool {
    name.rsplit('/').next() == Some("flow.toml")
}

fn collect(workflow: &Workflow, files: &mut BTreeMap<String, String>) {
    for (name, text) in workflow.source.files() {
        files.insert(name.to_owned(), text.to_owned());
    }
    workflow
        .children
        .values()
        .for_each(|child| collect(child, files));
}

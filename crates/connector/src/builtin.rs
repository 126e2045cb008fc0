//! The connectors that come with `flow`: the same format as anybody's, embedded.

use flow_engine::catalog::Connector;
use flow_engine::source::SourceFile;

use crate::descriptor::service::Service;
use crate::descriptor::{DescriptorError, load, local};

/// Written in YAML, embedded as JSON, which is read five times as fast: every command begins with it. A test keeps the
/// two the same.
const SERVICES: [(&str, &str); 1] = [(
    "claude-api.json",
    include_str!("../builtin/compact/claude-api.json"),
)];
const LOCAL: &str = include_str!("../builtin/compact/local.json");

/// All services, in order.
pub(crate) fn services() -> Result<Vec<Service>, DescriptorError> {
    SERVICES
        .into_iter()
        .map(|(name, text)| load(&[SourceFile::new(format!("builtin/{name}"), text)]))
        .collect()
}

/// All local connectors, in order.
pub(crate) fn local_connectors() -> Result<Vec<Connector>, DescriptorError> {
    local::load(&SourceFile::new("builtin/local.json", LOCAL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::read;

    /// `UPDATE=1 cargo test` writes the embedded form anew.
    #[test]
    fn what_is_embedded_is_what_is_written() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("builtin");
        for name in ["claude-api", "local"] {
            let written = folder.join(format!("{name}.yaml"));
            let written = std::fs::read_to_string(written).expect("it is there");
            let source = SourceFile::new(name, written);
            let value: serde_json::Value = read(&source).unwrap_or_else(|error| panic!("{error}"));
            let embedded = folder.join(format!("compact/{name}.json"));
            let text = format!("{value}\n");
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(&embedded, &text).expect("the tree can be written");
            }
            let found = std::fs::read_to_string(&embedded).unwrap_or_default();
            assert!(
                found == text,
                "{name}.json differs; UPDATE=1 cargo test writes it"
            );
        }
    }

    #[test]
    fn every_built_in_descriptor_loads() {
        let services = services().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(services.len(), SERVICES.len());
        local_connectors().unwrap_or_else(|error| panic!("{error}"));
    }
}

//! The connectors that come with `flow`: the same format as anybody's, embedded.

use flow_engine::catalog::Connector;
use flow_engine::source::SourceFile;

use crate::descriptor::service::Service;
use crate::descriptor::{DescriptorError, load, local};

const SERVICES: [(&str, &str); 1] = [(
    "claude-api.yaml",
    include_str!("../builtin/claude-api.yaml"),
)];
const LOCAL: &str = include_str!("../builtin/local.yaml");

/// All services, in order.
pub(crate) fn services() -> Result<Vec<Service>, DescriptorError> {
    SERVICES
        .into_iter()
        .map(|(name, text)| load(&[SourceFile::new(format!("builtin/{name}"), text)]))
        .collect()
}

/// All local connectors, in order.
pub(crate) fn local_connectors() -> Result<Vec<Connector>, DescriptorError> {
    local::load(&SourceFile::new("builtin/local.yaml", LOCAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_descriptor_loads() {
        let services = services().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(services.len(), SERVICES.len());
        local_connectors().unwrap_or_else(|error| panic!("{error}"));
    }
}

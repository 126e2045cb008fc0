//! From what is written under `adopt` to what finds things again.

use std::sync::Arc;

use flow_engine::catalog;
use flow_engine::duration::Millis;
use flow_engine::value::Value;

use super::compile_operation::Compiler;
use super::error::DescriptorError;
use super::operation::Adopt;
use super::resource::{AdoptDocument, OperationDocument};
use super::service::Path;

/// By how much clocks may differ.
const CLOCK: Millis = Millis::seconds(60);
/// Whoever is told nothing may still be heard so much later.
const SETTLE: Millis = Millis::seconds(5);
/// Nothing that is made takes longer than a day.
const WAIT: Millis = Millis::seconds(25 * 3600);

impl Compiler<'_> {
    /// What the engine knows of it.
    pub(super) fn adoption(
        &self,
        document: &OperationDocument,
    ) -> Result<Option<Arc<catalog::Adopt>>, DescriptorError> {
        let Some(written) = &document.adopt else {
            return Ok(None);
        };
        let what = format!(
            "{}{}",
            self.service.base_url.value, self.resource.endpoint.value
        );
        Ok(Some(Arc::new(catalog::Adopt {
            what: what.into(),
            id: written.id.as_str().into(),
            settle: self.time("settle", written.settle.as_deref(), SETTLE)?,
            wait: self.time("wait", written.wait.as_deref(), WAIT)?,
        })))
    }

    /// How it looks.
    pub(super) fn adopt(
        &self,
        document: &OperationDocument,
    ) -> Result<Option<Adopt>, DescriptorError> {
        let Some(written) = &document.adopt else {
            return Ok(None);
        };
        let Some(items) = &document.count else {
            let message =
                "what is to be found again must be counted: `count` names the list parameter";
            return Err(self.error("descriptor.reference", "adopt", message));
        };
        let AdoptDocument { confirm, over, .. } = written;
        let body = document.parameters.get(items);
        let items = body
            .and_then(|parameter| parameter.wire_name.as_ref())
            .unwrap_or(items);
        let given = |(name, value): (&String, &serde_json::Value)| {
            (name.as_str().into(), Value::from(value.clone()))
        };
        let request_key = confirm.request_key.as_ref().unwrap_or(&confirm.key);
        Ok(Some(Adopt {
            list: self.query(&written.list)?,
            with: written.with.iter().map(given).collect(),
            created: Path::parse(&written.created),
            clock: self.time("clock", written.clock.as_deref(), CLOCK)?,
            count: Path::parse(&written.count),
            over: (Path::parse(&over.0), over.1.as_str().into()),
            results: (
                self.query(&confirm.query)?,
                confirm.parameter.as_str().into(),
            ),
            items: items.as_str().into(),
            keys: (Path::parse(&confirm.key), Path::parse(request_key)),
        }))
    }

    /// A query of the same resource, with the name of that.
    fn query(&self, name: &str) -> Result<Arc<str>, DescriptorError> {
        if self.resource.operations.contains_key(name) {
            return Ok(format!("{}.{name}", self.resource.handle).into());
        }
        let message = format!("`{name}` is no operation of this resource");
        Err(self.error("descriptor.reference", "adopt", message))
    }

    fn time(
        &self,
        key: &str,
        written: Option<&str>,
        usual: Millis,
    ) -> Result<Millis, DescriptorError> {
        let Some(text) = written else {
            return Ok(usual);
        };
        Millis::parse(text).ok_or_else(|| {
            let message = format!("`{text}` is not a duration such as `1m`");
            self.error("descriptor.shape", &format!("adopt.{key}"), message)
        })
    }
}

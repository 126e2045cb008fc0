//! One operation, called and looked at.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use flow_backend::context::{Rest, StepContext};
use flow_backend::meter::Meter;
use flow_backend::step::{Call, Connection, StepRunner};
use flow_connector::Connectors;
use flow_engine::catalog::{Connector, Operation, OutputType};
use flow_engine::collections::IndexMap;
use flow_engine::value::{Map, Value};
use flow_local::store::BlobFolder;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::super::call::unwritable;
use super::fitting::{self, Fit};
use crate::exit::Trouble;
use crate::secrets::EnvironmentSecrets;
use crate::show::values::plural;

/// How many pages of a list are read: the second shows that it goes on.
const PAGES: u32 = 2;

/// What calls.
pub(super) struct Prober<'a> {
    connectors: &'a Connectors,
    connection: Arc<Connection>,
    context: StepContext,
    blobs: Arc<BlobFolder>,
    _folder: TempDir,
}

/// What came of a call.
pub(super) struct Probe {
    pub(super) name: String,
    /// The first line of the request.
    pub(super) request: String,
    pub(super) status: Option<u16>,
    pub(super) millis: u128,
    pages: Option<u64>,
    items: Option<u64>,
    fit: Option<Fit>,
    pub(super) problem: Option<Problem>,
}

/// Why it is not as it should be.
pub(super) struct Problem {
    pub(super) code: String,
    pub(super) message: String,
}

impl<'a> Prober<'a> {
    pub(super) fn new(
        connectors: &'a Connectors,
        connector: &Connector,
        settings: Map,
        secrets: EnvironmentSecrets,
        project: &Path,
    ) -> Result<Prober<'a>, Trouble> {
        let folder = tempfile::tempdir().map_err(|error| unwritable(&error))?;
        let blobs = Arc::new(BlobFolder::open(folder.path())?);
        let context = StepContext {
            blobs: blobs.clone(),
            secrets: Arc::new(secrets),
            cancel: CancellationToken::new(),
            project: Arc::new(project.to_path_buf()),
            run: "test".into(),
            step: "test".into(),
            rest: Rest::default(),
            meter: Meter::default(),
        };
        let connection = Connection {
            name: connector.name.clone(),
            connector: connector.name.clone(),
            settings,
            prices: connector.prices.clone(),
        };
        Ok(Prober {
            connectors,
            connection: Arc::new(connection),
            context,
            blobs,
            _folder: folder,
        })
    }

    /// Ends what goes on.
    pub(super) fn stop(&self) {
        self.context.cancel.cancel();
    }

    /// Calls an operation.
    pub(super) async fn probe(
        &self,
        name: &Arc<str>,
        operation: &Operation,
        parameters: Map,
    ) -> Probe {
        let call = Call {
            connection: self.connection.clone(),
            operation: name.clone(),
            arguments: parameters,
            functions: IndexMap::default(),
            pages: Some(PAGES),
            with_response: true,
            repeated: false,
            key: ulid::Ulid::generate().to_string().to_lowercase().into(),
        };
        let mut probe = Probe {
            name: name.to_string(),
            request: format!("{} {}", operation.method, operation.path),
            status: None,
            millis: 0,
            pages: None,
            items: None,
            fit: None,
            problem: None,
        };
        let started = Instant::now();
        let result = match self.connectors.prepare(&call, &self.context).await {
            Ok(prepared) => {
                probe.request = request_line(&prepared.request);
                self.connectors.send(&call, &prepared, &self.context).await
            }
            Err(failure) => Err(failure),
        };
        probe.millis = started.elapsed().as_millis();
        match result {
            Ok(value) => self.look(&mut probe, operation, value),
            Err(failure) => {
                probe.status = failure.status;
                probe.problem = Some(Problem {
                    code: failure.code,
                    message: failure.message,
                });
            }
        }
        probe
    }

    fn look(&self, probe: &mut Probe, operation: &Operation, value: Value) {
        let (value, response) = fitting::apart(value);
        let number = |key: &str| response.get(key).and_then(Value::as_u64);
        probe.status = number("status").and_then(|status| u16::try_from(status).ok());
        probe.pages = number("pages");
        probe.items = match &value {
            Value::List(items) => Some(items.len() as u64),
            Value::Blob(blob) => blob.count,
            _ => None,
        };
        let OutputType::Fixed(ty) = &operation.output else {
            return;
        };
        let fit = fitting::fit(ty, &value, &self.blobs);
        if let Fit::Differs(difference) = &fit {
            probe.problem = Some(Problem {
                code: "the answer differs from the descriptor".to_owned(),
                message: difference.clone(),
            });
        }
        probe.fit = Some(fit);
    }
}

impl Probe {
    /// Whether the service answered, and with what the descriptor says.
    pub(super) fn is_good(&self) -> bool {
        self.problem.is_none()
    }

    /// What is worth a word.
    pub(super) fn facts(&self) -> Vec<String> {
        let mut facts = Vec::new();
        facts.extend(self.pages.map(|pages| plural(pages, "page")));
        facts.extend(self.items.map(|items| plural(items, "item")));
        facts.extend(match &self.fit {
            Some(Fit::Fits) => Some("fits its type".to_owned()),
            Some(Fit::Unknown) => Some("has no declared type".to_owned()),
            _ => None,
        });
        facts
    }

    /// For programs.
    pub(super) fn as_json(&self) -> Json {
        let difference = match &self.fit {
            Some(Fit::Differs(difference)) => Some(difference),
            _ => None,
        };
        json!({
            "operation": self.name,
            "request": self.request,
            "status": self.status,
            "milliseconds": u64::try_from(self.millis).unwrap_or(u64::MAX),
            "pages": self.pages,
            "items": self.items,
            "fits": match &self.fit {
                Some(Fit::Fits) => Some(true),
                Some(Fit::Differs(_)) => Some(false),
                Some(Fit::Unknown) | None => None,
            },
            "difference": difference,
            "good": self.is_good(),
            "problem": self.problem.as_ref().map(|problem| json!({ "code": problem.code, "message": problem.message })),
        })
    }
}

/// The first line of a prepared request, without its host.
fn request_line(request: &Value) -> String {
    let text = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or_default();
    let address = text("url").split_once("://").map_or("", |(_, rest)| rest);
    let path = address.find('/').map_or("/", |at| &address[at..]);
    let mut line = format!("{} {path}", text("method"));
    let fields = request
        .get("query")
        .and_then(Value::as_list)
        .unwrap_or_default();
    for (at, field) in fields.iter().enumerate() {
        let [name, value] = field.as_list().unwrap_or_default() else {
            continue;
        };
        line.push(if at == 0 { '?' } else { '&' });
        line.push_str(name.as_str().unwrap_or_default());
        line.push('=');
        // A key is never shown.
        line.push_str(value.as_str().unwrap_or("***"));
    }
    line
}

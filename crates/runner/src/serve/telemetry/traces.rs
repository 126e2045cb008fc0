//! Sends a trace of each run that ended to an OpenTelemetry collector, if the environment names one. What cannot be sent is
//! dropped and said once: a run never waits for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flow_engine::workflow::Workflow;
use flow_local::store::Store;
use opentelemetry::KeyValue;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::spans::spans;
use crate::exit::{Exit, Trouble};
use crate::serve::log::{Level, Log};

/// The settings of any program that sends traces; one of them must be there.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];
/// How many runs may wait to be sent; further ones are dropped.
const WAITING_MAX: usize = 10_000;
/// How many runs are sent together.
const TOGETHER: usize = 100;
/// How long the last ones may take when the daemon stops.
const LAST_MAX: Duration = Duration::from_secs(5);

/// Runs that have ended.
#[derive(Clone)]
pub(in crate::serve) struct Traces {
    ended: Sender<(String, Arc<Workflow>)>,
    dropped: Arc<AtomicU64>,
}

impl Traces {
    /// Sends what it is told of until it is to end; `None` if the environment names no collector.
    pub(in crate::serve) fn start(
        store: PathBuf,
        log: Log,
    ) -> Result<Option<(Traces, Collector)>, Trouble> {
        let is_set = |name: &&&str| std::env::var(name).is_ok_and(|value| !value.is_empty());
        let Some(name) = ENDPOINTS.iter().find(is_set) else {
            return Ok(None);
        };
        let mut exporter = SpanExporter::builder()
            .with_http()
            .build()
            .map_err(|error| {
                let message = format!("traces cannot be sent: {error}");
                Trouble::new(Exit::Usage, "serve.traces", message).help(format!(
                    "`{name}` is the address of a collector, such as http://127.0.0.1:4318"
                ))
            })?;
        let service = std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "flow".to_owned());
        let resource = Resource::builder()
            .with_attribute(KeyValue::new("service.name", service))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        exporter.set_resource(&resource);
        let (ended, waiting) = channel(WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let sending = Sending {
            exporter,
            store,
            log,
            dropped: dropped.clone(),
            said: false,
        };
        let close = CancellationToken::new();
        let task = tokio::spawn(sending.send_all(waiting, close.clone()));
        let traces = Traces { ended, dropped };
        Ok(Some((traces, Collector { close, task })))
    }

    /// A run has ended. Does not block.
    pub(super) fn ended(&self, run: &str, workflow: &Arc<Workflow>) {
        let ended = (run.to_owned(), workflow.clone());
        if self.ended.try_send(ended).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whoever traces are sent to.
pub(in crate::serve) struct Collector {
    close: CancellationToken,
    task: JoinHandle<()>,
}

impl Collector {
    /// Sends what is left, if it goes fast.
    pub(in crate::serve) async fn close(self) {
        self.close.cancel();
        let _ = tokio::time::timeout(LAST_MAX, self.task).await;
    }
}

struct Sending {
    exporter: SpanExporter,
    store: PathBuf,
    log: Log,
    dropped: Arc<AtomicU64>,
    /// That it does not work was said.
    said: bool,
}

impl Sending {
    async fn send_all(
        mut self,
        mut waiting: Receiver<(String, Arc<Workflow>)>,
        close: CancellationToken,
    ) {
        let mut runs = Vec::new();
        loop {
            let count = tokio::select! {
                count = waiting.recv_many(&mut runs, TOGETHER) => count,
                () = close.cancelled(), if !waiting.is_closed() => {
                    waiting.close();
                    continue;
                }
            };
            if count == 0 {
                return;
            }
            let read = || self.read(&runs);
            let result = match tokio::task::block_in_place(read) {
                Ok(batch) => self
                    .exporter
                    .export(batch)
                    .await
                    .map_err(|error| error.to_string()),
                Err(error) => Err(error),
            };
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            match result {
                Ok(()) if dropped == 0 => self.said = false,
                Ok(()) => self.say(&format!(
                    "{dropped} runs ended faster than traces are taken: theirs are left out"
                )),
                Err(error) => self.say(&format!("not sent, and left out: {error}")),
            }
            runs.clear();
        }
    }

    fn say(&mut self, message: &str) {
        if !self.said {
            self.log.say(Level::Warning, "traces", message);
        }
        self.said = true;
    }

    fn read(&self, runs: &[(String, Arc<Workflow>)]) -> Result<Vec<SpanData>, String> {
        let reader = Store::reader(&self.store).map_err(|error| error.to_string())?;
        let Some(reader) = reader else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        for (run, workflow) in runs {
            let events = reader.journal(run).map_err(|error| error.to_string())?;
            all.extend(spans(workflow, &events).unwrap_or_default());
        }
        Ok(all)
    }
}

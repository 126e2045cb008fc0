//! What is counted, as Prometheus reads it (`OpenMetrics` 1.0). Counters begin at zero with the process.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flow_engine::journal::{Event, Outcome, RunStatus};
use flow_engine::money::{Costs, TokenKind};
use flow_engine::run::Run;
use flow_engine::time::Timestamp;
use flow_local::driver::Census;
use flow_local::store::{Noted, Reader, StoreError};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::process;
use crate::serve::daemon::Source;

/// The media type of [`Metrics::text`].
pub(in crate::serve) const MEDIA_TYPE: &str =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the histogram of how long runs take, in seconds: from a value to a week of waiting.
const RUN_SECONDS: [f64; 10] = [
    0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfWorkflow {
    workflow: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Ended {
    workflow: Arc<str>,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfTrigger {
    workflow: Arc<str>,
    trigger: Arc<str>,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Spent {
    workflow: Arc<str>,
    model: String,
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Live {
    status: String,
}

/// Everything that is counted.
pub(in crate::serve) struct Metrics {
    registry: Mutex<Registry>,
    runs_started: Family<OfWorkflow, Counter>,
    runs_ended: Family<Ended, Counter>,
    run_seconds: Family<OfWorkflow, Histogram, fn() -> Histogram>,
    attempts: Family<Ended, Counter>,
    tokens: Family<Spent, Counter>,
    dollars: Family<OfWorkflow, Counter<f64, AtomicU64>>,
    occurrences: Family<OfTrigger, Counter>,
    looks: Family<OfTrigger, Counter>,
    deliveries: Family<Answered, Counter>,
    live: Family<Live, Gauge>,
    awake: Gauge,
    asleep: Gauge,
    queued: Family<OfWorkflow, Gauge>,
    store: Gauge,
    process: process::Gauges,
}

impl Metrics {
    pub(in crate::serve) fn new() -> Metrics {
        let metrics = Metrics {
            registry: Mutex::default(),
            runs_started: Family::default(),
            runs_ended: Family::default(),
            run_seconds: Family::new_with_constructor(|| Histogram::new(RUN_SECONDS)),
            attempts: Family::default(),
            tokens: Family::default(),
            dollars: Family::default(),
            occurrences: Family::default(),
            looks: Family::default(),
            deliveries: Family::default(),
            live: Family::default(),
            awake: Gauge::default(),
            asleep: Gauge::default(),
            queued: Family::default(),
            store: Gauge::default(),
            process: process::Gauges::default(),
        };
        let mut all = Registry::default();
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        all.register("flow_build", "The program", version);
        let flow = all.sub_registry_with_prefix("flow");
        flow.register(
            "runs_started",
            "Runs that began",
            metrics.runs_started.clone(),
        );
        flow.register(
            "runs_ended",
            "Runs that ended, by status",
            metrics.runs_ended.clone(),
        );
        flow.register_with_unit(
            "run_duration",
            "How long runs took that ended",
            Unit::Seconds,
            metrics.run_seconds.clone(),
        );
        flow.register(
            "attempts",
            "Attempts of steps that ended, by outcome",
            metrics.attempts.clone(),
        );
        flow.register(
            "tokens",
            "Tokens of models, by kind",
            metrics.tokens.clone(),
        );
        flow.register(
            "cost_dollars",
            "What calls cost, as far as prices are known",
            metrics.dollars.clone(),
        );
        flow.register(
            "occurrences",
            "What triggers noticed, by what became of it",
            metrics.occurrences.clone(),
        );
        flow.register(
            "looks",
            "Looks of triggers at services, by outcome",
            metrics.looks.clone(),
        );
        flow.register(
            "deliveries",
            "Answers to deliveries, by HTTP status",
            metrics.deliveries.clone(),
        );
        flow.register(
            "runs_live",
            "Runs that have not ended, by status",
            metrics.live.clone(),
        );
        flow.register("runs_awake", "Runs in memory", metrics.awake.clone());
        flow.register(
            "runs_asleep",
            "Runs that wait for long, and of which only the store knows all",
            metrics.asleep.clone(),
        );
        flow.register(
            "runs_queued",
            "Runs that are still to start",
            metrics.queued.clone(),
        );
        flow.register_with_unit(
            "store",
            "The database with its log",
            Unit::Bytes,
            metrics.store.clone(),
        );
        metrics.process.register(&mut all);
        Metrics {
            registry: Mutex::new(all),
            ..metrics
        }
    }

    /// Something happened to a run.
    pub(super) fn heard(&self, run: &Run, at: Timestamp, event: &Event) {
        let workflow = || run.workflow().name.clone();
        match event {
            Event::RunStarted(_) => {
                self.runs_started
                    .get_or_create(&OfWorkflow {
                        workflow: workflow(),
                    })
                    .inc();
            }
            Event::RunEnded(ended) => {
                let labels = Ended {
                    workflow: workflow(),
                    status: ended.status.as_str(),
                };
                self.runs_ended.get_or_create(&labels).inc();
                let took = Duration::from_millis(at.since(run.started_at()).0);
                let labels = OfWorkflow {
                    workflow: workflow(),
                };
                self.run_seconds
                    .get_or_create(&labels)
                    .observe(took.as_secs_f64());
            }
            Event::AttemptEnded(ended) => {
                let status = match &ended.outcome {
                    Outcome::Succeeded(_) => RunStatus::Succeeded.as_str(),
                    Outcome::Failed(_) => RunStatus::Failed.as_str(),
                    Outcome::Lost => "lost",
                };
                self.attempts
                    .get_or_create(&Ended {
                        workflow: workflow(),
                        status,
                    })
                    .inc();
                self.spent(&workflow(), &ended.costs);
            }
            _ => {}
        }
    }

    fn spent(&self, workflow: &Arc<str>, costs: &Costs) {
        for line in costs.lines() {
            for kind in TokenKind::ALL {
                let count = line.tokens.get(kind);
                if count > 0 {
                    let spent = Spent {
                        workflow: workflow.clone(),
                        model: line.model.clone(),
                        kind: kind.as_str(),
                    };
                    self.tokens.get_or_create(&spent).inc_by(count);
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "for people to look at")]
            let dollars = line.nano_usd as f64 / 1e9;
            self.dollars
                .get_or_create(&OfWorkflow {
                    workflow: workflow.clone(),
                })
                .inc_by(dollars);
        }
    }

    /// Something that a trigger noticed was recorded.
    pub(in crate::serve) fn noticed(&self, source: &Source, queued: bool, noted: &Noted) {
        let outcome = match noted {
            Noted::Known { .. } => "known",
            Noted::New if queued => "queued",
            Noted::New => "passed",
        };
        self.occurrences
            .get_or_create(&of_trigger(source, outcome))
            .inc();
    }

    /// A trigger looked at a service.
    pub(in crate::serve) fn looked(&self, source: &Source, well: bool) {
        let outcome = if well { "succeeded" } else { "failed" };
        self.looks.get_or_create(&of_trigger(source, outcome)).inc();
    }

    /// A delivery was answered.
    pub(in crate::serve) fn answered(&self, status: u16) {
        self.deliveries.get_or_create(&Answered { status }).inc();
    }

    /// Everything, as text. Blocking.
    pub(in crate::serve) fn text(
        &self,
        reader: &Reader,
        store_bytes: u64,
        driven: Census,
    ) -> Result<String, StoreError> {
        // One at a time: what is set here belongs together.
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let (live, queued) = (reader.live_by_status()?, reader.queued_by_workflow()?);
        self.live.clear();
        for (status, count) in live {
            self.live.get_or_create(&Live { status }).set(gauged(count));
        }
        self.queued.clear();
        for (workflow, count) in queued {
            let labels = OfWorkflow {
                workflow: workflow.into(),
            };
            self.queued.get_or_create(&labels).set(gauged(count));
        }
        self.store.set(gauged(store_bytes));
        self.awake.set(gauged(driven.awake as u64));
        self.asleep.set(gauged(driven.asleep as u64));
        self.process.read();
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = encode(&mut text, &registry);
        Ok(text)
    }
}

fn of_trigger((workflow, trigger): &Source, outcome: &'static str) -> OfTrigger {
    OfTrigger {
        workflow: workflow.clone(),
        trigger: trigger.clone(),
        outcome,
    }
}

fn gauged(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

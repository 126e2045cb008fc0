//! A run as OpenTelemetry spans, made of its journal: the run, its steps as far as they are kept apart, and the attempts of
//! operations.
//!
//! Ids are made of the run's id and the step's path: the same run sent twice is the same trace. A run that another started
//! has a trace of its own, with a link to the other.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use flow_engine::journal::{Event, Outcome};
use flow_engine::money::{Costs, TokenKind};
use flow_engine::report::{Report, StepReport, StepState, report};
use flow_engine::run::Failure;
use flow_engine::time::Timestamp;
use flow_engine::value::Hash;
use flow_engine::workflow::{Does, Workflow};
use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

/// How many spans a trace has at most; further ones are counted at the run.
const SPANS_MAX: usize = 10_000;

/// The spans of a run that has ended. `None` if it has not.
pub(super) fn spans(workflow: &Workflow, events: &[(Timestamp, Event)]) -> Option<Vec<SpanData>> {
    let report = report(events.iter().map(|(at, event)| (*at, event)))?;
    let (ended_at, ended) = report.ended.as_ref()?;
    let trace = Trace::of(&report.started.run);
    let mut root = trace.span("", report.started_at, *ended_at);
    root.name = report.started.workflow.clone().into();
    root.span_kind = SpanKind::Internal;
    root.parent_span_id = SpanId::INVALID;
    root.status = match ended.failure.as_ref().or_else(|| first_failure(&report)) {
        _ if ended.status.as_str() == "succeeded" => Status::Ok,
        Some(failure) => Status::error(said(failure)),
        None => Status::error(ended.status.as_str()),
    };
    root.attributes.extend([
        own("run", report.started.run.clone()),
        own("workflow", report.started.workflow.clone()),
        own("status", ended.status.as_str()),
        own("started_by", report.started.started_by.kind.clone()),
        own("sandbox", report.started.sandbox),
    ]);
    root.attributes.extend(of_costs(&report.costs));
    root.links = links(&report);
    let mut spans = vec![root];
    for (path, step) in &report.steps {
        spans.extend(trace.step(path, step, *ended_at, &report));
    }
    spans.extend(trace.attempts(workflow, events, &report));
    let left_out = spans.len().saturating_sub(SPANS_MAX);
    if left_out > 0 {
        spans.truncate(SPANS_MAX);
        let count = i64::try_from(left_out).unwrap_or(i64::MAX);
        spans[0].attributes.push(own("spans_left_out", count));
    }
    Some(spans)
}

/// The step that made the run fail, most likely: the first that failed.
fn first_failure(report: &Report) -> Option<&Failure> {
    report.steps.values().find_map(|step| {
        step.failure
            .as_ref()
            .filter(|_| step.state == StepState::Failed)
    })
}

/// A run that another one started is linked with it.
fn links(report: &Report) -> SpanLinks {
    let mut links = SpanLinks::default();
    let by = &report.started.started_by;
    if let (Some(parent), "workflow") = (&by.key, by.kind.as_str()) {
        let trace = Trace::of(parent);
        links.links.push(Link::with_context(trace.context("")));
    }
    links
}

struct Trace {
    run: String,
    id: TraceId,
}

impl Trace {
    fn of(run: &str) -> Trace {
        let hash = Hash::of(run.as_bytes()).to_string();
        let id = TraceId::from_hex(&hash[..32]).unwrap_or(TraceId::INVALID);
        Trace {
            run: run.to_owned(),
            id,
        }
    }

    /// Where something of the run stands; the run itself is at the empty path.
    fn context(&self, path: &str) -> SpanContext {
        let hash = Hash::of(format!("{}/{path}", self.run).as_bytes()).to_string();
        let id = SpanId::from_hex(&hash[..16]).unwrap_or(SpanId::INVALID);
        SpanContext::new(self.id, id, TraceFlags::SAMPLED, false, TraceState::NONE)
    }

    fn span(&self, path: &str, from: Timestamp, to: Timestamp) -> SpanData {
        SpanData {
            span_context: self.context(path),
            parent_span_id: self.context("").span_id(),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: path.to_owned().into(),
            start_time: time(from),
            end_time: time(to),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("flow").build(),
        }
    }

    /// A step; one that was skipped at once has none.
    fn step(
        &self,
        path: &str,
        step: &StepReport,
        run_ended_at: Timestamp,
        report: &Report,
    ) -> Option<SpanData> {
        if matches!(step.state, StepState::Skipped(_)) {
            return None;
        }
        let mut span = self.span(path, step.started_at, step.ended_at.unwrap_or(run_ended_at));
        span.parent_span_id = self.context(parent(path, report)).span_id();
        span.status = match (&step.state, &step.failure) {
            (StepState::Succeeded, _) => Status::Ok,
            (_, Some(failure)) => Status::error(said(failure)),
            (state, None) => Status::error(state.as_str()),
        };
        span.attributes.push(own("step", path.to_owned()));
        span.attributes.push(own("status", step.state.as_str()));
        if let Some(items) = step.items {
            let count = i64::try_from(items.count).unwrap_or(i64::MAX);
            span.attributes.push(own("items", count));
        }
        Some(span)
    }

    /// The attempts of operations, each inside its step.
    fn attempts(
        &self,
        workflow: &Workflow,
        events: &[(Timestamp, Event)],
        report: &Report,
    ) -> Vec<SpanData> {
        let mut open: HashMap<(&str, u32), Timestamp> = HashMap::new();
        let mut spans = Vec::new();
        for (at, event) in events {
            match event {
                Event::AttemptStarted(started) => {
                    open.insert((&started.step, started.attempt), *at);
                }
                Event::AttemptEnded(ended) => {
                    let Some(from) = open.remove(&(ended.step.as_str(), ended.attempt)) else {
                        continue;
                    };
                    let step = workflow.step_of_path(&ended.step).map(|step| &step.does);
                    let Some(Does::Call(call)) = step else {
                        continue;
                    };
                    let path = format!("{}@{}", ended.step, ended.attempt);
                    let mut span = self.span(&path, from, *at);
                    span.name = format!("{}.{}", call.call.connector, call.call.operation).into();
                    span.span_kind = SpanKind::Client;
                    let inside = report.steps.contains_key(&ended.step);
                    let inside = if inside {
                        &ended.step
                    } else {
                        parent(&ended.step, report)
                    };
                    span.parent_span_id = self.context(inside).span_id();
                    span.status = match &ended.outcome {
                        Outcome::Succeeded(_) => Status::Ok,
                        Outcome::Failed(failure) => Status::error(said(failure)),
                        Outcome::Lost => Status::error("lost"),
                    };
                    span.attributes.extend([
                        own("step", ended.step.clone()),
                        own("attempt", i64::from(ended.attempt)),
                        own("connection", call.call.connection.to_string()),
                    ]);
                    span.attributes.extend(of_costs(&ended.costs));
                    spans.push(span);
                }
                _ => {}
            }
        }
        spans
    }
}

/// The nearest step around a path that has a span; the run if there is none.
fn parent<'a>(path: &'a str, report: &Report) -> &'a str {
    let mut end = path.len();
    while let Some(at) = path[..end].rfind(['/', '[', '#']) {
        if report.steps.contains_key(&path[..at]) {
            return &path[..at];
        }
        end = at;
    }
    ""
}

/// As OpenTelemetry's conventions for generative AI name it, where they do.
fn of_costs(costs: &Costs) -> Vec<KeyValue> {
    if costs.is_empty() {
        return Vec::new();
    }
    let total = costs.total();
    let count = |kind| i64::try_from(total.tokens.get(kind)).unwrap_or(i64::MAX);
    #[expect(clippy::cast_precision_loss, reason = "for people to look at")]
    let dollars = total.nano_usd as f64 / 1e9;
    let mut attributes = vec![
        KeyValue::new(
            "gen_ai.usage.input_tokens",
            i64::try_from(total.tokens.prompt()).unwrap_or(i64::MAX),
        ),
        KeyValue::new("gen_ai.usage.output_tokens", count(TokenKind::Output)),
        own("cost_dollars", dollars),
    ];
    if let [only] = costs.lines() {
        attributes.push(KeyValue::new("gen_ai.response.model", only.model.clone()));
    }
    attributes
}

/// An attribute of our own: they begin with `flow.`.
fn own(name: &str, value: impl Into<opentelemetry::Value>) -> KeyValue {
    KeyValue::new(format!("flow.{name}"), value)
}

fn said(failure: &Failure) -> String {
    format!("[{}] {}", failure.code, failure.message)
}

fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
}

//! A small catalog, workflows from text, and the one helper that knows the interface.

use std::sync::Arc;

use flow_backend::context::StepContext;
use flow_backend::step::{Call, StepRunner};
use flow_backend::virtual_world::script::Script;
use flow_backend::virtual_world::{Journal, Rest, World};
use flow_engine::catalog::{
    Catalog, Connector, Edge, Effect, Level, Look, News, Operation, OperationKind, OutputType,
};
use flow_engine::document;
use flow_engine::duration::Millis;
use flow_engine::report::{Report, report};
use flow_engine::run::{Failure, Prepared};
use flow_engine::source::SourceFile;
use flow_engine::types::Type;
use flow_engine::value::{Value, json};
use flow_engine::workflow::{self, Workflow};
use futures_util::future::BoxFuture;
use indexmap::IndexMap;

fn operation(kind: OperationKind, effect: Effect, look: Option<Look>) -> Operation {
    Operation {
        kind,
        title: "".into(),
        description: "".into(),
        effect,
        method: "".into(),
        path: "".into(),
        parameters: IndexMap::new(),
        open: true,
        output: OutputType::Fixed(Type::Unknown),
        look,
    }
}

/// `svc.read` (a query), `svc.note` (repeatable), `svc.put` (keyed), `svc.act` (once), `svc.done` (a level), `svc.new`
/// (an edge), `time.after`.
pub(crate) fn catalog() -> Catalog {
    let every = Millis::seconds(10);
    let level = Level {
        query: "read".into(),
        condition: "item.done".into(),
        every,
    };
    let edge = Edge {
        query: "list".into(),
        key: "id".into(),
        news: News::Appeared,
        every,
    };
    let svc = [
        ("read", operation(OperationKind::Query, Effect::Read, None)),
        ("list", operation(OperationKind::Query, Effect::Read, None)),
        (
            "note",
            operation(OperationKind::Action, Effect::Repeatable, None),
        ),
        ("put", operation(OperationKind::Action, Effect::Keyed, None)),
        ("act", operation(OperationKind::Action, Effect::Once, None)),
        (
            "done",
            operation(
                OperationKind::Trigger,
                Effect::Read,
                Some(Look::Level(level)),
            ),
        ),
        (
            "new",
            operation(OperationKind::Trigger, Effect::Read, Some(Look::Edge(edge))),
        ),
    ];
    let time = [(
        "after",
        operation(OperationKind::Trigger, Effect::Read, Some(Look::Time)),
    )];
    let mut catalog = Catalog::default();
    for (name, operations) in [("svc", svc.to_vec()), ("time", time.to_vec())] {
        let connector = Connector {
            name: name.into(),
            title: "".into(),
            description: "".into(),
            local: true,
            settings: IndexMap::new(),
            operations: operations
                .into_iter()
                .map(|(name, operation)| (name.into(), operation))
                .collect(),
        };
        catalog.connectors.insert(name.into(), connector);
    }
    catalog
}

/// A workflow from its text; its findings fail the test.
#[track_caller]
pub(crate) fn workflow(text: &str) -> Arc<Workflow> {
    let source = SourceFile::new("test.yml", text);
    let (document, findings) = document::parse(&source);
    let (workflow, findings) = workflow::check(&document, &catalog(), findings);
    let shown: Vec<_> = findings
        .iter()
        .map(|finding| (finding.code, &finding.message))
        .collect();
    Arc::new(workflow.unwrap_or_else(|| panic!("{shown:?}\n{text}")))
}

/// A world whose operations answer as the JSON says.
pub(crate) fn world(script: &str) -> World {
    let script = json::parse(script.as_bytes()).unwrap_or_else(|error| panic!("{error}: {script}"));
    World::new(Script::new(&script), Arc::new(Nothing))
}

/// Drives a workflow to its rest.
pub(crate) fn drive(workflow: &Arc<Workflow>, world: &mut World) -> (Journal, Rest) {
    let empty = || Value::map::<&str>([]);
    runtime().block_on(world.run(workflow.clone(), empty(), empty()))
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
}

pub(crate) fn report_of(journal: &Journal) -> Report {
    report(journal.iter().map(|(at, event)| (*at, event))).expect("a journal begins with its start")
}

/// `a ok, b failed:http.500, c skipped; failed`, steps in the order of the file, with seconds if `time` is asked for.
pub(crate) fn shown(workflow: &Workflow, journal: &Journal, rest: Rest) -> String {
    let report = report_of(journal);
    let mut parts = Vec::new();
    for step in &workflow.steps {
        let Some(state) = report.steps.get(&*step.name) else {
            continue;
        };
        let mut part = format!("{} {}", step.name, state.state.as_str());
        match (&state.value, &state.failure) {
            (Some(value), _) if !value.is_null() => {
                part.push_str(&format!("={}", value.to_json().unwrap_or_default()));
            }
            (None, Some(failure)) => part.push_str(&format!(":{}", failure.code)),
            _ => {}
        }
        if state.attempts > 1 {
            part.push_str(&format!(" x{}", state.attempts));
        }
        parts.push(part);
    }
    let end = match (rest, &report.ended) {
        (Rest::Ended, Some((_, ended)))
            if !ended.outputs.is_null()
                && ended.outputs.as_map().is_some_and(|map| !map.is_empty()) =>
        {
            format!(
                "{} {}",
                ended.status.as_str(),
                ended.outputs.to_json().unwrap_or_default()
            )
        }
        (Rest::Ended, Some((_, ended))) => ended.status.as_str().to_owned(),
        (rest, _) => format!("{rest:?}"),
    };
    format!("{}; {end}", parts.join(", "))
}

/// Runs steps (the part behind `steps:`, in flow style) in a scripted world and compares what became of them.
#[track_caller]
pub(crate) fn check(steps: &str, script: &str, expected: &str) {
    let workflow = workflow(&format!("steps:\n  {}\n", steps.replace(" | ", "\n  ")));
    let (journal, rest) = drive(&workflow, &mut world(script));
    assert_eq!(shown(&workflow, &journal, rest), expected, "{steps}");
}

/// Performs nothing: every operation of a test is scripted.
struct Nothing;

impl StepRunner for Nothing {
    fn prepare<'a>(
        &'a self,
        call: &'a Call,
        _: &'a StepContext,
    ) -> BoxFuture<'a, Result<Prepared, Failure>> {
        Box::pin(async move {
            Err(Failure::permanent(
                "test.unscripted",
                call.operation.to_string(),
            ))
        })
    }

    fn send<'a>(
        &'a self,
        call: &'a Call,
        _: &'a Prepared,
        _: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            Err(Failure::permanent(
                "test.unscripted",
                call.operation.to_string(),
            ))
        })
    }
}

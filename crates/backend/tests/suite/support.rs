//! Workflows from text in the virtual world, and the one helper that knows the interface.

use std::sync::Arc;

use flow_backend::conformance::told;
use flow_backend::virtual_world::script::Script;
use flow_backend::virtual_world::{Journal, Rest, World};
use flow_engine::report::{Report, report};
use flow_engine::value::{Value, json};
use flow_engine::workflow::Workflow;

pub(crate) use flow_backend::conformance::workflow;

/// A world whose operations answer as the JSON says.
pub(crate) fn world(script: &str) -> World {
    let script = json::parse(script.as_bytes()).unwrap_or_else(|error| panic!("{error}: {script}"));
    World::scripted(Script::new(&script))
}

/// Drives a workflow to its rest.
pub(crate) fn drive(workflow: &Arc<Workflow>, world: &mut World) -> (Journal, Rest) {
    let empty = || Value::map::<&str>([]);
    runtime().block_on(world.run(workflow.clone(), empty(), empty()))
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

pub(crate) fn report_of(journal: &Journal) -> Report {
    report(journal.iter().map(|(at, event)| (*at, event))).expect("a journal begins with its start")
}

pub(crate) fn shown(workflow: &Workflow, journal: &Journal, rest: Rest) -> String {
    let rest = if rest == Rest::Interrupted {
        "interrupted"
    } else {
        "endless"
    };
    told(workflow, &report_of(journal), rest)
}

/// Runs a whole workflow in a scripted world and compares what became of it.
#[track_caller]
pub(crate) fn check_workflow(text: &str, script: &str, expected: &str) {
    let workflow = workflow(text);
    let (journal, rest) = drive(&workflow, &mut world(script));
    assert_eq!(shown(&workflow, &journal, rest), expected, "{text}");
}

/// Runs steps (the part behind `steps:`, in flow style) in a scripted world and compares what became of them.
#[track_caller]
pub(crate) fn check(steps: &str, script: &str, expected: &str) {
    let workflow = workflow(&format!("steps:\n  {}\n", steps.replace(" | ", "\n  ")));
    let (journal, rest) = drive(&workflow, &mut world(script));
    assert_eq!(shown(&workflow, &journal, rest), expected, "{steps}");
}

//! What the store knows of the triggers that are served: each has a row from the start, and those that cannot work say why.

use flow_engine::value::Map;
use flow_engine::workflow::{Starts, Trigger};
use flow_local::store::StoreError;

use super::daemon::{Daemon, Source, called};
use super::hooks::Hooks;
use super::library::{Library, Loaded};
use super::log::Level;
use super::queue::services_of;
use crate::inputs;

/// Makes everything known that is served. Deliveries that nobody can verify are said, and kept with their triggers.
pub(super) fn make_known(daemon: &Daemon, library: &Library, hooks: &Hooks) {
    let mut served = Vec::new();
    for loaded in library.workflows.values() {
        let names = loaded.triggers().map(|trigger| trigger.name.to_string());
        served.extend(names.map(|trigger| (loaded.name().to_owned(), trigger)));
    }
    let mut judged = Vec::new();
    for hook in hooks.values().flatten() {
        let why = hook.check.as_ref().err();
        let error = why.map(|why| format!("takes no deliveries: {why}"));
        if let Some(error) = &error {
            daemon.log.say(Level::Error, &called(&hook.source), error);
        }
        let (workflow, trigger) = &hook.source;
        judged.push(((workflow.to_string(), trigger.to_string()), error));
    }
    let write = || daemon.owner.store().serve_triggers(served, judged);
    told(daemon, tokio::task::block_in_place(write));
}

/// Says that a trigger does not look, and keeps why.
pub(super) fn does_not_look(daemon: &Daemon, source: &Source, why: &str) {
    let error = format!("does not look: {why}");
    daemon.log.say(Level::Error, &called(source), &error);
    let (workflow, trigger) = source;
    let write = || daemon.owner.store().trigger_fails(workflow, trigger, error);
    told(daemon, tokio::task::block_in_place(write));
}

/// Whether a trigger that is served works; of one that does not it is said elsewhere why.
pub(super) fn works(daemon: &Daemon, loaded: &Loaded, trigger: &Trigger) -> bool {
    match &trigger.starts {
        Starts::Delivery(delivery) => {
            let hooks = daemon.hooks();
            let mut hooks = hooks.get(&*delivery.path).into_iter().flatten();
            let is_it =
                |(workflow, name): &Source| **workflow == *loaded.name() && *name == trigger.name;
            hooks.any(|hook| is_it(&hook.source) && hook.check.is_ok())
        }
        Starts::Poll(_) | Starts::Items(_) => {
            let given = inputs::with_defaults(&loaded.workflow, &Map::new());
            services_of(daemon, loaded, &given, true).is_ok()
        }
        _ => true,
    }
}

fn told(daemon: &Daemon, written: Result<(), StoreError>) {
    if let Err(error) = written {
        daemon.log.say(Level::Error, "triggers", &error.to_string());
    }
}

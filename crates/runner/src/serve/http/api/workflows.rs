//! What is served.

use std::sync::Arc;

use axum::http::StatusCode;
use flow_engine::finding::nearest;
use flow_engine::workflow::input::{Input, InputKind};
use serde_json::{Value, json};

use super::{page, triggers};
use crate::serve::daemon::Daemon;
use crate::serve::http::World;
use crate::serve::http::answer::Problem;
use crate::serve::http::route::{Ask, Read, Tried, not_found};
use crate::serve::library::Loaded;
use crate::show::values;

/// `GET /workflows`
pub(in crate::serve::http) fn list(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let daemon = &ask.world.daemon;
        let library = daemon.now_served();
        let all = library.workflows.iter();
        let all = all.map(|(name, loaded)| (name.clone(), head(daemon, loaded)));
        let (workflows, next) = page(&ask, all);
        let wrong: Vec<Value> = daemon
            .wrong()
            .iter()
            .map(|(file, error)| json!({ "file": file.display().to_string(), "error": error }))
            .collect();
        let list = json!({ "workflows": workflows, "wrong": wrong, "next": next });
        Ok(super::json(StatusCode::OK, &list))
    })
}

/// `GET /workflows/{workflow}`
pub(in crate::serve::http) fn one(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let daemon = &ask.world.daemon;
        let loaded = served(&ask.world, ask.part("workflow"))?;
        let inputs = loaded.workflow.inputs.values().map(input);
        let known = super::read(&ask.world, triggers::known)?;
        let triggers = loaded.workflow.triggers.values();
        let triggers = triggers.map(|trigger| triggers::served(&known, &loaded, trigger));
        let mut form = head(daemon, &loaded);
        form["inputs"] = inputs.collect();
        form["triggers"] = triggers.collect();
        Ok(super::json(StatusCode::OK, &form))
    })
}

/// The workflow of a name.
pub(super) fn served(world: &World, name: &str) -> Result<Arc<Loaded>, Problem> {
    let library = world.daemon.now_served();
    library.workflows.get(name).cloned().ok_or_else(|| {
        let shown: String = name.chars().take(80).collect();
        let problem = not_found(format!("no workflow `{shown}` is served"));
        let names = library.workflows.keys().map(String::as_str);
        match nearest(&shown, names) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem,
        }
    })
}

fn head(daemon: &Daemon, loaded: &Loaded) -> Value {
    let wrong = daemon.wrong();
    let error = wrong.iter().find(|(file, _)| *file == loaded.path);
    json!({
        "workflow": loaded.name(),
        "description": loaded.workflow.description.as_deref(),
        "file": loaded.path.display().to_string(),
        "version": loaded.version.to_string(),
        "error": error.map(|(_, error)| error),
    })
}

fn input(input: &Input) -> Value {
    let one_of: Vec<Value> = input.one_of.iter().map(values::to_json).collect();
    json!({
        "name": &*input.name,
        "type": kind(&input.kind),
        "required": input.required,
        "default": input.default.as_ref().map(values::to_json),
        "description": &*input.description,
        "enum": one_of,
        "min": input.min,
        "max": input.max,
        "pattern": input.pattern.as_ref().map(ToString::to_string),
    })
}

fn kind(kind: &InputKind) -> String {
    match kind {
        InputKind::List(items) => format!("list of {}", self::kind(items)),
        kind => kind.as_str().to_owned(),
    }
}

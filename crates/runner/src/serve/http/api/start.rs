//! `POST /workflows/{workflow}/runs`: a run that is started by hand. The same rules as those of `flow run`.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use flow_engine::value::{Map, Value};
use flow_local::driver::Progress;
use flow_local::start::{id_of_key, new_id};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::trouble::{problem, refused, unset};
use super::workflows::served;
use crate::exit::Exit;
use crate::host::order::Start;
use crate::host::{Driven, Following};
use crate::serve::daemon::{Daemon, Source};
use crate::serve::http::answer::Problem;
use crate::serve::http::route::{Ask, Run, Tried};
use crate::serve::library::Loaded;
use crate::serve::log::Level;
use crate::serve::queue::attend;
use crate::starting::{self, ByHand};
use crate::{inputs, services};

/// How an event is given here.
const BY_HAND: ByHand = ByHand {
    event: "give the event as `event`",
    trigger: "`trigger`",
    waits: false,
};

pub(in crate::serve::http) fn start(ask: Ask<Run>) -> Tried {
    Box::pin(async move {
        let loaded = served(&ask.world, ask.part("workflow"))?;
        let wish = tokio::task::block_in_place(|| wish(&ask, &loaded))?;
        begin(&ask, &loaded.workflow.name, wish).await
    })
}

/// Starts it; it is on disk when this returns. One that is there already is left alone.
pub(super) async fn begin(
    ask: &Ask<Run>,
    workflow: &Arc<str>,
    start: Start,
) -> Result<Response, Problem> {
    let daemon = &ask.world.daemon;
    let permit = ask.world.runs.clone().try_acquire_owned();
    let permit = permit.map_err(|_| {
        let message = "as many runs as are driven at once were asked for and go on";
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "api.busy", message);
        problem.help("wait until some have ended, or serve with a higher `--runs N`")
    })?;
    let run = start.run.clone();
    let driven = daemon.owner.start(start, None).await;
    match driven.map_err(|trouble| problem(&trouble))? {
        Driven::Following(mut following) => {
            on_disk(&mut following).await?;
            let how = format!("asked for by the token `{}`", ask.caller.name);
            daemon
                .log
                .say_of_run(Level::Info, workflow, Some(&run), &how);
            attended(daemon, workflow, following, Some(permit));
            Ok(super::json(
                StatusCode::ACCEPTED,
                &json!({ "run": run, "new": true }),
            ))
        }
        Driven::Exists | Driven::Told => Ok(super::json(
            StatusCode::OK,
            &json!({ "run": run, "new": false }),
        )),
    }
}

/// Waits for the first word of a run: then what was asked for is on disk. A store that takes nothing is not waited for: what
/// was asked for is done once it does again, unless the daemon ends before.
pub(super) async fn on_disk(following: &mut Following) -> Result<(), Problem> {
    loop {
        match following.progress.recv().await {
            Some(Progress::StoreWaits(None)) => {}
            Some(Progress::StoreWaits(Some(error)) | Progress::StoreFailed(error)) => {
                let problem = problem(&error.into()).with("run", following.run.as_str());
                return Err(problem.help(
                    "it may be done later all the same: look for this run, or ask again with the same `key`",
                ));
            }
            Some(_) => return Ok(()),
            None => {
                let message = "it is being stopped: nothing new is taken on";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Err(Problem::new(status, "serve.stopping", message));
            }
        }
    }
}

/// Says in the daemon's log how the run goes on; its place is free when it has ended.
pub(super) fn attended(
    daemon: &Arc<Daemon>,
    workflow: &Arc<str>,
    following: Following,
    permit: Option<OwnedSemaphorePermit>,
) {
    let (daemon, source): (_, Source) = (daemon.clone(), (workflow.clone(), "api".into()));
    tokio::spawn(async move {
        let Following { run, progress, .. } = following;
        daemon.count(&source, |going| going.started += 1);
        attend(&daemon, &source, &run, progress, false).await;
        drop(permit);
    });
}

fn wish(ask: &Ask<Run>, loaded: &Loaded) -> Result<Start, Problem> {
    let (daemon, workflow) = (&ask.world.daemon, &loaded.workflow);
    let values = ask.body.get("inputs").and_then(Value::as_map);
    let (given, mut errors) = inputs::given(workflow, values.unwrap_or(&Map::new()));
    errors.extend(inputs::unlisted_secrets(workflow, &given));
    let event = ask.body.get("event").cloned();
    let trigger = starting::trigger(workflow, ask.text("trigger"), event.is_some(), BY_HAND);
    let trigger = trigger.map_err(|trouble| problem(&trouble))?;
    let errors = starting::not_of_trigger(errors, trigger.as_ref());
    if !errors.is_empty() {
        return Err(refused(&errors));
    }
    if trigger.is_some() && event.is_none() {
        let message = "the run begins with an event of its trigger, and none was given";
        let trouble = crate::exit::Trouble::new(Exit::Usage, "run.trigger", message);
        return Err(problem(&trouble.help(BY_HAND.event)));
    }
    let key = ask.text("key");
    let mut started_by = starting::by("manual", trigger.as_ref(), key);
    let names = starting::names(&given);
    let event = event.unwrap_or_else(|| Value::map::<&str>([]));
    let blobs = daemon.owner.blobs();
    let all = starting::with_trigger(
        workflow,
        trigger.as_ref(),
        given,
        &started_by,
        &event,
        &*blobs,
    );
    let all = all.map_err(|error| refused(&[error]))?;
    let secrets = services::look_up_secrets(workflow, &all, daemon.sandbox, false);
    let secrets = secrets.map_err(|missing| unset(&missing))?.to_texts();
    let (project, store) = (&daemon.project, daemon.owner.store().folder());
    if let Some(error) = inputs::file_outside(workflow, &all, project, store) {
        return Err(refused(&[error]));
    }
    let all = inputs::store_files(workflow, &all, project, &*blobs);
    let all = all.map_err(|trouble| problem(&trouble))?;
    started_by.digest = key.map(|_| starting::digest(&names, &all, &started_by, Some(&event)));
    Ok(Start {
        run: key.map_or_else(new_id, |key| id_of_key(&workflow.name, key)),
        bundle: loaded.bundle(),
        inputs: Value::from(all),
        started_by,
        trigger: event,
        sandbox: daemon.sandbox,
        project: Some(project.display().to_string()),
        retry: None,
        secrets,
    })
}

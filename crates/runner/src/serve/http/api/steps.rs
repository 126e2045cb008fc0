//! The steps of a run, and what became of each attempt.

use axum::http::StatusCode;
use flow_engine::journal::{Event, Outcome};
use flow_engine::report::{Report, report};
use flow_engine::time::Timestamp;
use flow_local::store::Reader;
use serde_json::{Value, json};

use super::{LIMIT, before};
use crate::again;
use crate::exit::Trouble;
use crate::host::troubles::load_trouble;
use crate::serve::http::World;
use crate::serve::http::answer::Problem;
use crate::serve::http::route::{Ask, Read, Tried};
use crate::show::{summary, values};
use crate::stored::find;

/// `GET /runs/{run}/steps`: how each stands; values are told in a few words.
pub(in crate::serve::http) fn list(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let before = usize::try_from(before(&ask)).unwrap_or(usize::MAX);
        let limit = ask.number("limit", LIMIT) as usize;
        let (report, _) = reported(&ask.world, ask.part("run"))?;
        let steps = report.steps.iter().skip(before).take(limit);
        let steps: Vec<Value> = steps
            .map(|(path, step)| {
                let mut form = summary::step_json(step);
                if let Value::Object(form) = &mut form {
                    form.remove("value");
                }
                form["step"] = json!(path);
                form["brief"] = json!(step.value.as_ref().map(values::brief));
                form
            })
            .collect();
        let over = before.saturating_add(steps.len());
        let next = (over < report.steps.len()).then(|| over.to_string());
        Ok(super::json(
            StatusCode::OK,
            &json!({ "steps": steps, "next": next }),
        ))
    })
}

/// `GET /runs/{run}/steps/{step}`
pub(in crate::serve::http) fn one(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let path = ask.part("step");
        let (report, events) = reported(&ask.world, ask.part("run"))?;
        let Some(step) = report.steps.get(path) else {
            let shown: String = path.chars().take(80).collect();
            let message = format!("the run has no step `{shown}`, or it has not begun");
            let problem = Problem::new(StatusCode::NOT_FOUND, "run.unknown_step", message);
            let names = report.steps.keys().map(String::as_str);
            return Err(match flow_engine::finding::nearest(&shown, names) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem,
            });
        };
        let mut form = summary::step_json(step);
        form["step"] = json!(path);
        form["tries"] = tries(&events, path).into();
        Ok(super::json(StatusCode::OK, &form))
    })
}

type Events = Vec<(Timestamp, Event)>;

fn reported(world: &World, run: &str) -> Result<(Report, Events), Problem> {
    super::read(world, |reader| {
        let stored = stored(world, reader, run)?;
        let report = report(stored.events.iter().map(|(at, event)| (*at, event)));
        match report {
            Some(report) => Ok((report, stored.events)),
            None => Err(again::started(&stored)
                .err()
                .unwrap_or_else(|| Trouble::said(crate::exit::Exit::Bug))),
        }
    })
}

/// A run with its journal.
pub(super) fn stored(
    world: &World,
    reader: &Reader,
    run: &str,
) -> Result<flow_local::start::Stored, Trouble> {
    let folder = world.daemon.owner.store().folder();
    let stored = flow_local::start::load(reader, folder, find(reader, run)?);
    stored.map_err(|error| load_trouble(&error))
}

/// Each attempt of a step, in order.
fn tries(events: &Events, path: &str) -> Vec<Value> {
    let mut tries: Vec<Value> = Vec::new();
    for (at, event) in events {
        match event {
            Event::AttemptStarted(started) if started.step == path => tries.push(json!({
                "attempt": started.attempt, "started_at": at.to_string(), "ended_at": null, "outcome": null, "error": null,
            })),
            Event::AttemptEnded(ended) if ended.step == path => {
                let (outcome, error) = match &ended.outcome {
                    Outcome::Succeeded(_) => ("succeeded", None),
                    Outcome::Failed(failure) => ("failed", Some(failure)),
                    Outcome::Lost => ("lost", None),
                };
                close(&mut tries, ended.attempt, *at, outcome, json!(error));
            }
            Event::AttemptAdopted(adopted) if adopted.step == path => {
                close(&mut tries, adopted.attempt, *at, "found", Value::Null);
            }
            _ => {}
        }
    }
    tries
}

fn close(tries: &mut [Value], attempt: u32, at: Timestamp, outcome: &str, error: Value) {
    if let Some(known) = tries.iter_mut().rfind(|known| known["attempt"] == attempt) {
        known["ended_at"] = at.to_string().into();
        known["outcome"] = outcome.into();
        known["error"] = error;
    }
}

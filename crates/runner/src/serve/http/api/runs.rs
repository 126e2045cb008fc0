//! What ran and what runs.

use axum::http::StatusCode;
use flow_engine::report::{Report, StepState, report};
use flow_local::clock::now;
use flow_local::start::load;
use flow_local::store::{Filter, Of, Waiting};
use serde_json::{Value, json};

use super::LIMIT;
use crate::backfills;
use crate::host::troubles::load_trouble;
use crate::serve::http::route::{Ask, Read, Tried, unknown_run};
use crate::show::queued::{QUEUED, reason, to_json};
use crate::show::{rows, summary, why};
use crate::stored::{Found, find, known, look_up};

/// How many failures of its steps a run is shown with.
const FAILURES_MAX: usize = 10;

/// `GET /runs`
pub(in crate::serve::http) fn list(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let mut filter = Filter {
            statuses: ask.queries("status").map(str::to_owned).collect(),
            workflow: ask.query("workflow").map(str::to_owned),
            ..Filter::default()
        };
        let limit = ask.number("limit", LIMIT);
        let mut runs = super::read(&ask.world, |reader| {
            // What comes after a run that is gone is not known.
            if let Some(after) = ask.query("cursor") {
                let row = find(reader, after)?;
                filter.after = Some((row.started_at, row.run));
            }
            if let Some(backfill) = ask.query("backfill") {
                filter.of = Of::Backfill(backfills::known(reader, backfill)?.backfill);
            }
            let mut found = Vec::new();
            // One more tells whether there is a next page.
            for row in reader.list(&filter, limit + 1)? {
                let parent = reader.parent(&row.run)?;
                found.push(rows::run(&row, parent.as_deref()));
            }
            Ok(found)
        })?;
        let more = runs.len() > limit as usize;
        runs.truncate(limit as usize);
        let next = runs.last().filter(|_| more).map(|last| last["run"].clone());
        Ok(super::json(
            StatusCode::OK,
            &json!({ "runs": runs, "next": next }),
        ))
    })
}

/// `GET /queue`
pub(in crate::serve::http) fn queue(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let limit = ask.number("limit", LIMIT);
        let cursor = ask.query("cursor");
        let found = super::read(&ask.world, |reader| {
            let after = cursor.map_or(Ok(Some(0)), |run| reader.place_of(run))?;
            // One more tells whether there is a next page.
            let waiting = |after| reader.waiting(ask.query("workflow"), after, limit + 1);
            Ok(after.map(waiting).transpose()?)
        })?;
        let mut found = found.ok_or_else(|| unknown_run(cursor.unwrap_or_default()))?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|last| &*last.run);
        let queued: Vec<Value> = found.iter().map(to_json).collect();
        let form = json!({ "queue": queued, "next": next });
        Ok(super::json(StatusCode::OK, &form))
    })
}

/// `GET /runs/{run}`
pub(in crate::serve::http) fn one(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let run = super::read(&ask.world, |reader| {
            let row = match look_up(reader, ask.part("run"))? {
                Found::Run(row) => row,
                Found::Queued(waiting) => return Ok(queued(&waiting, ask.world.daemon.sandbox)),
            };
            let folder = ask.world.daemon.owner.store().folder();
            let parent = reader.parent(&row.run)?;
            let costs = reader.costs_of_all(&row.run)?;
            let stored = load(reader, folder, row).map_err(|error| load_trouble(&error))?;
            let report = report(stored.events.iter().map(|(at, event)| (*at, event)));
            let Some(report) = report else {
                return crate::again::started(&stored).map(|_| json!({}));
            };
            let row = &stored.row;
            let mut form = summary::run_json(&report, &row.status, &costs);
            form["waits_for"] = json!(row.waits_for);
            form["parent"] = json!(parent);
            form["backfill"] = json!(row.backfill);
            form["retry_of"] = json!(report.started.retry_of);
            form["version"] = json!(row.bundle);
            form["events"] = json!(stored.events.len());
            form["failures"] = failures(&report).into();
            Ok(form)
        })?;
        Ok(super::json(StatusCode::OK, &run))
    })
}

/// `GET /runs/{run}/why`
pub(in crate::serve::http) fn why(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let found = super::read(&ask.world, |reader| {
            let row = match look_up(reader, ask.part("run"))? {
                Found::Run(row) => row,
                Found::Queued(waiting) => {
                    let words = reason(&waiting, true);
                    let mut form = json!({ "run": waiting.run, "status": QUEUED, "deaths": null });
                    form["steps"] = json!([]);
                    form["queued"] = words.into();
                    return Ok(form);
                }
            };
            let (run, status) = (row.run.clone(), row.status.clone());
            let deaths = reader.quarantined()?.remove(&run);
            let known = known(reader, ask.world.daemon.owner.store().folder(), row)?;
            let steps = why::why(&known.workflow, &known.report, None, now());
            Ok(json!({ "run": run, "status": status, "deaths": deaths, "steps": steps }))
        })?;
        Ok(super::json(StatusCode::OK, &found))
    })
}

/// A run that has not begun: nothing of it is known but what is to start it.
fn queued(waiting: &Waiting, sandbox: bool) -> Value {
    json!({
        "run": waiting.run, "workflow": waiting.workflow, "status": QUEUED, "sandbox": sandbox,
        "started_at": null, "ended_at": null, "waits_for": null, "parent": null, "inputs": null,
        "trigger": null, "outputs": null, "costs": null, "retry_of": null, "version": null,
        "events": 0, "failures": [],
        "queued_at": waiting.at.to_string(), "behind": waiting.behind,
    })
}

/// The first failures of its steps, then that of the run itself.
fn failures(report: &Report) -> Vec<Value> {
    let steps = report.steps.iter().filter_map(|(path, step)| {
        let failed = matches!(
            step.state,
            StepState::Failed | StepState::TimedOut | StepState::Interrupted
        );
        let failure = step.failure.as_ref().filter(|_| failed)?;
        Some(json!({ "step": path, "error": failure }))
    });
    let own = report.ended.as_ref();
    let own = own.and_then(|(_, ended)| ended.failure.as_ref());
    let own = own.map(|failure| json!({ "step": null, "error": failure }));
    steps.take(FAILURES_MAX).chain(own).collect()
}

//! What is done with a run that is there: it is ended, goes on, or is tried again.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::Response;
use flow_engine::journal::Resolution;
use flow_engine::money::{Amount, nano_of};
use flow_engine::value::Value;
use flow_local::store::{Reader, RunRow};
use serde_json::json;

use super::start::{attended, begin, on_disk};
use super::steps::stored;
use super::trouble::{problem, unset};
use super::workflows::served;
use crate::again::{again, refuse};
use crate::exit::Trouble;
use crate::host::Driven;
use crate::host::order::{Cancel, Resume, SecretTexts};
use crate::host::owner::checked;
use crate::host::troubles::ended;
use crate::serve::http::answer::Problem;
use crate::serve::http::route::{Ask, Run, Tried};
use crate::serve::log::Level;
use crate::services;
use crate::stored::{Found, find, known, look_up};

/// `POST /runs/{run}/cancel`
pub(in crate::serve::http) fn cancel(ask: Ask<Run>) -> Tried {
    Box::pin(async move {
        let found = super::read(&ask.world, |reader| {
            let row = match look_up(reader, ask.part("run"))? {
                Found::Run(row) => row,
                Found::Queued(waiting) => return Ok(Err(waiting.run)),
            };
            if row.has_ended() {
                return Ok(Ok((row, None)));
            }
            let secrets = secrets_to_end(&ask, reader, &row)?;
            Ok(Ok((row, Some(secrets))))
        })?;
        let (row, secrets) = match found {
            Ok(found) => found,
            Err(queued) => return dequeue(&ask, queued).await,
        };
        let told = json!({ "run": row.run });
        let Some(secrets) = secrets else {
            return match row.status.as_str() {
                "cancelled" => Ok(super::json(StatusCode::ACCEPTED, &told)),
                _ => Err(problem(&ended(&row))),
            };
        };
        end(&ask, &row, secrets).await?;
        Ok(super::json(StatusCode::ACCEPTED, &told))
    })
}

/// Ends a run that has not ended: the wish is on disk when this returns.
pub(super) async fn end(ask: &Ask<Run>, row: &RunRow, secrets: SecretTexts) -> Result<(), Problem> {
    let daemon = &ask.world.daemon;
    let cancel = Cancel {
        run: row.run.clone(),
        by: by(ask),
        hard: ask.says("hard"),
        secrets,
    };
    let driven = daemon.owner.cancel(cancel).await;
    if let Driven::Following(mut following) = driven.map_err(|trouble| problem(&trouble))? {
        on_disk(&mut following).await?;
        attended(daemon, &row.workflow.as_str().into(), following, None);
    }
    say(ask, row, "is to end");
    Ok(())
}

/// What ending a run may need.
pub(super) fn secrets_to_end(
    ask: &Ask<Run>,
    reader: &Reader,
    row: &RunRow,
) -> Result<SecretTexts, Trouble> {
    let store = ask.world.daemon.owner.store().folder();
    let known = known(reader, store, row.clone())?;
    let inputs = known.report.started.inputs.as_map().cloned();
    // What is undone may need secrets; that one is missing must not keep anybody from ending a run.
    let secrets = services::secrets_at_hand(&known.workflow, &inputs.unwrap_or_default());
    Ok(secrets.to_texts())
}

/// Cancels a run that has not begun.
async fn dequeue(ask: &Ask<Run>, run: String) -> Result<Response, Problem> {
    let told = json!({ "run": run });
    let cancel = Cancel {
        run,
        by: by(ask),
        hard: ask.says("hard"),
        secrets: SecretTexts::new(),
    };
    let cancelled = ask.world.daemon.owner.cancel(cancel).await;
    cancelled.map_err(|trouble| problem(&trouble))?;
    Ok(super::json(StatusCode::ACCEPTED, &told))
}

fn by(ask: &Ask<Run>) -> String {
    format!("the token `{}`", ask.caller.name)
}

/// `POST /runs/{run}/resume`
pub(in crate::serve::http) fn resume(ask: Ask<Run>) -> Tried {
    Box::pin(async move {
        let daemon = &ask.world.daemon;
        let (row, known) = super::read(&ask.world, |reader| {
            let row = find(reader, ask.part("run"))?;
            if row.has_ended() {
                return Err(ended(&row));
            }
            let known = known(reader, daemon.owner.store().folder(), row.clone())?;
            Ok((row, known))
        })?;
        let inputs = known.report.started.inputs.as_map().cloned();
        let sandbox = known.report.started.sandbox;
        let inputs = inputs.unwrap_or_default();
        let secrets = services::look_up_secrets(&known.workflow, &inputs, sandbox, false);
        let secrets = secrets.map_err(|missing| unset(&missing))?.to_texts();
        let wish = Resume {
            run: row.run.clone(),
            decisions: decisions(&ask),
            budget: budget(&ask),
            force: ask.says("force"),
            secrets,
        };
        let decides = !wish.decisions.is_empty() || !wish.budget.is_nothing();
        let driven = daemon.owner.resume(wish).await;
        if let Driven::Following(mut following) = driven.map_err(|trouble| problem(&trouble))? {
            // A run that only goes on has nothing to say of it.
            if decides {
                on_disk(&mut following).await?;
            }
            attended(daemon, &row.workflow.as_str().into(), following, None);
        }
        say(&ask, &row, "was resumed");
        let told = json!({ "run": row.run });
        Ok(super::json(StatusCode::ACCEPTED, &told))
    })
}

/// `POST /runs/{run}/retry`
pub(in crate::serve::http) fn retry(ask: Ask<Run>) -> Tried {
    Box::pin(async move {
        let current = ask.says("with_current_definition");
        let from: BTreeSet<String> = ask.texts("from").into_iter().collect();
        let stored = super::read(&ask.world, |reader| {
            refuse(&find(reader, ask.part("run"))?, current || !from.is_empty())?;
            stored(&ask.world, reader, ask.part("run"))
        })?;
        let now = if current {
            let loaded = served(&ask.world, &stored.row.workflow)?;
            Some((loaded.workflow.clone(), loaded.bundle()))
        } else {
            None
        };
        let (workflow, start) = tokio::task::block_in_place(|| {
            let told = |trouble| problem(&trouble);
            let pinned = checked(&stored.bundle).map_err(told)?;
            let again = again(&stored, pinned.workflow, &from, now).map_err(told)?;
            let workflow = again.workflow.clone();
            let secrets =
                services::look_up_secrets(&workflow, &again.inputs, again.sandbox(), false);
            let secrets = secrets.map_err(|missing| unset(&missing))?.to_texts();
            Ok::<_, Problem>((workflow.clone(), again.start(secrets)))
        })?;
        begin(&ask, &workflow.name, start).await
    })
}

/// Says in the daemon's log who asked for what.
pub(super) fn say(ask: &Ask<Run>, row: &RunRow, what: &str) {
    let words = format!("{what}, by the token `{}`", ask.caller.name);
    let log = ask.world.daemon.log;
    log.say_of_run(Level::Info, &row.workflow, Some(&row.run), &words);
}

fn decisions(ask: &Ask<Run>) -> Vec<(String, Resolution)> {
    let retried = ask.texts("retry").into_iter();
    let retried = retried.map(|step| (step, Resolution::Retry));
    let skipped = ask.texts("skip").into_iter();
    let skipped = skipped.map(|step| (step, Resolution::Skip));
    let set = ask.body.get("set").and_then(Value::as_map);
    let set = set.into_iter().flat_map(flow_engine::value::Map::iter);
    let set = set.map(|(step, value)| (step.to_string(), Resolution::Set(value.clone())));
    retried.chain(skipped).chain(set).collect()
}

/// How much more may be spent.
fn budget(ask: &Ask<Run>) -> Amount {
    let given = |name| ask.body.get("budget").and_then(|budget| budget.get(name));
    let usd = match given("usd") {
        #[expect(clippy::cast_precision_loss, reason = "nobody gives so many dollars")]
        Some(Value::Int(usd)) => nano_of(*usd as f64),
        Some(Value::Float(usd)) => nano_of(*usd),
        _ => 0,
    };
    let tokens = match given("tokens") {
        Some(Value::Int(tokens)) => u64::try_from(*tokens).unwrap_or(0),
        _ => 0,
    };
    Amount {
        nano_usd: usd,
        tokens,
    }
}

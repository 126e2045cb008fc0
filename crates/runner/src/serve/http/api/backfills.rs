//! Runs made on purpose for times of the past, as what they are together.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::changes::{end, secrets_to_end};
use super::trouble::problem;
use super::{LIMIT, before};
use crate::backfills::{Shown, ended, known, time_json, unended};
use crate::host::order::EndBackfill;
use crate::serve::http::route::{Ask, Read, Run, Tried};
use crate::serve::log::Level;

/// `GET /backfills`
pub(in crate::serve::http) fn list(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let store = ask.world.daemon.owner.store().folder();
        let limit = ask.number("limit", LIMIT);
        let list = super::read(&ask.world, |reader| {
            let after = ask.query("cursor");
            let after = after.map(|id| known(reader, id)).transpose()?;
            let after = after.map(|last| (last.made_at, last.backfill));
            // One more tells whether there is a next page.
            let mut found = reader.backfills(after.as_ref(), limit + 1)?;
            let more = found.len() > limit as usize;
            found.truncate(limit as usize);
            let next = found.last().filter(|_| more);
            let next = next.map(|last| last.backfill.clone());
            let shown = found.into_iter().map(|backfill| {
                let shown = Shown::of(reader, store, backfill)?;
                Ok(shown.to_json())
            });
            let shown = shown.collect::<Result<Vec<Value>, crate::exit::Trouble>>()?;
            Ok(json!({ "backfills": shown, "next": next }))
        })?;
        Ok(super::json(StatusCode::OK, &list))
    })
}

/// `GET /backfills/{backfill}`
pub(in crate::serve::http) fn one(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let store = ask.world.daemon.owner.store().folder();
        let shown = super::read(&ask.world, |reader| {
            let backfill = known(reader, ask.part("backfill"))?;
            Shown::of(reader, store, backfill)
        })?;
        let (from, limit) = (before(&ask), ask.number("limit", LIMIT) as usize);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let from = from.min(shown.times.len());
        let rest = &shown.times[from..];
        let next = (rest.len() > limit).then(|| (from + limit).to_string());
        let mut form = shown.to_json();
        form["each"] = rest.iter().take(limit).map(time_json).collect();
        form["next"] = next.into();
        Ok(super::json(StatusCode::OK, &form))
    })
}

/// `POST /backfills/{backfill}/cancel`
pub(in crate::serve::http) fn cancel(ask: Ask<Run>) -> Tried {
    Box::pin(async move {
        let owner = &ask.world.daemon.owner;
        let backfill = super::read(&ask.world, |reader| {
            let found = known(reader, ask.part("backfill"))?;
            let shown = Shown::of(reader, owner.store().folder(), found)?;
            match shown.state {
                "ended" => Err(ended(&shown.backfill.backfill)),
                _ => Ok(shown.backfill),
            }
        })?;
        let by = format!("the token `{}`", ask.caller.name);
        let wish = EndBackfill {
            backfill: backfill.backfill.clone(),
            by: by.clone(),
        };
        let told = owner.end_backfill(wish).await;
        told.map_err(|trouble| problem(&trouble))?;
        let log = ask.world.daemon.log;
        let words = format!("backfill {} is to end, by {by}", backfill.backfill);
        log.say_of_run(Level::Info, &backfill.workflow, None, &words);
        let rows = super::read(&ask.world, |reader| {
            let rows = unended(reader, &backfill)?.into_iter();
            let with_secrets = rows.map(|row| Ok((secrets_to_end(&ask, reader, &row)?, row)));
            with_secrets.collect::<Result<Vec<_>, crate::exit::Trouble>>()
        })?;
        let mut runs = Vec::new();
        for (secrets, row) in rows {
            match end(&ask, &row, secrets).await {
                Ok(()) => runs.push(row.run),
                // It has ended by itself meanwhile.
                Err(problem) if problem.code() == "run.ended" => {}
                Err(problem) => return Err(problem),
            }
        }
        let told = json!({ "backfill": backfill.backfill, "runs": runs });
        Ok(super::json(StatusCode::ACCEPTED, &told))
    })
}

//! What waits for a person, and a person's answers.

use axum::http::StatusCode;
use flow_engine::value::{Map, Value};
use serde_json::json;

use super::LIMIT;
use super::changes::say;
use super::start::{attended, on_disk};
use super::trouble::problem;
use crate::approvals::{Given, Unreadable, Waiting, waiting};
use crate::host::Driven;
use crate::serve::http::route::{Ask, Read, Run, Tried};
use crate::stored::find;

/// `GET /approvals`
pub(in crate::serve::http) fn list(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let limit = ask.number("limit", LIMIT) as usize;
        let after = ask.query("cursor").unwrap_or_default();
        let (mut found, unreadable) = super::read(&ask.world, |reader| {
            let store = ask.world.daemon.owner.store().folder();
            // One more tells whether there is a next page.
            waiting(reader, store, after, limit + 1)
        })?;
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(Waiting::key);
        let approvals: Vec<_> = found.iter().map(Waiting::to_json).collect();
        let unreadable = unreadable.into_iter().map(
            |Unreadable { run, why }| json!({ "run": run, "code": why.code, "error": why.message }),
        );
        let unreadable: Vec<_> = unreadable.collect();
        let form = json!({ "approvals": approvals, "unreadable": unreadable, "next": next });
        Ok(super::json(StatusCode::OK, &form))
    })
}

/// `POST /runs/{run}/approve`: the same rules as those of `flow approve`. Who decides is the name of the token.
pub(in crate::serve::http) fn approve(ask: Ask<Run>) -> Tried {
    Box::pin(async move {
        let daemon = &ask.world.daemon;
        let fields = ask.body.get("fields").and_then(Value::as_map);
        let given = Given {
            step: ask.text("step"),
            choice: ask.text("choice"),
            by: &ask.caller.name,
            comment: ask.text("comment"),
            fields: fields.map_or_else(Map::new, Map::clone),
        };
        let (row, wish) = super::read(&ask.world, |reader| {
            let row = find(reader, ask.part("run"))?;
            let store = daemon.owner.store().folder();
            let (wish, _) = given.to_order(reader, store, row.clone())?;
            Ok((row, wish))
        })?;
        let told = json!({ "run": row.run, "step": wish.step, "choice": wish.choice() });
        let decided = format!("step `{}` is decided", wish.step);
        let driven = daemon.owner.approve(wish).await;
        if let Driven::Following(mut following) = driven.map_err(|trouble| problem(&trouble))? {
            on_disk(&mut following).await?;
            attended(daemon, &row.workflow.as_str().into(), following, None);
        }
        say(&ask, &row, &decided);
        Ok(super::json(StatusCode::ACCEPTED, &told))
    })
}

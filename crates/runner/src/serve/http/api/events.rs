//! The log of events: what happened that workflows may hear of, and saying that something did.

use axum::http::StatusCode;
use flow_engine::value::journal;
use flow_local::store::Logged;
use serde_json::{Value, json};

use super::LIMIT;
use super::trouble::problem;
use crate::host::order::Emit;
use crate::serve::http::route::{Ask, Read, Run, Tried};
use crate::serve::log::Level;
use crate::show::values;

/// `POST /events`: the same rules as those of `flow emit`.
pub(in crate::serve::http) fn emit(ask: Ask<Run>) -> Tried {
    Box::pin(async move {
        let event = ask.text("event").unwrap_or_default();
        let wish = Emit::said(event, ask.text("key"), ask.body.get("data").cloned());
        let daemon = &ask.world.daemon;
        let emitted = wish.and_then(|wish| daemon.owner.emit(wish));
        emitted.map_err(|trouble| problem(&trouble))?;
        let words = format!("was emitted, by the token `{}`", ask.caller.name);
        daemon.log.say(Level::Info, event, &words);
        let told = json!({ "event": event });
        Ok(super::json(StatusCode::ACCEPTED, &told))
    })
}

/// `GET /events`
pub(in crate::serve::http) fn list(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let limit = ask.number("limit", LIMIT);
        let before = ask.query("cursor").and_then(|text| text.parse().ok());
        let mut found = super::read(&ask.world, |reader| {
            // One more tells whether there is a next page.
            Ok(reader.events_before(ask.query("name"), before, limit + 1)?)
        })?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more);
        let next = next.map(|last| last.id.to_string());
        let events: Vec<Value> = found.iter().map(row).collect();
        Ok(super::json(
            StatusCode::OK,
            &json!({ "events": events, "next": next }),
        ))
    })
}

fn row(logged: &Logged) -> Value {
    let event = &logged.event;
    let cause = event.cause.as_ref();
    let data = journal::from_str(&event.data).unwrap_or_default();
    json!({
        "seq": logged.id,
        "at": event.at.to_string(),
        "event": event.name,
        "data": values::to_json(&data),
        "workflow": cause.map(|cause| &cause.workflow),
        "run": cause.map(|cause| &cause.run),
        "sandbox": cause.is_some_and(|cause| cause.sandbox),
    })
}

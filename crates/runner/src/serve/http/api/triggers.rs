//! What starts runs: how it is, what it noticed, when it is due; pausing it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use flow_engine::time::Timestamp;
use flow_engine::workflow::Trigger;
use flow_local::clock::now;
use flow_local::store::{Reader, TriggerRow};
use serde_json::{Value, json};

use super::trouble::problem;
use super::{LIMIT, page};
use crate::exit::Trouble;
use crate::host::order::Pause;
use crate::serve::described;
use crate::serve::http::World;
use crate::serve::http::answer::Problem;
use crate::serve::http::route::{Admin, Ask, Read, Tried, not_found};
use crate::serve::library::Loaded;
use crate::serve::log::Level;
use crate::show::rows;

/// A trigger as the store knows it, with when it noticed something last.
pub(super) type Row = (TriggerRow, Option<Timestamp>);

/// Every trigger that the store knows.
pub(super) fn known(reader: &Reader) -> Result<Vec<Row>, Trouble> {
    let noticed = reader.noticed_last()?;
    let rows = reader.triggers()?.into_iter();
    let with = |row: TriggerRow| {
        let last = noticed.get(&(row.workflow.clone(), row.trigger.clone()));
        (row, last.copied())
    };
    Ok(rows.map(with).collect())
}

/// `GET /triggers`: those that are served, and those that the store remembers.
pub(in crate::serve::http) fn list(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let wanted = ask.query("workflow");
        let known = super::read(&ask.world, known)?;
        let mut all: BTreeMap<String, Value> = BTreeMap::new();
        for (row, noticed) in &known {
            all.insert(key(&row.workflow, &row.trigger), remembered(row, *noticed));
        }
        for loaded in ask.world.daemon.now_served().workflows.values() {
            for trigger in loaded.workflow.triggers.values() {
                let key = key(loaded.name(), &trigger.name);
                all.insert(key, served(&known, loaded, trigger));
            }
        }
        all.retain(|_, form| wanted.is_none_or(|wanted| form["workflow"] == wanted));
        let (triggers, next) = page(&ask, all.into_iter());
        let list = json!({ "triggers": triggers, "next": next });
        Ok(super::json(StatusCode::OK, &list))
    })
}

/// `GET /triggers/{workflow}/{trigger}`
pub(in crate::serve::http) fn one(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let form = found(&ask)?;
        Ok(super::json(StatusCode::OK, &form))
    })
}

/// `GET /triggers/{workflow}/{trigger}/schedule`
pub(in crate::serve::http) fn schedule(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let loaded = super::workflows::served(&ask.world, ask.part("workflow"))?;
        let name = ask.part("trigger");
        let trigger = loaded.workflow.triggers.get(name);
        let trigger = trigger.ok_or_else(|| unknown(&ask))?;
        let Some(timetable) = loaded.timetable(name) else {
            let word = trigger.starts.word();
            let message = format!("the trigger `{name}` waits for `{word}`, and has no times");
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "schedule.trigger",
                message,
            ));
        };
        let from = ask.query("from").and_then(Timestamp::parse);
        let from = from.unwrap_or_else(now);
        let limit = ask.number("limit", LIMIT) as usize;
        let times = tokio::task::block_in_place(|| {
            let times = timetable.after(from).take(limit);
            times
                .map(|due| rows::due(&timetable, &due))
                .collect::<Vec<_>>()
        });
        let form = json!({
            "workflow": loaded.name(), "trigger": name, "enabled": trigger.enabled,
            "from": from.to_string(), "words": timetable.words(), "times": times,
        });
        Ok(super::json(StatusCode::OK, &form))
    })
}

/// `POST /triggers/{workflow}/{trigger}/pause`
pub(in crate::serve::http) fn pause(ask: Ask<Admin>) -> Tried {
    Box::pin(async move { turn(&ask, true) })
}

/// `POST /triggers/{workflow}/{trigger}/resume`
pub(in crate::serve::http) fn resume(ask: Ask<Admin>) -> Tried {
    Box::pin(async move { turn(&ask, false) })
}

fn turn(ask: &Ask<Admin>, paused: bool) -> Result<axum::response::Response, Problem> {
    found(ask)?;
    let (workflow, trigger) = (ask.part("workflow"), ask.part("trigger"));
    let wish = Pause {
        workflow: workflow.to_owned(),
        trigger: trigger.to_owned(),
        paused,
    };
    let daemon = &ask.world.daemon;
    daemon
        .owner
        .pause(&wish)
        .map_err(|trouble| problem(&trouble))?;
    let what = if paused { "is paused" } else { "goes on" };
    daemon.log.say(
        Level::Info,
        &key(workflow, trigger),
        &format!("{what}, by the token `{}`", ask.caller.name),
    );
    Ok(super::json(StatusCode::OK, &found(ask)?))
}

/// One trigger with what it noticed last.
fn found<C>(ask: &Ask<C>) -> Result<Value, Problem> {
    let (workflow, trigger) = (ask.part("workflow"), ask.part("trigger"));
    let limit = ask.number("limit", LIMIT);
    let (known, seen) = super::read(&ask.world, |reader| {
        let known = reader.trigger(workflow, trigger)?;
        let seen = reader.occurrences(workflow, trigger, limit)?;
        let noticed = seen.first().map(|seen| seen.at);
        Ok((known.map(|row| (row, noticed)), seen))
    })?;
    let mut form = match (in_library(&ask.world, workflow, trigger), &known) {
        (Some((loaded, trigger)), _) => served(known.as_slice(), &loaded, &trigger),
        (None, Some((row, noticed))) => remembered(row, *noticed),
        (None, None) => return Err(unknown(ask)),
    };
    form["noticed"] = seen.iter().map(rows::seen).collect();
    Ok(form)
}

fn in_library(world: &World, workflow: &str, trigger: &str) -> Option<(Arc<Loaded>, Trigger)> {
    let loaded = world.daemon.now_served().workflows.get(workflow)?.clone();
    let trigger = loaded.workflow.triggers.get(trigger)?.clone();
    Some((loaded, trigger))
}

fn unknown<C>(ask: &Ask<C>) -> Problem {
    let name = key(ask.part("workflow"), ask.part("trigger"));
    let shown: String = name.chars().take(80).collect();
    not_found(format!("there is no trigger `{shown}`"))
}

fn key(workflow: &str, trigger: &str) -> String {
    format!("{workflow}/{trigger}")
}

/// A trigger of a workflow that is served.
pub(super) fn served(known: &[Row], loaded: &Loaded, trigger: &Trigger) -> Value {
    let is_it = |(row, _): &&Row| row.workflow == loaded.name() && *row.trigger == *trigger.name;
    let new = || TriggerRow {
        workflow: loaded.name().to_owned(),
        trigger: trigger.name.to_string(),
        ..TriggerRow::default()
    };
    let found = known.iter().find(is_it).cloned();
    let (row, noticed) = found.unwrap_or_else(|| (new(), None));
    let timetable = loaded.timetable(&trigger.name);
    let next = timetable.as_ref();
    let next = next.and_then(|timetable| timetable.next_after(now()));
    let goes = trigger.enabled && row.paused_at.is_none();
    let mut form = rows::trigger(&row, noticed);
    form["served"] = true.into();
    form["enabled"] = trigger.enabled.into();
    form["kind"] = trigger.starts.word().into();
    form["words"] = described(trigger, timetable.as_ref()).into();
    form["next"] = json!(next.filter(|_| goes).map(|due| due.at.to_string()));
    form
}

/// One of a workflow that is not served any more.
fn remembered(row: &TriggerRow, noticed: Option<Timestamp>) -> Value {
    let mut form = rows::trigger(row, noticed);
    form["served"] = false.into();
    for name in ["enabled", "kind", "words", "next"] {
        form[name] = Value::Null;
    }
    form
}

//! The journal of a run: as events, and as lines for people.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use flow_engine::journal::Event;
use flow_engine::report::Report;
use flow_engine::run::step_of;
use flow_engine::time::Timestamp;
use serde_json::{Value, json};

use super::{LIMIT, before};
use crate::serve::http::route::{Ask, Read, Tried};
use crate::show::log;
use crate::stored::find;

/// `GET /runs/{run}/events`
pub(in crate::serve::http) fn events(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let seen = before(&ask);
        let limit = ask.number("limit", LIMIT);
        let (found, length) = super::read(&ask.world, |reader| {
            let row = find(reader, ask.part("run"))?;
            // Asked first: what is written in between is a next page.
            let length = reader.length(&row.run)?;
            Ok((reader.journal_page(&row.run, seen, limit)?, length))
        })?;
        let events = found.iter().zip(seen.saturating_add(1)..);
        let events: Vec<Value> = events
            .map(|((at, event), seq)| {
                let body: Value = serde_json::from_str(&event.to_body()).unwrap_or_default();
                json!({ "seq": seq, "at": at.to_string(), "event": event.kind(), "body": body })
            })
            .collect();
        let over = seen.saturating_add(events.len() as u64);
        let next = (over < length).then(|| over.to_string());
        Ok(super::json(
            StatusCode::OK,
            &json!({ "events": events, "next": next }),
        ))
    })
}

/// `GET /runs/{run}/logs`
pub(in crate::serve::http) fn logs(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let events = super::read(&ask.world, |reader| {
            let row = find(reader, ask.part("run"))?;
            Ok(reader.journal(&row.run)?)
        })?;
        let mut told = Told::default();
        let mut text = String::new();
        for (at, event) in &events {
            if let Some(line) = told.line(*at, event, ask.query("step")) {
                text.push_str(&line);
                text.push('\n');
            }
        }
        let ty = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
        Ok((ty, text).into_response())
    })
}

/// What was told of a run so far.
#[derive(Default)]
pub(super) struct Told {
    report: Option<Report>,
}

impl Told {
    /// The line for the next event of the journal, if people hear of it: all of them, or of one step.
    pub(super) fn line(
        &mut self,
        at: Timestamp,
        event: &Event,
        step: Option<&str>,
    ) -> Option<String> {
        match (&mut self.report, event) {
            (_, Event::RunStarted(started)) => self.report = Some(Report::new(started.clone(), at)),
            (Some(report), event) => report.take(at, event),
            (None, _) => return None,
        }
        if step.is_some_and(|step| !log::is_about(event, step)) {
            return None;
        }
        let words = log::words(self.report.as_ref()?, event)?.plain();
        Some(match step_of(event) {
            Some(step) => format!("{at}  {step}: {words}"),
            None => format!("{at}  {words}"),
        })
    }
}

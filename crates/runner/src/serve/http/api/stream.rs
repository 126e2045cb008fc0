//! `GET /runs/{run}/logs/stream`: the journal as server-sent events, to the end of the run.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use flow_engine::run::step_of;
use flow_local::store::Reader;
use futures_util::stream::unfold;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Sender, channel};

use super::journal::Told;
use super::trouble::problem;
use crate::serve::http::answer::Problem;
use crate::serve::http::route::{Ask, Read, Tried};
use crate::show::log;
use crate::stored::find;
use crate::tokens::{Token, Tokens};

/// How many streams there are at once: each holds a connection to the store.
pub(in crate::serve::http) const STREAMS_MAX: usize = 128;
/// How often the journal is looked at.
const PAUSE: Duration = Duration::from_millis(150);
/// How often it is asked whether the token still stands.
const ASKED: Duration = Duration::from_secs(1);
/// A word in between keeps whoever stands on the way from hanging up.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How much is told ahead of whoever reads slowly.
const AHEAD: usize = 64;
/// How much of the journal is read at once.
const ROWS: u32 = 500;
/// The header with the number of the last event that was heard.
const LAST: &str = "last-event-id";

pub(in crate::serve::http) fn stream(ask: Ask<Read>) -> Tried {
    Box::pin(async move {
        let seen = last(&ask.headers);
        let reader = ask.world.daemon.owner.reader();
        let reader = reader.map_err(|trouble| problem(&trouble))?;
        let row = find(&reader, ask.part("run")).map_err(|trouble| problem(&trouble))?;
        let permit = ask.world.streams.clone().try_acquire_owned();
        let permit = permit.map_err(|_| {
            let message = format!("{STREAMS_MAX} streams are open already");
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "api.busy", message);
            problem.help("close one of them, or read `/logs` from time to time")
        })?;
        let (sender, sent) = channel(AHEAD);
        let telling = Telling {
            reader,
            run: row.run,
            step: ask.query("step").map(str::to_owned),
            read: 0,
            seen,
            told: Told::default(),
            sender,
            tokens: ask.world.tokens.clone(),
            caller: ask.caller.clone(),
            asked_at: Instant::now(),
            _permit: permit,
        };
        tokio::spawn(telling.tell());
        let stream = unfold(sent, |mut sent| async {
            let event = sent.recv().await?;
            Some((Ok::<_, Infallible>(event), sent))
        });
        let alive = KeepAlive::new().interval(HEARTBEAT).text("still here");
        Ok(Sse::new(stream).keep_alive(alive).into_response())
    })
}

/// How much was heard before.
fn last(headers: &HeaderMap) -> u64 {
    let last = headers.get(LAST).and_then(|last| last.to_str().ok());
    last.and_then(|last| last.parse().ok()).unwrap_or(0)
}

/// Tells one reader of one run.
struct Telling {
    reader: Reader,
    run: String,
    step: Option<String>,
    /// How much of the journal was read, and how much of it was heard before.
    read: u64,
    seen: u64,
    told: Told,
    sender: Sender<Sent>,
    /// Who listens, and when it was last asked whether they may.
    tokens: Arc<Tokens>,
    caller: Token,
    asked_at: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Telling {
    /// Until the run has ended, or nobody listens, or whoever does may no more.
    async fn tell(mut self) {
        while self.may_hear() {
            // Before the events: what is written between the two is read the next time.
            let next = tokio::task::block_in_place(|| self.more());
            let Ok((events, end)) = next else { return };
            let idle = events.is_empty();
            for event in events {
                if self.sender.send(event).await.is_err() {
                    return;
                }
            }
            match end {
                Some(end) if idle => {
                    let _ = self.sender.send(end).await;
                    return;
                }
                _ if idle => tokio::time::sleep(PAUSE).await,
                _ => {}
            }
            if self.sender.is_closed() {
                return;
            }
        }
    }

    /// Whether the token is still worth something.
    fn may_hear(&mut self) -> bool {
        if self.asked_at.elapsed() < ASKED {
            return true;
        }
        self.asked_at = Instant::now();
        tokio::task::block_in_place(|| self.tokens.has(&self.caller))
    }

    /// What is new in the journal, and the last word if the run has ended.
    fn more(&mut self) -> Result<(Vec<Sent>, Option<Sent>), crate::exit::Trouble> {
        let row = find(&self.reader, &self.run)?;
        let mut events = Vec::new();
        let mut is_over = true;
        for (at, event) in self.reader.journal_page(&self.run, self.read, ROWS)? {
            is_over = false;
            self.read += 1;
            let step = self.step.as_deref();
            let line = self.told.line(at, &event, step);
            let wanted = step.is_none_or(|step| log::is_about(&event, step));
            if self.read <= self.seen || !wanted {
                continue;
            }
            let data = json!({ "at": at.to_string(), "event": event.kind(), "step": step_of(&event), "line": line });
            let sent = Sent::default().id(self.read.to_string());
            events.push(sent.event("journal").data(data.to_string()));
        }
        let end = (is_over && row.has_ended()).then(|| {
            let data = json!({ "run": row.run, "status": row.status });
            Sent::default().event("end").data(data.to_string())
        });
        // Nothing to tell is not nothing read.
        let pause = events.is_empty() && !is_over;
        if pause {
            return self.more();
        }
        Ok((events, end))
    }
}

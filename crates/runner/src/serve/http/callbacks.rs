//! `POST /callbacks/RUN/SIGNATURE/STEP`: somebody calls back a step that waits for it.
//!
//! Whoever has the address may call it, once: it is signed with a key of the store, and nobody can guess it. The answer comes
//! after the body is on disk. The same answer is given to who calls again; what comes second changes nothing.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use flow_engine::value::{Hash, Map, Value};
use flow_local::clock::now;
use flow_local::store::StoreError;
use serde_json::json;

use super::answer::Problem;
use super::body::whole;
use super::webhooks::{content, headers_of, unread, unstored};
use super::{World, nothing_here, stopping};
use crate::exit::Trouble;
use crate::serve::log::Level;

/// Takes a callback.
pub(super) async fn call_back(
    State(world): State<World>,
    Path((run, signature, step)): Path<(String, String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let called = Called {
        run,
        signature,
        step,
    };
    match called.take(&world, query, &method, &headers, body).await {
        Ok(()) => {
            let answer = json!({ "run": called.run, "step": called.step });
            let json = "application/json";
            (StatusCode::OK, [("content-type", json)], answer.to_string()).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

struct Called {
    run: String,
    signature: String,
    step: String,
}

impl Called {
    async fn take(
        &self,
        world: &World,
        asked: Vec<(String, String)>,
        method: &Method,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(), Problem> {
        let daemon = &world.daemon;
        if !self.is_ours(world) {
            return Err(nothing_here());
        }
        if daemon.stopping.is_cancelled() {
            return Err(stopping());
        }
        let body = whole(headers, body).await.map_err(unread)?;
        let body = content(headers, &body)?;
        let mut query = Map::new();
        for (name, value) in asked {
            query.insert(&*name, Value::from(&*value));
        }
        let value = Value::map([
            ("body", body),
            ("headers", headers_of(headers, None)),
            ("query", Value::from(query)),
            ("method", Value::from(method.as_str())),
        ]);
        let keep = || {
            if !self.is_awaited(world)? {
                return Ok(false);
            }
            let text = daemon
                .payload(value)
                .map_err(|error| Kept::Problem(unstored(&error)))?;
            let store = daemon.owner.store();
            store.call_back(&self.run, &self.step, now(), text)?;
            Ok(true)
        };
        match tokio::task::block_in_place(keep) {
            Ok(true) => {
                let said = format!("step `{}` was called back", self.step);
                let log = &daemon.log;
                log.say_of_run(Level::Info, "callbacks", Some(&self.run), &said);
                Ok(())
            }
            Ok(false) => Err(nothing_here()),
            Err(Kept::Problem(problem)) => Err(problem),
            Err(Kept::Store(error)) => Err(unstored(error.code())),
        }
    }

    /// Whether we made this address. Hashes are compared, so that the time it takes tells nothing.
    fn is_ours(&self, world: &World) -> bool {
        let callbacks = world.daemon.owner.store().callbacks();
        callbacks.is_some_and(|callbacks| {
            let expected = callbacks.signature(&self.run, &self.step);
            Hash::of(expected.as_bytes()) == Hash::of(self.signature.as_bytes())
        })
    }

    /// Whether the step waits for it, will, or has been called back before.
    fn is_awaited(&self, world: &World) -> Result<bool, Kept> {
        let reader = world
            .daemon
            .owner
            .reader()
            .map_err(|trouble: Trouble| Kept::Problem(unstored(&trouble.code)))?;
        let (run, step) = (&*self.run, &*self.step);
        if reader.callback(run, step)?.is_some() || reader.awaits_callback(run, step)? {
            return Ok(true);
        }
        let row = reader.run(run)?;
        let goes = row.is_some_and(|row| !row.has_ended());
        Ok(goes && !reader.is_over(run, step)?)
    }
}

/// Why it could not be kept.
enum Kept {
    Problem(Problem),
    Store(StoreError),
}

impl From<StoreError> for Kept {
    fn from(error: StoreError) -> Kept {
        Kept::Store(error)
    }
}

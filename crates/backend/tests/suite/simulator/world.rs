//! What is outside: operations that answer as chance has it, and remember what they did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flow_backend::context::StepContext;
use flow_backend::step::{Call, StepRunner};
use flow_engine::duration::Millis;
use flow_engine::money::Costs;
use flow_engine::run::{Done, Failure, FailureKind, Prepared};
use flow_engine::value::{Hash, Value};
use futures_util::future::BoxFuture;

use super::chance::Chance;

/// The world.
pub(super) struct World {
    chance: Chance,
    steady: bool,
    mended: bool,
    memory: Mutex<Memory>,
}

/// What it remembers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Effects that happened: by run and path, the operation and how often.
    pub(super) effects: BTreeMap<(String, String), (String, u64)>,
    /// The keys and requests of each run and path.
    keys: BTreeMap<(String, String), BTreeSet<(String, String)>>,
    /// How often each run and path was asked.
    asked: BTreeMap<(String, String), u64>,
    /// What it saw that must not be.
    pub(super) wrong: Option<String>,
}

impl World {
    pub(super) fn new(seed: u64, steady: bool, mended: bool) -> World {
        World {
            chance: Chance(seed),
            steady,
            mended,
            memory: Mutex::default(),
        }
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the effect of a step happened.
    pub(super) fn has_happened(&self, run: &str, path: &str) -> bool {
        let of = (run.to_owned(), path.to_owned());
        self.memory().effects.contains_key(&of)
    }

    fn prepared(call: &Call) -> Prepared {
        let request = Value::from(call.arguments.clone());
        let hash = Hash::of(flow_engine::value::journal::to_string(&request).as_bytes());
        Prepared {
            request,
            hash,
            count: None,
            bound: Costs::default(),
            key: call.key.to_string(),
        }
    }

    /// One request: whether it has its effect, and what is answered.
    fn answer(&self, call: &Call, request: Option<&Prepared>, context: &StepContext) -> Answer {
        let of = (context.run.to_string(), context.step.to_string());
        let mut memory = self.memory();
        if let Some(request) = request {
            let keys = memory.keys.entry(of.clone()).or_default();
            keys.insert((call.key.to_string(), request.hash.to_string()));
            if keys.len() > 1 {
                let wrong = format!("{} {} sends different requests: {keys:?}", of.0, of.1);
                memory.wrong = Some(wrong);
            }
        }
        let asked = memory.asked.entry(of.clone()).or_default();
        *asked += 1;
        let name = if self.steady {
            format!("answer {} {}", of.0, of.1)
        } else {
            format!("answer {} {} {asked}", of.0, of.1)
        };
        let operation = call.operation.to_string();
        let asked = *asked;
        let answer = self.draw(&name, &operation, &of, asked);
        if answer.effect && operation != "read" && operation != "list" && operation != "busy" {
            let known = memory.effects.entry(of).or_insert((operation.clone(), 0));
            // The key makes a second request of the same effect harmless.
            if operation != "put" || known.1 == 0 {
                known.1 += 1;
            }
        }
        answer
    }

    fn draw(&self, name: &str, operation: &str, of: &(String, String), asked: u64) -> Answer {
        let mut dice = self.chance.of(name);
        let value = if operation == "list" {
            // Each page has something new.
            let id = Value::from(asked);
            Value::list([Value::map([("id", id)])])
        } else {
            let id = Value::from(of.1.as_str());
            let done = self.steady || self.mended || dice.roll(2) == 0;
            Value::map([("id", id), ("done", Value::from(done))])
        };
        let good = Answer {
            effect: true,
            result: Ok(value),
        };
        if self.mended {
            return good;
        }
        let bad = |effect, status, kind, done| {
            let failure = Failure::of(kind, done, format!("http.{status}"), "as chance has it");
            let status = Some(status);
            let result = Err(Failure { status, ..failure });
            Answer { effect, result }
        };
        match (self.steady, dice.roll(20)) {
            (true, 0..=15) | (false, 0..=10) => good,
            (true, 16 | 17) | (false, 11) => bad(false, 404, FailureKind::Permanent, Done::NotDone),
            // A step that is tried again succeeds.
            (true, 18) if asked > 1 => good,
            (true, _) | (false, 12 | 13) => bad(false, 503, FailureKind::Overloaded, Done::NotDone),
            (false, 14) => {
                let answer = bad(false, 429, FailureKind::RateLimited, Done::NotDone);
                let retry_after = Some(Millis::seconds(dice.roll(20)));
                let result = answer.result.map_err(|failure| Failure {
                    retry_after,
                    ..failure
                });
                Answer { result, ..answer }
            }
            (false, 15 | 16) => bad(
                dice.roll(2) == 0,
                500,
                FailureKind::Transient,
                Done::Unknown,
            ),
            (false, 17) => bad(dice.roll(2) == 0, 504, FailureKind::Timeout, Done::Unknown),
            (false, _) => bad(true, 422, FailureKind::Permanent, Done::Done),
        }
    }
}

/// What becomes of one request.
struct Answer {
    effect: bool,
    result: Result<Value, Failure>,
}

impl StepRunner for World {
    fn prepare<'a>(
        &'a self,
        call: &'a Call,
        _: &'a StepContext,
    ) -> BoxFuture<'a, Result<Prepared, Failure>> {
        Box::pin(async move { Ok(World::prepared(call)) })
    }

    fn send<'a>(
        &'a self,
        call: &'a Call,
        prepared: &'a Prepared,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move { self.answer(call, Some(prepared), context).result })
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move { self.answer(call, None, context).result })
    }
}

//! What operations answer: a list for each, taken one call at a time, the last one for ever. A list stands under the
//! operation's name, such as `claude.messages.create`, or under the path of one step, item or round, such as `each[3]/ask`,
//! which goes first, or under the path without items and rounds, such as `each/ask`, which goes second.
//!
//! An answer is a value; a whole number from 400 to 599 stands for a failure with that HTTP status;
//! `{ fail: CODE, done: not_done | done | unknown, kind: ..., retry_after: 5s }` for any other failure;
//! Under `svc.make.found` stands what a search for the thing gives that a lost `svc.make` made.
//! `{ echo: true }` gives the arguments back; `{ takes: 10s, then: ANSWER }` comes so much later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use flow_engine::duration::Millis;
use flow_engine::journal::Resolution;
use flow_engine::money::Costs;
use flow_engine::run::{Done, Failure, FailureKind, Found, Prepared};
use flow_engine::time::Timestamp;
use flow_engine::value::{Hash, Value};
use futures_util::future::BoxFuture;

use crate::adopt::Records;
use crate::context::StepContext;
use crate::step::{Call, StepRunner};

/// Answers by operation, such as `claude.messages.create`; the connection's name stands in front.
#[derive(Debug, Clone, Default)]
pub struct Script {
    answers: HashMap<String, Vec<Value>>,
}

impl Script {
    /// Reads a map from operations to one answer or a list of answers.
    pub fn new(world: &Value) -> Script {
        let members = world
            .as_map()
            .into_iter()
            .flat_map(flow_engine::value::Map::iter);
        let answers = members.map(|(operation, answers)| {
            let answers = answers
                .as_list()
                .map_or_else(|| vec![answers.clone()], <[Value]>::to_vec);
            (operation.to_string(), answers)
        });
        Script {
            answers: answers.collect(),
        }
    }
}

/// Performs the operations of a script, and hands all others on.
pub struct Scripted {
    script: Script,
    others: Option<Arc<dyn StepRunner>>,
    /// How often each operation and each path was called.
    calls: Mutex<HashMap<String, usize>>,
    /// How many answers of each list were given.
    given: Mutex<HashMap<String, usize>>,
    takes: Mutex<Option<Millis>>,
}

/// What someone outside says to a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// It is to be cancelled.
    Cancel {
        /// Without undoing, and without `finally`.
        hard: bool,
    },
    /// The word that a step waits for.
    Signal {
        /// Its path.
        path: String,
        /// Its value.
        value: Value,
    },
    /// What becomes of an interrupted step.
    Resolve {
        /// Its path.
        path: String,
        /// The decision.
        resolution: Resolution,
    },
}

impl Scripted {
    /// Operations that the script does not name are performed by `others`; without, they fail as `test.unscripted`.
    pub fn new(script: Script, others: Option<Arc<dyn StepRunner>>) -> Scripted {
        Scripted {
            script,
            others,
            calls: Mutex::default(),
            given: Mutex::default(),
            takes: Mutex::default(),
        }
    }

    /// How often an operation was performed or sent, or a step by its path.
    pub fn calls(&self, name: &str) -> usize {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(name).copied().unwrap_or(0)
    }

    fn count(&self, call: &Call, context: &StepContext) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry(operation_of(call)).or_default() += 1;
        *calls.entry(context.step.to_string()).or_default() += 1;
        let written = written(&context.step);
        if written != *context.step {
            *calls.entry(written).or_default() += 1;
        }
    }

    /// How long the last answer takes.
    pub(super) fn takes(&self) -> Option<Millis> {
        let mut takes = self.takes.lock().unwrap_or_else(PoisonError::into_inner);
        takes.take()
    }

    /// The list that answers a call: that of its step, or that of its operation.
    fn list(&self, call: &Call, context: &StepContext) -> Option<(String, &Vec<Value>)> {
        let operation = operation_of(call);
        let answers = &self.script.answers;
        let own = answers.get_key_value(&*context.step);
        let found = own
            .or_else(|| answers.get_key_value(&written(&context.step)))
            .or_else(|| answers.get_key_value(&operation));
        found.map(|(name, list)| (name.clone(), list))
    }

    fn answer(
        &self,
        call: &Call,
        arguments: &flow_engine::value::Map,
        context: &StepContext,
    ) -> Option<Result<Value, Failure>> {
        self.count(call, context);
        let (name, answers) = self.list(call, context)?;
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let count = given.entry(name).or_default();
        let mut answer = answers
            .get(*count)
            .or(answers.last())
            .cloned()
            .unwrap_or_default();
        *count += 1;
        if let Some(takes) = answer.get("takes").and_then(Value::as_str) {
            let takes = Millis::parse(takes);
            *self.takes.lock().unwrap_or_else(PoisonError::into_inner) = takes;
            answer = answer.get("then").cloned().unwrap_or_default();
        }
        if answer.get("echo").and_then(Value::as_bool) == Some(true) {
            return Some(Ok(Value::from(arguments.clone())));
        }
        Some(read(answer))
    }

    fn knows(&self, call: &Call, context: &StepContext) -> bool {
        self.list(call, context).is_some()
    }
}

/// The name of an operation, the connection's in front.
pub(super) fn operation_of(call: &Call) -> String {
    format!("{}.{}", call.connection.name, call.operation)
}

/// The path of a step as the file has it, whatever the item or round: `each[3]/poll#0` is `each/poll`.
pub(super) fn written(path: &str) -> String {
    let mut counts = false;
    let mut text = String::with_capacity(path.len());
    for character in path.chars() {
        counts = match character {
            '[' | '#' => true,
            '/' | '.' => false,
            _ => counts,
        };
        if !counts {
            text.push(character);
        }
        counts &= character != ']';
    }
    text
}

fn read(answer: Value) -> Result<Value, Failure> {
    if let Some(status) = answer
        .as_u64()
        .and_then(|status| u16::try_from(status).ok())
        .filter(|status| (400..600).contains(status))
    {
        return Err(of_status(status));
    }
    let Some(code) = answer.get("fail").and_then(Value::as_str) else {
        return Ok(answer);
    };
    let word = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let done = match word("done") {
        "done" => Done::Done,
        "unknown" => Done::Unknown,
        _ => Done::NotDone,
    };
    let kind = match word("kind") {
        "timeout" => FailureKind::Timeout,
        "reset" => FailureKind::Reset,
        "connect" => FailureKind::Connect,
        "rate_limited" => FailureKind::RateLimited,
        "overloaded" => FailureKind::Overloaded,
        "transient" => FailureKind::Transient,
        _ => FailureKind::Permanent,
    };
    let failure = Failure::of(kind, done, code, "as the script says");
    Err(Failure {
        retry_after: Millis::parse(word("retry_after")),
        ..failure
    })
}

fn of_status(status: u16) -> Failure {
    let (kind, done) = match status {
        429 => (FailureKind::RateLimited, Done::NotDone),
        503 | 529 => (FailureKind::Overloaded, Done::NotDone),
        500..600 => (FailureKind::Transient, Done::Unknown),
        _ => (FailureKind::Permanent, Done::NotDone),
    };
    let failure = Failure::of(
        kind,
        done,
        format!("http.{status}"),
        format!("the service answered {status}"),
    );
    Failure {
        status: Some(status),
        ..failure
    }
}

fn unscripted<'a, T: Send + 'a>(call: &Call) -> BoxFuture<'a, Result<T, Failure>> {
    let message = format!("the script does not name `{}`", operation_of(call));
    Box::pin(async move { Err(Failure::permanent("test.unscripted", message)) })
}

impl StepRunner for Scripted {
    fn prepare<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Prepared, Failure>> {
        if !self.knows(call, context) {
            return match &self.others {
                Some(others) => others.prepare(call, context),
                None => unscripted(call),
            };
        }
        let request = Value::from(call.arguments.clone());
        let hash = Hash::of(flow_engine::value::journal::to_string(&request).as_bytes());
        let prepared = Prepared {
            request,
            hash,
            count: None,
            bound: Costs::default(),
            key: call.key.to_string(),
        };
        Box::pin(async move { Ok(prepared) })
    }

    fn send<'a>(
        &'a self,
        call: &'a Call,
        prepared: &'a Prepared,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        let arguments = prepared.request.as_map().cloned().unwrap_or_default();
        match self.answer(call, &arguments, context) {
            Some(answer) => Box::pin(async move { answer }),
            None => match &self.others {
                Some(others) => others.send(call, prepared, context),
                None => unscripted(call),
            },
        }
    }

    /// What stands under the name of the operation and `.found`: a map was made, null is nothing, a text is why it cannot
    /// be told yet.
    fn look_for<'a>(
        &'a self,
        call: &'a Call,
        prepared: &'a Prepared,
        since: Timestamp,
        records: &'a dyn Records,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Found, Failure>> {
        let search = Call {
            operation: format!("{}.found", call.operation).into(),
            ..call.clone()
        };
        let elsewhere = StepContext {
            step: "".into(),
            ..context.clone()
        };
        let Some(answer) = self.answer(&search, &call.arguments, &elsewhere) else {
            return match &self.others {
                Some(others) => others.look_for(call, prepared, since, records, context),
                None => {
                    Box::pin(async { Ok(Found::Unclear("the script does not say".to_owned())) })
                }
            };
        };
        Box::pin(async move {
            let answer = answer?;
            if let Some(why) = answer.as_str() {
                return Ok(Found::NotYet(why.to_owned()));
            }
            let Some(id) = answer.get("id").and_then(Value::as_str) else {
                return Ok(Found::Nothing);
            };
            let what = operation_of(call);
            if records.is_recorded(&what, id)? {
                return Ok(Found::Nothing);
            }
            if let Some(rival) = records.rivals(&what, prepared.count)?.into_iter().next() {
                return Ok(Found::Contested(rival.words));
            }
            let id = id.to_owned();
            Ok(Found::Made { id, value: answer })
        })
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        match self.answer(call, &call.arguments, context) {
            Some(answer) => Box::pin(async move { answer }),
            None => match &self.others {
                Some(others) => others.perform(call, context),
                None => unscripted(call),
            },
        }
    }
}

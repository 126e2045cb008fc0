//! What operations answer: a list for each, taken one call at a time, the last one for ever.
//!
//! An answer is a value; a whole number from 400 to 599 stands for a failure with that HTTP status; and
//! `{ fail: CODE, done: not_done | done | unknown, kind: ..., retry_after: 5s }` for any other failure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use flow_engine::duration::Millis;
use flow_engine::run::{Done, Failure, FailureKind, Prepared};
use flow_engine::value::{Hash, Value};
use futures_util::future::BoxFuture;

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
    calls: Mutex<HashMap<String, usize>>,
}

impl Scripted {
    /// Operations that the script does not name are performed by `others`; without, they fail as `test.unscripted`.
    pub fn new(script: Script, others: Option<Arc<dyn StepRunner>>) -> Scripted {
        Scripted {
            script,
            others,
            calls: Mutex::default(),
        }
    }

    /// How often an operation of the script was sent.
    pub fn calls(&self, operation: &str) -> usize {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(operation).copied().unwrap_or(0)
    }

    fn answer(&self, call: &Call) -> Option<Result<Value, Failure>> {
        let operation = format!("{}.{}", call.connection.name, call.operation);
        let answers = self.script.answers.get(&operation)?;
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let count = calls.entry(operation).or_default();
        let answer = answers
            .get(*count)
            .or(answers.last())
            .cloned()
            .unwrap_or_default();
        *count += 1;
        Some(read(answer))
    }

    fn knows(&self, call: &Call) -> bool {
        self.script
            .answers
            .contains_key(&format!("{}.{}", call.connection.name, call.operation))
    }
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
    let message = format!(
        "the script does not name `{}.{}`",
        call.connection.name, call.operation
    );
    Box::pin(async move { Err(Failure::permanent("test.unscripted", message)) })
}

impl StepRunner for Scripted {
    fn prepare<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Prepared, Failure>> {
        if !self.knows(call) {
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
        match self.answer(call) {
            Some(answer) => Box::pin(async move { answer }),
            None => match &self.others {
                Some(others) => others.send(call, prepared, context),
                None => unscripted(call),
            },
        }
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        match self.answer(call) {
            Some(answer) => Box::pin(async move { answer }),
            None => match &self.others {
                Some(others) => others.perform(call, context),
                None => unscripted(call),
            },
        }
    }
}

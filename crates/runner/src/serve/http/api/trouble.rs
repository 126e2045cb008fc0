//! What a command would say, as an answer.

use axum::http::StatusCode;
use flow_engine::workflow::input::InputError;
use serde_json::{Value, json};

use crate::exit::{Exit, Trouble};
use crate::serve::http::answer::Problem;
use crate::services::Missing;

/// The same words and the same code; the status says whose turn it is.
pub(in crate::serve::http) fn problem(trouble: &Trouble) -> Problem {
    let status = match (trouble.code.as_str(), trouble.exit) {
        ("run.unknown" | "run.not_awaited" | "backfill.unknown", _) => StatusCode::NOT_FOUND,
        (
            "run.trigger" | "run.no_budget" | "run.unknown_step" | "run.answer" | "flow.event_name",
            _,
        )
        | (_, Exit::Invalid) => StatusCode::UNPROCESSABLE_ENTITY,
        ("run.driven", _) | (_, Exit::Usage | Exit::Interrupted) => StatusCode::CONFLICT,
        (_, Exit::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let problem = Problem::new(status, trouble.code.clone(), trouble.message.clone());
    match &trouble.help {
        Some(help) => problem.help(help.clone()),
        None => problem,
    }
}

/// Everything that is wrong with inputs.
pub(in crate::serve::http) fn refused(errors: &[InputError]) -> Problem {
    let all: Vec<Value> = errors.iter().map(one).collect();
    let (code, message) = match errors.first() {
        Some(first) => (first.code, first.to_string()),
        None => ("input.missing", "an input is missing".to_owned()),
    };
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, message);
    problem.with("errors", all)
}

/// A secret that is not set where the daemon runs.
pub(super) fn unset(missing: &Missing<'_>) -> Problem {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let problem = Problem::new(status, "secret.missing", missing.message());
    problem.help("set it where `flow serve` is started")
}

fn one(error: &InputError) -> Value {
    // On the command line inputs are typed otherwise.
    let help = error.help.as_deref();
    let help = help.filter(|_| !matches!(error.code, "input.missing" | "input.type"));
    json!({ "code": error.code, "input": &*error.name, "detail": error.message, "help": help })
}

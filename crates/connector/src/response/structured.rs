//! Answers whose text must fit the schema that the request asked for.

use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::{Map, Value, View};
use serde_json::Value as Json;

use super::error::shown;
use super::schema::misfit;
use crate::descriptor::operation::Structured;

/// What an answer is held to: the rule of the operation, and the schema of this request.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    rule: Structured,
    schema: Json,
}

impl Promise {
    /// What a request with this body asked for, if it did.
    pub(crate) fn of(rule: &Structured, body: &Value) -> Option<Promise> {
        let schema = rule.schema.read(body)?.to_json().ok()?;
        Some(Promise {
            rule: rule.clone(),
            schema: serde_json::from_str(&schema).ok()?,
        })
    }

    /// Looks whether the answer is as it was asked for.
    ///
    /// # Errors
    /// `answer.schema` with the place. The request was done, and paid for.
    pub(crate) fn check(&self, answer: &Value, view: Option<&View>) -> Result<(), Failure> {
        let Some(body) = answer.as_map() else {
            return Ok(());
        };
        let ended = self.rule.ended.read(answer).and_then(Value::as_str);
        if ended.is_some_and(|word| self.rule.unless.iter().any(|other| **other == *word)) {
            return Ok(());
        }
        let text = text_of(body, view, &self.rule.text);
        let text = text.as_ref().and_then(Value::as_str).unwrap_or_default();
        let why = match serde_json::from_str::<Json>(text) {
            Ok(value) => match misfit(&self.schema, &value) {
                None => return Ok(()),
                Some(misfit) if misfit.path.is_empty() => misfit.why,
                Some(misfit) => format!("`{}`: {}", misfit.path, misfit.why),
            },
            Err(error) => {
                let begin: String = text.chars().take(100).collect();
                format!("it is not JSON: {error}; it begins `{}`", shown(&begin))
            }
        };
        let ended = ended.map_or(String::new(), |word| format!(" (it ended with `{word}`)"));
        let message =
            format!("the answer does not fit the schema that was asked for: {why}{ended}");
        let failure = Failure::of(FailureKind::Permanent, Done::Done, "answer.schema", message);
        Err(failure.help(
            "an answer that ended with `max_tokens` was cut: give it more; to ask again, write `retry: { on: [any] }`",
        ))
    }
}

fn text_of(body: &Map, view: Option<&View>, name: &str) -> Option<Value> {
    let own = body.get(name).cloned();
    own.or_else(|| view?.read(body, name))
}

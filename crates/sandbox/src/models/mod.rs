//! Models: which exist, what they can do, and the two calls that tell.
//!
//! Source: Claude API, Models.

mod added;
mod table;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::{PathIds, Shared};
use crate::error::{ApiError, joined};
use crate::ids::{now_us, rfc3339};
use crate::page::{Order, PageA, Query, page_a};

pub(crate) use added::Store;
pub(crate) use table::{Effort, Lifecycle, Model, find};
use table::{Generation, MODELS};

/// Lists the models of the lifecycles asked for, newest first.
pub(crate) async fn list(State(app): Shared, uri: Uri) -> Result<Json<PageA<Value>>, ApiError> {
    let query = Query::of(&uri)?;
    let lifecycles = lifecycles(&query)?;
    let mut models = app.models.newest_first();
    if !lifecycles.contains(&Lifecycle::Active) {
        models.clear();
    }
    let known = MODELS.iter();
    models.extend(
        known
            .filter(|model| lifecycles.contains(&model.lifecycle))
            .map(object),
    );
    page_a(models, &query, Order::Listed, |model| {
        model["id"].as_str().unwrap_or_default()
    })
    .map(Json)
}

/// Answers the model that an identifier or alias stands for.
pub(crate) async fn retrieve(
    State(app): Shared,
    PathIds(id): PathIds<String>,
) -> Result<Json<Value>, ApiError> {
    let added = || {
        let mut added = app.models.newest_first().into_iter();
        added.find(|model| model["id"] == *id)
    };
    match find(&id).map(object).or_else(added) {
        Some(model) => Ok(Json(model)),
        None => Err(ApiError::not_found(format!("model: {id}"))),
    }
}

/// A model to add.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Addition {
    id: String,
    display_name: Option<String>,
}

/// Lets a model appear that is like the newest of the table. For tests: a control endpoint.
pub(crate) async fn add(State(app): Shared, Json(addition): Json<Addition>) -> Response {
    let added = tokio::task::spawn_blocking(move || {
        let Addition { id, display_name } = addition;
        let same = |model: &Value| model["id"] == *id;
        if id.is_empty() || find(&id).is_some() || app.models.newest_first().iter().any(same) {
            return Err(ApiError::invalid(format!(
                "id: `{id}` is empty, or a model that is there already"
            )));
        }
        let mut model = MODELS.first().map(object).unwrap_or_default();
        model["display_name"] = json!(display_name.as_ref().unwrap_or(&id));
        model["id"] = json!(id);
        model["created_at"] = json!(rfc3339(now_us()));
        app.models.add(model.clone())?;
        Ok(Json(model))
    });
    match joined(added.await) {
        Ok(model) => model.into_response(),
        Err(error) => (error.status, Json(error.envelope(""))).into_response(),
    }
}

fn lifecycles(query: &Query) -> Result<Vec<Lifecycle>, ApiError> {
    let mut asked = Vec::new();
    for text in query.all("lifecycle[]") {
        asked.push(match text {
            "active" => Lifecycle::Active,
            "deprecated" => Lifecycle::Deprecated,
            "retired" => Lifecycle::Retired,
            other => {
                let message = format!(
                    "lifecycle: must be `active`, `deprecated` or `retired`, not `{other}`"
                );
                return Err(ApiError::invalid(message));
            }
        });
    }
    match asked.len() {
        0 => Ok(vec![Lifecycle::Active, Lifecycle::Deprecated]),
        1..=3 => Ok(asked),
        more => Err(ApiError::invalid(format!(
            "lifecycle: at most 3 values, not {more}"
        ))),
    }
}

/// The model as the service shows it.
fn object(model: &Model) -> Value {
    let is = |supported: bool| json!({ "supported": supported });
    let current = model.generation >= Generation::V46;
    let thinking = |kind| is(model.thinks(kind));
    let mut effort = json!({
        "supported": model.effort.is_some(),
        "low": is(model.takes_effort(Effort::Low)),
        "medium": is(model.takes_effort(Effort::Medium)),
        "high": is(model.takes_effort(Effort::High)),
        "max": is(model.takes_effort(Effort::Max)),
    });
    if current {
        effort["xhigh"] = is(model.takes_effort(Effort::XHigh));
    }
    json!({
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": model.created_at,
        "lifecycle": model.lifecycle,
        "deprecated_at": model.deprecated_at,
        "retires_at": model.retires_at,
        "line": model.line,
        "max_input_tokens": model.input_tokens_max,
        "max_tokens": model.output_tokens_max,
        "capabilities": {
            "batch": is(true),
            "citations": is(true),
            "code_execution": is(current),
            "context_management": {
                "supported": true,
                "clear_thinking_20251015": is(true),
                "clear_tool_uses_20250919": is(true),
                "compact_20260112": is(current),
            },
            "effort": effort,
            "image_input": is(true),
            "pdf_input": is(true),
            "server_tools": { "supported": true, "web_search": is(true), "code_execution": is(true) },
            "structured_outputs": is(true),
            "thinking": {
                "supported": true,
                "types": {
                    "adaptive": thinking("adaptive"),
                    "enabled": thinking("enabled"),
                    "disabled": thinking("disabled"),
                    "between_tools": thinking("between_tools"),
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_resolve_and_unknown_names_do_not() {
        assert_eq!(
            find("claude-haiku-4-5").map(|model| model.id),
            Some("claude-haiku-4-5-20251001")
        );
        assert_eq!(
            find("claude-haiku-5-5").map(|model| model.id),
            Some("claude-haiku-5-5")
        );
        assert!(find("gpt").is_none());
    }

    #[test]
    fn the_table_is_newest_first_and_without_doubles() {
        assert!(MODELS.is_sorted_by(|a, b| a.created_at >= b.created_at));
        let mut names: Vec<_> = MODELS
            .iter()
            .flat_map(|model| [Some(model.id), model.alias])
            .flatten()
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}

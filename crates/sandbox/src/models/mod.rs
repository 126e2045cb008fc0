//! Models: which exist, what they can do, and the two calls that tell.
//!
//! Source: Claude API, Models.

mod table;

use axum::Json;
use axum::http::Uri;
use serde_json::{Value, json};

use crate::app::PathIds;
use crate::error::ApiError;
use crate::page::{Order, PageA, Query, page_a};

pub(crate) use table::{Effort, Lifecycle, Model, find};
use table::{Generation, MODELS};

/// Lists the models of the lifecycles asked for, newest first.
pub(crate) async fn list(uri: Uri) -> Result<Json<PageA<Value>>, ApiError> {
    let query = Query::of(&uri)?;
    let lifecycles = lifecycles(&query)?;
    let models: Vec<Value> = MODELS
        .iter()
        .filter(|model| lifecycles.contains(&model.lifecycle))
        .map(object)
        .collect();
    page_a(models, &query, Order::Listed, |model| {
        model["id"].as_str().unwrap_or_default()
    })
    .map(Json)
}

/// Answers the model that an identifier or alias stands for.
pub(crate) async fn retrieve(PathIds(id): PathIds<String>) -> Result<Json<Value>, ApiError> {
    match find(&id) {
        Some(model) => Ok(Json(object(model))),
        None => Err(ApiError::not_found(format!("model: {id}"))),
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

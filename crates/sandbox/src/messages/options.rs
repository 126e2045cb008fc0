//! The check of `tools`, `tool_choice`, `thinking` and `output_config`.

use serde_json::Value;

use super::structured;
use super::validate::{one_of, opt};
use crate::error::ApiError;
use crate::models::{Effort, Model};

/// The least `thinking.budget_tokens`.
const BUDGET_TOKENS_MIN: u64 = 1024;

/// That the answer begins with a thinking block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thinking {
    /// Whether its text is left out.
    pub(crate) omitted: bool,
}

/// A tool: its name, and the schema of its input, unless it is one the service runs itself.
pub(crate) type Tool<'a> = (&'a str, Option<&'a Value>);

/// Checks `tools`.
pub(crate) fn tools(body: &Value) -> Result<Vec<Tool<'_>>, ApiError> {
    let Some(list) = opt(body, "tools", "a valid list", Value::as_array)? else {
        return Ok(Vec::new());
    };
    let mut tools: Vec<Tool<'_>> = Vec::with_capacity(list.len());
    for (at, tool) in list.iter().enumerate() {
        let path = format!("tools.{at}");
        let name = tool["name"]
            .as_str()
            .ok_or_else(|| ApiError::invalid(format!("{path}.name: Field required")))?;
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > 128 || !name.bytes().all(good) {
            return Err(ApiError::invalid(format!(
                "{path}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )));
        }
        if tools.iter().any(|(other, _)| *other == name) {
            return Err(ApiError::invalid("tools: Tool names must be unique")
                .with_code("tool_name_conflict"));
        }
        let schema = match tool["type"].as_str() {
            None | Some("custom") => {
                if tool["input_schema"]["type"] != "object" {
                    return Err(ApiError::invalid(format!(
                        "{path}.input_schema.type: Input should be 'object'"
                    )));
                }
                if tool["strict"] == true {
                    structured::check(&tool["input_schema"], &path)?;
                }
                Some(&tool["input_schema"])
            }
            Some(_) => None,
        };
        tools.push((name, schema));
    }
    Ok(tools)
}

/// Checks `tool_choice`, and returns the tool that must be used, if one must.
pub(crate) fn tool_choice<'a>(
    body: &'a Value,
    tools: &[Tool<'a>],
    thinks: bool,
) -> Result<Option<(&'a str, &'a Value)>, ApiError> {
    let choice = &body["tool_choice"];
    if choice.is_null() {
        return Ok(None);
    }
    let kind = choice["type"]
        .as_str()
        .ok_or_else(|| ApiError::invalid("tool_choice.type: Field required"))?;
    one_of(
        &choice["type"],
        "tool_choice.type",
        &["auto", "any", "tool", "none"],
    )?;
    if tools.is_empty() && kind != "none" {
        return Err(ApiError::invalid(
            "tool_choice: may only be given along with tools",
        ));
    }
    if matches!(kind, "auto" | "none") {
        return Ok(None);
    }
    if thinks {
        return Err(ApiError::invalid(
            "Thinking may not be enabled when tool_choice forces tool use.",
        ));
    }
    let usable = tools
        .iter()
        .filter_map(|(name, schema)| Some((*name, (*schema)?)));
    if kind == "any" {
        return Ok(usable.into_iter().next());
    }
    let wanted = choice["name"]
        .as_str()
        .ok_or_else(|| ApiError::invalid("tool_choice.name: Field required"))?;
    if !tools.iter().any(|(name, _)| *name == wanted) {
        return Err(ApiError::invalid(format!(
            "Tool '{wanted}' not found in provided tools"
        )));
    }
    Ok(usable.into_iter().find(|(name, _)| *name == wanted))
}

/// Checks `thinking`, and returns whether and how the answer thinks.
pub(crate) fn thinking(
    body: &Value,
    model: &Model,
    max_tokens: u64,
) -> Result<Option<Thinking>, ApiError> {
    let thinking = &body["thinking"];
    if thinking.is_null() {
        return Ok(None);
    }
    let kind = thinking["type"]
        .as_str()
        .ok_or_else(|| ApiError::invalid("thinking.type: Field required"))?;
    one_of(
        &thinking["type"],
        "thinking.type",
        &["adaptive", "enabled", "disabled", "between_tools"],
    )?;
    if !model.thinks(kind) {
        return Err(ApiError::invalid(format!(
            "thinking.type: `{kind}` is not supported by {}",
            model.id
        )));
    }
    one_of(
        &thinking["display"],
        "thinking.display",
        &["summarized", "omitted"],
    )?;
    if kind == "enabled" {
        let budget = thinking["budget_tokens"]
            .as_u64()
            .ok_or_else(|| ApiError::invalid("thinking.enabled.budget_tokens: Field required"))?;
        if budget < BUDGET_TOKENS_MIN {
            let message = format!(
                "thinking.enabled.budget_tokens: Input should be greater than or equal to {BUDGET_TOKENS_MIN}"
            );
            return Err(ApiError::invalid(message));
        }
        if budget >= max_tokens {
            return Err(ApiError::invalid(
                "`max_tokens` must be greater than `thinking.budget_tokens`.",
            ));
        }
    }
    let thinks = matches!(kind, "adaptive" | "enabled");
    Ok(thinks.then(|| Thinking {
        omitted: thinking["display"] == "omitted",
    }))
}

/// Checks `output_config`, and returns the schema the answer must fit, if there is one.
pub(crate) fn output_config<'a>(
    body: &'a Value,
    model: &Model,
) -> Result<Option<&'a Value>, ApiError> {
    let Some(fields) = opt(body, "output_config", "an object", Value::as_object)? else {
        return Ok(None);
    };
    if let Some(field) = fields
        .keys()
        .find(|field| !["effort", "format", "task_budget"].contains(&field.as_str()))
    {
        return Err(ApiError::invalid(format!(
            "output_config.{field}: Extra inputs are not permitted"
        )));
    }
    let config = &body["output_config"];
    one_of(
        &config["effort"],
        "output_config.effort",
        &["low", "medium", "high", "xhigh", "max"],
    )?;
    let effort = match config["effort"].as_str() {
        Some("low") => Some(Effort::Low),
        Some("medium") => Some(Effort::Medium),
        Some("high") => Some(Effort::High),
        Some("xhigh") => Some(Effort::XHigh),
        Some("max") => Some(Effort::Max),
        _ => None,
    };
    if effort.is_some_and(|effort| !model.takes_effort(effort)) {
        return Err(ApiError::invalid(format!(
            "output_config.effort: not supported by {}",
            model.id
        )));
    }
    let format = &config["format"];
    if format.is_null() {
        return Ok(None);
    }
    if format["type"] != "json_schema" {
        return Err(ApiError::invalid(
            "output_config.format.type: Input should be 'json_schema'",
        ));
    }
    if !format["schema"].is_object() {
        return Err(ApiError::invalid(
            "output_config.format.schema: Field required",
        ));
    }
    structured::check(&format["schema"], "output_config.format.schema")?;
    Ok(Some(&format["schema"]))
}

//! The check of a Messages body, field by field, and what it proved.

use serde_json::{Map, Value};

use super::options::{self, Thinking};
use super::{content, tokens};
use crate::auth::Version;
use crate::error::ApiError;
use crate::models::{self, Lifecycle, Model};

/// Which body is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// The body of a message.
    Message { version: Version },
    /// The body of a count, which has fewer fields.
    Count { version: Version },
    /// The `params` of a batch request, which may neither stream nor hurry.
    Batch {
        version: Version,
        /// Whether the beta that lets batches write very long answers is on.
        long_output: bool,
    },
}

impl Context {
    fn version(self) -> Version {
        match self {
            Context::Message { version }
            | Context::Count { version }
            | Context::Batch { version, .. } => version,
        }
    }

    fn fields(self) -> &'static [&'static str] {
        match self {
            Context::Count { .. } => COUNT_FIELDS,
            Context::Message { .. } | Context::Batch { .. } => MESSAGE_FIELDS,
        }
    }
}

const MESSAGE_FIELDS: &[&str] = &[
    "model",
    "max_tokens",
    "messages",
    "system",
    "stream",
    "stop_sequences",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "metadata",
    "service_tier",
    "speed",
    "cache_control",
    "container",
    "inference_geo",
    "diagnostics",
    "temperature",
    "top_p",
    "top_k",
];

const COUNT_FIELDS: &[&str] = &[
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
    "speed",
];

/// `max_tokens` under the beta for very long batch output.
const LONG_OUTPUT_TOKENS_MAX: u64 = 300_000;

/// A request that is fit to be answered.
#[derive(Debug)]
pub(crate) struct Checked<'a> {
    pub(crate) body: &'a Value,
    pub(crate) model: &'static Model,
    pub(crate) max_tokens: u64,
    pub(crate) stream: bool,
    /// The text of the last user message.
    pub(crate) asked: String,
    pub(crate) stop_sequences: Vec<&'a str>,
    pub(crate) shape: Shape<'a>,
    pub(crate) thinking: Option<Thinking>,
    pub(crate) input_tokens: u64,
}

/// What the answer must look like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// Prose.
    Text,
    /// JSON that fits a schema.
    Json(&'a Value),
    /// The use of a tool, with input that fits its schema.
    Tool { name: &'a str, schema: &'a Value },
}

/// Checks a body that is a JSON object.
///
/// # Errors
/// 404 for an unknown model; 400 for all else, naming the field.
pub(crate) fn check(body: &Value, context: Context) -> Result<Checked<'_>, ApiError> {
    let fields = body
        .as_object()
        .ok_or_else(|| ApiError::invalid("params: must be an object"))?;
    extra_fields(fields, context)?;
    let model = model(body)?;
    let max_tokens = max_tokens(body, model, context)?;
    sampling(fields, model, context.version())?;
    let stream = opt(body, "stream", "a boolean", Value::as_bool)?.unwrap_or(false);
    if matches!(context, Context::Batch { .. }) {
        batch_only(fields, stream)?;
    }
    let asked = content::messages(body, model, context.version())?;
    content::system(&body["system"])?;
    plain_fields(body)?;
    let tools = options::tools(body)?;
    let thinking = options::thinking(body, model, max_tokens)?;
    let schema = options::output_config(body, model)?;
    let tool = options::tool_choice(body, &tools, thinking.is_some())?;
    let shape = match (tool, schema) {
        (Some((name, schema)), _) => Shape::Tool { name, schema },
        (None, Some(schema)) => Shape::Json(schema),
        (None, None) => Shape::Text,
    };
    let input_tokens = tokens::of_request(body);
    if input_tokens > model.input_tokens_max {
        let message = format!(
            "prompt is too long: {input_tokens} tokens > {} maximum",
            model.input_tokens_max
        );
        return Err(ApiError::invalid(message));
    }
    let stop_sequences = stop_sequences(body)?;
    Ok(Checked {
        body,
        model,
        max_tokens,
        stream,
        asked,
        stop_sequences,
        shape,
        thinking,
        input_tokens,
    })
}

/// A field that may be missing or null, but else must be what `read` takes.
pub(crate) fn opt<'a, T>(
    body: &'a Value,
    name: &str,
    what: &str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>, ApiError> {
    match &body[name] {
        Value::Null => Ok(None),
        value => read(value)
            .map(Some)
            .ok_or_else(|| ApiError::invalid(format!("{name}: Input should be {what}"))),
    }
}

/// An enumeration that may be missing or null.
pub(crate) fn one_of(value: &Value, path: &str, allowed: &[&str]) -> Result<(), ApiError> {
    match value {
        Value::Null => Ok(()),
        Value::String(text) if allowed.contains(&text.as_str()) => Ok(()),
        _ => {
            let allowed: Vec<String> = allowed.iter().map(|value| format!("'{value}'")).collect();
            Err(ApiError::invalid(format!(
                "{path}: Input should be {}",
                allowed.join(" or ")
            )))
        }
    }
}

fn extra_fields(fields: &Map<String, Value>, context: Context) -> Result<(), ApiError> {
    match fields
        .keys()
        .find(|field| !context.fields().contains(&field.as_str()))
    {
        Some(field) => Err(ApiError::invalid(format!(
            "{field}: Extra inputs are not permitted"
        ))),
        None => Ok(()),
    }
}

fn model(body: &Value) -> Result<&'static Model, ApiError> {
    let name = match &body["model"] {
        Value::Null => return Err(ApiError::invalid("model: Field required")),
        Value::String(name) if name.is_empty() => {
            return Err(ApiError::invalid(
                "model: String should have at least 1 character",
            ));
        }
        Value::String(name) => name,
        _ => return Err(ApiError::invalid("model: Input should be a valid string")),
    };
    models::find(name)
        .filter(|model| model.lifecycle != Lifecycle::Retired)
        .ok_or_else(|| ApiError::not_found(format!("model: {name}")))
}

fn max_tokens(body: &Value, model: &Model, context: Context) -> Result<u64, ApiError> {
    let required = !matches!(context, Context::Count { .. });
    let limit = match context {
        Context::Batch {
            long_output: true, ..
        } if model.output_tokens_max >= 128_000 => LONG_OUTPUT_TOKENS_MAX,
        _ => model.output_tokens_max,
    };
    let asked = match &body["max_tokens"] {
        Value::Null if required => return Err(ApiError::invalid("max_tokens: Field required")),
        Value::Null => return Ok(limit),
        value => value,
    };
    let Some(asked) = asked.as_u64() else {
        let message = if asked.as_i64().is_some() {
            "max_tokens: Input should be greater than or equal to 0"
        } else {
            "max_tokens: Input should be a valid integer"
        };
        return Err(ApiError::invalid(message));
    };
    if asked > limit {
        let message = format!(
            "max_tokens: {asked} > {limit}, which is the maximum allowed number of output tokens for {}",
            model.id
        );
        return Err(ApiError::invalid(message));
    }
    if asked == 0 && matches!(context, Context::Batch { .. }) {
        return Err(ApiError::invalid(
            "max_tokens: Input should be greater than or equal to 1",
        ));
    }
    Ok(asked)
}

/// The sampling parameters: refused by the newer version even with their default values, and by
/// the newer models.
fn sampling(fields: &Map<String, Value>, model: &Model, version: Version) -> Result<(), ApiError> {
    for name in ["temperature", "top_p", "top_k"] {
        let Some(value) = fields.get(name) else {
            continue;
        };
        if version == Version::V2026 {
            return Err(ApiError::invalid(format!(
                "{name}: Extra inputs are not permitted"
            )));
        }
        if !model.takes_sampling() {
            return Err(ApiError::invalid(format!(
                "{name}: not supported by {}",
                model.id
            )));
        }
        let good = match name {
            "top_k" => value.as_u64().is_some(),
            _ => value
                .as_f64()
                .is_some_and(|value| (0.0..=1.0).contains(&value)),
        };
        if !good {
            let range = if name == "top_k" {
                "a whole number from 0"
            } else {
                "a number from 0 to 1"
            };
            return Err(ApiError::invalid(format!(
                "{name}: Input should be {range}"
            )));
        }
    }
    Ok(())
}

fn batch_only(fields: &Map<String, Value>, stream: bool) -> Result<(), ApiError> {
    if stream {
        return Err(ApiError::invalid("stream: not supported in a batch"));
    }
    match fields.get("speed") {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(ApiError::invalid("speed: not supported in a batch")),
    }
}

/// Fields whose check needs nothing else.
fn plain_fields(body: &Value) -> Result<(), ApiError> {
    one_of(
        &body["service_tier"],
        "service_tier",
        &["auto", "standard_only"],
    )?;
    one_of(&body["speed"], "speed", &["standard", "fast"])?;
    opt(body, "inference_geo", "a valid string", Value::as_str)?;
    opt(body, "diagnostics", "an object", Value::as_object)?;
    if let Some(metadata) = opt(body, "metadata", "an object", Value::as_object)? {
        if let Some(field) = metadata.keys().find(|field| *field != "user_id") {
            return Err(ApiError::invalid(format!(
                "metadata.{field}: Extra inputs are not permitted"
            )));
        }
        opt(
            &body["metadata"],
            "user_id",
            "a valid string",
            Value::as_str,
        )?;
    }
    if let Some(cache) = opt(body, "cache_control", "an object", Value::as_object)? {
        if cache.get("type").and_then(Value::as_str) != Some("ephemeral") {
            return Err(ApiError::invalid(
                "cache_control.type: Input should be 'ephemeral'",
            ));
        }
        one_of(
            &body["cache_control"]["ttl"],
            "cache_control.ttl",
            &["5m", "1h"],
        )?;
    }
    match &body["container"] {
        Value::Null | Value::String(_) => Ok(()),
        Value::Object(container) => match container
            .get("skills")
            .and_then(Value::as_array)
            .map_or(0, Vec::len)
        {
            0..=20 => Ok(()),
            more => Err(ApiError::invalid(format!(
                "container.skills: at most 20 skills, not {more}"
            ))),
        },
        _ => Err(ApiError::invalid(
            "container: Input should be a string or an object",
        )),
    }
}

fn stop_sequences(body: &Value) -> Result<Vec<&str>, ApiError> {
    let Some(list) = opt(body, "stop_sequences", "a valid list", Value::as_array)? else {
        return Ok(Vec::new());
    };
    list.iter()
        .enumerate()
        .map(|(at, value)| match value.as_str() {
            None => Err(ApiError::invalid(format!(
                "stop_sequences.{at}: Input should be a valid string"
            ))),
            Some(text) if text.trim().is_empty() => Err(ApiError::invalid(
                "stop_sequences: each stop sequence must contain non-whitespace",
            )),
            Some(text) => Ok(text),
        })
        .collect()
}

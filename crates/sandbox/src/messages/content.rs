//! The check of `messages` and `system`: roles, blocks, and the pairing of tool uses with results.

use serde_json::Value;

use crate::auth::Version;
use crate::error::ApiError;
use crate::models::Model;

/// The most messages of a request.
const MESSAGES_MAX: usize = 100_000;

/// The blocks a message may hold, beside those of server tools, which are echoed back unchanged.
const BLOCKS: &[&str] = &[
    "text",
    "image",
    "document",
    "search_result",
    "tool_use",
    "tool_result",
    "thinking",
    "redacted_thinking",
    "container_upload",
    "server_tool_use",
    "compaction",
];

/// Checks the messages and returns the text of the last one of the user.
pub(crate) fn messages(body: &Value, model: &Model, version: Version) -> Result<String, ApiError> {
    let messages = match &body["messages"] {
        Value::Null => return Err(ApiError::invalid("messages: Field required")),
        Value::Array(messages) if messages.is_empty() => {
            return Err(ApiError::invalid(
                "messages: at least one message is required",
            ));
        }
        Value::Array(messages) if messages.len() > MESSAGES_MAX => {
            return Err(ApiError::invalid(format!(
                "messages: at most {MESSAGES_MAX} messages, not {}",
                messages.len()
            )));
        }
        Value::Array(messages) => messages,
        _ => return Err(ApiError::invalid("messages: Input should be a valid list")),
    };
    for (at, message) in messages.iter().enumerate() {
        one_message(message, &format!("messages.{at}"), model, version)?;
        if at == 0 && role(message) != "user" {
            return Err(ApiError::invalid(
                "messages: first message must use the \"user\" role",
            ));
        }
    }
    if messages
        .last()
        .is_some_and(|last| role(last) == "assistant")
        && !model.takes_prefill()
    {
        return Err(ApiError::invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ));
    }
    tool_pairs(messages)?;
    let asked = messages
        .iter()
        .rev()
        .find(|message| role(message) == "user");
    Ok(asked
        .map(|message| text_of(&message["content"]))
        .unwrap_or_default())
}

/// Checks `system`: a string or text blocks.
pub(crate) fn system(system: &Value) -> Result<(), ApiError> {
    match system {
        Value::Null | Value::String(_) => Ok(()),
        Value::Array(blocks) => blocks.iter().enumerate().try_for_each(|(at, block)| {
            if block["type"] != "text" {
                return Err(ApiError::invalid(format!(
                    "system.{at}.type: Input should be 'text'"
                )));
            }
            text_block(block, &format!("system.{at}"))
        }),
        _ => Err(ApiError::invalid(
            "system: Input should be a string or a list of text blocks",
        )),
    }
}

fn role(message: &Value) -> &str {
    message["role"].as_str().unwrap_or_default()
}

fn one_message(
    message: &Value,
    path: &str,
    model: &Model,
    version: Version,
) -> Result<(), ApiError> {
    let Some(fields) = message.as_object() else {
        return Err(ApiError::invalid(format!(
            "{path}: Input should be an object"
        )));
    };
    if let Some(field) = fields
        .keys()
        .find(|field| !["role", "content"].contains(&field.as_str()))
    {
        return Err(ApiError::invalid(format!(
            "{path}.{field}: Extra inputs are not permitted"
        )));
    }
    match fields.get("role").and_then(Value::as_str) {
        None => return Err(ApiError::invalid(format!("{path}.role: Field required"))),
        Some("user" | "assistant") => {}
        Some("system") if model.takes_system_turns() => {}
        Some("system") => {
            return Err(ApiError::invalid(format!(
                "{path}.role: {} does not support messages with the role 'system'",
                model.id
            )));
        }
        Some(_) => {
            return Err(ApiError::invalid(format!(
                "{path}.role: Input should be 'user' or 'assistant'"
            )));
        }
    }
    match &message["content"] {
        Value::Null => Err(ApiError::invalid(format!("{path}.content: Field required"))),
        Value::String(text) if text.is_empty() && role(message) == "user" => Err(
            ApiError::invalid(format!("{path}: user messages must have non-empty content")),
        ),
        Value::String(_) => Ok(()),
        Value::Array(blocks) if blocks.is_empty() && role(message) == "user" => Err(
            ApiError::invalid(format!("{path}: user messages must have non-empty content")),
        ),
        Value::Array(blocks) => blocks.iter().enumerate().try_for_each(|(at, part)| {
            block(
                part,
                &format!("{path}.content.{at}"),
                role(message),
                version,
            )
        }),
        _ => Err(ApiError::invalid(format!(
            "{path}.content: Input should be a string or a list of blocks"
        ))),
    }
}

fn block(block: &Value, path: &str, role: &str, version: Version) -> Result<(), ApiError> {
    let kind = block["type"]
        .as_str()
        .ok_or_else(|| ApiError::invalid(format!("{path}.type: Field required")))?;
    if !BLOCKS.contains(&kind) && !kind.ends_with("_tool_result") {
        let message = format!(
            "{path}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        );
        return Err(ApiError::invalid(message));
    }
    let string = |name: &str| match &block[name] {
        Value::String(text) if !text.is_empty() => Ok(()),
        Value::Null => Err(ApiError::invalid(format!("{path}.{name}: Field required"))),
        _ => Err(ApiError::invalid(format!(
            "{path}.{name}: Input should be a string of at least 1 character"
        ))),
    };
    match kind {
        "text" => text_block(block, path)?,
        "image" | "document" => source(&block["source"], &format!("{path}.source"))?,
        "tool_use" => {
            string("id")?;
            string("name")?;
            if !block["input"].is_object() {
                return Err(ApiError::invalid(format!(
                    "{path}.input: Input should be an object"
                )));
            }
        }
        "tool_result" => string("tool_use_id")?,
        "thinking" => string("signature")?,
        "container_upload" => string("file_id")?,
        _ => {}
    }
    let only = |wanted: &str| match role {
        role if role == wanted => Ok(()),
        _ => Err(ApiError::invalid(format!(
            "{path}: `{kind}` blocks can only be in `{wanted}` messages"
        ))),
    };
    match kind {
        "tool_use" | "thinking" | "redacted_thinking" => only("assistant")?,
        "tool_result" | "image" => only("user")?,
        _ => {}
    }
    if version == Version::V2026 {
        if kind == "document" && role == "assistant" {
            return Err(ApiError::invalid(format!(
                "{path}: `document` blocks are not permitted in assistant messages"
            )));
        }
        if kind == "text"
            && role == "user"
            && block["citations"]
                .as_array()
                .is_some_and(|citations| !citations.is_empty())
        {
            return Err(ApiError::invalid(format!(
                "{path}.citations: not permitted in user messages"
            )));
        }
    }
    Ok(())
}

fn text_block(block: &Value, path: &str) -> Result<(), ApiError> {
    match &block["text"] {
        Value::String(text) if text.is_empty() => Err(ApiError::invalid(format!(
            "{path}: text content blocks must be non-empty"
        ))),
        Value::String(_) => Ok(()),
        Value::Null => Err(ApiError::invalid(format!("{path}.text: Field required"))),
        _ => Err(ApiError::invalid(format!(
            "{path}.text: Input should be a valid string"
        ))),
    }
}

fn source(source: &Value, path: &str) -> Result<(), ApiError> {
    let needed: &[&str] = match source["type"].as_str() {
        Some("base64" | "text") => &["media_type", "data"],
        Some("url") => &["url"],
        Some("file") => &["file_id"],
        Some("content") => &["content"],
        Some(other) => {
            let message = format!(
                "{path}: Input tag '{other}' found using 'type' does not match any of the expected tags"
            );
            return Err(ApiError::invalid(message));
        }
        None => return Err(ApiError::invalid(format!("{path}.type: Field required"))),
    };
    match needed.iter().find(|name| source[**name].is_null()) {
        Some(name) => Err(ApiError::invalid(format!("{path}.{name}: Field required"))),
        None => Ok(()),
    }
}

/// Each use of a tool is answered by the next message, and nothing else is.
fn tool_pairs(messages: &[Value]) -> Result<(), ApiError> {
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let results = ids(message, "tool_result", "tool_use_id");
        if let Some(id) = results.iter().find(|id| !open.contains(id)) {
            let message = format!(
                "messages.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            );
            return Err(ApiError::invalid(message));
        }
        if let Some(id) = open.iter().find(|id| !results.contains(id)) {
            let message = format!(
                "messages.{}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
                at - 1
            );
            return Err(ApiError::invalid(message));
        }
        open = ids(message, "tool_use", "id");
    }
    Ok(())
}

fn ids<'a>(message: &'a Value, kind: &str, field: &str) -> Vec<&'a str> {
    let blocks = message["content"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    blocks
        .iter()
        .filter(|block| block["type"] == kind)
        .filter_map(|block| block[field].as_str())
        .collect()
}

/// The texts of a content, one below the other.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<String> = blocks
                .iter()
                .filter_map(|block| match block["type"].as_str() {
                    Some("text") => block["text"].as_str().map(str::to_owned),
                    Some("tool_result") => Some(text_of(&block["content"])),
                    _ => None,
                })
                .filter(|text| !text.is_empty())
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

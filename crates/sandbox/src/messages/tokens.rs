//! How tokens are counted: a rule that is simple, stable and about right for English.

use serde_json::Value;

/// Bytes of UTF-8 that count as one token.
pub(crate) const BYTES_PER_TOKEN: u64 = 4;
/// What a message costs beside its content.
const MESSAGE_TOKENS: u64 = 4;
/// What an image or a document given by reference costs.
const MEDIA_TOKENS: u64 = 1_500;

/// The tokens of a text: one for every four bytes, rounded up.
pub(crate) fn of_text(text: &str) -> u64 {
    (text.len() as u64).div_ceil(BYTES_PER_TOKEN)
}

/// The tokens of a request: its texts, and its tools and schema as JSON.
pub(crate) fn of_request(body: &Value) -> u64 {
    let messages: u64 = body["messages"].as_array().map_or(0, |messages| {
        messages
            .iter()
            .map(|message| MESSAGE_TOKENS + of_content(&message["content"]))
            .sum()
    });
    let json = |value: &Value| {
        if value.is_null() {
            0
        } else {
            of_text(&value.to_string())
        }
    };
    messages
        + of_content(&body["system"])
        + json(&body["tools"])
        + json(&body["output_config"]["format"])
}

fn of_content(content: &Value) -> u64 {
    match content {
        Value::String(text) => of_text(text),
        Value::Array(blocks) => blocks.iter().map(of_block).sum(),
        _ => 0,
    }
}

fn of_block(block: &Value) -> u64 {
    match block["type"].as_str() {
        Some("text") => block["text"].as_str().map_or(0, of_text),
        Some("image" | "container_upload") => MEDIA_TOKENS,
        Some("document") => match block["source"]["type"].as_str() {
            Some("text") => block["source"]["data"].as_str().map_or(0, of_text),
            Some("content") => of_content(&block["source"]["content"]),
            _ => MEDIA_TOKENS,
        },
        Some("tool_result" | "search_result") => of_content(&block["content"]),
        _ => of_text(&block.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn four_bytes_are_a_token() {
        assert_eq!(
            [of_text(""), of_text("a"), of_text("abcd"), of_text("abcde")],
            [0, 1, 1, 2]
        );
        let body = json!({"messages": [{"role": "user", "content": "12345678"}], "system": "1234"});
        assert_eq!(of_request(&body), 4 + 2 + 1);
    }
}

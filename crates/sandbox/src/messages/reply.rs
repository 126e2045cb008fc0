//! The answer to a checked request: made from nothing but the request, so that it never varies.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::head::head;
use super::tokens::{self, BYTES_PER_TOKEN};
use super::validate::{Checked, Shape};
use super::{Reply, schema};
use crate::body::hex;
use crate::ids::derived;
use crate::limits::TokensUsed;

/// The most bytes `[[reply N bytes]]` may ask for.
const PADDED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The last sentence of an answer in prose; a hash of the request picks one.
const CLOSINGS: [&str; 4] = [
    "That is all the sandbox can say.",
    "The sandbox has read it.",
    "A model would say more.",
    "The sandbox has no opinion.",
];

/// Answers a request. `tier` is the service tier that the usage names.
///
/// The text quotes what was asked, byte for byte. If that contains `[[reply N bytes]]`, the text is
/// padded or cut to N bytes; `max_tokens` holds all the same, at four bytes a token.
pub(crate) fn reply(checked: &Checked<'_>, id: &str, tier: &str) -> Reply {
    let seed = Sha256::digest(format!("{id}\0{}", checked.asked));
    let mut content = Vec::new();
    let mut left = checked.max_tokens;
    let thinking_tokens = think(checked, &seed, &mut content, left);
    left -= thinking_tokens;
    let before = left;
    let (stop_reason, stop_sequence) = match checked.shape {
        _ if checked.max_tokens == 0 => ("max_tokens", None),
        Shape::Tool { name, schema } => {
            use_tool(name, schema, checked, &seed, &mut content, &mut left)
        }
        Shape::Json(schema) => {
            let text = schema::make(schema, &checked.asked).to_string();
            let padded = padded(text, &checked.asked, " ");
            say(padded, checked, &mut content, &mut left)
        }
        Shape::Text => {
            let closing = CLOSINGS[usize::from(Sha256::digest(&checked.asked)[0]) % CLOSINGS.len()];
            let text = format!("You asked: \"{}\" {closing}", checked.asked);
            let padded = padded(
                text,
                &checked.asked,
                " The sandbox pads this answer to the length asked for.",
            );
            say(padded, checked, &mut content, &mut left)
        }
    };
    let output_tokens = thinking_tokens + (before - left);
    let message = json!({
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": checked.model.id,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence,
        "stop_details": null,
        "container": null,
        "usage": {
            "input_tokens": checked.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": { "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0 },
            "output_tokens": output_tokens,
            "output_tokens_details": { "thinking_tokens": thinking_tokens },
            "server_tool_use": null,
            "service_tier": tier,
            "inference_geo": checked.body["inference_geo"],
        },
    });
    Reply {
        message,
        used: TokensUsed {
            input: checked.input_tokens,
            output: output_tokens,
        },
    }
}

/// Adds the thinking block, and returns what it costs: at most a quarter of what there is.
fn think(checked: &Checked<'_>, seed: &[u8], content: &mut Vec<Value>, left: u64) -> u64 {
    let Some(thinking) = checked.thinking.filter(|_| left > 0) else {
        return 0;
    };
    let quoted: String = checked.asked.chars().take(60).collect();
    let text = format!("The user asks: \"{quoted}\". The sandbox answers by its rules.");
    let cost = tokens::of_text(&text).min((left / 4).max(1));
    let shown = if thinking.omitted {
        ""
    } else {
        cut(&text, cost)
    };
    content.push(json!({ "type": "thinking", "thinking": shown, "signature": hex(seed) }));
    cost
}

type Stop = (&'static str, Option<String>);

/// Adds a text block, up to the first stop sequence or as far as the tokens go.
fn say(mut text: String, checked: &Checked<'_>, content: &mut Vec<Value>, left: &mut u64) -> Stop {
    let stop = checked
        .stop_sequences
        .iter()
        .filter_map(|stop| Some((text.find(stop)?, *stop)))
        .min();
    let mut reason = ("end_turn", None);
    if let Some((at, stop)) = stop {
        text.truncate(at);
        reason = ("stop_sequence", Some(stop.to_owned()));
    }
    if tokens::of_text(&text) > *left {
        text.truncate(cut(&text, *left).len());
        reason = ("max_tokens", None);
        *left = 0;
    } else {
        *left -= tokens::of_text(&text);
    }
    if !text.is_empty() {
        content.push(json!({ "type": "text", "text": text }));
    }
    reason
}

fn use_tool(
    name: &str,
    schema: &Value,
    checked: &Checked<'_>,
    seed: &[u8],
    content: &mut Vec<Value>,
    left: &mut u64,
) -> Stop {
    let input = schema::make(schema, &checked.asked);
    let cost = tokens::of_text(&input.to_string());
    let fits = cost <= *left;
    let id = derived(
        "toolu",
        seed[16..32].try_into().expect("a digest has 32 bytes"),
    );
    let input = if fits { input } else { json!({}) };
    content.push(json!({ "type": "tool_use", "id": id, "name": name, "input": input }));
    *left -= cost.min(*left);
    if fits {
        ("tool_use", None)
    } else {
        ("max_tokens", None)
    }
}

/// The beginning of a text that costs at most `limit` tokens.
fn cut(text: &str, limit: u64) -> &str {
    let bytes = usize::try_from(limit.saturating_mul(BYTES_PER_TOKEN)).unwrap_or(usize::MAX);
    head(text, bytes)
}

/// The text at the length that `asked` asks for, if it does.
fn padded(mut text: String, asked: &str, filler: &str) -> String {
    let Some(length) = asked_length(asked) else {
        return text;
    };
    text.truncate(head(&text, length).len());
    let room = length - text.len();
    text.extend(filler.chars().cycle().take(room));
    text
}

/// N of `[[reply N bytes]]`.
fn asked_length(asked: &str) -> Option<usize> {
    let (_, rest) = asked.split_once("[[reply ")?;
    let (number, _) = rest.split_once(" bytes]]")?;
    number
        .parse()
        .ok()
        .map(|length: usize| length.min(PADDED_BYTES_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Version;
    use crate::messages::{Context, check};

    fn answer(mut body: Value) -> Value {
        body["model"] = json!("claude-haiku-4-5");
        body["messages"] = json!([{"role": "user", "content": body["ask"]}]);
        body.as_object_mut().expect("an object").remove("ask");
        let checked = check(
            &body,
            Context::Message {
                version: Version::V2023,
            },
        )
        .expect("a good request");
        reply(&checked, "msg_1", "standard").message
    }

    #[test]
    fn the_text_quotes_what_was_asked() {
        let message = answer(json!({"ask": "Say \u{201c}é\u{201d}\n", "max_tokens": 100}));
        let text = message["content"][0]["text"].as_str().expect("text");
        assert!(text.contains("\"Say \u{201c}é\u{201d}\n\""), "{text}");
        assert_eq!(message["stop_reason"], "end_turn");
        assert_eq!(message["usage"]["output_tokens"], tokens::of_text(text));
    }

    #[test]
    fn answers_end_for_the_documented_reasons() {
        let long = answer(json!({"ask": "[[reply 1000 bytes]]", "max_tokens": 10}));
        assert_eq!(
            (
                long["stop_reason"].as_str(),
                long["usage"]["output_tokens"].as_u64()
            ),
            (Some("max_tokens"), Some(10))
        );
        let stopped = answer(
            json!({"ask": "one STOP two", "max_tokens": 100, "stop_sequences": ["two", "STOP"]}),
        );
        assert_eq!(stopped["content"][0]["text"], "You asked: \"one ");
        assert_eq!(
            (
                stopped["stop_reason"].as_str(),
                stopped["stop_sequence"].as_str()
            ),
            (Some("stop_sequence"), Some("STOP"))
        );
        let warm = answer(json!({"ask": "x", "max_tokens": 0}));
        assert_eq!(
            (
                warm["content"].clone(),
                warm["usage"]["output_tokens"].as_u64()
            ),
            (json!([]), Some(0))
        );
    }

    #[test]
    fn padding_is_exact_and_keeps_json_whole() {
        let text = answer(json!({"ask": "[[reply 5000 bytes]]", "max_tokens": 5000}));
        assert_eq!(
            text["content"][0]["text"].as_str().map(str::len),
            Some(5000)
        );
        let format = json!({"type": "json_schema", "schema": {"type": "object", "additionalProperties": false, "properties": {"ok": {"type": "boolean"}}}});
        let padded = answer(
            json!({"ask": "[[reply 500 bytes]]", "max_tokens": 5000, "output_config": {"format": format}}),
        );
        let text = padded["content"][0]["text"].as_str().expect("text");
        assert_eq!(text.len(), 500);
        assert!(serde_json::from_str::<Value>(text).expect("JSON")["ok"].is_boolean());
    }

    #[test]
    fn thinking_comes_first_and_tools_are_used() {
        let thought = answer(
            json!({"ask": "x", "max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}}),
        );
        assert_eq!(thought["content"][0]["type"], "thinking");
        assert_eq!(thought["content"][1]["type"], "text");
        let tool = json!({"name": "weather", "input_schema": {"type": "object", "properties": {"unit": {"enum": ["celsius", "kelvin"]}}}});
        let used = answer(
            json!({"ask": "in kelvin", "max_tokens": 100, "tools": [tool], "tool_choice": {"type": "any"}}),
        );
        assert_eq!(used["content"][0]["input"], json!({"unit": "kelvin"}));
        assert_eq!(used["stop_reason"], "tool_use");
    }
}

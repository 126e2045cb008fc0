//! A message told as server-sent events, in the documented order.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use super::head::head;

/// The least bytes of a delta.
const PIECE_BYTES_MIN: usize = 24;
/// About how many deltas a block is told in, unless they would be smaller than that.
const PIECES: usize = 64;

/// The events of a finished message, as frames with an `event:` line and one line of `data:`.
pub(crate) fn events(message: Value) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    stream::iter(all(message).into_iter().map(|event| {
        let name = event["type"].as_str().unwrap_or_default();
        Ok(Bytes::from(format!("event: {name}\ndata: {event}\n\n")))
    }))
}

fn all(mut message: Value) -> Vec<Value> {
    let content = message["content"].take();
    let stop_reason = message["stop_reason"].take();
    let stop_sequence = message["stop_sequence"].take();
    let usage = message["usage"].clone();
    message["content"] = json!([]);
    message["usage"]["output_tokens"] = json!(1);
    let mut events = vec![json!({ "type": "message_start", "message": message })];
    for (index, block) in content.as_array().into_iter().flatten().enumerate() {
        let (start, deltas) = block_deltas(block);
        events
            .push(json!({ "type": "content_block_start", "index": index, "content_block": start }));
        if index == 0 {
            events.push(json!({ "type": "ping" }));
        }
        events.extend(
            deltas.into_iter().map(
                |delta| json!({ "type": "content_block_delta", "index": index, "delta": delta }),
            ),
        );
        events.push(json!({ "type": "content_block_stop", "index": index }));
    }
    events.push(json!({
        "type": "message_delta",
        "delta": { "stop_reason": stop_reason, "stop_sequence": stop_sequence },
        "usage": {
            "input_tokens": usage["input_tokens"],
            "cache_creation_input_tokens": usage["cache_creation_input_tokens"],
            "cache_read_input_tokens": usage["cache_read_input_tokens"],
            "output_tokens": usage["output_tokens"],
            "output_tokens_details": usage["output_tokens_details"],
        },
    }));
    events.push(json!({ "type": "message_stop" }));
    events
}

/// A block as it starts, and the deltas that complete it.
fn block_deltas(block: &Value) -> (Value, Vec<Value>) {
    let text = |name: &str| block[name].as_str().unwrap_or_default();
    match block["type"].as_str() {
        Some("thinking") => {
            let deltas = pieces(text("thinking"))
                .map(|piece| json!({ "type": "thinking_delta", "thinking": piece }));
            let signature = json!({ "type": "signature_delta", "signature": block["signature"] });
            (
                json!({ "type": "thinking", "thinking": "", "signature": "" }),
                deltas.chain([signature]).collect(),
            )
        }
        Some("tool_use") => {
            let input = block["input"].to_string();
            let first = json!({ "type": "input_json_delta", "partial_json": "" });
            let deltas = pieces(&input)
                .map(|piece| json!({ "type": "input_json_delta", "partial_json": piece }));
            let start = json!({ "type": "tool_use", "id": block["id"], "name": block["name"], "input": {} });
            (start, std::iter::once(first).chain(deltas).collect())
        }
        _ => {
            let deltas =
                pieces(text("text")).map(|piece| json!({ "type": "text_delta", "text": piece }));
            (json!({ "type": "text", "text": "" }), deltas.collect())
        }
    }
}

/// A text in pieces that end between characters.
fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    let size = (text.len() / PIECES).max(PIECE_BYTES_MIN);
    std::iter::from_fn(move || {
        let (piece, rest) = text.split_at(head(text, size).len());
        text = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_and_add_up() {
        let text = "é".repeat(100);
        let message = json!({
            "id": "msg_1", "type": "message", "stop_reason": "end_turn", "stop_sequence": null,
            "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": text}],
            "usage": {"input_tokens": 1, "output_tokens": 60},
        });
        let events = all(message);
        let mut names: Vec<_> = events
            .iter()
            .filter_map(|event| event["type"].as_str())
            .collect();
        names.dedup();
        assert_eq!(
            names.join(" "),
            "message_start content_block_start ping content_block_delta content_block_stop \
             content_block_start content_block_delta content_block_stop message_delta message_stop"
        );
        let told: String = events
            .iter()
            .filter_map(|event| event["delta"]["text"].as_str())
            .collect();
        assert_eq!(told, text);
        assert_eq!(events[0]["message"]["stop_reason"], Value::Null);
    }
}

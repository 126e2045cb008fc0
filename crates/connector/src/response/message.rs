//! A message whose pieces come as events: `message_start`, then blocks with their deltas, then `message_delta` and
//! `message_stop`. Unknown events and deltas are skipped, as new ones may appear at any time.

use std::collections::BTreeMap;

use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::{Map, Value, json};

use super::error::shown;

/// The pieces so far.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    message: Option<Map>,
    blocks: BTreeMap<u64, Block>,
    complete: bool,
}

#[derive(Debug, Default)]
struct Block {
    members: Map,
    /// Texts that grow, by member: joined when the block is taken.
    texts: Vec<(&'static str, String)>,
    input_json: String,
    citations: Vec<Value>,
}

impl Assembly {
    /// Takes the data of one event.
    pub(crate) fn push(&mut self, event: &Value) -> Result<(), Failure> {
        let index = || event.get("index").and_then(Value::as_u64);
        match event.get("type").and_then(Value::as_str) {
            Some("message_start") => {
                self.message = event.get("message").and_then(Value::as_map).cloned();
            }
            Some("content_block_start") => {
                if let (Some(index), Some(block)) =
                    (index(), event.get("content_block").and_then(Value::as_map))
                {
                    self.blocks.insert(
                        index,
                        Block {
                            members: block.clone(),
                            ..Block::default()
                        },
                    );
                }
            }
            Some("content_block_delta") => {
                let block = index().and_then(|index| self.blocks.get_mut(&index));
                let (Some(block), Some(delta)) = (block, event.get("delta")) else {
                    return Err(incomplete("a delta came for a block that has not begun"));
                };
                block.grow(delta);
            }
            Some("message_delta") => self.change(event),
            Some("message_stop") => self.complete = true,
            Some("error") => return Err(of_error(event)),
            _ => {}
        }
        Ok(())
    }

    /// Whether the last event has come.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// The message.
    pub(crate) fn finish(self) -> Result<Map, Failure> {
        let (true, Some(mut message)) = (self.complete, self.message) else {
            return Err(incomplete("the stream ended before the message did"));
        };
        let blocks = self
            .blocks
            .into_values()
            .map(Block::finish)
            .collect::<Result<Vec<_>, _>>()?;
        message.insert("content", Value::from(blocks));
        Ok(message)
    }

    /// `delta` sets members of the message; `usage` has running totals, so it replaces what was known.
    fn change(&mut self, event: &Value) {
        let Some(message) = &mut self.message else {
            return;
        };
        for (name, value) in event
            .get("delta")
            .and_then(Value::as_map)
            .into_iter()
            .flat_map(Map::iter)
        {
            message.insert(name.clone(), value.clone());
        }
        if let Some(newer) = event.get("usage").and_then(Value::as_map) {
            let mut usage = message
                .get("usage")
                .and_then(Value::as_map)
                .cloned()
                .unwrap_or_default();
            for (name, value) in newer.iter().filter(|(_, value)| !value.is_null()) {
                usage.insert(name.clone(), value.clone());
            }
            message.insert("usage", Value::from(usage));
        }
    }
}

impl Block {
    fn grow(&mut self, delta: &Value) {
        let text = |name: &str| delta.get(name).and_then(Value::as_str).unwrap_or_default();
        match delta.get("type").and_then(Value::as_str) {
            Some("text_delta") => self.add("text", text("text")),
            Some("thinking_delta") => self.add("thinking", text("thinking")),
            Some("signature_delta") => self.add("signature", text("signature")),
            Some("input_json_delta") => self.input_json.push_str(text("partial_json")),
            Some("citations_delta") => self.citations.extend(delta.get("citation").cloned()),
            _ => {}
        }
    }

    fn add(&mut self, member: &'static str, piece: &str) {
        match self.texts.iter_mut().find(|(name, _)| *name == member) {
            Some((_, text)) => text.push_str(piece),
            None => self.texts.push((member, piece.to_owned())),
        }
    }

    fn finish(self) -> Result<Value, Failure> {
        let mut members = self.members;
        for (name, added) in self.texts {
            let begun = members
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default();
            let whole = format!("{begun}{added}");
            members.insert(name, Value::from(whole));
        }
        if !self.input_json.trim().is_empty() {
            let input = json::parse(self.input_json.as_bytes()).map_err(|error| {
                incomplete(&format!("the input of a tool is not JSON: {error}"))
            })?;
            members.insert("input", input);
        }
        if !self.citations.is_empty() {
            let mut all = members
                .get("citations")
                .and_then(Value::as_list)
                .unwrap_or_default()
                .to_vec();
            all.extend(self.citations);
            members.insert("citations", Value::from(all));
        }
        Ok(Value::from(members))
    }
}

/// A stream that did not give a whole message.
pub(crate) fn incomplete(why: &str) -> Failure {
    Failure::of(
        FailureKind::Transient,
        Done::Unknown,
        "http.stream_incomplete",
        why,
    )
}

fn of_error(event: &Value) -> Failure {
    let at = |name: &str| {
        event
            .get("error")
            .and_then(|error| error.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let kind = match at("type") {
        "overloaded_error" => FailureKind::Overloaded,
        "rate_limit_error" => FailureKind::RateLimited,
        "api_error" | "timeout_error" | "" => FailureKind::Transient,
        _ => FailureKind::Permanent,
    };
    let message = format!(
        "the stream ended with an error: {} {}",
        shown(at("type")),
        shown(at("message"))
    );
    Failure {
        kind,
        ..incomplete(&message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assemble(events: &[&str]) -> Result<String, String> {
        let mut assembly = Assembly::default();
        for event in events {
            assembly
                .push(&json::parse(event.as_bytes()).expect("JSON"))
                .map_err(|failure| failure.message)?;
        }
        let message = assembly.finish().map_err(|failure| failure.message)?;
        Ok(Value::from(message).to_json().expect("plain"))
    }

    const START: &str = r#"{"type":"message_start","message":{"id":"m","content":[],"stop_reason":null,"usage":{"input_tokens":25,"output_tokens":1}}}"#;

    #[test]
    fn deltas_build_the_message() {
        let message = assemble(&[
            START,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hel"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"lo"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#,
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":":1}"}}"#,
            r#"{"type":"new_event"}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":15}}"#,
            r#"{"type":"message_stop"}"#,
        ]);
        let expected = r#"{"id":"m","content":[{"type":"text","text":"Hello"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":25,"output_tokens":15}}"#;
        assert_eq!(message.as_deref(), Ok(expected));
    }

    #[test]
    fn a_part_is_not_a_result() {
        assert_eq!(
            assemble(&[START]),
            Err("the stream ended before the message did".to_owned())
        );
        assert_eq!(
            assemble(&[
                START,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#
            ]),
            Err("the stream ended with an error: overloaded_error Overloaded".to_owned())
        );
    }
}

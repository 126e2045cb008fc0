//! What a request of a batch must look like: what the service refuses is told before it is sent.
//!
//! Source: the Message Batches reference of the Claude API, 2026-10: `custom_id` matches `^[a-zA-Z0-9_-]{1,64}$` and is
//! unique; `params` is the body of a message, checked by the service only after the batch was accepted.

use flow_engine::value::Value;

/// Members that no request of a batch may have.
const NOT_IN_BATCHES: [&str; 2] = ["speed", "cache_hint"];

/// What is wrong with a key, if anything.
pub(super) fn key(key: Option<&Value>) -> Option<String> {
    let Some(key) = key.and_then(Value::as_str) else {
        return Some("it has no `custom_id`, which must be a text".to_owned());
    };
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let fits = (1..=64).contains(&key.len()) && key.bytes().all(letters);
    (!fits).then(|| {
        format!("its `custom_id` is `{key}`: 1 to 64 letters, digits, `_` and `-` are allowed")
    })
}

/// What is wrong with the message that a request asks for, if anything.
pub(super) fn params(params: Option<&Value>) -> Option<String> {
    let Some(params) = params.filter(|params| params.as_map().is_some()) else {
        return Some("`params` must be a map: the body of a message".to_owned());
    };
    let text = |name: &str| params.get(name).and_then(Value::as_str);
    if text("model").is_none_or(str::is_empty) {
        return Some("`params.model` must name a model".to_owned());
    }
    match params.get("max_tokens").and_then(Value::as_i64) {
        Some(1..) => {}
        _ => return Some("`params.max_tokens` must be a whole number from 1".to_owned()),
    }
    let messages = params.get("messages").and_then(Value::as_list);
    let Some(messages) = messages.filter(|messages| !messages.is_empty()) else {
        return Some("`params.messages` must be a list with at least one message".to_owned());
    };
    for (at, one) in messages.iter().enumerate() {
        let role = one.get("role").and_then(Value::as_str);
        if !matches!(role, Some("user" | "assistant" | "system")) {
            return Some(format!(
                "`params.messages[{at}].role` must be `user` or `assistant`"
            ));
        }
        let empty = match one.get("content") {
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::List(blocks)) => blocks.is_empty(),
            _ => true,
        };
        if empty {
            return Some(format!(
                "`params.messages[{at}].content` must be a text or a list of blocks"
            ));
        }
    }
    if params.get("stream").and_then(Value::as_bool) == Some(true) {
        return Some("`params.stream` is not possible in a batch".to_owned());
    }
    let refused = NOT_IN_BATCHES
        .into_iter()
        .find(|name| params.get(name).is_some());
    refused.map(|name| format!("`params.{name}` is not possible in a batch"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        flow_engine::value::json::parse(text.as_bytes()).expect(text)
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = params(Some(&value(text))).unwrap_or_default();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_the_service_refuses_is_known_before() {
        let good = r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"}]}"#;
        check(good, "");
        check("[]", "`params` must be a map: the body of a message");
        check("{}", "`params.model` must name a model");
        check(
            r#"{"model":"m","max_tokens":0}"#,
            "`params.max_tokens` must be a whole number from 1",
        );
        check(
            r#"{"model":"m","max_tokens":1,"messages":[]}"#,
            "`params.messages` must be a list with at least one message",
        );
        check(
            &good.replace("user", "me"),
            "`params.messages[0].role` must be `user` or `assistant`",
        );
        check(
            &good.replace("\"x\"", "[]"),
            "`params.messages[0].content` must be a text or a list of blocks",
        );
        check(
            &good.replace("{\"model\"", "{\"stream\":true,\"model\""),
            "`params.stream` is not possible in a batch",
        );
    }

    #[test]
    fn keys_are_what_the_service_takes() {
        let wrong = |text: &str| key(Some(&Value::from(text))).is_some();
        assert!(!wrong("a-B_9") && !wrong(&"k".repeat(64)));
        assert!(wrong("") && wrong("a b") && wrong("é") && wrong(&"k".repeat(65)));
        assert!(key(None).is_some() && key(Some(&Value::from(7_u64))).is_some());
    }
}

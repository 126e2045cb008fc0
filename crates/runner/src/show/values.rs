//! Values for people and programs: stored values by what is known of them.

use flow_engine::duration::Millis;
use flow_engine::value::Value;
use serde_json::json;

/// A value as JSON; a stored one as its facts, a secret as its name.
pub(crate) fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(map) => map
            .iter()
            .map(|(key, value)| (key.to_string(), to_json(value)))
            .collect(),
        Value::Blob(blob) => json!({
            "stored": blob.hash.to_string(),
            "bytes": blob.bytes,
            "media": &*blob.media,
            "count": blob.count,
            "name": blob.name.as_deref(),
        }),
        Value::Secret(secret) => json!({ "secret": secret.names().collect::<Vec<_>>() }),
        plain => serde_json::to_value(plain).unwrap_or_default(),
    }
}

/// A few words about a value, for one line.
pub(crate) fn brief(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::List(items) => plural(items.len() as u64, "item"),
        Value::Blob(blob) => match blob.count {
            Some(count) => format!("{}, {}", plural(count, "item"), bytes(blob.bytes)),
            None => bytes(blob.bytes),
        },
        Value::Map(map) => {
            let telling = ["id", "path", "message", "text", "exit_code", "count"]
                .into_iter()
                .find_map(|key| {
                    let value = map.get(key)?;
                    matches!(value, Value::String(_) | Value::Int(_)).then(|| (key, value))
                });
            match telling {
                Some(("exit_code", code)) => format!("exit code {}", short(code)),
                Some((_, value)) => short(value),
                None => plural(map.len() as u64, "field"),
            }
        }
        other => short(other),
    }
}

fn short(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| to_json(value).to_string(), str::to_owned);
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line
        .chars()
        .filter(|letter| !letter.is_control())
        .take(60)
        .collect();
    if cut.chars().count() < text.chars().count() {
        format!("{cut}…")
    } else {
        cut
    }
}

/// `1 item`, `2 items`.
pub(crate) fn plural(count: u64, word: &str) -> String {
    if count == 1 {
        format!("1 {word}")
    } else {
        format!("{count} {word}s")
    }
}

/// A size in the unit that reads best.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(crate) fn bytes(bytes: u64) -> String {
    let number = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number / 1e6),
        _ => format!("{:.2} GB", number / 1e9),
    }
}

/// A length of time in at most two units.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(crate) fn elapsed(time: Millis) -> String {
    let seconds = time.0 / 1000;
    match seconds {
        0..60 => format!("{:.1}s", time.0 as f64 / 1000.0),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

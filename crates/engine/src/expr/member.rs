//! Members of values: `x.name`, `x[0]`, `x[1:3]`, and the few that lists and stored values have.

use std::sync::Arc;

use super::context::Context;
use super::error::Fault;
use crate::value::{Blob, Value};

/// What `of.name` is.
pub(super) enum Found<'v> {
    Ref(&'v Value),
    Own(Value),
    /// There is no such member.
    Absent,
    /// `of` is null.
    Null,
}

/// Lists have `count`. The results of a loop also have `values` (what its items gave), `failed` and `succeeded`.
fn list<'v>(items: &[Value], name: &str) -> Found<'v> {
    let succeeded = |item: &&Value| item.get("status").and_then(Value::as_str) == Some("succeeded");
    let picked = |wanted: bool| items.iter().filter(move |item| succeeded(item) == wanted);
    match name {
        "count" => Found::Own(Value::from(items.len())),
        "values" | "failed" | "succeeded" if !items.iter().all(is_result) => Found::Absent,
        "values" => {
            let values = picked(true).filter_map(|item| item.get("value").cloned());
            Found::Own(Value::list(values))
        }
        "succeeded" => Found::Own(Value::list(picked(true).cloned())),
        "failed" => Found::Own(Value::list(picked(false).cloned())),
        _ => Found::Absent,
    }
}

/// Whether a value is what a loop says of one item.
fn is_result(value: &Value) -> bool {
    value.as_map().is_some_and(|map| {
        map.len() == 4
            && ["key", "status", "value", "error"]
                .iter()
                .all(|key| map.get(key).is_some())
    })
}

/// The member of a value that is not stored. A map's own keys win, then those of its view.
pub(super) fn plain<'v>(of: &'v Value, name: &str) -> Found<'v> {
    match of {
        Value::Map(map) => match map.get(name) {
            Some(value) => Found::Ref(value),
            None => map
                .view()
                .and_then(|view| view.read(map, name))
                .map_or(Found::Absent, Found::Own),
        },
        Value::List(items) => list(items, name),
        Value::Null => Found::Null,
        _ => Found::Absent,
    }
}

/// The member of a stored value: facts about it where they are known, else a member of its content.
pub(super) fn stored(blob: &Arc<Blob>, name: &str, context: &Context<'_>) -> Result<Owned, Fault> {
    let is_data = blob.is_json() || blob.is_json_lines();
    if blob.name.is_some() || !is_data {
        match name {
            "name" if blob.name.is_some() => {
                return Ok(Owned::Found(Value::from(blob.name.clone())));
            }
            "size" => return Ok(Owned::Found(Value::from(blob.bytes))),
            "sha256" => return Ok(Owned::Found(Value::from(blob.hash.to_string()))),
            _ => {}
        }
    }
    if name == "count" && (blob.count.is_some() || blob.is_json_lines()) {
        return context
            .count(blob)
            .map(|count| Owned::Found(Value::from(count)));
    }
    if !is_data {
        return Ok(Owned::Absent);
    }
    Ok(owned(&context.load(blob)?, name))
}

/// A [`Found`] that borrows nothing.
pub(super) enum Owned {
    Found(Value),
    Absent,
    Null,
}

/// The member of a value, cloned.
pub(super) fn owned(of: &Value, name: &str) -> Owned {
    match plain(of, name) {
        Found::Ref(value) => Owned::Found(value.clone()),
        Found::Own(value) => Owned::Found(value),
        Found::Absent => Owned::Absent,
        Found::Null => Owned::Null,
    }
}

/// Follows a dotted path such as `user.name`, as filters take it in `attribute`; whole numbers index lists.
pub(super) fn path(of: &Value, path: &str, context: &Context<'_>) -> Result<Option<Value>, Fault> {
    let mut value = of.clone();
    for part in path.split('.') {
        let next = match &value {
            Value::Blob(blob) => stored(blob, part, context)?,
            Value::List(items) => match part
                .parse::<i64>()
                .ok()
                .and_then(|at| place(at, items.len()))
            {
                Some(at) => Owned::Found(items[at].clone()),
                None => owned(&value, part),
            },
            _ => owned(&value, part),
        };
        match next {
            Owned::Found(found) => value = found,
            Owned::Absent | Owned::Null => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// The place of an index in a list of this length; negative ones count from the end.
pub(super) fn place(index: i64, length: usize) -> Option<usize> {
    let at = if index < 0 {
        i64::try_from(length).ok()?.checked_add(index)?
    } else {
        index
    };
    usize::try_from(at).ok().filter(|at| *at < length)
}

/// The places that `[start:stop:step]` picks from a list of this length.
pub(super) fn slice(
    length: usize,
    start: Option<i64>,
    stop: Option<i64>,
    step: Option<i64>,
) -> Result<Vec<usize>, Fault> {
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(Fault::new(
            "template.type",
            "the step of a slice cannot be 0",
        ));
    }
    let length = i128::try_from(length).unwrap_or(i128::MAX);
    let (lowest, highest) = if step > 0 {
        (0, length)
    } else {
        (-1, length - 1)
    };
    let cut = |index: Option<i64>, otherwise: i128| match index {
        None => otherwise,
        Some(index) if index < 0 => (i128::from(index) + length).clamp(lowest, highest),
        Some(index) => i128::from(index).clamp(lowest, highest),
    };
    let (first, last) = if step > 0 {
        (lowest, highest)
    } else {
        (highest, lowest)
    };
    let (mut at, stop) = (cut(start, first), cut(stop, last));
    let mut places = Vec::new();
    while if step > 0 { at < stop } else { at > stop } {
        places.extend(usize::try_from(at));
        at += i128::from(step);
    }
    Ok(places)
}

/// What can be said of a value when a member is missing: its members, or its kind.
pub(super) fn what_is_there(of: &Value) -> (String, Vec<String>) {
    match of {
        Value::Map(map) => {
            let mut names: Vec<String> = map.keys().map(str::to_owned).collect();
            if let Some(view) = map.view() {
                names.extend(view.members.iter().map(|member| member.name.to_string()));
            }
            let more = names.len().saturating_sub(8);
            let mut shown: Vec<_> = names
                .iter()
                .take(8)
                .map(|name| format!("`{}`", excerpt(name)))
                .collect();
            if more > 0 {
                shown.push(format!("{more} more"));
            }
            let said = if shown.is_empty() {
                "it is an empty map".to_owned()
            } else {
                format!("it has {}", shown.join(", "))
            };
            (said, names)
        }
        Value::List(items) => (
            format!(
                "it is a list of {} items: it has `.count` and `[0]`",
                items.len()
            ),
            vec!["count".to_owned()],
        ),
        Value::Blob(blob) => (
            format!("it is a stored value of type {}", blob.media),
            ["count", "name", "size", "sha256"]
                .map(str::to_owned)
                .to_vec(),
        ),
        other => (
            format!(
                "it is {}, which has no members",
                super::error::with_article(other.kind())
            ),
            Vec::new(),
        ),
    }
}

/// A short piece of foreign text that is safe to show.
pub(super) fn excerpt(text: &str) -> String {
    let shown: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(60).is_some() {
        format!("{shown}...")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::expr::testing::{World, eval_in, render_in};
    use crate::value::{Blob, Map, PathPart, Value, View, ViewMember};

    /// A file, streams with and without a count, and stored JSON.
    fn world() -> World {
        let mut world = World::usual();
        world.blob("file", "text/plain", "{\"a\":1}\n\n{\"a\":2}\n", |blob| {
            blob.name = Some("in.jsonl".into());
        });
        world.blob("stream", Blob::JSON_LINES, "{\"a\":1}\n{\"a\":2}\n", |_| {});
        world.blob("counted", Blob::JSON_LINES, "{\"a\":1}\n", |blob| {
            blob.count = Some(1);
        });
        world.blob("list", Blob::JSON, "[1,2,3]", |_| {});
        world.blob(
            "map",
            Blob::JSON,
            r#"{"count":"own","n":null,"in":{"x":1}}"#,
            |_| {},
        );
        world.blob("text", "text/plain", "héllo", |_| {});
        world.blob("bad", Blob::JSON, "[1,", |_| {});
        world
    }

    #[track_caller]
    fn check(text: &str, open: &str, closed: &str) {
        let mut world = world();
        assert_eq!(eval_in(&world, text), open, "{text}");
        world.closed = true;
        let place = |text: &str| {
            format!("template.content at `{text}`: the content of a stored value is needed here")
        };
        let expected = closed
            .strip_prefix('@')
            .map_or_else(|| closed.to_owned(), place);
        assert_eq!(eval_in(&world, text), expected, "{text} without content");
    }

    #[track_caller]
    fn same(text: &str, both: &str) {
        check(text, both, both);
    }

    #[test]
    fn facts_need_no_content() {
        same("file.name", r#""in.jsonl""#);
        same("file.size", "17");
        same("text.size", "6");
        same("counted.count", "1");
        same("counted | length", "1");
        same("file.sha256 == file | sha256", "true");
        same("(file | jsonl) is defined", "true");
        same("file and text", &eval_in(&world(), "text"));
        same("file == file", "true");
    }

    #[test]
    fn content_is_read_where_it_may_be() {
        check("stream.count", "2", "@stream.count");
        check("file | jsonl | length", "2", "@file | jsonl | length");
        check("stream | first", r#"{"a":1}"#, "@stream | first");
        check("list[1]", "2", "@list[1]");
        check("list.count", "3", "@list.count");
        check("map.count", r#""own""#, "@map.count");
        check("map.in.x", "1", "@map.in");
        check(
            "map.n.y",
            "template.null at `map.n.y`: `map.n` is null, so `map.n.y` cannot be read = `| default(value, true)` also replaces null",
            "@map.n",
        );
        check("map.zzz | default(0)", "0", "@map.zzz");
        check("text | upper", r#""HÉLLO""#, "@text | upper");
        check("text == 'héllo'", "true", "@text == 'héllo'");
        check(
            "stream | map(attribute='a') | sum",
            "3",
            "@stream | map(attribute='a')",
        );
        check("list is list", "true", "@list is list");
        check("2 in list", "true", "@2 in list");
        check("list + [4]", "[1,2,3,4]", "@list + [4]");
        check("list | jsonpath('$[0]')", "1", "@list | jsonpath('$[0]')");
        check("text | b64encode", r#""aMOpbGxv""#, "@text | b64encode");
        check(
            "{'a': list} | to_json",
            r#""{\"a\":[1,2,3]}""#,
            "@{'a': list} | to_json",
        );
        check(
            "bad[0]",
            "json.syntax at `bad[0]`: EOF while parsing a value at line 1 column 3",
            "@bad[0]",
        );
    }

    #[test]
    fn stored_values_stand_in_text() {
        let mut world = world();
        assert_eq!(render_in(&world, "<{{ text }}>"), r#""<héllo>""#);
        assert_eq!(render_in(&world, "<{{ list }}>"), r#""<[1,2,3]>""#);
        assert_eq!(
            render_in(&world, "{% for r in stream %}{{ r.a }}{% endfor %}"),
            r#""12""#
        );
        world.closed = true;
        assert!(render_in(&world, "<{{ text }}>").starts_with("template.content at `text`"));
        assert!(render_in(&world, "{{ text }}").starts_with("{\"$blob\""));
    }

    #[test]
    fn own_keys_win_over_added_members() {
        let view = Arc::new(View {
            members: vec![
                ViewMember {
                    name: "text".into(),
                    path: vec![PathPart::Key("content".into())],
                    join_text_of: Some("text".into()),
                },
                ViewMember {
                    name: "id".into(),
                    path: vec![PathPart::Key("content".into())],
                    join_text_of: None,
                },
            ],
        });
        let block = Value::map([("type", Value::from("text")), ("text", Value::from("hi"))]);
        let own: Map = [
            (Arc::from("id"), Value::Int(1)),
            (Arc::from("content"), Value::list([block])),
        ]
        .into_iter()
        .collect();
        let mut world = World::usual();
        world
            .roots
            .push(("message".into(), Value::from(own.with_view(Some(view)))));
        assert_eq!(eval_in(&world, "message.text"), r#""hi""#);
        assert_eq!(eval_in(&world, "message.id"), "1");
        assert_eq!(
            eval_in(&world, "[message] | map(attribute='text')"),
            r#"["hi"]"#
        );
        assert!(eval_in(&world, "message.txt").ends_with("did you mean `text`?"));
        assert_eq!(
            eval_in(&world, "message | to_json"),
            r#""{\"id\":1,\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}""#,
            "added members are never written"
        );
    }
}

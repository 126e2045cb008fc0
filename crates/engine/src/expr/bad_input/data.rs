//! Rows of data values and JSON, as far as they are the engine's.

use super::code;
use crate::expr::testing::{World, eval_in, shown};
use crate::value::{Blob, Value, json};

/// The JSON that comes out again, or the code of the error with line and column.
fn read(text: &str) -> String {
    match json::parse(text.as_bytes()) {
        Ok(value) => value.to_json().expect("no blobs in it"),
        Err(error) => format!("{} {}:{}", error.code, error.line, error.column),
    }
}

#[test]
fn d01_of_repeated_keys_the_last_wins() {
    assert_eq!(read(r#"{"a":1,"b":2,"a":3}"#), r#"{"a":3,"b":2}"#);
    assert_eq!(shown(r#"'{"a":1,"a":2}' | json"#), r#"{"a":2}"#);
}

#[test]
fn d02_half_a_pair_of_surrogates_is_refused_with_its_place() {
    assert_eq!(read(r#"["\ud800"]"#), "json.surrogate 1:9");
    assert_eq!(read(r#"["\udc00 "]"#), "json.surrogate 1:8");
    assert_eq!(read(r#"["\ud800\u0041"]"#), "json.surrogate 1:14");
    assert_eq!(read(r#"["\ud83d\ude00"]"#), "[\"😀\"]");
}

#[test]
fn d03_zero_characters_are_kept() {
    assert_eq!(read(r#"["a\u0000b"]"#), r#"["a\u0000b"]"#);
    let mut world = World::usual();
    world.set("odd", r#""a\u0000b""#);
    assert_eq!(eval_in(&world, "odd ~ '!'"), r#""a\u0000b!""#);
    assert_eq!(eval_in(&world, "odd | to_json | json == odd"), "true");
    let stored = crate::value::journal::to_string(&Value::from("a\u{0}b"));
    assert_eq!(stored, r#""a\u0000b""#);
}

#[test]
fn d04_digits_are_kept_or_refused() {
    assert_eq!(read("9007199254740993"), "9007199254740993");
    assert_eq!(read("-9223372036854775808"), "-9223372036854775808");
    assert_eq!(read("18446744073709551615"), "18446744073709551615");
    assert_eq!(read("12345678901234567890123"), "json.integer 1:1");
    assert_eq!(read("-9223372036854775809"), "json.integer 1:1");
    assert_eq!(read("1.0"), "1.0");
    assert_eq!(read("1"), "1");
    assert_eq!(read("-0"), "-0.0");
    let mut world = World::usual();
    world.set("big", "9007199254740993");
    assert_eq!(eval_in(&world, "big"), "9007199254740993");
    assert_eq!(eval_in(&world, "big ~ ''"), r#""9007199254740993""#);
    assert_eq!(
        eval_in(&world, "[big] | to_json"),
        r#""[9007199254740993]""#
    );
    assert_eq!(eval_in(&world, "big == 9007199254740992.0"), "false");
    assert_eq!(eval_in(&world, "1 == 1.0"), "true");
}

#[test]
fn d05_a_hundred_levels_work_and_one_more_does_not() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(read(&nested(100)), nested(100));
    for depth in [101, 100_000] {
        let found = read(&nested(depth));
        assert!(found.starts_with("json.depth 1:10"), "{depth}: {found}");
    }
}

#[test]
fn d06_what_is_no_json_has_its_place() {
    for (text, expected) in [
        ("1e400", "json.syntax 1:5"),
        ("NaN", "json.syntax 1:1"),
        ("[1,\n2,]", "json.syntax 2:3"),
        ("[1] // one", "json.syntax 1:5"),
        ("{'a':1}", "json.syntax 1:2"),
        ("{\"a\":1", "json.syntax 1:6"),
        ("", "json.syntax 1:0"),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn d07_a_byte_order_mark_is_skipped() {
    assert_eq!(read("\u{feff}{}"), "{}");
    let mut world = World::usual();
    world.blob("body", Blob::JSON, "\u{feff}{\"a\":1}", |_| {});
    assert_eq!(eval_in(&world, "body.a"), "1");
}

/// The other half of the row, bodies of answers, is the connector's.
#[test]
fn d08_an_empty_text_is_not_json() {
    assert_eq!(code(&shown("'' | json")), "json.syntax");
    assert_eq!(shown("'' | jsonl"), "[]");
}

#[test]
fn d09_any_kind_may_stand_at_the_top() {
    for text in ["\"a\"", "1", "[]", "null", "true"] {
        assert_eq!(read(text), text);
    }
}

#[test]
fn d10_large_values_are_stored_and_too_large_ones_are_not_read_whole() {
    assert!(Value::from("x".repeat(65_537)).is_longer_than(crate::value::INLINE_BYTES_MAX));
    assert!(!Value::from("x".repeat(65_000)).is_longer_than(crate::value::INLINE_BYTES_MAX));
    let mut world = World::usual();
    world.blob("body", "text/plain", "short", |blob| {
        blob.bytes = (32 << 20) + 1;
    });
    assert_eq!(code(&eval_in(&world, "body | upper")), "value.too_large");
    assert_eq!(code(&eval_in(&world, "body | length")), "value.too_large");
    assert_eq!(eval_in(&world, "body.size"), "33554433");
}

#[test]
fn d11_stored_content_that_is_gone_or_another_one_is_told() {
    let world = |change: fn(&mut Blob)| {
        let mut world = World::usual();
        world.blob("rows", Blob::JSON_LINES, "{\"a\":1}\n{\"a\":2}\n", change);
        world.blob("text", "text/plain", "one\ntwo\n", change);
        world
    };
    let well = world(|_| {});
    assert_eq!(eval_in(&well, "rows | map(attribute='a') | sum"), "3");
    assert_eq!(eval_in(&well, "rows | length"), "2");
    let gone = world(|blob| blob.hash = crate::value::Hash::of(b"another"));
    for text in ["rows | map(attribute='a')", "text | upper", "text | md5"] {
        assert_eq!(code(&eval_in(&gone, text)), "store.blob_missing", "{text}");
    }
    let changed = World::usual();
    let stored = crate::value::Hash::of(b"{\"a\":1}\n{\"a\":2}\n");
    changed.store.put(stored, b"{\"a\":1}\n");
    let mut changed = changed;
    for (name, media) in [("rows", Blob::JSON_LINES), ("text", "text/plain")] {
        let blob = Blob::new(stored, 16, media);
        changed.roots.push((name.into(), Value::from(blob)));
    }
    for text in [
        "rows | map(attribute='a')",
        "rows | length",
        "text | lines",
        "text | md5",
        "text | b64encode",
    ] {
        assert_eq!(
            code(&eval_in(&changed, text)),
            "store.blob_changed",
            "{text}"
        );
    }
}

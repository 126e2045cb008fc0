//! `data`: the same results in place and stored.

use std::sync::Arc;

use flow_engine::eval::ItemFunction;
use flow_engine::run::Failure;
use flow_engine::value::{Blob, Value, json};

use crate::support::{Bench, content};

fn function(
    function: impl Fn(&Value, u64, &Value) -> Result<Value, Failure> + Send + Sync + 'static,
) -> Arc<dyn ItemFunction> {
    Arc::new(function)
}

fn member(name: &'static str) -> Arc<dyn ItemFunction> {
    function(move |item, _, _| Ok(item.get(name).cloned().unwrap_or_default()))
}

fn parse(text: &str) -> Value {
    json::parse(text.as_bytes()).expect("JSON")
}

/// Runs an operation over the items in place and as JSON Lines, and shows both results if they differ.
async fn both(
    operation: &str,
    items: &str,
    more: &[(&'static str, &str)],
    functions: &[(&'static str, Arc<dyn ItemFunction>)],
) -> String {
    let bench = Bench::new();
    let inline = parse(items);
    let lines: String = inline
        .as_list()
        .expect("a list")
        .iter()
        .map(|item| item.to_json().expect("plain") + "\n")
        .collect();
    let stored = Value::from(bench.blob(lines.as_bytes(), Blob::JSON_LINES));
    let mut shown = Vec::new();
    for items in [inline, stored] {
        let mut arguments = vec![("items", items)];
        arguments.extend(more.iter().map(|(name, value)| (*name, parse(value))));
        let result = bench
            .local(operation, arguments, functions.iter().cloned())
            .await;
        shown.push(match result {
            Ok(value) => value.to_json().unwrap_or_else(|_| content(&bench, &value)),
            Err(failure) => failure.code,
        });
    }
    if shown[0] == shown[1] {
        shown.remove(0)
    } else {
        shown.join(" but stored ")
    }
}

const ITEMS: &str = r#"[{"k":"b","n":2},{"k":"a","n":1},{"k":"b","n":null},{"k":"c","n":10}]"#;

#[tokio::test]
async fn items_are_mapped_filtered_and_cut() {
    let each = function(|item, index, _| {
        Ok(Value::map([
            ("k", item.get("k").cloned().unwrap_or_default()),
            ("at", Value::from(index)),
        ]))
    });
    assert_eq!(
        both("data.map", ITEMS, &[], &[("each", each)]).await,
        r#"[{"k":"b","at":0},{"k":"a","at":1},{"k":"b","at":2},{"k":"c","at":3}]"#
    );
    let is_b = function(|item, _, _| {
        Ok(Value::from(
            item.get("k").and_then(Value::as_str) == Some("b"),
        ))
    });
    assert_eq!(
        both("data.filter", ITEMS, &[], &[("where", is_b)]).await,
        r#"[{"k":"b","n":2},{"k":"b","n":null}]"#
    );
    assert_eq!(
        both("data.filter", ITEMS, &[], &[("where", member("k"))]).await,
        "data.condition"
    );
    assert_eq!(
        both("data.filter", ITEMS, &[], &[]).await,
        "call.missing_parameter"
    );
    assert_eq!(
        both(
            "data.slice",
            "[1,2,3,4]",
            &[("from", "1"), ("count", "2")],
            &[]
        )
        .await,
        "[2,3]"
    );
    assert_eq!(
        both("data.slice", "[1,2,3,4]", &[("from", "-1")], &[]).await,
        "[4]"
    );
    assert_eq!(
        both("data.unique", "[1,2,1.0,\"1\",null,null]", &[], &[]).await,
        r#"[1,2,"1",null]"#
    );
    assert_eq!(
        both("data.unique", ITEMS, &[], &[("by", member("k"))]).await,
        r#"[{"k":"b","n":2},{"k":"a","n":1},{"k":"c","n":10}]"#
    );
}

#[tokio::test]
async fn items_are_counted_summed_grouped_and_sorted() {
    assert_eq!(
        both("data.count_by", ITEMS, &[], &[("by", member("k"))]).await,
        r#"{"b":2,"a":1,"c":1}"#
    );
    assert_eq!(
        both("data.sum", ITEMS, &[], &[("of", member("n"))]).await,
        "13"
    );
    assert_eq!(both("data.sum", "[1,0.5]", &[], &[]).await, "1.5");
    assert_eq!(both("data.sum", "[]", &[], &[]).await, "0");
    assert_eq!(
        both("data.sum", "[\"x\"]", &[], &[]).await,
        "data.not_a_number"
    );
    assert_eq!(
        both(
            "data.sum",
            "[9223372036854775807,9223372036854775807,2]",
            &[],
            &[]
        )
        .await,
        "data.overflow"
    );
    assert_eq!(
        both(
            "data.group",
            r#"[{"k":1},{"k":2},{"k":1.0}]"#,
            &[],
            &[("by", member("k"))]
        )
        .await,
        r#"[{"key":1,"items":[{"k":1},{"k":1.0}],"count":2},{"key":2,"items":[{"k":2}],"count":1}]"#
    );
    let sorted = both(
        "data.sort",
        ITEMS,
        &[("descending", "true")],
        &[("by", member("n"))],
    )
    .await;
    assert_eq!(
        sorted,
        r#"[{"k":"c","n":10},{"k":"b","n":2},{"k":"a","n":1},{"k":"b","n":null}]"#
    );
    assert_eq!(
        both("data.sort", r#"["b",2,"a",1.5,null,true]"#, &[], &[]).await,
        r#"[true,1.5,2,"a","b",null]"#
    );
}

#[tokio::test]
async fn lists_are_joined_and_concatenated() {
    let bench = Bench::new();
    let left = parse(r#"[{"id":1,"a":"x"},{"id":2},{"id":null}]"#);
    let right = parse(r#"[{"ref":1,"b":1},{"ref":1,"a":"hidden","b":2}]"#);
    let on = parse(r#"{"left":"id","right":"ref"}"#);
    let arguments = [
        ("left", left),
        ("right", right),
        ("on", on),
        ("keep_left", Value::from(true)),
    ];
    let joined = bench.local("data.join", arguments, []).await.expect("maps");
    assert_eq!(
        joined.to_json().expect("plain"),
        r#"[{"id":1,"a":"x","ref":1,"b":1},{"id":1,"a":"x","ref":1,"b":2},{"id":2},{"id":null}]"#
    );
    let stored = Value::from(bench.blob(b"3\n4\n", Blob::JSON_LINES));
    let lists = Value::list([parse("[1,2]"), stored]);
    let all = bench
        .local("data.concat", [("lists", lists)], [])
        .await
        .expect("lists");
    assert_eq!(all.to_json().expect("plain"), "[1,2,3,4]");
}

#[tokio::test]
async fn a_large_result_is_stored_as_its_source_had_it() {
    let bench = Bench::new();
    let lines: Vec<String> = (0..10_000)
        .map(|at| format!("{{ \"n\" : {at} }}\n"))
        .collect();
    let lines = lines.concat();
    let stored = Value::from(bench.blob(lines.as_bytes(), Blob::JSON_LINES));
    let even = function(|item, _, _| {
        Ok(Value::from(
            item.get("n")
                .and_then(Value::as_i64)
                .is_some_and(|n| n % 2 == 0),
        ))
    });
    let kept = bench
        .local(
            "data.filter",
            [("items", stored.clone())],
            [("where", even)],
        )
        .await
        .expect("items");
    assert_eq!(kept.as_blob().and_then(|blob| blob.count), Some(5000));
    assert!(content(&bench, &kept).ends_with("{ \"n\" : 9998 }\n"));
    let cancelled = function(|_, _, _| Ok(Value::from(true)));
    bench.context.cancel.cancel();
    let failure = bench
        .local("data.filter", [("items", stored)], [("where", cancelled)])
        .await;
    assert_eq!(failure.expect_err("it was stopped").code, "call.cancelled");
}

#[tokio::test]
async fn texts_are_read_and_written() {
    let bench = Bench::new();
    let read = async |text: &str, format: &str| {
        let arguments = [("text", Value::from(text)), ("format", Value::from(format))];
        match bench.local("data.parse", arguments, []).await {
            Ok(value) => value.to_json().expect("plain"),
            Err(failure) => failure.code,
        }
    };
    assert_eq!(read("{\"a\":[1]}", "json").await, r#"{"a":[1]}"#);
    assert_eq!(read("{\"a\":", "json").await, "json.syntax");
    assert_eq!(read("1\n\n2", "jsonl").await, "[1,2]");
    assert_eq!(
        read("\u{feff}a,b\n1,\"x, \"\"y\"\"\"\n", "csv").await,
        r#"[{"a":"1","b":"x, \"y\""}]"#
    );
    assert_eq!(read("a,b\n1\n", "csv").await, "data.csv");
    assert_eq!(read("a: [1, no]\n", "yaml").await, r#"{"a":[1,"no"]}"#);
    assert_eq!(read("a: [", "yaml").await, "data.yaml");

    let write = async |value: &str, format: &str| {
        let arguments = [("value", parse(value)), ("format", Value::from(format))];
        match bench.local("data.format", arguments, []).await {
            Ok(value) => value.as_str().expect("short").to_owned(),
            Err(failure) => failure.code,
        }
    };
    assert_eq!(write("[1,{\"a\":2}]", "json").await, "[1,{\"a\":2}]\n");
    assert_eq!(write("[1,{\"a\":2}]", "jsonl").await, "1\n{\"a\":2}\n");
    assert_eq!(
        write(r#"[{"a":"x,","b":null},{"c":[1]}]"#, "csv").await,
        "a,b,c\n\"x,\",,\n,,[1]\n"
    );
    assert_eq!(write("[1]", "csv").await, "data.not_a_map");
    assert_eq!(
        write(r#"{"a":[1,"x: y"]}"#, "yaml").await,
        "a:\n- 1\n- 'x: y'\n"
    );
}

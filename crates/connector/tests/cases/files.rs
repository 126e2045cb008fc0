//! `file`: inside the project folder and nowhere else.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use flow_engine::value::{Blob, Value, json};

use crate::support::{Bench, content};

fn parse(text: &str) -> Value {
    json::parse(text.as_bytes()).expect("JSON")
}

async fn write(bench: &Bench, path: &str, content: Value) -> Result<Value, String> {
    let arguments = [("path", Value::from(path)), ("content", content)];
    bench
        .local("file.write", arguments, [])
        .await
        .map_err(|failure| failure.code)
}

async fn read(bench: &Bench, path: &str, form: &str) -> Result<Value, String> {
    let arguments = [("path", Value::from(path)), ("as", Value::from(form))];
    bench
        .local("file.read", arguments, [])
        .await
        .map_err(|failure| failure.code)
}

#[tokio::test]
async fn values_are_written_by_the_name_in_place_and_stored_alike() {
    let bench = Bench::new();
    let list = parse(r#"[{"a":1},{"a":2}]"#);
    let stored = Value::from(bench.blob(b"{\"a\":1}\n{\"a\":2}\n", Blob::JSON_LINES));
    let stored_json = Value::from(bench.blob(b"[{\"a\":1}, {\"a\":2}]", Blob::JSON));
    for (path, expected) in [
        ("out.jsonl", "{\"a\":1}\n{\"a\":2}\n"),
        ("deep/er/out.txt", "{\"a\":1}\n{\"a\":2}\n"),
        ("out.json", "[{\"a\":1},{\"a\":2}]\n"),
        ("out.csv", "a\n1\n2\n"),
        ("out.yaml", "- a: 1\n- a: 2\n"),
    ] {
        for value in [&list, &stored, &stored_json] {
            let written = write(&bench, path, value.clone())
                .await
                .expect("it is written");
            assert_eq!(
                fs::read_to_string(bench.path(path)).expect("a file"),
                expected,
                "{path}"
            );
            assert_eq!(
                written.get("bytes"),
                Some(&Value::from(expected.len())),
                "{path}"
            );
        }
    }
    write(&bench, "out.json", Value::from("as it is"))
        .await
        .expect("it is written");
    assert_eq!(
        fs::read_to_string(bench.path("out.json")).expect("a file"),
        "as it is"
    );
    let mode = |path: &str| fs::metadata(bench.path(path)).expect("it is there").mode() & 0o777;
    assert_eq!((mode("out.json"), mode("deep")), (0o600, 0o700));
    assert!(
        fs::read_dir(bench.path("."))
            .expect("a folder")
            .all(|entry| {
                !entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .ends_with(".tmp")
            })
    );
}

#[tokio::test]
async fn files_are_read_by_their_names() {
    let bench = Bench::new();
    for (path, text, expected) in [
        ("a.txt", "\u{feff}text", r#""text""#),
        ("a", "plain", r#""plain""#),
        ("a.json", "{\"a\":1}", r#"{"a":1}"#),
        ("a.jsonl", "1\n2\n", "[1,2]"),
        ("a.csv", "n\n1\n", r#"[{"n":"1"}]"#),
        ("a.yml", "a: 1\n", r#"{"a":1}"#),
    ] {
        fs::write(bench.path(path), text).expect("a file");
        assert_eq!(
            read(&bench, path, "auto")
                .await
                .expect(path)
                .to_json()
                .expect("short"),
            expected
        );
    }
    assert_eq!(
        read(&bench, "a.json", "text").await,
        Ok(Value::from("{\"a\":1}"))
    );
    fs::write(bench.path("bytes"), b"\xff\xfe").expect("a file");
    assert!(
        read(&bench, "bytes", "auto")
            .await
            .expect("bytes")
            .as_blob()
            .is_some()
    );
    assert_eq!(
        read(&bench, "bytes", "text").await,
        Err("value.not_text".to_owned())
    );
    fs::write(bench.path("bad.json"), "{").expect("a file");
    assert_eq!(
        read(&bench, "bad.json", "auto").await,
        Err("json.syntax".to_owned())
    );
    assert_eq!(
        read(&bench, "none", "auto").await,
        Err("file.not_found".to_owned())
    );

    let long = "é".repeat(100_000);
    fs::write(bench.path("long.txt"), &long).expect("a file");
    let value = read(&bench, "long.txt", "auto").await.expect("text");
    assert!(content(&bench, &value) == long);
    let lines = "{\"a\":1}\n".repeat(20_000);
    fs::write(bench.path("long.jsonl"), &lines).expect("a file");
    let value = read(&bench, "long.jsonl", "auto").await.expect("lines");
    assert_eq!(value.as_blob().and_then(|blob| blob.count), Some(20_000));
    fs::write(bench.path("long.jsonl"), format!("{lines}{{")).expect("a file");
    assert_eq!(
        read(&bench, "long.jsonl", "auto").await,
        Err("json.syntax".to_owned())
    );
}

#[tokio::test]
async fn nothing_outside_the_folder_is_reached() {
    let bench = Bench::new();
    fs::write(bench.outside().join("secret.txt"), "secret").expect("a file");
    symlink(bench.outside(), bench.path("out")).expect("a link");
    symlink(bench.outside().join("secret.txt"), bench.path("link.txt")).expect("a link");
    fs::create_dir(bench.path(".flow")).expect("a folder");
    fs::write(bench.path(".flow/store"), "x").expect("a file");
    symlink(".flow", bench.path("hidden")).expect("a link");
    fs::write(bench.path("flow.toml"), "x").expect("a file");
    symlink("flow.toml", bench.path("settings")).expect("a link");
    fs::write(bench.path("real.txt"), "inside").expect("a file");
    symlink("real.txt", bench.path("inside.txt")).expect("a link");
    for path in [
        "../secret.txt",
        "/etc/passwd",
        "",
        ".",
        "a/",
        "a\\b",
        "a/../b",
        "out/secret.txt",
        "link.txt",
        "a//b",
    ] {
        assert_eq!(
            read(&bench, path, "text").await,
            Err("file.outside_root".to_owned()),
            "{path}"
        );
        if path != "link.txt" {
            assert_eq!(
                write(&bench, path, Value::from("x")).await,
                Err("file.outside_root".to_owned()),
                "{path}"
            );
        }
    }
    for path in [".flow/store", "./.flow/store", "hidden/store"] {
        assert_eq!(
            read(&bench, path, "text").await,
            Err("file.protected".to_owned()),
            "{path}"
        );
        assert_eq!(
            write(&bench, path, Value::from("x")).await,
            Err("file.protected".to_owned()),
            "{path}"
        );
    }
    for path in ["flow.toml", "connectors/x.yaml", "settings"] {
        assert_eq!(
            write(&bench, path, Value::from("x")).await,
            Err("file.protected".to_owned()),
            "{path}"
        );
    }
    assert_eq!(
        fs::read_to_string(bench.outside().join("secret.txt")).expect("it is there"),
        "secret"
    );
    assert_eq!(
        read(&bench, "inside.txt", "auto").await,
        Ok(Value::from("inside"))
    );
    assert_eq!(
        read(&bench, ".flow", "auto").await,
        Err("file.protected".to_owned())
    );
    fs::create_dir(bench.path("folder")).expect("a folder");
    assert_eq!(
        read(&bench, "folder", "auto").await,
        Err("file.not_regular".to_owned())
    );
    assert_eq!(
        write(&bench, "folder", Value::from("x")).await,
        Err("file.not_regular".to_owned())
    );
}

#[tokio::test]
async fn files_are_listed_moved_and_deleted() {
    let bench = Bench::new();
    for path in ["a.md", "x/b.md", "x/y/c.md", "x/d.txt", ".hidden"] {
        let path = bench.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "1234").expect("a file");
    }
    let list = async |arguments: &str| {
        let value = bench
            .perform("file.list", "{}", arguments)
            .await
            .expect("a list");
        let items = value.as_list().expect("short");
        let paths = items.iter().filter_map(|item| item.get("path")?.as_str());
        paths.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(list("{}").await, "a.md x/b.md x/d.txt x/y/c.md");
    assert_eq!(list(r#"{"folder":"x","glob":"*.md"}"#).await, "x/b.md");
    assert_eq!(list(r#"{"glob":"**/*.md"}"#).await, "a.md x/b.md x/y/c.md");
    let perform =
        async |operation: &str, arguments: &str| bench.perform(operation, "{}", arguments).await;
    perform("file.copy", r#"{"path":"a.md","to":"copy/a.md"}"#)
        .await
        .expect("a copy");
    perform("file.move", r#"{"path":"a.md","to":"moved/a.md"}"#)
        .await
        .expect("moved");
    assert_eq!(
        perform("file.exists", r#"{"path":"a.md"}"#).await,
        Ok(Value::from(false))
    );
    assert_eq!(
        perform("file.exists", r#"{"path":"moved/a.md"}"#).await,
        Ok(Value::from(true))
    );
    for expected in [true, false] {
        let deleted = perform("file.delete", r#"{"path":"copy/a.md"}"#)
            .await
            .expect("deleted");
        assert_eq!(deleted.get("deleted"), Some(&Value::from(expected)));
    }
    assert_eq!(
        perform("file.list", r#"{"glob":"[a"}"#)
            .await
            .expect_err("a bad pattern")
            .code,
        "file.glob"
    );
    for content in [parse("[1]"), parse("{\"a\":2}"), Value::from("x")] {
        let arguments = Value::map([("path", Value::from("log.json")), ("content", content)]);
        bench
            .in_halves(&Bench::call("file.append", Value::Null, arguments))
            .await
            .expect("appended");
    }
    assert_eq!(
        fs::read_to_string(bench.path("log.json")).expect("a file"),
        "1\n{\"a\":2}\nx"
    );
}

//! `shell.run`, and the small local connectors.

use std::fs;

use flow_engine::run::{Done, FailureKind};
use flow_engine::value::{Blob, Secret, Value, json};

use crate::support::{Bench, content};

fn parse(text: &str) -> Value {
    json::parse(text.as_bytes()).expect("JSON")
}

async fn stdout(arguments: &str) -> String {
    let value = Bench::new()
        .perform("shell.run", "{}", arguments)
        .await
        .unwrap_or_else(|failure| panic!("{failure:?}"));
    let stdout = value.get("stdout").expect("it has one");
    stdout.to_json().expect("it is short")
}

async fn failure(arguments: &str) -> (String, String) {
    let failure = Bench::new()
        .perform("shell.run", "{}", arguments)
        .await
        .expect_err("it fails");
    (failure.code, failure.message)
}

#[tokio::test]
async fn data_reaches_a_command_as_bytes() {
    let hostile = r#"["$(id)","`id`","; id","-n","a b","\n\"'","é"]"#;
    assert_eq!(
        stdout(&format!(
            r#"{{"script":"printf '%s|' \"$@\"","args":{hostile}}}"#
        ))
        .await,
        r#""$(id)|`id`|; id|-n|a b|\n\"'|é|""#
    );
    assert_eq!(
        stdout(r#"{"script":"printf %s \"$X\"","env":{"X":"$(id) 7"}}"#).await,
        r#""$(id) 7""#
    );
    assert_eq!(
        stdout(r#"{"program":["printf","%s-%s","a b"],"args":[5]}"#).await,
        r#""a b-5""#
    );
    assert_eq!(
        stdout(r#"{"program":["printf","%s|",5,1.5,true]}"#).await,
        r#""5|1.5|true|""#
    );
    assert_eq!(
        stdout(r#"{"script":"cat","stdin":[{"a":1},2]}"#).await,
        r#""{\"a\":1}\n2\n""#
    );
    assert_eq!(stdout(r#"{"script":"cat"}"#).await, r#""""#);
}

#[tokio::test]
async fn the_environment_is_clean() {
    let bench = Bench::new();
    let value = bench
        .perform(
            "shell.run",
            "{}",
            r#"{"program":["env"],"env":{"MINE":"1"},"parse":"lines"}"#,
        )
        .await
        .expect("it runs");
    let names: Vec<&str> = value
        .get("stdout")
        .and_then(Value::as_list)
        .expect("lines")
        .iter()
        .filter_map(|line| line.as_str()?.split('=').next())
        .collect();
    assert!(names.contains(&"MINE") && names.contains(&"PATH"));
    assert!(
        names.iter().all(|name| [
            "MINE",
            "PATH",
            "HOME",
            "LANG",
            "TMPDIR",
            "TZ",
            "FLOW_RUN",
            "FLOW_STEP",
            "FLOW_ATTEMPT"
        ]
        .contains(name)),
        "{names:?}"
    );
}

#[tokio::test]
async fn output_is_read_as_it_is_said() {
    assert_eq!(
        stdout(r#"{"script":"echo '{\"a\":1}'","parse":"json"}"#).await,
        r#"{"a":1}"#
    );
    assert_eq!(
        stdout(r#"{"script":"echo 1; echo 2","parse":"jsonl"}"#).await,
        "[1,2]"
    );
    assert_eq!(
        stdout(r#"{"script":"echo a; echo b","parse":"lines"}"#).await,
        r#"["a","b"]"#
    );
    assert_eq!(
        stdout(r#"{"script":"exit 3","ok_codes":[3]}"#).await,
        r#""""#
    );
    assert_eq!(
        failure(r#"{"script":"echo x","parse":"json"}"#).await.0,
        "json.syntax"
    );
}

#[tokio::test]
async fn large_output_is_kept_whole_in_the_store() {
    let bench = Bench::new();
    let run = async |arguments: &str| {
        let value = bench.perform("shell.run", "{}", arguments).await;
        value.unwrap_or_else(|failure| panic!("{failure:?}"))
    };
    let value = run(r#"{"script":"head -c 3000000 /dev/zero | tr '\\0' x"}"#).await;
    let text = content(&bench, value.get("stdout").expect("it is stored"));
    assert!(text.len() == 3_000_000 && text.bytes().all(|byte| byte == b'x'));
    let value = run(r#"{"script":"seq 1 300000","parse":"lines"}"#).await;
    let lines = value.get("stdout").and_then(Value::as_blob);
    assert_eq!(lines.expect("a stream").count, Some(300_000));
    let value =
        run(r#"{"script":"printf 'a\\377\\000b'; yes \"$T\" | head -c 200000","env":{"T":"é"}}"#)
            .await;
    let text = content(&bench, value.get("stdout").expect("it is stored"));
    assert!(text.starts_with("a\u{fffd}\0bé\n"), "{text:.40}");
}

#[tokio::test]
async fn failures_are_named() {
    let (code, message) = failure(r#"{"script":"echo out; echo why >&2; exit 4"}"#).await;
    assert_eq!(
        (code.as_str(), message.as_str()),
        (
            "shell.exit",
            "the command ended with exit code 4; it wrote: why"
        )
    );
    assert!(
        failure(r#"{"script":"nosuchcommand"}"#)
            .await
            .1
            .contains("exit code 127: a command it names is not there")
    );
    assert_eq!(failure(r#"{"script":"echo $nope"}"#).await.0, "shell.exit");
    assert_eq!(
        failure(r#"{"program":["nosuchprogram"]}"#).await.0,
        "shell.not_found"
    );
    assert_eq!(
        failure(r#"{"program":["/etc/passwd"]}"#).await.0,
        "shell.not_executable"
    );
    assert_eq!(
        failure(r#"{"program":["echo"],"args":["a\u0000b"]}"#)
            .await
            .0,
        "shell.nul"
    );
    assert_eq!(
        failure(r#"{"script":"cat","env":{"A":"\u0000"}}"#).await.0,
        "shell.nul"
    );
    assert_eq!(
        failure(r#"{"script":"true","env":{"A=B":"1"}}"#).await.0,
        "shell.env"
    );
    assert_eq!(
        failure(r#"{"script":"true","env":{"FLOW_ATTEMPT":"1"}}"#)
            .await
            .0,
        "shell.env"
    );
    assert_eq!(
        failure(r#"{"program":["/etc"]}"#).await.0,
        "shell.is_folder"
    );
    let long = format!(
        r#"{{"program":["true"],"args":["{}"]}}"#,
        "x".repeat(140_000)
    );
    assert_eq!(failure(&long).await.0, "shell.too_long");
    assert_eq!(
        failure(r#"{"program":["true",["x"]]}"#).await.0,
        "call.type"
    );
    let crashed = failure(r#"{"script":"sh -c 'kill -SEGV $$'; exit $?"}"#).await;
    assert!(
        crashed.1.contains("a command in it was ended by SIGSEGV"),
        "{crashed:?}"
    );
    assert_eq!(failure("{}").await.0, "call.missing_parameter");
    assert_eq!(
        failure(r#"{"script":"true","cwd":"none"}"#).await.0,
        "file.not_found"
    );
    assert_eq!(
        failure(r#"{"script":"true","cwd":"../x"}"#).await.0,
        "file.outside_root"
    );
    assert_eq!(
        failure(r#"{"script":"true","files":{"a":"none"}}"#).await.0,
        "shell.output_file"
    );
    let bench = Bench::new();
    let killed = bench
        .perform("shell.run", "{}", r#"{"script":"kill -9 $$"}"#)
        .await
        .expect_err("it is killed");
    assert_eq!(
        (killed.code.as_str(), killed.done, killed.kind),
        ("shell.signal", Done::Unknown, FailureKind::Transient)
    );
    assert!(
        killed.message.contains("signal 9 SIGKILL"),
        "{}",
        killed.message
    );
}

#[tokio::test]
async fn files_are_placed_and_kept() {
    let bench = Bench::new();
    fs::create_dir(bench.path("sub")).expect("a folder");
    let stored = Value::from(bench.blob(b"1\n2\n", Blob::JSON_LINES));
    let arguments = Value::map([
        (
            "script",
            Value::from("cat ../in.json > ../out/copy; pwd > /dev/null"),
        ),
        ("cwd", Value::from("sub")),
        (
            "place",
            Value::map([("in.json", stored), ("out/x", Value::from("x"))]),
        ),
        ("files", parse(r#"{"copy":"out/copy"}"#)),
    ]);
    let value = bench
        .in_halves(&Bench::call("shell.run", Value::Null, arguments))
        .await
        .expect("it runs");
    let kept = value
        .get("files")
        .and_then(|files| files.get("copy"))
        .expect("it is kept");
    assert_eq!(content(&bench, kept), "[1,2]\n");
}

#[tokio::test]
async fn secrets_are_opened_late_and_masked() {
    let bench = Bench::new();
    let arguments = Value::map([
        (
            "script",
            Value::from("echo \"$T\"; echo \"$T\" >&2; test \"$T\" = 'hush hush'"),
        ),
        (
            "env",
            Value::map([("T", Value::from(Secret::named("TOKEN")))]),
        ),
    ]);
    let value = bench
        .in_halves(&Bench::call("shell.run", Value::Null, arguments))
        .await
        .expect("it runs");
    assert_eq!(value.get("stdout"), Some(&Value::from("***\n")));
    assert_eq!(value.get("stderr"), Some(&Value::from("***\n")));
}

#[tokio::test]
async fn the_clock_and_the_log_answer() {
    let bench = Bench::new();
    let now = bench.local("time.now", [], []).await.expect("a time");
    assert!(now.as_str().is_some_and(|now| now.ends_with('Z')));
    let line = bench
        .perform("log.warn", "{}", r#"{"message":"careful","data":[1]}"#)
        .await
        .expect("a line");
    assert_eq!(
        line.to_json().expect("plain"),
        r#"{"level":"warn","message":"careful","data":[1]}"#
    );
    let secret = [
        ("message", Value::from("x")),
        ("data", Value::from(Secret::named("TOKEN"))),
    ];
    assert_eq!(
        bench
            .local("log.info", secret, [])
            .await
            .expect_err("a secret")
            .code,
        "secret.placement"
    );
    let catalog = bench.connectors.catalog();
    assert_eq!(
        catalog.connector("time").expect("it is local").operations["after"].look,
        Some(flow_engine::catalog::Look::Time)
    );
}

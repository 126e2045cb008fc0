//! What each route does when it is asked rightly.

use serde_json::{Value, json};

use super::Api;
use crate::support::{go, has, until};

#[test]
fn a_run_is_started_and_shown_with_everything_that_it_did() {
    let api = Api::start(&[], &[]);
    let body = json!({ "inputs": { "who": "world", "times": 20_000, "key": "TOKEN" } });
    let run = api.run("hello", &body);
    let shown = api.is(&run, "succeeded");
    assert_eq!(shown["outputs"], json!({ "text": "Hello world" }));
    assert_eq!(shown["inputs"]["key"], json!({ "secret": ["TOKEN"] }));
    let steps = api.get(&format!("/runs/{run}/steps")).json();
    assert_eq!(steps["steps"][0]["step"], "greet", "{steps}");
    assert_eq!(steps["steps"][0].get("value"), None);
    assert_eq!(steps["next"], Value::Null);
    let greet = api.get(&format!("/runs/{run}/steps/greet")).json();
    assert_eq!(greet["value"], "Hello world");
    // What is large is not shown, and can be fetched.
    let many = api.get(&format!("/runs/{run}/steps/many")).json();
    let hash = many["value"]["stored"].as_str().expect("a stored value");
    let file = api.get(&format!("/values/{hash}"));
    assert_eq!(file.status, 200);
    assert!(
        file.head.contains("content-disposition: attachment"),
        "{}",
        file.head
    );
    assert!(
        file.head.contains("x-content-type-options: nosniff"),
        "{}",
        file.head
    );
    assert_eq!(file.body.lines().count(), 20_000);
    let logs = api.get(&format!("/runs/{run}/logs"));
    assert!(
        logs.head.contains("content-type: text/plain"),
        "{}",
        logs.head
    );
    assert!(
        logs.body.contains("greet: succeeded: Hello world"),
        "{}",
        logs.body
    );
    let of_step = api.get(&format!("/runs/{run}/logs?step=greet")).body;
    assert_eq!(of_step.lines().count(), 1, "{of_step}");
    let why = api.get(&format!("/runs/{run}/why")).json();
    assert_eq!(why["status"], "succeeded", "{why}");
    // The secret's text is nowhere.
    for path in [
        "",
        "/steps",
        "/steps/greet",
        "/events",
        "/logs",
        "/logs/stream",
        "/why",
    ] {
        let answer = api.get(&format!("/runs/{run}{path}"));
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.contains("open sesame"), "{path}");
    }
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn lists_go_on_over_pages() {
    let api = Api::start(
        &[("b.yml", "name: other\nsteps: { a: { value: 1 } }\n")],
        &[],
    );
    let mut started: Vec<String> = (0..5).map(|_| api.hello()).collect();
    api.run("other", &json!({}));
    started.reverse();
    let (mut found, mut path) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = api
            .get(&format!(
                "/runs?workflow=hello&status=succeeded&limit=2{path}"
            ))
            .json();
        let runs = page["runs"].as_array().expect("runs");
        found.extend(
            runs.iter()
                .filter_map(|run| run["run"].as_str().map(str::to_owned)),
        );
        path = format!("&cursor={}", page["next"].as_str().unwrap_or_default());
    }
    assert_eq!(found, started);
    assert_eq!(path, "&cursor=", "that was all");
    let run = &started[0];
    let first = api.get(&format!("/runs/{run}/events?limit=2")).json();
    let second = api
        .get(&format!("/runs/{run}/events?limit=500&cursor=2"))
        .json();
    assert_eq!(
        (&first["events"][0]["event"], &first["next"]),
        (&json!("run_started"), &json!("2"))
    );
    assert_eq!(
        (&second["events"][0]["seq"], &second["next"]),
        (&json!(3), &Value::Null)
    );
    let steps = api.get(&format!("/runs/{run}/steps?limit=1")).json();
    let rest = api.get(&format!("/runs/{run}/steps?cursor=1")).json();
    assert_eq!(
        (&steps["next"], &rest["steps"][0]["step"]),
        (&json!("1"), &json!("many"))
    );
    let page = api.get("/workflows?limit=1").json();
    assert_eq!(
        (&page["workflows"][0]["workflow"], &page["next"]),
        (&json!("hello"), &json!("hello"))
    );
    let page = api.get("/workflows?cursor=hello").json();
    assert_eq!(
        (&page["workflows"][0]["workflow"], &page["next"]),
        (&json!("other"), &Value::Null)
    );
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn another_request_under_a_key_is_refused() {
    let api = Api::start(&[], &[]);
    let start = |body: serde_json::Value| api.post("/workflows/hello/runs", &body);
    let first = start(json!({ "inputs": { "times": 20, "who": "a" }, "key": "kk" }));
    assert_eq!(first.status, 202, "{}", first.body);
    let run = first.json()["run"].as_str().expect("an id").to_owned();
    // Members may come in any order.
    let again = start(json!({ "key": "kk", "inputs": { "who": "a", "times": 20 } }));
    assert_eq!(again.json(), json!({ "run": run, "new": false }));
    for inputs in [
        json!({ "times": 21, "who": "a" }),
        json!({ "times": 20 }),
        json!({}),
    ] {
        let other = start(json!({ "inputs": inputs, "key": "kk" }));
        let found = (other.status, other.code());
        assert_eq!(found, (409, "run.key_conflict".to_owned()), "{inputs}");
    }
    let (code, _, err) = crate::support::run(
        api.path(),
        &["run", "hello.yml", "--key", "kk", "--input", "times=21"],
    );
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("error[run.key_conflict]"), "{err}");
    let same = ["--input", "times=20", "--input", "who=a"];
    let arguments = [&["run", "hello.yml", "--key", "kk"][..], &same].concat();
    let (code, _, err) = crate::support::run(api.path(), &arguments);
    assert_eq!(code, 0, "{err}");
    assert_eq!(api.runs(), 1);
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn one_key_starts_one_run() {
    let api = Api::start(&[], &[]);
    let start = || api.post("/workflows/hello/runs", &json!({ "key": "monday" }));
    let (first, again) = (start(), start());
    assert_eq!((first.status, again.status), (202, 200));
    assert_eq!(
        (&first.json()["new"], &again.json()["new"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(first.json()["run"], again.json()["run"]);
    // It is the run that the command line starts for the key.
    let (code, _, err) = crate::support::run(api.path(), &["run", "hello.yml", "--key", "monday"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(api.runs(), 1);
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn what_a_run_begins_with_is_judged_as_on_the_command_line() {
    let event = "name: order\non: { webhook: a, verify: none }\nsteps: { a: { value: '{{ trigger.body.n }}' } }\noutputs: { n: '{{ steps.a }}' }\n";
    let reads = "name: reads\ninputs: { notes: { type: file } }\non: { webhook: b, verify: none, inputs: { notes: '{{ trigger.body.path }}' } }\nsteps: { a: { value: '{{ inputs.notes }}' } }\n";
    let open = "name: open\ninputs: { key: { type: secret } }\nsteps: { a: { value: 1 } }\n";
    let files = [
        ("open.yml", open),
        ("order.yml", event),
        ("reads.yml", reads),
        ("notes.txt", "a note\n"),
    ];
    let api = Api::start(&files, &[]);
    let refused = |workflow: &str, body: Value, code: &str| {
        let answer = api.post(&format!("/workflows/{workflow}/runs"), &body);
        assert_eq!(
            (answer.status, &*answer.code()),
            (422, code),
            "{body}: {}",
            answer.body
        );
        answer.json()
    };
    let both = json!({ "inputs": { "times": 0, "whom": "x" } });
    let answer = refused("hello", both, "input.range");
    assert_eq!(
        answer["errors"].as_array().map(Vec::len),
        Some(2),
        "{answer}"
    );
    assert_eq!(answer["errors"][1]["help"], "did you mean `who`?");
    refused(
        "hello",
        json!({ "inputs": { "times": "many" } }),
        "input.type",
    );
    refused(
        "hello",
        json!({ "inputs": { "key": "UNSET" } }),
        "secret.missing",
    );
    // Nor what the workflow does not list of its environment.
    refused(
        "hello",
        json!({ "inputs": { "key": "HOME" } }),
        "input.enum",
    );
    refused(
        "open",
        json!({ "inputs": { "key": "HOME" } }),
        "input.secret",
    );
    refused("order", json!({}), "run.trigger");
    refused(
        "order",
        json!({ "event": {}, "trigger": "other" }),
        "run.trigger",
    );
    // Nobody reaches files of this machine through an input.
    for path in [
        "/etc/passwd",
        "../x",
        "none.txt",
        ".flow/flow.db",
        ".flow/admin.token",
    ] {
        refused(
            "hello",
            json!({ "inputs": { "notes": path } }),
            "input.file",
        );
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/etc/passwd", api.path().join("link.txt")).expect("a link");
        refused(
            "hello",
            json!({ "inputs": { "notes": "link.txt" } }),
            "input.file",
        );
    }
    let event = json!({ "event": { "body": { "path": "/etc/passwd" } } });
    refused("reads", event, "input.file");
    assert_eq!(api.runs(), 0);
    api.run("hello", &json!({ "inputs": { "notes": "notes.txt" } }));
    let run = api.run("order", &json!({ "event": { "body": { "n": 7 } } }));
    assert_eq!(api.is(&run, "succeeded")["outputs"]["n"], 7);
    let answer = api.post("/workflows/helo/runs", &json!({}));
    assert_eq!((answer.status, &*answer.code()), (404, "api.not_found"));
    assert!(
        answer.body.contains("did you mean `hello`?"),
        "{}",
        answer.body
    );
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn a_run_is_cancelled() {
    let slow = "name: slow\nsteps:\n  a: { run: 'touch begun; while ! [ -e go ]; do sleep 0.05; done' }\nfinally:\n  b: { run: 'touch swept' }\n";
    let api = Api::start(&[("slow.yml", slow)], &[]);
    let run = api.run("slow", &json!({}));
    until("it goes", || has(api.path(), "begun"));
    let answer = api.post(&format!("/runs/{run}/cancel"), &json!({}));
    assert_eq!(
        (answer.status, &answer.json()["run"]),
        (202, &json!(run)),
        "{}",
        answer.body
    );
    api.is(&run, "cancelled");
    assert!(has(api.path(), "swept"), "in order");
    let again = api.post(&format!("/runs/{run}/cancel"), &json!({ "hard": true }));
    assert_eq!(again.status, 202, "it is so already");
    let logs = api.get(&format!("/runs/{run}/logs")).body;
    assert!(logs.contains("cancelled by the token `admin`"), "{logs}");
    let ended = api.post(&format!("/runs/{}/cancel", api.hello()), &json!({}));
    assert_eq!((ended.status, &*ended.code()), (409, "run.ended"));
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn a_run_that_waits_for_a_decision_goes_on_with_it() {
    let ask = "budget: { usd: 0.000001 }\nsteps:\n  ask: { action: claude.messages.create, with: { model: claude-haiku-5-5, max_tokens: 9, messages: [{ role: user, content: Hello }] } }\n  then: { value: 1, needs: ask }\n";
    let (one, two) = (format!("name: one\n{ask}"), format!("name: two\n{ask}"));
    let api = Api::start(&[("one.yml", &one), ("two.yml", &two)], &["--sandbox"]);
    let resume = |run: &str, body: Value| api.post(&format!("/runs/{run}/resume"), &body);
    let run = api.run("one", &json!({}));
    api.is(&run, "interrupted");
    let why = api.get(&format!("/runs/{run}/why")).json();
    assert_eq!(why["steps"][0]["status"], "interrupted", "{why}");
    let answer = resume(&run, json!({ "retry": ["asks"] }));
    assert_eq!(
        (answer.status, &*answer.code()),
        (422, "run.unknown_step"),
        "{}",
        answer.body
    );
    let answer = resume(&run, json!({ "budget": { "usd": 0 } }));
    assert_eq!(
        (answer.status, &*answer.code()),
        (400, "api.body"),
        "{}",
        answer.body
    );
    let answer = resume(&run, json!({ "budget": { "usd": 0.5 } }));
    assert_eq!(answer.status, 202, "{}", answer.body);
    api.is(&run, "succeeded");
    let answer = resume(&run, json!({}));
    assert_eq!((answer.status, &*answer.code()), (409, "run.ended"));
    let run = api.run("two", &json!({}));
    api.is(&run, "interrupted");
    assert_eq!(
        resume(&run, json!({ "set": { "ask": { "text": "Hi" } } })).status,
        202
    );
    let shown = api.is(&run, "succeeded");
    let step = api.get(&format!("/runs/{run}/steps/ask")).json();
    assert_eq!(step["value"], json!({ "text": "Hi" }), "{shown}");
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn a_failed_run_is_tried_again() {
    let fails = "name: fails\nsteps:\n  first: { run: 'echo once >> count' }\n  second: { run: 'cat go', needs: first }\n";
    let api = Api::start(&[("fails.yml", fails)], &[]);
    let run = api.run("fails", &json!({}));
    let shown = api.is(&run, "failed");
    assert_eq!(shown["failures"][0]["step"], "second", "{shown}");
    assert!(shown["failures"][0]["error"]["code"].is_string(), "{shown}");
    let step = api.get(&format!("/runs/{run}/steps/second")).json();
    assert_eq!(step["tries"][0]["outcome"], "failed", "{step}");
    go(api.path());
    let retry = |run: &str, body: Value| api.post(&format!("/runs/{run}/retry"), &body);
    let answer = retry(&run, json!({}));
    assert_eq!(answer.status, 202, "{}", answer.body);
    let again = answer.json()["run"].as_str().expect("an id").to_owned();
    let shown = api.is(&again, "succeeded");
    assert_eq!(shown["retry_of"], json!(run));
    let count = std::fs::read_to_string(api.path().join("count")).expect("it is there");
    assert_eq!(count, "once\n", "what succeeded was not done again");
    let answer = retry(&again, json!({}));
    assert_eq!((answer.status, &*answer.code()), (409, "run.ended"));
    assert_eq!(
        retry(&again, json!({ "from": ["thrid"] })).code(),
        "run.unknown_step"
    );
    let answer = retry(
        &again,
        json!({ "from": ["second"], "with_current_definition": true }),
    );
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn workflows_and_triggers_are_shown_and_paused() {
    let api = Api::start(&[("broken.yml", "name: broken\nsteps: {}\n")], &[]);
    let list = api.get("/workflows").json();
    assert_eq!(list["workflows"][0]["workflow"], "hello", "{list}");
    assert_eq!(list["wrong"][0]["file"], "broken.yml", "{list}");
    let hello = api.get("/workflows/hello").json();
    let names: Vec<&Value> = hello["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["who", "times", "notes", "key"]);
    assert_eq!(
        hello["triggers"][1]["words"], "taken at POST /webhooks/guarded",
        "{hello}"
    );
    // A file that became wrong is told with the version that is served.
    std::fs::write(api.path().join("hello.yml"), "name: hello\nsteps: {}\n").expect("a file");
    until("its error is told", || {
        api.get("/workflows/hello").json()["error"] != Value::Null
    });
    assert_eq!(
        api.get("/workflows/hello").json()["version"],
        hello["version"]
    );
    let all = api.get("/triggers?workflow=hello").json();
    assert_eq!(all["triggers"].as_array().map(Vec::len), Some(2), "{all}");
    assert!(all["triggers"][1]["next"].is_string(), "{all}");
    assert_eq!(
        api.get("/triggers?workflow=other").json()["triggers"],
        json!([])
    );
    let times = api
        .get("/triggers/hello/nightly/schedule?limit=2&from=2026-03-28T12:00:00Z")
        .json();
    assert_eq!(
        times["times"][0]["due"], "2026-03-29T01:00:00.000Z",
        "{times}"
    );
    assert_eq!(times["times"].as_array().map(Vec::len), Some(2));
    let none = api.get("/triggers/hello/guarded/schedule");
    assert_eq!((none.status, &*none.code()), (404, "schedule.trigger"));
    let paused = api.post("/triggers/hello/guarded/pause", &json!({}));
    assert_eq!(paused.status, 200, "{}", paused.body);
    assert!(paused.json()["paused_at"].is_string(), "{}", paused.body);
    // From then on.
    let status = api.ask("POST", "//webhooks/guarded", &[], None).status;
    assert_eq!(status, 404);
    let resumed = api.post("/triggers/hello/guarded/resume", &json!({}));
    assert_eq!(resumed.json()["paused_at"], Value::Null);
    let deliver = || {
        let headers = [
            ("authorization", "Bearer open sesame"),
            ("idempotency-key", "one"),
        ];
        api.ask("POST", "//webhooks/guarded", &headers, None).status
    };
    assert_eq!(deliver(), 202);
    until("it is told what became of it", || {
        let shown = api.get("/triggers/hello/guarded").json();
        shown["noticed"][0]["state"] == "started"
    });
    let unknown = api.post("/triggers/hello/none/pause", &json!({}));
    assert_eq!((unknown.status, &*unknown.code()), (404, "api.not_found"));
    assert_eq!(api.daemon.stop(), 0);
}

#[test]
fn not_more_runs_are_taken_than_go_at_once() {
    let slow = "name: slow\nsteps:\n  a: { run: 'while ! [ -e go ]; do sleep 0.05; done' }\n";
    let api = Api::start(&[("slow.yml", slow)], &["--runs", "2"]);
    let runs: Vec<String> = (0..2).map(|_| api.run("slow", &json!({}))).collect();
    let start = || api.post("/workflows/slow/runs", &json!({ "key": "third" }));
    let answer = start();
    assert_eq!(
        (answer.status, &*answer.code()),
        (503, "api.busy"),
        "{}",
        answer.body
    );
    assert!(answer.head.contains("retry-after"), "{}", answer.head);
    assert_eq!(api.runs(), 2, "what was not taken is not there");
    go(api.path());
    for run in &runs {
        api.is(run, "succeeded");
    }
    until("there is a place again", || start().status == 202);
    assert_eq!(api.daemon.stop(), 0);
}

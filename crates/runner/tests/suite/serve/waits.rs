//! Runs that wait for events and callbacks, over kills.

use std::path::Path;

use super::support::{Daemon, noticed, post, reader, send, try_send};
use crate::support::{end, flow, has, run, start, status_of, until};

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(folder.join(".flow")).expect("a project");
    std::fs::create_dir_all(folder.join("served")).expect("a folder");
    std::fs::write(folder.join(name), text).expect("a file");
}

fn emit(folder: &Path, arguments: &[&str]) {
    let (code, _, stderr) = run(folder, &[&["emit"], arguments].concat());
    assert_eq!(code, 0, "{stderr}");
}

/// Whether the newest run of a workflow waits for an event or a callback.
fn waits(folder: &Path, workflow: &str) -> bool {
    let (status, id) = status_of(folder, workflow);
    let (_, why, _) = run(folder, &["why", &id]);
    status == "waiting" && (why.contains("waits for event") || why.contains("a word from outside"))
}

#[track_caller]
fn succeeds(folder: &Path, workflow: &str, outputs: &str) {
    let succeeded = || status_of(folder, workflow).0 == "succeeded";
    until("it succeeds", succeeded);
    let (_, id) = status_of(folder, workflow);
    let (_, shown, _) = run(folder, &["show", &id, "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["outputs"].to_string(), outputs);
}

const HEARS: &str = "name: hears\nsteps:\n  begin: { value: 1 }\n  pause: { trigger: time.after, with: { duration: PAUSE }, needs: begin }\n  heard: { trigger: flow.event, with: { event: report.read }, needs: pause, after: begin, where: result.ok, timeout: 1h }\noutputs: { n: '{{ steps.heard.n }}' }\n";

#[test]
fn w4_a_step_hears_of_an_event_also_of_one_that_came_before_it_listened() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "a.yml", &HEARS.replace("PAUSE", "1ms"));
    emit(folder, &["report.read", "ok=true", "n=0"]);
    let child = start(folder, &["run", "a.yml"]);
    until("it waits", || waits(folder, "hears"));
    emit(folder, &["report.other", "ok=true", "n=1"]);
    emit(folder, &["report.read", "ok=false", "n=2"]);
    emit(folder, &["report.read", "ok=true", "n=3"]);
    let (code, stdout, stderr) = end(child);
    assert_eq!((code, &*stdout), (0, "n: 3\n"), "{stderr}");
    // From the history: it came while the run was at something else.
    write(folder, "a.yml", &HEARS.replace("PAUSE", "1500ms"));
    let child = start(folder, &["run", "a.yml"]);
    until("it pauses", || status_of(folder, "hears").0 == "waiting");
    emit(folder, &["report.read", "ok=true", "n=4"]);
    let (code, stdout, stderr) = end(child);
    assert_eq!((code, &*stdout), (0, "n: 4\n"), "{stderr}");
}

#[test]
fn w5_runs_of_a_daemon_that_was_killed_hear_of_what_came_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "a.yml", &HEARS.replace("PAUSE", "1ms"));
    let daemon = Daemon::start(folder, &["served"], &[]);
    let child = start(folder, &["run", "a.yml"]);
    until("it waits", || waits(folder, "hears"));
    daemon.kill();
    end(child);
    emit(folder, &["report.read", "ok=false", "n=1"]);
    // A daemon that finds nothing for it leaves it, and hears for it.
    let daemon = Daemon::start(folder, &["served"], &[]);
    assert!(waits(folder, "hears"));
    daemon.kill();
    emit(folder, &["report.read", "ok=true", "n=2"]);
    let daemon = Daemon::start(folder, &["served"], &[]);
    succeeds(folder, "hears", "{\"n\":2}");
    drop(daemon);
    // Nobody drives it, and nothing is there yet: it is taken up when the event comes.
    let child = start(folder, &["run", "a.yml"]);
    until("it waits", || waits(folder, "hears"));
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid])
        .status();
    assert!(killed.expect("kill is there").success());
    end(child);
    let daemon = Daemon::start(folder, &["served"], &[]);
    emit(folder, &["report.read", "ok=true", "n=3"]);
    succeeds(folder, "hears", "{\"n\":3}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_event_that_cannot_be_judged_is_passed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let text = "name: judges\nsteps:\n  heard: { trigger: flow.event, with: { event: answer }, where: result.n > 3, timeout: 1m }\noutputs: { n: '{{ steps.heard.n }}' }\n";
    write(folder, "judges.yml", text);
    let child = start(folder, &["run", "judges.yml"]);
    until("it waits", || waits(folder, "judges"));
    let (_, id) = status_of(folder, "judges");
    emit(folder, &["answer", "n=foo"]);
    until("it says why", || {
        let (_, why, _) = run(folder, &["why", &id]);
        why.contains("was passed over: [template.type]")
    });
    let (_, logs, _) = run(folder, &["logs", &id]);
    assert!(logs.contains("passed over"), "{logs}");
    emit(folder, &["answer", "n=4"]);
    let (code, stdout, stderr) = end(child);
    assert_eq!((code, &*stdout), (0, "n: 4\n"), "{stderr}");
}

#[test]
fn runs_speak_with_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let asks = "name: asks\nsteps:\n  ask: { action: flow.emit, with: { event: question, data: { n: 20 } } }\n  answer: { trigger: flow.event, with: { event: answer }, needs: ask, timeout: 1m }\noutputs: { n: '{{ steps.answer.n }}' }\n";
    let answers = "name: answers\non: { event: question }\nsteps:\n  say: { action: flow.emit, with: { event: answer, data: { n: '{{ trigger.n + 1 }}' } } }\n";
    write(folder, "asks.yml", asks);
    write(folder, "served/answers.yml", answers);
    let daemon = Daemon::start(folder, &["served"], &[]);
    let (code, stdout, stderr) = run(folder, &["run", "asks.yml"]);
    assert_eq!((code, &*stdout), (0, "n: 21\n"), "{stderr}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_approval_of_a_run_that_the_daemon_drives() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let ask = "name: ask\non: { event: please }\nsteps:\n  ask: { trigger: flow.approval, with: { message: Go? }, timeout: 1h }\n  then: { trigger: time.after, with: { duration: 2s }, needs: ask }\noutputs: { choice: '{{ steps.ask.choice }}' }\n";
    write(folder, "served/ask.yml", ask);
    let daemon = Daemon::start(folder, &["served"], &[]);
    emit(folder, &["please"]);
    let id = || {
        let (_, found, _) = run(folder, &["approvals", "--json"]);
        let found: serde_json::Value = serde_json::from_str(&found).expect("JSON");
        found[0]["run"].as_str().map(str::to_owned)
    };
    until("it waits", || id().is_some());
    daemon.kill();
    let daemon = Daemon::start(folder, &["served"], &[]);
    let (code, _, stderr) = run(
        folder,
        &["approve", &id().unwrap_or_default(), "ask", "reject"],
    );
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stderr.contains("is decided: reject"),
        "it does not wait for the end: {stderr}"
    );
    succeeds(folder, "ask", "{\"choice\":\"reject\"}");
    assert_eq!(daemon.stop(), 0);
}

const CALLED: &str = "name: called\nsteps:\n  tell: { action: file.write, with: { path: url, content: \"{{ run.callback_url('wait') }}\" } }\n  pause: { trigger: time.after, with: { duration: PAUSE }, needs: tell }\n  wait: { trigger: http.callback, needs: pause, timeout: 1h }\noutputs: { body: '{{ steps.wait.body }}' }\n";

/// The path of the address that a run has told.
fn told(folder: &Path) -> String {
    until("it tells", || has(folder, "url"));
    let mut url = String::new();
    until("it is written", || {
        url = std::fs::read_to_string(folder.join("url")).unwrap_or_default();
        !url.is_empty()
    });
    std::fs::remove_file(folder.join("url")).expect("it is there");
    let path = url.split_once("/callbacks/").expect("an address").1;
    format!("/callbacks/{path}")
}

#[test]
fn w6_a_step_is_called_back_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "a.yml", &CALLED.replace("PAUSE", "1ms"));
    let (code, _, stderr) = run(folder, &["run", "a.yml"]);
    assert_eq!(code, 3);
    assert!(stderr.contains("error[run.callbacks]"), "{stderr}");
    let daemon = Daemon::start(folder, &["served"], &[]);
    let address = daemon.address();
    let child = start(folder, &["run", "a.yml"]);
    let path = told(folder);
    let wrong = path.replace("/wait", "/tell");
    let other = if &path[60..61] == "0" { '1' } else { '0' };
    let guessed = format!("{}{other}{}", &path[..60], &path[61..]);
    for wrong in [&wrong, &guessed, "/callbacks/a/b/wait"] {
        let (status, body) = send(&address, &post(&address, wrong, &[], "{}"));
        assert_eq!(status, 404, "{wrong}: {body}");
        assert!(body.contains("api.not_found"), "{body}");
    }
    let large = "1".repeat((1 << 20) + 1);
    assert_eq!(send(&address, &post(&address, &path, &[], &large)).0, 413);
    assert_eq!(send(&address, &post(&address, &path, &[], "{")).0, 400);
    let first = send(&address, &post(&address, &path, &[], "{\"n\":1}"));
    assert_eq!(first.0, 200, "{}", first.1);
    let again = send(&address, &post(&address, &path, &[], "{\"n\":2}"));
    assert_eq!(again, first, "the same answer, and nothing changes");
    let (code, stdout, stderr) = end(child);
    assert_eq!((code, &*stdout), (0, "body:\n  n: 1\n"), "{stderr}");
    let late = send(&address, &post(&address, &path, &[], "{\"n\":3}"));
    assert_eq!(late, first);
    // Without a daemon nobody goes on with such a run: its next step may need an address.
    let child = start(folder, &["run", "a.yml"]);
    told(folder);
    daemon.kill();
    end(child);
    let (code, _, stderr) = run(folder, &["resume"]);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("error[run.callbacks]"), "{stderr}");
    assert_eq!(
        run(folder, &["cancel", &status_of(folder, "called").1]).0,
        0
    );
}

#[test]
fn a_callback_may_come_before_the_step_waits_and_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "a.yml", &CALLED.replace("PAUSE", "1s"));
    for (point, status) in [
        ("store.call_back.before", None),
        ("store.call_back.after", Some(200)),
    ] {
        let faults = format!("{point}=abort");
        let daemon = Daemon::start(folder, &["served"], &[("FLOW_FAULTS", &faults)]);
        let mut child = start(folder, &["run", "a.yml"]);
        let path = told(folder);
        let address = daemon.address();
        // It dies before it can answer.
        assert!(try_send(&address, &post(&address, &path, &[], "7")).is_none());
        let _ = child.wait();
        drop(daemon);
        let daemon = Daemon::start(folder, &["served"], &[]);
        let address = daemon.address();
        if status.is_none() {
            let (_, id) = status_of(folder, "called");
            let kept = reader(folder).callback(&id, "wait").expect("readable");
            assert_eq!(kept, None);
            assert_eq!(send(&address, &post(&address, &path, &[], "8")).0, 200);
        }
        let expected = if status.is_some() {
            "{\"body\":7}"
        } else {
            "{\"body\":8}"
        };
        succeeds(folder, "called", expected);
        assert_eq!(daemon.stop(), 0);
        // The kill may have come before the end of the step that tells was on disk: then it told again.
        let _ = std::fs::remove_file(folder.join("url"));
    }
}

#[test]
fn a_step_whose_time_is_up_is_not_called_back_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let text = CALLED.replace("PAUSE", "1ms").replace("1h", "200ms");
    write(folder, "a.yml", &text);
    let daemon = Daemon::start(
        folder,
        &["served", "--public", "https://flow.example.com/"],
        &[],
    );
    let address = daemon.address();
    let mut command = flow(folder);
    let (code, _, _) =
        crate::support::texts(&command.args(["run", "a.yml"]).output().expect("it starts"));
    assert_eq!(code, 4);
    let url = std::fs::read_to_string(folder.join("url")).expect("an address");
    assert!(
        url.starts_with("https://flow.example.com/callbacks/"),
        "{url}"
    );
    let path = told(folder);
    assert_eq!(send(&address, &post(&address, &path, &[], "1")).0, 404);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn events_are_heard_in_virtual_time_as_in_real_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let hears = "name: a\nsteps:\n  ask: { workflow: ./b.yml, detach: true }\n  heard: { trigger: flow.event, with: { event: done }, after: ask, where: result.n > 1, timeout: 1m }\noutputs: { n: '{{ steps.heard.n }}' }\n";
    let says = "name: b\nsteps:\n  one: { action: flow.emit, with: { event: done, data: { n: 1 } } }\n  two: { action: flow.emit, with: { event: done, data: { n: 2 } }, needs: one }\n";
    write(folder, "a.yml", hears);
    write(folder, "b.yml", says);
    write(
        folder,
        "a.test.yml",
        "cases: { c: { expect: { outputs: { n: 2 } } } }\n",
    );
    let (code, stdout, stderr) = run(folder, &["test", "a.test.yml"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let (code, stdout, stderr) = run(folder, &["run", "a.yml"]);
    assert_eq!((code, &*stdout), (0, "n: 2\n"), "{stderr}");
}

#[test]
fn runs_that_wait_for_people_keep_no_others_from_starting() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let ask = "name: ask\non: { please: { event: please }, often: { every: 1s } }\nsteps:\n  ask: { trigger: flow.approval, with: { message: Go? }, timeout: 1h }\n";
    write(folder, "served/ask.yml", ask);
    let daemon = Daemon::start(folder, &["served", "--runs", "1"], &[]);
    emit(folder, &["please"]);
    emit(folder, &["please"]);
    let waiting = |trigger: &str| {
        let started = noticed(folder, "ask", trigger).into_iter();
        let rows = reader(folder).approvals().expect("readable");
        let waits = |run: &String| rows.iter().any(|(of, _)| of == run);
        let waiting = started.filter_map(|seen| seen.run).filter(waits);
        waiting.count()
    };
    until("both wait", || waiting("please") == 2);
    until("times go on", || waiting("often") >= 2);
    assert!(
        daemon.said("waits for a decision: Go?; `flow approve "),
        "{:?}",
        daemon.lines()
    );
    let (_, found, _) = run(folder, &["approvals", "--json"]);
    let found: Vec<serde_json::Value> = serde_json::from_str(&found).expect("JSON");
    let id = found[0]["run"].as_str().unwrap_or_default();
    let (code, _, stderr) = run(folder, &["approve", id]);
    assert_eq!(code, 0, "{stderr}");
    until("it ends", || {
        reader(folder).find(id).expect("readable")[0].has_ended()
    });
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_step_hears_of_a_message_that_another_run_has_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let hears = "name: a\nsteps:\n  ask: { workflow: ./b.yml, detach: true }\n  heard: { trigger: claude.messages.created, after: ask, timeout: 1m }\noutputs: { role: '{{ steps.heard.role }}' }\n";
    let sends = "name: b\nsteps:\n  say: { action: claude.messages.create, with: { model: claude-haiku-5-5, max_tokens: 9, messages: [{ role: user, content: Hi }] } }\n";
    write(folder, "a.yml", hears);
    write(folder, "b.yml", sends);
    let (code, stdout, stderr) = run(folder, &["run", "a.yml", "--sandbox"]);
    assert_eq!((code, &*stdout), (0, "role: assistant\n"), "{stderr}");
}

#[test]
fn each_item_is_called_back_at_an_address_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let text = "name: items\nsteps:\n  each:\n    for_each: \"['a', 'b']\"\n    steps:\n      tell: { action: file.write, with: { path: \"url-{{ item }}\", content: \"{{ run.callback_url('answer') }}\" } }\n      answer: { trigger: http.callback, needs: tell, timeout: 1h }\n    outputs: { said: \"{{ item }} {{ steps.answer.body }}\" }\noutputs: { said: \"{{ steps.each.values | map(attribute='said') }}\" }\n";
    write(folder, "a.yml", text);
    let daemon = Daemon::start(folder, &["served"], &[]);
    let child = start(folder, &["run", "a.yml"]);
    for (item, body) in [("b", "2"), ("a", "1")] {
        let name = format!("url-{item}");
        let mut url = String::new();
        until("it tells", || {
            url = std::fs::read_to_string(folder.join(&name)).unwrap_or_default();
            !url.is_empty()
        });
        let path = url.split_once("/callbacks/").expect("an address").1;
        let path = format!("/callbacks/{path}");
        let address = daemon.address();
        let (status, said) = send(&address, &post(&address, &path, &[], body));
        assert_eq!(status, 200, "{path}: {said}");
    }
    let (code, stdout, stderr) = end(child);
    assert_eq!((code, &*stdout), (0, "said:\n- a 1\n- b 2\n"), "{stderr}");
    assert_eq!(daemon.stop(), 0);
}

/// How many runs the daemon drives that have left its memory.
fn asleep(folder: &Path, address: &str) -> String {
    let token = std::fs::read_to_string(folder.join(".flow/admin.token")).expect("a token");
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        token.trim()
    );
    let (_, text) = send(address, request.as_bytes());
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("flow_runs_asleep "));
    line.unwrap_or_default().to_owned()
}

const SLEEPS: &str = "name: sleeps\non: { event: begin }\nsteps:\n  ask: { trigger: flow.approval, with: { message: Go? }, timeout: 1h }\n  heard: { trigger: flow.event, with: { event: report.read }, timeout: 1h }\noutputs: { n: '{{ steps.heard.n }}', choice: '{{ steps.ask.choice }}' }\n";

#[test]
fn runs_that_only_wait_leave_the_memory_and_miss_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, "served/sleeps.yml", SLEEPS);
    write(folder, "other.yml", &SLEEPS.replace("sleeps", "other"));
    let daemon = Daemon::start(folder, &["served"], &[]);
    let address = daemon.address();
    emit(folder, &["begin"]);
    // Somebody follows this one.
    let child = start(folder, &["run", "other.yml"]);
    until("both sleep", || asleep(folder, &address) == "2");
    emit(folder, &["report.read", "n=7"]);
    until("both have heard", || asleep(folder, &address) == "0");
    for workflow in ["sleeps", "other"] {
        let (_, id) = status_of(folder, workflow);
        let (code, _, stderr) = run(folder, &["approve", &id, "ask", "approve"]);
        assert_eq!(code, 0, "{stderr}");
        succeeds(folder, workflow, "{\"n\":7,\"choice\":\"approve\"}");
    }
    let (code, stdout, stderr) = end(child);
    assert_eq!((code, &*stdout), (0, "n: 7\nchoice: approve\n"), "{stderr}");
    // A decision and a cancel wake one, too; a stop and the next start leave one.
    for _ in 0..3 {
        emit(folder, &["begin"]);
    }
    until("all sleep", || asleep(folder, &address) == "3");
    let (_, listed, _) = run(folder, &["runs", "--status", "waiting", "--json"]);
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("JSON");
    let ids: Vec<&str> = listed
        .iter()
        .filter_map(|run| run["run"].as_str())
        .collect();
    assert_eq!(run(folder, &["approve", ids[0], "ask", "approve"]).0, 0);
    assert_eq!(run(folder, &["cancel", ids[1]]).0, 0);
    until("two are awake", || asleep(folder, &address) == "1");
    assert_eq!(daemon.stop(), 0);
    let daemon = Daemon::start(folder, &["served"], &[]);
    emit(folder, &["report.read", "n=8"]);
    let shown = |id: &str| run(folder, &["show", id, "--json"]).1;
    until("it goes on", || {
        shown(ids[0]).contains("\"status\": \"succeeded\"")
    });
    assert!(shown(ids[1]).contains("\"status\": \"cancelled\""));
    assert_eq!(run(folder, &["approve", ids[2], "ask", "approve"]).0, 0);
    until("it ends", || {
        shown(ids[2]).contains("\"status\": \"succeeded\"")
    });
    assert_eq!(daemon.stop(), 0);
}

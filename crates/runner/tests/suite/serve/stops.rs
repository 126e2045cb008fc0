//! What was taken is done, whatever becomes of files and of the daemon.

use std::path::Path;
use std::time::{Duration, Instant};

use super::support::{Daemon, noticed, post, send, try_send};
use crate::support::{run, status_of, until};

fn write(folder: &Path, text: &str) {
    std::fs::write(folder.join("slow.yml"), text).expect("a file");
}

fn slow(seconds: u32, more: &str) -> String {
    format!(
        "name: slow\non: {{ webhook: slow, verify: none{more} }}\nsteps:\n  a: {{ run: 'sleep {seconds}' }}\n"
    )
}

fn deliver(address: &str) -> (u16, String) {
    send(address, &post(address, "/webhooks/slow", &[], "{}"))
}

fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    try_send(address, request.as_bytes())
}

fn states(folder: &Path) -> Vec<String> {
    let seen = noticed(folder, "slow", "main").into_iter();
    seen.map(|seen| seen.state).collect()
}

#[test]
fn what_is_queued_outlives_a_file_that_is_half_written_or_gone_for_a_while() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, &slow(2, ""));
    let daemon = Daemon::start(folder, &["--runs", "1"], &[]);
    for _ in 0..3 {
        assert_eq!(deliver(&daemon.address()).0, 202);
    }
    write(folder, "");
    until("it is noticed", || {
        daemon.said("its last good version is served")
    });
    // It is served as it was.
    assert_eq!(deliver(&daemon.address()).0, 202);
    std::fs::remove_file(folder.join("slow.yml")).expect("removed");
    until("it is gone", || daemon.said("is not served any more"));
    assert_eq!(deliver(&daemon.address()).0, 404);
    until("what goes has ended", || {
        status_of(folder, "slow").0 == "succeeded"
    });
    let queued = "queued".to_owned();
    assert!(states(folder).contains(&queued), "{:?}", states(folder));
    write(folder, &slow(0, ""));
    until("all were started", || {
        states(folder).iter().all(|state| state == "started")
    });
    assert_eq!(states(folder).len(), 4);
}

#[test]
fn a_command_that_goes_on_does_not_keep_the_daemon() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, &slow(300, ""));
    for twice in [false, true] {
        let grace = if twice { "120" } else { "1" };
        let daemon = Daemon::start(folder, &["--grace", grace], &[]);
        assert_eq!(deliver(&daemon.address()).0, 202);
        until("it goes", || {
            let (_, shown, _) = run(folder, &["show", &status_of(folder, "slow").1]);
            shown.contains("running")
        });
        let begun = Instant::now();
        daemon.tell_to_stop();
        if twice {
            until("it stops", || daemon.said("stops: nothing new starts"));
            daemon.tell_to_stop();
        }
        assert_eq!(daemon.end(), 0);
        assert!(begun.elapsed() < Duration::from_secs(30));
        // Nobody knows whether its command was done.
        let (_, id) = status_of(folder, "slow");
        let (code, _, stderr) = run(folder, &["resume", &id]);
        assert_eq!(code, 6, "{stderr}");
        let (code, _, stderr) = run(folder, &["cancel", &id]);
        assert_eq!(code, 0, "{stderr}");
    }
}

#[test]
fn whoever_comes_while_it_stops_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    write(folder, &slow(4, ", respond: { wait: 30s }"));
    let daemon = Daemon::start(folder, &[], &[]);
    let address = daemon.address();
    let waiting = {
        let address = address.clone();
        std::thread::spawn(move || deliver(&address))
    };
    until("it goes", || states(folder) == ["started"]);
    daemon.tell_to_stop();
    until("it stops", || daemon.said("stops: nothing new starts"));
    let (status, answer) = deliver(&address);
    assert_eq!(status, 503, "{answer}");
    assert!(answer.contains("serve.stopping"), "{answer}");
    assert_eq!(get(&address, "/healthz").expect("an answer").0, 200);
    assert_eq!(get(&address, "/readyz").expect("an answer").0, 503);
    let (status, answer) = waiting.join().expect("no panic");
    assert_eq!(status, 202, "{answer}");
    assert_eq!(daemon.end(), 0);
    assert_eq!(status_of(folder, "slow").0, "succeeded");
}

#[test]
fn a_run_holds_its_place_over_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let text = "name: slow\non: { webhook: slow, verify: none }\nconcurrency: { group: g, max: 1 }\nsteps:\n  a: { trigger: flow.event, with: { event: go }, timeout: 1h }\n";
    write(folder, text);
    let waiting = || {
        let (_, listed, _) = run(folder, &["runs", "--json"]);
        let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("JSON");
        let waits = listed.iter().map(|run| run["waits_for"].as_str());
        let mut waits: Vec<String> = waits.flatten().map(str::to_owned).collect();
        waits.sort();
        waits
    };
    let (place, event) = ("a place in group `g`", "event `go`, step `a`");
    let daemon = Daemon::start(folder, &[], &[]);
    for _ in 0..2 {
        assert_eq!(deliver(&daemon.address()).0, 202);
    }
    until("one waits for the other", || waiting() == [place, event]);
    daemon.kill();
    // A look that found nothing and who stands before whom are not in the journal, and need not be.
    let (code, _, stderr) = run(folder, &["doctor", "--check"]);
    assert_eq!(code, 0, "{stderr}");
    let daemon = Daemon::start(folder, &[], &[]);
    assert_eq!(deliver(&daemon.address()).0, 202);
    until("both wait", || waiting() == [place, place, event]);
    for left in [2, 1, 0] {
        assert_eq!(run(folder, &["emit", "go"]).0, 0);
        until("the next one goes", || {
            let waits = waiting();
            waits.len() == left && waits.last().is_none_or(|last| last == event)
        });
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_store_that_a_killed_process_holds_for_a_moment_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &slow(0, ""));
    std::fs::create_dir_all(folder.path().join(".flow")).expect("a project");
    let lock = std::fs::File::create(folder.path().join(".flow/lock")).expect("a lock");
    lock.lock().expect("it is taken");
    let lets_go = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        drop(lock);
    });
    let daemon = Daemon::start(folder.path(), &[], &[]);
    lets_go.join().expect("it let go");
    // One that goes on is not.
    let began = Instant::now();
    let (code, _, stderr) = run(folder.path(), &["serve", "--port", "0"]);
    assert_eq!(code, 7, "{stderr}");
    assert!(stderr.contains("store.locked"), "{stderr}");
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(daemon.stop(), 0);
}

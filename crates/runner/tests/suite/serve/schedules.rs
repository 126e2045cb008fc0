//! Times that are due: each a row of its own, over kills, changes of the file and looks at a service.

use std::collections::BTreeSet;
use std::time::Duration;

use flow_engine::journal::Event;
use flow_engine::value::Value;

use super::support::{Daemon, noticed, post, reader, send};
use crate::support::until;

const EACH_SECOND: &str = "name: tick\non: { every: 1s, misfire: { all: 100 } }\nconcurrency: { group: all, max: 4 }\nsteps:\n  a: { value: \"{{ run.due }}\" }\n";

#[test]
fn each_second_has_one_run_however_often_the_daemon_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("tick.yml"), EACH_SECOND).expect("a workflow");
    // Each end within some milliseconds of a due time, before and after it.
    for round in 0..50 {
        let daemon = Daemon::start(folder.path(), &[], &[]);
        let past = jiff::Timestamp::now().as_millisecond().rem_euclid(1000);
        let until_due = 1000 - u64::try_from(past).expect("below a second");
        let offset = round * 3 % 50;
        std::thread::sleep(Duration::from_millis(
            (until_due + offset).saturating_sub(15),
        ));
        daemon.kill();
    }
    let daemon = Daemon::start(folder.path(), &[], &[]);
    let before = noticed(folder.path(), "tick", "main").len();
    until("two more were due", || {
        noticed(folder.path(), "tick", "main").len() >= before + 2
    });
    assert_eq!(daemon.stop(), 0);
    let seen = noticed(folder.path(), "tick", "main");
    let mut due: Vec<i64> = seen
        .iter()
        .map(|seen| seen.due.expect("a time").0)
        .collect();
    due.sort_unstable();
    let steps: BTreeSet<i64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(
        steps,
        BTreeSet::from([1000]),
        "none is missing, none is twice: {due:?}"
    );
    let reader = reader(folder.path());
    for seen in seen.iter().filter(|seen| seen.state == "started") {
        let run = seen.run.as_deref().expect("a run");
        assert_eq!(reader.find(run).expect("readable").len(), 1, "{seen:?}");
        let due = seen.due.expect("a time").to_string();
        let journal = reader.journal(run).expect("readable");
        let is_due = journal.iter().any(|(_, event)| match event {
            Event::StepSucceeded(step) => step.value == Value::from(due.as_str()),
            _ => false,
        });
        assert!(is_due, "{seen:?}: {journal:?}");
    }
    let left = seen.iter().filter(|seen| seen.state != "started").count();
    assert!(left <= 1, "what was queued was started: {seen:?}");
}

#[test]
fn the_last_good_version_is_served_until_the_next_good_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tick.yml");
    let text = |says: &str| {
        format!(
            "name: tick\non: {{ every: 1s }}\nsteps:\n  a: {{ value: {says} }}\noutputs: {{ said: \"{{{{ steps.a }}}}\" }}\n"
        )
    };
    std::fs::write(&file, text("old")).expect("a workflow");
    let daemon = Daemon::start(folder.path(), &[], &[]);
    let runs = || noticed(folder.path(), "tick", "main").len();
    until("it has begun", || runs() > 0);
    std::fs::write(&file, "name: tick\non: { every: 1s }\nsteps: [").expect("half a workflow");
    until("it is said", || daemon.said("[yaml.unclosed]"));
    assert!(
        daemon.said("its last good version is served"),
        "{:?}",
        daemon.lines()
    );
    let before = runs();
    until("the old one goes on", || runs() > before + 1);
    std::fs::write(&file, text("new")).expect("a whole workflow");
    until("it has changed", || daemon.said("has changed"));
    let before = runs();
    until("the new one goes on", || runs() > before + 1);
    std::fs::remove_file(&file).expect("removed");
    until("it is gone", || daemon.said("is not served any more"));
    assert_eq!(daemon.stop(), 0);
    let (_, logs, _) = crate::support::run(folder.path(), &["runs", "--json"]);
    let listed: Vec<serde_json::Value> = serde_json::from_str(&logs).expect("JSON");
    let newest = listed[0]["run"].as_str().expect("an id");
    let (_, shown, _) = crate::support::run(folder.path(), &["show", newest]);
    assert!(shown.contains("new"), "{shown}");
}

#[test]
fn one_run_of_a_schedule_goes_at_a_time_and_one_waits() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "name: slow\non: { every: 1s }\nsteps:\n  a: { run: sleep 4 }\n";
    std::fs::write(folder.path().join("slow.yml"), text).expect("a workflow");
    let daemon = Daemon::start(folder.path(), &["--grace", "1"], &[]);
    until("one was left out", || {
        let seen = noticed(folder.path(), "slow", "main");
        seen.iter().any(|seen| seen.state == "passed")
    });
    let seen = noticed(folder.path(), "slow", "main");
    let states: Vec<&str> = seen.iter().map(|seen| &*seen.state).take(3).collect();
    assert_eq!(states, ["started", "queued", "passed"]);
    let reason = seen[2].reason.as_deref().expect("a reason");
    assert_eq!(
        reason,
        "the run before it has not ended, and one waits already"
    );
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_ended_batch_starts_one_run_over_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "name: ended\non: { trigger: claude.message_batches.ended, every: 1s }\nsteps:\n  a: { value: \"{{ trigger.id }}\" }\noutputs: { id: \"{{ steps.a }}\" }\n";
    std::fs::write(folder.path().join("ended.yml"), text).expect("a workflow");
    let looked = || {
        let known = reader(folder.path())
            .trigger("ended", "main")
            .expect("readable");
        known.is_some_and(|known| known.position.is_some())
    };
    let mut made = BTreeSet::new();
    for round in 0..3 {
        let daemon = Daemon::start(folder.path(), &["--sandbox"], &[]);
        until("it knows what is there", looked);
        let sandbox = daemon.after("the sandbox is at http://");
        let body = r#"{"requests":[{"custom_id":"a","params":{"model":"claude-haiku-4-5","max_tokens":8,"messages":[{"role":"user","content":"Hi"}]}}]}"#;
        let headers = [("x-api-key", "any"), ("anthropic-version", "2023-06-01")];
        let (status, answer) = send(
            &sandbox,
            &post(&sandbox, "/v1/messages/batches", &headers, body),
        );
        assert_eq!(status, 200, "{answer}");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        made.insert(answer["id"].as_str().expect("an id").to_owned());
        if round == 1 {
            // It ends while nobody looks.
            daemon.kill();
            std::thread::sleep(Duration::from_secs(4));
            continue;
        }
        until("its run has started", || {
            let seen = noticed(folder.path(), "ended", "main");
            seen.iter().filter(|seen| seen.state == "started").count() >= made.len()
        });
        std::thread::sleep(Duration::from_millis(1500));
        daemon.kill();
    }
    let seen = noticed(folder.path(), "ended", "main");
    let ids: Vec<String> = seen
        .iter()
        .map(|seen| seen.key.split('@').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(ids.len(), 3, "{seen:?}");
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), made);
}

#[test]
fn a_thousand_schedules_due_in_one_second_are_recorded_and_started_each_once() {
    const COUNT: usize = 1000;
    let folder = tempfile::tempdir().expect("a folder");
    for at in 0..COUNT {
        let text = format!(
            "name: s{at}\non: {{ schedule: \"*/20 * * * * *\" }}\nsteps:\n  a: {{ value: 1 }}\n"
        );
        std::fs::write(folder.path().join(format!("s{at}.yml")), text).expect("a workflow");
    }
    let daemon = Daemon::start(folder.path(), &["--runs", "50"], &[]);
    let reader = reader(folder.path());
    let started = || {
        let states = (0..COUNT).map(|at| {
            let seen = reader.occurrences(&format!("s{at}"), "main", 10);
            seen.expect("readable").pop()
        });
        // The first of each: all of one time, unless the daemon came up right at one.
        let first: Vec<_> = states.flatten().collect();
        let times: BTreeSet<_> = first.iter().map(|seen| seen.due).collect();
        assert!(times.len() <= 2, "{times:?}");
        first.len() == COUNT && first.iter().all(|seen| seen.state == "started")
    };
    until("they are due", || {
        !noticed(folder.path(), "s0", "main").is_empty()
    });
    until("all have begun", started);
    assert_eq!(daemon.stop(), 0);
    for at in 0..COUNT {
        let seen = noticed(folder.path(), &format!("s{at}"), "main");
        let times: BTreeSet<_> = seen.iter().map(|seen| seen.due).collect();
        assert_eq!(times.len(), seen.len(), "none is twice: {seen:?}");
    }
}

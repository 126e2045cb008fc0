//! What commands start ends with them, wherever it went.

use std::fs;
use std::time::{Duration, Instant};

use flow_engine::value::Value;

use crate::support::Bench;

/// Waits for a file with pids.
async fn pids(bench: &Bench, file: &str, count: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let text = fs::read_to_string(bench.path(file)).unwrap_or_default();
        let pids: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if pids.len() == count && text.ends_with('\n') {
            return pids;
        }
        assert!(Instant::now() < until, "the processes did not start");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether there is such a process, be it a zombie.
fn is_there(pid: &str) -> bool {
    fs::metadata(format!("/proc/{pid}")).is_ok()
}

#[track_caller]
fn assert_gone(pids: &[String]) {
    let left: Vec<String> = pids
        .iter()
        .filter(|pid| is_there(pid))
        .map(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Runs a script, and stops it once it has written so many pids.
async fn stopped(script: &str, count: usize) -> (Vec<String>, Duration) {
    let bench = Bench::new();
    let arguments = Value::map([("script", Value::from(script))]);
    let call = Bench::call("shell.run", Value::Null, arguments);
    let running = bench.run(&call);
    let stop = async {
        let pids = pids(&bench, "pids", count).await;
        bench.context.cancel.cancel();
        (pids, Instant::now())
    };
    let (result, (pids, asked)) = tokio::join!(running, stop);
    assert_eq!(result.expect_err("it was stopped").code, "call.cancelled");
    (pids, asked.elapsed())
}

#[tokio::test]
async fn a_stopped_command_ends_with_all_it_started() {
    let (pids, took) = stopped("echo $$ >> pids; sleep 60 & echo $! >> pids; sleep 60", 2).await;
    assert_gone(&pids);
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[tokio::test]
async fn a_daemon_that_ignores_the_polite_signal_is_killed_after_the_grace() {
    let daemon = "trap '' TERM HUP INT; echo $$ >> pids; while :; do sleep 1; done";
    let (pids, took) = stopped(
        &format!("(setsid sh -c \"{}\" >/dev/null 2>&1 &); (setsid setsid sleep 60 &); echo $$ >> pids; sleep 60", daemon.replace('$', "\\$")),
        2,
    )
    .await;
    assert_gone(&pids);
    assert!(
        took > Duration::from_secs(9) && took < Duration::from_secs(16),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_command_may_use_its_grace() {
    let bench = Bench::new();
    let script =
        "trap 'sleep 1; echo tidy > out; exit 0' TERM; echo $$ > pids; while :; do sleep 0.1; done";
    let arguments = Value::map([("script", Value::from(script))]);
    let call = Bench::call("shell.run", Value::Null, arguments);
    let stop = async {
        pids(&bench, "pids", 1).await;
        bench.context.cancel.cancel();
    };
    let (result, ()) = tokio::join!(bench.run(&call), stop);
    assert_eq!(result.expect_err("it was stopped").code, "call.cancelled");
    assert_eq!(
        fs::read_to_string(bench.path("out")).expect("it was tidy"),
        "tidy\n"
    );
}

#[tokio::test]
async fn what_is_left_behind_ends_with_the_step() {
    let begun = Instant::now();
    for script in [
        // In the group, with the output in its hands.
        "sleep 60 & echo $! > pids",
        // A daemon, silent, and one with the output in its hands.
        "(setsid sh -c 'echo $$ > pids; exec sleep 60' >/dev/null 2>&1 &); while ! test -s pids; do sleep 0.01; done",
        "(setsid sh -c 'echo $$ > pids; exec sleep 60' &); while ! test -s pids; do sleep 0.01; done",
        // One that took the marker out of its environment.
        "(env -i setsid sh -c 'echo $$ > pids; exec sleep 60' >/dev/null 2>&1 &); while ! test -s pids; do sleep 0.01; done",
    ] {
        let bench = Bench::new();
        let arguments = Value::map([("script", Value::from(script))]);
        let call = Bench::call("shell.run", Value::Null, arguments);
        bench
            .run(&call)
            .await
            .unwrap_or_else(|failure| panic!("{failure:?}"));
        let pids = pids(&bench, "pids", 1).await;
        if script.contains("env -i") {
            // It ends with the last command of the process, and other tests run some.
            let until = Instant::now() + Duration::from_secs(40);
            while is_there(&pids[0]) && Instant::now() < until {
                bench
                    .run(&Bench::call(
                        "shell.run",
                        Value::Null,
                        Value::map([("script", Value::from("true"))]),
                    ))
                    .await
                    .expect("it runs");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        assert_gone(&pids);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(50),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn no_zombie_is_left() {
    let bench = Bench::new();
    let script = "for i in 1 2 3 4 5; do (setsid sh -c 'echo $$ >> pids' &); done; while test \"$(wc -l < pids)\" != 5; do sleep 0.01; done";
    let arguments = Value::map([("script", Value::from(script))]);
    bench
        .run(&Bench::call("shell.run", Value::Null, arguments))
        .await
        .expect("it runs");
    let pids = pids(&bench, "pids", 5).await;
    // One that ends in this moment is reaped with the next command.
    tokio::time::sleep(Duration::from_millis(50)).await;
    bench
        .perform("shell.run", "{}", r#"{"program":["true"]}"#)
        .await
        .expect("it runs");
    assert_gone(&pids);
}

#[tokio::test]
async fn a_call_that_is_dropped_ends_its_command() {
    let bench = Bench::new();
    let arguments = Value::map([("script", Value::from("echo $$ > pids; exec sleep 60"))]);
    let call = Bench::call("shell.run", Value::Null, arguments);
    let pids = tokio::select! {
        _ = bench.run(&call) => panic!("it sleeps"),
        pids = pids(&bench, "pids", 1) => pids,
    };
    let until = Instant::now() + Duration::from_secs(5);
    while is_there(&pids[0]) {
        assert!(Instant::now() < until, "it lives on");
        // Its end is seen by the runtime.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

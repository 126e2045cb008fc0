//! What is seen of a backfill, by whoever looks: while it goes, after a kill, when it has ended, when it is pruned.

use serde_json::Value as Json;

use super::{MARCH, follow, id, json, kill, newest, project, refused, stands, touch};
use crate::support::{end, flow, run};

#[test]
fn it_tells_the_truth_after_a_kill_and_is_gone_on_with_as_the_same() {
    let folder = project();
    let folder = folder.path();
    assert_eq!(newest(folder), Json::Null);
    touch(folder, "go", 1..=2);
    touch(folder, "bad", [2]);
    let follower = follow(folder, &[]);
    let found = stands(folder, ("running", 2, 1));
    let counts = ["times", "succeeded", "failed", "open", "met"].map(|key| found[key].as_u64());
    assert_eq!(counts, [5, 1, 1, 2, 0].map(Some));
    refused(folder, &MARCH, "backfill.followed");
    kill(follower);
    let found = newest(folder);
    assert_eq!(
        (&found["state"], &found["ended"]),
        (&"paused".into(), &2.into())
    );
    let id = id(&found);
    let (_, out, err) = run(folder, &["backfill", "list"]);
    assert!(
        out.contains("days/nightly") && out.contains("2026-03-01..2026-03-06"),
        "{out}"
    );
    assert!(
        out.contains("2 of 5") && out.trim_end().ends_with("paused"),
        "{out}"
    );
    let go_on = found["go_on"].as_str().expect("what to type");
    assert!(err.contains(go_on), "{err}");
    let (_, out, _) = run(folder, &["backfill", "show", &id[..6]]);
    assert!(out.contains("2026-03-02T02:00:00.000Z failed "), "{out}");
    // In the list of runs it stands for them.
    let (_, out, _) = run(folder, &["runs"]);
    assert_eq!(out.lines().count(), 2, "{out}");
    let row = [
        "backfill days/nightly",
        "paused",
        "2026-03-01..2026-03-06  2 of 5, 1 failed",
    ];
    assert!(row.iter().all(|part| out.contains(part)), "{out}");
    let runs = json(folder, &["runs"]);
    let of: Vec<&Json> = runs
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| &run["backfill"])
        .collect();
    assert_eq!(of, [&id; 3]);
    let (_, out, _) = run(folder, &["runs", "--backfill", &id]);
    assert_eq!(out.lines().count(), 4, "{out}");
    let (_, out, _) = run(folder, &["runs", "--status", "failed"]);
    assert!(
        out.lines().count() == 2 && out.contains(&format!("of backfill {id}")),
        "{out}"
    );
    // As it says itself how to.
    touch(folder, "go", 3..=5);
    let words: Vec<&str> = go_on.split(' ').skip(1).collect();
    let (code, out, err) = run(folder, &words);
    assert!(
        code == 4 && out == "5 times: 1 failed, 4 succeeded\n",
        "{out} {err}"
    );
    let found = stands(folder, ("ended", 5, 0));
    assert_eq!(
        (&found["backfill"], &found["go_on"]),
        (&id.into(), &Json::Null)
    );
    refused(
        folder,
        &[
            "backfill",
            "cancel",
            &found["backfill"].as_str().expect("an id")[..9],
        ],
        "backfill.ended",
    );
    // Other inputs are another; its times have their runs already.
    let (code, ..) = run(folder, &[&MARCH[..], &["--input", "who=me"]].concat());
    assert_eq!(code, 4);
    let other = stands(folder, ("ended", 5, 0));
    assert_ne!(other["backfill"], found["backfill"]);
    assert_eq!(other["inputs"]["who"], "me");
    let (_, out, _) = run(folder, &["runs"]);
    assert_eq!(out.lines().count(), 3, "{out}");
    let first = json(folder, &["runs", "-n", "1"])[0]["run"].clone();
    assert!(first.is_string());
    let after = other["backfill"].as_str().expect("an id");
    let (_, out, _) = run(folder, &["runs", "--after", after]);
    assert!(
        out.lines().count() == 2 && out.contains(found["backfill"].as_str().expect("an id")),
        "{out}"
    );
}

#[test]
fn it_is_pruned_with_its_last_run() {
    let folder = project();
    let folder = folder.path();
    touch(folder, "go", 1..=5);
    touch(folder, "bad", [4]);
    let (code, ..) = end(follow(folder, &["--at-most-parallel", "5"]));
    assert_eq!(code, 4);
    let prune = |more: &[&str]| {
        let all = ["runs", "prune", "--older-than", "0s"];
        let (code, _, err) = run(folder, &[&all[..], more].concat());
        assert_eq!(code, 0, "{err}");
    };
    prune(&["--status", "succeeded"]);
    let found = stands(folder, ("ended", 5, 0));
    assert_eq!(
        (&found["succeeded"], &found["failed"]),
        (&4.into(), &1.into())
    );
    // What was done is not done again, though its runs are gone.
    let (_, out, _) = run(folder, &MARCH);
    assert_eq!(out, "5 times: 1 failed, 4 succeeded\n");
    prune(&[]);
    assert_eq!(newest(folder), Json::Null);
    let left = std::fs::read_dir(folder.join(".flow/backfills")).map(Iterator::count);
    assert_eq!(left.expect("readable"), 0);
}

#[test]
fn wherever_it_is_killed_no_run_is_without_its_backfill() {
    const POINTS: [&str; 6] = [
        "blob.rename.before",
        "blob.rename.after",
        "store.begin.after",
        "store.commit.before",
        "store.commit.after",
        "driver.start.before",
    ];
    let mut killed = 0;
    for (point, nth) in POINTS
        .iter()
        .flat_map(|point| [1, 2, 5].map(|nth| (point, nth)))
    {
        let folder = project();
        let folder = folder.path();
        touch(folder, "go", 1..=5);
        let fault = format!("{point}=abort@{nth}");
        let status = flow(folder).args(MARCH).env("FLOW_FAULTS", &fault).output();
        killed += u32::from(status.expect("it starts").status.code().is_none());
        let known = json(folder, &["backfill", "list"]);
        let known: Vec<&Json> = known.as_array().expect("a list").iter().collect();
        let runs = json(folder, &["runs"]);
        for run in runs.as_array().expect("a list") {
            assert_eq!(run["backfill"], known[0]["backfill"], "{fault}");
        }
        // What a killed command did is not known: such a run waits for a person.
        let (_, _, err) = run(folder, &MARCH);
        let found = newest(folder);
        assert_eq!(found["open"], 0, "{fault}: {err}");
        let before = known.first().map(|first| &first["backfill"]);
        let same = before.is_none_or(|before| *before == found["backfill"]);
        let list = json(folder, &["backfill", "list"]);
        assert!(same && list.as_array().map(Vec::len) == Some(1), "{fault}");
    }
    assert!(killed >= 12, "{killed} of 18 were killed");
}

//! Cancels, and daemons that drive the runs.

use super::{MARCH, follow, id, json, kill, project, refused, stands, touch};
use crate::serve::Daemon;
use crate::support::{end, run};

#[test]
fn a_cancel_ends_its_runs_and_whoever_follows_it() {
    let folder = project();
    let folder = folder.path();
    let follower = follow(folder, &["--at-most-parallel", "2"]);
    let id = id(&stands(folder, ("running", 0, 2)));
    refused(folder, &["backfill", "cancel", "zz"], "backfill.unknown");
    let (code, _, err) = run(folder, &["backfill", "cancel", &id]);
    assert_eq!(code, 0, "{err}");
    let (code, out, err) = end(follower);
    assert!(
        code == 5 && err.contains("was cancelled"),
        "{code}: {out} {err}"
    );
    let found = stands(folder, ("cancelled", 2, 0));
    assert_eq!(
        (&found["open"], &found["cancelled"]),
        (&3.into(), &2.into())
    );
    // It stays so, and may be said again.
    refused(folder, &MARCH, "backfill.cancelled");
    assert_eq!(run(folder, &["backfill", "cancel", &id]).0, 0);
    stands(folder, ("cancelled", 2, 0));
}

#[test]
fn what_a_killed_follower_left_is_cancelled_too() {
    let folder = project();
    let folder = folder.path();
    let follower = follow(folder, &["--at-most-parallel", "2"]);
    let id = id(&stands(folder, ("running", 0, 2)));
    kill(follower);
    stands(folder, ("paused", 0, 2));
    let found = json(folder, &["backfill", "cancel", &id]);
    assert_eq!(
        (&found["state"], &found["cancelled"]),
        (&"cancelled".into(), &2.into())
    );
    stands(folder, ("cancelled", 2, 0));
}

#[test]
fn the_daemon_drives_what_others_follow() {
    let folder = project();
    let folder = folder.path();
    let daemon = Daemon::start(folder, &[], &[]);
    let follower = follow(folder, &[]);
    stands(folder, ("running", 0, 1));
    kill(follower);
    // Its run goes on, nobody starts the next.
    stands(folder, ("running", 0, 1));
    touch(folder, "go", [1]);
    stands(folder, ("paused", 1, 0));
    // A run that the daemon drives is waited for.
    let follower = follow(folder, &[]);
    stands(folder, ("running", 1, 1));
    kill(follower);
    let follower = follow(folder, &[]);
    touch(folder, "go", [2]);
    let id = id(&stands(folder, ("running", 2, 1)));
    let (code, _, err) = run(folder, &["backfill", "cancel", &id]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(end(follower).0, 5);
    stands(folder, ("cancelled", 3, 0));
    assert_eq!(daemon.stop(), 0);
}

/// As a kill leaves it that comes after the cancel is on disk, and before its runs were told.
#[test]
fn a_run_of_a_cancelled_backfill_ends_when_it_is_taken_up() {
    let folder = project();
    let folder = folder.path();
    let follower = follow(folder, &["--at-most-parallel", "2"]);
    let id = id(&stands(folder, ("running", 0, 2)));
    kill(follower);
    let database = rusqlite::Connection::open(folder.join(".flow/flow.db")).expect("a store");
    let cancelled = database.execute("UPDATE backfills SET cancelled_at = 1", []);
    assert_eq!(cancelled.expect("it can be changed"), 1);
    drop(database);
    stands(folder, ("cancelled", 0, 2));
    let runs = json(folder, &["runs", "--backfill", &id]);
    let one = runs[0]["run"].as_str().expect("an id");
    let (code, _, err) = run(folder, &["resume", one]);
    assert_eq!(code, 5, "{err}");
    stands(folder, ("cancelled", 1, 1));
    // The other is told when the cancel is typed again.
    assert_eq!(run(folder, &["backfill", "cancel", &id]).0, 0);
    stands(folder, ("cancelled", 2, 0));
}

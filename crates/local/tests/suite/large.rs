//! A start beside 100,000 runs that have not ended looks at those that have something to do.

use std::time::{Duration, Instant};

use flow_engine::time::Timestamp;
use flow_local::store::Store;

use crate::support::change;

#[test]
fn a_start_with_100_000_runs_takes_seconds() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Store::open(folder.path()).expect("a new store"));
    change(
        folder.path(),
        "BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
         INSERT INTO runs SELECT printf('run%06d', i), 'w', iif(i <= 10, 'running', 'waiting'), i, NULL, 'step `a`', 'x', 0, NULL FROM n;
         INSERT INTO waits SELECT run, iif(started_at > 99000, started_at, 1000000 + started_at), 0 FROM runs;
         INSERT INTO attempts_open SELECT run, 'a', 1 FROM runs WHERE status = 'running';
         INSERT INTO events SELECT run, 1, 2, 1, 'run_started', hex(zeroblob(300)), 0 FROM runs;
         COMMIT",
    );
    let begun = Instant::now();
    let _store = Store::open(folder.path()).expect("the same store");
    let reader = Store::reader(folder.path())
        .expect("readable")
        .expect("there");
    let now = Timestamp(100_000);
    let (mut due, mut after) = (Vec::new(), None);
    loop {
        let last = after
            .as_ref()
            .map(|(at, run): &(Timestamp, String)| (*at, run.as_str()));
        let page = reader.due(now, last, 300).expect("readable");
        let Some((at, row)) = page.last() else { break };
        after = Some((*at, row.run.clone()));
        due.extend(page);
    }
    let open = reader.with_open_attempts("", 100).expect("readable");
    let running = reader.running("", 100).expect("readable");
    let next = reader.next_due(now).expect("readable");
    let took = begun.elapsed();
    assert_eq!((due.len(), open.len(), running.len()), (1000, 10, 10));
    assert!(due.is_sorted_by_key(|(at, _)| *at));
    assert_eq!(next, Some(Timestamp(1_000_001)));
    assert_eq!(
        reader
            .with_open_attempts("run000007", 100)
            .expect("readable")
            .len(),
        3
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
    let begun = Instant::now();
    assert_eq!(reader.runs(20).expect("readable").len(), 20);
    assert_eq!(reader.find("run0999").expect("readable").len(), 20);
    assert!(
        begun.elapsed() < Duration::from_millis(200),
        "{:?}",
        begun.elapsed()
    );
}

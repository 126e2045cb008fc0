//! The log of events: numbers that never come twice, and a prune that keeps what somebody has yet to see.

use std::sync::mpsc::channel;

use flow_engine::time::Timestamp;
use flow_local::store::{
    Happened, Look, LookOutcome, NewEvent, Notice, Reader, Store, meaning_of_event,
};

fn event(name: &str, at: i64) -> NewEvent {
    NewEvent {
        at: Timestamp(at),
        name: name.to_owned(),
        data: "{}".to_owned(),
        key: None,
        cause: None,
    }
}

fn ids(reader: &Reader, names: &[&str]) -> Vec<i64> {
    let found = reader.events_after(names, 0, 100).expect("readable");
    found.iter().map(|logged| logged.id).collect()
}

fn saw(store: &Store, wanted: &str, position: i64) {
    let (sender, noted) = channel();
    store.notice(Notice {
        workflow: "w".to_owned(),
        trigger: wanted.to_owned(),
        occurrences: Vec::new(),
        look: Some(Look {
            at: Timestamp(9),
            meaning: meaning_of_event(wanted),
            outcome: LookOutcome::Saw {
                position: Some(position.to_string()),
                found: 0,
            },
        }),
        done: Box::new(move |result| {
            let _ = sender.send(result);
        }),
    });
    noted.recv().expect("the writer answers").expect("on disk");
}

#[test]
fn a_prune_keeps_what_a_trigger_has_yet_to_see_and_numbers_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let reader = Store::reader(folder.path())
        .expect("readable")
        .expect("there");
    assert_eq!(reader.last_event().expect("readable"), 0);
    for at in 1..=3 {
        store.emit(event("seen", at)).expect("on disk");
        store.emit(event("run.failed", at)).expect("on disk");
        store.emit(event("unheard", at)).expect("on disk");
    }
    assert_eq!(ids(&reader, &["seen", "unheard"]), [1, 3, 4, 6, 7, 9]);
    saw(&store, "seen", 1);
    saw(&store, "run.ended", 2);
    assert_eq!(store.prune_events(Timestamp(3)).expect("pruned"), 4);
    assert_eq!(ids(&reader, &["seen"]), [4, 7], "4 is not seen yet");
    assert_eq!(ids(&reader, &["run.failed"]), [5, 8]);
    assert_eq!(ids(&reader, &["unheard"]), [9]);
    saw(&store, "seen", 7);
    store.forget_position("w", "run.ended").expect("on disk");
    assert_eq!(store.prune_events(Timestamp(10)).expect("pruned"), 5);
    assert_eq!(reader.last_event().expect("readable"), 9);
    store.emit(event("seen", 4)).expect("on disk");
    assert_eq!(ids(&reader, &["seen"]), [10], "no number comes twice");
}

#[test]
fn who_listens_is_told_after_it_is_on_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let mut happened = store.happened();
    store.emit(event("report.ready", 1)).expect("on disk");
    let told = happened.try_recv().expect("told");
    assert_eq!(told, Happened::Event("report.ready".into()));
}

//! `poll:` over a service whose items come late, share a time, leave and come back, and stand on two pages; looks are lost
//! in between. Each item is found once, and what was there at the first look never.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_backend::conformance::workflow;
use flow_backend::virtual_world::memory::MemoryBlobs;
use flow_engine::catalog::{Look, News};
use flow_engine::run::Values;
use flow_engine::run::look::{self as looks, Sighted};
use flow_engine::run::poll::{ItemsLook, asked_from, in_batches, look_for_items};
use flow_engine::time::Timestamp;
use flow_engine::value::Value;
use flow_engine::workflow::trigger::Items;
use flow_engine::workflow::{Starts, Watch, Workflow};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;
/// The service's clock is behind ours.
const BEHIND: i64 = 7 * MINUTE;

fn polled(keys: &str) -> (Arc<Workflow>, Items) {
    let text = format!(
        "connections: {{ s: {{ connector: svc }} }}\non: {{ poll: s.list, every: 1m, {keys} }}\nsteps: {{ a: {{ value: 1 }} }}\n"
    );
    let workflow = workflow(&text);
    let Starts::Items(items) = &workflow.triggers["main"].starts else {
        panic!("a poll");
    };
    let items = Items::clone(items);
    (workflow, items)
}

/// What happens between two looks.
#[derive(Debug, Clone)]
enum Step {
    /// An item comes, whose time is so many seconds ago.
    Comes(i64),
    /// An item is not listed for a while.
    Leaves(usize),
    /// It is listed again.
    Returns(usize),
    /// A look, and whether what it saw is on disk.
    Looks {
        kept: bool,
        twice: bool,
        turned: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..8 * 60_i64).prop_map(Step::Comes),
        1 => Just(Step::Comes(0)),
        1 => (0..40_usize).prop_map(Step::Leaves),
        1 => (0..40_usize).prop_map(Step::Returns),
        4 => (any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(lost, twice, turned)| Step::Looks { kept: !lost, twice, turned }),
    ];
    prop::collection::vec(step, 1..80)
}

struct Service {
    /// Time of each item, and whether it is listed.
    items: Vec<(i64, bool)>,
}

impl Service {
    fn page(&self, since: Option<i64>, twice: bool, turned: bool) -> Value {
        let item = |(id, (at, _)): (usize, &(i64, bool))| {
            Value::map([
                ("id", Value::from(format!("i{id}"))),
                ("at", Value::from(*at)),
            ])
        };
        let listed = self.items.iter().enumerate();
        let listed = listed
            .filter(|(_, (at, is_listed))| *is_listed && since.is_none_or(|since| *at >= since));
        let mut page: Vec<Value> = listed.map(item).collect();
        if twice {
            page.extend(page.clone().into_iter().take(3));
        }
        if turned {
            page.reverse();
        }
        Value::list(page)
    }
}

fn each_is_found_once(keys: &str, steps: &[Step]) -> Result<(), TestCaseError> {
    let (workflow, items) = polled(keys);
    let values = Values::default();
    let mut service = Service {
        items: vec![(-MINUTE, true), (-MINUTE, true), (-2 * MINUTE, true)],
    };
    let first = service.items.len();
    let mut state: Option<Value> = None;
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut now = 1_000 * MINUTE;
    let mut known = first;
    let end = [0, 1].map(|_| Step::Looks {
        kept: true,
        twice: false,
        turned: false,
    });
    let all = (0..service.items.len() + 80).map(Step::Returns);
    let begin = [Step::Looks {
        kept: true,
        twice: false,
        turned: false,
    }];
    let mut past: Vec<Step> = begin.into_iter().chain(steps.iter().cloned()).collect();
    past.extend(all);
    past.extend(end);
    for step in past {
        match step {
            Step::Comes(ago) => {
                service.items.push((now - BEHIND - ago * 1000, true));
                known += 1;
            }
            Step::Leaves(at) => {
                if let Some(item) = service.items.get_mut(at) {
                    item.1 = false;
                }
            }
            Step::Returns(at) => {
                if let Some(item) = service.items.get_mut(at) {
                    item.1 = true;
                }
            }
            Step::Looks {
                kept,
                twice,
                turned,
            } => {
                now += MINUTE;
                let since = asked_from(&items, state.as_ref(), Timestamp(now));
                let page = service.page(since.and_then(|since| since.as_i64()), twice, turned);
                let look = ItemsLook {
                    polled: items.clone(),
                    condition: None,
                    state: state.clone(),
                    now: Timestamp(now),
                };
                let seen =
                    look_for_items(&workflow, &look, &page, &values, &MemoryBlobs::default())
                        .expect("it looks");
                if kept {
                    for Sighted { key, .. } in seen.found {
                        *found.entry(key).or_default() += 1;
                    }
                    state = seen.state;
                }
            }
        }
    }
    // Without a cursor everything that is listed is seen at last; with one, what did not leave.
    prop_assert!(found.values().all(|times| *times == 1), "{found:?}");
    for id in 0..first {
        prop_assert!(
            !found.contains_key(&format!("i{id}")),
            "i{id} was there before"
        );
    }
    if items.cursor.is_none() {
        prop_assert_eq!(found.len(), known - first);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn each_item_is_found_once(steps in steps()) {
        each_is_found_once("key: item.id", &steps)?;
    }

    #[test]
    fn each_item_is_found_once_with_a_cursor(steps in steps()) {
        each_is_found_once("cursor: { param: since, from: item.at }", &steps)?;
    }

    #[test]
    fn what_comes_late_is_found_with_a_cursor(steps in steps()) {
        // Nothing leaves and no look is lost: then all of it is found.
        let steps: Vec<Step> = steps
            .into_iter()
            .filter(|step| !matches!(step, Step::Leaves(_)))
            .map(|step| match step {
                Step::Looks { twice, turned, .. } => Step::Looks { kept: true, twice, turned },
                step => step,
            })
            .collect();
        let came = steps.iter().filter(|step| matches!(step, Step::Comes(_))).count();
        let found = found_of("cursor: { param: since, from: item.at }", &steps);
        prop_assert_eq!(found.len(), came);
    }
}

/// The keys of what plain looks find.
fn found_of(keys: &str, steps: &[Step]) -> Vec<String> {
    let (workflow, items) = polled(keys);
    let mut service = Service { items: Vec::new() };
    let (mut state, mut found, mut now) = (None, Vec::new(), 1_000 * MINUTE);
    let last = Step::Looks {
        kept: true,
        twice: false,
        turned: false,
    };
    let all = std::iter::once(last.clone())
        .chain(steps.iter().cloned())
        .chain([last]);
    for step in all {
        match step {
            Step::Comes(ago) => service.items.push((now - BEHIND - ago * 1000, true)),
            Step::Leaves(_) | Step::Returns(_) => {}
            Step::Looks { twice, turned, .. } => {
                now += MINUTE;
                let since = asked_from(&items, state.as_ref(), Timestamp(now));
                let page = service.page(since.and_then(|since| since.as_i64()), twice, turned);
                let look = ItemsLook {
                    polled: items.clone(),
                    condition: None,
                    state: state.take(),
                    now: Timestamp(now),
                };
                let seen = look_for_items(
                    &workflow,
                    &look,
                    &page,
                    &Values::default(),
                    &MemoryBlobs::default(),
                );
                let seen = seen.expect("it looks");
                found.extend(seen.found.into_iter().map(|sighted| sighted.key));
                state = seen.state;
            }
        }
    }
    found
}

fn look(keys: &str, state: Option<Value>, items: &str) -> (Vec<Sighted>, Option<Value>) {
    let (workflow, polled) = polled(keys);
    let page = flow_engine::value::json::parse(items.as_bytes()).expect("JSON");
    let look = ItemsLook {
        polled,
        condition: workflow.triggers["main"].condition.clone(),
        state,
        now: Timestamp(1_000 * MINUTE),
    };
    let seen = look_for_items(
        &workflow,
        &look,
        &page,
        &Values::default(),
        &MemoryBlobs::default(),
    );
    let seen = seen.expect("it looks");
    (seen.found, seen.state)
}

#[test]
fn a_number_and_its_text_are_two_items_and_what_has_no_id_is_known_by_its_content() {
    let (_, state) = look("key: item.id", None, "[]");
    let page = r#"[{"id": 7}, {"id": "7"}, {"id": null, "a": 1}, {"id": null, "a": 2}, {"id": null, "a": 1}]"#;
    let (found, state) = look("key: item.id", state, page);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(look("key: item.id", state, page).0.is_empty());
}

#[test]
fn a_changed_item_counts_again_if_it_is_asked_for() {
    let keys = "changed: true, where: result.n > 0";
    let (_, state) = look(keys, None, r#"[{"id": "a", "n": 1}]"#);
    let (found, state) = look(keys, state, r#"[{"id": "a", "n": 2}, {"id": "b", "n": 0}]"#);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(look(keys, state, r#"[{"id": "a", "n": 2}]"#).0.is_empty());
}

#[test]
fn what_is_there_at_first_counts_only_if_it_is_asked_for() {
    let page = r#"[{"id": "a"}, {"id": "b"}, {"id": "c"}]"#;
    assert!(look("key: item.id", None, page).0.is_empty());
    let (found, _) = look("backfill: true", None, page);
    assert_eq!(found.len(), 3);
    let batches = in_batches(&found, 2);
    let sizes: Vec<usize> = batches
        .iter()
        .filter_map(|batch| Some(batch.item.as_list()?.len()))
        .collect();
    assert_eq!(sizes, [2, 1]);
}

/// What the edge of a trigger finds in pages of ids, look by look, an hour apart.
fn edge(news: &News, pages: &[(i64, &str)]) -> Vec<Vec<String>> {
    let text = "connections: { s: { connector: svc } }\non: { trigger: s.new, every: 1m }\nsteps: { a: { value: 1 } }\n";
    let workflow = workflow(text);
    let Starts::Poll(watch) = &workflow.triggers["main"].starts else {
        panic!("it looks");
    };
    let mut watch = Watch::clone(watch);
    let Look::Edge(edge) = &mut watch.look else {
        panic!("an edge");
    };
    edge.news = news.clone();
    let mut state = None;
    let mut told = Vec::new();
    for (hour, page) in pages {
        let items = page.split_whitespace().map(|id| {
            let (id, done) = id.strip_suffix('!').map_or((id, false), |id| (id, true));
            Value::map([("id", Value::from(id)), ("done", Value::Bool(done))])
        });
        let page = Value::list(items);
        let (values, blobs) = (Values::default(), MemoryBlobs::default());
        let now = Timestamp(hour * 60 * MINUTE);
        let seen = looks::look(
            &workflow,
            &watch,
            state.as_ref(),
            &page,
            now,
            &values,
            &blobs,
        );
        let seen = seen.expect("it looks");
        told.push(seen.found.into_iter().map(|found| found.key).collect());
        state = seen.state.or(state);
    }
    told
}

#[test]
fn an_item_that_leaves_a_page_and_comes_back_is_no_new_one() {
    let told = edge(
        &News::Appeared,
        &[
            (0, "a b"),
            (1, "a"),
            (2, "c b a"),
            (3, "c"),
            (4, "a b c"),
            (40, "a b c d"),
        ],
    );
    assert_eq!(
        told,
        [
            vec![],
            vec![],
            vec!["c".to_owned()],
            vec![],
            vec![],
            vec!["d".to_owned()]
        ]
    );
    // What has been away for a day is new.
    let told = edge(
        &News::Appeared,
        &[(0, "a"), (1, ""), (24, "a"), (25, ""), (50, "a")],
    );
    assert_eq!(told.concat(), ["a"]);
}

#[test]
fn an_item_that_was_told_is_told_again_only_if_it_was_seen_otherwise() {
    let done = News::Became("item.done".into());
    let told = edge(
        &done,
        &[(0, "a"), (1, "a!"), (2, ""), (3, "a!"), (4, "a"), (5, "a!")],
    );
    let times: Vec<usize> = told.iter().map(Vec::len).collect();
    assert_eq!(times, [0, 1, 0, 0, 0, 1]);
}

#[test]
fn what_two_looks_do_not_see_is_gone_and_told_once() {
    let pages = [
        (0, "a b"),
        (1, "a"),
        (2, "a b"),
        (3, "b"),
        (4, "b"),
        (5, "b"),
        (6, "a b"),
        (7, "b"),
        (8, "b"),
        (9, ""),
    ];
    let told = edge(&News::Vanished, &pages);
    let times: Vec<usize> = told.iter().map(Vec::len).collect();
    assert_eq!(times, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(told.concat(), ["a"]);
}

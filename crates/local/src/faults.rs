//! Named points at which a test can kill the process, in builds with debug assertions; in others they are nothing.
//!
//! `FLOW_FAULTS="store.commit.after=abort@7,blob.rename.before=abort"` kills the process, as `SIGKILL` would, when it
//! comes to the first point for the seventh time, or to the second for the first time. It is read once.

/// Every point, so that a harness can try each. `before` a write and `after` it is where a crash tells one order from another.
pub const POINTS: &[&str] = &[
    "backup.rename.after",
    "backup.rename.before",
    "blob.delete.after",
    "blob.delete.before",
    "blob.rename.after",
    "blob.rename.before",
    "blob.sync.after",
    "blob.sync.before",
    "blob.sync_folder.after",
    "blob.sync_folder.before",
    "blob.write.before",
    "driver.attempt_end.after",
    "driver.attempt_end.before",
    "driver.child.after",
    "driver.child.before",
    "driver.look.after",
    "driver.look.before",
    "driver.send.after",
    "driver.send.before",
    "driver.start.after",
    "driver.start.before",
    "driver.stop_child.before",
    "run.bundle.after",
    "run.bundle.before",
    "run.delete.after",
    "run.delete.before",
    "store.begin.after",
    "store.begin.before",
    "store.call_back.after",
    "store.call_back.before",
    "store.checkpoint.after",
    "store.checkpoint.before",
    "store.commit.after",
    "store.commit.before",
    "store.emit.after",
    "store.emit.before",
    "store.identity.after",
    "store.identity.before",
    "store.migrate.after",
    "store.migrate.before",
];

/// The process may be killed here.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn point(_: &'static str) {}

#[cfg(debug_assertions)]
pub(crate) use armed::point;

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Plan {
        name: String,
        nth: u64,
        seen: AtomicU64,
    }

    static PLANS: OnceLock<Vec<Plan>> = OnceLock::new();

    /// The process may be killed here.
    pub(crate) fn point(name: &'static str) {
        let plans = PLANS.get_or_init(|| {
            let text = std::env::var("FLOW_FAULTS").unwrap_or_default();
            text.split(',').filter_map(plan).collect()
        });
        for plan in plans.iter().filter(|plan| plan.name == name) {
            if plan.seen.fetch_add(1, Ordering::Relaxed) + 1 == plan.nth {
                die();
            }
        }
    }

    fn plan(text: &str) -> Option<Plan> {
        let (name, action) = text.trim().split_once('=')?;
        let nth = match action.split_once('@') {
            Some(("abort", nth)) => nth.parse().ok()?,
            None if action == "abort" => 1,
            _ => return None,
        };
        Some(Plan {
            name: name.to_owned(),
            nth,
            seen: AtomicU64::new(0),
        })
    }

    /// Ends the process without unwinding, flushing or closing anything.
    fn die() -> ! {
        #[cfg(unix)]
        {
            let own = rustix::process::getpid();
            let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
        }
        std::process::abort()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    fn named(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("sources") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                named(&path, found);
            } else {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                let calls = text.split("point(\"").skip(1);
                found.extend(calls.filter_map(|call| Some(call.split_once('"')?.0.to_owned())));
            }
        }
    }

    #[test]
    fn every_point_is_listed_and_every_listed_one_is_there() {
        let mut found = BTreeSet::new();
        named(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut found,
        );
        // The literal of the search itself.
        found.retain(|name| name.contains('.'));
        let listed: BTreeSet<String> = super::POINTS
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        assert_eq!(found, listed);
        assert!(super::POINTS.is_sorted(), "in order");
    }
}

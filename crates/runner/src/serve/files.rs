//! Notices that files of the folder have changed. What exactly has is found by reading them: an editor's way of saving says
//! little.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::discover::is_skipped_folder;

/// How long it must be quiet before the folder is read: editors write, rename and touch in one go.
const QUIET: Duration = Duration::from_millis(200);
/// Where nothing tells of changes, the folder is read so often.
const BLIND: Duration = Duration::from_secs(10);
/// How deep folders are looked into.
const DEPTH_MAX: usize = 64;

/// Watches a folder of workflows and those in it.
pub(super) struct Files {
    root: PathBuf,
    beside: Vec<PathBuf>,
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    events: UnboundedReceiver<()>,
    /// Something was heard and not told yet.
    heard: bool,
}

impl Files {
    /// Watches from now on. Where the system cannot tell of changes, the folder is looked at from time to time.
    /// `beside` are folders that count as well, without those in them.
    pub(super) fn watch(root: &Path, beside: Vec<PathBuf>) -> Files {
        let (sender, events) = unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Being read is no change.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = sender.send(());
            }
        });
        let mut files = Files {
            root: root.to_owned(),
            beside,
            watcher: watcher.ok(),
            watched: BTreeSet::new(),
            events,
            heard: false,
        };
        files.watch_folders();
        files
    }

    /// Waits until something may have changed and it has been quiet for a moment. Nothing is lost if it is not waited for to
    /// the end.
    pub(super) async fn changed(&mut self) {
        if self.watched.is_empty() {
            // The folder may have come to be.
            self.watch_folders();
        }
        if self.watched.is_empty() {
            return tokio::time::sleep(BLIND).await;
        }
        if !self.heard && self.events.recv().await.is_none() {
            return tokio::time::sleep(BLIND).await;
        }
        self.heard = true;
        while let Ok(Some(())) = tokio::time::timeout(QUIET, self.events.recv()).await {}
        self.heard = false;
        self.watch_folders();
    }

    /// Each folder is watched by itself: whole trees would tell of every write to the store.
    fn watch_folders(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let mut there = BTreeSet::new();
        folders(&self.root, 0, &mut there);
        there.extend(self.beside.iter().filter(|folder| folder.is_dir()).cloned());
        for gone in self.watched.difference(&there) {
            let _ = watcher.unwatch(gone);
        }
        let mut kept: BTreeSet<PathBuf> = self.watched.intersection(&there).cloned().collect();
        for new in there.difference(&self.watched) {
            if watcher.watch(new, RecursiveMode::NonRecursive).is_ok() {
                kept.insert(new.clone());
            }
        }
        self.watched = kept;
    }
}

fn folders(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) {
    found.insert(folder.to_owned());
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && depth < DEPTH_MAX && !is_skipped_folder(&entry.file_name()) {
            folders(&entry.path(), depth + 1, found);
        }
    }
}

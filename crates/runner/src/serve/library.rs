//! The workflows of a folder as they are served: each in the last version that was whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use flow_connector::Connectors;
use flow_engine::bundle::Bundle;
use flow_engine::schedule::Timetable;
use flow_engine::value::Hash;
use flow_engine::workflow::{Trigger, Workflow};
use flow_local::driver::Services;
use flow_local::start::{Pinned, pin};
use flow_local::store::{Store, StoreError};

use crate::discover::{candidates, is_workflow};
use crate::exit::Trouble;
use crate::load;

/// For so long a bundle is known to be on disk: what nothing refers to is kept for an hour after it was asked for.
const PINNED: Duration = Duration::from_secs(1800);

/// What is wrong with a file that was a workflow.
const EMPTIED: &str = "[schema.no_steps] it has no `steps:` any more, so it is no workflow";

/// A workflow that is served.
pub(super) struct Loaded {
    pub(super) workflow: Arc<Workflow>,
    /// Where everything that it was made of is on disk, and since when it was known, once a run needed it.
    pinned: Mutex<Option<(Instant, Pinned)>>,
    /// The file, as it was found.
    pub(super) path: PathBuf,
    /// Of everything that runs of it pin.
    pub(super) version: Hash,
    /// What it was checked against.
    pub(super) connectors: Arc<Connectors>,
    /// What its runs need, but for their secrets.
    pub(super) base: Services,
}

/// What workflows are checked against, and what their runs need.
pub(super) struct World {
    pub(super) connectors: Arc<Connectors>,
    pub(super) base: Services,
}

/// What is served, by the names of workflows.
#[derive(Default, Clone)]
pub(super) struct Library {
    pub(super) workflows: BTreeMap<String, Arc<Loaded>>,
}

/// What reading a folder gave besides.
#[derive(Default)]
pub(super) struct Told {
    /// Files with what is wrong with them; where a version was served before, it still is.
    pub(super) wrong: Vec<(PathBuf, String)>,
    /// Names of workflows that are new, changed or gone.
    pub(super) new: Vec<String>,
    pub(super) changed: Vec<String>,
    pub(super) gone: Vec<String>,
}

impl Loaded {
    fn new(path: &Path, workflow: Workflow, world: &World) -> Loaded {
        let bundle = crate::services::bundle(&workflow, &world.connectors);
        let version = Hash::of(bundle.to_json().as_bytes());
        Loaded {
            workflow: Arc::new(workflow),
            pinned: Mutex::default(),
            path: path.to_owned(),
            version,
            connectors: world.connectors.clone(),
            base: world.base.clone(),
        }
    }

    /// Everything that it was made of, put together: were it kept with each, so would the descriptors of services be.
    pub(super) fn bundle(&self) -> Bundle {
        crate::services::bundle(&self.workflow, &self.connectors)
    }

    /// Everything that its runs pin, on disk. Blocking.
    pub(super) fn pinned(&self, store: &Store) -> Result<Pinned, StoreError> {
        let mut known = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, known)) = &*known
            && at.elapsed() < PINNED
        {
            return Ok(known.clone());
        }
        let pinned = pin(store, &self.bundle())?;
        *known = Some((Instant::now(), pinned.clone()));
        Ok(pinned)
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.workflow.name
    }

    /// When a trigger made of times is due. Made when it is asked for: it takes microseconds, and kept it would be most of what
    /// a small workflow takes of the memory.
    pub(super) fn timetable(&self, trigger: &str) -> Option<Timetable> {
        Timetable::of(&self.workflow.name, self.workflow.triggers.get(trigger)?)
    }

    /// A trigger that starts runs.
    pub(super) fn trigger(&self, name: &str) -> Option<&Trigger> {
        self.workflow
            .triggers
            .get(name)
            .filter(|trigger| trigger.enabled)
    }

    /// The triggers that start runs.
    pub(super) fn triggers(&self) -> impl Iterator<Item = &Trigger> {
        self.workflow
            .triggers
            .values()
            .filter(|trigger| trigger.enabled)
    }
}

impl Library {
    /// Reads the workflows of a folder. A file that is wrong, or no workflow any more, leaves the version that is served; one
    /// that is gone takes it along. Two files with one name are both left out, unless one of them is served already.
    pub(super) fn read(&self, folder: &Path, world: &World) -> (Library, Told) {
        let mut told = Told::default();
        let mut found: BTreeMap<String, Vec<Arc<Loaded>>> = BTreeMap::new();
        let files = match candidates(&[folder.to_owned()], folder) {
            Ok(files) => files,
            Err(trouble) => {
                if trouble.code != "load.no_files" {
                    told.wrong.push((folder.to_owned(), trouble.message));
                    return (self.clone(), told);
                }
                Vec::new()
            }
        };
        let catalog = world.connectors.catalog();
        for file in files {
            let known = self.workflows.values();
            let known = known.into_iter().find(|known| known.path == file.path);
            let wrong = match (self.load(&file.path, world, &catalog), known) {
                (Ok(Some(loaded)), _) => {
                    let name = loaded.name().to_owned();
                    found.entry(name).or_default().push(loaded);
                    continue;
                }
                (Ok(None), None) => continue,
                // It is being written, most likely: who wants it gone deletes it.
                (Ok(None), Some(_)) => EMPTIED.to_owned(),
                (Err(wrong), _) => wrong,
            };
            if let Some(known) = known {
                let name = known.name().to_owned();
                found.entry(name).or_default().push(known.clone());
            }
            told.wrong.push((file.path, wrong));
        }
        let mut library = Library::default();
        for (name, mut versions) in found {
            if versions.len() > 1 {
                let paths: Vec<String> = versions
                    .iter()
                    .map(|version| version.path.display().to_string())
                    .collect();
                let known = self.workflows.get(&name).map(|known| known.path.clone());
                versions.retain(|version| Some(&version.path) == known.as_ref());
                let message = format!(
                    "[load.duplicate_name] the workflows in {} are all named `{name}`: {}",
                    paths.join(" and "),
                    match versions.first() {
                        Some(kept) => format!("the one in {} is served", kept.path.display()),
                        None => "none of them is served".to_owned(),
                    }
                );
                told.wrong
                    .push((PathBuf::from(&paths[paths.len() - 1]), message));
            }
            if let Some(loaded) = versions.pop() {
                library.workflows.insert(name, loaded);
            }
        }
        for (name, loaded) in &library.workflows {
            match self.workflows.get(name) {
                None => told.new.push(name.clone()),
                Some(known) if !Arc::ptr_eq(known, loaded) => told.changed.push(name.clone()),
                Some(_) => {}
            }
        }
        let gone = self.workflows.keys();
        told.gone = gone
            .filter(|name| !library.workflows.contains_key(*name))
            .cloned()
            .collect();
        (library, told)
    }

    /// One file; `None` if it is no workflow. What has not changed is kept as it is.
    fn load(
        &self,
        path: &Path,
        world: &World,
        catalog: &flow_engine::catalog::Catalog,
    ) -> Result<Option<Arc<Loaded>>, String> {
        let first = |findings: &[flow_engine::finding::Finding], name: &str| {
            let errors: Vec<_> = findings
                .iter()
                .filter(|finding| finding.is_error())
                .collect();
            let more = match errors.len() {
                0 | 1 => String::new(),
                several => format!(" (and {} more: `flow check {name}`)", several - 1),
            };
            let first = errors.first();
            first.map(|finding| format!("[{}] {}{more}", finding.code, finding.message))
        };
        let source = match load::read(path) {
            Ok(Ok(source)) => source,
            Ok(Err(unread)) => {
                let said = first(&unread.findings, unread.source.name());
                return Err(said.unwrap_or_default());
            }
            Err(trouble) => return Err(said(&trouble)),
        };
        if !is_workflow(&source) {
            return Ok(None);
        }
        let checked = load::check(&source, catalog, &load::DiskFiles);
        let Some(workflow) = checked.workflow else {
            let said = first(&checked.findings, source.name());
            return Err(said.unwrap_or_default());
        };
        if let Some(finding) = workflow.unserved.first() {
            return Err(format!("[{}] {}", finding.code, finding.message));
        }
        let loaded = Loaded::new(path, workflow, world);
        let known = self.workflows.get(loaded.name());
        Ok(Some(match known {
            Some(known) if known.version == loaded.version && known.path == loaded.path => {
                known.clone()
            }
            _ => Arc::new(loaded),
        }))
    }
}

/// A trouble in one line.
pub(super) fn said(trouble: &Trouble) -> String {
    if trouble.code.is_empty() {
        trouble.message.clone()
    } else {
        format!("[{}] {}", trouble.code, trouble.message)
    }
}

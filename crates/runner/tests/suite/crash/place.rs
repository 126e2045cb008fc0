//! The folder of one round: commands in it, and what was done so far.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use flow_engine::journal::Row;
use flow_local::store::{Reader, RunRow, Store};

use super::jobs::Job;
use super::server::Server;
use crate::support::flow;

/// Something that was done outside the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Effect {
    /// The path of the step that did it.
    pub(super) name: String,
    pub(super) key: Option<String>,
}

/// A project in which one job is run; kept if it goes wrong.
pub(super) struct Place {
    folder: Option<tempfile::TempDir>,
    path: PathBuf,
    server: Server,
    pub(super) job: &'static Job,
}

impl Place {
    pub(super) fn new(job: &'static Job) -> Place {
        let folder = tempfile::Builder::new().prefix("flow-crash-").tempdir();
        let folder = folder.expect("a folder");
        let path = folder.path().to_owned();
        let server = Server::start();
        std::fs::create_dir(path.join(".flow")).expect("a project");
        job.write(&path, &server.base());
        Place {
            folder: Some(folder),
            path,
            server,
            job,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder where it is.
    pub(super) fn keep(&mut self) -> PathBuf {
        if let Some(folder) = self.folder.take() {
            let _ = folder.keep();
        }
        self.path.clone()
    }

    /// The arguments of the run; the key makes it the same run, however often it is started.
    pub(super) fn run_arguments(&self) -> Vec<String> {
        let file = self.job.file();
        let own = self.job.arguments.iter().copied();
        let all = ["run", "--json", "--key", "one", file.as_str()];
        all.into_iter().chain(own).map(str::to_owned).collect()
    }

    /// Starts the binary; what it prints goes to files, so that nothing is lost with a pipe. `nth` numbers them.
    pub(super) fn spawn(&self, arguments: &[String], faults: Option<&str>, nth: usize) -> Child {
        let mut command: Command = flow(&self.path);
        command.args(arguments).stdin(Stdio::null());
        if let Some(faults) = faults {
            command.env("FLOW_FAULTS", faults);
        }
        let file = |name: &str| {
            std::fs::File::create(self.path.join(format!("{nth}.{name}"))).expect("a file")
        };
        command.stdout(file("out")).stderr(file("err"));
        command.spawn().expect("the binary starts")
    }

    pub(super) fn said(&self, nth: usize, what: &str) -> String {
        std::fs::read_to_string(self.path.join(format!("{nth}.{what}"))).unwrap_or_default()
    }

    pub(super) fn reader(&self) -> Option<Reader> {
        Store::reader(&self.path.join(".flow")).expect("a store that was killed is whole")
    }

    /// Every run of the store but those of other jobs: the one of the job first, then its children.
    pub(super) fn runs(&self) -> Vec<RunRow> {
        let rows = self
            .reader()
            .map(|reader| reader.runs(100).expect("readable"));
        let mut rows = rows.unwrap_or_default();
        rows.retain(|row| row.workflow != "hold");
        rows.sort_by_key(|row| row.workflow == "child");
        rows
    }

    /// The raw journal of a run.
    pub(super) fn journal(&self, run: &str) -> Vec<Row> {
        let reader = self.reader().expect("a store with a run");
        reader.journal(run).expect("no gap, nothing changed");
        reader.rows(run).expect("readable")
    }

    /// What was done outside so far.
    pub(super) fn effects(&self) -> Vec<Effect> {
        let lines = std::fs::read_to_string(self.path.join("ledger")).unwrap_or_default();
        let of_line = |name: &str| Effect {
            name: name.to_owned(),
            key: None,
        };
        let mut effects: Vec<Effect> = lines.lines().map(of_line).collect();
        effects.extend(self.server.effects());
        effects.extend((0..self.batches().len()).map(|_| of_line("once.submit")));
        effects
    }

    /// The batches that the sandbox has, as it shows them.
    pub(super) fn batches(&self) -> Vec<serde_json::Value> {
        let folder = self.path.join(".flow/sandbox/batches");
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Vec::new();
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names
            .filter(|name| name.starts_with("msgbatch_"))
            .map(|id| serde_json::json!({ "id": id }))
            .collect()
    }

    /// How many times the sandbox was asked to make one.
    pub(super) fn creates(&self) -> usize {
        let log = std::fs::read_to_string(self.path.join(".flow/sandbox/requests.jsonl"));
        let log = log.unwrap_or_default();
        let rows = log
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        rows.filter(|row| row["method"] == "POST" && row["path"] == "/v1/messages/batches")
            .count()
    }
}

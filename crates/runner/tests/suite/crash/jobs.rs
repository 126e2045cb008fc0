//! The workflows that are killed, and what each effect of theirs may do.

use std::path::Path;
use std::time::Duration;

/// One workflow.
pub(super) struct Job {
    pub(super) name: &'static str,
    files: &'static [(&'static str, &'static str)],
    pub(super) arguments: &'static [&'static str],
    /// Whether some rounds cancel it.
    pub(super) cancelled: bool,
    /// Where most kills fall: a run of which the most is waiting is killed in what is not.
    pub(super) busy: Duration,
}

const TICKETS: &str = concat!(
    "{\"id\": \"a\", \"text\": \"no picture on my player\"}\n",
    "{\"id\": \"b\", \"text\": \"the remote is lost\"}\n",
    "{\"id\": \"c\", \"text\": \"too loud\"}\n",
);

const fn job(name: &'static str, files: &'static [(&'static str, &'static str)]) -> Job {
    Job {
        name,
        files,
        arguments: &[],
        cancelled: false,
        busy: Duration::from_millis(250),
    }
}

/// All of them.
pub(super) const JOBS: [Job; 6] = [
    job("chain", &[("chain.yml", include_str!("jobs/chain.yml"))]),
    job("fan", &[("fan.yml", include_str!("jobs/fan.yml"))]),
    Job {
        arguments: &["--sandbox", "--input", "tickets=tickets.jsonl"],
        ..job(
            "batch",
            &[
                (
                    "batch.yml",
                    include_str!("../../../../../workflows/classify-batch.yml"),
                ),
                ("tickets.jsonl", TICKETS),
            ],
        )
    },
    job("calls", &[("calls.yml", include_str!("jobs/calls.yml"))]),
    Job {
        cancelled: true,
        ..job(
            "saga",
            &[
                ("saga.yml", include_str!("jobs/saga.yml")),
                ("child.yml", include_str!("jobs/child.yml")),
            ],
        )
    },
    job("large", &[("large.yml", include_str!("jobs/large.yml"))]),
];

/// The main job.
pub(super) const BATCH: &Job = &JOBS[2];

impl Job {
    /// Writes its files; calls go to `base`.
    pub(super) fn write(&self, folder: &Path, base: &str) {
        for (name, text) in self.files {
            let text = text.replace("BASE", base);
            std::fs::write(folder.join(name), text).expect("the folder can be written");
        }
    }

    pub(super) fn file(&self) -> String {
        format!("{}.yml", self.name)
    }
}

/// Whether what has this name must not happen twice. The steps of the jobs say so in their names.
pub(super) fn is_once(name: &str) -> bool {
    name.starts_with("once")
}

/// Whether a crash in the middle may make it happen once more.
pub(super) fn may_repeat(name: &str) -> bool {
    ["keyed", "repeat", "read"]
        .iter()
        .any(|class| name.starts_with(class))
}

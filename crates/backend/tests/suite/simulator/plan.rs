//! What a seed decides beforehand, as a list of things that can be left out one by one.

use std::fmt;
use std::sync::Arc;

use flow_backend::conformance::catalog::catalog;
use flow_engine::document::{self, Files};
use flow_engine::journal::Reused;
use flow_engine::source::SourceFile;
use flow_engine::workflow::{self, Workflow};

use super::chance::Chance;
use crate::shapes::spice::{CHILD, Spice};
use crate::shapes::{Dice, Drawn, draw};

/// Everything that will happen, as far as it does not follow from the runs.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// Answers depend on the step alone, and nothing has a time: crashes must make no difference.
    pub(super) steady: bool,
    /// All operations succeed at once.
    pub(super) mended: bool,
    pub(super) runs: Vec<Planned>,
    /// After how many happenings the process dies, counted from the last time.
    pub(super) crashes: Vec<u64>,
    /// What people say: when, about which run.
    pub(super) words: Vec<(u64, usize, Word)>,
    /// How many milliseconds the clock jumps, and when.
    pub(super) jumps: Vec<(u64, i64)>,
    pub(super) faults: Faults,
}

/// A run of the plan.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) drawn: Drawn,
    pub(super) child: Drawn,
    /// When it is started.
    pub(super) at: u64,
    /// What it takes over from an earlier run.
    pub(super) reused: Vec<Reused>,
}

/// What becomes of ends on their way.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each can be left out")]
pub(super) struct Faults {
    /// What was stopped goes on, and its end comes.
    pub(super) late: bool,
    /// Ends come twice.
    pub(super) repeated: bool,
    /// Ends never come: the worker is lost.
    pub(super) lost: bool,
    /// Ticks come when nothing is due.
    pub(super) ticks: bool,
    /// Ticks come late.
    pub(super) slow: bool,
}

/// What someone says to a run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word {
    Cancel {
        hard: bool,
    },
    /// A decision about any of its steps, interrupted or not.
    Resolve(u64),
    /// A word for any of its steps, whether it waits for one or not.
    Signal(u64),
}

impl Plan {
    /// What a seed decides.
    pub(super) fn of(seed: u64) -> Plan {
        let chance = Chance(seed);
        let mut dice = chance.of("plan");
        let steady = dice.roll(4) == 0;
        let count = 1 + dice.roll(5);
        let spice = Spice {
            children: true,
            times: !steady,
            large: dice.roll(8) == 0,
        };
        let bare = Spice {
            children: false,
            ..spice
        };
        let drawn = |name: String, spice: Spice| {
            let mut dice: Dice = chance.of(&name);
            let drawn = draw(dice.roll(1_000_000));
            drawn.spiced(&mut dice, spice)
        };
        let runs = (0..count).map(|run| Planned {
            drawn: drawn(format!("workflow {run}"), spice),
            child: drawn(format!("child {run}"), bare),
            at: dice.roll(20_000),
            reused: Vec::new(),
        });
        let runs: Vec<Planned> = runs.collect();
        let mut plan = Plan {
            seed,
            steady,
            mended: false,
            runs,
            crashes: Vec::new(),
            words: Vec::new(),
            jumps: Vec::new(),
            faults: Faults::default(),
        };
        // One after another close together: a crash in the recovery of a crash.
        for _ in 0..dice.roll(12) {
            let far = if dice.roll(3) == 0 { 8 } else { 60 };
            plan.crashes.push(1 + dice.roll(far));
        }
        if steady {
            return plan;
        }
        for _ in 0..dice.roll(6) {
            let run = usize::try_from(dice.roll(count)).expect("few");
            let word = match dice.roll(6) {
                0 => Word::Cancel {
                    hard: dice.roll(3) == 0,
                },
                1 | 2 => Word::Signal(dice.roll(1000)),
                _ => Word::Resolve(dice.roll(1000)),
            };
            plan.words.push((dice.roll(60_000), run, word));
        }
        for _ in 0..dice.roll(4).saturating_sub(1) {
            let far = [1_000, 60_000, 86_400_000][usize::try_from(dice.roll(3)).expect("few")];
            let jump = i64::try_from(dice.roll(2 * far)).expect("small");
            let far = i64::try_from(far).expect("small");
            plan.jumps.push((dice.roll(60_000), jump - far));
        }
        let mut some = || dice.roll(2) == 0;
        plan.faults = Faults {
            late: some(),
            repeated: some(),
            lost: some(),
            ticks: some(),
            slow: some(),
        };
        plan
    }

    /// The same runs in a world where nothing goes wrong.
    pub(super) fn calm(&self) -> Plan {
        Plan {
            crashes: Vec::new(),
            words: Vec::new(),
            jumps: Vec::new(),
            faults: Faults::default(),
            ..self.clone()
        }
    }
}

impl Planned {
    /// Its workflow; what is wrong with it, if nothing can be made of it.
    pub(super) fn workflow(&self) -> Result<Arc<Workflow>, String> {
        let files = Child(self.child.yaml());
        let source = SourceFile::new("test.yml", self.drawn.yaml());
        let (document, findings) = document::parse(&source, &files);
        let (workflow, findings) = workflow::check(&document, &catalog(), &files, findings);
        let wrong = || {
            let shown = findings.iter();
            let shown: Vec<_> = shown
                .map(|finding| (finding.code, &finding.message))
                .collect();
            format!("{shown:?}")
        };
        workflow.map(Arc::new).ok_or_else(wrong)
    }
}

/// The one file there is.
struct Child(String);

impl Files for Child {
    fn read(&self, _: &str, path: &str) -> Result<SourceFile, String> {
        if path.ends_with(CHILD) {
            Ok(SourceFile::new(CHILD, self.0.clone()))
        } else {
            Err("there is no such file".to_owned())
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (run, planned) in self.runs.iter().enumerate() {
            let text = planned.drawn.yaml();
            writeln!(f, "run{run}, started after {} ms:", planned.at)?;
            for line in text.lines().filter(|line| !line.starts_with("vars:")) {
                writeln!(f, "  {line}")?;
            }
            if text.contains(CHILD) {
                writeln!(f, "{CHILD} of run{run}:")?;
                let text = planned.child.yaml();
                for line in text.lines().filter(|line| !line.starts_with("vars:")) {
                    writeln!(f, "  {line}")?;
                }
            }
        }
        writeln!(
            f,
            "the process dies after so many happenings: {:?}",
            self.crashes
        )?;
        writeln!(f, "words: {:?}", self.words)?;
        writeln!(f, "the clock jumps: {:?}", self.jumps)?;
        write!(f, "{:?}", self.faults)?;
        if self.steady {
            write!(f, ", steady")?;
        }
        Ok(())
    }
}

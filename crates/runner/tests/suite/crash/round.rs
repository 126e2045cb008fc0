//! One round: a job is started, disturbed, taken up again and disturbed again, and at last left to end.

use std::collections::BTreeMap;
use std::time::Duration;

use flow_engine::journal::Row;
use flow_engine::report::{Report, StepState, report};
use flow_local::store::{DEATHS_MAX, RunRow, Store};

use super::chance::Chance;
use super::jobs::Job;
use super::kill::{Way, end, kill_owner};
use super::place::Place;
use super::server;

/// Commands of one round, all told; one that needs more makes no progress.
const COMMANDS_MAX: usize = 60;
const HOLD: &str = "steps: { a: { trigger: time.after, with: { duration: 1h } } }\n";

/// A round with what is known of it so far: the ledger.
pub(super) struct Round {
    pub(super) place: Place,
    pub(super) chance: Chance,
    pub(super) seed: u64,
    /// Processes that were killed, or told to stop.
    pub(super) kills: usize,
    /// Events that were printed, by the process that printed them.
    pub(super) printed: Vec<Vec<serde_json::Value>>,
    /// A run of which the id was printed.
    pub(super) acknowledged: Option<String>,
    /// Somebody was told that it is cancelled.
    pub(super) cancelled: bool,
    /// Somebody asked for that, at least.
    pub(super) cancel_asked: bool,
    /// Decisions that were made for interrupted steps.
    pub(super) decided: Vec<String>,
    /// The journals as they were after the last command.
    seen: BTreeMap<String, Vec<Row>>,
    /// What was done, in words.
    pub(super) story: Vec<String>,
    nth: usize,
}

impl Round {
    pub(super) fn new(job: &'static Job, seed: u64) -> Round {
        Round {
            place: Place::new(job),
            chance: Chance::new(seed),
            seed,
            kills: 0,
            printed: Vec::new(),
            acknowledged: None,
            cancelled: false,
            cancel_asked: false,
            decided: Vec::new(),
            seen: BTreeMap::new(),
            story: Vec::new(),
            nth: 0,
        }
    }

    /// Disturbs up to `times` processes at random.
    pub(super) fn disturb_at_random(&mut self, times: u64) {
        let busy = self.place.job.busy;
        match self.chance.below(8) {
            0 => self.detached(),
            1 => self.guest(),
            _ => {}
        }
        for _ in 0..times {
            let Some(arguments) = self.next() else { return };
            let way = Way::any(&mut self.chance, busy);
            self.command(&arguments, Some(&way));
            if self.place.job.cancelled && !self.cancelled && self.chance.one_in(3) {
                self.cancel();
            }
        }
    }

    /// One command, disturbed or not; its exit code.
    pub(super) fn command(&mut self, arguments: &[String], way: Option<&Way>) -> Option<i32> {
        self.nth += 1;
        self.story
            .push(format!("{}: {arguments:?} {way:?}", self.nth));
        let faults = way.and_then(Way::faults);
        let mut child = self.place.spawn(arguments, faults, self.nth);
        let status = match way {
            Some(way) => {
                let (killed, status) = way.disturb(&mut child);
                self.kills += usize::from(killed);
                status
            }
            None => end(&mut child),
        };
        self.heard();
        if let (None, Some(code)) = (way, status.code()) {
            let said = self.place.said(self.nth, "err");
            // An owner that was about to end says so, and asks for the same again.
            let again = code == 7 && said.contains("type the same again");
            assert!(
                again || [0, 4, 5, 6].contains(&code),
                "exit code {code}: {said}"
            );
        }
        status.code()
    }

    /// Takes in what the last command printed, and that nothing changed that was written before.
    fn heard(&mut self) {
        let said = self.place.said(self.nth, "out");
        let rows = said
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let events: Vec<_> = rows.filter(|row| row.get("event").is_some()).collect();
        if let Some(first) = events.first()
            && first["event"] == "run_started"
        {
            self.acknowledged = first["body"]["run"].as_str().map(str::to_owned);
        }
        self.printed.push(events);
        for run in self.place.runs() {
            let now = self.place.journal(&run.run);
            if let Some(before) = self.seen.get(&run.run) {
                assert!(
                    now.starts_with(before),
                    "the journal of {} changed",
                    run.run
                );
            }
            self.seen.insert(run.run, now);
        }
    }

    /// The next command that leads to the end, if it has not come.
    pub(super) fn next(&mut self) -> Option<Vec<String>> {
        let runs = self.place.runs();
        let Some(main) = runs.first() else {
            assert!(self.acknowledged.is_none(), "an acknowledged run is lost");
            return Some(self.place.run_arguments());
        };
        if main.has_ended() {
            return None;
        }
        // A person who pulled the plug so often knows that it was not the run.
        let resume = |row: &RunRow| {
            let forced = (row.status == "quarantined").then(|| "--force".to_owned());
            let plain = ["resume", row.run.as_str(), "--json"].map(str::to_owned);
            plain.into_iter().chain(forced).collect::<Vec<_>>()
        };
        for row in runs.iter().filter(|row| !row.has_ended()) {
            assert!(
                row.status != "quarantined" || self.kills >= DEATHS_MAX as usize,
                "{} is quarantined after {} kills",
                row.workflow,
                self.kills
            );
            let decisions = self.decisions(&row.run);
            if !decisions.is_empty() {
                self.decided.extend(decisions.iter().cloned());
                return Some([resume(row), decisions].concat());
            }
        }
        Some(resume(main))
    }

    /// What a person says who looks at what was done: what happened is given its value, what did not is done again.
    fn decisions(&self, run: &str) -> Vec<String> {
        let effects = self.place.effects();
        let mut decisions = Vec::new();
        for (path, step) in &self.report(run).steps {
            if step.state != StepState::Interrupted {
                continue;
            }
            let done = match path.as_str() {
                "submit" => {
                    // What is there is found: only what is not there needs a person.
                    let there = self.place.batches();
                    assert!(there.is_empty(), "not adopted: {there:?}");
                    None
                }
                path => effects
                    .iter()
                    .any(|effect| effect.name == path)
                    .then(|| self.value(path)),
            };
            decisions.extend(match done {
                Some(value) => ["--set".to_owned(), format!("{path}={value}")],
                None => ["--retry".to_owned(), path.clone()],
            });
        }
        decisions
    }

    /// Steps whose lost result was found again.
    pub(super) fn adopted(&self) -> usize {
        let runs = self.place.runs();
        let rows = runs.iter().flat_map(|row| self.place.journal(&row.run));
        rows.filter(|row| row.kind == "attempt_adopted").count()
    }

    fn value(&self, path: &str) -> serde_json::Value {
        if self.place.job.name == "calls" {
            return server::said(path);
        }
        serde_json::json!({ "exit_code": 0, "stdout": format!("{path}\n"), "stderr": "", "files": {} })
    }

    pub(super) fn report(&self, run: &str) -> Report {
        let reader = self.place.reader().expect("a store with a run");
        let events = reader.journal(run).expect("no gap, nothing changed");
        report(events.iter().map(|(at, event)| (*at, event))).expect("it begins with a start")
    }

    /// Goes on undisturbed to the end.
    pub(super) fn settle(&mut self) {
        while let Some(arguments) = self.next() {
            self.command(&arguments, None);
            assert!(self.nth < COMMANDS_MAX, "no progress");
        }
    }

    fn cancel(&mut self) {
        let Some(run) = self.place.runs().into_iter().next() else {
            return;
        };
        if run.has_ended() {
            return;
        }
        let arguments = vec!["cancel".to_owned(), run.run];
        self.cancel_asked = true;
        if self.chance.one_in(2) {
            let way = Way::Kill(self.chance.within(Duration::from_millis(60)));
            self.command(&arguments, Some(&way));
        } else {
            // An undo whose end was lost waits for a person.
            let code = self.command(&arguments, None);
            self.cancelled = matches!(code, Some(0));
        }
    }

    /// The first process only hands the run to one in the background, which is killed.
    fn detached(&mut self) {
        let mut arguments = self.place.run_arguments();
        arguments.retain(|argument| argument != "--json");
        arguments.insert(1, "--detach".to_owned());
        if self.command(&arguments, None) == Some(0) {
            let id = self.place.said(self.nth, "out").trim().to_owned();
            self.acknowledged = Some(id);
        }
        let after = self.chance.within(self.place.job.busy);
        std::thread::sleep(after);
        if let Some(pid) = Store::owner(&self.place.path().join(".flow")) {
            kill_owner(&pid);
            self.kills += 1;
            self.story.push(format!("owner killed after {after:?}"));
            self.unowned();
        }
    }

    /// Another run's process owns the store and drives the job too; it is killed, and the one that asked ends by itself.
    fn guest(&mut self) {
        let path = self.place.path();
        std::fs::write(path.join("hold.yml"), HOLD).expect("the folder can be written");
        let hold = ["run".to_owned(), "hold.yml".to_owned()];
        let mut owner = self.place.spawn(&hold, None, 900);
        for _ in 0..1_000 {
            if path.join(".flow/control.sock").exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.nth += 1;
        let mut guest = self
            .place
            .spawn(&self.place.run_arguments(), None, self.nth);
        let after = self.chance.within(self.place.job.busy);
        std::thread::sleep(after);
        owner.kill().expect("SIGKILL");
        owner.wait().expect("it is gone");
        self.kills += 1;
        self.story
            .push(format!("{}: guest; owner killed after {after:?}", self.nth));
        // If it was not yet attached it becomes the owner itself.
        end(&mut guest);
        self.heard();
    }

    fn unowned(&self) {
        while Store::is_owned(&self.place.path().join(".flow")) {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

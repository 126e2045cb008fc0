//! What waits for a person, and what a person answers: on the command line and over the API.

use std::collections::BTreeMap;
use std::path::Path;

use flow_engine::catalog::Signal;
use flow_engine::journal::{Event, HoldStarted};
use flow_engine::run::Run;
use flow_engine::run::approval::choices;
use flow_engine::time::Timestamp;
use flow_engine::value::{Map, Value};
use flow_local::start::load;
use flow_local::store::{Reader, RunRow};
use serde_json::json;

use crate::exit::{Exit, Trouble};
use crate::host::answers::answered;
use crate::host::order::Approve;
use crate::host::owner::checked;
use crate::host::troubles::load_trouble;
use crate::services;
use crate::show::values;
use crate::stored::{Known, known};

/// A step that waits for a decision.
pub(crate) struct Waiting {
    pub(crate) run: String,
    pub(crate) workflow: String,
    pub(crate) since: Timestamp,
    pub(crate) started: HoldStarted,
}

/// A run that waits for a decision, and cannot be shown: what it pinned cannot be read.
pub(crate) struct Unreadable {
    pub(crate) run: String,
    pub(crate) why: Trouble,
}

/// What somebody answers.
pub(crate) struct Given<'a> {
    /// Not needed where only one step of the run waits.
    pub(crate) step: Option<&'a str>,
    /// If not given, `approve` where that is a choice.
    pub(crate) choice: Option<&'a str>,
    pub(crate) by: &'a str,
    pub(crate) comment: Option<&'a str>,
    pub(crate) fields: Map,
}

/// The steps that wait for a decision, by run and path: the first so many of those whose key comes after one, and the runs
/// among them that cannot be shown.
pub(crate) fn waiting(
    reader: &Reader,
    store: &Path,
    after: &str,
    most: usize,
) -> Result<(Vec<Waiting>, Vec<Unreadable>), Trouble> {
    let mut by_run: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (run, step) in reader.approvals()? {
        if *key(&run, &step) > *after {
            by_run.entry(run).or_default().push(step);
        }
    }
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for (run, steps) in by_run {
        match of_run(reader, store, &run, &steps) {
            Ok(of_run) => found.extend(of_run),
            Err(why) => unreadable.push(Unreadable { run, why }),
        }
        if found.len() >= most {
            break;
        }
    }
    found.truncate(most);
    Ok((found, unreadable))
}

/// Those of these steps of a run that wait, as its journal has it: what is noted beside it may be ahead of what is read
/// here, or behind.
fn of_run(
    reader: &Reader,
    store: &Path,
    run: &str,
    steps: &[String],
) -> Result<Vec<Waiting>, Trouble> {
    let Some(row) = reader.run(run)? else {
        return Ok(Vec::new());
    };
    let workflow = row.workflow.clone();
    let stored = load(reader, store, row).map_err(|error| load_trouble(&error))?;
    let mut begun = BTreeMap::new();
    for (at, event) in &stored.events {
        match event {
            Event::HoldStarted(started) if steps.contains(&started.step) => {
                begun.insert(started.step.clone(), (*at, started.clone()));
            }
            _ => {}
        }
    }
    let ready = checked(&stored.bundle)?;
    let Ok(state) = Run::replay(ready.workflow, stored.events) else {
        return Ok(Vec::new());
    };
    let still = |step: &str| {
        let node = state.find(step);
        node.is_some_and(|node| state.signal(node) == Some(Signal::Approval))
    };
    let begun = begun.into_iter().filter(|(step, _)| still(step));
    let waiting = begun.map(|(_, (since, started))| Waiting {
        run: run.to_owned(),
        workflow: workflow.clone(),
        since,
        started,
    });
    Ok(waiting.collect())
}

fn key(run: &str, step: &str) -> String {
    format!("{run}/{step}")
}

impl Waiting {
    /// What tells it from all others, in their order.
    pub(crate) fn key(&self) -> String {
        key(&self.run, &self.started.step)
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let arguments = &self.started.arguments;
        let value = |name: &str| {
            let value = arguments.get(name).cloned().unwrap_or_default();
            values::to_json(&value)
        };
        json!({
            "run": self.run, "workflow": self.workflow, "step": self.started.step, "since": self.since.to_string(),
            "until": self.started.deadline.map(|until| until.to_string()), "message": value("message"),
            "choices": values::to_json(&Value::list(choices(arguments))), "fields": value("fields"), "to": value("to"),
            "default_choice": value("default_choice"),
        })
    }
}

impl Given<'_> {
    /// What is asked of whoever drives the run, with the run as it is known here. Whether the answer may be given is
    /// judged there.
    pub(crate) fn to_order(
        &self,
        reader: &Reader,
        store: &Path,
        row: RunRow,
    ) -> Result<(Approve, Known), Trouble> {
        let run = row.run.clone();
        let steps = reader.approvals()?.into_iter();
        let steps: Vec<String> = steps
            .filter_map(|(of, step)| (of == run).then_some(step))
            .collect();
        let own = of_run(reader, store, &run, &steps)?;
        let step = match (self.step, own.as_slice()) {
            (Some(word), [one]) if self.choice.is_none() && is_choice(one, word) => {
                return Err(not_a_step(word, one));
            }
            (Some(step), _) => step.to_owned(),
            (None, [one]) => one.started.step.clone(),
            (None, []) => {
                let before = decided_last(reader, &run)?;
                return Err(before.unwrap_or_else(|| not_one(&run, &[])));
            }
            (None, several) => return Err(not_one(&run, several)),
        };
        let asked = own.iter().find(|waiting| waiting.started.step == step);
        let answer = self.answer(asked.map(|waiting| &waiting.started.arguments));
        let known = known(reader, store, row)?;
        let inputs = known.report.started.inputs.as_map().cloned();
        let secrets = services::secrets_at_hand(&known.workflow, &inputs.unwrap_or_default());
        let order = Approve {
            run,
            step,
            answer,
            secrets: secrets.to_texts(),
        };
        Ok((order, known))
    }

    fn answer(&self, asked: Option<&Value>) -> Value {
        let default = || {
            let approve = Value::from("approve");
            let may_be = asked.is_none_or(|asked| choices(asked).contains(&approve));
            may_be.then_some(approve)
        };
        let choice = self.choice.map(Value::from).or_else(default);
        Value::map([
            ("choice", choice.unwrap_or_default()),
            ("by", Value::from(self.by)),
            ("comment", Value::from(self.comment)),
            ("fields", Value::from(self.fields.clone())),
        ])
    }
}

/// Whether a word that stands for a step is rather one of what may be chosen.
fn is_choice(asked: &Waiting, word: &str) -> bool {
    let choices = choices(&asked.started.arguments);
    asked.started.step != word && choices.contains(&Value::from(word))
}

fn not_a_step(word: &str, asked: &Waiting) -> Trouble {
    let (run, step) = (&asked.run, &asked.started.step);
    let message = format!("`{word}` stands where the step is named, and is a choice of `{step}`");
    let trouble = Trouble::new(Exit::Usage, "run.answer", message);
    trouble.help(format!("`flow approve {run} {step} {word}` chooses it"))
}

/// Who decided the last that was asked, if somebody did.
fn decided_last(reader: &Reader, run: &str) -> Result<Option<Trouble>, Trouble> {
    let journal = reader.journal(run)?.into_iter().rev();
    let mut ended = journal.filter_map(|(_, event)| match event {
        Event::HoldEnded(ended) => answered(&ended.step, &ended.value),
        _ => None,
    });
    Ok(ended.next())
}

/// No step was named, and not exactly one waits.
fn not_one(run: &str, waiting: &[Waiting]) -> Trouble {
    let names: Vec<&str> = waiting.iter().map(|one| &*one.started.step).collect();
    let (code, message) = match names.as_slice() {
        [] => (
            "run.not_awaited",
            format!("no step of run {run} waits for a decision"),
        ),
        names => (
            "run.answer",
            format!(
                "say of which step: several of run {run} wait: {}",
                names.join(", ")
            ),
        ),
    };
    Trouble::new(Exit::Usage, code, message)
        .help("`flow approvals` lists what waits for a decision")
}

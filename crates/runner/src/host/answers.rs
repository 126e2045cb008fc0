//! What people say to steps that wait for a decision, and whether a workflow can be called back.

use flow_engine::catalog::Signal;
use flow_engine::journal::Event;
use flow_engine::run::callbacks::needed_by;
use flow_engine::run::{IllegalInput, Input, Run};
use flow_engine::value::Value;
use flow_engine::workflow::Workflow;
use flow_local::clock::now;
use flow_local::driver::Decided;
use flow_local::start;
use flow_local::store::TakeUp;

use super::order::Approve;
use super::troubles::{damaged, stopping};
use super::{Driven, Owner, quarantine};
use crate::exit::{Exit, Trouble};

impl Owner {
    /// Answers a step that waits for a person; the answer is on disk before this returns, or the run is driven here.
    pub(crate) async fn approve(&self, approve: Approve) -> Result<Driven, Trouble> {
        let _taking = self.taking.lock().await;
        let Approve {
            run,
            step,
            answer,
            secrets,
        } = approve;
        let (refusal, refused) = std::sync::mpsc::channel();
        let (name, value) = (step.clone(), answer.clone());
        let decided = self.driver.decide(&run, move |run| {
            say(run, &name, value).map_err(|trouble| {
                let _ = refusal.send(trouble);
                IllegalInput(String::new())
            })
        });
        match decided.await {
            Decided::OnDisk => return Ok(Driven::Told),
            Decided::Refused(_) => return Err(refused.recv().unwrap_or_else(|_| stopping(&run))),
            Decided::Stopping => return Err(stopping(&run)),
            Decided::NotDriven => {}
        }
        if let Some(trouble) = self.answered_before(&run, &step)? {
            return Err(trouble);
        }
        let row = self.unfinished(&run)?;
        match tokio::task::block_in_place(|| self.store.take_up(&run, false))? {
            TakeUp::Goes => {}
            TakeUp::Quarantined { deaths } => return Err(quarantine::trouble(&run, deaths)),
        }
        let driven = async {
            let (events, ready) = self.load(row)?;
            self.can_be_called_back(&ready.workflow)?;
            let callbacks = self.store.callbacks();
            let taken = start::take_up(ready.workflow.clone(), events, callbacks);
            let mut taken = taken.map_err(|error| damaged(&run, &error))?;
            say(&mut taken.run, &step, answer)?;
            self.drive_on(taken, ready, secrets).await
        };
        self.or_let_go(&run, driven.await)
    }

    /// Who answered before, if somebody did: read from the journal, for runs and items that are over.
    fn answered_before(&self, run: &str, step: &str) -> Result<Option<Trouble>, Trouble> {
        let journal = self.reader()?.journal(run)?;
        let ended = journal.into_iter().find_map(|(_, event)| match event {
            Event::HoldEnded(ended) if ended.step == step => Some(ended.value),
            _ => None,
        });
        Ok(ended.and_then(|value| answered(step, &value)))
    }

    /// Refuses a workflow that waits to be called back where nobody takes callbacks.
    pub(super) fn can_be_called_back(&self, workflow: &Workflow) -> Result<(), Trouble> {
        if self.store.callbacks().is_some() || !needed_by(workflow) {
            return Ok(());
        }
        let message = "a step of the workflow waits to be called back, and nobody takes callbacks";
        let trouble = Trouble::new(Exit::Invalid, "run.callbacks", message);
        Err(trouble
            .help("start `flow serve` in this project, which takes them, then type the same again"))
    }
}

/// Gives a run a person's answer.
fn say(run: &mut Run, step: &str, answer: Value) -> Result<(), Trouble> {
    let usage = |code: &str, message: String| Trouble::new(Exit::Usage, code, message);
    let waits = "`flow approvals` lists what waits for a decision";
    let Some(node) = run.find(step) else {
        let message = format!("the run has no step `{step}` that goes on");
        return Err(usage("run.not_awaited", message).help(waits));
    };
    if run.signal(node) != Some(Signal::Approval) {
        if let Some(trouble) = run.value_of(node).and_then(|value| answered(step, value)) {
            return Err(trouble);
        }
        let message = format!("step `{step}` does not wait for a decision");
        return Err(usage("run.not_awaited", message).help(waits));
    }
    let answer = Input::Signal {
        node,
        value: answer,
    };
    run.handle(now(), answer).map_err(|error| {
        let message = format!("step `{step}`: {}", error.0);
        usage("run.answer", message)
            .help("`flow approvals` shows what may be chosen, who may choose, and which fields are asked for; `--by NAME` says who you are")
    })
}

/// That somebody answered already, if this is such an answer.
pub(crate) fn answered(step: &str, value: &Value) -> Option<Trouble> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let choice = text("choice")?;
    let by = text("by").map_or(String::new(), |by| format!(" by {by}"));
    let at = text("at").map_or(String::new(), |at| format!(" at {at}"));
    let message = format!("step `{step}` was decided already: `{choice}`{by}{at}");
    let trouble = Trouble::new(Exit::Usage, "run.answered", message);
    Some(trouble.help("the first answer counts"))
}

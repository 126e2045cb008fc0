//! `flow why`: the reason of every wait, skip, retry and decision of a run, or of what a trigger started and did not.

use std::fmt::Write;

use flow_engine::report::StepState;
use flow_local::clock::now;
use flow_local::store::Store;
use serde_json::json;

use super::resume::no_store;
use super::runs::queued;
use super::{StoreArguments, print, print_json, triggers};
use crate::exit::{Exit, Trouble};
use crate::host::quarantine;
use crate::show::style::{DIM, of_status, paint};
use crate::show::why;
use crate::stored::{Found, known, look_up};

/// How much of what a trigger noticed is told.
const NOTICED: u32 = 20;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run's id or its beginning; the newest run if not given. Or a trigger, as WORKFLOW/TRIGGER.
    #[arg(value_name = "RUN|TRIGGER")]
    run: Option<String>,
    /// Only this step and what is inside it.
    #[arg(value_name = "STEP")]
    step: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn why(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    if let Some(trigger) = arguments.run.as_deref().filter(|name| name.contains('/')) {
        return triggers::one(&folders, trigger, NOTICED, arguments.json);
    }
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let row = match &arguments.run {
        Some(prefix) => match look_up(&reader, prefix)? {
            Found::Run(row) => row,
            Found::Queued(waiting) => {
                queued(&waiting, Store::is_owned(&folders.store), arguments.json);
                return Ok(Exit::Success);
            }
        },
        None => reader.runs(1)?.pop().ok_or_else(|| no_store(&folders))?,
    };
    let owned = Store::is_owned(&folders.store);
    let status = row.status.clone();
    let alone = !row.has_ended() && !owned && status != "interrupted" && status != "quarantined";
    let deaths = reader.quarantined()?.remove(&row.run);
    let run = row.run.clone();
    let shown = known(&reader, &folders.store, row)?;
    let found = why::why(
        &shown.workflow,
        &shown.report,
        arguments.step.as_deref(),
        now(),
    );
    if let (Some(step), true) = (&arguments.step, found.is_empty()) {
        let message = format!("the run has no step `{step}`");
        let trouble = Trouble::new(Exit::Usage, "run.unknown_step", message);
        return Err(trouble.help(format!("`flow show {run}` lists its steps")));
    }
    if arguments.json {
        print_json(
            &json!({ "run": run, "status": status, "driven": owned, "deaths": deaths, "steps": found }),
        );
        return Ok(Exit::Success);
    }
    let (sign, style) = of_status(&status);
    let mut text = format!(
        "{} {} {status} {}\n",
        paint(style, sign),
        shown.workflow.name,
        paint(DIM, format!("(run {run})"))
    );
    if alone {
        let _ = writeln!(text, "  nobody drives it: `flow resume {run}` goes on");
    }
    if let Some(deaths) = deaths {
        let (why, next) = (quarantine::why(deaths), quarantine::next(&run));
        let _ = writeln!(text, "  {why}\n  {next}");
        let running = shown.report.steps.iter();
        let running = running.filter(|(_, step)| step.state == StepState::Running);
        for (path, _) in running {
            let _ = writeln!(text, "  `{path}` was running when the last one died");
        }
    }
    if let Some(failure) = shown
        .report
        .ended
        .as_ref()
        .and_then(|(_, ended)| ended.failure.as_ref())
    {
        let _ = writeln!(text, "  {}: {}", failure.code, failure.message);
    }
    if found.is_empty() {
        text.push_str("  every step succeeded at the first attempt\n");
    }
    for step in found {
        let (sign, style) = of_status(step.status);
        let _ = writeln!(
            text,
            "  {} {} {}",
            paint(style, sign),
            step.step,
            paint(DIM, step.status.replace('_', " "))
        );
        for reason in step.reasons {
            let _ = writeln!(text, "      {reason}");
        }
    }
    print(&text);
    Ok(Exit::Success)
}

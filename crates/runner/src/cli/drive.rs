//! Driving one run in the foreground: progress, Ctrl-C, the end.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use flow_engine::journal::{Event, RunStatus};
use flow_engine::report::{Report, StepState};
use flow_engine::run::step_of;
use flow_engine::time::Timestamp;
use flow_engine::value::Value;
use flow_engine::workflow::{Does, Workflow};
use flow_local::clock::now;
use flow_local::driver::Progress;
use flow_local::store::StoreError;
use serde_json::json;

use super::signals::Signals;
use super::{print, print_json};
use crate::exit::{Exit, Trouble};
use crate::host::{Backend, Following};
use crate::show::lines::Lines;
use crate::show::live::Live;
use crate::show::style::{self, DIM, RED, paint};
use crate::show::values;
use crate::show::{awaited, plain, summary, why};

/// How a run is shown.
pub(super) struct Shown {
    pub(super) workflow: Arc<Workflow>,
    pub(super) json: bool,
    pub(super) notes: Vec<String>,
}

/// How progress is shown.
enum View {
    Live(Box<Live>),
    Plain(Lines<std::io::Stderr>),
    Json(Lines<std::io::Stdout>),
}

impl View {
    /// Writes what was said.
    fn flush(&mut self) {
        match self {
            View::Live(_) => {}
            View::Plain(lines) => lines.flush(),
            View::Json(lines) => lines.flush(),
        }
    }
}

/// Follows a run to its end, to a decision, or until it is stopped; then lets go of the store. `before` is what
/// happened to it before.
pub(super) async fn drive(
    backend: Backend,
    following: Following,
    shown: Shown,
    before: Option<Report>,
) -> Result<Exit, Trouble> {
    let mut hurried = false;
    let exit = watch(&backend, following, shown, before, &mut hurried).await;
    if !hurried {
        backend.close().await;
    }
    exit
}

/// `hurried` is set if somebody asked twice to stop: then nothing is waited for.
async fn watch(
    backend: &Backend,
    mut following: Following,
    shown: Shown,
    before: Option<Report>,
    hurried: &mut bool,
) -> Result<Exit, Trouble> {
    let Shown {
        workflow,
        json,
        notes,
    } = shown;
    let mut signals = Signals::listen();
    // A new run tells its start first.
    let mut early = None;
    let mut report = match before {
        Some(report) => report,
        None => match first(&mut following, &mut signals).await? {
            (at, Event::RunStarted(started)) => {
                early = Some((at, Event::RunStarted(started.clone())));
                Report::new(started, at)
            }
            _ => return Err(lost(&following.run)),
        },
    };
    let run = report.started.run.clone();
    let mut view = match (json, std::io::stderr().is_terminal()) {
        (true, _) => View::Json(Lines::stdout()),
        (false, true) => View::Live(Box::new(Live::new(&workflow))),
        (false, false) => View::Plain(Lines::stderr()),
    };
    title(&mut view, &workflow, &run, report.started.sandbox, notes);
    if let Some((at, event)) = early {
        event_shown(&mut view, &workflow, &report, at, &event);
    }
    let mut tick = tokio::time::interval(Duration::from_millis(250));
    let mut stopped = None;
    let end = loop {
        // What has come is shown together, before anything more is waited for.
        if following.progress.is_empty() {
            view.flush();
        }
        tokio::select! {
            next = following.progress.recv() => match next {
                None if stopped.is_none() => return Err(lost(&run)),
                None => break Progress::Stopped,
                Some(Progress::Event { at, event }) => {
                    report.take(at, &event);
                    event_shown(&mut view, &workflow, &report, at, &event);
                }
                Some(Progress::Looking { .. } | Progress::Waits(_)) => {}
                Some(Progress::StoreWaits(waits)) => say(&mut view, &store_waits(waits.as_ref())),
                Some(end) => break end,
            },
            _ = tick.tick() => {
                if let View::Live(live) = &mut view {
                    live.update(&report, None, now());
                }
            }
            signal = signals.next() => {
                if stopped.replace(signal).is_some() {
                    *hurried = true;
                    break Progress::Stopped;
                }
                say(&mut view, "stopping; once more stops at once");
                backend.stop(&following);
            }
        }
    };
    if let View::Live(live) = &mut view {
        live.finish();
    }
    view.flush();
    if matches!(end, Progress::Ended(_)) {
        // Runs that it started and does not wait for, and those of other terminals.
        let others =
            "it has ended; other runs are still driven here and waited for (Ctrl-C stops them)";
        tokio::select! {
            () = backend.rest(|| {
                say(&mut view, others);
                view.flush();
            }) => {}
            _ = signals.next() => {}
        }
    }
    finish(&workflow, &report, &end, stopped, json)
}

/// The first event of a new run. A store without space is waited for; who does not want to wait has started nothing.
async fn first(
    following: &mut Following,
    signals: &mut Signals,
) -> Result<(Timestamp, Event), Trouble> {
    let mut waits = None;
    loop {
        tokio::select! {
            next = following.progress.recv() => match next {
                Some(Progress::Event { at, event }) => return Ok((at, *event)),
                Some(Progress::StoreWaits(now)) => {
                    anstream::eprintln!("{}", store_waits(now.as_ref()));
                    waits = now;
                }
                Some(Progress::StoreFailed(error)) => return Err(error.into()),
                _ => return Err(lost(&following.run)),
            },
            exit = signals.next() => return Err(waits.map_or(Trouble::said(exit), Trouble::from)),
        }
    }
}

fn lost(run: &str) -> Trouble {
    let message = format!("the process that drives run {run} went away");
    let trouble = Trouble::new(Exit::Unavailable, "store.locked", message);
    trouble.help(format!("nothing is lost: `flow resume {run}` goes on"))
}

fn title(view: &mut View, workflow: &Workflow, run: &str, sandbox: bool, mut notes: Vec<String>) {
    if sandbox {
        notes.insert(0, "sandbox".to_owned());
        let real = workflow.connections.values().filter(|connection| {
            !crate::services::SANDBOX_SERVES.contains(&&*connection.connector)
        });
        notes.extend(real.map(|connection| format!("{} stays real", connection.connector)));
    }
    match view {
        View::Live(live) => live.title(&workflow.name, run, &notes),
        View::Plain(lines) => {
            let notes = if notes.is_empty() {
                String::new()
            } else {
                format!(" ({})", notes.join(", "))
            };
            lines.add(&format!("{}: run {run}{notes}", workflow.name));
        }
        View::Json(_) => {}
    }
}

/// Shows what one event changed.
fn event_shown(
    view: &mut View,
    workflow: &Workflow,
    report: &Report,
    at: Timestamp,
    event: &Event,
) {
    let step = step_of(event);
    if let Event::AdmissionWaited(waited) = event
        && step.is_none()
    {
        say(view, &why::place(waited, at));
    }
    match view {
        View::Json(lines) => {
            let (at, kind, body) = (json!(at.to_string()), json!(event.kind()), event.to_body());
            lines.add(&format!(r#"{{"at":{at},"event":{kind},"body":{body}}}"#));
        }
        View::Live(live) => live.update(report, step, at),
        View::Plain(lines) => {
            if let Some(line) = plain::line(report, event, at) {
                lines.add(&line);
            }
        }
    }
    if let Event::HoldStarted(started) = event
        && let Some(shape) = workflow.step_of_path(&started.step)
    {
        let run = &report.started.run;
        if let Some(remedy) = awaited::remedy(shape, run, &started.step, &started.arguments) {
            say(view, &format!("  {remedy}"));
        }
    }
    if let Some(line) = step.and_then(|name| logged(workflow, report, name)) {
        say(view, &line);
    }
}

/// The message of a `log` step that has just ended.
fn logged(workflow: &Workflow, report: &Report, name: &str) -> Option<String> {
    let step = workflow.step_of_path(name)?;
    let Does::Call(call) = &step.does else {
        return None;
    };
    let state = report.steps.get(name)?;
    if &*call.call.connector != "log" || state.state != StepState::Succeeded {
        return None;
    }
    let value = state.value.as_ref()?;
    let message = value.get("message").and_then(Value::as_str)?;
    let level = value.get("level").and_then(Value::as_str).unwrap_or("info");
    // Foreign text must not drive the terminal.
    let message: String = message
        .chars()
        .filter(|letter| !letter.is_control())
        .collect();
    Some(format!("{} {message}", paint(DIM, format!("{level}:"))))
}

/// What is said while the store takes nothing, and once it does again.
fn store_waits(waits: Option<&StoreError>) -> String {
    let Some(error) = waits else {
        return "the store takes commits again: the run goes on".to_owned();
    };
    let title = paint(RED, format!("waiting[{}]:", error.code()));
    format!("{title} {error}; the run goes on by itself once that is mended, Ctrl-C stops it")
}

fn say(view: &mut View, line: &str) {
    match view {
        View::Live(bars) => bars.line(line),
        View::Plain(lines) => lines.add(line),
        View::Json(_) => {}
    }
}

pub(super) fn finish(
    workflow: &Workflow,
    report: &Report,
    end: &Progress,
    stopped: Option<Exit>,
    json: bool,
) -> Result<Exit, Trouble> {
    let run = &report.started.run;
    let took = values::elapsed(summary::took(report, now()));
    let (exit, status) = match end {
        Progress::Ended(ended) => {
            let exit = match ended.status {
                RunStatus::Succeeded => Exit::Success,
                RunStatus::Failed => Exit::Failed,
                RunStatus::Cancelled => Exit::Cancelled,
            };
            (exit, ended.status.as_str())
        }
        Progress::Interrupted => (Exit::Interrupted, "interrupted"),
        Progress::StoreFailed(error) => return Err(error.clone().into()),
        _ => (stopped.unwrap_or(Exit::Stopped), "stopped"),
    };
    if json {
        print(&format!(
            "{}\n",
            summary::to_json(report, status, &report.costs)
        ));
        return Ok(exit);
    }
    summary::print_failures(workflow, report);
    let (sign, color) = style::of_status(status);
    anstream::eprintln!(
        "{} {} {status} in {took} {}",
        paint(color, sign),
        workflow.name,
        paint(DIM, format!("(run {run})"))
    );
    match exit {
        Exit::Failed => anstream::eprintln!("  `flow show {run}` shows every step"),
        Exit::Interrupted if !waits_itself(report) => {
            anstream::eprintln!("  a run that it started waits for a decision, or was stopped:");
            anstream::eprintln!(
                "  `flow runs` shows it, `flow why` tells why; resume that one, then `flow resume {run}`"
            );
        }
        Exit::Interrupted if lacks_money(report) => anstream::eprintln!(
            "  give more with `flow resume {run} --budget usd=1`, or go on without with `--skip STEP`"
        ),
        Exit::Interrupted => anstream::eprintln!(
            "  decide with `flow resume {run} --retry STEP`, `--skip STEP` or `--set STEP=VALUE`"
        ),
        Exit::Stopped | Exit::Terminated => {
            anstream::eprintln!("  nothing is lost: `flow resume {run}` goes on");
        }
        _ => {}
    }
    let Progress::Ended(ended) = end else {
        return Ok(exit);
    };
    if !ended.not_undone.is_empty() {
        let list = ended.not_undone.join("`, `");
        anstream::eprintln!(
            "  {} what `{list}` did stays done",
            paint(RED, "not undone:")
        );
    }
    if let Value::Map(outputs) = &ended.outputs
        && !outputs.is_empty()
    {
        print_outputs(&Value::Map(outputs.clone()));
    }
    Ok(exit)
}

/// Whether a step of this very run needs a decision.
fn waits_itself(report: &Report) -> bool {
    let mut steps = report.steps.values();
    steps.any(|step| step.state == StepState::Interrupted)
}

/// Whether all that needs a decision waits for more money.
fn lacks_money(report: &Report) -> bool {
    let steps = report.steps.values();
    let mut waiting = steps.filter(|step| step.state == StepState::Interrupted);
    waiting.all(why::is_held)
}

/// Outputs as YAML: they read well, and programs can read them too.
fn print_outputs(outputs: &Value) {
    let form = values::to_json(outputs);
    match serde_yaml::to_string(&form) {
        Ok(text) => print(&text),
        Err(_) => print_json(&form),
    }
}

//! `flow backfill`: runs on purpose for times of the past.
//!
//! The run of a time has an id made of workflow, trigger and time: whoever asks again asks for the same runs, so a backfill
//! that was stopped is gone on with by typing it again, and no time has two runs of backfills.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use flow_engine::journal::StartedBy;
use flow_engine::money::Amount;
use flow_engine::schedule::{Backfill, Due, Refused, Timetable, backfill as times};
use flow_engine::time::Timestamp;
use flow_engine::value::{Map, Value};
use flow_engine::workflow::{Trigger, Workflow};
use flow_local::clock::now;
use flow_local::driver::Progress;
use flow_local::start::id_of_key;
use flow_local::store::{BlobFolder, Store};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::json;

use super::named::file_of;
use super::run::{checked, refused};
use super::schedule::timed;
use super::signals::Signals;
use super::{Folders, StoreArguments, print, print_json, runs};
use crate::exit::{Exit, Trouble};
use crate::host::order::{Resume, SecretTexts, Start};
use crate::host::{Backend, Driven, Following};
use crate::inputs;
use crate::services;
use crate::show::style::{GREEN, RED, YELLOW, paint};
use crate::starting;

/// The most runs that go at once.
const PARALLEL_MAX: i64 = 100;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The workflow file, or the name of a workflow in the project.
    #[arg(value_name = "FILE|WORKFLOW")]
    file: PathBuf,
    /// The trigger, where the workflow has several that are made of times.
    #[arg(long, value_name = "NAME")]
    trigger: Option<String>,
    /// The first instant: a time, a day, or how long ago, such as 7d.
    #[arg(long, value_name = "TIME", value_parser = runs::time)]
    from: Timestamp,
    /// The end, itself outside; now if not given.
    #[arg(long, value_name = "TIME", value_parser = runs::time)]
    to: Option<Timestamp>,
    /// How many runs it may be, at most 10,000.
    #[arg(long, value_name = "N", default_value_t = 100)]
    max: u32,
    /// How many of them go at once.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=PARALLEL_MAX))]
    at_most_parallel: u32,
    /// An input, as name=value.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = inputs::pair)]
    inputs: Vec<(String, String)>,
    /// Run against the built-in loopback Claude API: no key, no network.
    #[arg(long)]
    sandbox: bool,
    /// Start nothing: tell the times, and what has become of each.
    #[arg(long)]
    dry_run: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// A time, its run, and what has become of it.
struct Time {
    due: Due,
    run: String,
    status: Status,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Status {
    /// It has no run yet.
    Open,
    /// The schedule itself started this run.
    Met(String),
    /// How its run is.
    Run(String),
}

impl Status {
    fn as_str(&self) -> &str {
        match self {
            Status::Open => "open",
            Status::Met(_) => "met by the schedule",
            Status::Run(status) => status,
        }
    }

    /// Whether there is something to do for it.
    fn is_open(&self) -> bool {
        match self {
            Status::Open => true,
            Status::Met(_) => false,
            Status::Run(status) => matches!(&**status, "running" | "waiting" | "stopped"),
        }
    }

    fn failed(&self) -> bool {
        match self {
            Status::Open | Status::Met(_) => false,
            Status::Run(status) => status != "succeeded",
        }
    }
}

/// What all of its runs have in common.
struct Common<'a> {
    arguments: &'a Arguments,
    folders: Folders,
    workflow: Arc<Workflow>,
    trigger: Trigger,
    timetable: Timetable,
    given: Map,
    secrets: SecretTexts,
    bundle: flow_engine::bundle::Bundle,
}

pub(super) async fn backfill(mut arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let connectors = services::connectors(&folders.project)?;
    if !arguments.file.is_file()
        && let Some(name) = arguments.file.to_str()
        && let Ok(path) = file_of(name, &folders, &connectors.catalog())?
    {
        arguments.file = path;
    }
    let Some(workflow) = checked(&arguments.file, &connectors)? else {
        return Ok(Exit::Invalid);
    };
    let (trigger, timetable) = the_trigger(&workflow, &arguments)?;
    let at = now();
    let asked = Backfill {
        from: arguments.from,
        to: arguments.to.unwrap_or(at),
        most: arguments.max,
    };
    let due = times(&timetable, asked, None, at).map_err(unallowed)?;
    let mut times = known(&folders, &workflow, &trigger, due)?;
    if arguments.dry_run {
        return Ok(tell(&arguments, &times));
    }
    let (given, errors) = inputs::typed(&workflow, &arguments.inputs, None);
    let errors = starting::not_of_trigger(errors, Some(&trigger));
    if !errors.is_empty() {
        return Err(refused(&workflow, &errors));
    }
    let secrets = services::secrets(&workflow, &given, arguments.sandbox, false)?;
    let bundle = services::bundle(&workflow, &connectors);
    let common = Common {
        folders,
        trigger,
        timetable,
        given,
        secrets: secrets.to_texts(),
        bundle,
        workflow: Arc::new(workflow),
        arguments: &arguments,
    };
    let mut backend = Backend::attach(&common.folders.store).await?;
    let stopped = go(&mut backend, &common, &mut times).await;
    backend.close().await;
    let stopped = stopped?;
    let told = tell(&arguments, &times);
    Ok(stopped.unwrap_or(told))
}

fn the_trigger(
    workflow: &Workflow,
    arguments: &Arguments,
) -> Result<(Trigger, Timetable), Trouble> {
    let file = arguments.file.display().to_string();
    let mut found = timed(workflow, &file, arguments.trigger.as_deref())?;
    let names: Vec<&str> = found.iter().map(|(trigger, _)| &*trigger.name).collect();
    if names.len() > 1 {
        let message = format!(
            "{file} has several triggers made of times: {}",
            names.join(", ")
        );
        let trouble = Trouble::new(Exit::Usage, "schedule.trigger", message);
        return Err(trouble.help("say which one with `--trigger NAME`"));
    }
    let (trigger, timetable) = found.remove(0);
    Ok((trigger.clone(), timetable))
}

fn unallowed(refused: Refused) -> Trouble {
    let trouble = Trouble::new(Exit::Usage, "schedule.backfill", refused.to_string());
    match refused {
        Refused::TooMany { next, .. } => trouble.help(format!(
            "allow more with `--max N`, or end the range with `--to {next}` and go on from there"
        )),
        Refused::Future { .. } => trouble.help("leave `--to` out: it ends now then"),
        Refused::Empty { .. } => {
            trouble.help("such as `--from 7d` or `--from 2026-11-01 --to 2026-11-08`")
        }
        Refused::Bound { .. } => trouble.help("write `--max 100`"),
    }
}

/// The times with what the store knows of them.
fn known(
    folders: &Folders,
    workflow: &Workflow,
    trigger: &Trigger,
    due: Vec<Due>,
) -> Result<Vec<Time>, Trouble> {
    let reader = Store::reader(&folders.store)?;
    let mut met: HashMap<String, String> = HashMap::new();
    if let Some(reader) = &reader {
        for seen in reader.occurrences(&workflow.name, &trigger.name, u32::MAX)? {
            if let Some(run) = seen.run {
                met.insert(seen.key, run);
            }
        }
    }
    let mut times = Vec::with_capacity(due.len());
    for due in due {
        let run = id_of_key(&workflow.name, &key(trigger, &due));
        let status = match (&reader, met.remove(&due.at.to_string())) {
            (_, Some(run)) => Status::Met(run),
            (Some(reader), None) => reader
                .run(&run)?
                .map_or(Status::Open, |row| Status::Run(row.status)),
            (None, None) => Status::Open,
        };
        times.push(Time { due, run, status });
    }
    Ok(times)
}

fn key(trigger: &Trigger, due: &Due) -> String {
    format!("backfill {} {}", trigger.name, due.at)
}

/// Starts what is open, or goes on with it, so many at once; gives how it was told to stop, if it was.
async fn go(
    backend: &mut Backend,
    common: &Common<'_>,
    times: &mut [Time],
) -> Result<Option<Exit>, Trouble> {
    let mut signals = Signals::listen();
    let mut going = FuturesUnordered::new();
    let mut stops: HashMap<usize, Box<dyn Fn() + Send + Sync>> = HashMap::new();
    let mut open = (0..times.len()).filter(|at| times[*at].status.is_open());
    let mut left: Vec<usize> = open.by_ref().collect();
    left.reverse();
    let mut stopped = None;
    loop {
        while stopped.is_none() && going.len() < common.arguments.at_most_parallel as usize {
            let Some(at) = left.pop() else { break };
            let driven = if matches!(times[at].status, Status::Run(_)) {
                backend.resume(resumed(common, &times[at])).await?
            } else {
                let new = start(common, &times[at], &backend.blobs())?;
                backend.start(new, None).await?
            };
            match driven {
                Driven::Following(Following { progress, stop, .. }) => {
                    stops.insert(at, stop);
                    going.push(async move { (at, ended(progress).await) });
                }
                // Somebody else has begun with it just now, and sees to it.
                Driven::Exists | Driven::Told => {
                    times[at].status = Status::Run("running".to_owned());
                }
            }
        }
        tokio::select! {
            next = going.next() => {
                let Some((at, status)) = next else { return Ok(stopped) };
                stops.remove(&at);
                times[at].status = Status::Run(status?);
                if !common.arguments.json {
                    anstream::eprintln!("{}", line(&times[at]));
                }
            }
            exit = signals.next() => {
                if stopped.replace(exit).is_some() {
                    return Ok(stopped);
                }
                anstream::eprintln!("stopping; typed again, it goes on");
                match backend {
                    Backend::Here(owner) => owner.stop(),
                    Backend::There(_) => stops.values().for_each(|stop| stop()),
                }
            }
        }
    }
}

/// How a run ends, or why it does not go on here.
async fn ended(
    mut progress: tokio::sync::mpsc::UnboundedReceiver<Progress>,
) -> Result<String, Trouble> {
    loop {
        match progress.recv().await {
            Some(Progress::Ended(ended)) => return Ok(ended.status.as_str().to_owned()),
            Some(Progress::Interrupted) => return Ok("interrupted".to_owned()),
            Some(Progress::Stopped) | None => return Ok("stopped".to_owned()),
            Some(Progress::StoreFailed(error)) => return Err(error.into()),
            Some(_) => {}
        }
    }
}

fn start(common: &Common<'_>, time: &Time, blobs: &BlobFolder) -> Result<Start, Trouble> {
    let Common {
        workflow, trigger, ..
    } = common;
    let due = time.due.at;
    let before = common
        .timetable
        .latest(Timestamp(i64::MIN / 2), Timestamp(due.0 - 1));
    let started_by = StartedBy {
        name: Some(trigger.name.to_string()),
        kind: "backfill".to_owned(),
        key: Some(key(trigger, &time.due)),
        due: Some(due),
        due_previous: before.map(|before| before.at),
        ..StartedBy::default()
    };
    let event = Value::map::<&str>([]);
    let given = common.given.clone();
    let given = starting::with_trigger(workflow, Some(trigger), given, &started_by, &event, blobs)
        .map_err(|error| refused(workflow, &[error]))?;
    let given = inputs::store_files(workflow, &given, &common.folders.project, blobs)?;
    Ok(Start {
        run: time.run.clone(),
        bundle: common.bundle.clone(),
        inputs: Value::from(given),
        started_by,
        trigger: event,
        sandbox: common.arguments.sandbox,
        project: Some(common.folders.project.display().to_string()),
        retry: None,
        secrets: common.secrets.clone(),
    })
}

fn resumed(common: &Common<'_>, time: &Time) -> Resume {
    Resume {
        run: time.run.clone(),
        decisions: Vec::new(),
        budget: Amount::default(),
        force: false,
        secrets: common.secrets.clone(),
    }
}

fn line(time: &Time) -> String {
    let run = match &time.status {
        Status::Open => String::new(),
        Status::Met(run) => format!(" {run}"),
        Status::Run(_) => format!(" {}", time.run),
    };
    let style = match &time.status {
        _ if time.status.failed() => RED,
        Status::Run(_) => GREEN,
        _ => YELLOW,
    };
    format!(
        "{} {}{run}",
        time.due.at,
        paint(style, time.status.as_str())
    )
}

/// Tells what has become of the times.
fn tell(arguments: &Arguments, times: &[Time]) -> Exit {
    let count = |wanted: &str| {
        times
            .iter()
            .filter(|time| time.status.as_str() == wanted)
            .count()
    };
    if arguments.json {
        let time = |time: &Time| {
            let run = match &time.status {
                Status::Open => None,
                Status::Met(run) => Some(run),
                Status::Run(_) => Some(&time.run),
            };
            json!({ "due": time.due.at.to_string(), "status": time.status.as_str(), "run": run })
        };
        print_json(&times.iter().map(time).collect());
    } else {
        let mut text = String::new();
        if arguments.dry_run {
            for time in times {
                let _ = writeln!(text, "{}", line(time));
            }
        }
        let mut statuses: Vec<&str> = times.iter().map(|time| time.status.as_str()).collect();
        statuses.sort_unstable();
        statuses.dedup();
        let counts = statuses
            .iter()
            .map(|status| format!("{} {status}", count(status)));
        let counts: Vec<String> = counts.collect();
        let many = if times.len() == 1 { "" } else { "s" };
        let _ = writeln!(text, "{} time{many}: {}", times.len(), counts.join(", "));
        print(&text);
    }
    let failed = !arguments.dry_run && times.iter().any(|time| time.status.failed());
    if failed { Exit::Failed } else { Exit::Success }
}

//! What is asked for, written down and carried out.
//!
//! The run of a time has an id made of workflow, trigger and time: whoever asks again asks for the same runs, so a backfill
//! that was stopped is gone on with by typing it again, and no time has two runs of backfills. The id of a backfill is made of
//! workflow, trigger, times, inputs and sandbox.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use flow_engine::schedule::{Due, Refused, Timetable, backfill as times};
use flow_engine::time::Timestamp;
use flow_engine::value::{Map, Value, journal};
use flow_engine::workflow::{Trigger, Workflow};
use flow_local::clock::now;
use flow_local::start::id_of_key;
use flow_local::store::{Backfill, BackfillTime, Followed, Planned, Stands, Store};

use super::Arguments;
use super::follow::{Common, follow};
use super::list::{counted, line};
use crate::backfills::{followed, time_json};
use crate::cli::named::file_of;
use crate::cli::run::{checked, refused};
use crate::cli::schedule::timed;
use crate::cli::{print, print_json};
use crate::exit::{Exit, Trouble};
use crate::host::Backend;
use crate::host::order::Record;
use crate::show::values::plural;
use crate::{inputs, services, starting};

pub(super) async fn make(arguments: Arguments) -> Result<Exit, Trouble> {
    let (Some(typed), Some(from)) = (&arguments.file, arguments.from) else {
        return Err(unallowed(Refused::Empty {
            from: now(),
            to: now(),
        }));
    };
    let folders = arguments.store.folders()?;
    let connectors = services::connectors(&folders.project)?;
    let mut file = typed.clone();
    if !typed.is_file()
        && let Some(name) = typed.to_str()
        && let Ok(path) = file_of(name, &folders, &connectors.catalog())?
    {
        file = path;
    }
    let Some(workflow) = checked(&file, &connectors)? else {
        return Ok(Exit::Invalid);
    };
    let (trigger, timetable) = the_trigger(&workflow, &file, arguments.trigger.as_deref())?;
    let at = now();
    let asked = flow_engine::schedule::Backfill {
        from,
        to: arguments.to.unwrap_or(at),
        most: arguments.max,
    };
    let due = times(&timetable, asked, None, at).map_err(unallowed)?;
    let planned: Vec<Planned> = due
        .iter()
        .map(|due| plan(&workflow, &trigger, due))
        .collect();
    let (given, errors) = inputs::typed(&workflow, &arguments.inputs, None);
    let id = id(&workflow, &trigger, &planned, &given, arguments.sandbox);
    let mut times = known(&folders.store, &id, &workflow, &trigger, planned.clone())?;
    if arguments.dry_run || times.is_empty() {
        return Ok(tell(&arguments, &times));
    }
    let errors = starting::not_of_trigger(errors, Some(&trigger));
    if !errors.is_empty() {
        return Err(refused(&workflow, &errors));
    }
    let secrets = services::secrets(&workflow, &given, arguments.sandbox, false)?;
    let bundle = services::bundle(&workflow, &connectors);
    let common = Common {
        backfill: Backfill {
            backfill: id,
            workflow: workflow.name.to_string(),
            trigger: trigger.name.to_string(),
            from,
            to: asked.to,
            made_at: at,
            parallel: arguments.at_most_parallel,
            file: typed.display().to_string(),
            inputs: arguments.inputs.clone(),
            sandbox: arguments.sandbox,
            cancelled_at: None,
        },
        folders,
        trigger,
        timetable,
        given,
        secrets: secrets.to_texts(),
        bundle,
        workflow: Arc::new(workflow),
        says: !arguments.json,
    };
    let mut backend = Backend::attach(&common.folders.store).await?;
    let done = carry_out(&mut backend, &common, planned, &mut times).await;
    backend.close().await;
    let stopped = done?;
    let told = tell(&arguments, &times);
    Ok(stopped.unwrap_or(told))
}

/// Writes it down and follows its runs; gives how it was told to stop, if it was.
async fn carry_out(
    backend: &mut Backend,
    common: &Common,
    planned: Vec<Planned>,
    times: &mut Vec<BackfillTime>,
) -> Result<Option<Exit>, Trouble> {
    let (store, id) = (&common.folders.store, &common.backfill.backfill);
    let take = || Followed::take(store, id);
    let _followed = tokio::task::block_in_place(take)?.ok_or_else(|| followed(id))?;
    let record = Record {
        backfill: common.backfill.clone(),
        times: planned.clone(),
    };
    backend.record(record).await?;
    // As they stand now that nobody else follows it.
    *times = known(store, id, &common.workflow, &common.trigger, planned)?;
    if common.says && times.iter().any(|time| time.stands.is_left()) {
        anstream::eprintln!("backfill {id}");
    }
    let stopped = follow(backend, common, times).await?;
    let is_cancelled = Store::reader_of(store)?
        .backfill(id)?
        .is_some_and(|known| known.cancelled_at.is_some());
    if is_cancelled && stopped.is_none() {
        anstream::eprintln!("backfill {id} was cancelled");
        return Ok(Some(Exit::Cancelled));
    }
    Ok(stopped)
}

fn the_trigger(
    workflow: &Workflow,
    file: &Path,
    wanted: Option<&str>,
) -> Result<(Trigger, Timetable), Trouble> {
    let file = file.display().to_string();
    let mut found = timed(workflow, &file, wanted)?;
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

/// What tells the run of a time from those of others.
pub(super) fn key(trigger: &Trigger, due: Timestamp) -> String {
    format!("backfill {} {due}", trigger.name)
}

fn plan(workflow: &Workflow, trigger: &Trigger, due: &Due) -> Planned {
    Planned {
        due: due.at,
        run: id_of_key(&workflow.name, &key(trigger, due.at)),
        ended: None,
    }
}

/// The same for whatever covers the same times with the same inputs: a range that is told by how long ago is the same as long
/// as no time enters or leaves it.
fn id(
    workflow: &Workflow,
    trigger: &Trigger,
    planned: &[Planned],
    given: &Map,
    sandbox: bool,
) -> String {
    let inputs = journal::to_string(&Value::from(given.clone()));
    let mut key = format!("backfill {}\n{inputs}\n{sandbox}", trigger.name);
    for time in planned {
        let _ = write!(key, "\n{}", time.due.0);
    }
    id_of_key(&workflow.name, &key)
}

/// How its times stand; what the store knows of the backfill already counts.
fn known(
    store: &Path,
    id: &str,
    workflow: &Workflow,
    trigger: &Trigger,
    planned: Vec<Planned>,
) -> Result<Vec<BackfillTime>, Trouble> {
    let Some(reader) = Store::reader(store)? else {
        let open = planned
            .into_iter()
            .map(|Planned { due, run, .. }| BackfillTime {
                due,
                run,
                stands: Stands::Open,
            });
        return Ok(open.collect());
    };
    let before = reader.planned(id)?;
    let planned = if before.is_empty() { planned } else { before };
    Ok(reader.stand(&workflow.name, &trigger.name, planned)?)
}

/// Tells what has become of the times.
fn tell(arguments: &Arguments, times: &[BackfillTime]) -> Exit {
    if arguments.json {
        print_json(&times.iter().map(time_json).collect());
    } else {
        let mut text = String::new();
        if arguments.dry_run {
            for time in times {
                let _ = writeln!(text, "{}", line(time));
            }
        }
        let many = plural(times.len() as u64, "time");
        let _ = writeln!(text, "{many}: {}", counted(times));
        print(&text);
    }
    let failed = |time: &BackfillTime| match &time.stands {
        Stands::Open | Stands::Met(_) => false,
        Stands::Run(status) | Stands::Deleted(status) => status != "succeeded",
    };
    if !arguments.dry_run && times.iter().any(failed) {
        Exit::Failed
    } else {
        Exit::Success
    }
}

//! `flow doctor`: what there is to know about the store, whether it is whole, and mending it.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use flow_engine::bundle::Bundle;
use flow_engine::journal::Event;
use flow_engine::run::{Projection, Run};
use flow_engine::time::Timestamp;
use flow_local::store::{Complaint, Facts, Reader, Store, sqlite_version};
use serde_json::{Value, json};

use super::resume::no_store;
use super::{Folders, StoreArguments, print, print_json};
use crate::exit::{Exit, Trouble};
use crate::load::check as check_workflow;
use crate::services;
use crate::show::style::{BOLD, RED, paint};
use crate::show::values::bytes;

#[derive(clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch; clap keeps all but one from being given together"
)]
pub(super) struct Arguments {
    /// Look at every page, every row of every journal, every stored value and every table.
    #[arg(long, group = "what")]
    check: bool,
    /// Make the lists of runs and of what they wait for again, from the journals.
    #[arg(long, group = "what")]
    rebuild: bool,
    /// Copy every run that is whole into a new store in this folder.
    #[arg(long, value_name = "DIR", group = "what")]
    salvage: Option<PathBuf>,
    /// Take the database that is there as the one that belongs there.
    #[arg(long, group = "what")]
    accept: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn doctor(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let any = || -> Result<Reader, Trouble> {
        Store::reader_of_any(&folders.store)?.ok_or_else(|| no_store(&folders))
    };
    if arguments.check {
        let found = any()?.examine(&folders.store, &replay)?;
        let counted = json!({ "runs": found.runs, "rows": found.rows, "blobs": found.blobs });
        let words = format!(
            "looked at {} runs, {} rows, {} stored values",
            found.runs, found.rows, found.blobs
        );
        return Ok(told(arguments.json, counted, &words, &found.complaints));
    }
    if arguments.rebuild {
        let store = Store::open(&folders.store)?;
        let (made, complaints) = store.rebuild(&replay)?;
        let words = format!("made the tables of {made} runs again");
        return Ok(told(
            arguments.json,
            json!({ "rebuilt": made }),
            &words,
            &complaints,
        ));
    }
    if let Some(target) = &arguments.salvage {
        if target.exists() {
            let message = format!("{} is there already", target.display());
            return Err(Trouble::new(Exit::Usage, "store.backup_exists", message)
                .help("name a folder that is not there yet"));
        }
        let damaged = any()?;
        let new = Store::open(target)?;
        let salvaged = damaged.salvage(&folders.store, &new, &replay)?;
        let words = format!("saved {} runs", salvaged.saved.len());
        let saved = json!({ "saved": salvaged.saved });
        return Ok(told(arguments.json, saved, &words, &salvaged.lost));
    }
    if arguments.accept {
        drop(Store::accept(&folders.store)?);
    }
    facts(&folders, arguments.json)
}

/// What the tables should say of a run that has not ended.
fn replay(bundle: &Bundle, events: Vec<(Timestamp, Event)>) -> Result<Projection, String> {
    let connectors = services::pinned(bundle).map_err(|trouble| trouble.to_string())?;
    let checked = check_workflow(&bundle.source(), &connectors.catalog(), bundle);
    let workflow = checked
        .workflow
        .ok_or("the pinned workflow is no longer valid")?;
    let run = Run::replay(Arc::new(workflow), events).map_err(|error| error.to_string())?;
    Ok(run.projection())
}

/// Says what was done and what is wrong.
fn told(as_json: bool, mut counted: Value, words: &str, complaints: &[Complaint]) -> Exit {
    let exit = if complaints.is_empty() {
        Exit::Success
    } else {
        Exit::Unavailable
    };
    if as_json {
        counted["complaints"] = complaints.iter().map(complaint_json).collect();
        print_json(&counted);
        return exit;
    }
    for complaint in complaints {
        let run = complaint.run.as_ref();
        let run = run.map_or_else(String::new, |run| format!("run {run}: "));
        let title = paint(RED, format!("error[{}]", complaint.code));
        print(&format!("{title}: {run}{}\n", complaint.message));
    }
    let found = match complaints.len() {
        0 => "nothing is wrong".to_owned(),
        1 => "1 thing is wrong".to_owned(),
        several => format!("{several} things are wrong"),
    };
    anstream::eprintln!("{words}: {found}");
    if complaints.iter().any(|complaint| complaint.rebuilds) {
        anstream::eprintln!("  `flow doctor --rebuild` makes the tables again from the journals");
    }
    if complaints.iter().any(|complaint| !complaint.rebuilds) {
        anstream::eprintln!(
            "  `flow doctor --salvage DIR` copies every whole run into a new store"
        );
    }
    exit
}

pub(super) fn complaint_json(complaint: &Complaint) -> Value {
    json!({
        "code": complaint.code,
        "run": complaint.run,
        "message": complaint.message,
        "rebuilds": complaint.rebuilds,
    })
}

fn facts(folders: &Folders, as_json: bool) -> Result<Exit, Trouble> {
    let facts = Store::facts(&folders.store);
    let (version, sqlite) = (env!("CARGO_PKG_VERSION"), sqlite_version());
    if as_json {
        let store = match &facts {
            Ok(facts) => facts.as_ref().map_or(Value::Null, facts_json),
            Err(error) => json!({ "error": error.code(), "message": error.to_string() }),
        };
        print_json(&json!({
            "version": version,
            "sqlite": sqlite,
            "project": folders.project.display().to_string(),
            "folder": folders.store.display().to_string(),
            "store": store,
        }));
        return facts
            .map(|_| Exit::Success)
            .map_err(|error| Trouble::said(Trouble::from(error).exit));
    }
    let mut text = String::new();
    let mut line = |name: &str, what: &str| {
        // Writing into a string never fails.
        let _ = writeln!(text, "{} {what}", paint(BOLD, format!("{name:8}")));
    };
    line("flow", &format!("{version}, SQLite {sqlite}"));
    line("project", &folders.project.display().to_string());
    line("store", &folders.store.display().to_string());
    match &facts {
        Ok(None) => line("", "there is none yet: `flow run FILE` makes it"),
        Ok(Some(facts)) => {
            line("id", &identity(facts));
            line(
                "size",
                &format!(
                    "{} in the database, {} in its log, {} in {} stored values",
                    bytes(facts.database_bytes),
                    bytes(facts.log_bytes),
                    bytes(facts.blob_bytes),
                    facts.blobs
                ),
            );
            line(
                "runs",
                &format!("{}, of which {} have not ended", facts.runs, facts.live),
            );
            let owner = facts.owner.as_ref();
            line(
                "owner",
                &owner.map_or_else(|| "nobody".to_owned(), |pid| format!("process {pid}")),
            );
        }
        Err(_) => {}
    }
    print(&text);
    facts?;
    Ok(Exit::Success)
}

fn identity(facts: &Facts) -> String {
    facts.id.as_ref().map_or_else(
        || "none: a store of the first version, which the next run brings up".to_owned(),
        |id| format!("{id}, epoch {}", facts.epoch),
    )
}

fn facts_json(facts: &Facts) -> Value {
    json!({
        "id": facts.id,
        "epoch": facts.epoch,
        "database_bytes": facts.database_bytes,
        "log_bytes": facts.log_bytes,
        "blobs": facts.blobs,
        "blob_bytes": facts.blob_bytes,
        "runs": facts.runs,
        "live": facts.live,
        "owner": facts.owner,
    })
}

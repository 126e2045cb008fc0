//! `flow runs prune`: deletes runs that ended long ago, and the stored values that nothing uses any more.

use flow_engine::document::Retention;
use flow_engine::duration::Millis;
use flow_local::clock::now;
use flow_local::store::{Old, RunRow, Store, Swept};
use serde_json::json;

use super::{Folders, StoreArguments, print_json};
use crate::exit::{Exit, Trouble};
use crate::retention;
use crate::show::values::bytes;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Only runs that ended so long ago, such as 30d or 12h; as `[retention]` of flow.toml says if not given.
    #[arg(long, value_name = "TIME", value_parser = length)]
    older_than: Option<Millis>,
    /// Only runs that ended so; may be given several times.
    #[arg(long, value_name = "STATUS")]
    status: Vec<Status>,
    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Status {
    Succeeded,
    Failed,
    Cancelled,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }
}

fn length(text: &str) -> Result<Millis, String> {
    Millis::parse(text).ok_or_else(|| "write a number and a unit, such as 30d or 12h".to_owned())
}

pub(super) fn prune(arguments: &Arguments, store: &StoreArguments) -> Result<Exit, Trouble> {
    let folders = store.folders()?;
    let rules = rules(arguments, &folders)?;
    let old = match Store::reader(&folders.store)? {
        Some(reader) => reader.old(&rules)?,
        None => Vec::new(),
    };
    if arguments.dry_run {
        said(&old, None, arguments.json);
        return Ok(Exit::Success);
    }
    let swept = if Store::reader(&folders.store)?.is_some() {
        let store = Store::open_to_prune(&folders.store)?;
        retention::delete(&store, &old, &rules)?;
        if let Some(before) = retention::events_before(&rules) {
            store.prune_events(before)?;
        }
        let swept = store.sweep()?;
        store.give_back()?;
        swept
    } else {
        Swept::default()
    };
    said(&old, Some(&swept), arguments.json);
    Ok(Exit::Success)
}

/// What counts as old: what was typed, else what the project says.
fn rules(arguments: &Arguments, folders: &Folders) -> Result<Vec<Old>, Trouble> {
    let asked = |status: &str| {
        let mut named = arguments.status.iter();
        arguments.status.is_empty() || named.any(|it| it.name() == status)
    };
    let kept = match arguments.older_than {
        Some(older) => Retention {
            runs: Some(older),
            keep_failed: Some(older),
            noticed: None,
        },
        None => retention::of_project(&folders.project)?,
    };
    let mut rules = retention::old(&kept, now());
    rules.retain(|rule| rule.status.as_deref().is_none_or(asked));
    if rules.is_empty() {
        let trouble = Trouble::new(
            Exit::Usage,
            "run.retention",
            "nothing says which runs are old",
        );
        return Err(trouble
            .help("`--older-than 30d` says it once, `[retention]` with `runs = \"90d\"` in flow.toml for good"));
    }
    Ok(rules)
}

fn said(old: &[RunRow], swept: Option<&Swept>, json: bool) {
    if json {
        let runs: Vec<&str> = old.iter().map(|row| row.run.as_str()).collect();
        print_json(&json!({
            "deleted": swept.is_some(),
            "runs": runs,
            "blobs": swept.map(|swept| swept.blobs),
            "bytes": swept.map(|swept| swept.bytes),
        }));
        return;
    }
    let Some(swept) = swept else {
        for row in old {
            let ended = row.ended_at.map_or_else(String::new, |at| at.to_string());
            super::print(&format!(
                "{}  {}  {}  {ended}\n",
                row.run, row.workflow, row.status
            ));
        }
        anstream::eprintln!("{} runs would be deleted", old.len());
        return;
    };
    anstream::eprintln!(
        "deleted {} runs and {} stored values ({})",
        old.len(),
        swept.blobs,
        bytes(swept.bytes)
    );
}

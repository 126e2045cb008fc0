//! `flow resume`: a run that has not ended goes on, where it stood.

use flow_engine::journal::Resolution;
use flow_engine::money::{Amount, nano_of};
use flow_engine::value::{Value, json};
use flow_local::store::{Reader, RunRow, Store};

use super::drive::{self, Shown};
use super::{Folders, StoreArguments};
use crate::exit::{Exit, Trouble};
use crate::host::order::Resume;
use crate::host::troubles::ended;
use crate::host::{Backend, Driven};
use crate::inputs;
use crate::services;
use crate::stored::{Known, find, known};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run's id or its beginning; the newest run that has not ended if not given.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// Send an interrupted step again.
    #[arg(long, value_name = "STEP")]
    retry: Vec<String>,
    /// Skip an interrupted step.
    #[arg(long, value_name = "STEP")]
    skip: Vec<String>,
    /// Give an interrupted step its value, as STEP=JSON.
    #[arg(long, value_name = "STEP=VALUE", value_parser = inputs::pair)]
    set: Vec<(String, String)>,
    /// Give every budget of the run so much more, as usd=5 or tokens=100000.
    #[arg(long, value_name = "WHAT=AMOUNT", value_parser = inputs::pair)]
    budget: Vec<(String, String)>,
    /// Go on even if processes died in a row while they drove it.
    #[arg(long)]
    force: bool,
    /// Print events and the result as JSON lines on stdout.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) async fn resume(arguments: Arguments) -> Result<Exit, Trouble> {
    let budget = more(&arguments.budget)?;
    let folders = arguments.store.folders()?;
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let row = match &arguments.run {
        Some(prefix) => find(&reader, prefix)?,
        None => newest(&reader)?,
    };
    if row.has_ended() {
        return Err(ended(&row));
    }
    let run = row.run.clone();
    let Known { workflow, report } = known(&reader, &folders.store, row)?;
    let inputs = report.started.inputs.as_map().cloned().unwrap_or_default();
    let secrets = services::secrets(&workflow, &inputs, report.started.sandbox, false)?;
    let mut backend = Backend::attach(&folders.store).await?;
    let resume = Resume {
        run: run.clone(),
        decisions: decisions(&arguments),
        budget,
        force: arguments.force,
        secrets: secrets.to_texts(),
    };
    let shown = Shown {
        workflow,
        json: arguments.json,
        notes: vec!["resumed".to_owned()],
    };
    match backend.resume(resume).await? {
        Driven::Following(following) => drive::drive(backend, following, shown, Some(report)).await,
        Driven::Told | Driven::Exists => {
            backend.close().await;
            anstream::eprintln!("decided; run {run} goes on where it is driven");
            anstream::eprintln!("  `flow logs -f {run}` follows it");
            Ok(Exit::Success)
        }
    }
}

fn decisions(arguments: &Arguments) -> Vec<(String, Resolution)> {
    let retried = arguments
        .retry
        .iter()
        .map(|step| (step.clone(), Resolution::Retry));
    let skipped = arguments
        .skip
        .iter()
        .map(|step| (step.clone(), Resolution::Skip));
    let set = arguments.set.iter().map(|(step, text)| {
        let value = json::parse(text.as_bytes()).unwrap_or_else(|_| Value::from(text.as_str()));
        (step.clone(), Resolution::Set(value))
    });
    retried.chain(skipped).chain(set).collect()
}

/// How much more may be spent.
fn more(given: &[(String, String)]) -> Result<Amount, Trouble> {
    let mut more = Amount::default();
    for (what, text) in given {
        let by = match what.as_str() {
            "usd" => text
                .parse()
                .ok()
                .filter(|usd| *usd > 0.0)
                .map(|usd| Amount {
                    nano_usd: nano_of(usd),
                    tokens: 0,
                }),
            "tokens" => text.parse().ok().map(|tokens| Amount {
                nano_usd: 0,
                tokens,
            }),
            _ => None,
        };
        let by = by.filter(|by| !by.is_nothing()).ok_or_else(|| {
            let message = format!("`{what}={text}` is no amount to spend");
            let trouble = Trouble::new(Exit::Usage, "run.no_budget", message);
            trouble.help("write `--budget usd=5`, or `--budget tokens=100000`")
        })?;
        more = more.plus(by);
    }
    Ok(more)
}

fn newest(reader: &Reader) -> Result<RunRow, Trouble> {
    // One that processes died of comes last: nobody means it by chance.
    let mut live = reader.runs(1000)?;
    live.retain(|row| !row.has_ended());
    live.sort_by_key(|row| row.status == "quarantined");
    live.into_iter().next().ok_or_else(|| {
        Trouble::new(
            Exit::Usage,
            "run.unknown",
            "every run has ended: there is nothing to resume",
        )
        .help("`flow runs` lists them")
    })
}

pub(super) fn no_store(folders: &Folders) -> Trouble {
    let trouble = Trouble::new(
        Exit::Usage,
        "run.unknown",
        format!("there is no store at {}", folders.store.display()),
    );
    trouble
        .help("go to the folder in which the run was started, or name its store with `--store DIR`")
}

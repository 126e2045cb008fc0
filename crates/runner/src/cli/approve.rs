//! `flow approve` and `flow approvals`: what waits for a person's decision, and deciding it.

use std::fmt::Write;

use flow_engine::catalog::Signal;
use flow_engine::journal::{Event, HoldStarted};
use flow_engine::run::Run;
use flow_engine::run::approval::{choices, fields};
use flow_engine::time::Timestamp;
use flow_engine::value::{Map, Value};
use flow_engine::workflow::input::Input;
use flow_local::clock::now;
use flow_local::start::load;
use flow_local::store::{Reader, Store};
use serde_json::json;

use super::drive::{self, Shown};
use super::resume::no_store;
use super::{Folders, StoreArguments, print, print_json};
use crate::exit::{Exit, Trouble};
use crate::host::order::Approve;
use crate::host::owner::{checked, load_trouble};
use crate::host::{Backend, Driven};
use crate::inputs;
use crate::services;
use crate::show::awaited::{command, plain};
use crate::show::style::{BOLD, DIM, paint};
use crate::show::values;
use crate::stored::{find, known};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run's id or its beginning; without it, what waits for a decision is listed.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// The step that waits; not needed where it is the only one of the run.
    #[arg(value_name = "STEP")]
    step: Option<String>,
    /// What is chosen; `approve` if that is a choice.
    #[arg(value_name = "CHOICE")]
    choice: Option<String>,
    /// A word about it.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// A field that is asked for, as name=value.
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = inputs::pair)]
    fields: Vec<(String, String)>,
    /// Who decides; the name of the user if not given.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(clap::Args)]
pub(super) struct ListArguments {
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// A step that waits for a decision.
struct Waiting {
    run: String,
    workflow: String,
    since: Timestamp,
    started: HoldStarted,
}

pub(super) fn list(arguments: &ListArguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let waiting = match Store::reader(&folders.store)? {
        Some(reader) => waiting(&reader, &folders)?,
        None => Vec::new(),
    };
    show(&waiting, arguments.json);
    Ok(Exit::Success)
}

pub(super) async fn approve(arguments: Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let Some(prefix) = &arguments.run else {
        let json = arguments.json;
        let store = arguments.store;
        return list(&ListArguments { json, store });
    };
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(&folders))?;
    let row = find(&reader, prefix)?;
    let run = row.run.clone();
    let waiting = waiting(&reader, &folders)?;
    let own: Vec<&Waiting> = waiting
        .iter()
        .filter(|waiting| waiting.run == run)
        .collect();
    let step = match (&arguments.step, own.as_slice()) {
        (Some(step), _) => step.clone(),
        (None, [one]) => one.started.step.clone(),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|one| &*one.started.step).collect();
            let message = match names.as_slice() {
                [] => format!("no step of run {run} waits for a decision"),
                names => format!("several steps of run {run} wait: {}", names.join(", ")),
            };
            let trouble = Trouble::new(Exit::Usage, "run.not_awaited", message);
            return Err(trouble.help("`flow approvals` lists what waits for a decision"));
        }
    };
    let asked = own.iter().find(|waiting| waiting.started.step == step);
    let asked = asked.map(|waiting| &waiting.started.arguments);
    let answer = answer(&arguments, asked);
    let known = known(&reader, &folders.store, row)?;
    let inputs = known.report.started.inputs.as_map().cloned();
    let secrets = services::secrets_at_hand(&known.workflow, &inputs.unwrap_or_default());
    let mut backend = Backend::attach(&folders.store).await?;
    let wish = Approve {
        run: run.clone(),
        step: step.clone(),
        answer: answer.clone(),
        secrets: secrets.to_texts(),
    };
    let choice = answer
        .get("choice")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match backend.approve(wish).await? {
        // Nobody drove it, and nobody else can: it goes on here.
        Driven::Following(following) if matches!(backend, Backend::Here(_)) => {
            let shown = Shown {
                workflow: known.workflow,
                json: arguments.json,
                notes: vec![format!("step `{step}` decided: {choice}")],
            };
            drive::drive(backend, following, shown, Some(known.report)).await
        }
        Driven::Following(_) | Driven::Told | Driven::Exists => {
            backend.close().await;
            if arguments.json {
                print_json(&json!({ "run": run, "step": step, "choice": choice }));
            } else {
                anstream::eprintln!("step `{step}` of run {run} is decided: {choice}");
                anstream::eprintln!("  `flow logs -f {run}` follows it");
            }
            Ok(Exit::Success)
        }
    }
}

/// What is answered: the choice that was typed, else `approve` where that may be chosen.
fn answer(arguments: &Arguments, asked: Option<&Value>) -> Value {
    let default = || {
        let approve = Value::from("approve");
        let may_be = asked.is_none_or(|asked| choices(asked).contains(&approve));
        may_be.then_some(approve)
    };
    let choice = arguments
        .choice
        .as_deref()
        .map(Value::from)
        .or_else(default);
    let user = || {
        ["USER", "LOGNAME"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok())
    };
    let by = arguments.by.clone().or_else(user);
    let mut fields = Map::new();
    for (name, text) in &arguments.fields {
        fields.insert(name.as_str(), Value::from(text.as_str()));
    }
    Value::map([
        ("choice", choice.unwrap_or_default()),
        ("by", Value::from(by.as_deref().unwrap_or("somebody"))),
        ("comment", Value::from(arguments.comment.as_deref())),
        ("fields", Value::from(fields)),
    ])
}

/// Every step that waits for a decision, as its journal has it.
fn waiting(reader: &Reader, folders: &Folders) -> Result<Vec<Waiting>, Trouble> {
    let mut found = Vec::new();
    for (run, step) in reader.approvals()? {
        let Some(row) = reader.find(&run)?.into_iter().find(|row| row.run == run) else {
            continue;
        };
        let workflow = row.workflow.clone();
        let stored = load(reader, &folders.store, row).map_err(|error| load_trouble(&error))?;
        let begun = stored
            .events
            .iter()
            .rev()
            .find_map(|(at, event)| match event {
                Event::HoldStarted(started) if started.step == step => Some((*at, started.clone())),
                _ => None,
            });
        let Some((since, started)) = begun else {
            continue;
        };
        // The table may be ahead of what is read here, or behind.
        let ready = checked(&stored.bundle)?;
        let still = Run::replay(ready.workflow, stored.events).is_ok_and(|run| {
            let node = run.find(&step);
            node.is_some_and(|node| run.signal(node) == Some(Signal::Approval))
        });
        if still {
            found.push(Waiting {
                run,
                workflow,
                since,
                started,
            });
        }
    }
    Ok(found)
}

fn show(waiting: &[Waiting], json: bool) {
    if json {
        print_json(&waiting.iter().map(as_json).collect());
        return;
    }
    let mut text = String::new();
    for one in waiting {
        let (run, step) = (&one.run, &one.started.step);
        let message = one.started.arguments.get("message").and_then(Value::as_str);
        let message = plain(message.unwrap_or_default());
        let since = values::elapsed(now().since(one.since));
        let about = paint(DIM, format!("{} {run}, since {since}", one.workflow));
        let _ = writeln!(text, "{} {about}", paint(BOLD, step));
        let _ = writeln!(text, "  {message}");
        for field in fields(&one.started.arguments).unwrap_or_default() {
            let _ = writeln!(text, "  --field {}", in_words(&field));
        }
        let _ = writeln!(text, "  {}", command(run, step, &one.started.arguments));
    }
    if waiting.is_empty() {
        anstream::eprintln!("nothing waits for a decision");
    }
    print(&text);
}

fn in_words(field: &Input) -> String {
    let mut text = format!("{}={}", field.name, field.kind.as_str().to_uppercase());
    if !field.required {
        text.push_str(" (may be left out)");
    }
    if !field.description.is_empty() {
        let _ = write!(text, ": {}", plain(&field.description));
    }
    text
}

fn as_json(one: &Waiting) -> serde_json::Value {
    let arguments = &one.started.arguments;
    let value = |name: &str| {
        let value = arguments.get(name).cloned().unwrap_or_default();
        values::to_json(&value)
    };
    json!({
        "run": one.run, "workflow": one.workflow, "step": one.started.step, "since": one.since.to_string(),
        "until": one.started.deadline.map(|until| until.to_string()), "message": value("message"),
        "choices": values::to_json(&Value::list(choices(arguments))), "fields": value("fields"), "to": value("to"),
        "default_choice": value("default_choice"),
    })
}

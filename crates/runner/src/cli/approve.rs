//! `flow approve` and `flow approvals`: what waits for a person's decision, and deciding it.

use std::fmt::Write;

use flow_engine::journal::HoldStarted;
use flow_engine::run::approval::fields;
use flow_engine::value::{Map, Value};
use flow_engine::workflow::input::Input;
use flow_local::clock::now;
use flow_local::store::Store;
use serde_json::json;

use super::drive::{self, Shown};
use super::resume::no_store;
use super::{StoreArguments, print, print_json};
use crate::approvals::{self, Given, Unreadable, Waiting};
use crate::exit::{Exit, Trouble};
use crate::host::{Backend, Driven};
use crate::inputs;
use crate::show::awaited::{command, plain};
use crate::show::style::{BOLD, DIM, paint};
use crate::show::values;
use crate::stored::find;

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
    /// Who decides, as `to:` of the approval names people; the name of the user if not given.
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

pub(super) fn list(arguments: &ListArguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let (waiting, unreadable) = match Store::reader(&folders.store)? {
        Some(reader) => approvals::waiting(&reader, &folders.store, "", usize::MAX)?,
        None => Default::default(),
    };
    for Unreadable { run, why } in &unreadable {
        anstream::eprintln!(
            "run {run} waits, and cannot be shown: [{}] {}",
            why.code,
            why.message
        );
    }
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
    let given = Given {
        step: arguments.step.as_deref(),
        choice: arguments.choice.as_deref(),
        by: by.as_deref().unwrap_or("somebody"),
        comment: arguments.comment.as_deref(),
        fields,
    };
    let (wish, known) = given.to_order(&reader, &folders.store, row)?;
    let (run, step) = (wish.run.clone(), wish.step.clone());
    let choice = wish.choice().to_owned();
    let mut backend = Backend::attach(&folders.store).await?;
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

fn show(waiting: &[Waiting], json: bool) {
    if json {
        print_json(&waiting.iter().map(Waiting::to_json).collect());
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
        if let Some(who) = who_and_until(&one.started) {
            let _ = writeln!(text, "  {who}");
        }
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

/// Who may decide, and until when.
fn who_and_until(asked: &HoldStarted) -> Option<String> {
    let to = asked.arguments.get("to").and_then(|to| match to {
        Value::String(one) => Some(plain(one)),
        Value::List(names) => {
            let names = names.iter().filter_map(Value::as_str).map(plain);
            Some(names.collect::<Vec<_>>().join(", "))
        }
        _ => None,
    });
    let to = to.filter(|to| !to.is_empty());
    let to = to.map(|to| format!("to {to}"));
    let until = asked.deadline.map(|until| format!("until {until}"));
    let both: Vec<String> = to.into_iter().chain(until).collect();
    (!both.is_empty()).then(|| both.join(", "))
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

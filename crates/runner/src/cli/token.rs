//! `flow token`: who may use the API of the daemon.

use super::{StoreArguments, print, print_json};
use crate::exit::{Exit, Trouble};
use crate::tokens::{Scope, Token, Tokens};
use comfy_table::{ContentArrangement, Table};
use serde_json::json;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Make a token, and print it: it is shown this once.
    New(New),
    /// List the tokens.
    List(List),
    /// End a token.
    Revoke(Revoke),
}

#[derive(clap::Args)]
pub(super) struct New {
    /// What it is called, such as the name of who uses it.
    #[arg(value_name = "NAME")]
    name: String,
    /// How much it may: see; also start and end runs; also pause triggers.
    #[arg(long, value_name = "SCOPE")]
    scope: Scope,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(clap::Args)]
pub(super) struct List {
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(clap::Args)]
pub(super) struct Revoke {
    /// The token's name.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    store: StoreArguments,
}

pub(super) fn token(command: &Command) -> Result<Exit, Trouble> {
    match command {
        Command::New(arguments) => new(arguments),
        Command::List(arguments) => list(arguments),
        Command::Revoke(arguments) => {
            let tokens = Tokens::of(&arguments.store.folders()?.store);
            tokens.revoke(&arguments.name)?;
            anstream::eprintln!("`{}` is worth nothing any more", arguments.name);
            Ok(Exit::Success)
        }
    }
}

fn new(arguments: &New) -> Result<Exit, Trouble> {
    let tokens = Tokens::of(&arguments.store.folders()?.store);
    let (name, scope) = (&arguments.name, arguments.scope);
    let text = tokens.add(name, scope)?;
    if arguments.json {
        print_json(&json!({ "name": name, "scope": scope, "token": text }));
    } else {
        print(&format!("{text}\n"));
        anstream::eprintln!("`{name}` may {}; it is not shown again", scope.as_str());
    }
    Ok(Exit::Success)
}

fn list(arguments: &List) -> Result<Exit, Trouble> {
    let tokens = Tokens::of(&arguments.store.folders()?.store).list()?;
    if arguments.json {
        let form = |token: &Token| json!({ "name": token.name, "scope": token.scope, "created_at": token.created_at });
        print_json(&tokens.iter().map(form).collect());
        return Ok(Exit::Success);
    }
    if tokens.is_empty() {
        anstream::eprintln!(
            "no tokens yet: `flow token new NAME --scope read` makes one, as does the first `flow serve`"
        );
        return Ok(Exit::Success);
    }
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["NAME", "SCOPE", "MADE"]);
    for token in &tokens {
        table.add_row([&token.name, token.scope.as_str(), &token.created_at]);
    }
    let text = table.trim_fmt();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    print(&format!("{}\n", lines.join("\n")));
    Ok(Exit::Success)
}

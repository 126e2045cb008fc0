//! `flow fmt`: the text of workflows in one form, with the same meaning and the same comments.

use std::path::{Path, PathBuf};

use flow_engine::format::{FormatError, format};
use flow_engine::source::SourceFile;

use super::{StoreArguments, print};
use crate::discover;
use crate::exit::{Exit, Trouble};
use crate::load;
use crate::rewrite;
use crate::show::values::plural;
use crate::show::{diagnostics, style};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Workflow files, and folders with workflows; the project folder if none is given; `-` formats stdin to stdout.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write nothing: print the names of files that would change, and exit with 3 if there is one.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// What became of a text.
enum Outcome {
    Same,
    Changed(String),
    /// Why not, as it was said.
    LeftAlone,
}

pub(super) fn fmt(arguments: &Arguments) -> Result<Exit, Trouble> {
    if arguments.paths == [Path::new("-")] {
        return stdin(arguments.check);
    }
    let folders = arguments.store.folders()?;
    let (mut changed, mut left) = (0, 0);
    for candidate in discover::candidates(&arguments.paths, &folders.project)? {
        let source = match load::read(&candidate.path)? {
            Ok(source) if !candidate.named && !discover::is_workflow(&source) => continue,
            Ok(source) => source,
            Err(checked) => {
                diagnostics::print(&checked.source, &checked.findings);
                left += 1;
                continue;
            }
        };
        match formatted(&source) {
            Outcome::Same => {}
            Outcome::LeftAlone => left += 1,
            Outcome::Changed(_) if arguments.check => {
                changed += 1;
                print(&format!("{}\n", source.name()));
            }
            Outcome::Changed(text) => {
                changed += 1;
                rewrite::replace(&candidate.path, &text)?;
                anstream::eprintln!("{} {}", style::paint(style::GREEN, "✓"), source.name());
            }
        }
    }
    let verb = if arguments.check {
        "would be formatted"
    } else {
        "formatted"
    };
    anstream::eprintln!("{} {verb}, {left} left alone", plural(changed, "file"));
    Ok(if left > 0 || (arguments.check && changed > 0) {
        Exit::Invalid
    } else {
        Exit::Success
    })
}

fn stdin(check: bool) -> Result<Exit, Trouble> {
    let source = match load::read_stdin()? {
        Ok(source) => source,
        Err(checked) => {
            diagnostics::print(&checked.source, &checked.findings);
            return Ok(Exit::Invalid);
        }
    };
    let text = match formatted(&source) {
        Outcome::LeftAlone => return Ok(Exit::Invalid),
        Outcome::Changed(_) if check => {
            print("-\n");
            return Ok(Exit::Invalid);
        }
        Outcome::Changed(text) => text,
        Outcome::Same => source.text().to_owned(),
    };
    if !check {
        print(&text);
    }
    Ok(Exit::Success)
}

fn formatted(source: &SourceFile) -> Outcome {
    match format(source) {
        Ok(text) if text == source.text() => Outcome::Same,
        Ok(text) => Outcome::Changed(text),
        Err(FormatError::Unreadable(findings)) => {
            diagnostics::print(source, &findings);
            Outcome::LeftAlone
        }
        Err(error @ FormatError::NotSame) => {
            diagnostics::print_trouble(
                &Trouble::new(
                    Exit::Invalid,
                    "load.not_formatted",
                    format!("{}: {error}", source.name()),
                )
                .help("the file is left as it is; please report it with the file"),
            );
            Outcome::LeftAlone
        }
    }
}

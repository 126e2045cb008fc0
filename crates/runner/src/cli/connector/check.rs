//! `flow connector check`: everything that is wrong with descriptors, at its place.

use std::path::{Path, PathBuf};

use flow_connector::{Connectors, descriptor};
use flow_engine::finding::{Finding, nearest};
use flow_engine::source::SourceFile;
use serde_json::{Value as Json, json};

use super::super::{StoreArguments, print_json};
use crate::exit::{Exit, Trouble};
use crate::services;
use crate::show::values::plural;
use crate::show::{check_json, diagnostics, style};

#[derive(clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Files, or names of connectors; all of the folder `connectors/` if none is given.
    #[arg(value_name = "FILE|NAME")]
    what: Vec<String>,
    /// Print files and findings as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArguments,
}

/// A descriptor, one text or several, and what is wrong with it.
struct Checked {
    sources: Vec<SourceFile>,
    findings: Vec<(usize, Finding)>,
}

pub(super) fn check(arguments: &Arguments) -> Result<Exit, Trouble> {
    let folders = arguments.store.folders()?;
    let groups = groups(&arguments.what, &folders.project)?;
    let checked: Vec<Checked> = groups.into_iter().map(checked).collect();
    let errors: usize = checked.iter().map(|one| one.findings.len()).sum();
    if arguments.json {
        print_json(&as_json(&checked));
    } else {
        for one in &checked {
            show(one);
        }
        if checked.is_empty() {
            anstream::eprintln!("there is no descriptor in the folder connectors/");
        } else if checked.len() > 1 || errors > 0 {
            let count = plural(checked.len() as u64, "descriptor");
            anstream::eprintln!("{count} checked: {}", plural(errors as u64, "error"));
        }
    }
    Ok(if errors > 0 {
        Exit::Invalid
    } else {
        Exit::Success
    })
}

/// The texts of each descriptor that is asked for.
fn groups(what: &[String], project: &Path) -> Result<Vec<Vec<SourceFile>>, Trouble> {
    let folder = project.join("connectors");
    if what.is_empty() {
        return services::user_descriptors(&folder);
    }
    let mut groups = Vec::new();
    for written in what {
        let path = PathBuf::from(written);
        if path.is_file() {
            groups.push(around(&path)?);
            continue;
        }
        let all = services::user_descriptors(&folder)?;
        let names: Vec<String> = all.iter().map(|group| name(group)).collect();
        let found = all
            .into_iter()
            .zip(&names)
            .find(|(_, name)| *name == written);
        let Some((group, _)) = found else {
            let message = format!("`{written}` is neither a file nor a descriptor of connectors/");
            let trouble = Trouble::new(Exit::Usage, "file.unreadable", message);
            return Err(match nearest(written, names.iter().map(String::as_str)) {
                Some(near) => trouble.help(format!("did you mean `{near}`?")),
                None => trouble
                    .help("a descriptor is named as its file, without what follows the first dot"),
            });
        };
        groups.push(group);
    }
    Ok(groups)
}

/// A file, with the others of the same name where a descriptor is made of several.
fn around(path: &Path) -> Result<Vec<SourceFile>, Trouble> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let is_part = file.contains(".service.") || file.contains(".resources.");
    if is_part && let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let stem = file.split('.').next().unwrap_or_default();
        let all = services::user_descriptors(folder)?;
        if let Some(group) = all.into_iter().find(|group| name(group) == stem) {
            return Ok(group);
        }
    }
    services::descriptor(path).map(|source| vec![source])
}

fn name(group: &[SourceFile]) -> String {
    let file = group.first().map(|source| Path::new(source.name()));
    let file = file
        .and_then(Path::file_name)
        .unwrap_or_default()
        .to_string_lossy();
    file.split('.').next().unwrap_or_default().to_owned()
}

fn checked(sources: Vec<SourceFile>) -> Checked {
    let mut errors = descriptor::check(&sources);
    if errors.is_empty() {
        // Besides its own text: the name must be free.
        errors.extend(Connectors::builtin().with_descriptor(&sources).err());
    }
    let finding = |error: descriptor::DescriptorError| {
        let at = sources
            .iter()
            .position(|source| source.name() == error.file)
            .unwrap_or(0);
        let path = if error.path.is_empty() {
            String::new()
        } else {
            format!("`{}`: ", error.path)
        };
        let finding = Finding::error(error.code, error.span, format!("{path}{}", error.message));
        (
            at,
            finding.help("`docs/connector-format.md` describes the format"),
        )
    };
    Checked {
        findings: errors.into_iter().map(finding).collect(),
        sources,
    }
}

fn show(one: &Checked) {
    for (at, finding) in &one.findings {
        diagnostics::print(&one.sources[*at], std::slice::from_ref(finding));
    }
    if one.findings.is_empty() {
        let names: Vec<&str> = one.sources.iter().map(SourceFile::name).collect();
        anstream::eprintln!("{} {}", style::paint(style::GREEN, "✓"), names.join(", "));
    }
}

fn as_json(all: &[Checked]) -> Json {
    let files = all.iter().flat_map(|one| {
        one.sources.iter().enumerate().map(|(at, source)| {
            let errors = one.findings.iter().filter(|(of, _)| *of == at).count();
            json!({ "file": source.name(), "valid": one.findings.is_empty(), "errors": errors })
        })
    });
    let findings = all.iter().flat_map(|one| {
        let findings = one.findings.iter();
        findings.map(|(at, finding)| check_json::finding(&one.sources[*at], finding))
    });
    let findings: Vec<Json> = findings.collect();
    json!({
        "version": check_json::SHAPE,
        "files": files.collect::<Vec<_>>(),
        "errors": findings.len(),
        "findings": findings,
    })
}

//! `flow test --record RUN`: a case of a run that happened, added to its case file.

use std::path::{Path, PathBuf};

use flow_backend::virtual_world::case::{self, record};
use flow_engine::source::SourceFile;
use flow_engine::value::{Map, Value};
use flow_local::start::load;
use flow_local::store::{BlobFolder, Store};
use serde_yaml::value::{Tag, TaggedValue};

use super::super::resume::no_store;
use super::super::{Folders, print};
use crate::exit::{Exit, Trouble};
use crate::host::troubles::load_trouble;
use crate::load::{DiskFiles, check};
use crate::services;
use crate::show::values::to_json;
use crate::stored::find;

/// Longer values go into files of their own.
const INLINE_BYTES_MAX: usize = 16 << 10;

/// Records a run.
pub(super) fn record(
    run: &str,
    name: Option<&str>,
    target: Option<&Path>,
    folders: &Folders,
) -> Result<Exit, Trouble> {
    let reader = Store::reader(&folders.store)?.ok_or_else(|| no_store(folders))?;
    let row = find(&reader, run)?;
    let stored = load(&reader, &folders.store, row).map_err(|error| load_trouble(&error))?;
    let catalog = services::pinned(&stored.bundle)?.catalog();
    let checked = check(&stored.bundle.source(), &catalog, &stored.bundle);
    let workflow = checked.workflow.ok_or_else(|| {
        let message = "the pinned workflow of the run cannot be read any more";
        Trouble::new(Exit::Unavailable, "run.bundle", message)
    })?;
    let blobs = BlobFolder::reading(&folders.store);
    let children = |id: &str| reader.journal(id).ok().filter(|events| !events.is_empty());
    let recorded = record::record(&workflow, &stored.events, &blobs, &children);
    let id = &stored.row.run;
    let name = name.map_or_else(|| format!("run_{}", &id[id.len() - 6..]), str::to_owned);
    let file = match target {
        Some(target) => target.to_owned(),
        None => PathBuf::from(stored.bundle.file.replacen(".y", ".test.y", 1)),
    };
    for gap in &recorded.gaps {
        anstream::eprintln!("to be completed by hand: {gap}");
    }
    let mut writing = Writing {
        prefix: format!("{}-{name}", stem(&file)),
        files: Vec::new(),
    };
    let printed = file == Path::new("-");
    let text = writing.case(&name, &recorded.case, !printed)?;
    if printed {
        print(&format!("cases:\n{text}"));
        return Ok(Exit::Success);
    }
    add(&file, &name, &text, &writing.files)?;
    anstream::eprintln!("the case `{name}` was added to {}", file.display());
    Ok(Exit::Success)
}

fn stem(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// Writes the case behind those that are there: nothing else of the file changes.
fn add(file: &Path, name: &str, text: &str, files: &[(String, String)]) -> Result<(), Trouble> {
    let shown = file.display();
    let unwritten = |error: std::io::Error| {
        Trouble::new(Exit::Unavailable, "store.io", format!("{shown}: {error}"))
    };
    let before = match std::fs::read_to_string(file) {
        Ok(before) => before,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "cases:\n".to_owned(),
        Err(error) => return Err(unwritten(error)),
    };
    let gap = if before.ends_with('\n') { "" } else { "\n" };
    let after = format!("{before}{gap}{text}");
    let folder = file.parent().unwrap_or(Path::new(""));
    for (name, content) in files {
        std::fs::write(folder.join(name), content).map_err(unwritten)?;
    }
    let source = SourceFile::new(shown.to_string(), after.as_str());
    let (parsed, findings) = case::parse(&source, &DiskFiles);
    let added = parsed.cases.iter().any(|case| &*case.name.text == name);
    if !findings.is_empty() || !added {
        let why = findings.first().map_or_else(
            || "its cases do not stand last".to_owned(),
            |finding| finding.message.clone(),
        );
        let message = format!("the case `{name}` cannot be added to {shown}: {why}");
        let trouble = Trouble::new(Exit::Invalid, "test.shape", message);
        return Err(trouble.help("print it with `flow test --record RUN -`, and put it in by hand"));
    }
    std::fs::write(file, after).map_err(unwritten)
}

/// The case as YAML, and the files beside it.
struct Writing {
    prefix: String,
    files: Vec<(String, String)>,
}

impl Writing {
    /// The case as an entry of `cases:`, two blanks in. Long values go into files if `apart`.
    fn case(&mut self, name: &str, case: &Map, apart: bool) -> Result<String, Trouble> {
        let mut members = serde_yaml::Mapping::new();
        for (key, value) in case.iter() {
            let value = match (&**key, value) {
                _ if !apart => yaml(value),
                ("operations" | "inputs" | "expect", Value::Map(map)) => {
                    let mut inner = serde_yaml::Mapping::new();
                    for (name, value) in map.iter() {
                        let hint = format!("{key}-{name}");
                        inner.insert(name.to_string().into(), self.each(&hint, value));
                    }
                    inner.into()
                }
                (key, value) => self.value(key, value),
            };
            members.insert(key.to_string().into(), value);
        }
        let whole = serde_yaml::Mapping::from_iter([(name.into(), members.into())]);
        let text = serde_yaml::to_string(&serde_yaml::Value::from(whole))
            .map_err(|error| anyhow::anyhow!("the case: {error}"))?;
        let lines = text.lines().map(|line| match line {
            "" => "\n".to_owned(),
            line => format!("  {line}\n"),
        });
        Ok(lines.collect())
    }

    /// A list of answers, or the members of a file: each on its own.
    fn each(&mut self, hint: &str, value: &Value) -> serde_yaml::Value {
        match value {
            Value::List(items) => {
                let items = items.iter().enumerate();
                let items = items.map(|(at, item)| self.value(&format!("{hint}-{at}"), item));
                items.collect::<Vec<_>>().into()
            }
            Value::Map(map) if map.get("text").is_some() && map.get("name").is_some() => {
                let members = map.iter();
                let members =
                    members.map(|(key, value)| (key.to_string().into(), self.value(hint, value)));
                serde_yaml::Mapping::from_iter(members.collect::<Vec<_>>()).into()
            }
            other => self.value(hint, other),
        }
    }

    fn value(&mut self, hint: &str, value: &Value) -> serde_yaml::Value {
        if !value.is_longer_than(INLINE_BYTES_MAX) {
            return yaml(value);
        }
        let (ending, content) = match value {
            Value::String(text) => ("txt", text.to_string()),
            Value::List(items) => {
                let lines = items.iter().map(|item| format!("{}\n", to_json(item)));
                ("jsonl", lines.collect())
            }
            other => ("json", to_json(other).to_string()),
        };
        let letters = hint.chars().map(|letter| match letter {
            letter if letter.is_ascii_alphanumeric() || "-_.".contains(letter) => letter,
            _ => '_',
        });
        let name = format!("{}-{}.{ending}", self.prefix, letters.collect::<String>());
        self.files.push((name.clone(), content));
        serde_yaml::Value::Tagged(Box::new(TaggedValue {
            tag: Tag::new("text"),
            value: name.into(),
        }))
    }
}

fn yaml(value: &Value) -> serde_yaml::Value {
    serde_yaml::to_value(to_json(value)).unwrap_or_default()
}

//! What was typed for inputs and events, as values.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use flow_backend::context::Blobs;
use flow_engine::eval::BlobRead;
use flow_engine::expr::Scope;
use flow_engine::journal::StartedBy;
use flow_engine::run::Values;
use flow_engine::value::{Map, Value, json};
use flow_engine::workflow::input::{InputError, InputKind};
use flow_engine::workflow::{Trigger, Workflow};

use crate::exit::{Exit, Trouble};

/// Splits `k=v` at the first `=`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not of the form name=value")),
    }
}

/// Types and checks what was given; what is wrong and what is missing stands beside what was taken.
pub(crate) fn typed(
    workflow: &Workflow,
    pairs: &[(String, String)],
    file: Option<&Path>,
) -> (Map, Vec<InputError>) {
    let mut errors = Vec::new();
    let mut given = Map::new();
    let from_file = match file.map(read_map).transpose() {
        Ok(from_file) => from_file,
        Err(error) => return (given, vec![error]),
    };
    if let Some(from_file) = &from_file {
        take(workflow, from_file, &mut given, &mut errors);
    }
    let mut typed_names: Vec<&str> = Vec::new();
    for (key, text) in pairs {
        if typed_names.contains(&key.as_str()) {
            errors.push(error(
                "input.twice",
                key,
                "it is given twice".to_owned(),
                None,
            ));
        }
        typed_names.push(key);
        match workflow.inputs.get(key.as_str()) {
            Some(input) => match input.from_text(text) {
                Ok(value) if input.kind == InputKind::File => {
                    given.insert(key.as_str(), typed_path(value));
                }
                Ok(value) => given.insert(key.as_str(), value),
                Err(error) => errors.push(error),
            },
            None => errors.push(unknown(workflow, key)),
        }
    }
    complain_of_missing(workflow, &given, &mut errors);
    (given, errors)
}

/// The same for inputs that were given as values.
pub(crate) fn given(workflow: &Workflow, values: &Map) -> (Map, Vec<InputError>) {
    let (mut given, mut errors) = (Map::new(), Vec::new());
    take(workflow, values, &mut given, &mut errors);
    complain_of_missing(workflow, &given, &mut errors);
    (given, errors)
}

fn take(workflow: &Workflow, values: &Map, given: &mut Map, errors: &mut Vec<InputError>) {
    for (key, value) in values.iter() {
        match workflow.inputs.get(key) {
            Some(input) => {
                // Texts stand for secrets by their names: whoever gives inputs has no other form for them.
                let named = value.as_str().filter(|_| input.kind == InputKind::Secret);
                let accepted = match named {
                    Some(name) => input.from_text(name),
                    None => input.accept(value.clone()),
                };
                match accepted {
                    Ok(value) => given.insert(key.clone(), value),
                    Err(error) => errors.push(error),
                }
            }
            None => errors.push(unknown(workflow, key)),
        }
    }
}

fn complain_of_missing(workflow: &Workflow, given: &Map, errors: &mut Vec<InputError>) {
    for input in workflow.inputs.values() {
        let has = given.get(&input.name).is_some() || input.default.is_some() || !input.required;
        if !has && !errors.iter().any(|error| error.name == input.name) {
            errors.push(missing_one(&input.name, &input.kind));
        }
    }
}

/// Secrets that somebody names who does not own the machine. A name opens whatever the daemon has of that name, and the text goes
/// where the workflow sends it: only names that its author wrote into `enum` or `default` are taken.
pub(crate) fn unlisted_secrets(workflow: &Workflow, given: &Map) -> Vec<InputError> {
    let unlisted = |(name, value): (&Arc<str>, &Value)| {
        let input = workflow.inputs.get(name)?;
        let listed = input.one_of.contains(value) || input.default.as_ref() == Some(value);
        let refused = input.kind == InputKind::Secret && !listed;
        refused.then(|| {
            let message = "over the API a secret is one of those that the workflow lists for it";
            let help = format!("its author writes `{name}: {{ type: secret, enum: [NAME, ...] }}`");
            error("input.secret", name, message.to_owned(), Some(help))
        })
    };
    given.iter().filter_map(unlisted).collect()
}

/// The inputs in the order in which they are declared, with the defaults of those that were not given.
pub(crate) fn with_defaults(workflow: &Workflow, given: &Map) -> Map {
    let mut all = Map::new();
    for input in workflow.inputs.values() {
        if let Some(value) = given.get(&input.name).or(input.default.as_ref()) {
            all.insert(input.name.clone(), value.clone());
        }
    }
    all
}

/// Inputs that a trigger gives, for those that were not given by hand: templates over `trigger` and `run`.
pub(crate) fn of_trigger(
    workflow: &Workflow,
    trigger: &Trigger,
    mut given: Map,
    started_by: &StartedBy,
    event: &Value,
    blobs: &dyn BlobRead,
) -> Result<Map, InputError> {
    let mut about = Map::new();
    about.insert("name", Value::from(workflow.name.to_string()));
    let kind = Value::from(started_by.kind.as_str());
    let name = Value::from(trigger.name.to_string());
    let key = Value::from(started_by.key.as_deref());
    about.insert(
        "trigger",
        Value::map([("name", name), ("kind", kind), ("key", key)]),
    );
    if let Some(due) = started_by.due {
        about.insert("due", Value::from(due.to_string()));
        let previous = started_by.due_previous.map(|due| due.to_string());
        about.insert("due_previous", Value::from(previous.as_deref()));
    }
    let values = Values {
        trigger: event.clone(),
        run: Value::from(about),
        secrets: Values::secrets_of(workflow),
        ..Values::default()
    };
    for (name, tree) in &trigger.inputs {
        let Some(input) = workflow.inputs.get(name) else {
            continue;
        };
        if given.get(name).is_some() {
            continue;
        }
        let value = tree
            .render(&Scope::new(&values.reading(blobs)), &workflow.source)
            .map_err(|stop| {
                let failure = stop.into_failure();
                error(
                    "input.template",
                    name,
                    format!("[{}] {}", failure.code, failure.message),
                    failure.help,
                )
            })?;
        given.insert(name.clone(), input.accept(value)?);
    }
    Ok(given)
}

/// The first of the required inputs that has no value.
pub(crate) fn missing(workflow: &Workflow, given: &Map) -> Option<InputError> {
    let input = workflow.inputs.values().find(|input| {
        input.required && input.default.is_none() && given.get(&input.name).is_none()
    })?;
    Some(missing_one(&input.name, &input.kind))
}

fn missing_one(name: &str, kind: &InputKind) -> InputError {
    let help = format!("give it as `--input {name}=...` ({})", kind.as_str());
    let message = "it is required and was not given".to_owned();
    error("input.missing", name, message, Some(help))
}

fn unknown(workflow: &Workflow, name: &str) -> InputError {
    let known: Vec<&str> = workflow.inputs.keys().map(AsRef::as_ref).collect();
    let near = flow_engine::finding::nearest(name, known.iter().copied());
    let help = match (near, known.as_slice()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => "this workflow has no inputs".to_owned(),
        (None, known) => format!("its inputs are {}", known.join(", ")),
    };
    error(
        "input.unknown",
        name,
        "the workflow has no such input".to_owned(),
        Some(help),
    )
}

fn error(code: &'static str, name: &str, message: String, help: Option<String>) -> InputError {
    InputError {
        code,
        name: name.into(),
        message,
        help,
    }
}

/// A JSON or YAML file that holds a map.
fn read_map(path: &Path) -> Result<Map, InputError> {
    let name = path.display().to_string();
    let fail = |message: String| error("input.file", &name, message, None);
    let text = std::fs::read_to_string(path).map_err(|io| fail(io.to_string()))?;
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    let value = if is_json {
        json::parse(text.as_bytes()).map_err(|error| fail(error.to_string()))?
    } else {
        Value::from(
            serde_yaml::from_str::<serde_json::Value>(&text)
                .map_err(|error| fail(error.to_string()))?,
        )
    };
    match value {
        Value::Map(map) => Ok(Arc::unwrap_or_clone(map)),
        other => Err(fail(format!(
            "expected a map of inputs, found {}",
            other.described()
        ))),
    }
}

/// The payload of a trigger, given by hand: text that is JSON keeps its type.
pub(crate) fn event(
    pairs: &[(String, String)],
    file: Option<&Path>,
) -> Result<Option<Value>, Trouble> {
    let invalid = |error: &InputError| Trouble::new(Exit::Invalid, error.code, error.to_string());
    let mut event = match file {
        None if pairs.is_empty() => return Ok(None),
        None => Map::new(),
        Some(file) => read_map(file).map_err(|error| invalid(&error))?,
    };
    for (key, text) in pairs {
        let value = json::parse(text.as_bytes()).unwrap_or_else(|_| Value::from(text.as_str()));
        event.insert(key.as_str(), value);
    }
    Ok(Some(Value::from(event)))
}

/// Copies the files that inputs name into the store. Relative paths are those of a workflow: they start at the project
/// folder. Blocking.
pub(crate) fn store_files(
    workflow: &Workflow,
    inputs: &Map,
    project: &Path,
    blobs: &dyn Blobs,
) -> Result<Map, Trouble> {
    let mut stored = Map::new();
    for (name, value) in inputs.iter() {
        let is_file = workflow
            .inputs
            .get(name)
            .is_some_and(|input| input.kind == InputKind::File);
        let value = match value.as_str().filter(|_| is_file) {
            None => value.clone(),
            Some(path) => store_file(&project.join(path), blobs).map_err(|error| {
                let trouble = Trouble::new(Exit::Invalid, "input.file", format!("input `{name}`: {path}: {error}"));
                trouble.help("paths on the command line start at the folder you are in, those in a workflow at the project folder")
            })?,
        };
        stored.insert(name.clone(), value);
    }
    Ok(stored)
}

/// The first of the files that inputs name which is not in the project folder, or belongs to flow itself: whoever gives inputs
/// from elsewhere reaches no other file of this machine. What the workflow itself names as a default is its author's. Blocking.
pub(crate) fn file_outside(
    workflow: &Workflow,
    inputs: &Map,
    project: &Path,
    store: &Path,
) -> Option<InputError> {
    if !takes_files(workflow) {
        return None;
    }
    let own = [store.to_owned(), project.join(".flow")];
    let own = own.map(|folder| folder.canonicalize().unwrap_or(folder));
    let project = project.canonicalize().ok();
    workflow.inputs.values().find_map(|input| {
        let value = inputs.get(&input.name)?;
        if input.kind != InputKind::File || input.default.as_ref() == Some(value) {
            return None;
        }
        let path = value.as_str()?;
        let message = match project.as_ref()?.join(path).canonicalize() {
            Ok(real) if own.iter().any(|folder| real.starts_with(folder)) => {
                format!("{path}: it belongs to flow itself")
            }
            Ok(real) if real.starts_with(project.as_ref()?) => return None,
            Ok(_) => format!("{path}: it is not in the project folder"),
            Err(error) => format!("{path}: {error}"),
        };
        let help = "name a file of the project folder, by its path from there".to_owned();
        Some(error("input.file", &input.name, message, Some(help)))
    })
}

/// Whether an input of the workflow is a file.
pub(crate) fn takes_files(workflow: &Workflow) -> bool {
    let mut inputs = workflow.inputs.values();
    inputs.any(|input| input.kind == InputKind::File)
}

/// A path that was typed starts at the caller's folder.
fn typed_path(value: Value) -> Value {
    match value.as_str().map(std::path::absolute) {
        Some(Ok(path)) => Value::from(path.display().to_string()),
        _ => value,
    }
}

fn store_file(path: &Path, blobs: &dyn Blobs) -> io::Result<Value> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("this is not a regular file"));
    }
    let mut writer = blobs.create()?;
    io::copy(&mut file, &mut writer)?;
    let mut blob = writer.finish("application/octet-stream")?;
    blob.name = path.file_name().map(|name| name.to_string_lossy().into());
    Ok(Value::from(blob))
}

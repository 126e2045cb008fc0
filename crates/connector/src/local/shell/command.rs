//! What is started: program, arguments, environment, folder; and the files that are placed before.

use std::path::PathBuf;

use flow_engine::eval::load;
use flow_engine::run::Failure;
use flow_engine::value::{Map, Value};
use secrecy::{ExposeSecret, SecretString};

use super::start::{self, WORD_BYTES_MAX};
use crate::local::LocalCall;
use crate::local::format::{self, Format};
use crate::processes::MARKER;
use crate::project::{Access, Project};
use crate::request::secrets::Opener;

/// Variables that are handed on, if they are set.
const HANDED_ON: [&str; 5] = ["PATH", "HOME", "LANG", "TMPDIR", "TZ"];

/// Variables that say to a command where it belongs, and to us what belongs to it.
const OURS: [&str; 3] = ["FLOW_RUN", "FLOW_STEP", MARKER];

/// A command ready to start.
pub(super) struct Command {
    /// The file of the program.
    pub(super) path: PathBuf,
    /// The program as it was named.
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(String, SecretString)>,
    pub(super) folder: PathBuf,
    /// The secrets in its environment: masked in what it writes.
    pub(super) secrets: Vec<SecretString>,
}

/// Opens secrets and places files.
pub(super) fn prepare(call: &LocalCall, opener: &Opener) -> Result<Command, Failure> {
    let mut words = Vec::new();
    match (call.loaded("script")?, call.loaded("program")?) {
        (Value::String(script), Value::Null) => {
            for word in ["sh", "-eu", "-c", &script, "sh"] {
                words.push(fitting("the script", word.to_owned())?);
            }
        }
        (Value::Null, Value::List(program)) if !program.is_empty() => {
            for word in program.iter() {
                words.push(text("program", word, call)?);
            }
        }
        _ => {
            let message = "give either `script`, or `program` with at least one word";
            return Err(Failure::permanent("call.missing_parameter", message));
        }
    }
    for word in call.loaded("args")?.as_list().unwrap_or_default() {
        words.push(text("args", word, call)?);
    }
    let project = Project::open(&call.context)?;
    let folder = match call.argument("cwd").as_str() {
        None | Some("" | ".") => call.context.project.to_path_buf(),
        Some(folder) => {
            let folder = folder.trim_end_matches('/');
            let metadata = project.metadata(folder)?;
            if !metadata.is_some_and(|found| found.is_dir()) {
                return Err(Failure::permanent(
                    "file.not_found",
                    format!("the folder `{folder}` is not there"),
                ));
            }
            call.context
                .project
                .join(project.path(folder, Access::Read)?)
        }
    };
    for (path, value) in call
        .loaded("place")?
        .as_map()
        .into_iter()
        .flat_map(Map::iter)
    {
        let format = Format::of_path(path).unwrap_or(Format::Text);
        project.replace(path, |file| {
            format::write(value, format, call, &mut std::io::BufWriter::new(file))
        })?;
    }
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    let (environment, secrets) = environment(call, opener)?;
    let path = environment.iter().find(|(name, _)| name == "PATH");
    let path = path.map(|(_, folders)| folders.expose_secret());
    Ok(Command {
        path: start::find(&program, &folder, path)?,
        program,
        arguments: words.collect(),
        environment,
        folder,
        secrets,
    })
}

type Environment = (Vec<(String, SecretString)>, Vec<SecretString>);

fn environment(call: &LocalCall, opener: &Opener) -> Result<Environment, Failure> {
    let mut environment: Vec<(String, SecretString)> = HANDED_ON
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?.into())))
        .collect();
    let mut secrets = Vec::new();
    for (name, value) in call.loaded("env")?.as_map().into_iter().flat_map(Map::iter) {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Failure::permanent(
                "shell.env",
                format!("{name:?} cannot be the name of a variable"),
            ));
        }
        if OURS.contains(&&**name) {
            return Err(Failure::permanent(
                "shell.env",
                format!("the variable `{name}` is set by flow: choose another name"),
            ));
        }
        let text: SecretString = match value {
            Value::Null => continue,
            Value::Secret(secret) => {
                let plain = opener.text(secret)?;
                secrets.push(plain.clone());
                plain
            }
            value => text(name, value, call)?.into(),
        };
        if text.expose_secret().contains('\0') {
            return Err(nul(name));
        }
        environment.retain(|(known, _)| **known != **name);
        environment.push((name.to_string(), text));
    }
    Ok((environment, secrets))
}

fn text(name: &str, value: &Value, call: &LocalCall) -> Result<String, Failure> {
    let text = match value {
        Value::String(text) => text.to_string(),
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            value.to_json().unwrap_or_default()
        }
        Value::Blob(blob) if blob.bytes > WORD_BYTES_MAX as u64 => {
            let what = format!("`{name}` of {} bytes is", blob.bytes);
            return Err(start::too_long(&what));
        }
        Value::Blob(blob) if !blob.is_json() && !blob.is_json_lines() => {
            match load(blob, call.blobs())? {
                Value::String(text) => text.to_string(),
                other => return Err(no_text(name, &other)),
            }
        }
        other => return Err(no_text(name, other)),
    };
    if text.contains('\0') {
        return Err(nul(name));
    }
    fitting(&format!("`{name}`"), text)
}

fn no_text(name: &str, value: &Value) -> Failure {
    let message = format!(
        "`{name}` must be a text, a number or a boolean, not {}",
        value.described()
    );
    Failure::permanent("call.type", message).help(
        "hand data over by `stdin:` or `place:`, or write it as text: `{{ value | to_json }}`",
    )
}

/// Refuses what is too long for the system, before anything is started.
fn fitting(what: &str, text: String) -> Result<String, Failure> {
    if text.len() > WORD_BYTES_MAX {
        let what = format!("{what} of {} bytes is", text.len());
        return Err(start::too_long(&what));
    }
    Ok(text)
}

fn nul(name: &str) -> Failure {
    Failure::permanent(
        "shell.nul",
        format!("`{name}` holds a zero byte, which no command can be given"),
    )
    .help("hand bytes over by `stdin:`, or as a file by `place:`")
}

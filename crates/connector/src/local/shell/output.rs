//! The value of a command that has ended, or the failure.

use std::os::unix::process::ExitStatusExt;

use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::{Map, Value};
use secrecy::{ExposeSecret, SecretString};

use super::capture::KEPT_BYTES_MAX;
use super::process::Ended;
use crate::local::LocalCall;
use crate::local::format::{Format, parse};
use crate::project::Project;
use crate::request::spill;
use crate::response::error::shown;

/// How much of the end of its error output a failure shows.
const SHOWN_BYTES_MAX: usize = 2000;
/// Shorter secrets are not masked: they would mask half the text.
const MASKED_BYTES_MIN: usize = 4;

/// `{exit_code, stdout, stderr, files}`.
pub(super) fn value(
    ended: &Ended,
    secrets: &[SecretString],
    call: &LocalCall,
) -> Result<Value, Failure> {
    let stderr = text(ended.stderr.bytes(), secrets);
    let code = ended
        .status
        .code()
        .ok_or_else(|| by_signal(ended, &stderr))?;
    let ok = call.argument("ok_codes").as_list().unwrap_or_default();
    if !ok.contains(&Value::from(i64::from(code))) {
        return Err(exited(code, &stderr));
    }
    // It has done its work: what fails from here on does not undo it.
    let read = || {
        let mut value = Map::new();
        value.insert("exit_code", Value::from(i64::from(code)));
        value.insert("stdout", stdout(ended, secrets, call)?);
        value.insert(
            "stderr",
            spill(&Value::from(stderr.as_str()), call.blobs())?,
        );
        value.insert("files", files(call)?);
        Ok(Value::from(value))
    };
    read().map_err(|failure: Failure| Failure {
        done: Done::Done,
        ..failure
    })
}

fn stdout(ended: &Ended, secrets: &[SecretString], call: &LocalCall) -> Result<Value, Failure> {
    let text = text(ended.stdout.bytes(), secrets);
    let form = call.text("parse");
    if ended.stdout.left_out() > 0 && !matches!(form, "text" | "") {
        let message = format!(
            "the command wrote more than {} bytes, which are too many to be read as `{form}`",
            2 * KEPT_BYTES_MAX
        );
        return Err(Failure::permanent("shell.output_too_large", message)
            .help("let it write a file, and name that under `files`"));
    }
    match form {
        "json" | "jsonl" => {
            let format = Format::named(form).unwrap_or(Format::Json);
            parse(&Value::from(text), format, call).map_err(|failure| Failure {
                message: format!("standard output: {}", failure.message),
                ..failure
            })
        }
        "lines" => spill(&Value::list(text.lines().map(Value::from)), call.blobs()),
        _ => spill(&Value::from(text), call.blobs()),
    }
}

fn files(call: &LocalCall) -> Result<Value, Failure> {
    let mut files = Map::new();
    let wanted = call
        .argument("files")
        .as_map()
        .into_iter()
        .flat_map(Map::iter);
    let project = Project::open(&call.context)?;
    for (name, path) in wanted {
        let path = path.as_str().unwrap_or_default();
        let blob = project.store(path, call.blobs()).map_err(|failure| {
            Failure::permanent(
                "shell.output_file",
                format!("the file `{name}` cannot be kept: {}", failure.message),
            )
        })?;
        files.insert(name.clone(), Value::from(blob));
    }
    Ok(Value::from(files))
}

/// The bytes as text, without the secrets that the command was given.
fn text(bytes: Vec<u8>, secrets: &[SecretString]) -> String {
    let mut text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    for secret in secrets {
        let secret = secret.expose_secret();
        if secret.len() >= MASKED_BYTES_MIN && text.contains(secret) {
            text = text.replace(secret, "***");
        }
    }
    text
}

fn exited(code: i32, stderr: &str) -> Failure {
    let why = match code {
        126 => ": something it names cannot be executed",
        127 => ": a command it names is not there",
        _ => "",
    };
    let message = format!(
        "the command ended with exit code {code}{why}{}",
        last(stderr)
    );
    let failure = Failure::of(FailureKind::Transient, Done::Done, "shell.exit", message);
    Failure {
        kind: if code == 126 || code == 127 {
            FailureKind::Permanent
        } else {
            failure.kind
        },
        ..failure
    }
}

fn by_signal(ended: &Ended, stderr: &str) -> Failure {
    let number = ended.status.signal().unwrap_or_default();
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => "",
    };
    let message = format!(
        "the command was ended by signal {number} {name}{}",
        last(stderr)
    );
    Failure::of(
        FailureKind::Transient,
        Done::Unknown,
        "shell.signal",
        message,
    )
}

/// The end of the error output, for a message.
fn last(stderr: &str) -> String {
    let mut start = stderr.len().saturating_sub(SHOWN_BYTES_MAX);
    while !stderr.is_char_boundary(start) {
        start += 1;
    }
    let tail = &stderr[start..];
    let mut lines: Vec<&str> = tail
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(3)
        .collect();
    lines.reverse();
    let shown = shown(&lines.join(" "));
    if shown.is_empty() {
        String::new()
    } else {
        format!("; it wrote: {shown}")
    }
}

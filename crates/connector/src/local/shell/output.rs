//! The value of a command that has ended, or the failure.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;

use flow_engine::eval::{LINE_BYTES_MAX, open, unreadable};
use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::{Map, Value};

use super::capture::{Captured, OUTPUT_BYTES_MAX};
use super::process::Ended;
use crate::local::LocalCall;
use crate::local::format::{Format, parse};
use crate::project::Project;
use crate::request::spill;
use crate::response::error::shown;
use crate::sink::ItemSink;

/// How much of the end of its error output a failure shows.
const SHOWN_BYTES_MAX: usize = 2000;

/// `{exit_code, stdout, stderr, files}`.
pub(super) fn value(ended: &Ended, call: &LocalCall) -> Result<Value, Failure> {
    let stderr = &ended.stderr.tail;
    let code = ended
        .status
        .code()
        .ok_or_else(|| by_signal(ended, stderr))?;
    let ok = call.argument("ok_codes").as_list().unwrap_or_default();
    if !ok.contains(&Value::from(i64::from(code))) {
        return Err(exited(code, stderr));
    }
    // It has done its work: what fails from here on does not undo it.
    let read = || {
        let mut value = Map::new();
        value.insert("exit_code", Value::from(i64::from(code)));
        value.insert("stdout", stdout(&ended.stdout, call)?);
        value.insert("stderr", ended.stderr.text.clone());
        value.insert("files", files(call)?);
        Ok(Value::from(value))
    };
    read().map_err(|failure: Failure| Failure {
        done: Done::Done,
        ..failure
    })
}

fn stdout(stdout: &Captured, call: &LocalCall) -> Result<Value, Failure> {
    let form = call.text("parse");
    if stdout.left_out > 0 && !matches!(form, "text" | "") {
        let message = format!(
            "the command wrote more than {OUTPUT_BYTES_MAX} bytes, which are too many to be read as `{form}`"
        );
        return Err(Failure::permanent("shell.output_too_large", message)
            .help("let it write a file, and name that under `files`"));
    }
    match form {
        "json" | "jsonl" => {
            let format = Format::named(form).unwrap_or(Format::Json);
            parse(&stdout.text, format, call).map_err(|failure| Failure {
                message: format!("standard output: {}", failure.message),
                ..failure
            })
        }
        "lines" => lines(&stdout.text, call),
        _ => Ok(stdout.text.clone()),
    }
}

fn lines(text: &Value, call: &LocalCall) -> Result<Value, Failure> {
    let blob = match text {
        Value::Blob(blob) => blob,
        text => {
            let text = text.as_str().unwrap_or_default();
            return spill(&Value::list(text.lines().map(Value::from)), call.blobs());
        }
    };
    let mut sink = ItemSink::new(call.context.blobs.clone());
    let mut reader = BufReader::with_capacity(1 << 16, open(blob, call.blobs())?);
    let mut line = String::new();
    loop {
        line.clear();
        let limited = reader.by_ref().take(LINE_BYTES_MAX);
        match { limited }.read_line(&mut line) {
            Ok(0) => return sink.finish(),
            Ok(_) if line.len() as u64 == LINE_BYTES_MAX => {
                let message = format!("a line of more than {LINE_BYTES_MAX} bytes");
                return Err(
                    Failure::permanent("value.too_large", message).help("read it as `parse: text`")
                );
            }
            Ok(_) => {
                let text = line.strip_suffix('\n').unwrap_or(&line);
                sink.push(Value::from(text.strip_suffix('\r').unwrap_or(text)))?;
            }
            Err(error) => return Err(unreadable(blob, &error)),
        }
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

fn exited(code: i32, stderr: &str) -> Failure {
    let why = match code {
        126 => ": something it names cannot be executed".to_owned(),
        127 => ": a command it names is not there".to_owned(),
        // How a shell tells that what it ran was ended.
        129.. if !name(code - 128).is_empty() => {
            format!(": a command in it was ended by {}", name(code - 128))
        }
        _ => String::new(),
    };
    let message = format!(
        "the command ended with exit code {code}{why}{}",
        last(stderr)
    );
    let failure = Failure::of(FailureKind::Transient, Done::Done, "shell.exit", message);
    let failure = match code {
        126 | 127 => Failure {
            kind: FailureKind::Permanent,
            ..failure
        },
        _ => failure,
    };
    helped(failure, code - 128)
}

fn by_signal(ended: &Ended, stderr: &str) -> Failure {
    let number = ended.status.signal().unwrap_or_default();
    let message = format!(
        "the command was ended by signal {number} {}{}",
        name(number),
        last(stderr)
    );
    let failure = Failure::of(
        FailureKind::Transient,
        Done::Unknown,
        "shell.signal",
        message,
    );
    helped(failure, number)
}

fn helped(failure: Failure, signal: i32) -> Failure {
    match signal {
        9 => failure.help(
            "if nobody killed it, the system did, for want of memory: `dmesg` tells; give it less to do at once",
        ),
        4 | 6 | 7 | 8 | 11 => failure.help("it crashed: try the same command by hand"),
        _ => failure,
    }
}

/// The name of a signal, empty if it has none that matters.
fn name(signal: i32) -> &'static str {
    match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => "",
    }
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

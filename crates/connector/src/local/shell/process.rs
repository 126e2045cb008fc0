//! How a command runs and ends: in a process group of its own, which is stopped as a whole.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::Value;
use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::ExposeSecret;
use tokio::io::AsyncRead;
use tokio::process::{Child, ChildStdin};

use super::capture::Capture;
use super::command::Command;
use crate::local::LocalCall;
use crate::local::format::{self, Format};
use crate::transport::failure::cancelled;

/// Time between the polite signal and the last one.
const GRACE: Duration = Duration::from_secs(30);
/// How long what the command left running may keep its output open.
const AFTER_END: Duration = Duration::from_secs(1);

/// A command that has ended by itself.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Capture,
    pub(super) stderr: Capture,
}

/// Runs it.
pub(super) async fn run(command: Command, call: Arc<LocalCall>) -> Result<Ended, Failure> {
    let mut child = start(&command, &call)?;
    let group = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(stdin) = child.stdin.take() {
        feed(stdin, call.clone());
    }
    let outputs =
        futures_util::future::join(reader(child.stdout.take()), reader(child.stderr.take()));
    let mut outputs = tokio::spawn(outputs);
    let status = tokio::select! {
        status = child.wait() => Some(status),
        () = call.cancel().cancelled() => None,
    };
    let Some(status) = status else {
        stop(&mut child, group).await;
        return Err(cancelled());
    };
    let in_time = tokio::time::timeout(AFTER_END, &mut outputs).await;
    // Something of its group may live on and hold the pipes: it ends with the step.
    signal(group, Signal::KILL);
    let read = if let Ok(read) = in_time {
        read
    } else {
        outputs.await
    };
    let (stdout, stderr) = read.unwrap_or_default();
    let status = status.map_err(|error| {
        Failure::of(
            FailureKind::Permanent,
            Done::Unknown,
            "shell.lost",
            format!("the command cannot be waited for: {error}"),
        )
    })?;
    Ok(Ended {
        status,
        stdout,
        stderr,
    })
}

fn start(command: &Command, call: &LocalCall) -> Result<Child, Failure> {
    let mut starting = tokio::process::Command::new(&command.program);
    starting
        .args(&command.arguments)
        .env_clear()
        .envs(
            command
                .environment
                .iter()
                .map(|(name, value)| (name, value.expose_secret())),
        )
        .current_dir(&command.folder)
        .stdin(if call.argument("stdin").is_null() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    starting.spawn().map_err(|error| {
        let program = &command.program;
        match error.kind() {
            io::ErrorKind::NotFound => Failure::permanent(
                "shell.not_found",
                format!(
                    "the program `{program}` is not there, or the folder it should run in is not"
                ),
            ),
            io::ErrorKind::PermissionDenied => Failure::permanent(
                "shell.not_executable",
                format!("`{program}` may not be executed"),
            ),
            io::ErrorKind::ArgumentListTooLong => Failure::permanent(
                "shell.too_long",
                "the arguments and the environment are too long for this system",
            )
            .help("hand the data over by `stdin` or `place`"),
            _ => Failure::permanent(
                "shell.not_executable",
                format!("`{program}` cannot be started: {error}"),
            ),
        }
    })
}

/// Writes the input and closes it. That the command does not read it to its end is no failure.
fn feed(stdin: ChildStdin, call: Arc<LocalCall>) {
    let Ok(pipe) = stdin.into_owned_fd() else {
        return;
    };
    tokio::task::spawn_blocking(move || {
        let mut pipe = io::BufWriter::with_capacity(1 << 16, std::fs::File::from(pipe));
        let content: &Value = call.argument("stdin");
        drop(format::write(content, Format::Text, &call, &mut pipe));
    });
}

async fn reader(input: Option<impl AsyncRead + Unpin>) -> Capture {
    match input {
        Some(input) => Capture::default().read(input).await,
        None => Capture::default(),
    }
}

/// Asks the group to end, and ends it after the grace.
async fn stop(child: &mut Child, group: Option<Pid>) {
    signal(group, Signal::TERM);
    drop(tokio::time::timeout(GRACE, child.wait()).await);
    signal(group, Signal::KILL);
    drop(child.kill().await);
}

fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // That nobody is left is fine.
        let _ = kill_process_group(group, signal);
    }
}

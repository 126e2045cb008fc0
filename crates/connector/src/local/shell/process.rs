//! How a command runs and ends: what it started ends with it, wherever that went.

use std::io;
use std::os::unix::process::CommandExt;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::Value;
use secrecy::ExposeSecret;
use tokio::process::{Child, ChildStdin};
use tokio::time::{Instant, interval_at, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::capture::{Captured, Reader};
use super::command::Command;
use super::start;
use crate::blocking::blocking;
use crate::local::LocalCall;
use crate::local::format::{self, Format};
use crate::processes::{GRACE, Ledger, MARKER, Running, Starting, reap};
use crate::transport::failure::cancelled;

/// How long what the command left running may keep its output open.
const AFTER_END: Duration = Duration::from_secs(1);
/// How often what lost its parent and ended is cleared away while a command runs.
const REAP_EVERY: Duration = Duration::from_secs(5);
/// How often is looked whether all have ended that were asked to.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A command that has ended by itself; what it left behind may still run.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Captured,
    pub(super) stderr: Captured,
    pub(super) running: Running,
}

/// Runs it.
pub(super) async fn run(
    command: Command,
    call: Arc<LocalCall>,
    ledger: Option<&Arc<Ledger>>,
) -> Result<Ended, Failure> {
    let (mut child, running) = start(&command, &call, ledger)?;
    if let Some(stdin) = child.stdin.take() {
        feed(stdin, call.clone());
    }
    let reader = Reader {
        blobs: call.context.blobs.clone(),
        secrets: command.secrets,
        enough: CancellationToken::new(),
    };
    let enough = reader.enough.clone();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut outputs = pin!(futures_util::future::join(
        reader.clone().read(stdout),
        reader.read(stderr)
    ));
    let mut read = None;
    let mut reaping = interval_at(Instant::now() + REAP_EVERY, REAP_EVERY);
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            both = &mut outputs, if read.is_none() => read = Some(both),
            _ = reaping.tick() => reap(),
            () = call.cancel().cancelled() => {
                enough.cancel();
                stop(&mut child, running).await;
                return Err(cancelled());
            }
        }
    };
    let mut running = running;
    if read.is_none() {
        read = timeout(AFTER_END, &mut outputs).await.ok();
    }
    let (stdout, stderr) = if let Some(read) = read {
        read
    } else {
        // Something that it started holds the pipes: it ends with the step.
        running = blocking(move || {
            running.kill();
            Ok(running)
        })
        .await?;
        let _after = AfterEnd(tokio::spawn(async move {
            sleep(AFTER_END).await;
            enough.cancel();
        }));
        outputs.await
    };
    let status = status.map_err(|error| {
        Failure::of(
            FailureKind::Permanent,
            Done::Unknown,
            "shell.lost",
            format!("the command cannot be waited for: {error}"),
        )
    })?;
    let done = |failure: Failure| Failure {
        done: Done::Done,
        ..failure
    };
    Ok(Ended {
        status,
        stdout: stdout.map_err(done)?,
        stderr: stderr.map_err(done)?,
        running,
    })
}

/// A task that ends with what it was made for.
struct AfterEnd(tokio::task::JoinHandle<()>);

impl Drop for AfterEnd {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn start(
    command: &Command,
    call: &LocalCall,
    ledger: Option<&Arc<Ledger>>,
) -> Result<(Child, Running), Failure> {
    let context = &call.context;
    let starting = Starting::new(ledger, &context.run, &context.step).map_err(|error| {
        let message = format!("that a command starts cannot be noted down: {error}");
        Failure::permanent("store.io", message)
    })?;
    let mut process = std::process::Command::new(&command.path);
    process
        .arg0(&command.program)
        .args(&command.arguments)
        .env_clear()
        .envs(
            command
                .environment
                .iter()
                .map(|(name, value)| (name, value.expose_secret())),
        )
        .env("FLOW_RUN", &*context.run)
        .env("FLOW_STEP", &*context.step)
        .env(MARKER, starting.marker())
        .current_dir(&command.folder)
        .stdin(if call.argument("stdin").is_null() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    match tokio::process::Command::from(process).spawn() {
        Ok(child) => {
            let running = starting.started(child.id());
            Ok((child, running))
        }
        Err(error) => {
            starting.failed();
            Err(start::failure(&command.program, &error))
        }
    }
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

/// Asks all of it to end, and ends it after the grace.
async fn stop(child: &mut Child, running: Running) {
    running.terminate();
    let until = Instant::now() + GRACE;
    drop(tokio::time::timeout_at(until, child.wait()).await);
    while Instant::now() < until && !running.is_gone() {
        sleep(LOOK_EVERY).await;
    }
    let killed = blocking(move || {
        running.kill();
        Ok(running)
    });
    if let Ok(running) = killed.await {
        drop(child.wait().await);
        running.clear();
        running.end();
    }
}

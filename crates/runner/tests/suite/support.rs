//! Running the binary, and comparing with what lies in the tree.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the tree has a root")
}

/// The binary, in a folder, with a clean environment.
pub(crate) fn flow(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flow"));
    command
        .current_dir(folder)
        .env_remove("ANTHROPIC_API_KEY")
        .env("NO_COLOR", "1");
    command
}

/// Runs the binary to its end: exit code, stdout, stderr.
#[track_caller]
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = flow(folder)
        .args(arguments)
        .output()
        .expect("the binary starts");
    texts(&output)
}

pub(crate) fn texts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Starts the binary, whose words are kept for [`end`].
pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = flow(folder);
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

/// Waits for its end: exit code, stdout, stderr.
#[track_caller]
pub(crate) fn end(child: Child) -> (i32, String, String) {
    texts(&child.wait_with_output().expect("it ends"))
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Status and id of the newest run of a workflow.
pub(crate) fn status_of(folder: &Path, workflow: &str) -> (String, String) {
    let (_, runs, _) = run(folder, &["runs", "--json"]);
    let runs: Vec<serde_json::Value> = serde_json::from_str(&runs).expect("JSON");
    let text = |run: &serde_json::Value, key: &str| run[key].as_str().unwrap_or("").to_owned();
    let of = runs.iter().find(|run| run["workflow"] == workflow);
    of.map(|run| (text(run, "status"), text(run, "run")))
        .unwrap_or_default()
}

/// Lets a workflow go on that waits for the file `go`.
pub(crate) fn go(folder: &Path) {
    std::fs::write(folder.join("go"), "went\n").expect("the folder can be written");
}

pub(crate) fn has(folder: &Path, name: &str) -> bool {
    folder.join(name).exists()
}

/// Compares with a file of the tree; `UPDATE=1` writes it, and its diff is what the reviewer reads.
#[track_caller]
pub(crate) fn expect(path: &Path, found: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, found).expect("the tree can be written");
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        found,
        expected,
        "{} differs; UPDATE=1 cargo test writes it",
        path.display()
    );
}

/// The entries of a folder, sorted.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    paths
}

//! A sandbox in a process of its own, to be told how to behave.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::support::{flow, run};

/// A sandbox; killed when it is dropped.
pub(crate) struct Sandbox {
    child: Child,
    url: String,
}

impl Sandbox {
    /// Starts one with its state in a folder that is made.
    #[track_caller]
    pub(crate) fn start(folder: &Path, state: &Path) -> Sandbox {
        std::fs::create_dir_all(state).expect("it can be made");
        let mut command = flow(folder);
        command.args(["sandbox", "--state"]).arg(state);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
        said.read_line(&mut line).expect("its address");
        Sandbox {
            child,
            url: line.trim().to_owned(),
        }
    }

    /// A control request with this body; gives the answer.
    #[track_caller]
    pub(crate) fn control(&self, method: &str, name: &str, body: &str) -> serde_json::Value {
        control(&self.url, method, name, &format!("body={body}"))
    }

    /// Puts a file into it that can be downloaded, as if a skill had made it, and gives its id.
    #[track_caller]
    pub(crate) fn plant(&self) -> String {
        let file = r#"multipart={"file":{"name":"report.bin","content":"made by a skill"}}"#;
        let made = control(&self.url, "post", "files", file);
        made["id"].as_str().expect("an id").to_owned()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A control request to the sandbox at this address.
#[track_caller]
pub(crate) fn control(url: &str, method: &str, name: &str, body: &str) -> serde_json::Value {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let operation = format!("http.{method}");
    let url = format!("url={url}/_sandbox/{name}");
    let (code, out, err) = run(elsewhere.path(), &["call", &operation, &url, body]);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).expect("JSON")
}

//! The triggers of the Claude connector, as its page shows them: whatever happens starts one run, which sees what the
//! descriptor says. So that the test need not wait, each looks every second.

use std::fmt::Write as _;
use std::path::Path;

use flow_connector::Connectors;
use flow_engine::catalog::OutputType;
use flow_engine::types::Type;
use serde_json::{Value as Json, json};

use super::support::{Daemon, noticed, reader};
use crate::pages_of_connectors::{cases, copy};
use crate::sandboxed::{Sandbox, control};
use crate::support::{root, run, until};

/// The triggers that look at a service, in the order in which the test causes them.
const LOOKING: [&str; 6] = [
    "files.created",
    "skills.created",
    "message_batches.expired",
    "models.created",
    "files.deleted",
    "skills.deleted",
];

/// The trigger that hears of what runs have done.
const HEARING: &str = "messages.created";

/// What makes things.
const MAKE: &str = r#"
steps:
  files: { action: claude.files.upload, with: { file: files/note.txt } }
  skills: { action: claude.skills.create, with: { folder: demo, display_name: Demo } }
  message_batches:
    action: claude.message_batches.create
    with:
      requests:
        - { custom_id: a, params: { model: claude-haiku-5-5, max_tokens: 9, messages: [{ role: user, content: hi }] } }
  messages:
    action: claude.messages.create
    with: { model: claude-haiku-5-5, max_tokens: 9, messages: [{ role: user, content: hi }] }
outputs: { messages: "{{ steps.messages }}", files: "{{ steps.files }}", skills: "{{ steps.skills }}", message_batches: "{{ steps.message_batches }}" }
"#;

/// What takes them away.
const REMOVE: &str = r#"
inputs: { file: string, skill: string }
steps:
  file: { action: claude.files.delete, with: { file_id: "{{ inputs.file }}" } }
  skill: { action: claude.skills.delete, with: { skill_id: "{{ inputs.skill }}" } }
"#;

/// The project: the examples of the page in a folder to serve, and beside it what causes things.
fn project(folder: &Path) {
    copy(&cases(), folder);
    let served = folder.join("served");
    std::fs::create_dir(&served).expect("it is new");
    for name in LOOKING.into_iter().chain([HEARING]) {
        let example = cases().join(format!("{name}.yml"));
        let example = std::fs::read_to_string(example).expect("an example");
        let often = match name {
            HEARING => example.clone(),
            _ => example.replace(
                &format!("trigger: claude.{name} "),
                &format!("trigger: claude.{name}, every: 1s "),
            ),
        };
        assert_eq!(often == example, name == HEARING, "{name}");
        let mut text = format!(
            "name: {}\n{often}outputs:\n  seen: '{{{{ trigger }}}}'\n",
            name.replace('.', "-")
        );
        for member in promised(name) {
            let _ = writeln!(text, "  the_{member}: '{{{{ trigger.{member} }}}}'");
        }
        std::fs::write(served.join(format!("{name}.yml")), text).expect("a workflow");
    }
    std::fs::write(folder.join("make.yml"), MAKE).expect("a workflow");
    std::fs::write(folder.join("remove.yml"), REMOVE).expect("a workflow");
}

#[track_caller]
fn outputs(folder: &Path, arguments: &[&str]) -> Json {
    let (code, out, err) = run(
        folder,
        &[&["run"], arguments, &["--sandbox", "--json"]].concat(),
    );
    assert_eq!(code, 0, "{err}");
    let last = out.lines().last().unwrap_or_default();
    let mut last: Json = serde_json::from_str(last).expect("JSON");
    last["outputs"].take()
}

/// What the one run of a trigger saw, once it has ended.
#[track_caller]
fn seen(folder: &Path, name: &str) -> Json {
    let workflow = name.replace('.', "-");
    let runs = || noticed(folder, &workflow, "seen");
    let mut shown = Json::Null;
    let mut failed = false;
    until(name, || {
        let Some(id) = runs().first().and_then(|seen| seen.run.clone()) else {
            return false;
        };
        let (code, out, _) = run(folder, &["show", &id, "--json"]);
        shown = serde_json::from_str(&out).unwrap_or_default();
        failed = shown["status"] == "failed";
        code == 0 && (failed || shown["status"] == "succeeded")
    });
    assert!(!failed, "{name}: {shown}");
    assert_eq!(runs().len(), 1, "{name}");
    shown["outputs"]["seen"].take()
}

/// What the descriptor says that a trigger sees, views of it too: a run in which one is missing fails.
fn promised(name: &str) -> Vec<String> {
    let connectors = Connectors::builtin();
    let service = connectors.service("claude-api").expect("it is built in");
    let entry = &service.operations[name].entry;
    let OutputType::Fixed(Type::Record(record)) = &entry.output else {
        panic!("{name}: {:?}", entry.output);
    };
    let required = record.fields.iter().filter(|(_, field)| field.required);
    required.map(|(member, _)| member.to_string()).collect()
}

#[test]
fn each_trigger_of_the_claude_connector_starts_one_run_for_one_thing() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    project(folder);
    let before = Sandbox::start(&root(), &folder.join(".flow/sandbox"));
    before.control(
        "put",
        "batches",
        r#"{"seconds": 1, "errored": 0, "expired": 1}"#,
    );
    drop(before);
    let daemon = Daemon::start(folder, &["served", "--sandbox"], &[]);
    let knows = |name: &str| {
        let row = reader(folder).trigger(&name.replace('.', "-"), "seen");
        row.expect("readable")
            .is_some_and(|row| row.position.is_some())
    };
    until("each knows what is there", || {
        LOOKING.iter().chain([&HEARING]).all(|name| knows(name))
    });
    let made = outputs(folder, &["make.yml"]);
    let heard = seen(folder, HEARING);
    assert_eq!(heard["id"], made["messages"]["id"], "{heard}");
    let sandbox = daemon.after("the sandbox is at ");
    let model = control(&sandbox, "post", "models", r#"body={"id": "claude-next"}"#);
    for name in &LOOKING[..4] {
        let seen = seen(folder, name);
        let cause = match name.split_once('.') {
            Some(("models", _)) => &model,
            Some((resource, _)) => &made[resource],
            None => &Json::Null,
        };
        assert_eq!(seen["id"], cause["id"], "{name}");
        if *name == "message_batches.expired" {
            assert_eq!(seen["request_counts"]["expired"], 1, "{seen}");
        }
    }
    let id = |resource: &str| made[resource]["id"].as_str().unwrap_or_default();
    let file = format!("file={}", id("files"));
    let skill = format!("skill={}", id("skills"));
    outputs(folder, &["remove.yml", "--input", &file, "--input", &skill]);
    for name in &LOOKING[4..] {
        let seen = seen(folder, name);
        let resource = name.split('.').next().unwrap_or_default();
        assert_eq!(seen, json!({ "id": id(resource) }), "{name}");
    }
    // Nor does one that begins again start another.
    assert_eq!(daemon.stop(), 0);
    let daemon = Daemon::start(folder, &["served", "--sandbox"], &[]);
    let again = outputs(folder, &["make.yml"]);
    until("it looks again", || {
        noticed(folder, "files-created", "seen").len() == 2
    });
    assert_ne!(again["files"]["id"], made["files"]["id"]);
    for name in &LOOKING[3..] {
        seen(folder, name);
    }
    assert_eq!(daemon.stop(), 0);
}

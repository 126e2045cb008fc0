//! Whole workflows in the virtual world: `tests/workflows/NAME/` has `workflow.yml`, `world.yml` (inputs, the event and
//! what operations answer) and `expected.txt` (what became of the steps, and the journal).

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use flow_backend::virtual_world::script::{Script, Word};
use flow_backend::virtual_world::{BEGINNING, World};
use flow_connector::Connectors;
use flow_engine::document::{self, Files, resolve};
use flow_engine::duration::Millis;
use flow_engine::report::report;
use flow_engine::run::step_of;
use flow_engine::source::SourceFile;
use flow_engine::value::{Map, Value};
use flow_engine::workflow::input::InputKind;
use flow_engine::workflow::{self, Workflow};

use crate::support::{entries, expect, root};

#[test]
fn workflows_go_as_the_tree_says() {
    let mut cases = 0;
    for folder in entries(&root().join("tests/workflows")) {
        expect(&folder.join("expected.txt"), &told(&folder));
        cases += 1;
    }
    assert!(cases >= 3, "{cases} cases");
}

fn told(folder: &Path) -> String {
    let read = |name: &str| {
        std::fs::read_to_string(folder.join(name))
            .unwrap_or_else(|error| panic!("{}/{name}: {error}", folder.display()))
    };
    let connectors = Connectors::builtin();
    let source = SourceFile::new("workflow.yml", read("workflow.yml"));
    let files = Beside(folder);
    let (document, findings) = document::parse(&source, &files);
    let (workflow, findings) = workflow::check(&document, &connectors.catalog(), &files, findings);
    let workflow =
        Arc::new(workflow.unwrap_or_else(|| panic!("{}: {findings:?}", folder.display())));
    let outside: serde_json::Value = serde_yaml::from_str(&read("world.yml")).expect("YAML");
    let outside = Value::from(outside);
    let script = Script::new(outside.get("operations").unwrap_or(&Value::Null));
    let mut world = World::new(script, Arc::new(connectors)).with_words(words(&outside));
    let inputs = inputs(&workflow, outside.get("inputs"), &world);
    let event = outside
        .get("event")
        .cloned()
        .unwrap_or_else(|| Value::map::<&str>([]));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (journal, rest) = runtime.block_on(world.run(workflow.clone(), inputs, event));
    let report = report(journal.iter().map(|(at, event)| (*at, event)))
        .expect("a journal begins with its start");
    let mut text = format!("{rest:?}");
    if let Some((_, ended)) = &report.ended {
        let _ = write!(
            text,
            " {} {}",
            ended.status.as_str(),
            ended.outputs.to_json().unwrap_or_default()
        );
    }
    text.push('\n');
    for (name, step) in &report.steps {
        let failure = step
            .failure
            .as_ref()
            .map(|failure| format!(" {}", failure.code))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "{name}: {} after {} attempts{failure}",
            step.state.as_str(),
            step.attempts
        );
    }
    text.push('\n');
    for (at, event) in &journal {
        let _ = writeln!(
            text,
            "{:>8} {} {}",
            at.since(BEGINNING),
            event.kind(),
            step_of(event).unwrap_or_default()
        );
    }
    for (_, journal) in world.children() {
        let _ = writeln!(text, "\nchild");
        for (at, event) in journal {
            let _ = writeln!(
                text,
                "{:>8} {} {}",
                at.since(BEGINNING),
                event.kind(),
                step_of(event).unwrap_or_default()
            );
        }
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join(
        "
",
    ) + "
"
}

/// The files in the folder of a case.
struct Beside<'a>(&'a Path);

impl Files for Beside<'_> {
    fn read(&self, from: &str, path: &str) -> Result<SourceFile, String> {
        let name = resolve(from, path);
        let text =
            std::fs::read_to_string(self.0.join(&name)).map_err(|error| error.to_string())?;
        Ok(SourceFile::new(name, text))
    }
}

/// `people: [{ after: 10s, cancel: true }, { after: 1m, step: ask, value: { choice: approve } }]`
fn words(outside: &Value) -> Vec<(Millis, Word)> {
    let people = outside.get("people").and_then(Value::as_list);
    let word = |said: &Value| {
        let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
        let word = match said.get("cancel") {
            Some(how) => Word::Cancel {
                hard: how.as_str() == Some("hard"),
            },
            None => Word::Signal {
                path: text("step").to_owned(),
                value: said.get("value").cloned().unwrap_or_default(),
            },
        };
        (Millis::parse(text("after")).unwrap_or_default(), word)
    };
    people.unwrap_or_default().iter().map(word).collect()
}

/// Files are given by their content.
fn inputs(workflow: &Workflow, given: Option<&Value>, world: &World) -> Value {
    let mut inputs = Map::new();
    for input in workflow.inputs.values() {
        let value = given
            .and_then(|given| given.get(&input.name))
            .cloned()
            .or_else(|| input.default.clone());
        let value = match (&input.kind, value) {
            (_, None) => continue,
            (InputKind::File, Some(Value::String(text))) => {
                let mut blob = world
                    .blobs()
                    .put(text.as_bytes(), "application/octet-stream");
                blob.name = Some("input.txt".into());
                Value::from(blob)
            }
            (_, Some(value)) => value,
        };
        inputs.insert(input.name.clone(), value);
    }
    Value::from(inputs)
}

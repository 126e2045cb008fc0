//! The DAG of a workflow as text: for a terminal, for Mermaid, for Graphviz.

use std::fmt::Write as _;

use flow_engine::plan::Need;
use flow_engine::workflow::{Does, Starts, Step, Workflow};

use super::style::{BLUE, DIM, paint};

/// What a step does, in a word or two.
fn does(step: &Step) -> String {
    match &step.does {
        Does::Call(call) if &*call.call.connector == "shell" => "run".to_owned(),
        Does::Call(call) => format!("{}.{}", call.call.connection, call.call.operation),
        Does::Hold(watch) => format!(
            "waits for {}.{}",
            watch.call.connection, watch.call.operation
        ),
        Does::Value(_) => "value".to_owned(),
    }
}

/// One line a step in the order in which they can run, with what each needs.
pub(crate) fn tree(workflow: &Workflow) -> String {
    let mut text = format!("{}\n", workflow.name);
    for trigger in workflow.triggers.values() {
        let what = match &trigger.starts {
            Starts::Poll(watch) => format!(
                "{}.{}, every {}",
                watch.call.connection, watch.call.operation, watch.every
            ),
            Starts::Other(word) => word.to_string(),
        };
        let _ = writeln!(
            text,
            "{}",
            paint(DIM, format!("on {}: {what}", trigger.name))
        );
    }
    let ranks = workflow.plan.rank();
    let width = workflow
        .steps
        .iter()
        .map(|step| step.name.chars().count())
        .max()
        .unwrap_or(0);
    let deepest = ranks.iter().max().copied().unwrap_or(0);
    for (place, step) in workflow.plan.order().iter().enumerate() {
        let shape = &workflow.steps[*step];
        let last = place + 1 == workflow.plan.order().len();
        let branch = format!(
            "{}{}",
            "   ".repeat(ranks[*step]),
            if last { "└─ " } else { "├─ " }
        );
        let pad = "   ".repeat(deepest - ranks[*step]);
        let needs: Vec<String> = workflow
            .plan
            .needs(*step)
            .iter()
            .map(|(needed, need)| need_words(&workflow.steps[*needed].name, *need))
            .collect();
        let after = if needs.is_empty() {
            String::new()
        } else {
            paint(DIM, format!("  ← {}", needs.join(", ")))
        };
        let _ = writeln!(
            text,
            "{branch}{:width$}{pad}  {}{after}",
            shape.name,
            paint(BLUE, does(shape))
        );
    }
    text
}

fn need_words(name: &str, need: Need) -> String {
    match need {
        Need::Required => name.to_owned(),
        Need::SkipAllowed => format!("{name}?"),
        Need::Lifted => format!("{name} (any end)"),
    }
}

/// A Mermaid flowchart.
pub(crate) fn mermaid(workflow: &Workflow) -> String {
    let mut text = String::from("flowchart LR\n");
    for step in &workflow.steps {
        let label = format!("<b>{}</b><br/>{}", step.name, does(step));
        let shape = match step.does {
            Does::Hold(_) => format!("{{{{\"{label}\"}}}}"),
            Does::Value(_) => format!("(\"{label}\")"),
            Does::Call(_) => format!("[\"{label}\"]"),
        };
        let _ = writeln!(text, "    {}{shape}", step.name);
    }
    for (at, step) in workflow.steps.iter().enumerate() {
        for (needed, need) in workflow.plan.needs(at) {
            let arrow = if need == Need::Required {
                "-->"
            } else {
                "-.->"
            };
            let _ = writeln!(
                text,
                "    {} {arrow} {}",
                workflow.steps[needed].name, step.name
            );
        }
    }
    text
}

/// A Graphviz graph.
pub(crate) fn dot(workflow: &Workflow) -> String {
    let mut text = String::from(
        "digraph workflow {\n    rankdir=LR;\n    node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
    );
    for step in &workflow.steps {
        let shape = if matches!(step.does, Does::Hold(_)) {
            ", shape=hexagon"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "    \"{0}\" [label=\"{0}\\n{1}\"{shape}];",
            step.name,
            does(step)
        );
    }
    for (at, step) in workflow.steps.iter().enumerate() {
        for (needed, need) in workflow.plan.needs(at) {
            let style = if need == Need::Required {
                ""
            } else {
                " [style=dashed]"
            };
            let _ = writeln!(
                text,
                "    \"{}\" -> \"{}\"{style};",
                workflow.steps[needed].name, step.name
            );
        }
    }
    text.push_str("}\n");
    text
}

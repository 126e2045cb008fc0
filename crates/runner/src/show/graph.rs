//! The DAG of a workflow as text: for a terminal, for Mermaid, for Graphviz.

use std::fmt::Write as _;

use flow_engine::plan::Need;
use flow_engine::workflow::{Does, Starts, Step, Workflow};

use super::style::{BLUE, DIM, paint};

/// What a step does, in a word or two.
pub(super) fn does(step: &Step) -> String {
    match &step.does {
        Does::Call(call) if &*call.call.connector == "shell" => "run".to_owned(),
        Does::Call(call) => format!("{}.{}", call.call.connection, call.call.operation),
        Does::Hold(watch) => format!(
            "waits for {}.{}",
            watch.call.connection, watch.call.operation
        ),
        Does::Value(_) => "value".to_owned(),
        Does::Engine(_, call) => format!("{}.{}", call.connection, call.operation),
        Does::Group(_) => "group".to_owned(),
        Does::Child(child) => format!("workflow {}", child.workflow),
    }
}

/// What a step is inside: a loop, rounds.
fn around(step: &Step) -> String {
    let mut words = Vec::new();
    if step.each.is_some() {
        words.push("for each");
    }
    if step.repeat.is_some() {
        words.push("repeated");
    }
    if step.undo.is_some() {
        words.push("with undo");
    }
    if words.is_empty() {
        String::new()
    } else {
        format!(" ({})", words.join(", "))
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
            Starts::Schedule(schedule) => {
                let zone = schedule.timezone.as_deref().unwrap_or("UTC");
                format!("schedule `{}` ({zone})", schedule.pattern)
            }
            starts => starts.word().to_owned(),
        };
        let _ = writeln!(
            text,
            "{}",
            paint(DIM, format!("on {}: {what}", trigger.name))
        );
    }
    let ranks = workflow.plan.rank();
    body(workflow, 0, "", &ranks, &mut text);
    if let Some(finally) = workflow.finally {
        let _ = writeln!(text, "{}", paint(DIM, "finally"));
        body(workflow, finally, "", &ranks, &mut text);
    }
    text
}

/// The steps of one map, and below each what stands inside it.
fn body(workflow: &Workflow, at: usize, indent: &str, ranks: &[usize], text: &mut String) {
    let order = workflow.plan.order().iter().copied();
    let steps: Vec<usize> = order
        .filter(|step| workflow.steps[*step].body == at && workflow.steps[*step].undoes.is_none())
        .collect();
    let name_width = |step: &usize| workflow.steps[*step].name.chars().count();
    let width = steps.iter().map(name_width).max().unwrap_or(0);
    let deepest = steps.iter().map(|step| ranks[*step]).max().unwrap_or(0);
    for (place, step) in steps.iter().copied().enumerate() {
        let shape = &workflow.steps[step];
        let last = place + 1 == steps.len();
        let branch = format!(
            "{indent}{}{}",
            "   ".repeat(ranks[step]),
            if last { "└─ " } else { "├─ " }
        );
        let pad = "   ".repeat(deepest - ranks[step]);
        let needs: Vec<String> = workflow
            .plan
            .needs(step)
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
            "{branch}{:width$}{pad}  {}{}{after}",
            shape.name,
            paint(BLUE, does(shape)),
            around(shape)
        );
        if let Does::Group(group) = &shape.does {
            let indent = format!(
                "{indent}{}{}",
                "   ".repeat(ranks[step]),
                if last { "      " } else { "│     " }
            );
            body(workflow, group.body, &indent, ranks, text);
            if let Some(finally) = group.finally {
                let _ = writeln!(text, "{indent}{}", paint(DIM, "finally"));
                body(workflow, finally, &indent, ranks, text);
            }
        }
    }
}

fn need_words(name: &str, need: Need) -> String {
    match need {
        Need::Required => name.to_owned(),
        Need::SkipAllowed => format!("{name}?"),
        Need::Lifted => format!("{name} (any end)"),
    }
}

/// A Mermaid flowchart; groups are boxes around their steps.
pub(crate) fn mermaid(workflow: &Workflow) -> String {
    let mut text = String::from("flowchart LR\n");
    let mut nodes = |step: &Step, depth: usize, opens: bool| {
        let indent = "    ".repeat(depth + 1);
        let label = format!("<b>{}</b><br/>{}{}", step.name, does(step), around(step));
        let _ = match step.does {
            Does::Group(_) if opens => {
                writeln!(text, "{indent}subgraph {}[\"{label}\"]", step.name)
            }
            Does::Group(_) => writeln!(text, "{indent}end"),
            Does::Hold(_) => writeln!(text, "{indent}{}{{{{\"{label}\"}}}}", step.name),
            Does::Value(_) => writeln!(text, "{indent}{}(\"{label}\")", step.name),
            _ => writeln!(text, "{indent}{}[\"{label}\"]", step.name),
        };
    };
    nested(workflow, 0, 0, &mut nodes);
    if let Some(finally) = workflow.finally {
        nested(workflow, finally, 0, &mut nodes);
    }
    for (at, step) in workflow.steps.iter().enumerate() {
        for (needed, need) in workflow.plan.needs(at) {
            let arrow = if need == Need::Required {
                "-->"
            } else {
                "-.->"
            };
            let needed = &workflow.steps[needed].name;
            let _ = writeln!(text, "    {needed} {arrow} {}", step.name);
        }
    }
    text
}

/// Visits the steps of a body; a group before and after what stands inside it.
fn nested(
    workflow: &Workflow,
    body: usize,
    depth: usize,
    visit: &mut dyn FnMut(&Step, usize, bool),
) {
    for step in &workflow.bodies[body].steps {
        let step = &workflow.steps[*step];
        visit(step, depth, true);
        if let Does::Group(group) = &step.does {
            nested(workflow, group.body, depth + 1, visit);
            if let Some(finally) = group.finally {
                nested(workflow, finally, depth + 1, visit);
            }
            visit(step, depth, false);
        }
    }
}

/// A Graphviz graph; groups are clusters around their steps.
pub(crate) fn dot(workflow: &Workflow) -> String {
    let mut text = String::from(
        "digraph workflow {\n    rankdir=LR;\n    compound=true;\n    node [shape=box, style=rounded, fontname=\"sans-serif\"];\n",
    );
    let mut nodes = |step: &Step, depth: usize, opens: bool| {
        let indent = "    ".repeat(depth + 1);
        let (name, label) = (&step.name, format!("{}{}", does(step), around(step)));
        let _ = match step.does {
            Does::Group(_) if opens => writeln!(
                text,
                "{indent}subgraph \"cluster_{name}\" {{\n{indent}    label=\"{name}\";\n{indent}    \"{name}\" [label=\"{label}\", shape=plaintext];"
            ),
            Does::Group(_) => writeln!(text, "{indent}}}"),
            Does::Hold(_) => writeln!(
                text,
                "{indent}\"{name}\" [label=\"{name}\\n{label}\", shape=hexagon];"
            ),
            _ => writeln!(text, "{indent}\"{name}\" [label=\"{name}\\n{label}\"];"),
        };
    };
    nested(workflow, 0, 0, &mut nodes);
    if let Some(finally) = workflow.finally {
        nested(workflow, finally, 0, &mut nodes);
    }
    for (at, step) in workflow.steps.iter().enumerate() {
        for (needed, need) in workflow.plan.needs(at) {
            let style = if need == Need::Required {
                ""
            } else {
                " [style=dashed]"
            };
            let needed = &workflow.steps[needed].name;
            let _ = writeln!(text, "    \"{needed}\" -> \"{}\"{style};", step.name);
        }
    }
    text.push_str("}\n");
    text
}

//! A template in the text of a command becomes a variable of its environment: data is handed over as data.

use super::Edit;
use super::locate::entries_around;
use super::value::quoted;
use crate::source::{SourceFile, Span};
use crate::yaml::{Entry, Node, NodeKind, Scalar, Style};

/// Variables that a command needs as they are.
const RESERVED: [&str; 14] = [
    "PATH", "HOME", "USER", "SHELL", "PWD", "OLDPWD", "IFS", "LANG", "TERM", "TMPDIR", "ENV",
    "PS1", "LOGNAME", "OPTIND",
];

/// Edits that put the first template of the command at `place` into `env:`; none where the shell's quoting around it is
/// not plain to see.
pub(super) fn env_form(source: &SourceFile, root: &Node, place: Span) -> Option<Vec<Edit>> {
    let around = entries_around(root, place);
    let [steps, step, run] = around.as_slice() else {
        return None;
    };
    if &*steps.key != "steps" || &*run.key != "run" || run.value.tag.is_some() {
        return None;
    }
    let NodeKind::Map(members) = &step.value.kind else {
        return None;
    };
    let scalar = run.value.as_scalar()?;
    let open = scalar.text.find("{{")?;
    let close = open + scalar.text[open..].find("}}")? + 2;
    let expression = scalar.text[open + 2..close - 2].trim_matches('-').trim();
    if expression.contains(['\n', '{']) || scalar.text.contains("{%") {
        return None;
    }
    let name = variable(expression);
    let use_of_it = match quoting(&scalar.text[..open])? {
        Quoting::None => format!("\"${name}\""),
        Quoting::Double => format!("${{{name}}}"),
        Quoting::Single => format!("'\"${name}\"'"),
    };
    let inner = Span::new(open, close);
    let span = run.value.place().locate(source, &scalar.text, inner);
    if span != place || source.slice(span) != &scalar.text[open..close] {
        return None;
    }
    let mut edits = vec![Edit::new(span, written(scalar, &use_of_it))];
    let template = format!("{{{{ {expression} }}}}");
    match members.iter().find(|member| &*member.key == "env") {
        Some(env) => edits.extend(into_env(source, env, &name, &template)?),
        None => edits.push(new_env(source, step, run, &name, &template)),
    }
    Some(edits)
}

fn variable(expression: &str) -> String {
    let last = expression.rsplit(['.', ' ']).next().unwrap_or_default();
    let letters = last
        .chars()
        .filter(|it| it.is_ascii_alphanumeric() || *it == '_');
    let name: String = letters.collect::<String>().to_uppercase();
    let reserved = RESERVED.contains(&&*name);
    if reserved || !name.starts_with(|it: char| it.is_ascii_uppercase() || it == '_') {
        return format!("VALUE_{name}").trim_end_matches('_').to_owned();
    }
    name
}

enum Quoting {
    None,
    Single,
    Double,
}

/// How the shell quotes what follows `before`; `None` where more than quotes would have to be understood.
fn quoting(before: &str) -> Option<Quoting> {
    if before.contains("<<")
        || before.contains("$(")
        || before.contains(['`'])
        || before.contains("$'")
    {
        return None;
    }
    let mut state = Quoting::None;
    let mut letters = before.chars().peekable();
    let mut at_word_start = true;
    while let Some(letter) = letters.next() {
        match (&state, letter) {
            (Quoting::None | Quoting::Double, '\\') => {
                letters.next()?;
            }
            (Quoting::None, '\'') => state = Quoting::Single,
            (Quoting::None, '"') => state = Quoting::Double,
            (Quoting::Single, '\'') | (Quoting::Double, '"') => state = Quoting::None,
            (Quoting::None, '#') if at_word_start => {
                // In a comment nothing is quoted, and nothing is used.
                letters.by_ref().find(|it| *it == '\n')?;
            }
            _ => {}
        }
        at_word_start = letter.is_whitespace();
    }
    Some(state)
}

/// The text as the scalar's style writes it.
fn written(scalar: &Scalar, text: &str) -> String {
    match scalar.style {
        Style::DoubleQuoted => text.replace('"', "\\\""),
        Style::SingleQuoted => text.replace('\'', "''"),
        _ => text.to_owned(),
    }
}

/// Adds the variable to `env:`; nothing if it is there already with that value.
fn into_env(source: &SourceFile, env: &Entry, name: &str, template: &str) -> Option<Vec<Edit>> {
    let NodeKind::Map(entries) = &env.value.kind else {
        return None;
    };
    if let Some(same) = entries.iter().find(|entry| &*entry.key == name) {
        let text = &same.value.as_scalar()?.text;
        return (**text == *template).then(Vec::new);
    }
    let start = env.value.span.start as usize;
    let entry = format!("{name}: {}", quoted(template));
    let edit = match (source.text()[start..].starts_with('{'), entries.first()) {
        (true, None) => Edit::new(env.value.span, format!("{{ {entry} }}")),
        (true, Some(_)) => Edit::new(Span::at(start + 1), format!(" {entry},")),
        (false, first) => {
            let first = first?.key_span.start;
            let indent = indent(source, first as usize)?;
            Edit::new(Span::at(first as usize), format!("{entry}\n{indent}"))
        }
    };
    Some(vec![edit])
}

fn new_env(source: &SourceFile, step: &Entry, run: &Entry, name: &str, template: &str) -> Edit {
    let text = source.text();
    let env = format!("env: {{ {name}: {} }}", quoted(template));
    let end = run.value.span.end as usize;
    let is_flow = text[step.value.span.start as usize..].starts_with('{');
    let key = run.key_span.start as usize;
    match indent(source, key).filter(|_| !is_flow) {
        None => Edit::new(Span::at(end), format!(", {env}")),
        Some(indent) => {
            let style = run.value.as_scalar().map(|scalar| scalar.style);
            let rest = text[end..].lines().next().unwrap_or_default();
            if matches!(style, Some(Style::Literal | Style::Folded)) || !rest.trim().is_empty() {
                Edit::new(Span::at(key), format!("{env}\n{indent}"))
            } else {
                Edit::new(Span::at(end), format!("\n{indent}{env}"))
            }
        }
    }
}

/// The blanks in front of a key that is the first thing on its line.
fn indent(source: &SourceFile, key: usize) -> Option<&str> {
    let line = source.text()[..key]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let before = &source.text()[line..key];
    before.chars().all(|it| it == ' ').then_some(before)
}

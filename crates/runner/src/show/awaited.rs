//! What a step waits for that somebody or something outside says, and what to type.

use flow_engine::catalog::Signal;
use flow_engine::run::approval::choices;
use flow_engine::value::Value;
use flow_engine::workflow::{Does, Step};

/// What a held step waits for, as far as its parameters tell.
pub(crate) fn words(arguments: &Value) -> String {
    let text = |name: &str| arguments.get(name).and_then(Value::as_str);
    match (text("message"), text("event")) {
        (Some(message), _) => format!("waits for a decision: {}", plain(message)),
        (None, Some(event)) => format!("waits for event `{}`", plain(event)),
        (None, None) => "waits for a word from outside".to_owned(),
    }
}

/// What to type for a step that waits; nothing if nobody has to type anything.
pub(crate) fn remedy(step: &Step, run: &str, path: &str, arguments: &Value) -> Option<String> {
    let Does::Hold(watch) = &step.does else {
        return None;
    };
    match watch.signal()? {
        Signal::Approval => {
            let to = arguments
                .get("to")
                .and_then(Value::as_list)
                .unwrap_or_default();
            let to: Vec<&str> = to.iter().filter_map(Value::as_str).collect();
            let who = if to.is_empty() {
                String::new()
            } else {
                format!("{} may decide: ", to.join(", "))
            };
            Some(format!("{who}`{}`", command(run, path, arguments)))
        }
        Signal::Event => {
            let event = watch.event(arguments)?;
            Some(format!("`flow emit {event}` says that it happened"))
        }
        Signal::Callback => {
            Some("somebody has to call the address of this step, at `flow serve`".to_owned())
        }
    }
}

/// What to type to decide.
pub(crate) fn command(run: &str, path: &str, arguments: &Value) -> String {
    let choices = choices(arguments);
    let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
    format!("flow approve {run} {} {}", quoted(path), choices.join("|"))
}

/// A word of the shell.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./".contains(letter);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{word}'")
    }
}

/// Foreign text must not drive the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

//! What was expected of a case, and what was found.

use flow_engine::duration::Millis;
use flow_engine::finding::Finding;
use flow_engine::journal::SkipReason;
use flow_engine::report::{StepReport, StepState};
use flow_engine::source::Span;
use flow_engine::value::Value;

use super::lines::{Line, lines};
use super::plain::{includes, plain};
use super::{Case, ExpectStep, Outcome, Placed};

/// Something that is not as expected.
#[derive(Debug, Clone)]
pub struct Mismatch {
    /// What, at the line of the case file.
    pub finding: Finding,
    /// Both sides, where one line does not show them.
    pub difference: Option<Difference>,
}

/// Two sides that differ.
#[derive(Debug, Clone)]
pub enum Difference {
    /// Values: the expected one, and the one that was found.
    Values(Value, Value),
    /// Lines, or texts line by line.
    Lines(String, String),
}

/// Everything that is not as the case expects; nothing if it passed.
pub fn compare(case: &Case, outcome: &Outcome) -> Vec<Mismatch> {
    let mut comparing = Comparing {
        outcome,
        found: Vec::new(),
    };
    comparing.refused(case);
    comparing.status(case);
    comparing.outputs(case);
    for step in &case.expect.steps {
        comparing.step(step);
    }
    comparing.rest(case);
    comparing
        .found
        .sort_by_key(|mismatch| mismatch.finding.span.start);
    comparing.found
}

struct Comparing<'a> {
    outcome: &'a Outcome,
    found: Vec<Mismatch>,
}

impl Comparing<'_> {
    fn add(&mut self, finding: Finding, difference: Option<Difference>) {
        self.found.push(Mismatch {
            finding,
            difference,
        });
    }

    /// Calls that the case does not answer; each once.
    fn refused(&mut self, case: &Case) {
        let mut said: Vec<&(String, String)> = Vec::new();
        for refused in &self.outcome.refused {
            if said.contains(&refused) {
                continue;
            }
            said.push(refused);
            let (operation, step) = refused;
            let message =
                format!("step `{step}` called `{operation}`, which the case does not answer");
            let finding = Finding::error("test.unscripted", case.name.span, message);
            let help = format!(
                "add `operations: {{ {operation}: ... }}`, or let it be performed with `real: [{operation}]`"
            );
            self.add(finding.help(help), None);
        }
    }

    fn status(&mut self, case: &Case) {
        let expected = &case.expect.status;
        let found = self.outcome.status;
        if found == &*expected.value {
            return;
        }
        let message = format!("the run should be `{}`, and is `{found}`", expected.value);
        let mut finding = Finding::error("test.status", expected.span, message);
        if let Some(why) = self.why() {
            finding = finding.help(why);
        }
        self.add(finding, None);
    }

    /// The first failure, or what is waited for.
    fn why(&self) -> Option<String> {
        let ended = self.outcome.ended.as_ref();
        if let Some(failure) = ended.and_then(|ended| ended.failure.as_ref()) {
            return Some(format!("outputs: {}: {}", failure.code, failure.message));
        }
        let failed = self.outcome.steps.iter().find_map(|(path, step)| {
            let failure = step.failure.as_ref()?;
            let lost = matches!(step.state, StepState::Failed | StepState::Interrupted);
            lost.then(|| format!("step `{path}`: {}: {}", failure.code, failure.message))
        });
        failed.or_else(|| {
            let held = |step: &StepReport| matches!(step.state, StepState::Held { .. });
            let (path, _) = self.outcome.steps.iter().find(|(_, step)| held(step))?;
            Some(format!(
                "step `{path}` waits, and nobody says anything to it: see `people:`"
            ))
        })
    }

    fn outputs(&mut self, case: &Case) {
        let found = self.outcome.outputs();
        if let Some(expected) = &case.expect.outputs
            && expected.value != found
        {
            let finding = Finding::error("test.outputs", expected.span, "the outputs differ");
            let both = Difference::Values(expected.value.clone(), found.clone());
            self.add(finding, Some(both));
        }
        if let Some(expected) = &case.expect.outputs_include
            && !includes(&found, &expected.value)
        {
            let finding = Finding::error(
                "test.outputs",
                expected.span,
                "the outputs lack some of this",
            );
            let both = Difference::Values(expected.value.clone(), found);
            self.add(finding, Some(both));
        }
    }

    fn step(&mut self, expected: &ExpectStep) {
        let path = &*expected.path.text;
        let found = self.outcome.steps.get(path);
        let state = found.map_or("not_started", |step| step.state.as_str());
        if let Some(status) = &expected.status
            && &*status.value != state
        {
            let message = format!(
                "step `{path}` should be `{}`, and is `{state}`",
                status.value
            );
            let finding = Finding::error("test.step", status.span, message);
            let finding = match found.and_then(why_so) {
                Some(why) => finding.help(why),
                None => finding,
            };
            self.add(finding, None);
        }
        if let Some(error) = &expected.error {
            let code = found.and_then(|step| step.failure.as_ref());
            let code = code.map_or("none", |failure| &*failure.code);
            self.told(path, "error", error.span, &error.value, code);
        }
        if let Some(attempts) = &expected.attempts {
            let found = found.map_or(0, |step| step.attempts);
            let expected = attempts.value.to_string();
            self.told(
                path,
                "attempts",
                attempts.span,
                &expected,
                &found.to_string(),
            );
        }
        let value = found.and_then(|step| step.value.as_ref());
        let value = value.map_or(Value::Null, |value| plain(value, &*self.outcome.blobs));
        if let Some(expected) = &expected.value
            && expected.value != value
        {
            self.value(path, expected, &value);
        }
        if let Some(expected) = &expected.value_includes
            && !includes(&value, &expected.value)
        {
            self.value(path, expected, &value);
        }
    }

    fn value(&mut self, path: &str, expected: &Placed<Value>, found: &Value) {
        let message = format!("the value of step `{path}` differs");
        let finding = Finding::error("test.step", expected.span, message);
        let both = Difference::Values(expected.value.clone(), found.clone());
        self.add(finding, Some(both));
    }

    fn told(&mut self, path: &str, what: &str, span: Span, expected: &str, found: &str) {
        if expected != found {
            let message =
                format!("`{what}` of step `{path}` should be `{expected}`, and is `{found}`");
            self.add(Finding::error("test.step", span, message), None);
        }
    }

    fn rest(&mut self, case: &Case) {
        let expect = &case.expect;
        let left = self.outcome.ended.as_ref().map(|ended| &*ended.not_undone);
        let left = left.unwrap_or_default();
        if let Some(expected) = &expect.not_undone
            && expected.value != left
        {
            let finding = Finding::error(
                "test.not_undone",
                expected.span,
                "other steps are not undone than expected",
            );
            let both = Difference::Lines(expected.value.join("\n"), left.join("\n"));
            self.add(finding, Some(both));
        }
        if let Some(expected) = &expect.took
            && expected.value != self.outcome.took
        {
            let found: Millis = self.outcome.took;
            let message = format!("the run should take {}, and took {found}", expected.value);
            self.add(Finding::error("test.took", expected.span, message), None);
        }
        for (name, expected) in &expect.calls {
            let found = self.outcome.calls.get(&*name.text).copied().unwrap_or(0);
            if found != expected.value {
                let message = format!(
                    "`{}` should be called {}, and was called {}",
                    name.text,
                    times(expected.value),
                    times(found)
                );
                self.add(Finding::error("test.calls", expected.span, message), None);
            }
        }
        for (name, expected) in &expect.files {
            let found = self.outcome.files.get(&*name.text).cloned().flatten();
            self.file(&name.text, expected, found);
        }
        if let Some(expected) = &expect.journal {
            self.journal(expected);
        }
    }

    fn file(&mut self, name: &str, expected: &Placed<Value>, found: Option<String>) {
        let wanted = match &expected.value {
            Value::Null => None,
            Value::String(text) => Some(text.to_string()),
            other => Some(other.to_json().unwrap_or_default()),
        };
        let message = match (&wanted, &found) {
            (wanted, found) if wanted == found => return,
            (Some(_), Some(_)) => format!("the file `{name}` differs"),
            (Some(_), None) => format!("there is no file `{name}`"),
            (None, _) => format!("there should be no file `{name}`"),
        };
        let finding = Finding::error("test.files", expected.span, message);
        let both = wanted
            .zip(found)
            .map(|(wanted, found)| Difference::Lines(wanted, found));
        self.add(finding, both);
    }

    /// Lines with a time in front are compared with their times, the others without.
    fn journal(&mut self, expected: &Placed<Vec<String>>) {
        let found = lines(self.outcome);
        let timed = |line: &str| {
            let first = line.split(' ').next().unwrap_or_default();
            Millis::parse(first).is_some() || first == "0s"
        };
        let said = |at: usize, line: &Line| match expected.value.get(at) {
            Some(wanted) if timed(wanted) => line.timed(),
            None if expected.value.first().is_some_and(|first| timed(first)) => line.timed(),
            _ => line.plain(),
        };
        let found: Vec<String> = found
            .iter()
            .enumerate()
            .map(|(at, line)| said(at, line))
            .collect();
        if found != expected.value {
            let finding = Finding::error("test.journal", expected.span, "the journal differs");
            let both = Difference::Lines(expected.value.join("\n"), found.join("\n"));
            self.add(finding, Some(both));
        }
    }
}

fn times(count: u64) -> String {
    match count {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

/// Why a step is where it is.
fn why_so(step: &StepReport) -> Option<String> {
    match &step.state {
        StepState::Skipped(SkipReason::LostNeed { need, status }) => {
            Some(format!("it needs `{need}`, which is {status}"))
        }
        StepState::Skipped(SkipReason::NoPlace { group }) => Some(format!("{group} has no place")),
        StepState::Waiting(_, waited) => Some(format!("it waits for a place in {}", waited.what)),
        StepState::Skipped(SkipReason::Condition) => Some("its `if` was false".to_owned()),
        _ => {
            let failure = step.failure.as_ref()?;
            Some(format!("{}: {}", failure.code, failure.message))
        }
    }
}

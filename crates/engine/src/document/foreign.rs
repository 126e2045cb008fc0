//! Keys of other tools, with the words that are used here: people come with habits.

/// What a key of another tool is called here: those of a place where the key is known.
struct Foreign {
    /// In lower case, without `-` and `_`.
    word: &'static str,
    ours: &'static str,
    /// How it is written.
    example: &'static str,
    /// Whether the value may stay as it is.
    same_value: bool,
}

const fn same(word: &'static str, ours: &'static str, example: &'static str) -> Foreign {
    Foreign {
        word,
        ours,
        example,
        same_value: true,
    }
}

const fn like(word: &'static str, ours: &'static str, example: &'static str) -> Foreign {
    Foreign {
        word,
        ours,
        example,
        same_value: false,
    }
}

const FOREIGN: &[Foreign] = &[
    same("dependson", "needs", "needs: [other]"),
    same("depends", "needs", "needs: [other]"),
    same("after", "needs", "needs: [other]"),
    same("command", "run", "run: echo hello"),
    same("cmd", "run", "run: echo hello"),
    same("script", "run", "run: echo hello"),
    same("shell", "run", "run: echo hello"),
    same("environment", "env", "env: { NAME: value }"),
    same("workingdirectory", "cwd", "cwd: folder"),
    same("workingdir", "cwd", "cwd: folder"),
    same("dir", "cwd", "cwd: folder"),
    same("when", "if", "if: inputs.n > 5"),
    same("condition", "if", "if: inputs.n > 5"),
    same("foreach", "for_each", "for_each: \"{{ inputs.list }}\""),
    same("withitems", "for_each", "for_each: \"{{ inputs.list }}\""),
    same("loop", "for_each", "for_each: \"{{ inputs.list }}\""),
    same("maxconcurrency", "max_parallel", "max_parallel: 4"),
    same("parallelism", "max_parallel", "max_parallel: 4"),
    same("parameters", "with", "with: { name: value }"),
    same("params", "with", "with: { name: value }"),
    same("tasks", "steps", "steps: { name: { run: echo hello } }"),
    same("params", "inputs", "inputs: { name: { type: string } }"),
    same("parameters", "inputs", "inputs: { name: { type: string } }"),
    same("variables", "vars", "vars: { name: value }"),
    like("timeoutminutes", "timeout", "timeout: 10m"),
    like("jobs", "steps", "steps: { name: { run: echo hello } }"),
    like("uses", "action", "action: claude.messages.create"),
    like("call", "action", "action: claude.messages.create"),
    like("continueonerror", "on_error", "on_error: continue"),
    like("allowfailure", "on_error", "on_error: continue"),
    like("retries", "retry", "retry: { attempts: 3 }"),
    like("retrypolicy", "retry", "retry: { attempts: 3 }"),
    like(
        "while",
        "repeat",
        "repeat: { until: result.done, every: 10s, max: 60 }",
    ),
    like(
        "until",
        "repeat",
        "repeat: { until: result.done, every: 10s, max: 60 }",
    ),
    like("strategy", "for_each", "for_each: [a, b]"),
    like("matrix", "for_each", "for_each: [a, b]"),
    like(
        "schedule",
        "on",
        "on: { nightly: { schedule: \"0 2 * * *\" } }",
    ),
    like("cron", "on", "on: { nightly: { schedule: \"0 2 * * *\" } }"),
    like(
        "triggers",
        "on",
        "on: { nightly: { schedule: \"0 2 * * *\" } }",
    ),
    like(
        "trigger",
        "on",
        "on: { nightly: { schedule: \"0 2 * * *\" } }",
    ),
    like("compensate", "undo", "undo: { run: rm made }"),
    like("rollback", "undo", "undo: { run: rm made }"),
    like("compensation", "undo", "undo: { run: rm made }"),
    like("onexit", "finally", "finally: { clean: { run: rm made } }"),
    like("secrets", "env", "env: { TOKEN: \"{{ secrets.TOKEN }}\" }"),
];

/// What is meant by a key of another tool, in words, and the key that may simply stand in its place.
pub(super) fn foreign(written: &str, known: &[&str]) -> Option<(String, Option<&'static str>)> {
    let word: String = written
        .chars()
        .filter(|letter| !matches!(letter, '-' | '_'))
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    let found = FOREIGN
        .iter()
        .find(|foreign| foreign.word == word && known.contains(&foreign.ours))?;
    let help = format!("here it is `{}`: `{}`", found.ours, found.example);
    Some((help, found.same_value.then_some(found.ours)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::keys;

    #[test]
    fn every_word_leads_to_a_key() {
        for foreign in FOREIGN {
            let of_step = keys::STEP.iter().map(|(key, _)| *key);
            let verbs = keys::Verb::ALL.iter().map(|verb| verb.as_str());
            let mut ours = of_step.chain(verbs).chain(keys::WORKFLOW.iter().copied());
            assert!(ours.any(|key| key == foreign.ours), "{}", foreign.ours);
        }
    }
}

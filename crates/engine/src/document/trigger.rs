//! `on:` by its shape: one trigger or several, each with one word that says what starts a run.

use super::parse::Parser;
use super::{Member, Section, Word, keys};
use crate::finding::Finding;
use crate::yaml::{Entry, NodeKind};

const START: &str = "what starts a run is said by one of `schedule`, `every`, `trigger`, `poll`, `webhook`, `event`, `file`";
/// What to write where a trigger is none.
const HELP: &str = "such as `on: { schedule: \"0 2 * * *\" }`, `on: { every: 1h }` or `on: { trigger: claude.files.created }`";

impl Parser {
    /// `on:` is one trigger named `main` if any of its keys is a trigger's word, else each key names one.
    pub(super) fn triggers(&mut self, entry: &Entry) -> Vec<Section> {
        let NodeKind::Map(entries) = &entry.value.kind else {
            if !matches!(entry.value.kind, NodeKind::Hole) {
                let message = format!("`on` must be a map, found {}", entry.value.describe());
                let finding = Finding::error("schema.type", entry.value.span, message);
                self.findings.push(finding.help(HELP));
            }
            return Vec::new();
        };
        let is_one = entries
            .iter()
            .any(|inner| keys::TRIGGER_WORDS.contains(&&*inner.key) || &*inner.key == "every");
        let sections = if is_one {
            let name = Word {
                text: "main".into(),
                span: entry.key_span,
            };
            vec![self.section(Member {
                name,
                value: entry.value.clone(),
            })]
        } else {
            self.sections(&entry.value, "`on`")
        };
        for section in &sections {
            self.trigger(section);
        }
        sections
    }

    fn trigger(&mut self, section: &Section) {
        let what = format!("the trigger `{}`", section.name.text);
        if section.members.is_empty() && !section.node.is_hole() {
            let message = format!("{what} must be a map, found {}", section.node.describe());
            let finding = Finding::error("schema.type", section.node.span, message);
            self.findings.push(finding.help(format!(
                "say what starts a run, such as `{}: {{ schedule: \"0 2 * * *\" }}`",
                section.name.text
            )));
            return;
        }
        let mut all_known = true;
        for member in &section.members {
            let entry = Entry {
                key: member.name.text.clone(),
                key_span: member.name.span,
                value: member.value.clone(),
            };
            if keys::TRIGGER.contains(&&*entry.key) {
                continue;
            }
            all_known = false;
            let says = |member: &Member| keys::TRIGGER_WORDS.contains(&&*member.name.text);
            if section.members.iter().any(says) {
                self.known(&entry, &what, keys::TRIGGER);
                continue;
            }
            let message = format!("{what} has no key `{}`", entry.key);
            let finding = Finding::error("schema.unknown_field", entry.key_span, message);
            self.findings
                .push(finding.label("unknown key").help_nearest(
                    &entry.key,
                    keys::TRIGGER.iter().copied(),
                    START,
                ));
        }
        let words: Vec<_> = section
            .members
            .iter()
            .filter(|member| keys::TRIGGER_WORDS.contains(&&*member.name.text))
            .collect();
        let has_every = section
            .members
            .iter()
            .any(|member| &*member.name.text == "every");
        match words.as_slice() {
            [] if has_every => self.beside(section, &what, "every"),
            [] if !all_known => {}
            [] => {
                let message = format!("{what} does not say what starts a run");
                let finding = Finding::error("schema.one_of", section.name.span, message);
                self.findings.push(finding.help(START));
            }
            [one] => self.beside(section, &what, &one.name.text),
            [first, second, ..] => {
                let message = format!(
                    "{what} has both `{}` and `{}`",
                    first.name.text, second.name.text
                );
                let finding = Finding::error("schema.one_of", second.name.span, message);
                self.findings.push(
                    finding
                        .help("make two triggers of it, each with a name of its own under `on:`"),
                );
            }
        }
    }

    /// Keys that do not go with what starts the runs.
    fn beside(&mut self, section: &Section, what: &str, word: &str) {
        let delivered = section
            .members
            .iter()
            .find(|member| &*member.name.text == "verify");
        for member in &section.members {
            let key = &*member.name.text;
            let Some((_, words)) = keys::TRIGGER_WITH.iter().find(|(known, _)| *known == key)
            else {
                continue;
            };
            let finding =
                |message: String| Finding::error("schema.misplaced", member.name.span, message);
            if key == word {
                continue;
            }
            if !words.contains(&word) {
                let with: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                let message = format!("`{key}` does not go with `{word}`");
                let help = if key == "every" {
                    format!(
                        "{what} has one word that starts runs: make two triggers of it, or take `every` out"
                    )
                } else {
                    format!("`{key}` goes with {}", with.join(", "))
                };
                self.findings.push(finding(message).help(help));
            } else if word == "trigger" && delivered.is_none() && keys::OF_DELIVERIES.contains(&key)
            {
                let message = format!(
                    "`{key}` goes with events that are delivered, and these are looked for"
                );
                self.findings.push(finding(message).help(format!(
                    "add `verify:`, which says how senders are verified, or take `{key}` out"
                )));
            } else if let (true, Some(verify)) = (
                word == "trigger" && keys::OF_LOOKS.contains(&key),
                delivered,
            ) {
                let message = format!(
                    "`{key}` goes with events that are looked for, and these are delivered"
                );
                let finding = finding(message).related(verify.name.span, "this says so");
                self.findings
                    .push(finding.help(format!("take `{key}` or `verify` out")));
            }
        }
    }
}

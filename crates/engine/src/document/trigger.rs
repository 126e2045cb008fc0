//! `on:` by its shape: one trigger or several, each with one word that says what starts a run.

use super::parse::Parser;
use super::{Member, Section, Word, keys};
use crate::finding::Finding;
use crate::yaml::{Entry, NodeKind};

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
            self.findings.push(finding.help(HELP));
            return;
        }
        for member in &section.members {
            let entry = Entry {
                key: member.name.text.clone(),
                key_span: member.name.span,
                value: member.value.clone(),
            };
            self.known(&entry, &what, keys::TRIGGER);
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
            [] if has_every => {}
            [] => {
                let message = format!("{what} does not say what starts a run");
                let finding = Finding::error("schema.one_of", section.name.span, message);
                self.findings.push(finding.help("give it one of `schedule`, `every`, `trigger`, `poll`, `webhook`, `event`, `file`"));
            }
            [_] => {}
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
}

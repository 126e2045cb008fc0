//! Steps by their shape: what each does, the keys that go with it, and the steps inside groups.

use crate::collections::IndexMap;

use super::keys::{self, Verb};
use super::parse::{Parser, is_empty};
use super::{Body, Member, StepShape, Word};
use crate::finding::Finding;
use crate::source::Span;
use crate::yaml::{Entry, Node, NodeKind};

impl Parser {
    /// `steps:` or `finally:`, with the place of its key.
    pub(super) fn body(&mut self, node: &Node, at: Span, what: &str) -> Body {
        if let NodeKind::List(items) = &node.kind {
            let message = format!("`{what}` must be a map from step ids to steps, found a list");
            let place = items.first().map_or(node.span, |item| item.span);
            let finding = Finding::error("schema.type", place, message);
            self.findings.push(finding.help(format!(
                "write `{what}:` with one key a step, such as `fetch: {{ query: ... }}`"
            )));
            return Body {
                span: at,
                steps: Vec::new(),
            };
        }
        let members = self.members(node, &format!("`{what}`"), true);
        let steps: Vec<_> = members
            .into_iter()
            .map_while(|member| self.has_room(&member.name).then(|| self.step(member)))
            .flatten()
            .collect();
        let unreadable = self
            .findings
            .iter()
            .any(|finding| finding.code == "yaml.key");
        if steps.is_empty() && is_empty(node) && !unreadable {
            let message = match what {
                "steps" => "there are no steps".to_owned(),
                other => format!("there are no steps under `{other}`"),
            };
            let finding = Finding::error("schema.no_steps", at, message);
            self.findings.push(finding.help(
                "a step has an id and says what it does, such as `hello: { run: echo hello }`",
            ));
        }
        Body { span: at, steps }
    }

    fn step(&mut self, member: Member) -> Option<StepShape> {
        let what = format!("step `{}`", member.name.text);
        self.unique(&member.name);
        if member.value.is_null() {
            self.does_nothing(&what, member.name.span);
            return None;
        }
        if let NodeKind::Scalar(_) | NodeKind::List(_) = &member.value.kind {
            let message = format!("{what} must be a map, found {}", member.value.describe());
            let finding = Finding::error("schema.type", member.value.span, message);
            self.findings.push(finding.help(format!(
                "say what it does, such as `{}: {{ run: echo hello }}`",
                member.name.text
            )));
            let hole = Node {
                kind: NodeKind::Hole,
                ..member.value
            };
            return Some(self.shape(member.name, &hole, &[], &what));
        }
        let entries = self.map(&member.value, &what);
        let known = keys_of(entries);
        let reported = member.value.is_hole();
        let step = self.shape(member.name, &member.value, &known, &what);
        if step.verb.is_none() && !reported {
            self.does_nothing(&what, step.name.span);
        }
        Some(step)
    }

    /// `undo:` is an action or a command without an id: it goes by the id of its step.
    fn undo(&mut self, step: &Word, entry: &Entry) -> Option<Box<StepShape>> {
        let what = format!("the `undo` of step `{}`", step.text);
        let name = Word {
            text: format!("{}.undo", step.text).into(),
            span: entry.key_span,
        };
        if self.map(&entry.value, &what).is_empty() {
            if entry.value.is_null() || is_empty(&entry.value) {
                self.does_nothing(&what, entry.key_span);
            }
            return None;
        }
        let shape = self.shape(name, &entry.value, keys::UNDO, &what);
        let known = self.map(&entry.value, &what);
        let all_known = known.iter().all(|entry| keys::UNDO.contains(&&*entry.key));
        if shape.verb.is_none() && all_known {
            self.does_nothing(&what, entry.key_span);
        }
        Some(Box::new(shape))
    }

    fn shape(&mut self, name: Word, node: &Node, known: &[&'static str], what: &str) -> StepShape {
        let span = name.span.to(node.span);
        let mut step = StepShape {
            name,
            span,
            verb: None,
            fields: IndexMap::default(),
            with: Vec::new(),
            undo: None,
            steps: Body::default(),
            finally: None,
            outputs: None,
        };
        let mut places = Vec::new();
        for entry in self.map(node, what) {
            let Some(key) = self.known(entry, what, known) else {
                continue;
            };
            let verb = Verb::ALL.into_iter().find(|verb| verb.as_str() == key);
            if let Some(verb) = verb {
                if let Some((first, _)) = &step.verb {
                    let message = format!("{what} has both `{}` and `{key}`", first.as_str());
                    let finding = Finding::error("schema.one_of", entry.key_span, message);
                    self.findings.push(finding.help("make two steps of it"));
                    continue;
                }
                step.verb = Some((verb, entry.value.clone()));
                if verb == Verb::Steps {
                    step.steps = self.body(&entry.value, entry.key_span, "steps");
                }
                continue;
            }
            match key {
                "with" => step.with = self.members(&entry.value, "`with`", false),
                "undo" => step.undo = self.undo(&step.name.clone(), entry),
                "finally" => {
                    step.finally = Some(self.body(&entry.value, entry.key_span, "finally"));
                }
                "outputs" => step.outputs = Some(self.members(&entry.value, "`outputs`", true)),
                _ => {}
            }
            places.push((key, entry.key_span));
            step.fields.insert(key, entry.value.clone());
        }
        self.fitting(&step, &places);
        step
    }

    /// Keys that do not go with what the step does.
    fn fitting(&mut self, step: &StepShape, places: &[(&'static str, Span)]) {
        let Some((verb, _)) = &step.verb else { return };
        let has = |wanted: &str| places.iter().any(|(key, _)| *key == wanted);
        for (key, span) in places {
            let verbs = keys::STEP
                .iter()
                .find(|(known, _)| known == key)
                .map_or(&[][..], |(_, verbs)| verbs);
            let alone = keys::OF_LOOPS.contains(key)
                && !has("for_each")
                && !(*key == "where" && *verb == Verb::Trigger);
            let finding = if alone {
                let message = format!("`{key}` goes with `for_each`, and this step has none");
                Finding::error("schema.misplaced", *span, message)
                    .help(format!("add `for_each:`, or take `{key}` out"))
            } else if !verbs.contains(verb) {
                let message = format!("`{key}` does not go with `{}`", verb.as_str());
                let with = verbs
                    .iter()
                    .map(|verb| format!("`{}`", verb.as_str()))
                    .collect::<Vec<_>>()
                    .join(", ");
                let help = match (*key, verb) {
                    ("with", Verb::Run) => {
                        "a command takes `args:`, `env:` and `stdin:` beside `run:`".to_owned()
                    }
                    ("with", Verb::Value) => "write the tree of values behind `value:`".to_owned(),
                    _ => format!("`{key}` goes with {with}"),
                };
                Finding::error("schema.misplaced", *span, message).help(help)
            } else {
                continue;
            };
            self.findings.push(finding);
        }
    }

    fn does_nothing(&mut self, what: &str, at: Span) {
        let message = format!("{what} does not say what it does");
        let words = if what.starts_with("step") {
            "`action`, `query`, `trigger`, `run`, `value`, `workflow`, `steps`"
        } else {
            "`action`, `run`"
        };
        let finding = Finding::error("schema.one_of", at, message);
        self.findings
            .push(finding.help(format!("give it one of {words}")));
    }

    /// Whether one more step may stand in the file; the first that may not is reported.
    fn has_room(&mut self, name: &Word) -> bool {
        if self.ids.len() < keys::STEPS_MAX {
            return true;
        }
        let code = "schema.too_many_steps";
        if !self.findings.iter().any(|finding| finding.code == code) {
            let message = format!("a workflow has at most {} steps", keys::STEPS_MAX);
            self.findings.push(
                Finding::error(code, name.span, message)
                    .help("put a part of them into a workflow of its own"),
            );
        }
        false
    }

    /// Step ids are unique in the file, those inside groups included.
    fn unique(&mut self, name: &Word) {
        if let Some(first) = self.ids.get(&name.text) {
            let message = format!("there are two steps `{}`", name.text);
            let finding = Finding::error("schema.duplicate_step", name.span, message)
                .related(*first, "the first one")
                .help("ids are unique in the whole file, also inside groups and loops: rename one");
            self.findings.push(finding);
        } else {
            self.ids.insert(name.text.clone(), name.span);
        }
    }
}

/// The keys that a step with these entries may have: those of its verb, once it has one, and all verbs.
fn keys_of(entries: &[Entry]) -> Vec<&'static str> {
    let verb = Verb::ALL
        .into_iter()
        .find(|verb| entries.iter().any(|entry| verb.as_str() == &*entry.key));
    let fitting = keys::STEP
        .iter()
        .filter(|(key, verbs)| {
            let misplaced = entries.iter().any(|entry| *key == &*entry.key);
            misplaced || verb.is_none_or(|verb| verbs.contains(&verb))
        })
        .map(|(key, _)| *key);
    Verb::ALL
        .iter()
        .map(|verb| verb.as_str())
        .chain(fitting)
        .collect()
}

//! `for_each:` with its kin, and `repeat:`.

use super::Checker;
use crate::document::{StepShape, is_identifier, keys};
use crate::duration::Millis;
use crate::finding::Finding;
use crate::workflow::{Bare, Computed, Each, LoopNames, OnMax, Repeat, Tolerate};
use crate::yaml::{Node, NodeKind};

/// How many items may run at a time.
const PARALLEL_MAX: u32 = 1_000;
/// How long one chunk may be.
const CHUNK_MAX: u32 = 100_000;
/// Names that no item may have.
const TAKEN: [&str; 7] = [
    "inputs", "trigger", "steps", "secrets", "vars", "run", "result",
];

/// How many rounds a step may have.
const ROUNDS_MAX: u32 = 1_000_000;

impl Checker<'_> {
    pub(super) fn each(&mut self, shape: &StepShape) -> Option<Each> {
        let node = shape.field("for_each").filter(|node| !node.is_hole())?;
        let (items, names) = match &node.kind {
            NodeKind::Map(entries) if entries.iter().any(|entry| &*entry.key == "in") => {
                self.only(node, "`for_each`", keys::FOR_EACH);
                let member = |name: &str| entries.iter().find(|entry| &*entry.key == name);
                let names = match member("as") {
                    Some(entry) => self.loop_names(&entry.value),
                    None => LoopNames::plain(),
                };
                let given = member("in").map(|entry| &entry.value)?;
                (self.computed(given), names)
            }
            // The keys of the long form, without what to go through.
            NodeKind::Map(entries)
                if !entries.is_empty()
                    && entries
                        .iter()
                        .all(|entry| keys::FOR_EACH.contains(&&*entry.key)) =>
            {
                let message = "this `for_each` does not say what to go through";
                let finding = Finding::error("schema.one_of", node.span, message);
                self.findings
                    .push(finding.help("such as `for_each: { in: steps.fetch, as: ticket }`"));
                return None;
            }
            _ => (self.computed(node), LoopNames::plain()),
        };
        let mut bounded = |key: &str, max: u32| {
            let node = shape.field(key);
            let count = self.count(node, &format!("`{key}`"));
            if let (Some(count), Some(node)) = (count.filter(|count| *count > max), node) {
                let message = format!("`{key}` is at most {max}, found {count}");
                let finding = Finding::error("schema.type", node.span, message);
                self.findings
                    .push(finding.help(format!("write at most {max}")));
            }
            count.map(|count| count.min(max))
        };
        let max_parallel = bounded("max_parallel", PARALLEL_MAX);
        let chunk = bounded("chunk", CHUNK_MAX);
        Some(Each {
            span: node.span,
            items: items?,
            names,
            condition: self.bare(shape.field("where")),
            key: self.bare(shape.field("key")),
            max_parallel,
            chunk,
            tolerate: shape
                .field("tolerate")
                .map_or(Tolerate::Count(0), |node| self.tolerate(node)),
            item_timeout: shape
                .field("item_timeout")
                .and_then(|node| self.duration(node)),
        })
    }

    fn loop_names(&mut self, node: &Node) -> LoopNames {
        let Some(name) = self.text(Some(node)) else {
            return LoopNames::plain();
        };
        if !is_identifier(&name) || TAKEN.contains(&&*name) {
            let message = format!("`{name}` cannot be the name of an item");
            self.findings.push(
                Finding::error("schema.id", node.span, message)
                    .help("write a word such as `ticket`; its index is then `ticket_index`"),
            );
            return LoopNames::plain();
        }
        LoopNames::of(&name)
    }

    fn tolerate(&mut self, node: &Node) -> Tolerate {
        let text = match node.as_scalar() {
            Some(scalar) => scalar.text.trim().to_owned(),
            None => String::new(),
        };
        let share = text
            .strip_suffix('%')
            .and_then(|number| number.trim().parse::<f64>().ok())
            .filter(|share| (0.0..=100.0).contains(share));
        match (share, text.parse::<u64>()) {
            (Some(share), _) => Tolerate::Share(share / 100.0),
            (None, Ok(count)) => Tolerate::Count(count),
            _ if node.is_hole() => Tolerate::Count(0),
            _ => {
                let message = format!(
                    "`tolerate` is a count or a share of the items, found {}",
                    if text.is_empty() {
                        node.describe()
                    } else {
                        &text
                    }
                );
                self.findings.push(
                    Finding::error("schema.type", node.span, message)
                        .help("write how many may fail: `3`, or `2%`"),
                );
                Tolerate::Count(0)
            }
        }
    }

    pub(super) fn repeat(&mut self, shape: &StepShape) -> Option<Repeat> {
        let node = shape.field("repeat").filter(|node| !node.is_hole())?;
        let NodeKind::Map(entries) = &node.kind else {
            let message = format!("`repeat` must be a map, found {}", node.describe());
            self.findings.push(
                Finding::error("schema.type", node.span, message)
                    .help("such as `repeat: { until: result.done, every: 10s, max: 100 }`"),
            );
            return None;
        };
        self.only(node, "`repeat`", keys::REPEAT);
        let member = |name: &str| {
            entries
                .iter()
                .find(|entry| &*entry.key == name)
                .map(|entry| &entry.value)
        };
        let repeat = Repeat {
            span: node.span,
            start: member("start").and_then(|node| self.computed(node)),
            until: self.bare(member("until")),
            every: member("every").and_then(|node| self.duration(node)),
            max: self
                .count(member("max"), "`max`")
                .map(|max| max.min(ROUNDS_MAX)),
            on_max: match self.text(member("on_max")).as_deref() {
                None | Some("fail") => OnMax::Fail,
                Some("continue") => OnMax::Continue,
                Some(other) => {
                    let message = format!("`on_max` is `fail` or `continue`, found `{other}`");
                    let span = member("on_max").map_or(node.span, |node| node.span);
                    let finding = Finding::error("schema.repeat", span, message);
                    self.findings.push(finding.help_nearest(
                        other,
                        ["fail", "continue"],
                        "`fail` fails the step, `continue` goes on with the last value",
                    ));
                    OnMax::Fail
                }
            },
        };
        if repeat.max.is_none() && member("max").is_none() && shape.field("timeout").is_none() {
            let finding = Finding::error(
                "schema.repeat",
                node.span,
                "nothing says when these rounds end at the latest",
            );
            self.findings
                .push(finding.help("give `repeat` a `max:`, or the step a `timeout:`"));
        }
        if member("until").is_none() && member("max").is_none() {
            let finding = Finding::error(
                "schema.repeat",
                node.span,
                "these rounds have neither `until` nor `max`",
            );
            self.findings
                .push(finding.help("say when they are done, such as `until: result.done`"));
        }
        if repeat.every == Some(Millis(0)) {
            let span = member("every").map_or(node.span, |node| node.span);
            self.findings.push(
                Finding::error(
                    "schema.duration",
                    span,
                    "`every` must be longer than nothing",
                )
                .help("leave it out to begin the next round at once"),
            );
        }
        Some(repeat)
    }

    /// An expression, or a list or map that is written out.
    fn computed(&mut self, node: &Node) -> Option<Computed> {
        match &node.kind {
            NodeKind::List(_) | NodeKind::Map(_) => Some(Computed::Tree(self.tree(node))),
            _ => self.bare(Some(node)).map(Computed::Expression),
        }
    }

    pub(super) fn bare(&mut self, node: Option<&Node>) -> Option<Bare> {
        Bare::parse(node?, self.source, &mut self.findings)
    }

    /// Reports the keys of a map that are not in the list.
    pub(super) fn only(&mut self, node: &Node, what: &str, known: &[&'static str]) {
        let NodeKind::Map(entries) = &node.kind else {
            return;
        };
        for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
            let list = known
                .iter()
                .map(|key| format!("`{key}`"))
                .collect::<Vec<_>>()
                .join(", ");
            let message = format!("{what} has no key `{}`", entry.key);
            let finding = Finding::error("schema.unknown_field", entry.key_span, message)
                .label("unknown key");
            self.findings.push(finding.help_nearest(
                &entry.key,
                known.iter().copied(),
                format!("its keys are {list}"),
            ));
        }
    }
}

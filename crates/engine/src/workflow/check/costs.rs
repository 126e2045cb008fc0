//! Keys that bound what runs cost and how many go at a time: `concurrency`, `priority`, `budget`, `cache`, `queue`, and
//! `limits` of a connection. They are checked here; a warning says which of them this version does not hold runs to.

use std::sync::Arc;

use super::Checker;
use crate::admission::WhenFull;
use crate::document::keys::{self, Verb};
use crate::document::{Document, StepShape};
use crate::finding::Finding;
use crate::money::{Budget, WhenSpent, nano_of};
use crate::source::Span;
use crate::workflow::{Concurrency, Does, Limits, Step};
use crate::yaml::{Entry, Node, NodeKind};

/// Priorities lie between these, 0 is the usual one.
const PRIORITY_MAX: i32 = 100;

/// What bounds the runs of a workflow.
pub(super) struct LimitsOfRuns {
    pub(super) concurrency: Option<Concurrency>,
    pub(super) priority: i32,
    pub(super) budget: Option<Budget>,
}

impl Checker<'_> {
    pub(super) fn limits_of_runs(&mut self, document: &Document) -> LimitsOfRuns {
        let field = |key: &str| document.fields.get(key);
        let concurrency = field("concurrency").map(|node| self.concurrency(node));
        let mut priority = 0;
        let budget = field("budget").map(|node| self.budget(node));
        if let Some(node) = field("priority").filter(|node| !node.is_hole()) {
            let number = node
                .as_scalar()
                .and_then(|scalar| scalar.text.parse::<i32>().ok());
            let number = number.filter(|number| (-PRIORITY_MAX..=PRIORITY_MAX).contains(number));
            priority = number.unwrap_or_default();
            if number.is_none() {
                let message =
                    format!("`priority` is a whole number from -{PRIORITY_MAX} to {PRIORITY_MAX}");
                let finding = Finding::error("schema.type", node.span, message);
                self.findings
                    .push(finding.help("0 is the usual one; more goes first"));
            }
        }
        if let Some(node) = field("risk")
            && self
                .text(Some(node))
                .is_some_and(|text| &*text != "accepted")
        {
            let finding = Finding::error(
                "schema.type",
                node.span,
                "`risk` is `accepted`, or left out",
            );
            self.findings
                .push(finding.help("write `risk: accepted` once you have weighed it"));
        }
        LimitsOfRuns {
            concurrency,
            priority,
            budget,
        }
    }

    /// Whether each of a step counts, and whether it must ask before it goes.
    pub(super) fn asks(&self, step: &Step) -> (bool, bool) {
        match &step.does {
            Does::Call(call) => {
                let connection = self.connections.get(&call.call.connection);
                let limited = connection.is_some_and(|connection| connection.limits.is_some());
                let counted = limited || step.concurrency.is_some();
                let rated = connection.is_some_and(|connection| connection.rated);
                (counted, counted || rated)
            }
            Does::Group(_) | Does::Child(_) => {
                let counted = step.concurrency.is_some();
                (counted, counted)
            }
            Does::Value(_) | Does::Hold(_) | Does::Engine(..) => (false, false),
        }
    }

    pub(super) fn costs(&mut self, shape: &StepShape) -> (Option<Concurrency>, Option<Budget>) {
        let concurrency = shape.field("concurrency").map(|node| {
            let concurrency = self.concurrency(node);
            let is_group = matches!(shape.verb, Some((Verb::Steps, _)));
            if is_group && concurrency.when_full == WhenFull::Replace {
                let message = "`when_full` of a group of steps cannot be `replace`";
                let finding = Finding::error("schema.word", node.span, message);
                self.findings.push(
                    finding.help("write `queue` or `skip`, or give `concurrency` to the workflow"),
                );
            }
            concurrency
        });
        let budget = shape.field("budget").map(|node| self.budget(node));
        if let Some(node) = shape.field("cache") {
            self.cache(node);
        }
        if let Some(node) = shape.field("queue") {
            self.queue(node);
        }
        (concurrency, budget)
    }

    fn concurrency(&mut self, node: &Node) -> Concurrency {
        let mut concurrency = Concurrency {
            group: None,
            max: 1,
            when_full: WhenFull::Queue,
        };
        for entry in self.entries(node, "`concurrency`", keys::CONCURRENCY) {
            match &*entry.key {
                "max" => concurrency.max = self.count(Some(&entry.value), "`max`").unwrap_or(1),
                "when_full" => {
                    let word = self.word(&entry.value, "when_full", &WhenFull::WORDS);
                    let word = word.and_then(|word| WhenFull::parse(&word));
                    concurrency.when_full = word.unwrap_or_default();
                }
                _ => concurrency.group = Some(self.tree(&entry.value)),
            }
        }
        concurrency
    }

    fn budget(&mut self, node: &Node) -> Budget {
        let mut budget = Budget::default();
        let entries = self.entries(node, "`budget`", keys::BUDGET);
        for entry in &entries {
            match &*entry.key {
                "when_spent" => {
                    let word = self.word(&entry.value, "when_spent", &WhenSpent::WORDS);
                    let word = word.and_then(|word| WhenSpent::parse(&word));
                    budget.when_spent = word.unwrap_or_default();
                }
                "tokens" => {
                    let tokens = self.count(Some(&entry.value), "`tokens`");
                    budget.tokens = tokens.map(u64::from);
                }
                _ => {
                    budget.nano_usd = self.amount(&entry.value, "`usd`").map(nano_of);
                }
            }
        }
        let bounded = entries
            .iter()
            .any(|entry| matches!(&*entry.key, "usd" | "tokens"));
        if !bounded && matches!(node.kind, NodeKind::Map(_)) {
            let finding = Finding::error("schema.one_of", node.span, "this budget has no amount");
            self.findings
                .push(finding.help("give it `usd: 5`, `tokens: 100000`, or both"));
        }
        budget
    }

    fn cache(&mut self, node: &Node) {
        let entries = self.entries(node, "`cache`", keys::CACHE);
        for entry in &entries {
            match &*entry.key {
                "for" => {
                    self.duration(&entry.value);
                }
                _ => {
                    self.tree(&entry.value);
                }
            }
        }
        if !entries.iter().any(|entry| &*entry.key == "for")
            && matches!(node.kind, NodeKind::Map(_))
        {
            let finding = Finding::error(
                "schema.one_of",
                node.span,
                "this cache does not say for how long",
            );
            self.findings
                .push(finding.help("such as `cache: { for: 1h }`"));
        }
        self.not_yet("cache", node.span);
    }

    pub(super) fn queue(&mut self, node: &Node) {
        if let Some(name) = self.text(Some(node)) {
            let fits = |letter: char| {
                letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter)
            };
            if !name.chars().all(fits)
                || !name.starts_with(|first: char| first.is_ascii_lowercase())
            {
                let message = format!("`{name}` cannot be the name of a queue");
                self.findings.push(
                    Finding::error("schema.id", node.span, message)
                        .help("names of queues are lower-case letters, digits, `_` and `-`"),
                );
            }
        }
        self.not_yet("queue", node.span);
    }

    /// `limits:` of a connection.
    pub(super) fn limits(&mut self, node: &Node) -> Limits {
        let mut limits = Limits::default();
        for entry in self.entries(node, "`limits`", keys::LIMITS) {
            let what = format!("`{}`", entry.key);
            match &*entry.key {
                "parallel" => limits.parallel = self.count(Some(&entry.value), &what),
                "per_second" => limits.per_second = self.amount(&entry.value, &what),
                _ => limits.per_minute = self.amount(&entry.value, &what),
            }
        }
        limits
    }

    fn amount(&mut self, node: &Node, what: &str) -> Option<f64> {
        let amount = node
            .as_scalar()
            .and_then(|scalar| scalar.value().ok())
            .and_then(|value| value.as_f64())
            .filter(|amount| *amount > 0.0);
        if !node.is_hole() && amount.is_none() {
            let message = format!("{what} is an amount above 0, such as `2.5`");
            let finding = Finding::error("schema.type", node.span, message);
            self.findings
                .push(finding.help("write a number above 0, without a unit"));
        }
        amount
    }

    pub(super) fn word(
        &mut self,
        node: &Node,
        key: &str,
        words: &[&'static str],
    ) -> Option<Arc<str>> {
        let text = self.text(Some(node))?;
        if words.contains(&&*text) {
            return Some(text);
        }
        let list = words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let message = format!("`{key}` is one of {list}, found `{text}`");
        let finding = Finding::error("schema.word", node.span, message);
        self.findings.push(finding.help_nearest(
            &text,
            words.iter().copied(),
            format!("write one of {list}"),
        ));
        None
    }

    /// The entries of a map whose keys are all known.
    fn entries(&mut self, node: &Node, what: &str, known: &[&'static str]) -> Vec<Entry> {
        match &node.kind {
            NodeKind::Map(entries) => {
                self.only(node, what, known);
                let known = |entry: &&Entry| known.contains(&&*entry.key);
                entries.iter().filter(known).cloned().collect()
            }
            NodeKind::Hole => Vec::new(),
            _ => {
                let message = format!("{what} must be a map, found {}", node.describe());
                let finding = Finding::error("schema.type", node.span, message);
                self.findings.push(finding.help(keys_help(known)));
                Vec::new()
            }
        }
    }

    /// Says once a place that a key has no effect yet.
    fn not_yet(&mut self, key: &str, at: Span) {
        let message =
            format!("`{key}` is checked, but this version of flow does not hold runs to it");
        let finding = Finding::warning("check.not_served", at, message);
        self.findings
            .push(finding.help("the run goes on as if it were not there"));
    }
}

/// The keys that a map takes, for messages.
pub(super) fn keys_help(known: &[&str]) -> String {
    let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
    match known.as_slice() {
        [one] => format!("its key is {one}"),
        several => format!("its keys are {}", several.join(", ")),
    }
}

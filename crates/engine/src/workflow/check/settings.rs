//! Keys with small forms of their own: durations, counts, `retry:`.

use super::Checker;
use crate::catalog::Effect;
use crate::document::keys;
use crate::duration::Millis;
use crate::finding::Finding;
use crate::run::FailureKind;
use crate::run::retry::{RetryOn, RetryPolicy};
use crate::value::Value;
use crate::workflow::Tree;
use crate::yaml::{Node, NodeKind};

/// How many tries a step may have.
const ATTEMPTS_MAX: u32 = 100;

impl Checker<'_> {
    /// A duration that is written out.
    pub(super) fn duration(&mut self, node: &Node) -> Option<Millis> {
        let text = self.text(Some(node))?;
        let duration = Millis::parse(&text);
        if duration.is_none() {
            self.wrong_duration(node, &text);
        }
        duration
    }

    /// A duration that may be a template.
    pub(super) fn duration_tree(&mut self, node: &Node) -> Tree {
        let tree = self.tree(node);
        if let Some(constant) = tree.constant()
            && !node.is_hole()
            && constant.as_str().and_then(Millis::parse).is_none()
        {
            let text = node
                .as_scalar()
                .map_or_else(|| node.describe().into(), |scalar| scalar.text.clone());
            self.wrong_duration(node, &text);
        }
        tree
    }

    fn wrong_duration(&mut self, node: &Node, text: &str) {
        let message = match node.as_scalar() {
            Some(_) => format!("`{text}` is not a duration"),
            None => format!("expected a duration, found {text}"),
        };
        let finding = Finding::error("schema.duration", node.span, message);
        let help = match text.parse::<u64>() {
            Ok(number) => format!("say the unit: `{number}s`, `{number}m`, `{number}h`"),
            Err(_) => {
                "durations are written like `500ms`, `10s`, `5m`, `25h`, `7d`, `1h30m`".to_owned()
            }
        };
        self.findings.push(finding.help(help));
    }

    /// Refuses a template where only a literal may stand.
    pub(super) fn is_template(&mut self, node: &Node) -> bool {
        let is_template = node
            .as_scalar()
            .is_some_and(|scalar| scalar.text.contains("{{"));
        if is_template {
            let message = "a template is not possible here";
            let finding = Finding::error("template.not_allowed_here", node.span, message);
            self.findings.push(finding.help("write the value out"));
        }
        is_template
    }

    /// A whole number of at least 1.
    pub(super) fn count(&mut self, node: Option<&Node>, what: &str) -> Option<u32> {
        let node = node.filter(|node| !node.is_hole())?;
        if self.is_template(node) {
            return None;
        }
        let value = node
            .as_scalar()
            .and_then(|scalar| scalar.value().ok())
            .and_then(|value| value.as_u64());
        let count = value
            .and_then(|value| u32::try_from(value).ok())
            .filter(|count| *count > 0);
        if count.is_none() {
            let message = format!(
                "{what} is a whole number of at least 1, found {}",
                node.as_scalar().map_or_else(
                    || node.describe().to_owned(),
                    |scalar| format!("`{}`", scalar.text)
                )
            );
            let finding = Finding::error("schema.type", node.span, message);
            self.findings
                .push(finding.help("write a number such as `3`"));
        }
        count
    }

    /// `retry: 5` or the long form. More than the effect allows is an error that names `effect:`.
    pub(super) fn retry(
        &mut self,
        node: Option<&Node>,
        effect: Effect,
        defaults: RetryPolicy,
    ) -> RetryPolicy {
        let mut policy = defaults;
        let Some(node) = node.filter(|node| !node.is_hole()) else {
            return policy;
        };
        let NodeKind::Map(entries) = &node.kind else {
            policy.attempts = self.attempts(node).unwrap_or(policy.attempts);
            return policy;
        };
        if policy.attempts == 1 {
            policy.attempts = 3;
        }
        for entry in entries.iter() {
            let value = &entry.value;
            match &*entry.key {
                "attempts" => policy.attempts = self.attempts(value).unwrap_or(policy.attempts),
                "initial" => policy.initial = self.duration(value).unwrap_or(policy.initial),
                "max" => policy.max = self.duration(value).unwrap_or(policy.max),
                "attempt_timeout" => policy.attempt_timeout = self.duration(value),
                "jitter" => {
                    policy.jitter = self
                        .boolean(Some(value), "`jitter`")
                        .unwrap_or(policy.jitter);
                }
                "factor" => policy.factor = self.factor(value).unwrap_or(policy.factor),
                "on" => policy.on = Some(self.retry_on(value, effect)),
                other => {
                    let finding = Finding::error(
                        "schema.unknown_field",
                        entry.key_span,
                        format!("`retry` has no key `{other}`"),
                    );
                    let known = keys::RETRY.join(", ");
                    self.findings.push(finding.help_nearest(
                        other,
                        keys::RETRY.iter().copied(),
                        format!("its keys are {known}"),
                    ));
                }
            }
        }
        policy
    }

    fn attempts(&mut self, node: &Node) -> Option<u32> {
        let attempts = self.count(Some(node), "the number of attempts")?;
        if attempts > ATTEMPTS_MAX {
            let message = format!("a step is tried at most {ATTEMPTS_MAX} times");
            let finding = Finding::error("schema.retry", node.span, message);
            self.findings.push(finding.help(format!(
                "write a number from 1 to {ATTEMPTS_MAX}; the first attempt counts"
            )));
        }
        Some(attempts.min(ATTEMPTS_MAX))
    }

    fn factor(&mut self, node: &Node) -> Option<f64> {
        let factor = node
            .as_scalar()
            .and_then(|scalar| scalar.value().ok())
            .and_then(|value| value.as_f64());
        let factor = factor.filter(|factor| (1.0..=10.0).contains(factor));
        if factor.is_none() {
            let message = "`factor` is a number from 1 to 10";
            let finding = Finding::error("schema.retry", node.span, message);
            self.findings
                .push(finding.help("each wait is that many times the one before it, such as `2`"));
        }
        factor
    }

    fn retry_on(&mut self, node: &Node, effect: Effect) -> Vec<RetryOn> {
        let items: Vec<&Node> = match &node.kind {
            NodeKind::List(items) => items.iter().collect(),
            _ => vec![node],
        };
        let mut classes = Vec::new();
        for item in items {
            let text = item
                .as_scalar()
                .map(|scalar| scalar.text.clone())
                .unwrap_or_default();
            let Some(class) = RetryOn::parse(&text) else {
                let finding = Finding::error(
                    "schema.retry",
                    item.span,
                    format!("`{text}` is not something that can be retried on"),
                );
                let words = RetryOn::WORDS.join(", ");
                self.findings.push(finding.help_nearest(
                    &text,
                    RetryOn::WORDS.iter().copied(),
                    format!("write a status or one of {words}"),
                ));
                continue;
            };
            let unsafe_class = matches!(
                class,
                RetryOn::Any
                    | RetryOn::Hundreds(5)
                    | RetryOn::Kind(FailureKind::Timeout | FailureKind::Reset)
                    | RetryOn::Status(500 | 502 | 504)
            );
            if effect == Effect::Once && unsafe_class {
                let message = format!(
                    "after `{text}` nobody knows whether it happened, and the effect of this step is `once`"
                );
                let finding = Finding::error("check.retry_effect", item.span, message);
                self.findings.push(finding.help(
                    "if doing it twice is harmless, say so with `effect: repeatable` on the step",
                ));
            }
            classes.push(class);
        }
        classes
    }
}

/// The text of a constant, for messages.
pub(super) fn shown(value: &Value) -> String {
    value.to_json().unwrap_or_else(|_| value.kind().to_owned())
}

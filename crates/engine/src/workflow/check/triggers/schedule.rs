//! `schedule:`: calendar times, the zone they are told in, and what becomes of those that were missed.

use jiff::tz::TimeZoneName;

use super::super::Checker;
use super::cron;
use super::entry::Keys;
use crate::document::Member;
use crate::expr::zones;
use crate::finding::{Finding, nearest};
use crate::source::Span;
use crate::workflow::trigger::{Gap, Overlap, Schedule};
use crate::yaml::Node;

impl Checker<'_> {
    pub(super) fn schedule(&mut self, keys: Keys<'_>, word: &Member) -> Option<Schedule> {
        let misfire = self.misfire(keys.value("misfire"));
        let says = |key: &str, word: &str| {
            let scalar = keys.value(key).and_then(Node::as_scalar);
            scalar.is_some_and(|scalar| &*scalar.text == word)
        };
        for (key, words) in [
            ("dst_gap", ["run_after", "skip"]),
            ("dst_overlap", ["first", "both"]),
        ] {
            if let Some(node) = keys.value(key) {
                self.word(node, key, &words);
            }
        }
        let timezone = keys.value("timezone").and_then(|node| self.timezone(node));
        let pattern = self.text(Some(&word.value))?;
        self.cron(&pattern, &word.value);
        Some(Schedule {
            pattern,
            timezone,
            misfire,
            gap: if says("dst_gap", "skip") {
                Gap::Skip
            } else {
                Gap::RunAfter
            },
            overlap: if says("dst_overlap", "both") {
                Overlap::Both
            } else {
                Overlap::First
            },
        })
    }

    fn cron(&mut self, text: &str, node: &Node) {
        for problem in cron::problems(text) {
            let span = if problem.at == (0, text.len()) {
                node.span
            } else {
                let span = Span::new(problem.at.0, problem.at.1);
                node.place().locate(self.source, text, span)
            };
            let finding = if problem.is_error {
                Finding::error(problem.code, span, problem.message)
            } else {
                Finding::warning(problem.code, span, problem.message)
            };
            self.findings.push(finding.help(problem.help));
        }
    }

    fn timezone(&mut self, node: &Node) -> Option<std::sync::Arc<str>> {
        let name = self.text(Some(node))?;
        if zones().get(&name).is_ok() {
            return Some(name);
        }
        let message = if name.is_empty() {
            "the time zone is empty".to_owned()
        } else {
            format!("there is no time zone `{name}`")
        };
        let known: Vec<_> = zones().available().collect();
        let names = || known.iter().map(TimeZoneName::as_str);
        // A city alone is what most people know.
        let lower = name.to_lowercase().replace(' ', "_");
        let city = names().find(|zone| {
            let city = zone.rsplit('/').next().unwrap_or(zone);
            city.to_lowercase() == lower
        });
        let near = city.or_else(|| nearest(&name, names()));
        let finding = Finding::error("cron.timezone", node.span, message);
        let offset =
            name.contains(['+', '-']) && name.contains(|letter: char| letter.is_ascii_digit());
        self.findings.push(match near {
            Some(near) if !offset && !name.is_empty() => finding.help(format!("did you mean `{near}`?")),
            _ => finding.help(
                "zones have names such as `Europe/Oslo`, which know about summer time; without `timezone` the times are UTC",
            ),
        });
        None
    }
}

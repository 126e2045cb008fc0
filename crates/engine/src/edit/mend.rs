//! Applies what findings offer, checks again, and goes on until nothing more can be mended.

use super::{Edit, apply};
use crate::finding::Finding;
use crate::source::SourceFile;

/// How often a text is checked again. Each round mends all that it can, and one mistake rarely hides more than a few.
const ROUNDS_MAX: usize = 50;

/// One finding that was mended.
#[derive(Debug, Clone)]
pub struct Mended {
    /// The finding, with its edits; places are those of `source`.
    pub finding: Finding,
    /// The text as it stood just before.
    pub source: SourceFile,
}

/// Mends a text by the edits of its findings; `check` finds them.
///
/// Edits of a finding are taken all or none, and only if the text that they make has lost the finding and can be read
/// as well as before. Gives the last text, what was mended, and what is left.
pub fn mend(
    source: &SourceFile,
    check: impl Fn(&SourceFile) -> Vec<Finding>,
) -> (SourceFile, Vec<Mended>, Vec<Finding>) {
    let mut source = source.clone();
    let mut findings = check(&source);
    let mut done = Vec::new();
    // What was tried in vain, by code and message: places move.
    let mut refused: Vec<Finding> = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let offered: Vec<Finding> = findings
            .iter()
            .filter(|it| !it.edits.is_empty() && !refused.iter().any(|other| alike(it, other)))
            .cloned()
            .collect();
        if offered.is_empty() {
            break;
        }
        let together = apart(&offered);
        let one_by_one = together.iter().map(|it| vec![(*it).clone()]);
        let attempts = std::iter::once(together.iter().map(|it| (*it).clone()).collect());
        let mut accepted = None;
        for attempt in attempts.chain(one_by_one) {
            accepted =
                try_out(&source, &findings, &attempt, &check).map(|it| (attempt.clone(), it));
            if accepted.is_some() {
                break;
            }
            if let [only] = attempt.as_slice() {
                refused.push(only.clone());
            }
        }
        let Some((mended, (text, left))) = accepted else {
            continue;
        };
        done.extend(mended.into_iter().map(|finding| Mended {
            finding,
            source: source.clone(),
        }));
        (source, findings) = (text, left);
    }
    (source, done, findings)
}

/// The findings whose edits do not overlap with those of the findings before.
fn apart(offered: &[Finding]) -> Vec<&Finding> {
    let mut taken: Vec<&Finding> = Vec::new();
    for finding in offered {
        let meets = |other: &Edit| {
            finding.edits.iter().any(|edit| {
                let touch = edit.span.start == other.span.start;
                touch || (edit.span.start < other.span.end && other.span.start < edit.span.end)
            })
        };
        if !taken.iter().flat_map(|it| &it.edits).any(meets) {
            taken.push(finding);
        }
    }
    taken
}

/// The text after the edits of these findings, if it is better for them.
fn try_out(
    source: &SourceFile,
    before: &[Finding],
    mended: &[Finding],
    check: &impl Fn(&SourceFile) -> Vec<Finding>,
) -> Option<(SourceFile, Vec<Finding>)> {
    let edits: Vec<Edit> = mended.iter().flat_map(|it| it.edits.clone()).collect();
    let text = apply(source.text(), &edits).ok()?;
    let changed = SourceFile::new(source.name(), text);
    let after = check(&changed);
    let still_there = |finding: &Finding| {
        let start = moved(finding.span.start, &edits);
        after
            .iter()
            .any(|other| alike(finding, other) && other.span.start == start)
    };
    let unreadable = |findings: &[Finding]| {
        let yaml = findings.iter().filter(|it| it.code.starts_with("yaml."));
        yaml.count()
    };
    let of_yaml = mended.iter().any(|it| it.code.starts_with("yaml."));
    let worse = !of_yaml && unreadable(&after) > unreadable(before);
    (!worse && !mended.iter().any(still_there)).then_some((changed, after))
}

fn alike(one: &Finding, other: &Finding) -> bool {
    one.code == other.code && one.message == other.message
}

/// Where an offset lies after the edits in front of it.
fn moved(offset: u32, edits: &[Edit]) -> u32 {
    let before = edits.iter().filter(|edit| edit.span.end <= offset);
    let grown: i64 = before
        .map(|edit| {
            let old = i64::from(edit.span.end - edit.span.start);
            i64::try_from(edit.text.len()).unwrap_or(i64::MAX) - old
        })
        .sum();
    u32::try_from(i64::from(offset) + grown).unwrap_or(offset)
}

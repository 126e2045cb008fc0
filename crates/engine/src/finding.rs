//! What the checker says about a text: a code, a place, a sentence, a way out.

use crate::edit::Edit;
use crate::source::Span;

/// How bad a finding is. Errors keep a workflow from running; warnings do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; the workflow runs.
    Warning,
    /// The workflow cannot run.
    Error,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// One thing to say about a text. `code` is stable (`area.what`, a page in `docs/errors/`); the rest is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable name of the rule, `area.what`.
    pub code: &'static str,
    /// Whether the workflow may still run.
    pub severity: Severity,
    /// One sentence: what is wrong.
    pub message: String,
    /// The place it is about.
    pub span: Span,
    /// A few words under the place; may be empty.
    pub label: String,
    /// Other places that belong to it, each with a few words.
    pub related: Vec<(Span, String)>,
    /// What to type next.
    pub help: Option<String>,
    /// What mends it, all together: mechanical and safe, else empty.
    pub edits: Vec<Edit>,
    /// A word under the place and what was meant for certain; [`crate::edit::complete`] makes an edit of it where the
    /// word really stands there.
    pub meant: Option<Meant>,
}

/// A word that was written, and the one that was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    /// As it stands in the text.
    pub written: String,
    /// What to write instead.
    pub instead: String,
}

impl Finding {
    /// An error without label and help.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Finding {
        Finding {
            code,
            severity: Severity::Error,
            message: message.into(),
            span,
            label: String::new(),
            related: Vec::new(),
            help: None,
            edits: Vec::new(),
            meant: None,
        }
    }

    /// A warning without label and help.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Warning,
            ..Finding::error(code, span, message)
        }
    }

    /// Adds the words under the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Finding {
        self.label = label.into();
        self
    }

    /// Adds what to type next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }

    /// Adds the nearest of `known` to `written` as help, if one is near; else `otherwise`, if it is not empty. One that
    /// is a misspelling beyond doubt is offered as an edit too.
    #[must_use]
    pub fn help_nearest<'a>(
        self,
        written: &str,
        known: impl IntoIterator<Item = &'a str>,
        otherwise: impl Into<String>,
    ) -> Finding {
        let otherwise = otherwise.into();
        match near(written, known) {
            Some((near, certain)) => {
                let finding = self.help(format!("did you mean `{near}`?"));
                if certain {
                    finding.meant(written, near)
                } else {
                    finding
                }
            }
            None if otherwise.is_empty() => self,
            None => self.help(otherwise),
        }
    }

    /// Adds a change of the text that belongs to what mends it.
    #[must_use]
    pub fn edit(mut self, span: Span, text: impl Into<String>) -> Finding {
        let text = text.into();
        self.edits.push(Edit { span, text });
        self
    }

    /// Adds changes of the text, if there are any.
    #[must_use]
    pub fn edits(mut self, edits: impl IntoIterator<Item = Edit>) -> Finding {
        self.edits.extend(edits);
        self
    }

    /// Says which word under the place is to be replaced by what.
    #[must_use]
    pub fn meant(mut self, written: impl Into<String>, instead: impl Into<String>) -> Finding {
        self.meant = Some(Meant {
            written: written.into(),
            instead: instead.into(),
        });
        self
    }

    /// As [`Finding::meant`], if it is known what was meant.
    #[must_use]
    pub fn maybe_meant(self, written: &str, instead: Option<String>) -> Finding {
        match instead {
            Some(instead) => self.meant(written, instead),
            None => self,
        }
    }

    /// Adds another place that belongs to it.
    #[must_use]
    pub fn related(mut self, span: Span, words: impl Into<String>) -> Finding {
        self.related.push((span, words.into()));
        self
    }

    /// Whether it keeps the workflow from running.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The known name that was most likely meant: the nearest within a third of the length (at least 2 edits), else one
/// that begins as the written one does, for at least three letters and most of the shorter of the two.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(written, known).map(|(name, _)| name)
}

/// The known name that `written` misspells beyond doubt: one letter off (two from six letters on), the only one as near,
/// and with the same digits (`page_1` is no misspelling of `page_2`).
pub fn misspelt<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    near(written, known).and_then(|(name, certain)| certain.then_some(name))
}

/// The nearest name, and whether it was meant for certain.
fn near<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<(&'a str, bool)> {
    let length = written.chars().count();
    let allowed = (length / 3).max(2);
    let (mut best, mut alike, mut rivals) = (None, None, 0);
    // Cut short: `int` is `integer`, not `list`.
    let (mut begun, mut close) = (None, false);
    for name in known {
        if length >= 3 && name.starts_with(written) && name != written && begun.is_none() {
            begun = Some(name);
        }
        // Not computed where the lengths alone are too far apart.
        let hopeless = name.len().abs_diff(written.len()) > allowed * 4;
        let distance = if hopeless {
            usize::MAX
        } else {
            strsim::damerau_levenshtein(written, name)
        };
        let longest = name.chars().count().max(length);
        if distance <= allowed && distance < longest {
            match best {
                Some((least, _)) if distance > least => {}
                Some((least, other)) if distance == least => {
                    rivals += usize::from(name != other);
                }
                _ => (best, rivals) = (Some((distance, name)), 0),
            }
            close |= distance == 1;
        }
        let shared = written
            .chars()
            .zip(name.chars())
            .take_while(|(a, b)| a == b)
            .count();
        let shortest = name.chars().count().min(length);
        if shared >= 3 && shared * 2 > shortest && alike.is_none_or(|(most, _)| shared > most) {
            alike = Some((shared, name));
        }
    }
    if let Some(begun) = begun.filter(|_| !close) {
        return Some((begun, false));
    }
    if let Some((distance, name)) = best {
        let slips = if length < 6 { 1 } else { 2 };
        let digits = |text: &str| {
            text.chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
        };
        let certain =
            length >= 4 && distance <= slips && rivals == 0 && digits(written) == digits(name);
        return Some((name, certain));
    }
    alike.map(|(_, name)| (name, false))
}

#[cfg(test)]
mod tests {
    use super::{misspelt, nearest};

    #[test]
    fn misspelt_beyond_doubt() {
        assert_eq!(misspelt("fetsh", ["fetch", "notify"]), Some("fetch"));
        assert_eq!(misspelt("stpes", ["steps", "on"]), Some("steps"));
        assert_eq!(misspelt("fetch_a", ["fetch_b", "fetch_c"]), None);
        assert_eq!(misspelt("page_1", ["page_2"]), None);
        assert_eq!(misspelt("ab", ["ac"]), None);
        assert_eq!(misspelt("retires", ["retry"]), None);
    }

    #[test]
    fn nearest_name_is_found_or_nothing() {
        let known = ["fetch", "fetch_orders", "notify"];
        assert_eq!(nearest("fetsh", known), Some("fetch"));
        assert_eq!(nearest("fetch_order", known), Some("fetch_orders"));
        assert_eq!(nearest("zebra", known), None);
        assert_eq!(nearest("int", ["list", "integer"]), Some("integer"));
    }
}

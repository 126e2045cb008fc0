//! A script of faults as it is written, in JSON or YAML.

use serde::{Deserialize, Serialize};

/// A script: rules in order. The first rule that matches a request and is not used up plays.
///
/// A rule counts only the requests that reach it, so two rules with one match play one after the
/// other. In YAML:
///
/// ```yaml
/// - match: {method: POST, path: /v1/messages/batches}
///   after: 1                # let the first one pass
///   times: 2                # then hit two; 1 if left out
///   then: {status: 429, retry_after: "1"}
/// - match: {path: "/v1/messages/batches/*/results"}
///   then: {reset: mid_body}
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Faults {
    /// The rules, in the order in which they are tried.
    pub rules: Vec<Rule>,
}

/// Why a text is not a script.
#[derive(Debug, thiserror::Error)]
#[error("not a list of fault rules: {0}")]
pub struct FaultsError(String);

impl Faults {
    /// Reads a script from JSON or YAML.
    ///
    /// # Errors
    /// [`FaultsError`] says what is wrong with it as YAML, of which JSON is nearly a part.
    pub fn parse(text: &str) -> Result<Faults, FaultsError> {
        if let Ok(faults) = serde_json::from_str(text) {
            return Ok(faults);
        }
        serde_yaml::from_str(text).map_err(|error| FaultsError(error.to_string()))
    }
}

/// One rule of a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which requests it is about.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// How many requests it hits. Default 1.
    #[serde(default = "one")]
    pub times: u32,
    /// How many requests it lets pass before the first that it hits. Default 0.
    #[serde(default)]
    pub after: u32,
    /// What happens to those that it hits.
    pub then: Action,
}

fn one() -> u32 {
    1
}

/// Which requests a rule is about; a field left out matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The method, in any case.
    #[serde(default)]
    pub method: Option<String>,
    /// The path without its query: a prefix; with a `*`, which stands for any text, a pattern of
    /// the whole path; with a `$` at its end, the exact path.
    #[serde(default)]
    pub path: Option<String>,
}

impl Match {
    /// Whether a request is one of those meant.
    pub(crate) fn takes(&self, method: &str, path: &str) -> bool {
        self.method
            .as_ref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .path
                .as_ref()
                .is_none_or(|pattern| path_matches(pattern, path))
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    if let Some(exact) = pattern.strip_suffix('$') {
        return glob(exact, path);
    }
    if pattern.contains('*') {
        glob(pattern, path)
    } else {
        path.starts_with(pattern)
    }
}

fn glob(pattern: &str, path: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == path;
    };
    let Some(mut left) = path.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    left.ends_with(tail)
}

/// What happens to a request that a rule hits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Action {
    /// It has no effect and is answered with an error.
    Status(StatusFault),
    /// Its connection is reset.
    Reset {
        /// At which point.
        reset: ResetAt,
    },
    /// Its answer ends too early, with an ordinary close.
    Truncate {
        /// How many bytes of the body are sent. `Content-Length`, if the answer has one, tells
        /// the full length.
        truncate: u64,
    },
    /// Its answer comes slowly.
    Drip {
        /// How slowly.
        drip: Drip,
    },
    /// It is answered, and the rate-limit headers say that no request remains.
    Exhausted {
        /// For how many seconds.
        exhausted: f64,
    },
    /// It is handled later.
    Delay {
        /// By how many milliseconds.
        delay_ms: u64,
    },
}

/// An error in place of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusFault {
    /// The status, from 400 to 599.
    pub status: u16,
    /// The header `retry-after`; none if left out or null.
    #[serde(default)]
    pub retry_after: Option<RetryAfter>,
    /// `error.type`; if left out, the one that goes with the status.
    #[serde(default)]
    pub error: Option<String>,
    /// `error.details.error_code`.
    #[serde(default)]
    pub error_code: Option<String>,
    /// `error.message`.
    #[serde(default)]
    pub message: Option<String>,
    /// The header `x-should-retry`.
    #[serde(default)]
    pub should_retry: Option<bool>,
}

/// The value of a `retry-after` header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    /// Seconds.
    Seconds(f64),
    /// Any text, as an HTTP date.
    Text(String),
}

/// When a connection is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetAt {
    /// The request was read and has no effect.
    Before,
    /// The request has its effect, and nothing is answered.
    AfterEffect,
    /// The head of the answer was sent.
    AfterHeaders,
    /// Half of the body was sent; of a body of unknown length, half of its first piece.
    MidBody,
}

/// A body in small pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drip {
    /// Bytes a piece; 0 counts as 1.
    pub chunk: usize,
    /// Milliseconds before each piece.
    pub delay_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_by_prefix_pattern_or_exactly() {
        for (pattern, path, expected) in [
            ("/v1/messages", "/v1/messages/batches", true),
            ("/v1/messages$", "/v1/messages/batches", false),
            ("/v1/messages$", "/v1/messages", true),
            (
                "/v1/messages/batches/*/results",
                "/v1/messages/batches/b_1/results",
                true,
            ),
            (
                "/v1/messages/batches/*/results",
                "/v1/messages/batches/b_1/cancel",
                false,
            ),
            ("/v1/*s/*", "/v1/files/f_1", true),
            ("*", "/anything", true),
        ] {
            assert_eq!(path_matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn scripts_are_read_from_json_and_yaml() {
        let yaml = "
- match: {method: post, path: /v1/messages}
  times: 2
  then: {status: 429, retry_after: '1'}
- then: {reset: after_effect}
- then: {drip: {chunk: 1, delay_ms: 5}}
- then: {truncate: 10}
- then: {delay_ms: 10}
- then: {exhausted: 1.5}
";
        let script = Faults::parse(yaml).expect("yaml");
        assert_eq!(script.rules.len(), 6);
        let json = serde_json::to_string(&script).expect("json");
        assert_eq!(Faults::parse(&json).expect("json"), script);
        assert!(Faults::parse("- then: {explode: true}").is_err());
        assert!(Faults::parse("- then: {reset: sometimes}").is_err());
        assert!(Faults::parse("- then: {delay_ms: 5, status: 429}").is_err());
    }
}

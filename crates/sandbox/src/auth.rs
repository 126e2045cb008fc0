//! The headers every call must have: a key, a version, and only known betas.

use hyper::{HeaderMap, StatusCode};

use crate::error::ApiError;

/// A live value of `anthropic-version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Version {
    /// `2023-06-01`: sampling parameters are still taken by older models.
    #[serde(rename = "2023-06-01")]
    V2023,
    /// `2026-10-21`: sampling parameters are refused, as are a few odd blocks.
    #[serde(rename = "2026-10-21")]
    V2026,
}

/// Who calls, and which shapes they expect.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) version: Version,
    betas: Vec<String>,
}

impl Caller {
    /// Whether `anthropic-beta` names `beta`.
    pub(crate) fn has_beta(&self, beta: &str) -> bool {
        self.betas.iter().any(|named| named == beta)
    }
}

/// Checks the headers of a call. Any key that is not empty is good.
///
/// # Errors
/// 401 without a key; 400 without a version, with one that is not live, or with an unknown beta.
pub(crate) fn check(headers: &HeaderMap) -> Result<Caller, ApiError> {
    if key_header(headers).is_none() {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "x-api-key header is required",
        ));
    }
    let version = match headers
        .get("anthropic-version")
        .map(|value| value.to_str().unwrap_or("?").trim())
    {
        None | Some("") => return Err(ApiError::invalid("anthropic-version: header is required")),
        Some("2023-06-01") => Version::V2023,
        Some("2026-10-21") => Version::V2026,
        Some(other) => {
            let message = format!(
                "anthropic-version: `{other}` is not a valid version; the versions are `2023-06-01` and `2026-10-21`"
            );
            return Err(ApiError::invalid(message));
        }
    };
    Ok(Caller {
        version,
        betas: betas(headers)?,
    })
}

/// The header that holds a key, if any does.
pub(crate) fn key_header(headers: &HeaderMap) -> Option<&'static str> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    if text("x-api-key").is_some_and(|key| !key.is_empty()) {
        return Some("x-api-key");
    }
    let bearer = text("authorization")?;
    let (scheme, key) = bearer.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !key.trim().is_empty()).then_some("authorization")
}

fn betas(headers: &HeaderMap) -> Result<Vec<String>, ApiError> {
    let named: Vec<String> = headers
        .get_all("anthropic-beta")
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .split(',')
                .map(|beta| beta.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|beta| !beta.is_empty())
        .collect();
    let unknown: Vec<String> = named
        .iter()
        .filter(|beta| !BETAS.contains(&beta.as_str()))
        .map(|beta| format!("`{beta}`"))
        .collect();
    if unknown.is_empty() {
        return Ok(named);
    }
    let message = format!(
        "Unexpected value(s) {} for the `anthropic-beta` header",
        unknown.join(", ")
    );
    Err(ApiError::invalid(message))
}

/// The betas that are taken. Source: the official Python client, version 2.12.
const BETAS: &[&str] = &[
    "computer-use-2024-10-22",
    "computer-use-2025-01-24",
    "output-128k-2025-02-19",
    "mcp-client-2025-04-04",
    "mcp-client-2025-11-20",
    "dev-full-thinking-2025-05-14",
    "interleaved-thinking-2025-05-14",
    "code-execution-2025-05-22",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "model-context-window-exceeded-2025-08-26",
    "fast-mode-2026-02-01",
    "output-300k-2026-03-24",
    "user-profiles-2026-03-24",
    "user-profiles-2026-08-18",
    "user-profiles-2026-09-04",
    "advisor-tool-2026-03-01",
    "managed-agents-2026-04-01",
    "dreaming-2026-04-21",
    "thinking-token-count-2026-05-13",
    "server-side-fallback-2026-06-01",
    "server-side-fallback-2026-07-01",
    "fallback-credit-2026-06-01",
    "fallback-credit-2026-07-01",
    "agent-memory-2026-07-22",
    "mid-conversation-tool-changes-2026-07-01",
    "compact-2026-01-12",
    "computer-use-2025-11-24",
    "mcp-tunnels-2026-06-22",
    "structured-outputs-2025-11-13",
    "task-budgets-2026-03-13",
    "thinking-display-updates-2026-08-18",
    "mid-conversation-output-config-2026-07-01",
    "thinking-binding-controls-2026-08-01",
    "mid-conversation-system-clear-at-2026-08-21",
    "compact-2026-09-04",
    "inline-tools-2026-09-15",
    "mcp-client-2026-09-15",
    "ce-plugins-2026-09-01",
    "spend-limit-reads-2026-09-26",
    "telemetry-destinations-2026-08-11",
    "webhooks-2026-10-07",
    "admin-user-sign-out-2026-10-08",
    "message-threads-2026-08-12",
    "analytics-usage-cost-2026-08-24",
    "experimental-claude-tag-2026-10-21",
    "message-batches-2024-09-24",
    "prompt-caching-2024-07-31",
    "pdfs-2024-09-25",
    "token-counting-2024-11-01",
    "token-efficient-tools-2025-02-19",
    "files-api-2025-04-14",
    "extended-cache-ttl-2025-04-11",
    "skills-2025-10-02",
    "cache-diagnosis-2026-04-07",
    "ce-user-management-2026-07-13",
    "ce-claude-code-managed-settings-2026-10-06",
    "user-profiles-billing-2026-10-01",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn outcome(headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header value"));
        }
        match check(&map) {
            Ok(caller) => format!(
                "{:?} by {}",
                caller.version,
                key_header(&map).unwrap_or_default()
            ),
            Err(error) => format!("{} {}", error.status.as_u16(), error.message),
        }
    }

    #[test]
    fn headers_are_checked() {
        let version = ("anthropic-version", "2023-06-01");
        assert_eq!(
            outcome(&[("x-api-key", "k"), version]),
            "V2023 by x-api-key"
        );
        assert_eq!(
            outcome(&[
                ("authorization", "Bearer k"),
                ("anthropic-version", "2026-10-21")
            ]),
            "V2026 by authorization"
        );
        assert_eq!(outcome(&[version]), "401 x-api-key header is required");
        assert_eq!(
            outcome(&[("authorization", "Basic k"), version]),
            "401 x-api-key header is required"
        );
        assert_eq!(
            outcome(&[("x-api-key", "k")]),
            "400 anthropic-version: header is required"
        );
        assert_eq!(
            outcome(&[
                ("x-api-key", "k"),
                version,
                ("anthropic-beta", "skills-2025-10-02, nope-1"),
                ("anthropic-beta", "no")
            ]),
            "400 Unexpected value(s) `nope-1`, `no` for the `anthropic-beta` header"
        );
    }
}

//! The known models.
//!
//! Identifiers, aliases and lifecycles are the service's as of November 2026. Dates of release,
//! limits and some capabilities of the newest models are not published in a form we could read:
//! those are plausible, and in the order of release.

use serde::Serialize;

/// A model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model {
    /// What it is called in answers.
    pub(crate) id: &'static str,
    /// Another name that requests may use.
    pub(crate) alias: Option<&'static str>,
    pub(crate) name: &'static str,
    pub(crate) line: &'static str,
    pub(crate) generation: Generation,
    pub(crate) created_at: &'static str,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) deprecated_at: Option<&'static str>,
    pub(crate) retires_at: Option<&'static str>,
    pub(crate) input_tokens_max: u64,
    pub(crate) output_tokens_max: u64,
    /// The highest effort it takes; none if it takes no effort at all.
    pub(crate) effort: Option<Effort>,
}

/// Generations, oldest first: what a model refuses follows from its generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Generation {
    Older,
    V45,
    V46,
    V47,
    V5,
    V55,
}

/// Where a model stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Lifecycle {
    Active,
    Deprecated,
    Retired,
}

/// Levels of `output_config.effort`, lowest first by when models learned them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    Low,
    Medium,
    High,
    Max,
    XHigh,
}

impl Model {
    /// Whether `thinking.type` may be `kind`.
    pub(crate) fn thinks(&self, kind: &str) -> bool {
        match kind {
            "adaptive" => self.generation >= Generation::V46,
            "enabled" => self.generation <= Generation::V46 || self.line == "haiku",
            "disabled" => true,
            "between_tools" => self.generation >= Generation::V55,
            _ => false,
        }
    }

    /// Whether `output_config.effort` may be `effort`.
    pub(crate) fn takes_effort(&self, effort: Effort) -> bool {
        self.effort.is_some_and(|highest| effort <= highest)
    }

    /// Whether `temperature`, `top_p` and `top_k` are taken, under the older API version.
    pub(crate) fn takes_sampling(&self) -> bool {
        self.generation <= Generation::V46
    }

    /// Whether the last message may be the beginning of the answer.
    pub(crate) fn takes_prefill(&self) -> bool {
        self.generation < Generation::V46
    }

    /// Whether a message in the middle may have the role `system`.
    pub(crate) fn takes_system_turns(&self) -> bool {
        self.generation >= Generation::V5
    }
}

/// The model that `name`, an identifier or alias, stands for. Retired ones are found too.
pub(crate) fn find(name: &str) -> Option<&'static Model> {
    MODELS
        .iter()
        .find(|model| model.id == name || model.alias == Some(name))
}

const fn current(
    id: &'static str,
    name: &'static str,
    line: &'static str,
    generation: Generation,
    created_at: &'static str,
) -> Model {
    Model {
        id,
        alias: None,
        name,
        line,
        generation,
        created_at,
        lifecycle: Lifecycle::Active,
        deprecated_at: None,
        retires_at: None,
        input_tokens_max: 1_000_000,
        output_tokens_max: 128_000,
        effort: Some(Effort::XHigh),
    }
}

const fn dated(
    id: &'static str,
    alias: &'static str,
    name: &'static str,
    line: &'static str,
    created_at: &'static str,
) -> Model {
    Model {
        alias: Some(alias),
        input_tokens_max: 200_000,
        output_tokens_max: 64_000,
        effort: None,
        ..current(id, name, line, Generation::V45, created_at)
    }
}

const fn leaving(
    model: Model,
    lifecycle: Lifecycle,
    deprecated_at: &'static str,
    retires_at: &'static str,
) -> Model {
    Model {
        lifecycle,
        deprecated_at: Some(deprecated_at),
        retires_at: Some(retires_at),
        ..model
    }
}

/// All models, newest first.
pub(crate) static MODELS: &[Model] = {
    use Generation::{Older, V5, V46, V47, V55};
    use Lifecycle::{Deprecated, Retired};
    &[
        current(
            "claude-fable-5-2",
            "Claude Fable 5.2",
            "fable",
            V55,
            "2026-11-12T00:00:00Z",
        ),
        current(
            "claude-mythos-5-2",
            "Claude Mythos 5.2",
            "mythos",
            V55,
            "2026-11-12T00:00:00Z",
        ),
        Model {
            output_tokens_max: 64_000,
            ..current(
                "claude-haiku-5-5",
                "Claude Haiku 5.5",
                "haiku",
                V55,
                "2026-10-21T00:00:00Z",
            )
        },
        current(
            "claude-sonnet-5-5",
            "Claude Sonnet 5.5",
            "sonnet",
            V55,
            "2026-10-07T00:00:00Z",
        ),
        current(
            "claude-fable-5-1",
            "Claude Fable 5.1",
            "fable",
            V55,
            "2026-10-01T00:00:00Z",
        ),
        current(
            "claude-opus-5-5",
            "Claude Opus 5.5",
            "opus",
            V55,
            "2026-09-22T00:00:00Z",
        ),
        current(
            "claude-mythos-5-1",
            "Claude Mythos 5.1",
            "mythos",
            V55,
            "2026-09-15T00:00:00Z",
        ),
        current(
            "claude-sonnet-5",
            "Claude Sonnet 5",
            "sonnet",
            V5,
            "2026-07-20T00:00:00Z",
        ),
        current(
            "claude-fable-5",
            "Claude Fable 5",
            "fable",
            V5,
            "2026-07-10T00:00:00Z",
        ),
        current(
            "claude-mythos-5",
            "Claude Mythos 5",
            "mythos",
            V5,
            "2026-07-01T00:00:00Z",
        ),
        current(
            "claude-opus-5",
            "Claude Opus 5",
            "opus",
            V5,
            "2026-06-24T00:00:00Z",
        ),
        current(
            "claude-opus-4-8",
            "Claude Opus 4.8",
            "opus",
            V47,
            "2026-05-28T00:00:00Z",
        ),
        current(
            "claude-opus-4-7",
            "Claude Opus 4.7",
            "opus",
            V47,
            "2026-04-16T00:00:00Z",
        ),
        leaving(
            current(
                "claude-mythos-preview",
                "Claude Mythos Preview",
                "mythos",
                V46,
                "2026-04-07T00:00:00Z",
            ),
            Deprecated,
            "2026-05-28T00:00:00Z",
            "2026-06-30T00:00:00Z",
        ),
        Model {
            output_tokens_max: 64_000,
            effort: Some(Effort::Max),
            ..current(
                "claude-sonnet-4-6",
                "Claude Sonnet 4.6",
                "sonnet",
                V46,
                "2026-02-17T00:00:00Z",
            )
        },
        Model {
            effort: Some(Effort::Max),
            ..current(
                "claude-opus-4-6",
                "Claude Opus 4.6",
                "opus",
                V46,
                "2026-02-04T00:00:00Z",
            )
        },
        Model {
            effort: Some(Effort::High),
            ..dated(
                "claude-opus-4-5-20251101",
                "claude-opus-4-5",
                "Claude Opus 4.5",
                "opus",
                "2025-11-24T00:00:00Z",
            )
        },
        dated(
            "claude-haiku-4-5-20251001",
            "claude-haiku-4-5",
            "Claude Haiku 4.5",
            "haiku",
            "2025-10-15T00:00:00Z",
        ),
        leaving(
            dated(
                "claude-sonnet-4-5-20250929",
                "claude-sonnet-4-5",
                "Claude Sonnet 4.5",
                "sonnet",
                "2025-09-29T00:00:00Z",
            ),
            Deprecated,
            "2026-05-28T00:00:00Z",
            "2026-11-30T00:00:00Z",
        ),
        leaving(
            Model {
                generation: Older,
                output_tokens_max: 32_000,
                ..dated(
                    "claude-opus-4-1-20250805",
                    "claude-opus-4-1",
                    "Claude Opus 4.1",
                    "opus",
                    "2025-08-05T00:00:00Z",
                )
            },
            Retired,
            "2026-02-05T00:00:00Z",
            "2026-08-05T00:00:00Z",
        ),
        leaving(
            Model {
                generation: Older,
                ..dated(
                    "claude-sonnet-4-20250514",
                    "claude-sonnet-4-0",
                    "Claude Sonnet 4",
                    "sonnet",
                    "2025-05-22T00:00:00Z",
                )
            },
            Retired,
            "2025-12-15T00:00:00Z",
            "2026-06-15T00:00:00Z",
        ),
        leaving(
            Model {
                generation: Older,
                output_tokens_max: 8_192,
                ..dated(
                    "claude-3-5-haiku-20241022",
                    "claude-3-5-haiku-latest",
                    "Claude Haiku 3.5",
                    "haiku",
                    "2024-10-22T00:00:00Z",
                )
            },
            Retired,
            "2025-08-19T00:00:00Z",
            "2026-02-19T00:00:00Z",
        ),
    ]
};

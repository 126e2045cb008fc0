//! The keys of version 1 of the language: closed lists, one table for each place.

/// What a step does: exactly one of these keys says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `action:` changes the world.
    Action,
    /// `query:` only reads.
    Query,
    /// `trigger:` holds the run.
    Trigger,
    /// `run:` starts a command.
    Run,
    /// `value:` only computes.
    Value,
}

impl Verb {
    /// All verbs, in the order in which messages list them.
    pub const ALL: [Verb; 5] = [
        Verb::Action,
        Verb::Query,
        Verb::Trigger,
        Verb::Run,
        Verb::Value,
    ];

    /// The key.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Action => "action",
            Verb::Query => "query",
            Verb::Trigger => "trigger",
            Verb::Run => "run",
            Verb::Value => "value",
        }
    }
}

/// How many steps a workflow may have: its plan and its report are kept in memory.
pub const STEPS_MAX: usize = 10_000;

/// Keys of a workflow.
pub const WORKFLOW: &[&str] = &[
    "flow",
    "name",
    "description",
    "inputs",
    "vars",
    "connections",
    "on",
    "sequential",
    "steps",
    "outputs",
];

/// Keys of the language that a workflow may have in a later version of this program.
pub const WORKFLOW_LATER: &[&str] = &[
    "budget",
    "concurrency",
    "defaults",
    "finally",
    "finally_timeout",
    "limits",
    "priority",
    "queue",
    "risk",
];

/// Keys of a step besides its verb, and the verbs they go with.
pub const STEP: &[(&str, &[Verb])] = &[
    ("needs", &Verb::ALL),
    ("if", &Verb::ALL),
    ("with", &[Verb::Action, Verb::Query, Verb::Trigger]),
    ("output", &Verb::ALL),
    ("timeout", &Verb::ALL),
    ("retry", &[Verb::Action, Verb::Query, Verb::Run]),
    ("on_error", &Verb::ALL),
    ("effect", &[Verb::Action, Verb::Query, Verb::Run]),
    ("on_interrupt", &[Verb::Action, Verb::Run]),
    ("pages", &[Verb::Query]),
    ("with_response", &[Verb::Action, Verb::Query]),
    ("every", &[Verb::Trigger]),
    ("where", &[Verb::Trigger]),
    ("args", &[Verb::Run]),
    ("env", &[Verb::Run]),
    ("stdin", &[Verb::Run]),
    ("cwd", &[Verb::Run]),
    ("parse", &[Verb::Run]),
    ("ok_codes", &[Verb::Run]),
    ("files", &[Verb::Run]),
    ("place", &[Verb::Run]),
];

/// Keys of the language that a step may have in a later version of this program.
pub const STEP_LATER: &[&str] = &[
    "after",
    "budget",
    "cache",
    "chunk",
    "concurrency",
    "detach",
    "finally",
    "finally_timeout",
    "for_each",
    "item_timeout",
    "key",
    "limits",
    "max_parallel",
    "outputs",
    "queue",
    "repeat",
    "sequential",
    "steps",
    "tolerate",
    "undo",
    "workflow",
];

/// Keys of a declared input.
pub const INPUT: &[&str] = &[
    "type",
    "description",
    "default",
    "required",
    "enum",
    "pattern",
    "min",
    "max",
    "items",
    "fields",
];

/// Types of inputs.
pub const INPUT_TYPES: &[&str] = &[
    "string", "integer", "number", "boolean", "date", "datetime", "duration", "file", "secret",
    "list", "object",
];

/// The words of which exactly one says what a trigger under `on:` is; `every` alone is a schedule.
pub const TRIGGER_WORDS: &[&str] = &["schedule", "webhook", "trigger", "poll", "event", "file"];

/// Keys of a trigger under `on:`.
pub const TRIGGER: &[&str] = &[
    "schedule",
    "every",
    "webhook",
    "trigger",
    "poll",
    "event",
    "file",
    "inputs",
    "where",
    "enabled",
    "jitter",
    "with",
    "timezone",
    "misfire",
    "dst_gap",
    "dst_overlap",
    "items",
    "key",
    "cursor",
    "changed",
    "batch",
    "backfill",
    "verify",
    "dedupe",
    "respond",
];

/// Keys of the long form of `retry:`.
pub const RETRY: &[&str] = &[
    "attempts",
    "initial",
    "factor",
    "max",
    "jitter",
    "on",
    "attempt_timeout",
];

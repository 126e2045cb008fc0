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
    /// `workflow:` runs another workflow.
    Workflow,
    /// `steps:` holds steps of its own: a group.
    Steps,
}

impl Verb {
    /// All verbs, in the order in which messages list them.
    pub const ALL: [Verb; 7] = [
        Verb::Action,
        Verb::Query,
        Verb::Trigger,
        Verb::Run,
        Verb::Value,
        Verb::Workflow,
        Verb::Steps,
    ];

    /// The key.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Action => "action",
            Verb::Query => "query",
            Verb::Trigger => "trigger",
            Verb::Run => "run",
            Verb::Value => "value",
            Verb::Workflow => "workflow",
            Verb::Steps => "steps",
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
    "defaults",
    "on",
    "concurrency",
    "priority",
    "budget",
    "risk",
    "sequential",
    "steps",
    "finally",
    "finally_timeout",
    "outputs",
];

const WITH: &[Verb] = &[Verb::Action, Verb::Query, Verb::Trigger, Verb::Workflow];
const CALLS: &[Verb] = &[Verb::Action, Verb::Query, Verb::Run];
const UNDONE: &[Verb] = &[Verb::Action, Verb::Run, Verb::Workflow, Verb::Steps];
const COSTS: &[Verb] = &[
    Verb::Action,
    Verb::Query,
    Verb::Run,
    Verb::Workflow,
    Verb::Steps,
];

/// Keys of a step besides its verb, and the verbs they go with.
pub const STEP: &[(&str, &[Verb])] = &[
    ("needs", &Verb::ALL),
    ("if", &Verb::ALL),
    ("for_each", &Verb::ALL),
    ("where", &Verb::ALL),
    ("key", &Verb::ALL),
    ("chunk", &Verb::ALL),
    ("max_parallel", &Verb::ALL),
    ("tolerate", &Verb::ALL),
    ("item_timeout", &Verb::ALL),
    ("repeat", &Verb::ALL),
    ("with", WITH),
    ("output", &Verb::ALL),
    ("timeout", &Verb::ALL),
    ("retry", CALLS),
    ("on_error", &Verb::ALL),
    ("effect", CALLS),
    ("on_interrupt", &[Verb::Action, Verb::Run]),
    ("undo", UNDONE),
    ("pages", &[Verb::Query]),
    ("with_response", &[Verb::Action, Verb::Query]),
    ("cache", &[Verb::Query]),
    ("every", &[Verb::Trigger]),
    ("after", &[Verb::Trigger]),
    ("args", &[Verb::Run]),
    ("env", &[Verb::Run]),
    ("stdin", &[Verb::Run]),
    ("cwd", &[Verb::Run]),
    ("parse", &[Verb::Run]),
    ("ok_codes", &[Verb::Run]),
    ("files", &[Verb::Run]),
    ("place", &[Verb::Run]),
    ("detach", &[Verb::Workflow]),
    ("outputs", &[Verb::Steps]),
    ("sequential", &[Verb::Steps]),
    ("finally", &[Verb::Steps]),
    ("finally_timeout", &[Verb::Steps]),
    ("concurrency", COSTS),
    ("budget", COSTS),
    ("queue", CALLS),
];

/// Keys of a step that only mean something beside `for_each` (`where` also beside `trigger`).
pub const OF_LOOPS: &[&str] = &[
    "where",
    "key",
    "chunk",
    "max_parallel",
    "tolerate",
    "item_timeout",
];

/// Keys of `undo:`: those of an action or a command, without the ones that place a step in the graph.
pub const UNDO: &[&str] = &[
    "action",
    "run",
    "with",
    "timeout",
    "retry",
    "effect",
    "on_interrupt",
    "args",
    "env",
    "stdin",
    "cwd",
    "parse",
    "ok_codes",
    "files",
    "place",
];

/// Keys of the long form of `for_each:`.
pub const FOR_EACH: &[&str] = &["in", "as"];

/// Keys of `repeat:`.
pub const REPEAT: &[&str] = &["start", "until", "every", "max", "on_max"];

/// Keys of `concurrency:`.
pub const CONCURRENCY: &[&str] = &["group", "max", "when_full"];

/// Keys of `budget:`.
pub const BUDGET: &[&str] = &["usd", "tokens", "when_spent"];

/// Keys of `cache:`.
pub const CACHE: &[&str] = &["for", "key"];

/// Keys of `defaults:`.
pub const DEFAULTS: &[&str] = &["retry", "timeout", "run", "connection"];

/// Keys of `defaults.run:`.
pub const DEFAULTS_RUN: &[&str] = &["env", "cwd"];

/// Keys of `limits:` on a connection.
pub const LIMITS: &[&str] = &["parallel", "per_second", "per_minute"];

/// Keys of a connection besides the settings of its connector.
pub const CONNECTION: &[&str] = &["connector", "limits", "queue"];

/// Keys of the project's settings, `flow.toml`.
pub const PROJECT: &[&str] = &[
    "vars",
    "connections",
    "defaults",
    "prices",
    "retention",
    "serve",
];

/// Keys of the price of a model, `[prices.CONNECTOR.MODEL]`, in the settings of a project.
pub const PRICE: &[&str] = &[
    "input",
    "output",
    "cache_write_5m",
    "cache_write_1h",
    "cache_read",
    "long",
];

/// Keys of `long` of a price.
pub const PRICE_LONG: &[&str] = &[
    "over",
    "input",
    "output",
    "cache_write_5m",
    "cache_write_1h",
    "cache_read",
];

/// Keys of `[retention]` in the settings of a project.
pub const RETENTION: &[&str] = &["runs", "keep_failed", "noticed"];

/// Keys of `[serve]` in the settings of a project.
pub const SERVE: &[&str] = &[
    "address",
    "behind_proxy",
    "hosts",
    "public",
    "tls",
    "connections_per_address",
];

/// Keys of `[serve.tls]` in the settings of a project.
pub const SERVE_TLS: &[&str] = &["certificate", "key"];

/// Keys of `cursor:` of a `poll:`.
pub const CURSOR: &[&str] = &["param", "from"];

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

/// Keys of a trigger that go with some of the words only. `every` is a word of its own where none of the others stands.
pub const TRIGGER_WITH: &[(&str, &[&str])] = &[
    ("every", &["trigger", "poll"]),
    ("with", &["trigger", "poll"]),
    ("where", &["trigger", "poll", "webhook", "event", "file"]),
    ("jitter", &["schedule", "every", "trigger", "poll"]),
    ("timezone", &["schedule"]),
    ("misfire", &["schedule", "every"]),
    ("dst_gap", &["schedule"]),
    ("dst_overlap", &["schedule"]),
    ("items", &["poll"]),
    ("key", &["poll"]),
    ("cursor", &["poll"]),
    ("changed", &["poll"]),
    ("batch", &["poll"]),
    ("backfill", &["poll"]),
    ("verify", &["webhook", "trigger"]),
    ("dedupe", &["webhook", "trigger"]),
    ("respond", &["webhook", "trigger"]),
];

/// Keys of a `trigger:` that is looked for; with `verify:` it is delivered instead.
pub const OF_LOOKS: &[&str] = &["every", "jitter"];

/// Keys of a `trigger:` that is delivered: beside `verify:` only.
pub const OF_DELIVERIES: &[&str] = &["dedupe", "respond"];

/// Keys of `misfire:` as a map.
pub const MISFIRE: &[&str] = &["all"];

/// Keys of `verify:` as a map: who signs, or with what.
pub const VERIFY: &[&str] = &[
    "standard-webhooks",
    "github",
    "stripe",
    "slack",
    "hmac",
    "token",
];

/// Keys of the long form of `verify: { hmac: ... }`.
pub const HMAC: &[&str] = &["secret", "header", "algorithm", "encoding", "prefix"];

/// Keys of the long form of `verify: { token: ... }`.
pub const TOKEN: &[&str] = &["secret", "header"];

/// Keys of `respond:`.
pub const RESPOND: &[&str] = &["wait"];

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

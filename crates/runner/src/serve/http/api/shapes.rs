//! What bodies and answers of the API look like.

use crate::backfills::STATES;
use crate::serve::http::shape::Shape::{
    Any, Boolean, Count, Hash, List, Map, Named, Nullable, Object, Positive, Run, Text, Time, With,
    Word,
};
use crate::serve::http::shape::{Shape, has, may};
use crate::show::rows::ALL_STATUSES;

/// How large numbers of answers may be.
pub(super) const MANY: u64 = i64::MAX as u64;
/// How long texts of bodies may be.
pub(super) const NAME_CHARS_MAX: usize = 256;

const STEP_STATES: &[&str] = &[
    "running",
    "waiting",
    "backoff",
    "held",
    "interrupted",
    "succeeded",
    "failed",
    "timed_out",
    "cancelled",
    "skipped",
];

pub(super) const NEXT: &str = "The `cursor` of the next page; null on the last one.";
const FAILURE: &str = "Why it failed: a code, a message, perhaps a help.";
const COSTS: &str = "What its calls cost: the sum, and by model.";

static STRING: Shape = Shape::String;
static TIME: Shape = Time;
static RUN: Shape = Run;
static HASH: Shape = Hash;
pub(super) static ANY: Shape = Any;
static NAME: Shape = Text(NAME_CHARS_MAX);

pub(super) const TEXT_OR_NULL: Shape = Nullable(&STRING);
pub(super) const TIME_OR_NULL: Shape = Nullable(&TIME);
pub(super) const RUN_OR_NULL: Shape = Nullable(&RUN);
pub(super) const TEXT: Shape = Shape::String;
const NUMBER: Shape = Count(0, MANY);

/// How a request is refused.
pub(in crate::serve::http) static PROBLEM: Shape = Named(
    "Problem",
    &Object(&[
        has("type", TEXT, ""),
        has("title", TEXT, "The words of the status."),
        has("status", Count(400, 599), ""),
        has(
            "code",
            TEXT,
            "The stable code of the error: each has a page in `docs/errors`.",
        ),
        has("detail", TEXT, "What is wrong."),
        may("help", TEXT, "What to do."),
        may(
            "errors",
            List(&INPUT_PROBLEM),
            "Everything that is wrong with inputs.",
        ),
        may(
            "offset",
            NUMBER,
            "The byte of the body from which on it cannot be read.",
        ),
        may(
            "pointer",
            TEXT,
            "Where in the body something else is expected.",
        ),
        may("run", Run, "The run that may be done later all the same."),
    ]),
);

static INPUT_PROBLEM: Shape = Object(&[
    has("code", TEXT, ""),
    has("input", TEXT, ""),
    has("detail", TEXT, ""),
    has("help", TEXT_OR_NULL, ""),
]);

pub(in crate::serve::http) static WORKFLOWS: Shape = Object(&[
    has("workflows", List(&WORKFLOW_HEAD), ""),
    has(
        "wrong",
        List(&WRONG_FILE),
        "Files that cannot be served as they are now.",
    ),
    has("next", TEXT_OR_NULL, NEXT),
]);

static WRONG_FILE: Shape = Object(&[has("file", TEXT, ""), has("error", TEXT, "")]);

static WORKFLOW_HEAD: Shape = Named(
    "WorkflowHead",
    &Object(&[
        has("workflow", TEXT, "Its name."),
        has("description", TEXT_OR_NULL, ""),
        has("file", TEXT, ""),
        has("version", Hash, "Of everything that its runs pin."),
        has(
            "error",
            TEXT_OR_NULL,
            "What is wrong with its file as it is now; the version before it is served.",
        ),
    ]),
);

pub(in crate::serve::http) static WORKFLOW: Shape = Named(
    "Workflow",
    &With(
        &WORKFLOW_HEAD,
        &[
            has("inputs", List(&INPUT), ""),
            has("triggers", List(&TRIGGER), ""),
        ],
    ),
);

static INPUT: Shape = Named(
    "Input",
    &Object(&[
        has("name", TEXT, ""),
        has("type", TEXT, "`string`, `integer`, `list of string`, ..."),
        has("required", Boolean, ""),
        has("default", Any, ""),
        has("description", TEXT, ""),
        has(
            "enum",
            List(&ANY),
            "The only values allowed; empty for all.",
        ),
        has("min", Any, "The least number, or length."),
        has("max", Any, "The greatest number, or length."),
        has("pattern", TEXT_OR_NULL, ""),
    ]),
);

pub(in crate::serve::http) static START: Shape = Object(&[
    may(
        "inputs",
        Map(&ANY),
        "Inputs by name. A file is given by its path in the project folder, a secret by its name.",
    ),
    may(
        "event",
        Any,
        "What `trigger` means in the run, for a workflow that reads it.",
    ),
    may(
        "trigger",
        Text(NAME_CHARS_MAX),
        "The trigger that the event is of, if there are several.",
    ),
    may(
        "key",
        Text(NAME_CHARS_MAX),
        "The same key starts one run of the workflow: asked again, it is that run.",
    ),
]);

pub(in crate::serve::http) static STARTED: Shape = Object(&[
    has("run", Run, ""),
    has("new", Boolean, "Whether this request started it."),
]);

pub(in crate::serve::http) static TOLD: Shape = Object(&[has("run", Run, "")]);

pub(in crate::serve::http) static RUNS: Shape = Object(&[
    has("runs", List(&RUN_ROW), "The newest first."),
    has("next", TEXT_OR_NULL, NEXT),
]);

static RUN_ROW: Shape = Named(
    "RunRow",
    &Object(&[
        has("run", Run, ""),
        has("workflow", TEXT, ""),
        has("status", Word(&ALL_STATUSES), ""),
        has("started_at", TIME_OR_NULL, "Null while it is queued."),
        has("ended_at", TIME_OR_NULL, ""),
        has("waits_for", TEXT_OR_NULL, ""),
        has("sandbox", Boolean, ""),
        has("parent", RUN_OR_NULL, "The run of which a step started it."),
        has(
            "backfill",
            TEXT_OR_NULL,
            "The backfill that it was started for.",
        ),
    ]),
);

pub(in crate::serve::http) static QUEUE: Shape = Object(&[
    has(
        "queue",
        List(&QUEUED_RUN),
        "In the order in which they were noticed.",
    ),
    has("next", TEXT_OR_NULL, NEXT),
]);

static QUEUED_RUN: Shape = Named(
    "QueuedRun",
    &Object(&[
        has("run", Run, ""),
        has("workflow", TEXT, ""),
        has("status", Word(&ALL_STATUSES), "`queued`"),
        has("trigger_name", TEXT, "The trigger that is to start it."),
        has("queued_at", Time, "Since when it is queued."),
        has(
            "behind",
            NUMBER,
            "How many runs of its workflow start before it.",
        ),
    ]),
);

pub(in crate::serve::http) static RUN_SHOWN: Shape = Named(
    "Run",
    &With(
        &RUN_ROW,
        &[
            has(
                "inputs",
                Any,
                "Stored values stand as `{\"stored\": HASH, ...}`, secrets as their names.",
            ),
            has("trigger", Any, "The event that it began with."),
            has("outputs", Any, ""),
            has("costs", Any, COSTS),
            has("retry_of", RUN_OR_NULL, "The run that it tries again."),
            has(
                "version",
                Nullable(&HASH),
                "Of everything that it pins; null while it is queued.",
            ),
            may("queued_at", Time, "Since when it is queued."),
            may(
                "behind",
                NUMBER,
                "How many runs of its workflow start before it.",
            ),
            has("events", NUMBER, "How many events its journal has."),
            has(
                "failures",
                List(&FAILED),
                "The first ones of its steps, and that of the run itself.",
            ),
        ],
    ),
);

static FAILED: Shape = Object(&[
    has("step", TEXT_OR_NULL, "Null if it is the run's own."),
    has("error", Any, FAILURE),
]);

pub(in crate::serve::http) static WHY: Shape = Object(&[
    has("run", Run, ""),
    has("status", Word(&ALL_STATUSES), ""),
    has(
        "deaths",
        Any,
        "How many processes in a row died of it, if it is quarantined.",
    ),
    has(
        "steps",
        List(&REASONS),
        "Steps that did not simply succeed.",
    ),
    may("queued", TEXT, "Why it has not begun."),
]);

static REASONS: Shape = Object(&[
    has("step", TEXT, ""),
    has("status", TEXT, ""),
    has("reasons", List(&STRING), ""),
]);

pub(in crate::serve::http) static STEPS: Shape = Object(&[
    has(
        "steps",
        List(&STEP_ROW),
        "In the order in which they began.",
    ),
    has("next", TEXT_OR_NULL, NEXT),
]);

static STEP_ROW: Shape = Named(
    "StepRow",
    &Object(&[
        has("step", TEXT, "Its path, such as `each[3]/ask#2`."),
        has("status", Word(STEP_STATES), ""),
        has("attempts", NUMBER, ""),
        has("started_at", Time, ""),
        has("ended_at", TIME_OR_NULL, ""),
        has("costs", Any, COSTS),
        has("error", Any, FAILURE),
        has("brief", TEXT_OR_NULL, "A few words about its value."),
    ]),
);

pub(in crate::serve::http) static STEP: Shape = Named(
    "Step",
    &Object(&[
        has("step", TEXT, "Its path, such as `each[3]/ask#2`."),
        has("status", Word(STEP_STATES), ""),
        has("attempts", NUMBER, ""),
        has("started_at", Time, ""),
        has("ended_at", TIME_OR_NULL, ""),
        has(
            "value",
            Any,
            "Its output; a large one stands as `{\"stored\": HASH, ...}`.",
        ),
        has("costs", Any, COSTS),
        has("error", Any, FAILURE),
        has("tries", List(&TRY), "Its attempts, in order."),
    ]),
);

static TRY: Shape = Object(&[
    has("attempt", NUMBER, ""),
    has("started_at", Time, ""),
    has("ended_at", TIME_OR_NULL, ""),
    has(
        "outcome",
        TEXT_OR_NULL,
        "`succeeded`, `failed`, `lost`, or `found`: what it made was found.",
    ),
    has("error", Any, FAILURE),
]);

pub(in crate::serve::http) static EVENTS: Shape = Object(&[
    has("events", List(&EVENT), ""),
    has("next", TEXT_OR_NULL, NEXT),
]);

static EVENT: Shape = Object(&[
    has("seq", NUMBER, "Its place in the journal, from 1."),
    has("at", Time, ""),
    has("event", TEXT, "Its kind."),
    has("body", Any, ""),
]);

pub(in crate::serve::http) static CANCEL: Shape = Object(&[may(
    "hard",
    Boolean,
    "At once: nothing is undone, and `finally` is left out.",
)]);

pub(in crate::serve::http) static RESUME: Shape = Object(&[
    may("retry", List(&NAME), "Interrupted steps to send again."),
    may("skip", List(&NAME), "Interrupted steps to skip."),
    may(
        "set",
        Map(&ANY),
        "Interrupted steps and the values that they get.",
    ),
    may(
        "budget",
        BUDGET,
        "How much more every budget of the run gets.",
    ),
    may(
        "force",
        Boolean,
        "Go on even if processes died in a row while they drove it.",
    ),
]);

const BUDGET: Shape = Object(&[may("usd", Positive, ""), may("tokens", Count(1, MANY), "")]);

pub(in crate::serve::http) static RETRY: Shape = Object(&[
    may(
        "from",
        List(&NAME),
        "Steps to do again, with what needs them, though they succeeded.",
    ),
    may(
        "with_current_definition",
        Boolean,
        "Take the workflow as it is served now: steps that were changed are done again.",
    ),
]);

pub(in crate::serve::http) static TRIGGERS: Shape = Object(&[
    has("triggers", List(&TRIGGER), ""),
    has("next", TEXT_OR_NULL, NEXT),
]);

static TRIGGER: Shape = Named(
    "Trigger",
    &Object(&[
        has("workflow", TEXT, ""),
        has("trigger", TEXT, ""),
        has("paused_at", TIME_OR_NULL, "Since when it is paused."),
        has("looked_at", TIME_OR_NULL, ""),
        has("looked_well_at", TIME_OR_NULL, ""),
        has("found_at", TIME_OR_NULL, ""),
        has(
            "noticed_at",
            TIME_OR_NULL,
            "When it noticed something last, if that is still known.",
        ),
        has("failures", NUMBER, "How many looks in a row have failed."),
        has(
            "error",
            TEXT_OR_NULL,
            "Why the last one did; or why it does not look, or takes no deliveries.",
        ),
        has(
            "served",
            Boolean,
            "Whether its workflow is served, and has it.",
        ),
        has("enabled", Nullable(&Boolean), ""),
        has(
            "kind",
            TEXT_OR_NULL,
            "The word that it is written with: `schedule`, `webhook`, `poll`, ...",
        ),
        has("words", TEXT_OR_NULL, "What it waits for."),
        has(
            "next",
            TIME_OR_NULL,
            "When it is due, if it is made of times and goes.",
        ),
    ]),
);

pub(in crate::serve::http) static TRIGGER_SHOWN: Shape = With(
    &TRIGGER,
    &[has(
        "noticed",
        List(&NOTICED),
        "What it noticed, the newest first.",
    )],
);

static NOTICED: Shape = Object(&[
    has(
        "key",
        TEXT,
        "What tells it from everything else that the trigger noticed.",
    ),
    has("at", Time, ""),
    has("due", TIME_OR_NULL, ""),
    has("state", Word(&["queued", "started", "passed"]), ""),
    has("reason", TEXT_OR_NULL, "Why it started no run."),
    has("run", RUN_OR_NULL, ""),
]);

pub(in crate::serve::http) static SCHEDULE: Shape = Object(&[
    has("workflow", TEXT, ""),
    has("trigger", TEXT, ""),
    has("enabled", Boolean, ""),
    has("from", Time, ""),
    has("words", TEXT, ""),
    has(
        "times",
        List(&DUE),
        "The next ones; none if it is never due again.",
    ),
]);

static DUE: Shape = Object(&[
    has("due", Time, ""),
    has("start", Time, "With its jitter."),
    has("clock", TEXT, "As the clock of its zone shows it."),
    has("offset", TEXT, ""),
    has("zone", TEXT, ""),
    has("notes", List(&STRING), ""),
]);

pub(in crate::serve::http) static BACKFILLS: Shape = Object(&[
    has("backfills", List(&BACKFILL), "The newest first."),
    has("next", TEXT_OR_NULL, NEXT),
]);

static BACKFILL: Shape = Named(
    "Backfill",
    &Object(&[
        has("backfill", TEXT, "Its id."),
        has("workflow", TEXT, ""),
        has("trigger", TEXT, ""),
        has("from", Time, ""),
        has("to", Time, "The end of the range, itself outside."),
        has("made_at", Time, "When it was asked for first."),
        has("at_most_parallel", NUMBER, ""),
        has("inputs", Map(&STRING), "As they were typed."),
        has("sandbox", Boolean, ""),
        has(
            "state",
            Word(&STATES),
            "`running`: somebody follows it, or runs of it go; `paused`: nobody does, and times are left.",
        ),
        has("cancelled_at", TIME_OR_NULL, ""),
        has("times", NUMBER, "How many it covers."),
        has("ended", NUMBER, "How many of these need nothing more."),
        has("open", NUMBER, "How many have no run yet."),
        has("going", NUMBER, "How many have a run that has not ended."),
        has("met", NUMBER, "How many the schedule itself has met."),
        has("succeeded", NUMBER, ""),
        has("failed", NUMBER, ""),
        has("cancelled", NUMBER, ""),
        has(
            "go_on",
            TEXT_OR_NULL,
            "What to type so that a paused one goes on.",
        ),
    ]),
);

pub(in crate::serve::http) static BACKFILL_SHOWN: Shape = With(
    &BACKFILL,
    &[
        has("each", List(&BACKFILL_TIME), "Its times, in order."),
        has("next", TEXT_OR_NULL, NEXT),
    ],
);

pub(in crate::serve::http) static BACKFILL_TOLD: Shape = Object(&[
    has("backfill", TEXT, ""),
    has("runs", List(&RUN), "Its runs that were told to end."),
]);

static BACKFILL_TIME: Shape = Object(&[
    has("due", Time, ""),
    has(
        "status",
        TEXT,
        "`open`, `met by the schedule`, or how its run is.",
    ),
    has("run", RUN_OR_NULL, "Null if the store has none."),
]);

pub(in crate::serve::http) static EMPTY: Shape = Object(&[]);

pub(in crate::serve::http) static DELIVERED: Shape = Map(&ANY);

pub(in crate::serve::http) static DOCUMENT: Shape = Map(&ANY);

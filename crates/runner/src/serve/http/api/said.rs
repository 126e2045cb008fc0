//! What bodies and answers about events and approvals look like.

use super::shapes::{
    ANY, MANY, NAME_CHARS_MAX, NEXT, RUN_OR_NULL, TEXT, TEXT_OR_NULL, TIME_OR_NULL,
};
use crate::serve::http::shape::Shape::{
    Any, Boolean, Count, List, Map, Named, Object, Run, Text, Time,
};
use crate::serve::http::shape::{Shape, has, may};

pub(in crate::serve::http) static EMIT: Shape = Object(&[
    has(
        "event",
        TEXT,
        "Its name: letters, digits, `.`, `_` and `-`, at most 200; not beginning with `run.`.",
    ),
    may(
        "data",
        Any,
        "What belongs to it, as `trigger` has it in the runs that it starts; an empty map if not given.",
    ),
    may(
        "key",
        Text(NAME_CHARS_MAX),
        "The same key is one event of this name, however often it is said.",
    ),
]);

pub(in crate::serve::http) static EMITTED: Shape = Object(&[has("event", TEXT, "Its name.")]);

pub(in crate::serve::http) static EVENT_LOG: Shape = Object(&[
    has("events", List(&LOGGED), "The newest first."),
    has("next", TEXT_OR_NULL, NEXT),
]);

static LOGGED: Shape = Named(
    "LoggedEvent",
    &Object(&[
        has(
            "seq",
            Count(0, MANY),
            "Its number: larger than that of every event before it.",
        ),
        has("at", Time, ""),
        has("event", TEXT, "Its name."),
        has(
            "data",
            Any,
            "What belongs to it; what is large stands as `{\"stored\": HASH, ...}`.",
        ),
        has(
            "workflow",
            TEXT_OR_NULL,
            "The workflow of the run that it comes from.",
        ),
        has(
            "run",
            RUN_OR_NULL,
            "The run that it comes from; null if somebody said it.",
        ),
        has(
            "sandbox",
            Boolean,
            "Whether that run goes against the sandbox.",
        ),
    ]),
);

pub(in crate::serve::http) static APPROVALS: Shape = Object(&[
    has("approvals", List(&APPROVAL), "By run and step."),
    has(
        "unreadable",
        List(&UNREADABLE),
        "Runs that wait, and of which more cannot be said: what they pinned is gone or damaged.",
    ),
    has("next", TEXT_OR_NULL, NEXT),
]);

static UNREADABLE: Shape = Object(&[
    has("run", Run, ""),
    has("code", TEXT, ""),
    has("error", TEXT, ""),
]);

static APPROVAL: Shape = Named(
    "Approval",
    &Object(&[
        has("run", Run, ""),
        has("workflow", TEXT, ""),
        has("step", TEXT, "Its path, such as `each[3]/ask#2`."),
        has("since", Time, ""),
        has("until", TIME_OR_NULL, "When its time is up."),
        has("message", Any, "What is asked."),
        has("choices", List(&ANY), "What may be chosen."),
        has(
            "fields",
            Any,
            "What else is asked for, by name, as the workflow declares it.",
        ),
        has("to", Any, "Who may decide; null for everybody."),
        has(
            "default_choice",
            Any,
            "What counts if nobody decides in time.",
        ),
    ]),
);

pub(in crate::serve::http) static APPROVE: Shape = Object(&[
    may(
        "step",
        TEXT,
        "The step that waits; not needed where it is the only one of the run.",
    ),
    may(
        "choice",
        TEXT,
        "What is chosen; `approve` if that is a choice.",
    ),
    may("fields", Map(&ANY), "What is asked for, by name."),
    may("comment", TEXT, "A word about it."),
]);

pub(in crate::serve::http) static APPROVED: Shape = Object(&[
    has("run", Run, ""),
    has("step", TEXT, ""),
    has("choice", TEXT, "What was chosen."),
]);

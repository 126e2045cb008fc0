//! Every route of the daemon. The router, the document and the tests are made of this one list: a route has its class by the type of
//! what it does, and there is no other way in.

use axum::extract::Request;
use axum::handler::Handler;

use super::api::said::{APPROVALS, APPROVE, APPROVED, EMIT, EMITTED, EVENT_LOG};
use super::api::shapes::{
    BACKFILL_SHOWN, BACKFILL_TOLD, BACKFILLS, CANCEL, DELIVERED, DOCUMENT, EMPTY, EVENTS, QUEUE,
    RESUME, RETRY, RUN_SHOWN, RUNS, SCHEDULE, START, STARTED, STEP, STEPS, TOLD, TRIGGER_SHOWN,
    TRIGGERS, WHY, WORKFLOW, WORKFLOWS,
};
use super::api::{
    approvals, backfills, changes, events, journal, runs, start, steps, stream, triggers, values,
    workflows,
};
use super::route::{Answer, Content, Method, Parameter, Place, Route, Serves, Tried};
use super::shape::Shape;
use super::{World, callbacks, health, webhooks};
use crate::show::rows::STATUSES;

/// How many entries of a list one answer has at most.
const LIMIT_MAX: u64 = 500;
/// How long names in addresses may be.
const NAME_CHARS_MAX: usize = 512;

const fn path(name: &'static str, shape: Shape, about: &'static str) -> Parameter {
    Parameter {
        name,
        place: Place::Path,
        shape,
        about,
    }
}

const fn query(name: &'static str, shape: Shape, about: &'static str) -> Parameter {
    Parameter {
        place: Place::Query,
        ..path(name, shape, about)
    }
}

const WORKFLOW_NAME: Parameter = path(
    "workflow",
    Shape::Text(NAME_CHARS_MAX),
    "The name of a workflow.",
);
const TRIGGER_NAME: Parameter = path(
    "trigger",
    Shape::Text(NAME_CHARS_MAX),
    "The name of a trigger.",
);
const BACKFILL_ID: Parameter = path(
    "backfill",
    Shape::Text(NAME_CHARS_MAX),
    "The id of a backfill.",
);
const RUN_ID: Parameter = path("run", Shape::Run, "The id of a run.");
const LIMIT: Parameter = query(
    "limit",
    Shape::Count(1, LIMIT_MAX),
    "How many, 50 if not given.",
);
const OF_PAGE: &str = "What the page before gave as `next`.";
const CURSOR: Parameter = query("cursor", Shape::Text(NAME_CHARS_MAX), OF_PAGE);
const ID_CURSOR: Parameter = query("cursor", Shape::Run, OF_PAGE);
const PLACE_CURSOR: Parameter = query("cursor", Shape::Count(0, i64::MAX as u64), OF_PAGE);
const ONLY_STEP: Parameter = query(
    "step",
    Shape::Text(NAME_CHARS_MAX),
    "Only what is about this step, its items and rounds included.",
);

const fn answer(status: u16, about: &'static str, shape: &'static Shape) -> Answer {
    Answer {
        status,
        about,
        content: Content::Json(shape),
    }
}

const fn of(status: u16, about: &'static str, content: Content) -> Answer {
    Answer {
        status,
        about,
        content,
    }
}

fn deliver(world: World, request: Request) -> Tried {
    Box::pin(async { Ok(Handler::call(webhooks::deliver, request, world).await) })
}

fn call_back(world: World, request: Request) -> Tried {
    Box::pin(async { Ok(Handler::call(callbacks::call_back, request, world).await) })
}

/// All of them.
pub(super) static ROUTES: &[Route] = &[
    Route {
        method: Method::Get,
        path: "/healthz",
        serves: Serves::Public(health::healthy),
        name: "healthy",
        summary: "Whether the process lives",
        parameters: &[],
        body: None,
        answers: &[of(200, "It does.", Content::Text)],
    },
    Route {
        method: Method::Get,
        path: "/readyz",
        serves: Serves::Public(health::ready),
        name: "ready",
        summary: "Whether it takes on work",
        parameters: &[],
        body: None,
        answers: &[of(200, "It does.", Content::Text)],
    },
    Route {
        method: Method::Get,
        path: "/metrics",
        serves: Serves::Read(health::metrics),
        name: "metrics",
        summary: "What is counted, for Prometheus",
        parameters: &[],
        body: None,
        answers: &[of(200, "All numbers.", Content::Metrics)],
    },
    Route {
        method: Method::Post,
        path: "/webhooks/{*path}",
        serves: Serves::Webhook(deliver),
        name: "deliver",
        summary: "Deliver something to a webhook, verified as its workflow says",
        parameters: &[path(
            "path",
            Shape::Text(NAME_CHARS_MAX),
            "The path of the webhook.",
        )],
        body: None,
        answers: &[
            answer(
                200,
                "It was taken, and the run has ended or there is none.",
                &DELIVERED,
            ),
            answer(202, "It was taken; this is its run.", &DELIVERED),
        ],
    },
    Route {
        method: Method::Post,
        path: "/callbacks/{run}/{signature}/{*step}",
        serves: Serves::Webhook(call_back),
        name: "call_back",
        summary: "Call back a step that waits for it, at the address that it handed out",
        parameters: &[
            RUN_ID,
            path(
                "signature",
                Shape::Text(NAME_CHARS_MAX),
                "What only the store can make.",
            ),
            path("step", Shape::Text(NAME_CHARS_MAX), "The path of the step."),
        ],
        body: None,
        answers: &[answer(200, "It was taken, now or before.", &DELIVERED)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/openapi.json",
        serves: Serves::Read(super::openapi::served),
        name: "openapi",
        summary: "This document",
        parameters: &[],
        body: None,
        answers: &[answer(200, "The document.", &DOCUMENT)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/workflows",
        serves: Serves::Read(workflows::list),
        name: "list_workflows",
        summary: "List the workflows that are served",
        parameters: &[LIMIT, CURSOR],
        body: None,
        answers: &[answer(200, "By name.", &WORKFLOWS)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/workflows/{workflow}",
        serves: Serves::Read(workflows::one),
        name: "show_workflow",
        summary: "Show a workflow: its inputs, its triggers, its version",
        parameters: &[WORKFLOW_NAME],
        body: None,
        answers: &[answer(200, "The workflow.", &WORKFLOW)],
    },
    Route {
        method: Method::Post,
        path: "/api/v1/workflows/{workflow}/runs",
        serves: Serves::Run(start::start),
        name: "start_run",
        summary: "Start a run",
        parameters: &[WORKFLOW_NAME],
        body: Some(&START),
        answers: &[
            answer(200, "There is a run of this key already.", &STARTED),
            answer(202, "It is on disk, and goes.", &STARTED),
        ],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/runs",
        serves: Serves::Read(runs::list),
        name: "list_runs",
        summary: "List runs that have begun",
        parameters: &[
            query(
                "workflow",
                Shape::Text(NAME_CHARS_MAX),
                "Only of this workflow.",
            ),
            Parameter {
                place: Place::Queries,
                ..query(
                    "status",
                    Shape::Word(&STATUSES),
                    "Only with this status; may be given several times.",
                )
            },
            query(
                "backfill",
                Shape::Text(NAME_CHARS_MAX),
                "Only of this backfill.",
            ),
            LIMIT,
            ID_CURSOR,
        ],
        body: None,
        answers: &[answer(200, "The newest first.", &RUNS)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/queue",
        serves: Serves::Read(runs::queue),
        name: "list_queue",
        summary: "List the runs that triggers are still to start",
        parameters: &[
            query(
                "workflow",
                Shape::Text(NAME_CHARS_MAX),
                "Only of this workflow.",
            ),
            LIMIT,
            ID_CURSOR,
        ],
        body: None,
        answers: &[answer(
            200,
            "In the order in which they were noticed.",
            &QUEUE,
        )],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/runs/{run}",
        serves: Serves::Read(runs::one),
        name: "show_run",
        summary: "Show a run: inputs, outputs, costs",
        parameters: &[RUN_ID],
        body: None,
        answers: &[answer(200, "The run.", &RUN_SHOWN)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/runs/{run}/why",
        serves: Serves::Read(runs::why),
        name: "explain_run",
        summary: "Say why a run stands where it stands",
        parameters: &[RUN_ID],
        body: None,
        answers: &[answer(200, "Every wait, skip, retry and decision.", &WHY)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/runs/{run}/steps",
        serves: Serves::Read(steps::list),
        name: "list_steps",
        summary: "List the steps of a run that have begun",
        parameters: &[RUN_ID, LIMIT, PLACE_CURSOR],
        body: None,
        answers: &[answer(200, "How each stands, without its value.", &STEPS)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/runs/{run}/steps/{*step}",
        serves: Serves::Read(steps::one),
        name: "show_step",
        summary: "Show a step of a run: its value and its attempts",
        parameters: &[
            RUN_ID,
            path("step", Shape::Text(NAME_CHARS_MAX), "The path of a step."),
        ],
        body: None,
        answers: &[answer(200, "The step.", &STEP)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/runs/{run}/events",
        serves: Serves::Read(journal::events),
        name: "list_events",
        summary: "Read the journal of a run",
        parameters: &[RUN_ID, LIMIT, PLACE_CURSOR],
        body: None,
        answers: &[answer(200, "Its events, in order.", &EVENTS)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/runs/{run}/logs",
        serves: Serves::Read(journal::logs),
        name: "read_logs",
        summary: "Read what happened to a run, a line an event",
        parameters: &[RUN_ID, ONLY_STEP],
        body: None,
        answers: &[of(200, "The lines.", Content::Text)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/runs/{run}/logs/stream",
        serves: Serves::Read(stream::stream),
        name: "follow_logs",
        summary: "Follow a run to its end",
        parameters: &[
            RUN_ID,
            ONLY_STEP,
            Parameter {
                place: Place::Header,
                ..query(
                    "Last-Event-ID",
                    Shape::Count(0, i64::MAX as u64),
                    "The `id` of the last event that was heard: the stream goes on after it.",
                )
            },
        ],
        body: None,
        answers: &[of(
            200,
            "Events of the kind `journal`, each with its place as `id`; one of the kind `end` at last.",
            Content::Events,
        )],
    },
    Route {
        method: Method::Post,
        path: "/api/v1/runs/{run}/cancel",
        serves: Serves::Run(changes::cancel),
        name: "cancel_run",
        summary: "End a run, in order or at once",
        parameters: &[RUN_ID],
        body: Some(&CANCEL),
        answers: &[answer(202, "The wish is on disk.", &TOLD)],
    },
    Route {
        method: Method::Post,
        path: "/api/v1/runs/{run}/resume",
        serves: Serves::Run(changes::resume),
        name: "resume_run",
        summary: "Go on with a run that waits for a decision, or that nobody drives",
        parameters: &[RUN_ID],
        body: Some(&RESUME),
        answers: &[answer(
            202,
            "What was decided is on disk; the run goes on.",
            &TOLD,
        )],
    },
    Route {
        method: Method::Post,
        path: "/api/v1/runs/{run}/retry",
        serves: Serves::Run(changes::retry),
        name: "retry_run",
        summary: "Try a run again: a new one, in which what succeeded is not done again",
        parameters: &[RUN_ID],
        body: Some(&RETRY),
        answers: &[
            answer(200, "There is such a run already.", &STARTED),
            answer(202, "The new run is on disk, and goes.", &STARTED),
        ],
    },
    Route {
        method: Method::Post,
        path: "/api/v1/runs/{run}/approve",
        serves: Serves::Run(approvals::approve),
        name: "approve_step",
        summary: "Decide what a step of a run asks; who decides is the name of the token",
        parameters: &[RUN_ID],
        body: Some(&APPROVE),
        answers: &[answer(
            202,
            "The answer is on disk; the run goes on.",
            &APPROVED,
        )],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/approvals",
        serves: Serves::Read(approvals::list),
        name: "list_approvals",
        summary: "List what waits for a person's decision",
        parameters: &[LIMIT, CURSOR],
        body: None,
        answers: &[answer(200, "By run and step.", &APPROVALS)],
    },
    Route {
        method: Method::Post,
        path: "/api/v1/events",
        serves: Serves::Run(events::emit),
        name: "emit_event",
        summary: "Say that something happened, for workflows that listen",
        parameters: &[],
        body: Some(&EMIT),
        answers: &[answer(202, "It is in the log, on disk.", &EMITTED)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/events",
        serves: Serves::Read(events::list),
        name: "read_event_log",
        summary: "Read the log of events that workflows hear of",
        parameters: &[
            query(
                "name",
                Shape::Text(NAME_CHARS_MAX),
                "Only those of this name.",
            ),
            LIMIT,
            PLACE_CURSOR,
        ],
        body: None,
        answers: &[answer(200, "The newest first.", &EVENT_LOG)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/values/{hash}",
        serves: Serves::Read(values::one),
        name: "read_value",
        summary: "Download a stored value",
        parameters: &[path(
            "hash",
            Shape::Hash,
            "The hash that stands where the value is, as `stored`.",
        )],
        body: None,
        answers: &[of(200, "The value, as a file.", Content::Bytes)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/triggers",
        serves: Serves::Read(triggers::list),
        name: "list_triggers",
        summary: "List what starts runs, and how it is",
        parameters: &[
            query(
                "workflow",
                Shape::Text(NAME_CHARS_MAX),
                "Only of this workflow.",
            ),
            LIMIT,
            CURSOR,
        ],
        body: None,
        answers: &[answer(200, "By workflow and name.", &TRIGGERS)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/triggers/{workflow}/{trigger}",
        serves: Serves::Read(triggers::one),
        name: "show_trigger",
        summary: "Show a trigger: how it is, and what became of what it noticed",
        parameters: &[WORKFLOW_NAME, TRIGGER_NAME, LIMIT],
        body: None,
        answers: &[answer(200, "The trigger.", &TRIGGER_SHOWN)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/triggers/{workflow}/{trigger}/schedule",
        serves: Serves::Read(triggers::schedule),
        name: "list_times",
        summary: "Tell when a trigger made of times is due",
        parameters: &[
            WORKFLOW_NAME,
            TRIGGER_NAME,
            LIMIT,
            query(
                "from",
                Shape::Time,
                "The times after this one, not after now.",
            ),
        ],
        body: None,
        answers: &[answer(200, "The next times.", &SCHEDULE)],
    },
    Route {
        method: Method::Post,
        path: "/api/v1/triggers/{workflow}/{trigger}/pause",
        serves: Serves::Admin(triggers::pause),
        name: "pause_trigger",
        summary: "Let a trigger start nothing until it is resumed",
        parameters: &[WORKFLOW_NAME, TRIGGER_NAME],
        body: Some(&EMPTY),
        answers: &[answer(200, "It is paused.", &TRIGGER_SHOWN)],
    },
    Route {
        method: Method::Post,
        path: "/api/v1/triggers/{workflow}/{trigger}/resume",
        serves: Serves::Admin(triggers::resume),
        name: "resume_trigger",
        summary: "Let a paused trigger go on; what came in between is not made up for",
        parameters: &[WORKFLOW_NAME, TRIGGER_NAME],
        body: Some(&EMPTY),
        answers: &[answer(200, "It goes on.", &TRIGGER_SHOWN)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/backfills",
        serves: Serves::Read(backfills::list),
        name: "list_backfills",
        summary: "List backfills: runs made on purpose for times of the past",
        parameters: &[LIMIT, ID_CURSOR],
        body: None,
        answers: &[answer(200, "The newest first.", &BACKFILLS)],
    },
    Route {
        method: Method::Get,
        path: "/api/v1/backfills/{backfill}",
        serves: Serves::Read(backfills::one),
        name: "show_backfill",
        summary: "Show a backfill: how far it has come, and each of its times",
        parameters: &[BACKFILL_ID, LIMIT, PLACE_CURSOR],
        body: None,
        answers: &[answer(200, "The backfill.", &BACKFILL_SHOWN)],
    },
    Route {
        method: Method::Post,
        path: "/api/v1/backfills/{backfill}/cancel",
        serves: Serves::Run(backfills::cancel),
        name: "cancel_backfill",
        summary: "Let no more runs of a backfill start, and end those that go",
        parameters: &[BACKFILL_ID],
        body: Some(&EMPTY),
        answers: &[answer(202, "The wish is on disk.", &BACKFILL_TOLD)],
    },
];

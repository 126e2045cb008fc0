//! What starts runs: the entries of `on:`.

use std::sync::Arc;

use crate::collections::IndexMap;

use super::{Bare, CallShape, OutputPath, Tree, Watch};
use crate::duration::Millis;
use crate::source::Span;
use crate::types::Type;

/// One entry of `on:`.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// Its name.
    pub name: Arc<str>,
    /// Where it stands.
    pub span: Span,
    /// Whether it starts runs at all.
    pub enabled: bool,
    /// What starts a run.
    pub starts: Starts,
    /// Delays each start, or each look, by a random time of at most this.
    pub jitter: Option<Millis>,
    /// Picks what starts a run, over `result`.
    pub condition: Option<Bare>,
    /// Inputs of the runs it starts: templates over `trigger` and `run`.
    pub inputs: IndexMap<Arc<str>, Tree>,
    /// Type of `trigger` in runs it starts.
    pub payload: Type,
}

/// What starts a run.
#[derive(Debug, Clone)]
pub enum Starts {
    /// A trigger operation looked at again and again.
    Poll(Box<Watch>),
    /// New items of a query.
    Items(Box<Items>),
    /// Calendar times.
    Schedule(Schedule),
    /// An interval.
    Every(Millis, Misfire),
    /// A delivery from outside.
    Delivery(Box<Delivery>),
    /// An event of another run.
    Event(Arc<str>),
    /// A file whose path matches a pattern.
    File(Arc<str>),
}

/// Calendar times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Five fields, six with seconds in front, or a name such as `@daily`.
    pub pattern: Arc<str>,
    /// Name of a time zone; UTC if there is none.
    pub timezone: Option<Arc<str>>,
    /// What becomes of times that passed while nothing ran.
    pub misfire: Misfire,
    /// What becomes of a time that a change of the clock leaves out.
    pub gap: Gap,
    /// What becomes of a time that a change of the clock repeats.
    pub overlap: Overlap,
}

/// What becomes of times that passed while nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Misfire {
    /// Nothing.
    Skip,
    /// One run, for the latest.
    #[default]
    Latest,
    /// A run for each, at most this many.
    All(u32),
}

/// What becomes of a time that a change of the clock leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gap {
    /// It is when the clock goes on.
    #[default]
    RunAfter,
    /// It is left out.
    Skip,
}

/// What becomes of a time that a change of the clock repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// The first one counts.
    #[default]
    First,
    /// Both count.
    Both,
}

/// New items of a query.
#[derive(Debug, Clone)]
pub struct Items {
    /// The query.
    pub call: CallShape,
    /// Time between two looks.
    pub every: Millis,
    /// Where its answer has the items; the answer itself without.
    pub items: Option<OutputPath>,
    /// Tells items apart, over `item`.
    pub key: Option<Bare>,
    /// Asks only for what is newer than the last look.
    pub cursor: Option<Cursor>,
    /// Whether an item that has changed counts as new.
    pub changed: bool,
    /// Hands one run up to this many items, as a list.
    pub batch: Option<u32>,
    /// Whether what is there at the first look starts runs too.
    pub backfill: bool,
}

/// How a query is asked only for what is new.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// The parameter that takes the position.
    pub param: Arc<str>,
    /// The position after an item, over `item`.
    pub from: Bare,
}

/// Deliveries from outside.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The path below `/webhooks/`.
    pub path: Arc<str>,
    /// The event of a connector that is delivered, with its parameters; any body without.
    pub event: Option<CallShape>,
    /// How it is made sure who sent it.
    pub verify: Verify,
    /// What is equal in repeated deliveries of one event, over `trigger`.
    pub dedupe: Option<Bare>,
    /// How long the answer waits for the outputs.
    pub respond: Option<Millis>,
}

/// How the sender of a delivery is verified.
#[derive(Debug, Clone)]
pub enum Verify {
    /// Not at all: that was written down.
    Nobody,
    /// A scheme that is known by name, with its secret.
    Scheme(Scheme, Tree),
    /// A signature over the body.
    Hmac(Tree),
    /// A secret that is sent along.
    Token(Tree),
}

/// The schemes that are known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `standard-webhooks`.
    StandardWebhooks,
    /// `github`.
    Github,
    /// `stripe`.
    Stripe,
    /// `slack`.
    Slack,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Scheme; 4] = [
        Scheme::StandardWebhooks,
        Scheme::Github,
        Scheme::Stripe,
        Scheme::Slack,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::StandardWebhooks => "standard-webhooks",
            Scheme::Github => "github",
            Scheme::Stripe => "stripe",
            Scheme::Slack => "slack",
        }
    }

    /// The secret that is used if the workflow names none.
    pub fn default_secret(self) -> &'static str {
        match self {
            Scheme::StandardWebhooks => "WEBHOOK_SECRET",
            Scheme::Github => "GITHUB_WEBHOOK_SECRET",
            Scheme::Stripe => "STRIPE_WEBHOOK_SECRET",
            Scheme::Slack => "SLACK_SIGNING_SECRET",
        }
    }
}

impl Starts {
    /// The word that says it.
    pub fn word(&self) -> &'static str {
        match self {
            Starts::Poll(_) => "trigger",
            Starts::Items(_) => "poll",
            Starts::Schedule(_) => "schedule",
            Starts::Every(..) => "every",
            Starts::Delivery(_) => "webhook",
            Starts::Event(_) => "event",
            Starts::File(_) => "file",
        }
    }

    /// The kind of start that runs see as `run.trigger.kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Starts::Every(..) => "schedule",
            Starts::Poll(_) => "poll",
            _ => self.word(),
        }
    }
}

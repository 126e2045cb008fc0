//! What a run or a step asks for before it goes.

use std::fmt;
use std::sync::Arc;

use crate::duration::Millis;

/// What places belong to. Runs and steps do not share groups, whatever their text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Of which kind.
    pub kind: Kind,
    /// What tells it from others of its kind.
    pub text: Arc<str>,
}

/// The kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A group of runs: `concurrency` of a workflow.
    Runs,
    /// A group of steps: `concurrency` of a step.
    Steps,
    /// Calls of a connection that go on: `limits`, and what the service itself asks for.
    Calls,
    /// Calls of a connection that begin within a second.
    PerSecond,
    /// Calls of a connection that begin within a minute.
    PerMinute,
}

/// How much of a key there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Most {
    /// So many at a time; no bound without.
    Places(Option<u32>),
    /// So many begin within so long, however it is cut.
    Starts {
        /// How many; at least 1.
        count: u32,
        /// Within how long.
        within: Millis,
    },
}

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Of what.
    pub key: Key,
    /// How much there is, as whoever asks sees it.
    pub most: Most,
    /// As people know it, such as `` group `nightly` ``.
    pub name: Arc<str>,
}

/// All that is asked for at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demand {
    /// All of them are had, or none.
    pub claims: Vec<Claim>,
    /// Who has more goes first.
    pub priority: i32,
    /// What happens if there is no room.
    pub when_full: WhenFull,
}

/// `when_full` of `concurrency`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// Wait.
    #[default]
    Queue,
    /// Do not go at all.
    Skip,
    /// End the one that went first, then go.
    Replace,
}

impl Most {
    /// So many starts a second or a minute, where the number may be a part of one: in the shortest time that holds a whole
    /// number of them.
    pub fn starts(amount: f64, per: Millis) -> Most {
        let whole = amount.max(1.0).floor().min(f64::from(u32::MAX));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a whole number that fits, and a time far below what a float holds"
        )]
        let (count, within) = (
            whole as u32,
            (per.0 as f64 * whole / amount).ceil().min(1e15) as u64,
        );
        let within = Millis(within);
        Most::Starts { count, within }
    }
}

impl WhenFull {
    /// The words of the language.
    pub const WORDS: [&str; 3] = ["queue", "skip", "replace"];

    /// From a word of the language.
    pub fn parse(text: &str) -> Option<WhenFull> {
        Some(match text {
            "queue" => WhenFull::Queue,
            "skip" => WhenFull::Skip,
            "replace" => WhenFull::Replace,
            _ => return None,
        })
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

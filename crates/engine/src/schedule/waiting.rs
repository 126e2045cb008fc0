//! Whether a run that is due may start while others of its trigger still go.

use std::fmt;

use crate::workflow::trigger::Misfire;

/// The runs of one trigger that have not ended. Runs of a backfill are not among them: they have a bound of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Going {
    /// Those that have started.
    pub started: usize,
    /// Those that wait for their turn.
    pub waiting: usize,
}

/// What becomes of a run that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It starts.
    Start,
    /// It waits until those before it have ended.
    Wait,
    /// It is left out, and that is recorded with its reason.
    Skip(Full),
}

/// Why a run is left out: so many wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// How many may wait.
    pub most: usize,
}

/// What becomes of a run that is due now.
///
/// A workflow with `concurrency:` has said itself what happens then: its runs start, and wait or end by that. Else one run
/// of a trigger goes at a time and one waits; as many wait as `misfire: { all: N }` asks for. What waits was promised, so a
/// later time never takes its place.
pub fn turn(has_concurrency: bool, misfire: Misfire, going: Going) -> Turn {
    let most = match misfire {
        Misfire::All(most) => most as usize,
        Misfire::Skip | Misfire::Latest => 1,
    };
    if has_concurrency || (going.started == 0 && going.waiting == 0) {
        Turn::Start
    } else if going.waiting < most {
        Turn::Wait
    } else {
        Turn::Skip(Full { most })
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.most {
            1 => write!(f, "the run before it has not ended, and one waits already"),
            most => write!(
                f,
                "the run before it has not ended, and {most} wait already, as many as `misfire: {{ all: {most} }}` allows"
            ),
        }
    }
}

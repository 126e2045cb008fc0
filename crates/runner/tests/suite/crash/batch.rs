//! A batch is made once: killed between the asking and the noting of the answer, there is one batch, found again
//! if it was made, and nobody has to guess.

use std::time::Duration;

use super::chance::from_environment;
use super::jobs::BATCH;
use super::kill::Way;
use super::rounds::{Plan, rounds};

/// The points around the sending of a request and the noting of what came of it.
const POINTS: [&str; 6] = [
    "driver.send.before",
    "driver.send.after",
    "driver.attempt_end.before",
    "driver.attempt_end.after",
    "store.commit.before",
    "store.commit.after",
];

/// A run makes its batch within this time after its start.
const CREATES: Duration = Duration::from_millis(60);

#[test]
fn a_batch_is_made_once_wherever_its_making_is_killed() {
    let kills = from_environment("KILLS").unwrap_or(200).min(200);
    let plan = Plan {
        test: "a_batch_is_made_once",
        variable: "SEED",
        seed: from_environment("SEED").unwrap_or(1),
        enough: &|done| done.kills >= kills,
    };
    let done = rounds(
        &plan,
        |_| Some(BATCH),
        |round| {
            // Each of what comes after is killed in the same window, until the batch is known.
            for _ in 0..4 {
                let Some(arguments) = round.next() else {
                    return;
                };
                let after = round.chance.within(CREATES);
                let nth = 1 + round.chance.below(4);
                let point = *round.chance.pick(&POINTS);
                let way = match round.chance.below(3) {
                    0 => Way::Kill(after),
                    _ => Way::Point(format!("{point}=abort@{nth}")),
                };
                round.command(&arguments, Some(&way));
                assert!(round.place.batches().len() < 2, "two batches");
                assert!(round.place.creates() < 2, "asked for twice");
            }
        },
    );
    println!("{done}");
    assert!(kills < 100 || done.adopted > 0, "none was found again");
}

//! Who may go, when not all may go at once: a second machine, one a store, beside those of the runs. Does no I/O, reads no
//! clock, starts no task.
//!
//! Contract: build one [`Admission`], give it what runs ask ([`Admission::ask`]), what they let go ([`Admission::release`],
//! [`Admission::gone`]) and the time ([`Admission::tick`]), then take [`Admission::poll`] until it gives nothing, hand each
//! [`Word`] to its run, and call it again at [`Admission::due`].
//!
//! - Places in use are those of tickets that were granted and not released: nothing is counted by hand, so none can leak.
//!   It writes nothing down. After a restart it is empty, and runs that are taken up ask again: what they hold already
//!   counts at once, even if there is no room.
//! - A demand of several places gets all of them in one decision, or none: two that wait cannot hold what the other needs.
//! - For each key those who wait go by priority, then by the time at which they began to wait. Who found no room at a key
//!   keeps its turn there until it goes: nobody behind it overtakes at that key, and nobody is kept from other keys.
//!
//! Read in this order: [`demand`] (what is asked for), `places` (one key), `machine`.

pub mod demand;
mod machine;
mod places;

pub use demand::{Claim, Demand, Key, Kind, Most, WhenFull};
pub use machine::{Admission, Answer, Ask, Standing, Ticket, Word};

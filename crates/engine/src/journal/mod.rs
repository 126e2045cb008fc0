//! The events from which a run is rebuilt. Each is one row of the journal; storage lives in the drivers.
//!
//! Format 1. A format never changes once it is released: a new field is optional, a new meaning is a new format. One
//! golden journal a format lies in `crates/backend/tests/journals/`.

mod event;
mod row;

pub use event::*;
pub use row::{FORMAT, Row, RowError};

//! The time of day: the only place of this crate that asks for it.

use flow_engine::time::Timestamp;

/// Now, by the system's clock.
pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

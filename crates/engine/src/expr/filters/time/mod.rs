//! Filters on dates, times, time zones and durations. There is no clock among them: what "now" is, the run says
//! (`run.started_at`, `run.due`).
//!
//! [`moment`] reads and writes times, [`zone`] knows time zones; then the filters: [`date`] (forms), [`shift`] (arithmetic),
//! [`duration`] (lengths of time).

pub(super) mod date;
pub(super) mod duration;
mod moment;
pub(super) mod shift;
mod zone;

pub(crate) use zone::zones;

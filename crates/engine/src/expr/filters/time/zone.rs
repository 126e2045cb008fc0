//! Time zones by name, from the database that is built in: every machine answers the same.

use std::sync::LazyLock;

use jiff::fmt::temporal::Pieces;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::expr::error::Fault;
use crate::expr::member::excerpt;
use crate::finding::nearest;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// All zones by name.
pub(crate) fn zones() -> &'static TimeZoneDatabase {
    &ZONES
}

/// The zone of a name of the IANA database, or of an offset such as `+02:00`.
pub(super) fn zone(name: &str) -> Result<TimeZone, Fault> {
    if let Ok(zone) = ZONES.get(name) {
        return Ok(zone);
    }
    if name.starts_with(['+', '-']) {
        let example = format!("2000-01-01T00:00:00{name}");
        let offset = Pieces::parse(&example).ok();
        if let Some(offset) = offset.and_then(|pieces| pieces.to_numeric_offset()) {
            return Ok(TimeZone::fixed(offset));
        }
    }
    let message = format!("there is no time zone `{}`", excerpt(name));
    let known: Vec<_> = ZONES.available().collect();
    let near = nearest(name, known.iter().map(jiff::tz::TimeZoneName::as_str));
    Err(Fault::new("template.date", message).help(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "zones have names such as `Europe/Oslo`, or are offsets such as `+02:00`".to_owned()
        }
    }))
}

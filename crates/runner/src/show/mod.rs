//! Everything that people see. stdout is data, stderr is for people.

pub(crate) mod awaited;
pub(crate) mod cases;
pub(crate) mod check_json;
pub(crate) mod coverage;
pub(crate) mod diagnostics;
pub(crate) mod graph;
pub(crate) mod lines;
pub(crate) mod live;
pub(crate) mod log;
pub(crate) mod money;
pub(crate) mod plain;
pub(crate) mod plan;
pub(crate) mod queued;
pub(crate) mod rows;
pub(crate) mod sarif;
pub(crate) mod style;
pub(crate) mod summary;
pub(crate) mod values;
pub(crate) mod why;

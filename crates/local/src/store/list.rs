//! Lists of runs: which, and in which order.

use flow_engine::time::Timestamp;
use rusqlite::params;

use super::{Reader, RunRow, StoreError};

/// Which runs are listed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only with one of these statuses; any, if there is none.
    pub statuses: Vec<String>,
    /// Only of this workflow.
    pub workflow: Option<String>,
    /// Only those that started then or later.
    pub since: Option<Timestamp>,
    /// Only those that started earlier.
    pub before: Option<Timestamp>,
    /// Only those that come after this place in the list, the start and the id of its last entry: the next page.
    pub after: Option<(Timestamp, String)>,
    /// Which runs with regard to backfills.
    pub of: Of,
}

/// Runs with regard to backfills.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Of {
    /// All.
    #[default]
    All,
    /// Those of one backfill.
    Backfill(String),
    /// Those of no backfill that the store knows.
    None,
}

impl Reader {
    /// The newest of the runs that a filter lets through, newest first.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn list(&self, filter: &Filter, limit: u32) -> Result<Vec<RunRow>, StoreError> {
        let statuses = (!filter.statuses.is_empty()).then(|| {
            let quoted = filter.statuses.iter().map(|status| format!(",{status},"));
            quoted.collect::<String>()
        });
        let quarantined = self.quarantined()?;
        let known: Vec<&str> = quarantined.keys().map(String::as_str).collect();
        let known = format!(",{},", known.join(","));
        let (since, before) = (filter.since.map(|at| at.0), filter.before.map(|at| at.0));
        let after = filter.after.as_ref().map(|(at, run)| (at.0, run));
        let (after_at, after_run) = after.unzip();
        let (of, backfill) = self.of(&filter.of)?;
        let columns = self.columns()?;
        self.query_known(
            &format!(
                "SELECT {columns} FROM runs
                 WHERE (?1 IS NULL OR instr(?1, ',' || iif(instr(?7, ',' || run || ',') > 0, 'quarantined', status) || ',') > 0)
                   AND (?2 IS NULL OR workflow = ?2)
                   AND (?3 IS NULL OR started_at >= ?3)
                   AND (?4 IS NULL OR started_at < ?4)
                   AND (?5 IS NULL OR (started_at, run) < (?5, ?8))
                   AND {of}
                 ORDER BY started_at DESC, run DESC LIMIT ?6"
            ),
            params![
                statuses,
                filter.workflow,
                since,
                before,
                after_at,
                limit,
                known,
                after_run,
                backfill
            ],
            &quarantined,
        )
    }

    /// Which runs with regard to backfills, in a form that an index answers; with the parameter `?9`.
    fn of<'f>(&self, of: &'f Of) -> Result<(&'static str, Option<&'f str>), StoreError> {
        if !self.has_backfills()? {
            let none = if matches!(of, Of::Backfill(_)) {
                "?9 IS NULL"
            } else {
                "?9 IS NOT NULL"
            };
            return Ok((none, Some("")));
        }
        Ok(match of {
            Of::All => ("?9 IS NULL", None),
            Of::Backfill(backfill) => ("backfill = ?9", Some(backfill)),
            Of::None => (
                "?9 IS NULL AND (backfill IS NULL OR backfill NOT IN (SELECT backfill FROM backfills))",
                None,
            ),
        })
    }
}

//! What runs cost, by their journals.

use flow_engine::money::Costs;

use rusqlite::params;

use super::StoreError;
use super::read::Reader;

/// How many runs tell how it usually goes.
const USUAL_RUNS: u32 = 20;

impl Reader {
    /// What the calls of a run cost, without those of runs that it started. Reads no more of the journal than that.
    ///
    /// # Errors
    /// As the store gives them, and [`StoreError::Corrupt`] for what cannot be read.
    pub fn costs(&self, run: &str) -> Result<Costs, StoreError> {
        let sql = "SELECT json_extract(body, '$.costs') FROM events
                   WHERE run = ?1 AND kind IN ('attempt_ended', 'range_ended')
                     AND json_extract(body, '$.costs') IS NOT NULL
                   ORDER BY seq";
        let parts: Vec<String> = self.query_with(sql, [run], |row| row.get(0))?;
        let mut costs = Costs::default();
        for part in parts {
            let part = serde_json::from_str(&part)
                .map_err(|error| self.corrupt(format!("the costs of run {run}: {error}")))?;
            costs.extend(&part);
        }
        Ok(costs)
    }

    /// What the newest runs of a workflow cost, with all that they started: how it usually goes.
    ///
    /// # Errors
    /// As [`Reader::costs`].
    pub fn usual_costs(&self, workflow: &str, sandbox: bool) -> Result<Costs, StoreError> {
        let sql = "SELECT run FROM runs WHERE workflow = ?1 AND sandbox = ?2
                   ORDER BY started_at DESC, run DESC LIMIT ?3";
        let runs: Vec<String> =
            self.query_with(sql, params![workflow, sandbox, USUAL_RUNS], |row| {
                row.get(0)
            })?;
        let mut costs = Costs::default();
        for run in runs {
            costs.extend(&self.costs_of_all(&run)?);
        }
        Ok(costs)
    }

    /// The runs that steps of a run started and waited for.
    ///
    /// # Errors
    /// As the store gives them.
    pub fn children(&self, run: &str) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT json_extract(body, '$.run') FROM events
                   WHERE run = ?1 AND kind = 'child_started' ORDER BY seq";
        self.query_with(sql, [run], |row| row.get(0))
    }

    /// What a run and all that it started cost, at any depth.
    ///
    /// # Errors
    /// As [`Reader::costs`].
    pub fn costs_of_all(&self, run: &str) -> Result<Costs, StoreError> {
        let mut costs = Costs::default();
        let mut runs = vec![run.to_owned()];
        while let Some(run) = runs.pop() {
            costs.extend(&self.costs(&run)?);
            runs.extend(self.children(&run)?);
        }
        Ok(costs)
    }
}

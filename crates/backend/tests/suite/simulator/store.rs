//! A store with what is written and what is synced. A crash keeps all that is synced, and of the rest whole transactions,
//! from the first on: as many as chance has it.

use std::collections::BTreeMap;

use flow_engine::journal::{Event, Row};
use flow_engine::time::Timestamp;

/// Journals of many runs.
#[derive(Debug, Default)]
pub(super) struct Store {
    transactions: Vec<Transaction>,
    synced: usize,
}

/// What is kept or lost as a whole.
#[derive(Debug)]
struct Transaction {
    run: String,
    rows: Vec<Row>,
}

/// A journal as it is read back.
pub(super) type Events = Vec<(Timestamp, Event)>;

impl Store {
    /// Writes a transaction; gives its number.
    pub(super) fn write(&mut self, run: &str, rows: Vec<Row>) -> usize {
        let run = run.to_owned();
        self.transactions.push(Transaction { run, rows });
        self.transactions.len()
    }

    /// Syncs all that is written, and says how much that is.
    pub(super) fn sync(&mut self) -> usize {
        self.synced = self.transactions.len();
        self.synced
    }

    pub(super) fn is_synced(&self, transaction: usize) -> bool {
        transaction <= self.synced
    }

    /// How many transactions are not.
    pub(super) fn unsynced(&self) -> usize {
        self.transactions.len() - self.synced
    }

    /// The machine stops: of what is not synced so many transactions survive.
    pub(super) fn crash(&mut self, survive: usize) {
        self.transactions.truncate(self.synced + survive);
        self.synced = self.transactions.len();
    }

    /// All journals.
    ///
    /// # Errors
    /// If a row cannot be read, or the numbers have a gap.
    pub(super) fn journals(&self) -> Result<BTreeMap<String, Events>, String> {
        journals_of(&self.transactions)
    }

    /// What of them is synced.
    pub(super) fn synced_journals(&self) -> Result<BTreeMap<String, Events>, String> {
        journals_of(&self.transactions[..self.synced])
    }
}

fn journals_of(transactions: &[Transaction]) -> Result<BTreeMap<String, Events>, String> {
    let mut journals: BTreeMap<String, Events> = BTreeMap::new();
    for transaction in transactions {
        let journal = journals.entry(transaction.run.clone()).or_default();
        for row in &transaction.rows {
            if row.seq != journal.len() as u64 + 1 {
                return Err(format!(
                    "row {} of {} follows row {}",
                    row.seq,
                    transaction.run,
                    journal.len()
                ));
            }
            let event = row.event().map_err(|error| error.to_string())?;
            journal.push((row.at, event));
        }
    }
    Ok(journals)
}

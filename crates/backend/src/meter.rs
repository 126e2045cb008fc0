//! What an attempt costs, as it hears of it.

use std::sync::{Arc, Mutex, PoisonError};

use flow_engine::money::Costs;

/// Collects what the calls of one attempt cost. Clones collect together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Costs>>);

impl Meter {
    /// Adds what was heard: also what a call cost that failed afterwards.
    pub fn add(&self, costs: &Costs) {
        self.held().extend(costs);
    }

    /// What was collected so far; it begins anew.
    pub fn take(&self) -> Costs {
        std::mem::take(&mut *self.held())
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Costs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

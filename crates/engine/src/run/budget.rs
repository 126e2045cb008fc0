//! Budgets: what a run and its steps have spent, what their open calls may still cost, and whether one more fits.
//!
//! Each budget has a *pool*: one of the run, and one of each open step that has one. A call is charged to all pools around it.
//! While it goes on, the most that it may cost is set aside; when it has ended, what it did cost is spent. What nobody knows
//! counts with the most: a call whose answer was not heard, a batch until its results are read, another run that was cut off.

use std::collections::{BTreeMap, BTreeSet};

use super::io::{Half, IllegalInput, Output};
use super::machine::Run;
use super::node::{Layer, NodeId};
use super::{AttemptNo, Done, Failure, Prepared, StepStatus};
use crate::journal::{AttemptPrepared, BudgetRaised, Event, Outcome, Resolution};
use crate::money::{Amount, Budget, Costs, WhenSpent};
use crate::workflow::Workflow;

/// Code of a call that waits for more money.
pub const BUDGET_HELD: &str = "budget.held";
/// Code of a call that would pass a budget.
pub(super) const SPENT: &str = "budget.spent";
/// Code of a call of which nobody knows what it costs.
pub(super) const NO_PRICE: &str = "budget.no_price";

/// What stands against a budget.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pool {
    spent: Amount,
    /// The most that open calls may cost.
    aside: Amount,
    /// What a person gave beside.
    raised: Amount,
}

/// What a run knows of money.
#[derive(Default)]
pub(super) struct Money {
    own: Pool,
    /// What was made and whose cost is known once its results are read: what counts until then, and against which pools.
    owed: BTreeMap<String, (Amount, Vec<PoolOf>)>,
    /// Prepared calls that wait until others have ended.
    parked: Vec<(NodeId, AttemptNo, Prepared)>,
    /// Something that was set aside is free again.
    freed: bool,
}

/// The run's pool, or that of a step.
type PoolOf = Option<NodeId>;

enum Verdict {
    Goes,
    /// It fits once others have ended.
    Waits,
    Refused(Failure),
}

impl Run {
    /// Whether a node must know what its call costs before it makes it.
    pub(super) fn is_budgeted(&self, id: NodeId) -> bool {
        let mut pools = self.pools(id).into_iter();
        pools.any(|pool| self.budget_of(pool).is_some())
    }

    /// Sends what was prepared, if that fits the budgets around it.
    pub(super) fn send_within_budget(
        &mut self,
        id: NodeId,
        attempt: AttemptNo,
        prepared: Prepared,
    ) {
        match self.verdict(id, &prepared.bound) {
            Verdict::Goes => {
                self.record(
                    id,
                    AttemptPrepared {
                        step: self.name(id),
                        attempt: attempt.get(),
                        prepared: prepared.clone(),
                    },
                );
                let spec = self.spec(id, attempt, Half::Send(prepared));
                self.out.push_back(Output::Send(spec));
            }
            Verdict::Waits => self.money.parked.push((id, attempt, prepared)),
            Verdict::Refused(failure) => {
                self.attempt_ended(id, attempt, Err(failure), None, Costs::default());
            }
        }
    }

    /// Tries what waited for others to end; whether there was anything to try.
    pub(super) fn unpark(&mut self) -> bool {
        if !std::mem::take(&mut self.money.freed) || self.money.parked.is_empty() {
            return false;
        }
        for (id, attempt, prepared) in std::mem::take(&mut self.money.parked) {
            if self.is_preparing(id, attempt) {
                self.send_within_budget(id, attempt, prepared);
            }
        }
        true
    }

    /// What a run that this node starts may spend: all that is left. None if nothing bounds it, or nothing in it costs.
    pub(super) fn allotment(&self, id: NodeId, child: &Workflow) -> Option<Budget> {
        if !child.is_priced() {
            return None;
        }
        let pools = self.pools(id).into_iter();
        let left = pools.filter_map(|of| {
            let (budget, pool) = (self.budget_of(of)?, self.pool(of));
            Some(budget.after(pool.spent.plus(pool.aside)))
        });
        left.reduce(Budget::with)
    }

    /// What the run has spent.
    pub(super) fn spent(&self) -> Amount {
        self.money.own.spent
    }

    /// A person gives more: to every budget of the run, and what waits for it goes on.
    pub(super) fn raise_budget(&mut self, by: Amount) -> Result<(), IllegalInput> {
        let pools = self.steps_with_budget().into_iter().map(Some);
        let mut pools = pools.chain([None]);
        if !pools.any(|pool| self.budget_of(pool).is_some()) {
            return Err(IllegalInput("nothing in the run has a budget".to_owned()));
        }
        self.record_of_run(BudgetRaised { by });
        let held = self
            .interrupted()
            .filter(|(_, _, failure)| failure.is_some_and(|failure| failure.code == BUDGET_HELD));
        let held: Vec<NodeId> = held.map(|(id, ..)| id).collect();
        for id in held {
            self.resolve(id, Resolution::Retry)?;
        }
        self.money.freed = true;
        Ok(())
    }

    pub(super) fn budget_raised(&mut self, by: Amount) {
        let pools = self.steps_with_budget().into_iter().map(Some);
        for pool in pools.chain([None]) {
            let pool = self.pool_mut(pool);
            pool.raised = pool.raised.plus(by);
        }
    }

    /// Steps that are not over and have a budget of their own.
    fn steps_with_budget(&self) -> Vec<NodeId> {
        let nodes = self.nodes.keys();
        let open = nodes.filter(|id| {
            let over = matches!(self.nodes[*id].status, StepStatus::Ended(_));
            !over && self.has_budget(*id)
        });
        open.collect()
    }

    fn has_budget(&self, id: NodeId) -> bool {
        let node = &self.nodes[id];
        let is_step = matches!(node.layer, Layer::Step | Layer::Undo);
        is_step && self.workflow.steps[node.step].budget.is_some()
    }

    /// Keeps account of what an event says about money.
    pub(super) fn account(&mut self, id: NodeId, event: &Event) {
        match event {
            Event::AttemptPrepared(prepared) => {
                let bound = Amount::from(&prepared.prepared.bound.total());
                self.set_aside(id, bound);
            }
            Event::AttemptEnded(ended) => {
                let aside = self.free(id);
                let unknown = match &ended.outcome {
                    Outcome::Succeeded(_) | Outcome::Lost => true,
                    Outcome::Failed(failure) => failure.done != Done::NotDone,
                };
                if !ended.costs.is_empty() {
                    self.charge(id, &ended.costs);
                } else if let Some(bound) = aside.filter(|_| unknown) {
                    self.spend(&self.pools(id), bound);
                    if let Some(made) = &ended.made {
                        let owed = (bound, self.pools(id));
                        self.money.owed.insert(made.id.clone(), owed);
                    }
                }
            }
            Event::AttemptAdopted(adopted) => self.owe(id, &adopted.made.id),
            Event::InterruptionResolved(resolved) => {
                if let Some(made) = &resolved.made {
                    self.owe(id, &made.id);
                }
            }
            Event::RangeEnded(ended) => self.charge(id, &ended.costs),
            Event::ChildStarted(started) => {
                self.nodes[id].allotted = started.budget;
                if let Some(budget) = started.budget {
                    self.set_aside(id, budget.whole());
                }
            }
            Event::ChildSpent(child) => {
                self.free(id);
                self.spend(&self.pools(id), child.spent);
            }
            _ => {}
        }
        // What was cut off counts with the most that it may have cost.
        if let StepStatus::Ended(_) = self.nodes[id].status
            && let Some(aside) = self.free(id)
        {
            self.spend(&self.pools(id), aside);
        }
    }

    /// What was made though its answer was not heard: since then its bound counts.
    fn owe(&mut self, id: NodeId, made: &str) {
        let prepared = self.nodes[id].prepared.as_ref();
        let bound = prepared.map(|prepared| Amount::from(&prepared.bound.total()));
        let owed = (bound.unwrap_or_default(), self.pools(id));
        self.money.owed.insert(made.to_owned(), owed);
    }

    fn set_aside(&mut self, id: NodeId, amount: Amount) {
        if amount.is_nothing() {
            return;
        }
        for pool in self.pools(id) {
            let pool = self.pool_mut(pool);
            pool.aside = pool.aside.plus(amount);
        }
        self.nodes[id].aside = Some(amount);
    }

    fn free(&mut self, id: NodeId) -> Option<Amount> {
        let amount = self.nodes[id].aside.take()?;
        for pool in self.pools(id) {
            let pool = self.pool_mut(pool);
            pool.aside = pool.aside.minus(amount);
        }
        self.money.freed = true;
        Some(amount)
    }

    fn spend(&mut self, pools: &[PoolOf], amount: Amount) {
        for pool in pools {
            let pool = self.pool_mut(*pool);
            pool.spent = pool.spent.plus(amount);
        }
    }

    /// Calls cost so much. Results of what was made here settle what counted for it; those that are read again, or of what
    /// others made, cost nothing.
    fn charge(&mut self, id: NodeId, costs: &Costs) {
        let own = costs.lines().iter().filter(|line| line.of.is_none());
        let own = own.fold(Amount::default(), |sum, line| sum.plus(line.amount()));
        self.spend(&self.pools(id), own);
        let made: BTreeSet<&str> = costs
            .lines()
            .iter()
            .filter_map(|line| line.of.as_deref())
            .collect();
        for made in made {
            let Some((bound, pools)) = self.money.owed.remove(made) else {
                continue;
            };
            let lines = costs.lines().iter();
            let lines = lines.filter(|line| line.of.as_deref() == Some(made));
            let paid = lines.fold(Amount::default(), |sum, line| sum.plus(line.amount()));
            let alive = |pool: &PoolOf| pool.is_none_or(|id| self.nodes.contains_key(id));
            let pools: Vec<PoolOf> = pools.into_iter().filter(alive).collect();
            for pool in pools {
                let pool = self.pool_mut(pool);
                pool.spent = pool.spent.minus(bound).plus(paid);
            }
            self.money.freed = true;
        }
    }

    fn verdict(&self, id: NodeId, bound: &Costs) -> Verdict {
        let total = bound.total();
        let wanted = Amount::from(&total);
        let mut waits = false;
        for of in self.pools(id) {
            let Some(budget) = self.budget_of(of) else {
                continue;
            };
            if budget.nano_usd.is_some() && total.unpriced > 0 {
                return Verdict::Refused(no_price(bound));
            }
            let pool = self.pool(of);
            if !budget.covers(pool.spent.plus(wanted)) {
                return Verdict::Refused(self.refusal(of, budget, pool, wanted));
            }
            waits |= !budget.covers(pool.spent.plus(pool.aside).plus(wanted));
        }
        if waits { Verdict::Waits } else { Verdict::Goes }
    }

    fn refusal(&self, of: PoolOf, budget: Budget, pool: Pool, wanted: Amount) -> Failure {
        let whose = match of {
            None => "the run".to_owned(),
            Some(id) => format!("`{}`", self.nodes[id].path),
        };
        let message = format!(
            "the budget of {whose} is {}, {} spent; this call may cost {}",
            budget.words(budget.whole()),
            budget.words(pool.spent),
            budget.words(wanted),
        );
        let more = match budget.nano_usd {
            Some(_) => "usd=1",
            None => "tokens=10000",
        };
        let run = &self.started.run;
        match budget.when_spent {
            WhenSpent::Hold => Failure::permanent(BUDGET_HELD, message).help(format!(
                "`flow resume {run} --budget {more}` gives that much more; `--skip STEP` goes on without it"
            )),
            WhenSpent::Fail => Failure::permanent(SPENT, message)
                .help("raise `budget:`, or ask for less: a smaller `max_tokens`, a shorter prompt"),
        }
    }

    /// The pools that a node's calls are charged to, from the inside out.
    fn pools(&self, id: NodeId) -> Vec<PoolOf> {
        let mut pools = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at {
            if self.has_budget(id) {
                pools.push(Some(id));
            }
            let node = &self.nodes[id];
            at = node.parent.or(self.frames[node.frame].owner);
        }
        pools.push(None);
        pools
    }

    fn budget_of(&self, pool: PoolOf) -> Option<Budget> {
        let written = if let Some(id) = pool {
            self.workflow.steps[self.nodes[id].step].budget
        } else {
            let both = self.workflow.budget.into_iter().chain(self.started.budget);
            both.reduce(Budget::with)
        };
        Some(written?.raised(self.pool(pool).raised))
    }

    fn pool(&self, of: PoolOf) -> Pool {
        match of {
            Some(id) => self.nodes[id].pool.unwrap_or_default(),
            None => self.money.own,
        }
    }

    fn pool_mut(&mut self, of: PoolOf) -> &mut Pool {
        match of {
            Some(id) => self.nodes[id].pool.get_or_insert_default(),
            None => &mut self.money.own,
        }
    }
}

fn no_price(bound: &Costs) -> Failure {
    let unknown = bound.lines().iter().find(|line| line.unpriced > 0);
    let model = unknown.map_or("", |line| line.model.as_str());
    let message = format!("nobody knows what `{model}` costs, so no budget in dollars can hold it");
    Failure::permanent(NO_PRICE, message).help(format!(
        "give its price in flow.toml, `[prices.CONNECTOR.{model}]`, or bound `tokens` alone"
    ))
}

//! Budgets in the virtual world: whenever the process dies, no more is spent than a run may spend.

use std::sync::Arc;

use flow_backend::context::StepContext;
use flow_backend::step::{Call, StepRunner};
use flow_backend::virtual_world::script::Script;
use flow_backend::virtual_world::{Journal, World};
use flow_engine::journal::{Event, Outcome};
use flow_engine::money::{Costs, Prices, Tokens, Usage, WHOLE};
use flow_engine::run::{Failure, Prepared};
use flow_engine::value::{Hash, Value};
use flow_engine::workflow::{Does, Workflow};
use futures_util::future::BoxFuture;

use crate::support::{drive, runtime, workflow};

/// The most that a call may cost, and what it does cost.
const MOST: u64 = 10;
const PAID: u64 = 7;
const BUDGET: u64 = 45;

const TEXT: &str = "
budget: { tokens: 45, when_spent: fail }
steps:
  each: { for_each: range(8), max_parallel: 3, tolerate: 8, action: svc.note }
  said: { value: \"{{ steps.each.succeeded.count }}\" }
outputs: { said: \"{{ steps.said }}\" }
";

/// A service whose calls have a price.
struct Priced;

fn tokens(output: u64) -> Costs {
    let tokens = Tokens {
        output,
        ..Tokens::default()
    };
    let mut costs = Costs::default();
    costs.add(&Usage::of_call(&Prices::default(), "m", tokens, WHOLE));
    costs
}

impl StepRunner for Priced {
    fn prepare<'a>(
        &'a self,
        call: &'a Call,
        _: &'a StepContext,
    ) -> BoxFuture<'a, Result<Prepared, Failure>> {
        Box::pin(async move {
            Ok(Prepared {
                request: Value::Null,
                hash: Hash::of(b""),
                count: None,
                bound: tokens(MOST),
                key: call.key.to_string(),
            })
        })
    }

    fn send<'a>(
        &'a self,
        _: &'a Call,
        _: &'a Prepared,
        context: &'a StepContext,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        context.meter.add(&tokens(PAID));
        Box::pin(async { Ok(Value::from(1_u64)) })
    }
}

fn priced(text: &str) -> Arc<Workflow> {
    let mut workflow = Arc::unwrap_or_clone(workflow(text));
    for step in &mut workflow.steps {
        if let Does::Call(call) = &mut step.does {
            call.priced = true;
        }
    }
    Arc::new(workflow)
}

fn world() -> World {
    World::new(Script::default(), Arc::new(Priced))
}

/// What the journal says was spent, what nobody heard of with the most that it may have cost; and what the run says.
fn spent(journal: &Journal) -> (u64, u64) {
    let mut open = std::collections::BTreeSet::new();
    let (mut sum, mut told) = (0, 0);
    for (_, event) in journal {
        match event {
            Event::AttemptPrepared(prepared) => {
                open.insert((prepared.step.clone(), prepared.attempt));
            }
            Event::AttemptEnded(ended) => {
                let sent = open.remove(&(ended.step.clone(), ended.attempt));
                let heard = ended.costs.total().tokens.all();
                let lost = matches!(ended.outcome, Outcome::Lost);
                sum += if lost && sent { MOST } else { heard };
            }
            Event::RunEnded(ended) => told = ended.spent.tokens,
            _ => {}
        }
    }
    (sum, told)
}

#[test]
fn as_many_calls_are_made_as_fit() {
    let (journal, _) = drive(&priced(TEXT), &mut world());
    // Before the sixth 35 tokens are spent, and 10 more fit.
    assert_eq!(spent(&journal), (6 * PAID, 6 * PAID));
    let outputs = journal.iter().find_map(|(_, event)| match event {
        Event::RunEnded(ended) => Some(ended.outputs.clone()),
        _ => None,
    });
    assert_eq!(outputs, Some(Value::map([("said", Value::from(6_u64))])));
}

#[test]
fn a_run_that_dies_anywhere_spends_no_more() {
    let workflow = priced(TEXT);
    let (journal, _) = drive(&workflow, &mut world());
    for cut in 1..journal.len() {
        let prefix = journal[..cut].to_vec();
        let (resumed, _) = runtime()
            .block_on(world().resume(workflow.clone(), prefix))
            .expect("a prefix of a journal is a journal");
        let (sum, told) = spent(&resumed);
        assert_eq!(sum, told, "cut after {cut}");
        assert!(sum <= BUDGET, "cut after {cut}: {sum}");
        // What was lost counts with the most: never is more than one call less made for each that was.
        assert!(sum + MOST > BUDGET, "cut after {cut}: {sum}");
    }
}

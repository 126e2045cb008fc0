//! A workflow in which nothing happens that is not known: for a run that only shows what would happen.

use flow_engine::run::retry::RetryPolicy;
use flow_engine::value::Value;
use flow_engine::workflow::{Does, OnError, Tolerate, Tree, Workflow};

use super::open::{Mark, Marked};

/// The same workflow: every call that is reached fails and nothing makes up for it, steps that use an answer do nothing, and
/// nobody waits for anybody.
pub(super) fn inert(workflow: &Workflow, marked: &Marked) -> Workflow {
    let mut inert = workflow.clone();
    inert.concurrency = None;
    inert.budget = None;
    inert.finally = None;
    inert.outputs.clear();
    for (step, mark) in inert.steps.iter_mut().zip(&marked.steps) {
        step.concurrency = None;
        step.budget = None;
        step.asks = false;
        step.undo = None;
        step.timeout = None;
        step.on_error = OnError::Fail;
        step.retry = RetryPolicy::of(1);
        if let Some(each) = &mut step.each {
            each.tolerate = Tolerate::Share(1.0);
            each.item_timeout = None;
        }
        match &mut step.does {
            Does::Group(group) => group.finally = None,
            Does::Child(child) => child.detach = false,
            _ => {}
        }
        if !matches!(mark, Mark::Known | Mark::Call) {
            step.does = Does::Value(Tree::of(Value::Null, step.span));
            step.each = None;
            step.repeat = None;
            step.condition = None;
            step.output = None;
        }
    }
    for (file, child) in &mut inert.children {
        if let Some(marked) = marked.children.get(file) {
            *child = std::sync::Arc::new(self::inert(child, marked));
        }
    }
    inert
}

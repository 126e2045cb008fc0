//! A delivery made by hand, for a trigger of a workflow.

use flow_engine::workflow::{Starts, Workflow};
use flow_local::clock::now;
use ulid::Ulid;

use super::hooks;
use super::sign::{Signed, sign};

/// A delivery, and the path at which it is taken.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) path: String,
    pub(crate) signed: Signed,
}

/// The triggers of a workflow that are delivered.
pub(crate) fn delivered(workflow: &Workflow) -> Vec<&str> {
    let triggers = workflow.triggers.values();
    triggers
        .filter(|trigger| matches!(trigger.starts, Starts::Delivery(_)))
        .map(|trigger| &*trigger.name)
        .collect()
}

/// Signs a body for a trigger with the secret that it names. Without an id it gets a new one.
///
/// # Errors
/// Why it cannot be signed: a code in brackets, and words.
pub(crate) fn delivery(
    workflow: &Workflow,
    trigger: &str,
    id: Option<&str>,
    body: Vec<u8>,
) -> Result<Delivery, String> {
    let Some(Starts::Delivery(delivery)) = workflow.triggers.get(trigger).map(|it| &it.starts)
    else {
        return Err("[webhook.trigger] nothing is delivered to it".to_owned());
    };
    let check = hooks::check(workflow, delivery)?;
    let new = format!("flow_{}", Ulid::generate().to_string().to_lowercase());
    let signed = sign(&check, id.unwrap_or(&new), body, now().0 / 1000)
        .map_err(|why| format!("[webhook.body] {why}"))?;
    Ok(Delivery {
        path: delivery.path.to_string(),
        signed,
    })
}

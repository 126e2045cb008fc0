//! Which names the expressions of a trigger may use: what happened is `trigger` in its inputs, `result` in `where`.

use super::super::Checker;
use super::super::names::{Names, Place, STEP_ROOTS};
use super::super::references::call_references;
use crate::expr::Reference;
use crate::source::Span;
use crate::workflow::trigger::{Starts, Trigger, Verify};
use crate::workflow::{Bare, Workflow};

type Found = (Reference, Span, Place<'static>);

impl Checker<'_> {
    pub(in super::super) fn trigger_references(
        &mut self,
        workflow: &Workflow,
        trigger: &Trigger,
        names: &mut Names,
    ) {
        let source = self.source.clone();
        let mut found: Vec<Found> = Vec::new();
        let inputs = Place::outside(&["trigger", "run"], "the inputs of a trigger");
        for tree in trigger.inputs.values() {
            tree.references(&source, &mut |reference, span| {
                found.push((reference.clone(), span, inputs));
            });
        }
        let mut bare = |bare: Option<&Bare>, place: Place<'static>| {
            if let Some(bare) = bare {
                bare.references(&source, &mut |reference, span| {
                    found.push((reference.clone(), span, place));
                });
            }
        };
        let condition = Place::outside(&["result"], "a trigger's `where`");
        bare(trigger.condition.as_ref(), condition);
        if let Starts::Items(items) = &trigger.starts {
            let item = Place::outside(&["item"], "a `poll`, where each item is `item`");
            bare(items.key.as_ref(), item);
            bare(items.cursor.as_ref().map(|cursor| &cursor.from), item);
        }
        if let Starts::Delivery(delivery) = &trigger.starts {
            bare(
                delivery.dedupe.as_ref(),
                Place::outside(&["trigger"], "`dedupe`"),
            );
            let place = Place {
                secrets: true,
                ..Place::outside(&["secrets"], "`verify`")
            };
            if let Verify::Scheme(_, tree) | Verify::Hmac(tree) | Verify::Token(tree) =
                &delivery.verify
            {
                tree.references(&source, &mut |reference, span| {
                    found.push((reference.clone(), span, place));
                });
            }
        }
        // That a trigger's own keys read its event says nothing of the steps; and what verifies a sender is not needed
        // by the run that the sender starts.
        let mut apart = Names::default();
        for (reference, span, place) in found.drain(..) {
            self.name(workflow, &reference, span, place, None, &mut apart);
        }
        let call = match &trigger.starts {
            Starts::Poll(watch) => Some(&watch.call),
            Starts::Items(items) => Some(&items.call),
            Starts::Delivery(delivery) => delivery.event.as_ref(),
            _ => None,
        };
        let Some(call) = call else { return };
        let parameters = Place::outside(STEP_ROOTS, "a step");
        call_references(self.catalog, call, &source, parameters, &mut found);
        for (_, _, place) in &mut found {
            place.roots = &["inputs", "secrets"];
            place.what = "the parameters of a trigger";
        }
        for (reference, span, place) in found {
            self.name(workflow, &reference, span, place, None, names);
        }
    }
}

//! What the expressions of a trigger give, and whether its inputs fit.

use std::sync::Arc;

use super::super::Checker;
use super::super::types::{Types, run_type};
use crate::finding::Finding;
use crate::types::Type;
use crate::workflow::trigger::{Starts, Trigger};
use crate::workflow::{Bare, Workflow};

impl Checker<'_> {
    pub(in super::super) fn trigger_types(
        &mut self,
        workflow: &Workflow,
        trigger: &Trigger,
        roots: &[(&'static str, Type)],
    ) {
        let source = self.source.clone();
        let mut own = roots.to_vec();
        for (root, ty) in &mut own {
            match *root {
                "trigger" => *ty = trigger.payload.clone(),
                "run" => *ty = run_type(Type::string(), false),
                _ => {}
            }
        }
        let types = Types {
            roots: &own,
            locals: Vec::new(),
        };
        for (name, tree) in &trigger.inputs {
            let ty = tree.infer(&types, &source, &mut self.findings);
            let wanted = workflow.inputs.get(name).map(|input| input.kind.ty());
            self.fits(&wanted.unwrap_or_default(), &ty, tree, name);
        }
        if let Some(condition) = &trigger.condition {
            let types = types.with([(Arc::from("result"), trigger.payload.clone())]);
            self.boolean_type(condition, &types, "`where`");
        }
        match &trigger.starts {
            Starts::Poll(watch) => {
                self.call_types(&watch.call, &types);
            }
            Starts::Items(items) => {
                self.call_types(&items.call, &types);
                let item = match (&trigger.payload, items.batch) {
                    (Type::List(item), Some(_)) => (**item).clone(),
                    (payload, _) => payload.clone(),
                };
                let types = types.with([(Arc::from("item"), item)]);
                if let Some(key) = &items.key {
                    self.key_type(key, &types, "`key`");
                }
                if let Some(cursor) = &items.cursor {
                    self.key_type(&cursor.from, &types, "`from`");
                }
            }
            Starts::Delivery(delivery) => {
                if let Some(event) = &delivery.event {
                    self.call_types(event, &types);
                }
                if let Some(dedupe) = &delivery.dedupe {
                    self.key_type(dedupe, &types, "`dedupe`");
                }
            }
            _ => {}
        }
    }

    /// What tells things apart is a text or a whole number.
    fn key_type(&mut self, bare: &Bare, types: &Types<'_>, what: &str) {
        let source = self.source.clone();
        let ty = bare.infer(types, &source, &mut self.findings);
        let fits = Type::string().may_accept(&ty) || Type::Integer.may_accept(&ty);
        if !fits {
            let message = format!("{what} must be text or a whole number, and this gives {ty}");
            let finding = Finding::error("check.type", bare.span, message);
            self.findings
                .push(finding.help("name a member that is different for each, such as `item.id`"));
        }
    }
}

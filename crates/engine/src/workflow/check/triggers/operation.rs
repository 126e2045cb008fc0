//! `trigger:`: events of an operation, looked for or delivered.

use super::super::Checker;
use super::super::steps::Found;
use super::entry::{Keys, members};
use crate::catalog::{Look, OperationKind, OutputType, Signal};
use crate::document::Member;
use crate::finding::Finding;
use crate::types::Type;
use crate::workflow::CallShape;
use crate::workflow::trigger::{Delivery, Starts};
use crate::yaml::{Node, NodeKind};

impl Checker<'_> {
    pub(super) fn operation_trigger(
        &mut self,
        keys: Keys<'_>,
        word: &Member,
    ) -> Option<(Starts, Type)> {
        let every = keys.value("every").and_then(|node| self.interval(node));
        let node = &word.value;
        let found = self.find(node)?;
        self.kind_of_start(&found, node, OperationKind::Trigger);
        let call = self.call_of_start(keys, &found, node);
        if found.operation.kind != OperationKind::Trigger {
            return None;
        }
        if keys.member("verify").is_some() {
            // What is delivered has the fields that the service sends, not those that a look would give.
            let delivery = Delivery {
                path: format!("{}/{}", found.connector, found.name).into(),
                event: Some(call),
                ..self.delivery(keys, "")?
            };
            return Some((Starts::Delivery(Box::new(delivery)), Type::Unknown));
        }
        let payload = match &found.operation.output {
            OutputType::Fixed(ty) => ty.clone(),
            _ => Type::Unknown,
        };
        // What only runs of this store can tell is an event of theirs.
        if let Some(Look::Success(_)) = found.operation.look {
            let name = super::super::steps::event_of(&found.connector, &found.name);
            return Some((Starts::Event(name), payload));
        }
        let watch = self.watch(&found, call, every, None, node)?;
        let instead = match watch.look {
            Look::Time => "times start runs by `schedule:` or `every:`",
            Look::Signal(Signal::Callback) => "a delivery starts runs by `webhook:`",
            Look::Signal(Signal::Event) => "an event of another run starts runs by `event: NAME`",
            Look::Signal(Signal::Approval) => {
                "what a person says starts runs by `flow run`, or `event: NAME` and `flow emit NAME`"
            }
            _ => return Some((Starts::Poll(Box::new(watch)), payload)),
        };
        let message = format!(
            "`{}.{}` holds a run that goes on, and starts none",
            found.connection, found.name
        );
        self.findings
            .push(Finding::error("check.wrong_kind", node.span, message).help(instead));
        None
    }

    /// Under `on:` the word says which kind of operation may stand there.
    pub(super) fn kind_of_start(&mut self, found: &Found<'_>, node: &Node, wanted: OperationKind) {
        if found.operation.kind == wanted {
            return;
        }
        let name = format!("{}.{}", found.connection, found.name);
        let kind = found.operation.kind;
        let help = match kind {
            OperationKind::Action => {
                "an action starts nothing: it belongs to a step, `action: ...`".to_owned()
            }
            _ => format!(
                "write `{}: {name}`",
                if kind == OperationKind::Query {
                    "poll"
                } else {
                    "trigger"
                }
            ),
        };
        let wrong = super::super::steps::article(kind);
        let right = super::super::steps::article(wanted);
        let finding = Finding::error(
            "check.wrong_kind",
            node.span,
            format!("`{name}` is {wrong}, not {right}"),
        );
        self.findings.push(finding.help(help));
    }

    /// The operation with what `with:` gives it.
    pub(super) fn call_of_start(
        &mut self,
        keys: Keys<'_>,
        found: &Found<'_>,
        node: &Node,
    ) -> CallShape {
        let with = keys.value("with");
        if let Some(with) =
            with.filter(|with| !with.is_null() && !matches!(with.kind, NodeKind::Map(_)))
        {
            self.not_a_map(with, "`with`", "write one key a parameter");
        }
        let with = with.map(members).unwrap_or_default();
        CallShape {
            connection: found.connection.clone(),
            connector: found.connector.clone(),
            operation: found.name.clone(),
            arguments: self.arguments(found, &with, node.span),
            pages: None,
            with_response: false,
        }
    }
}

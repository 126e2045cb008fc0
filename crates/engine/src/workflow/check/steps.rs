//! `steps:`: what each step does, and the keys around it.

use std::sync::Arc;

use crate::collections::IndexMap;
use jiff::Timestamp;

use super::Checker;
use super::bodies::Standing;
use crate::catalog::{Catalog, Effect, Look, Operation, OperationKind};
use crate::document::keys::Verb;
use crate::document::{StepShape, is_identifier};
use crate::duration::Millis;
use crate::finding::Finding;
use crate::run::retry::RetryPolicy;
use crate::source::Span;
use crate::types::Type;
use crate::value::Value;
use crate::workflow::{
    After, Argument, Bare, CallShape, CallStep, Does, OnError, OnInterrupt, Step, Tree, Watch,
};
use crate::yaml::{Node, NodeKind, Style};

/// How often a hold looks if neither workflow nor catalog says.
pub(super) const EVERY_DEFAULT: Millis = Millis::seconds(60);

/// An operation that was found.
pub(super) struct Found<'a> {
    pub(super) connection: Arc<str>,
    pub(super) connector: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) operation: &'a Operation,
}

impl<'a> Checker<'a> {
    /// Steps keep their place even where something in them was reported, so that references to them are judged.
    pub(super) fn step(&mut self, shape: &StepShape, standing: Standing) -> Step {
        let does = shape.verb.as_ref().and_then(|(verb, node)| match verb {
            Verb::Value => Some(Does::Value(self.tree(node))),
            Verb::Run => Some(Does::Call(self.command(shape, node))),
            Verb::Trigger => self.hold(shape, node).map(Does::Hold),
            Verb::Action => self.call_step(shape, node, OperationKind::Action),
            Verb::Query => self.call_step(shape, node, OperationKind::Query),
            Verb::Workflow => self.child(shape, node).map(Does::Child),
            // What is in it is read once the group has its place.
            Verb::Steps => None,
        });
        let (effect, is_call) = match &does {
            Some(Does::Call(call)) => (call.effect, true),
            _ => (Effect::Read, false),
        };
        let is_command = matches!(shape.verb, Some((Verb::Run, _)));
        let tries = if is_command || !is_call { 1 } else { 5 };
        let (concurrency, budget) = self.costs(shape);
        let retry = shape.field("retry").cloned().or_else(|| {
            let default = self.defaults.retry.clone();
            default.filter(|_| is_call && !is_command)
        });
        let timeout = shape
            .field("timeout")
            .map(|node| self.duration_tree(node))
            .or_else(|| self.defaults.timeout.clone().filter(|_| is_call));
        Step {
            name: shape.name.text.clone(),
            span: shape.name.span,
            does: does.unwrap_or_else(|| Does::Value(Tree::hole(shape.span))),
            body: standing.body,
            place: standing.place,
            each: self.each(shape),
            repeat: self.repeat(shape),
            undo: None,
            undoes: None,
            sees: Vec::new(),
            concurrency,
            counted: false,
            budget,
            asks: false,
            condition: self.bare(shape.field("if")),
            always: false,
            output: shape.field("output").and_then(|node| self.output(node)),
            timeout,
            retry: self.retry(retry.as_ref(), effect, RetryPolicy::of(tries)),
            on_error: shape
                .field("on_error")
                .map(|node| self.on_error(node))
                .unwrap_or_default(),
            ty: Type::Unknown,
        }
    }

    fn on_error(&mut self, node: &Node) -> OnError {
        match &node.kind {
            NodeKind::Scalar(scalar) if &*scalar.text == "fail" => return OnError::Fail,
            NodeKind::Scalar(scalar) if &*scalar.text == "continue" => return OnError::Continue,
            NodeKind::Map(entries) => {
                if let [entry] = entries.as_slice()
                    && &*entry.key == "value"
                {
                    return OnError::Value(self.tree(&entry.value));
                }
            }
            NodeKind::Hole => return OnError::Fail,
            _ => {}
        }
        let finding = Finding::error(
            "schema.on_error",
            node.span,
            "`on_error` is `fail`, `continue` or `{ value: ... }`",
        );
        self.findings.push(finding.help(
            "`continue` lets the run succeed without the step, `{ value: ... }` gives it a value instead",
        ));
        OnError::Fail
    }

    /// Finds `connection.resource.operation` or `connection.operation`.
    pub(super) fn find(&mut self, node: &Node) -> Option<Found<'a>> {
        let written = self.text(Some(node))?;
        let (mut first, mut rest) = written.split_once('.').unwrap_or((&*written, ""));
        let default = self.defaults.connection.clone();
        let mut handle = self.connection(first, node.span);
        if let (None, Some(default)) = (&handle, &default) {
            (first, rest) = (default, &written);
            handle = self.connection(first, node.span);
        }
        let Some(handle) = handle else {
            let message = format!("there is no connection or connector `{first}`");
            let span = Span::new(
                node.span.start as usize,
                node.span.start as usize + first.len(),
            );
            let declared: Vec<_> = self.connections.keys().cloned().collect();
            let names = declared
                .iter()
                .map(AsRef::as_ref)
                .chain(self.catalog.connector_names());
            let finding = Finding::error("check.unknown_connection", span, message);
            let finding = finding.help_nearest(
                first,
                names,
                "declare it under `connections:`, or see `flow connectors`",
            );
            self.findings.push(finding);
            return None;
        };
        let catalog: &'a Catalog = self.catalog;
        let connector = catalog.connector(&handle)?;
        if let Some((name, operation)) = connector.operations.get_key_value(rest) {
            let (connection, connector) = (Arc::from(first), connector.name.clone());
            return Some(Found {
                connection,
                connector,
                name: name.clone(),
                operation,
            });
        }
        let message = match rest {
            "" => format!("`{written}` names a connector, not an operation"),
            rest => format!("`{first}` has no operation `{rest}`"),
        };
        if rest.is_empty() {
            let finding = Finding::error("check.unknown_operation", node.span, message);
            self.findings.push(finding.help(format!(
                "`flow connectors {first}` lists its operations: write `{first}.NAME`"
            )));
            return None;
        }
        let names: Vec<_> = connector
            .operations
            .keys()
            .map(|name| format!("{first}.{name}"))
            .collect();
        let near = names.iter().map(String::as_str);
        let finding = Finding::error("check.unknown_operation", node.span, message)
            .label("unknown operation");
        self.findings.push(finding.help_nearest(
            &written,
            near,
            format!("`flow connectors {first}` lists its operations"),
        ));
        None
    }

    fn call_step(&mut self, shape: &StepShape, node: &Node, wanted: OperationKind) -> Option<Does> {
        let found = self.find(node)?;
        let effect = self
            .effect(shape.field("effect"))
            .unwrap_or(found.operation.effect);
        self.kind(&found, node, wanted);
        let on_interrupt = shape
            .field("on_interrupt")
            .map(|node| self.on_interrupt(node))
            .unwrap_or_default();
        let call = self.call(shape, &found);
        self.served(found.operation, &found, node);
        if let Some(action) = found.operation.engine {
            return Some(Does::Engine(action, call));
        }
        if let Some(text) = &found.operation.compound {
            return self.compound(&found, text, call, node).map(Does::Child);
        }
        Some(Does::Call(CallStep {
            call,
            kind: wanted,
            effect,
            on_interrupt,
            adopt: found
                .operation
                .adopt
                .clone()
                .filter(|_| effect == Effect::Once),
            priced: found.operation.priced,
            announces: self.announces(&found),
        }))
    }

    /// The events that a success of an operation is: those of the triggers of its connector that wait for it.
    fn announces(&self, found: &Found<'_>) -> Vec<Arc<str>> {
        let Some(connector) = self.catalog.connector(&found.connector) else {
            return Vec::new();
        };
        let operations = connector.operations.iter();
        let waiting = operations.filter(
            |(_, operation)| matches!(&operation.look, Some(Look::Success(of)) if *of == found.name),
        );
        waiting
            .map(|(name, _)| event_of(&found.connector, name))
            .collect()
    }

    /// Some operations need more than one machine's `flow run`: that is said now, and keeps `flow run` from starting.
    pub(super) fn served(&mut self, operation: &Operation, found: &Found<'_>, node: &Node) {
        let Some(by) = &operation.served_by else {
            return;
        };
        let message = format!("`{}.{}` needs {by}", found.connection, found.name);
        let finding = Finding::warning("check.not_served", node.span, message).help(
            "it is checked, and `flow test` plays it; this version of flow does not serve it yet",
        );
        self.unserved.push(finding.clone());
        self.findings.push(finding);
    }

    pub(super) fn kind(&mut self, found: &Found<'_>, node: &Node, wanted: OperationKind) {
        let kind = found.operation.kind;
        if kind != wanted {
            let message = format!(
                "`{}.{}` is {}, not {}",
                found.connection,
                found.name,
                article(kind),
                article(wanted)
            );
            let finding = Finding::error("check.wrong_kind", node.span, message)
                .meant(wanted.as_str(), kind.as_str());
            self.findings.push(finding.help(format!(
                "write `{}: {}.{}`",
                kind.as_str(),
                found.connection,
                found.name
            )));
        }
    }

    fn call(&mut self, shape: &StepShape, found: &Found<'_>) -> CallShape {
        let arguments = self.arguments(found, &shape.with, shape.name.span);
        CallShape {
            connection: found.connection.clone(),
            connector: found.connector.clone(),
            operation: found.name.clone(),
            arguments,
            pages: self.count(shape.field("pages"), "`pages`"),
            with_response: self
                .boolean(shape.field("with_response"), "`with_response`")
                .unwrap_or(false),
        }
    }

    fn hold(&mut self, shape: &StepShape, node: &Node) -> Option<Watch> {
        let found = self.find(node)?;
        self.kind(&found, node, OperationKind::Trigger);
        let call = self.call(shape, &found);
        self.served(found.operation, &found, node);
        let every = shape.field("every").and_then(|node| self.interval(node));
        // In a loop, `where` picks items.
        let condition = shape
            .field("where")
            .filter(|_| shape.field("for_each").is_none());
        let condition = self.bare(condition);
        let after = shape.field("after").and_then(|node| self.after(node));
        let watch = self.watch(&found, call, every, condition, node)?;
        if watch.signal().is_some() && shape.field("timeout").is_none() {
            let message = format!(
                "`{}.{}` waits for somebody, and nothing says for how long",
                found.connection, found.name
            );
            let finding = Finding::error("check.timeout_required", node.span, message);
            self.findings.push(finding.help(
                "add `timeout:` to the step, such as `timeout: 3d`: waiting costs nothing, and outlives restarts",
            ));
        }
        Some(Watch {
            after: after.map(Box::new),
            ..watch
        })
    }

    /// The step since whose start events count, or a time.
    fn after(&mut self, node: &Node) -> Option<After> {
        let text = node.as_scalar().filter(|_| !node.is_null())?.text.clone();
        if is_identifier(&text) {
            return Some(After::Step(text, node.span));
        }
        let tree = self.tree(node);
        if let Some(time) = tree.constant()
            && time
                .as_str()
                .and_then(|text| text.parse::<Timestamp>().ok())
                .is_none()
        {
            let message = format!("`{text}` is neither the id of a step nor a time");
            let finding = Finding::error("schema.after", node.span, message);
            self.findings.push(finding.help(
                "write the id of a step, since whose start events count, or a time, such as `\"{{ steps.create.created_at }}\"`",
            ));
            return None;
        }
        Some(After::Time(tree))
    }

    pub(super) fn watch(
        &mut self,
        found: &Found<'_>,
        call: CallShape,
        every: Option<Millis>,
        condition: Option<Bare>,
        node: &Node,
    ) -> Option<Watch> {
        if found.operation.kind != OperationKind::Trigger {
            return None;
        }
        let Some(look) = &found.operation.look else {
            let message = format!(
                "`{}.{}` cannot be looked for: nothing at the service shows it",
                found.connection, found.name
            );
            let finding = Finding::error("check.not_served", node.span, message);
            self.findings.push(
                finding.help(
                    "the service delivers it: under `on:`, with `verify:` beside the trigger",
                ),
            );
            return None;
        };
        // A level names one object, an edge watches a collection: what is given decides.
        let look = match look {
            Look::Either { object, level, .. } if call.arguments.contains_key(object) => {
                Look::Level(level.clone())
            }
            Look::Either { edge, .. } => Look::Edge(edge.clone()),
            other => other.clone(),
        };
        let default = match &look {
            Look::Level(level) => level.every,
            Look::Edge(edge) => edge.every,
            _ => EVERY_DEFAULT,
        };
        Some(Watch {
            call,
            look,
            every: every.unwrap_or(default),
            condition,
            after: None,
        })
    }

    /// `run:` is a call of the local connector `shell`.
    fn command(&mut self, shape: &StepShape, node: &Node) -> CallStep {
        let mut arguments = IndexMap::default();
        match &node.kind {
            NodeKind::Scalar(scalar) if scalar.text.trim().is_empty() => self.no_command(node),
            NodeKind::Scalar(scalar) => {
                // A text that is taken as it stands is no template.
                let is_raw = node.tag.as_deref() == Some("raw");
                if !is_raw && (scalar.text.contains("{{") || scalar.text.contains("{%")) {
                    self.template_in_command(node, &scalar.text);
                }
                let text = Value::String(scalar.text.clone());
                arguments.insert(
                    Arc::from("script"),
                    Argument::Value(Tree::of(text, node.span)),
                );
            }
            NodeKind::List(items) if !items.is_empty() => {
                if let Some(first) = items.first().and_then(Node::as_scalar)
                    && first.text.contains("{{")
                {
                    self.template_as_program(&items[0], &first.text);
                }
                let words = Node {
                    kind: NodeKind::List(Arc::new(items.iter().map(as_text).collect())),
                    ..node.clone()
                };
                arguments.insert(Arc::from("program"), Argument::Value(self.tree(&words)));
            }
            NodeKind::Hole => {}
            NodeKind::List(_) => self.no_command(node),
            NodeKind::Map(_) => {
                let message =
                    "`run` is a command as text or a list of program and arguments, found a map";
                let finding = Finding::error("schema.type", node.span, message);
                self.findings
                    .push(finding.help("such as `run: make test`, or `run: [make, test]`"));
            }
        }
        for key in [
            "args", "env", "stdin", "cwd", "parse", "ok_codes", "files", "place",
        ] {
            if let Some(node) = shape.field(key) {
                arguments.insert(Arc::from(key), Argument::Value(self.tree(node)));
            } else if let Some(tree) = self.defaults.run.get(key) {
                arguments.insert(Arc::from(key), Argument::Value(tree.clone()));
            }
        }
        let call = CallShape {
            connection: "shell".into(),
            connector: "shell".into(),
            operation: "run".into(),
            arguments,
            pages: None,
            with_response: false,
        };
        let effect = self.effect(shape.field("effect")).unwrap_or(Effect::Once);
        let on_interrupt = shape
            .field("on_interrupt")
            .map(|node| self.on_interrupt(node))
            .unwrap_or_default();
        CallStep {
            call,
            kind: OperationKind::Action,
            effect,
            on_interrupt,
            adopt: None,
            priced: false,
            announces: Vec::new(),
        }
    }

    fn no_command(&mut self, node: &Node) {
        let finding = Finding::error("schema.type", node.span, "there is no command behind `run`");
        self.findings
            .push(finding.help("such as `run: make test`, or `run: [make, test]`"));
    }

    /// Which program starts is the author's word alone.
    fn template_as_program(&mut self, node: &Node, text: &str) {
        let span = node
            .place()
            .locate(self.source, text, Span::new(0, text.len()));
        let finding = Finding::error(
            "shell.tainted",
            span,
            "the program of a command cannot be a template: data would choose what runs",
        );
        self.findings.push(
            finding
                .help("write the program out; where it differs, make a step of each with an `if`"),
        );
    }

    fn template_in_command(&mut self, node: &Node, text: &str) {
        let at = text
            .find("{{")
            .or_else(|| text.find("{%"))
            .unwrap_or_default();
        let end = text[at..].find("}}").map_or(text.len(), |end| at + end + 2);
        let expression = text[at..end].trim_matches(['{', '}']).trim().to_owned();
        let span = node.place().locate(self.source, text, Span::new(at, end));
        let finding = Finding::error(
            "shell.tainted",
            span,
            "a template must not stand inside a command: data could become code",
        );
        if text[at..].starts_with("{%") {
            self.findings.push(finding.help(
                "choose before: compute the text in a step with `value:`, hand it over with `env: { VALUE: ... }`, and write \"$VALUE\" in the command",
            ));
            return;
        }
        let name = expression.rsplit(['.', ' ']).next().unwrap_or("value");
        let name: String = name
            .chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
            .collect();
        let name = if name.is_empty() {
            "VALUE".to_owned()
        } else {
            name.to_uppercase()
        };
        self.findings.push(finding.help(format!(
            "hand it over as data: write \"${name}\" in the command and `env: {{ {name}: \"{{{{ {expression} }}}}\" }}` beside it"
        )));
    }

    fn effect(&mut self, node: Option<&Node>) -> Option<Effect> {
        let node = node?;
        let text = self.text(Some(node))?;
        let effect = Effect::parse(&text);
        if effect.is_none() {
            let finding = Finding::error(
                "schema.effect",
                node.span,
                format!("`{text}` is not an effect"),
            );
            let words = Effect::ALL.map(Effect::as_str);
            self.findings.push(finding.help_nearest(
                &text,
                words,
                "the effects are `read`, `repeatable`, `keyed` and `once`",
            ));
        }
        effect
    }

    fn on_interrupt(&mut self, node: &Node) -> OnInterrupt {
        match self.text(Some(node)).as_deref() {
            Some("ask") | None => OnInterrupt::Ask,
            Some("fail") => OnInterrupt::Fail,
            Some("retry") => OnInterrupt::Retry,
            Some(other) => {
                let message = format!("`{other}` is not one of `ask`, `fail`, `retry`");
                let finding = Finding::error("schema.on_interrupt", node.span, message);
                self.findings.push(finding.help_nearest(
                    other,
                    ["ask", "fail", "retry"],
                    "`ask` waits for a person, `fail` fails the step, `retry` does it again",
                ));
                OnInterrupt::Ask
            }
        }
    }
}

/// Where text is expected the written text is kept: in `[sleep, 5]` the 5 is text.
fn as_text(item: &Node) -> Node {
    let mut item = item.clone();
    if let NodeKind::Scalar(scalar) = &mut item.kind
        && scalar.style == Style::Plain
        && !scalar.is_null()
        && !scalar.text.contains('{')
    {
        scalar.style = Style::SingleQuoted;
    }
    item
}

pub(super) fn article(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Trigger => "a trigger",
        OperationKind::Action => "an action",
        OperationKind::Query => "a query",
    }
}

/// The name of the event that a trigger of a connector waits for.
pub(super) fn event_of(connector: &str, trigger: &str) -> Arc<str> {
    format!("{connector}.{trigger}").into()
}

//! Data from outside, and where it may not go: the host of an address, the options of a program.
//!
//! A property of types: what comes from a call, a trigger or an input is untrusted, and so is what is computed of it,
//! unless its type has no room for anything but a number, a date, a word of a list.

use super::Checker;
use super::types::Types;
use crate::document::Document;
use crate::expr::{Expression, RefPart, Reference, Template};
use crate::finding::Finding;
use crate::source::Span;
use crate::types::Type;
use crate::workflow::input::InputKind;
use crate::workflow::trigger::Starts;
use crate::workflow::{Argument, CallShape, Computed, Does, Step, Tree, Workflow};

/// How long a chain of names is followed.
const DEPTH_MAX: usize = 32;

/// One `{{ ... }}` of a text: its bytes, braces included.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Emit {
    start: usize,
    end: usize,
}

impl Checker<'_> {
    /// What untrusted data may not decide in a call.
    pub(super) fn taint(
        &mut self,
        workflow: &Workflow,
        step: &Step,
        call: &CallShape,
        types: &Types<'_>,
    ) {
        let connector = self.catalog.connector(&call.connector);
        let operation = connector.and_then(|known| known.operations.get(&call.operation));
        for (name, argument) in &call.arguments {
            let Argument::Value(tree) = argument else {
                continue;
            };
            let parameter = operation.and_then(|operation| operation.parameters.get(name));
            if connector.is_some_and(|connector| connector.local)
                && let Some(Type::String(text)) = parameter.map(|parameter| &parameter.ty)
                && text.format.as_deref() == Some("uri")
            {
                self.address(workflow, step, tree, types);
            }
        }
        if &*call.connector == "shell"
            && let Some(Argument::Value(program)) = call.arguments.get("program")
        {
            let more = match call.arguments.get("args") {
                Some(Argument::Value(tree)) => tree.items().unwrap_or_default(),
                _ => &[],
            };
            let words = program.items().unwrap_or_default().iter().skip(1);
            let words: Vec<&Tree> = words.chain(more).collect();
            self.options(workflow, step, &words, types);
        }
    }

    /// Scheme, host and port are the author's, or one of a list that the author wrote.
    fn address(&mut self, workflow: &Workflow, step: &Step, tree: &Tree, types: &Types<'_>) {
        let Some((template, place)) = tree.template() else {
            return;
        };
        let text = template.text();
        let end = authority(text);
        for emit in emits(text).into_iter().filter(|emit| emit.start < end) {
            let span = place.locate(self.source, text, Span::new(emit.start, emit.end));
            self.open_hosts.push(span);
            let Some((whence, at)) = self.untrusted(workflow, step, template, emit, types) else {
                continue;
            };
            let inner = text[emit.start + 2..emit.end - 2].trim();
            let message =
                format!("where this request goes is decided by data from outside: {whence}");
            let mut finding =
                Finding::error("check.tainted", span, message).label("this is in the host part");
            if let Some(at) = at {
                finding = finding.related(at, "it comes from here");
            }
            self.findings.push(finding.help(match inner.strip_prefix("inputs.") {
                Some(input) => format!(
                    "write the host out, as in `url: \"https://api.example.com/{{{{ {inner} | urlencode }}}}\"`, or allow what you mean: `{input}: {{ type: string, enum: [...] }}`"
                ),
                None => format!(
                    "write the host out and let data be a part of the path: `url: \"https://api.example.com/{{{{ {inner} | urlencode }}}}\"`"
                ),
            }));
        }
    }

    /// An argument that begins with data could be an option, unless `--` stands before it.
    fn options(&mut self, workflow: &Workflow, step: &Step, words: &[&Tree], types: &Types<'_>) {
        let literal = |tree: &Tree| {
            let text = tree.constant().and_then(|value| value.as_str());
            text.map(str::to_owned)
        };
        for (at, word) in words.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|before| literal(words[before]));
            if before.as_deref() == Some("--") {
                return;
            }
            // After `-o` or `--output` stands its value.
            if before.is_some_and(|before| before.starts_with('-') && before.len() > 1) {
                continue;
            }
            let Some((template, place)) = word.template() else {
                continue;
            };
            let text = template.text();
            let Some(emit) = emits(text).into_iter().find(|emit| emit.start == 0) else {
                continue;
            };
            let Some((whence, source)) = self.untrusted(workflow, step, template, emit, types)
            else {
                continue;
            };
            let span = place.locate(self.source, text, Span::new(0, text.len()));
            let message = format!(
                "this argument could be an option of the program: it begins with data from outside, {whence}"
            );
            let mut finding = Finding::warning("check.leading_dash", span, message);
            if let Some(source) = source {
                finding = finding.related(source, "it comes from here");
            }
            self.findings.push(finding.help(format!(
                "put `--` before it, as in `run: [program, --, \"{text}\"]`: what follows is never an option"
            )));
            return;
        }
    }

    /// Whether one `{{ ... }}` of a text brings untrusted text with it, and from where.
    fn untrusted(
        &self,
        workflow: &Workflow,
        step: &Step,
        template: &Template,
        emit: Emit,
        types: &Types<'_>,
    ) -> Option<(String, Option<Span>)> {
        let inner = &template.text()[emit.start..emit.end];
        let expression = Expression::parse(inner).ok()?;
        if expression.infer(types).ty.is_closed() {
            return None;
        }
        let source = Source {
            workflow,
            checker: self,
            types: Some(types),
        };
        expression
            .references()
            .iter()
            .find_map(|reference| source.of(reference, Some(step), 0))
    }

    /// Secrets, text from outside and an open host in one workflow: one sentence in the text may carry the secret away.
    pub(super) fn exfiltration(&mut self, workflow: &Workflow, document: &Document) {
        let accepted = document.fields.contains_key("risk");
        let refused = self
            .findings
            .iter()
            .any(|finding| finding.code == "check.tainted");
        let (Some(host), Some(secret), false) = (
            self.open_hosts.first().copied(),
            workflow.secrets.first(),
            accepted || refused,
        ) else {
            return;
        };
        let trigger = workflow
            .triggers
            .values()
            .find(|trigger| !matches!(trigger.starts, Starts::Schedule(_) | Starts::Every(..)));
        let reads = |step: &&Step| {
            let calls = matches!(step.does, Does::Call(_) | Does::Hold(_));
            calls && !step.ty.is_closed()
        };
        let Some(outside) = trigger
            .map(|trigger| trigger.span)
            .or_else(|| workflow.steps.iter().find(reads).map(|step| step.span))
        else {
            return;
        };
        let message = "this workflow holds a secret, reads text from outside, and sends to a host that is not fixed";
        let mut finding = Finding::warning("check.exfiltration", host, message)
            .label("the host is not written out")
            .related(outside, "text from outside");
        if secret.span != outside {
            finding = finding.related(secret.span, format!("the secret `{}`", secret.name));
        }
        self.findings.push(finding.help(
            "write the host out, or keep the three in different workflows; once weighed, `risk: accepted` on the workflow says so",
        ));
    }
}

/// Looks up where a value comes from.
struct Source<'a> {
    workflow: &'a Workflow,
    checker: &'a Checker<'a>,
    types: Option<&'a Types<'a>>,
}

/// In words, and the place.
type Whence = (String, Option<Span>);

impl Source<'_> {
    fn of(&self, reference: &Reference, step: Option<&Step>, depth: usize) -> Option<Whence> {
        if depth > DEPTH_MAX {
            return None;
        }
        let name = match reference.path.first() {
            Some(RefPart::Key(name)) => &**name,
            _ => "",
        };
        match &*reference.root {
            "inputs" => self.of_input(name, &reference.path),
            "trigger" => {
                let mut payloads = self.workflow.triggers.values().map(|one| &one.payload);
                let closed = payloads.len() > 0
                    && payloads.all(|payload| at_path(payload, &reference.path).is_closed());
                (!closed).then(|| ("the event".to_owned(), None))
            }
            "vars" => {
                let tree = self.workflow.vars.get(name)?;
                self.of_tree(tree, None, depth)
            }
            "steps" => {
                let found = &self.workflow.steps[self.workflow.step_index(name)?];
                self.of_step(found, reference.path.get(1..).unwrap_or_default(), depth)
            }
            "run" => matches!(name, "trigger" | "error").then(|| (format!("`run.{name}`"), None)),
            "secrets" | "index" => None,
            local => self.of_local(local, reference, step?, depth),
        }
    }

    fn of_input(&self, name: &str, path: &[RefPart]) -> Option<Whence> {
        let input = self.workflow.inputs.get(name)?;
        let closed = input.pattern.is_some()
            || !input.one_of.is_empty()
            || matches!(
                input.kind,
                InputKind::Date | InputKind::Datetime | InputKind::Duration
            )
            || at_path(&input.kind.ty(), path.get(1..).unwrap_or_default()).is_closed();
        (!closed).then(|| (format!("the input `{name}`"), Some(input.span)))
    }

    fn of_step(&self, step: &Step, path: &[RefPart], depth: usize) -> Option<Whence> {
        if at_path(&step.ty, path).is_closed() {
            return None;
        }
        let here = || Some((format!("step `{}`", step.name), Some(step.span)));
        match &step.does {
            Does::Call(_) | Does::Hold(_) | Does::Child(_) => here(),
            Does::Value(tree) => self.of_tree(tree, Some(step), depth),
            Does::Engine(..) => None,
            Does::Group(group) => {
                let mut steps = self.workflow.bodies[group.body].steps.iter();
                steps.find_map(|at| self.of_step(&self.workflow.steps[*at], &[], depth + 1))
            }
        }
    }

    fn of_tree(&self, tree: &Tree, step: Option<&Step>, depth: usize) -> Option<Whence> {
        let mut found = None;
        tree.references(self.checker.source, &mut |reference, _| {
            if found.is_none() {
                found = self.of(reference, step, depth + 1);
            }
        });
        found
    }

    /// A name of a loop or round around a step.
    fn of_local(
        &self,
        name: &str,
        reference: &Reference,
        step: &Step,
        depth: usize,
    ) -> Option<Whence> {
        let ty = self.types.and_then(|types| {
            let local = types.locals.iter().find(|(local, _)| &**local == name);
            local.map(|(_, ty)| at_path(ty, &reference.path))
        });
        if ty.is_some_and(|ty| ty.is_closed()) {
            return None;
        }
        let mut around = Some(step);
        while let Some(step) = around {
            if let Some(each) = &step.each
                && [&each.names.item, &each.names.key]
                    .iter()
                    .any(|known| &***known == name)
            {
                let mut found = None;
                let mut visit = |reference: &Reference, _: Span| {
                    if found.is_none() {
                        found = self.of(reference, Some(step), depth + 1);
                    }
                };
                match &each.items {
                    Computed::Expression(bare) => bare.references(self.checker.source, &mut visit),
                    Computed::Tree(tree) => tree.references(self.checker.source, &mut visit),
                }
                return found;
            }
            around = self.workflow.bodies[step.body]
                .owner
                .map(|owner| &self.workflow.steps[owner]);
        }
        // In an `undo`, `result` is that of the step that it undoes.
        let of = step
            .undoes
            .map_or(step, |undone| &self.workflow.steps[undone]);
        matches!(name, "previous" | "result")
            .then(|| (format!("step `{}`", of.name), Some(of.span)))
    }
}

/// The type at the end of a path.
fn at_path(ty: &Type, path: &[RefPart]) -> Type {
    let mut ty = ty.clone();
    for part in path {
        ty = match (&ty, part) {
            (Type::Record(record), RefPart::Key(name)) => record
                .fields
                .get(name)
                .map(|field| field.ty.clone())
                .unwrap_or_default(),
            (Type::Map(item), _) | (Type::List(item) | Type::Blob(item), RefPart::Index(_)) => {
                (**item).clone()
            }
            _ => Type::Unknown,
        };
    }
    ty
}

/// The `{{ ... }}` of a text.
fn emits(text: &str) -> Vec<Emit> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find("{{").map(|at| from + at) {
        let Some(end) = text[open..].find("}}").map(|at| open + at + 2) else {
            break;
        };
        found.push(Emit { start: open, end });
        from = end;
    }
    found
}

/// Where the part of an address ends that says where it leads: scheme, host and port.
fn authority(text: &str) -> usize {
    let mut at = 0;
    let after = match text.find("://") {
        Some(scheme) if !text[..scheme].contains("{{") => scheme + 3,
        _ => 0,
    };
    let holes = emits(text);
    for (index, letter) in text.char_indices().filter(|(index, _)| *index >= after) {
        at = index + letter.len_utf8();
        let in_hole = holes
            .iter()
            .any(|emit| (emit.start..emit.end).contains(&index));
        let of_scheme = text[index..].starts_with("//") || text[..index].ends_with('/');
        if !in_hole && matches!(letter, '/' | '?' | '#') && !(after == 0 && of_scheme) {
            return index;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::{authority, emits};

    #[test]
    fn what_says_where_an_address_leads() {
        for (text, expected) in [
            ("https://a.test/{{ x }}", "https://a.test"),
            ("https://{{ x }}.test/y", "https://{{ x }}.test"),
            ("{{ base }}/y", "{{ base }}"),
            ("{{ scheme }}://a.test/y", "{{ scheme }}://a.test"),
            ("https://a.test?q={{ x }}", "https://a.test"),
            ("https://a.test:{{ port }}", "https://a.test:{{ port }}"),
            ("{{ url }}", "{{ url }}"),
        ] {
            assert_eq!(&text[..authority(text)], expected);
        }
    }

    #[test]
    fn holes_are_found_with_their_braces() {
        let text = "a{{ x }}b{{ y }}";
        let found: Vec<&str> = emits(text)
            .iter()
            .map(|emit| &text[emit.start..emit.end])
            .collect();
        assert_eq!(found, ["{{ x }}", "{{ y }}"]);
    }
}

//! Which names an expression uses: what the checker makes edges of.

use std::sync::Arc;

use super::syntax::{Call, Kind, Node, Part};
use crate::source::Span;
use crate::value::Value;

/// One use of a name, with as much of the path behind it as is literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `inputs`, `trigger`, `steps`, `item`, ...; for [`RefKind::Status`] and [`RefKind::Callback`] it is `steps`, for
    /// [`RefKind::Always`] it is `steps` with an empty path.
    pub root: Arc<str>,
    /// The members behind the root. `x['name']` counts like `x.name`; a [`RefPart::Dynamic`] is always the last.
    pub path: Vec<RefPart>,
    /// The place, in bytes of the text that was parsed: the path alone, or the call.
    pub span: Span,
    /// Whether it may be undefined: it stands on either side of `default`, or it (or what it starts with) is tested by
    /// `is defined` or `is undefined` in the same text.
    pub optional: bool,
    /// How it is used.
    pub kind: RefKind,
}

/// One part of a [`Reference::path`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefPart {
    /// `.name` or `['name']`.
    Key(Arc<str>),
    /// `[3]`, `[-1]`.
    Index(i64),
    /// `[expr]` or a slice: what follows is not known.
    Dynamic,
}

/// How a name is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefKind {
    /// Its value.
    Value,
    /// `status('x')`, `failed('x')`, `succeeded('x')`, `skipped('x')`, `error('x')`.
    Status,
    /// `always()`.
    Always,
    /// `run.callback_url('x')`.
    Callback,
}

/// The references of an expression, in source order.
pub(super) fn of_expression(node: &Node) -> Vec<Reference> {
    let mut collector = Collector::default();
    collector.node(node, false);
    collector.finish()
}

/// The references of a text, in source order; names that the text itself sets are none.
pub(super) fn of_parts(parts: &[Part]) -> Vec<Reference> {
    let mut collector = Collector::default();
    collector.parts(parts);
    collector.finish()
}

#[derive(Default)]
struct Collector {
    found: Vec<Reference>,
    /// Roots and paths that `is defined` tests.
    tested: Vec<(Arc<str>, Vec<RefPart>)>,
    /// Names that the text sets.
    bound: Vec<Arc<str>>,
}

impl Collector {
    fn finish(mut self) -> Vec<Reference> {
        for reference in &mut self.found {
            reference.optional |= reference.kind == RefKind::Status
                || self.tested.iter().any(|(root, path)| {
                    *root == reference.root && reference.path.starts_with(path)
                });
        }
        self.found.sort_by_key(|reference| reference.span.start);
        self.found
    }

    fn node(&mut self, node: &Node, optional: bool) {
        match &node.kind {
            Kind::Const(_) => {}
            Kind::Name(_) | Kind::Member { .. } | Kind::Index { .. } | Kind::Slice { .. } => {
                self.path(node, optional);
            }
            Kind::Not(of) | Kind::Negate(of) => self.node(of, optional),
            Kind::And(a, b) | Kind::Or(a, b) | Kind::Arithmetic(_, a, b) | Kind::Concat(a, b) => {
                self.node(a, optional);
                self.node(b, optional);
            }
            Kind::Compare { first, rest } => {
                self.node(first, optional);
                for (_, node) in rest {
                    self.node(node, optional);
                }
            }
            Kind::If { test, yes, no } => {
                self.node(test, optional);
                self.node(yes, optional);
                if let Some(no) = no {
                    self.node(no, optional);
                }
            }
            Kind::Default(parts) => {
                self.node(&parts.value, true);
                parts
                    .alternative
                    .iter()
                    .for_each(|node| self.node(node, true));
                parts
                    .empty_too
                    .iter()
                    .for_each(|node| self.node(node, optional));
            }
            Kind::Filter(call) => {
                self.node(&call.input, optional);
                call.args
                    .iter()
                    .flatten()
                    .for_each(|node| self.node(node, optional));
            }
            Kind::Defined { of, .. } => {
                let before = self.found.len();
                self.node(of, true);
                let tested = self.found[before..].iter();
                self.tested
                    .extend(tested.map(|found| (found.root.clone(), found.path.clone())));
            }
            Kind::Test(call) => {
                self.node(&call.of, optional);
                call.arg.iter().for_each(|node| self.node(node, optional));
            }
            Kind::Call(call) => self.call(call, node.span, optional),
            Kind::List(items) => items.iter().for_each(|item| self.node(item, optional)),
            Kind::Map(members) => members.iter().for_each(|(key, value)| {
                self.node(key, optional);
                self.node(value, optional);
            }),
        }
    }

    fn call(&mut self, call: &Call, span: Span, optional: bool) {
        let (kind, step) = match call {
            Call::Status(step) | Call::StatusIs(step, _) | Call::Error(step) => {
                (RefKind::Status, Some(step))
            }
            Call::Always => (RefKind::Always, None),
            Call::CallbackUrl(step) => (RefKind::Callback, Some(step)),
            Call::Range(args) => {
                for node in args {
                    self.node(node, optional);
                }
                return;
            }
        };
        self.found.push(Reference {
            root: "steps".into(),
            path: step
                .map(|step| RefPart::Key(step.clone()))
                .into_iter()
                .collect(),
            span,
            optional,
            kind,
        });
    }

    /// A chain of members down to a name; expressions inside brackets are walked on their own.
    fn path(&mut self, node: &Node, optional: bool) {
        let mut path = Vec::new();
        let mut at = node;
        loop {
            match &at.kind {
                Kind::Member { of, name, .. } => {
                    path.push((RefPart::Key(name.clone()), at.span));
                    at = of;
                }
                Kind::Index { of, index } => {
                    path.push((literal_index(index).unwrap_or(RefPart::Dynamic), at.span));
                    self.node(index, optional);
                    at = of;
                }
                Kind::Slice {
                    of,
                    start,
                    stop,
                    step,
                } => {
                    path.push((RefPart::Dynamic, at.span));
                    [start, stop, step]
                        .into_iter()
                        .flatten()
                        .for_each(|node| self.node(node, optional));
                    at = of;
                }
                _ => break,
            }
        }
        let Kind::Name(root) = &at.kind else {
            self.node(at, optional);
            return;
        };
        if self.bound.contains(root) {
            return;
        }
        path.reverse();
        let literal = path.iter().position(|(part, _)| *part == RefPart::Dynamic);
        path.truncate(literal.map_or(path.len(), |at| at + 1));
        let span = path.last().map_or(at.span, |(_, span)| *span);
        self.found.push(Reference {
            root: root.clone(),
            path: path.into_iter().map(|(part, _)| part).collect(),
            span,
            optional,
            kind: RefKind::Value,
        });
    }

    fn parts(&mut self, parts: &[Part]) {
        let outside = self.bound.len();
        for part in parts {
            self.part(part);
        }
        self.bound.truncate(outside);
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Text(_) => {}
            Part::Emit(node) => self.node(node, false),
            Part::If {
                branches,
                otherwise,
            } => {
                for (test, body) in branches {
                    self.node(test, false);
                    self.set_inside(body);
                }
                self.set_inside(otherwise);
            }
            Part::For(part) => {
                self.node(&part.over, false);
                let outside = self.bound.len();
                self.bound.extend(part.names.iter().cloned());
                self.bound.push("loop".into());
                part.only.iter().for_each(|only| self.node(only, false));
                self.parts(&part.body);
                self.bound.truncate(outside);
                self.parts(&part.otherwise);
            }
            Part::Set { name, value } => {
                self.node(value, false);
                self.bound.push(name.clone());
            }
            Part::With { bindings, body } => {
                let outside = self.bound.len();
                for (name, value) in bindings {
                    self.node(value, false);
                    self.bound.push(name.clone());
                }
                self.parts(body);
                self.bound.truncate(outside);
            }
        }
    }

    /// The branches of an `if` set names for what follows it.
    fn set_inside(&mut self, parts: &[Part]) {
        for part in parts {
            self.part(part);
        }
    }
}

fn literal_index(node: &Node) -> Option<RefPart> {
    match &node.kind {
        Kind::Const(Value::Int(index)) => Some(RefPart::Index(*index)),
        Kind::Negate(of) => match &of.kind {
            Kind::Const(Value::Int(index)) => index.checked_neg().map(RefPart::Index),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{RefKind, RefPart, Reference};
    use crate::expr::{Expression, Template};

    fn shown(text: &str, references: &[Reference]) -> String {
        let one = |reference: &Reference| {
            let mut out = reference.root.to_string();
            for part in &reference.path {
                match part {
                    RefPart::Key(key) => out.extend([".", key]),
                    RefPart::Index(index) => out.extend(["[", &index.to_string(), "]"]),
                    RefPart::Dynamic => out += "[*]",
                }
            }
            match reference.kind {
                RefKind::Value => {}
                RefKind::Status => out += " status",
                RefKind::Always => out += " always",
                RefKind::Callback => out += " callback",
            }
            if reference.optional {
                out += "?";
            }
            let range = reference.span.start as usize..reference.span.end as usize;
            format!("{out} at `{}`", &text[range])
        };
        references.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let expression = Expression::parse(text).expect(text);
        assert_eq!(shown(text, expression.references()), expected, "{text}");
    }

    #[track_caller]
    fn check_text(text: &str, expected: &str) {
        let template = Template::parse(text).expect(text);
        assert_eq!(shown(text, template.references()), expected, "{text}");
    }

    #[test]
    fn paths_go_as_far_as_they_are_literal() {
        check("steps.a.b[0].c", "steps.a.b[0].c at `steps.a.b[0].c`");
        check(
            "{{ steps['a']['b c'][-1] }}",
            "steps.a.b c[-1] at `steps['a']['b c'][-1]`",
        );
        check(
            "steps[inputs.x].y",
            "steps[*] at `steps[inputs.x]`; inputs.x at `inputs.x`",
        );
        check(
            "steps.a[1:inputs.n].x",
            "steps.a[*] at `steps.a[1:inputs.n]`; inputs.n at `inputs.n`",
        );
        check(
            "(steps.a | first).b + [item, {'k': vars.v}][0]",
            "steps.a at `steps.a`; item at `item`; vars.v at `vars.v`",
        );
        check("a if b else c", "a at `a`; b at `b`; c at `c`");
    }

    #[test]
    fn functions_name_steps() {
        check(
            "failed('a') or always()",
            "steps.a status? at `failed('a')`; steps always at `always()`",
        );
        check(
            "run.callback_url('wait')",
            "steps.wait callback at `run.callback_url('wait')`",
        );
    }

    #[test]
    fn default_and_defined_make_optional() {
        check(
            "steps.a.id | default(steps.b.id)",
            "steps.a.id? at `steps.a.id`; steps.b.id? at `steps.b.id`",
        );
        check(
            "steps.a | default(steps.b ~ 'x') | upper",
            "steps.a? at `steps.a`; steps.b? at `steps.b`",
        );
        check("steps.a.id", "steps.a.id at `steps.a.id`");
        check(
            "steps.a is defined and steps.a.n > steps.b.n",
            "steps.a? at `steps.a`; steps.a.n? at `steps.a.n`; steps.b.n at `steps.b.n`",
        );
        check(
            "steps.a.id if steps.a is not undefined else 0",
            "steps.a.id? at `steps.a.id`; steps.a? at `steps.a`",
        );
    }

    #[test]
    fn what_a_text_sets_is_no_reference() {
        check_text("x {{ steps.a }} y", "steps.a at `steps.a`");
        check_text(
            "{% for r in steps.a if r.ok %}{{ r.x }}{{ loop.index }}{{ s }}{% endfor %}{{ r }}",
            "steps.a at `steps.a`; s at `s`; r at `r`",
        );
        check_text(
            "{% set a = steps.a %}{{ a.b }}{{ steps.c }}",
            "steps.a at `steps.a`; steps.c at `steps.c`",
        );
        check_text(
            "{% with a = b %}{{ a }}{% endwith %}{{ a }}",
            "b at `b`; a at `a`",
        );
        check_text(
            "{% if x is defined %}{{ x.y }}{% endif %}",
            "x? at `x`; x.y? at `x.y`",
        );
    }
}

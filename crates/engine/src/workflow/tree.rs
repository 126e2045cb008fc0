//! Trees of templates and bare expressions as they stand in a workflow: each knows its place, so that a failure at run
//! time points at the line that caused it.

use std::sync::Arc;

use crate::expr::{
    EvalError, Expression, Inferred, Reference, Roots, Scope, SyntaxError, Template, TypeScope,
};
use crate::finding::Finding;
use crate::run::Failure;
use crate::source::{SourceFile, Span};
use crate::types::Type;
use crate::value::Value;
use crate::yaml::{Node, NodeKind, TextPlace};

/// A tree of values with templates at its leaves.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Where it stands.
    pub span: Span,
    kind: TreeKind,
}

#[derive(Debug, Clone)]
enum TreeKind {
    /// What could not be read and was reported.
    Hole,
    Constant(Value),
    Text(Template, TextPlace),
    List(Vec<Tree>),
    Map(Vec<(Arc<str>, Tree)>),
}

/// A bare expression with its place.
#[derive(Debug, Clone)]
pub struct Bare {
    /// Where it stands.
    pub span: Span,
    expression: Expression,
    place: TextPlace,
}

/// A part of an expression that cannot be evaluated here: it needs the content of a stored value.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// It failed for good.
    Failed(Failure),
    /// The content of a stored value is needed, and none can be read here.
    NeedsContent,
}

impl Tree {
    /// Reads a node; templates that cannot be read are reported and become holes.
    pub fn parse(node: &Node, source: &SourceFile, findings: &mut Vec<Finding>) -> Tree {
        let constant = |value| Tree {
            span: node.span,
            kind: TreeKind::Constant(value),
        };
        let hole = || Tree::hole(node.span);
        match &node.kind {
            NodeKind::Hole => hole(),
            NodeKind::Scalar(scalar) => match node.tag.as_deref() {
                Some("raw") => constant(Value::String(scalar.text.clone())),
                // What a text or a template names was put in its place before.
                Some(_) => hole(),
                None => match Template::parse(&scalar.text) {
                    Ok(template) if template.literal().is_some() => match scalar.value() {
                        // A text keeps what its template syntax stands for.
                        Ok(Value::String(_)) => {
                            constant(Value::from(template.literal().unwrap_or_default()))
                        }
                        Ok(value) => constant(value),
                        Err(_) => {
                            let message =
                                format!("the number {} does not fit 64 bits", scalar.text);
                            let finding = Finding::error("yaml.number", node.span, message);
                            findings.push(
                                finding.help("write it in quotes to keep its digits as text"),
                            );
                            hole()
                        }
                    },
                    Ok(template) => Tree {
                        span: node.span,
                        kind: TreeKind::Text(template, node.place()),
                    },
                    Err(error) => {
                        findings.push(placed(&error, source, &scalar.text, node.place()));
                        hole()
                    }
                },
            },
            NodeKind::List(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| Tree::parse(item, source, findings))
                    .collect();
                let constants: Option<Vec<_>> =
                    items.iter().map(|item| item.constant().cloned()).collect();
                let kind = constants.map_or(TreeKind::List(items), |values| {
                    TreeKind::Constant(Value::from(values))
                });
                Tree {
                    span: node.span,
                    kind,
                }
            }
            NodeKind::Map(entries) => {
                let members: Vec<_> = entries
                    .iter()
                    .map(|entry| {
                        if entry.key.contains("{{") {
                            let finding = Finding::error("template.not_allowed_here", entry.key_span, "a key cannot be a template");
                            findings.push(finding.help("make the map with a filter, such as `{{ pairs | from_items }}`, or write the key as it is"));
                        }
                        (entry.key.clone(), Tree::parse(&entry.value, source, findings))
                    })
                    .collect();
                let constants: Option<Vec<_>> = members
                    .iter()
                    .map(|(key, tree)| tree.constant().map(|value| (key.clone(), value.clone())))
                    .collect();
                let kind = constants.map_or(TreeKind::Map(members), |values| {
                    TreeKind::Constant(Value::map(values))
                });
                Tree {
                    span: node.span,
                    kind,
                }
            }
        }
    }

    /// A tree that could not be read, and was reported: nothing is known of it.
    pub fn hole(span: Span) -> Tree {
        Tree {
            span,
            kind: TreeKind::Hole,
        }
    }

    /// The tree of one literal value.
    pub fn of(value: Value, span: Span) -> Tree {
        Tree {
            span,
            kind: TreeKind::Constant(value),
        }
    }

    /// A map of trees.
    pub fn map(members: Vec<(Arc<str>, Tree)>, span: Span) -> Tree {
        Tree {
            span,
            kind: TreeKind::Map(members),
        }
    }

    /// The value, if no template stands in it.
    pub fn constant(&self) -> Option<&Value> {
        match &self.kind {
            TreeKind::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it was reported already: silent from there on.
    pub fn is_hole(&self) -> bool {
        matches!(self.kind, TreeKind::Hole)
    }

    /// The members with their trees, if it is a map with templates in it.
    pub fn members(&self) -> Option<&[(Arc<str>, Tree)]> {
        match &self.kind {
            TreeKind::Map(members) => Some(members),
            _ => None,
        }
    }

    /// Whether a text in it has statements, which may set names of their own.
    pub fn has_statements(&self) -> bool {
        match &self.kind {
            TreeKind::Text(template, _) => template.text().contains("{%"),
            TreeKind::List(items) => items.iter().any(Tree::has_statements),
            TreeKind::Map(members) => members.iter().any(|(_, tree)| tree.has_statements()),
            TreeKind::Constant(_) | TreeKind::Hole => false,
        }
    }

    /// The items with their trees, if it is a list with templates in it.
    pub fn items(&self) -> Option<&[Tree]> {
        match &self.kind {
            TreeKind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The text with templates in it, and its place.
    pub fn template(&self) -> Option<(&Template, TextPlace)> {
        match &self.kind {
            TreeKind::Text(template, place) => Some((template, *place)),
            _ => None,
        }
    }

    /// Whether it is text with templates in it, and not one whole expression.
    pub fn is_mixed_text(&self) -> bool {
        matches!(&self.kind, TreeKind::Text(template, _) if template.whole().is_none())
    }

    /// Every reference in it with its place.
    pub fn references(&self, source: &SourceFile, visit: &mut dyn FnMut(&Reference, Span)) {
        match &self.kind {
            TreeKind::Constant(_) | TreeKind::Hole => {}
            TreeKind::Text(template, place) => {
                for reference in template.references() {
                    visit(
                        reference,
                        place.locate(source, template.text(), reference.span),
                    );
                }
            }
            TreeKind::List(items) => items.iter().for_each(|item| item.references(source, visit)),
            TreeKind::Map(members) => members
                .iter()
                .for_each(|(_, tree)| tree.references(source, visit)),
        }
    }

    /// The value.
    ///
    /// # Errors
    /// [`Stop`] with the place of the first template that fails.
    pub fn render(&self, scope: &Scope<'_>, source: &SourceFile) -> Result<Value, Stop> {
        match &self.kind {
            TreeKind::Constant(value) => Ok(value.clone()),
            TreeKind::Hole => Ok(Value::Null),
            TreeKind::Text(template, place) => template
                .render(scope)
                .map_err(|error| stop(&error, source, template.text(), *place)),
            TreeKind::List(items) => items
                .iter()
                .map(|item| item.render(scope, source))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::from),
            TreeKind::Map(members) => members
                .iter()
                .map(|(key, tree)| Ok((key.clone(), tree.render(scope, source)?)))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::map),
        }
    }

    /// The type, and what is wrong for certain.
    pub fn infer(
        &self,
        types: &dyn TypeScope,
        source: &SourceFile,
        findings: &mut Vec<Finding>,
    ) -> Type {
        match &self.kind {
            TreeKind::Constant(value) => type_of(value),
            TreeKind::Hole => Type::Unknown,
            TreeKind::Text(template, place) => {
                let before = findings.len();
                let inferred = template.infer(types);
                let ty = report(inferred, source, template.text(), *place, findings);
                if findings.len() == before && template.references().is_empty() {
                    findings.extend(fails_always(template, source, *place));
                }
                ty
            }
            TreeKind::List(items) => {
                let types: Vec<_> = items
                    .iter()
                    .map(|item| item.infer(types, source, findings))
                    .collect();
                Type::list(types.into_iter().reduce(Type::or).unwrap_or_default())
            }
            TreeKind::Map(members) => {
                let fields: Vec<_> = members
                    .iter()
                    .map(|(key, tree)| (&**key, tree.infer(types, source, findings)))
                    .collect();
                Type::record(fields, false)
            }
        }
    }
}

/// Nothing at all is in scope.
struct Nothing;

impl Roots for Nothing {
    fn root(&self, _: &str) -> Option<Value> {
        None
    }

    fn names(&self) -> Vec<Arc<str>> {
        Vec::new()
    }
}

impl Bare {
    /// The answer of a condition that names nothing, and so is known before anything runs.
    pub fn constant(&self, source: &SourceFile) -> Option<bool> {
        if !self.expression.references().is_empty() {
            return None;
        }
        self.eval_bool(&Scope::new(&Nothing), source).ok()
    }

    /// Reads a scalar as an expression; anything else is reported.
    pub fn parse(node: &Node, source: &SourceFile, findings: &mut Vec<Finding>) -> Option<Bare> {
        let Some(scalar) = node.as_scalar().filter(|_| !node.is_null()) else {
            if !node.is_hole() {
                let message = format!("expected an expression, found {}", node.describe());
                findings.push(
                    Finding::error("schema.type", node.span, message)
                        .help("write it as text, such as `steps.fetch.count > 0`"),
                );
            }
            return None;
        };
        match Expression::parse(&scalar.text) {
            Ok(expression) => Some(Bare {
                span: node.span,
                expression,
                place: node.place(),
            }),
            Err(error) => {
                findings.push(placed(&error, source, &scalar.text, node.place()));
                None
            }
        }
    }

    /// Every reference in it with its place.
    pub fn references(&self, source: &SourceFile, visit: &mut dyn FnMut(&Reference, Span)) {
        for reference in self.expression.references() {
            visit(
                reference,
                self.place
                    .locate(source, self.expression.text(), reference.span),
            );
        }
    }

    /// The value.
    ///
    /// # Errors
    /// [`Stop`] with its place.
    pub fn eval(&self, scope: &Scope<'_>, source: &SourceFile) -> Result<Value, Stop> {
        self.expression
            .eval(scope)
            .map_err(|error| self.stop(&error, source))
    }

    /// The boolean.
    ///
    /// # Errors
    /// [`Stop`] with its place, also for values that are no booleans.
    pub fn eval_bool(&self, scope: &Scope<'_>, source: &SourceFile) -> Result<bool, Stop> {
        self.expression
            .eval_bool(scope)
            .map_err(|error| self.stop(&error, source))
    }

    /// The type, and what is wrong for certain.
    pub fn infer(
        &self,
        types: &dyn TypeScope,
        source: &SourceFile,
        findings: &mut Vec<Finding>,
    ) -> Type {
        report(
            self.expression.infer(types),
            source,
            self.expression.text(),
            self.place,
            findings,
        )
    }

    /// The expression as it is written.
    pub fn text(&self) -> &str {
        self.expression.text()
    }

    fn stop(&self, error: &EvalError, source: &SourceFile) -> Stop {
        stop(error, source, self.expression.text(), self.place)
    }
}

/// The type of a literal value.
pub fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Boolean,
        Value::Int(_) | Value::UInt(_) => Type::Integer,
        Value::Float(_) => Type::Number,
        Value::String(text) => Type::one_of([&**text]),
        Value::List(items) => Type::list(
            items
                .iter()
                .map(type_of)
                .reduce(Type::or)
                .unwrap_or_default(),
        ),
        Value::Map(map) => Type::record(
            map.iter().map(|(key, value)| (&**key, type_of(value))),
            false,
        ),
        Value::Blob(_) => Type::blob(Type::Unknown),
        Value::Secret(_) => Type::Secret,
    }
}

fn report(
    inferred: Inferred,
    source: &SourceFile,
    text: &str,
    place: TextPlace,
    findings: &mut Vec<Finding>,
) -> Type {
    findings.extend(
        inferred
            .problems
            .iter()
            .map(|problem| placed(problem, source, text, place)),
    );
    inferred.ty
}

fn placed(error: &SyntaxError, source: &SourceFile, text: &str, place: TextPlace) -> Finding {
    let span = place.locate(source, text, error.span);
    let mut finding = Finding::error(error.code, span, error.message.clone());
    finding.meant.clone_from(&error.meant);
    match &error.help {
        Some(help) => finding.help(help.clone()),
        None => match usual_help(error.code) {
            Some(help) => finding.help(help),
            None => finding,
        },
    }
}

/// What a template that names nothing comes to is known: its failure too. A warning, as an `if` may keep it from its turn.
fn fails_always(template: &Template, source: &SourceFile, place: TextPlace) -> Option<Finding> {
    if !is_quick(template.text()) {
        return None;
    }
    let error = template.render(&Scope::new(&Nothing)).err()?;
    let span = place.locate(source, template.text(), error.span);
    let finding = Finding::warning(error.code, span, error.message.clone());
    Some(match error.help.as_deref().or(usual_help(error.code)) {
        Some(help) => finding.help(help),
        None => finding.help("this fails whatever happens: write another value"),
    })
}

/// Whether evaluating a text costs no more than reading it: no loops, and no list that is made of a number. One of a
/// number of seven digits is refused before it is made.
fn is_quick(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let made = text.split("range(").skip(1);
    !text.contains("{%") && made.into_iter().all(|rest| digits(rest) > 6)
}

/// What helps where nothing better is known.
fn usual_help(code: &str) -> Option<&'static str> {
    Some(match code {
        "template.syntax" => {
            "an expression looks like `steps.fetch.count > 0`, a template like `{{ steps.fetch.name }}`; text in them stands in quotes"
        }
        "template.depth" => {
            "take it apart: give its parts names under `vars:` or in steps with `value:`"
        }
        "template.type" => {
            "name members of the right types, or turn them into it with a filter such as `int` or `string`"
        }
        "template.regex" | "jsonpath.regex" => {
            "every `[` and `(` is closed; one that means itself is written with a backslash"
        }
        "jsonpath.syntax" => "a JSONPath looks like `$.data[*].id`",
        "jsonpath.depth" => "filter in two steps, one after the other",
        _ => return None,
    })
}

fn stop(error: &EvalError, source: &SourceFile, text: &str, place: TextPlace) -> Stop {
    if error.needs_content {
        return Stop::NeedsContent;
    }
    let failure = Failure::permanent(error.code, error.message.clone())
        .at(place.locate(source, text, error.span));
    Stop::Failed(match &error.help {
        Some(help) => failure.help(help.clone()),
        None => failure,
    })
}

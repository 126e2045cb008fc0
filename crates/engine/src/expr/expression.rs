//! A bare expression, as `if`, `where`, `until`, `for_each`, `key` and `start` take it.

use std::fmt;
use std::sync::Arc;

use super::error::{EvalError, Fault, Parse, SyntaxError, with_article};
use super::eval::Evaluator;
use super::infer::{self, Inferred, TypeScope};
use super::parse::parse;
use super::reference::{self, Reference};
use super::scan::{End, scan};
use super::scope::Scope;
use super::syntax::Node;
use crate::value::Value;

/// A parsed expression. Cloning is cheap.
#[derive(Clone)]
pub struct Expression(Arc<Parsed>);

struct Parsed {
    text: Arc<str>,
    node: Node,
    references: Vec<Reference>,
}

impl Expression {
    /// Parses a bare expression, or a whole `{{ expr }}`, which means the same.
    ///
    /// # Errors
    /// [`SyntaxError`] with the first offence.
    pub fn parse(text: &str) -> Result<Expression, SyntaxError> {
        parse_either(text).map(|node| Expression::of(text, node))
    }

    pub(super) fn of(text: &str, node: Node) -> Expression {
        let references = reference::of_expression(&node);
        Expression(Arc::new(Parsed {
            text: text.into(),
            node,
            references,
        }))
    }

    /// The text it was parsed from.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Every use of a name, in source order.
    pub fn references(&self) -> &[Reference] {
        &self.0.references
    }

    /// Its value.
    ///
    /// # Errors
    /// [`EvalError`] with the place of the first offence; anything undefined is one.
    pub fn eval(&self, scope: &Scope<'_>) -> Result<Value, EvalError> {
        let evaluator = Evaluator::new(&self.0.text, scope);
        let value = evaluator.value(&self.0.node, &[]);
        value.map_err(|error| *error)
    }

    /// Its value, which must be a boolean.
    ///
    /// # Errors
    /// `template.not_boolean` for any other kind of value; those of [`Expression::eval`].
    pub fn eval_bool(&self, scope: &Scope<'_>) -> Result<bool, EvalError> {
        match self.eval(scope)? {
            Value::Bool(value) => Ok(value),
            other => {
                let message = format!(
                    "the condition gives {}, not true or false",
                    with_article(other.kind())
                );
                let fault = Fault::new("template.not_boolean", message)
                    .help("compare it: `x == 'a'`, `x > 0`, `x is defined`, or turn it into one: `x | bool`");
                Err(*fault.at(self.0.node.span))
            }
        }
    }

    /// Its type, and what is wrong with it whatever the values are.
    pub fn infer(&self, types: &dyn TypeScope) -> Inferred {
        infer::expression(&self.0.text, &self.0.node, types)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.0.text).finish()
    }
}

fn parse_either(text: &str) -> Parse<Node> {
    let from = text.len() - text.trim_start().len();
    let end = text.trim_end().len();
    if !text[from..].starts_with("{{") {
        let extent = scan(&text[..end.max(from)], from, from, End::Text)?;
        return parse(text, extent.start, extent.end);
    }
    let open = from + 2 + usize::from(text[from + 2..].starts_with('-'));
    let extent = scan(text, from, open, End::Braces)?;
    if extent.after < end {
        let span = crate::source::Span::new(extent.after, end);
        let message = "here stands one expression, and this follows it";
        return Err(
            SyntaxError::new("template.syntax", span, message).help(format!(
                "write the whole as one expression, without `{{{{`: `{}`",
                text[extent.start..extent.end].trim()
            )),
        );
    }
    parse(text, extent.start, extent.end)
}

#[cfg(test)]
mod tests {
    use super::Expression;
    use crate::expr::testing::World;
    use crate::expr::{Scope, Template};
    use crate::value::Value;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let world = World::usual();
        let result = Expression::parse(text)
            .expect(text)
            .eval_bool(&Scope::new(&world));
        assert_eq!(
            result.map_or_else(|error| error.to_string(), |value| value.to_string()),
            expected
        );
    }

    #[test]
    fn conditions_must_be_boolean() {
        check("inputs.n > 1", "true");
        check("{{ inputs.n > 9 }}", "false");
        check(
            "inputs.list",
            "the condition gives a list, not true or false",
        );
        check(
            "inputs.n and 1",
            "the condition gives an integer, not true or false",
        );
        check("inputs.none", "the condition gives null, not true or false");
    }

    #[test]
    fn locals_stand_before_roots_innermost_first() {
        let world = World::usual();
        let roots = Scope::new(&world);
        let outer = [("item", Value::Int(1)), ("index", Value::Int(0))];
        let outer = roots.with(&outer);
        let inner = [("item", Value::Int(2))];
        let inner = outer.with(&inner);
        let expression = Expression::parse("[item, index, inputs.n]").expect("it is fine");
        assert_eq!(
            expression.eval(&inner),
            Ok(Value::list([2, 0, 7].map(Value::Int)))
        );
        assert_eq!(expression.text(), "[item, index, inputs.n]");
    }

    #[test]
    fn templates_know_what_they_are() {
        let parse = |text| Template::parse(text).expect(text);
        assert_eq!(parse("plain").literal(), Some("plain"));
        assert!(parse("{{ a }}").whole().is_some());
        assert!(parse("{{ a }} b").whole().is_none() && parse("{{ a }} b").literal().is_none());
        assert!(parse("{{ a }}{{ b }}").whole().is_none());
    }
}

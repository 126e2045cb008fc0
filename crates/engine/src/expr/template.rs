//! One scalar of a workflow file: literal text, one whole `{{ expr }}`, or text with templates in it.

use std::fmt;
use std::sync::Arc;

use super::error::{EvalError, Parse, SyntaxError};
use super::expression::Expression;
use super::infer::{self, Inferred, TypeScope};
use super::limits::TEMPLATE_BYTES_MAX;
use super::reference::{self, Reference};
use super::render;
use super::scope::Scope;
use super::split::has_template;
use super::statements::parse_text;
use super::syntax::Part;
use crate::source::Span;
use crate::types::Type;
use crate::value::Value;

/// A parsed scalar. Cloning is cheap.
#[derive(Clone)]
pub struct Template {
    text: Arc<str>,
    form: Form,
}

#[derive(Clone)]
enum Form {
    Literal,
    Whole(Expression),
    Mixed(Arc<Mixed>),
}

struct Mixed {
    parts: Vec<Part>,
    references: Vec<Reference>,
}

impl Template {
    /// Parses the text as it is written in the file.
    ///
    /// # Errors
    /// [`SyntaxError`] with the first offence. Text without `{{` or `{%` always parses.
    pub fn parse(text: &str) -> Result<Template, SyntaxError> {
        let form = form(text)?;
        Ok(Template {
            text: text.into(),
            form,
        })
    }

    /// The text it was parsed from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, if there is no template in it.
    pub fn literal(&self) -> Option<&str> {
        match self.form {
            Form::Literal => Some(&self.text),
            _ => None,
        }
    }

    /// The expression, if the text is one whole `{{ expr }}`: its value keeps its type.
    pub fn whole(&self) -> Option<&Expression> {
        match &self.form {
            Form::Whole(expression) => Some(expression),
            _ => None,
        }
    }

    /// Every use of a name, in source order.
    pub fn references(&self) -> &[Reference] {
        match &self.form {
            Form::Literal => &[],
            Form::Whole(expression) => expression.references(),
            Form::Mixed(mixed) => &mixed.references,
        }
    }

    /// Its value: of any type for a whole `{{ expr }}`, a string otherwise (a secret, if there is one in it).
    ///
    /// # Errors
    /// [`EvalError`] with the place of the first offence.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Value, EvalError> {
        match &self.form {
            Form::Literal => Ok(Value::String(self.text.clone())),
            Form::Whole(expression) => expression.eval(scope),
            Form::Mixed(mixed) => {
                render::render(&self.text, &mixed.parts, scope).map_err(|error| *error)
            }
        }
    }

    /// Its type, and what is wrong with it whatever the values are.
    pub fn infer(&self, types: &dyn TypeScope) -> Inferred {
        match &self.form {
            Form::Literal => Inferred {
                ty: Type::string(),
                problems: Vec::new(),
            },
            Form::Whole(expression) => expression.infer(types),
            Form::Mixed(mixed) => infer::parts(&self.text, &mixed.parts, types),
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.text).finish()
    }
}

fn form(text: &str) -> Parse<Form> {
    if !has_template(text) {
        return Ok(Form::Literal);
    }
    if text.len() > TEMPLATE_BYTES_MAX {
        let message = format!("a text with templates is longer than {TEMPLATE_BYTES_MAX} bytes");
        return Err(
            SyntaxError::new("template.too_long", Span::new(0, text.len()), message)
                .help("keep long text out of the template: `!text file` puts it in unrendered"),
        );
    }
    let mut parts = parse_text(text)?;
    if text.starts_with("{{") && text.ends_with("}}") && parts.len() == 1 {
        match parts.remove(0) {
            Part::Emit(node) => return Ok(Form::Whole(Expression::of(text, node))),
            other => parts.push(other),
        }
    }
    let references = reference::of_parts(&parts);
    Ok(Form::Mixed(Arc::new(Mixed { parts, references })))
}

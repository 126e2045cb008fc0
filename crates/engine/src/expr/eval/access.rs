//! Members, items and slices of values, stored ones included.

use std::sync::Arc;

use super::{Evaluator, Got, Locals};
use crate::expr::error::{Eval, Fault};
use crate::expr::member::{self, Found, Owned};
use crate::expr::operators;
use crate::expr::syntax::Node;
use crate::value::Value;

impl Evaluator<'_> {
    /// `of.name`.
    pub(super) fn member<'n>(
        &'n self,
        node: &'n Node,
        of: &'n Node,
        name: &str,
        locals: &'n Locals,
    ) -> Eval<Got<'n>> {
        Ok(match self.eval(of, locals)? {
            Got::Ref(Value::Blob(blob)) => self.stored(node, blob, name)?,
            Got::Own(Value::Blob(blob)) => self.stored(node, &blob, name)?,
            Got::Ref(value) => match member::plain(value, name) {
                Found::Ref(value) => Got::Ref(value),
                Found::Own(value) => Got::Own(value),
                Found::Absent => self.no_member(value, node)?,
                Found::Null => Got::OfNull(node),
            },
            Got::Own(value) => match member::owned(&value, name) {
                Owned::Found(value) => Got::Own(value),
                Owned::Absent => self.no_member(&value, node)?,
                Owned::Null => Got::OfNull(node),
            },
            absent => absent,
        })
    }

    #[expect(clippy::unused_self, reason = "it reads like its siblings")]
    fn no_member<'n>(&self, value: &Value, node: &'n Node) -> Eval<Got<'n>> {
        match value {
            Value::Secret(_) => Err(operators::secret_used("a member").at(node.span)),
            _ => Ok(Got::Absent(node)),
        }
    }

    fn stored<'n>(
        &self,
        node: &'n Node,
        blob: &Arc<crate::value::Blob>,
        name: &str,
    ) -> Eval<Got<'n>> {
        let found =
            member::stored(blob, name, &self.context).map_err(|fault| fault.at(node.span))?;
        Ok(match found {
            Owned::Found(value) => Got::Own(value),
            Owned::Absent => Got::Absent(node),
            Owned::Null => Got::OfNull(node),
        })
    }

    /// `of[index]`.
    pub(super) fn index<'n>(
        &'n self,
        node: &'n Node,
        of: &'n Node,
        index: &'n Node,
        locals: &'n Locals,
    ) -> Eval<Got<'n>> {
        let of = match self.eval(of, locals)? {
            Got::Ref(value) => value.clone(),
            Got::Own(value) => value,
            absent => return Ok(absent),
        };
        let index_value = self.content(index, locals)?;
        if let Value::String(name) = &index_value {
            let found = match &of {
                Value::Blob(blob) => return self.stored(node, blob, name),
                other => member::owned(other, name),
            };
            return match found {
                Owned::Found(value) => Ok(Got::Own(value)),
                Owned::Absent => self.no_member(&of, node),
                Owned::Null => Ok(Got::OfNull(node)),
            };
        }
        let Value::Int(at) = index_value else {
            return Err(
                Fault::kind("`[...]`", "a whole number or a string", &index_value).at(index.span),
            );
        };
        let of = self
            .context
            .content(of)
            .map_err(|fault| fault.at(node.span))?;
        match &of {
            Value::List(items) => Ok(match member::place(at, items.len()) {
                Some(at) => Got::Own(items[at].clone()),
                None => Got::Absent(node),
            }),
            Value::Null => Ok(Got::OfNull(node)),
            Value::String(text) => {
                self.context
                    .budget
                    .text_bytes(text.len())
                    .map_err(|fault| fault.at(node.span))?;
                let letters: Vec<char> = text.chars().collect();
                Ok(match member::place(at, letters.len()) {
                    Some(at) => Got::Own(Value::from(letters[at].to_string())),
                    None => Got::Absent(node),
                })
            }
            Value::Secret(_) => Err(operators::secret_used("an index").at(node.span)),
            other => Err(Fault::kind("an index", "a list", other).at(node.span)),
        }
    }

    /// `of[start:stop:step]`.
    pub(super) fn slice(
        &self,
        of: Value,
        (start, stop, step): (Option<i64>, Option<i64>, Option<i64>),
    ) -> Result<Value, Fault> {
        match &self.context.content(of)? {
            Value::List(items) => {
                let places = member::slice(items.len(), start, stop, step)?;
                self.context.budget.steps(places.len())?;
                Ok(Value::list(places.into_iter().map(|at| items[at].clone())))
            }
            Value::String(text) => {
                self.context.budget.text_bytes(text.len())?;
                let letters: Vec<char> = text.chars().collect();
                let places = member::slice(letters.len(), start, stop, step)?;
                self.context
                    .budget
                    .text(places.into_iter().map(|at| letters[at]).collect())
            }
            Value::Secret(_) => Err(operators::secret_used("a slice")),
            Value::Null => Err(Fault::new("template.null", "a slice of null")),
            other => Err(Fault::kind("a slice", "a list or a string", other)),
        }
    }
}

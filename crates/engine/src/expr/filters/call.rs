//! What a running filter sees: its input and arguments, with their kinds checked.

use std::sync::Arc;

use super::{Filter, Prepared};
use crate::expr::context::Context;
use crate::expr::error::Fault;
use crate::expr::limits::OUTPUT_BYTES_MAX;
use crate::expr::operators;
use crate::expr::text::text_of;
use crate::value::{Map, Value};

/// A filter at work.
pub(in crate::expr) struct Call<'c> {
    pub(super) filter: &'static Filter,
    pub(super) input: Value,
    pub(super) args: &'c [Option<Value>],
    pub(super) prepared: &'c Prepared,
    pub(super) context: &'c Context<'c>,
}

impl Call<'_> {
    pub(super) fn name(&self) -> String {
        format!("the filter `{}`", self.filter.name)
    }

    /// The input as text: a string, a number or a boolean.
    pub(super) fn text(&self) -> Result<Arc<str>, Fault> {
        let text = match &self.input {
            Value::List(_) | Value::Map(_) => {
                return Err(Fault::kind(&self.name(), "text", &self.input).help(
                    "`| to_json` makes text of any value; `| map('...')` works on each item",
                ));
            }
            other => text_of(other, self.context)?,
        };
        self.context.budget.scan(text.len())?;
        if text.len() > OUTPUT_BYTES_MAX {
            self.context.budget.text_bytes(text.len())?;
        }
        Ok(text)
    }

    /// The items of the input, which is a list; one step is taken for each.
    pub(super) fn list(&self) -> Result<&[Value], Fault> {
        match &self.input {
            Value::List(items) => {
                self.context.budget.steps(items.len())?;
                Ok(items)
            }
            Value::Map(_) => Err(Fault::kind(&self.name(), "a list", &self.input)
                .help("of a map take `| keys`, `| values` or `| items` first")),
            other => Err(Fault::kind(&self.name(), "a list", other)),
        }
    }

    /// The input, which is a map.
    pub(super) fn map(&self) -> Result<&Map, Fault> {
        match &self.input {
            Value::Map(map) => {
                self.context.budget.steps(map.len())?;
                Ok(map)
            }
            other => Err(Fault::kind(&self.name(), "a map", other)),
        }
    }

    /// The list of these values; a step is taken for each before the next one is made.
    pub(super) fn gather(&self, values: impl Iterator<Item = Value>) -> Result<Value, Fault> {
        let mut list = Vec::new();
        for value in values {
            self.context.budget.step()?;
            list.push(value);
        }
        Ok(Value::from(list))
    }

    /// The argument at this place.
    pub(super) fn arg(&self, at: usize) -> Option<&Value> {
        self.args.get(at).and_then(Option::as_ref)
    }

    /// The argument at this place, read if it is stored; null if it was not given.
    pub(super) fn arg_content(&self, at: usize) -> Result<Value, Fault> {
        self.context
            .content(self.arg(at).cloned().unwrap_or_default())
    }

    /// The argument at this place as text.
    pub(super) fn arg_text(&self, at: usize) -> Result<Option<Arc<str>>, Fault> {
        let Some(arg) = self.arg(at) else {
            return Ok(None);
        };
        match arg {
            Value::Null => Ok(None),
            Value::List(_) | Value::Map(_) => Err(self.wrong_arg(at, "text", arg)),
            other => text_of(other, self.context).map(Some),
        }
    }

    /// The argument at this place as a whole number.
    pub(super) fn arg_whole(&self, at: usize) -> Result<Option<i64>, Fault> {
        match self.arg(at) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Int(number)) => Ok(Some(*number)),
            Some(other) => Err(self.wrong_arg(at, "a whole number", other)),
        }
    }

    /// The argument at this place as a flag; false if it was not given.
    pub(super) fn arg_flag(&self, at: usize) -> Result<bool, Fault> {
        self.arg(at)
            .map_or(Ok(false), |arg| operators::truth(arg, self.context))
    }

    fn wrong_arg(&self, at: usize, wanted: &str, found: &Value) -> Fault {
        let name = self.filter.params.get(at).map_or("?", |param| param.name);
        Fault::kind(&format!("`{name}` of {}", self.name()), wanted, found)
    }

    /// A text that the filter made.
    pub(super) fn made(&self, text: String) -> Result<Value, Fault> {
        self.context.budget.text(text)
    }

    /// The member of an item that `attribute` names; an error if it has none.
    pub(super) fn member(&self, item: &Value, attribute: &str) -> Result<Value, Fault> {
        let found = crate::expr::member::path(item, attribute, self.context)?;
        found.ok_or_else(|| {
            let message = format!("{}: an item has no member `{attribute}`", self.name());
            Fault::new("template.undefined", message)
        })
    }
}

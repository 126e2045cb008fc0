//! Renders a text with templates: one pass over its parts.

use std::sync::Arc;

use super::error::{Eval, Fault};
use super::eval::Evaluator;
use super::scope::Scope;
use super::syntax::{For, Node, Part};
use super::text::Text;
use crate::value::Value;

/// The text that the parts make: a string, or a secret if one is in it.
pub(super) fn render(text: &str, parts: &[Part], scope: &Scope<'_>) -> Eval<Value> {
    let evaluator = Evaluator::new(text, scope);
    let mut renderer = Renderer {
        source: text,
        evaluator: &evaluator,
        locals: Vec::new(),
        out: Text::default(),
    };
    renderer.parts(parts)?;
    let whole = crate::source::Span::new(0, text.len());
    renderer
        .out
        .finish(&evaluator.context)
        .map_err(|fault| fault.at(whole))
}

struct Renderer<'r> {
    source: &'r str,
    evaluator: &'r Evaluator<'r>,
    locals: Vec<(Arc<str>, Value)>,
    out: Text,
}

impl Renderer<'_> {
    fn parts(&mut self, parts: &[Part]) -> Eval<()> {
        parts.iter().try_for_each(|part| self.part(part))
    }

    /// What the parts set is forgotten after them.
    fn inner(&mut self, parts: &[Part], outside: usize) -> Eval<()> {
        let result = self.parts(parts);
        self.locals.truncate(outside);
        result
    }

    fn part(&mut self, part: &Part) -> Eval<()> {
        match part {
            Part::Text(span) => {
                let range = span.start as usize..span.end as usize;
                let text = self.source.get(range).unwrap_or_default();
                self.out.push(text).map_err(|fault| fault.at(*span))
            }
            Part::Emit(node) => {
                let value = self.evaluator.value(node, &self.locals)?;
                self.out
                    .push_value(&value, &self.evaluator.context)
                    .map_err(|fault| fault.at(node.span))
            }
            Part::If {
                branches,
                otherwise,
            } => {
                for (test, body) in branches {
                    if self.evaluator.truth(test, &self.locals)? {
                        return self.parts(body);
                    }
                }
                self.parts(otherwise)
            }
            Part::For(part) => self.repetition(part),
            Part::Set { name, value } => {
                let value = self.evaluator.value(value, &self.locals)?;
                self.locals.push((name.clone(), value));
                Ok(())
            }
            Part::With { bindings, body } => {
                let outside = self.locals.len();
                for (name, value) in bindings {
                    let value = self.evaluator.value(value, &self.locals)?;
                    self.locals.push((name.clone(), value));
                }
                self.inner(body, outside)
            }
        }
    }

    fn repetition(&mut self, part: &For) -> Eval<()> {
        let over = self.evaluator.value(&part.over, &self.locals)?;
        let items = items(over, self.evaluator).map_err(|fault| fault.at(part.over.span))?;
        let outside = self.locals.len();
        let mut picked = Vec::new();
        for item in items {
            self.step(&part.over)?;
            if let Some(only) = &part.only {
                self.bind(part, item.clone())?;
                let keep = self.evaluator.truth(only, &self.locals);
                self.locals.truncate(outside);
                if !keep? {
                    continue;
                }
            }
            picked.push(item);
        }
        if picked.is_empty() {
            return self.inner(&part.otherwise, outside);
        }
        let count = picked.len();
        for (index, item) in picked.into_iter().enumerate() {
            self.step(&part.over)?;
            self.bind(part, item)?;
            self.locals
                .push((Arc::from("loop"), position(index, count)));
            self.inner(&part.body, outside)?;
        }
        Ok(())
    }

    fn step(&self, at: &Node) -> Eval<()> {
        self.evaluator
            .context
            .budget
            .step()
            .map_err(|fault| fault.at(at.span))
    }

    fn bind(&mut self, part: &For, item: Value) -> Eval<()> {
        if let [name] = &part.names[..] {
            self.locals.push((name.clone(), item));
            return Ok(());
        }
        match item.as_list() {
            Some(values) if values.len() == part.names.len() => {
                self.locals
                    .extend(part.names.iter().cloned().zip(values.iter().cloned()));
                Ok(())
            }
            _ => {
                let message = format!(
                    "`for` with {} names takes lists of {0} values, not {}",
                    part.names.len(),
                    super::error::with_article(item.kind())
                );
                Err(Fault::new("template.type", message)
                    .help("for the keys and values of a map: `for key, value in map | items`")
                    .at(part.over.span))
            }
        }
    }
}

/// The items of a list; the keys of a map.
fn items(over: Value, evaluator: &Evaluator<'_>) -> Result<Vec<Value>, Fault> {
    Ok(match evaluator.context.content(over)? {
        Value::List(items) => {
            evaluator.context.budget.steps(items.len() / 8)?;
            Arc::unwrap_or_clone(items)
        }
        Value::Map(map) => map.keys().map(Value::from).collect(),
        other => return Err(Fault::kind("`for`", "a list or a map", &other)),
    })
}

/// `loop`: `index` from 1, `index0` from 0, `first`, `last`, `length`.
fn position(index: usize, count: usize) -> Value {
    Value::map([
        ("index", Value::from(index + 1)),
        ("index0", Value::from(index)),
        ("first", Value::Bool(index == 0)),
        ("last", Value::Bool(index + 1 == count)),
        ("length", Value::from(count)),
    ])
}

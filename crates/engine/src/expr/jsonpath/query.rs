//! Runs a path over a value, within a budget.

use std::cmp::Ordering;

use super::JsonPathError;
use super::parse::compile;
use super::syntax::{Comparable, Logical, Operator, Pattern, Query, Segment, Selector};
use crate::expr::member;
use crate::source::Span;
use crate::value::Value;

/// How many nodes a path may find, also in between.
pub(in crate::expr) const RESULTS_MAX: usize = 100_000;
/// How many nodes a path may look at.
pub(in crate::expr) const VISITS_MAX: usize = 5_000_000;

type Found<T> = Result<T, JsonPathError>;

/// The values that the path finds, in the order of the standard, and how many nodes it looked at.
pub(super) fn query(segments: &[Segment], root: &Value) -> Found<(Vec<Value>, usize)> {
    let mut run = Run { root, visits: 0 };
    let found = run.segments(segments, root)?;
    Ok((found.into_iter().cloned().collect(), run.visits))
}

struct Run<'v> {
    root: &'v Value,
    visits: usize,
}

fn budget(message: String) -> JsonPathError {
    JsonPathError {
        help: Some("narrow the path, or work on the list with `data.filter`".to_owned()),
        ..JsonPathError::new("jsonpath.budget", Span::default(), message)
    }
}

impl<'v> Run<'v> {
    fn visit(&mut self) -> Found<()> {
        self.visits += 1;
        if self.visits > VISITS_MAX {
            return Err(budget(format!(
                "the JSONPath looks at more than {VISITS_MAX} nodes"
            )));
        }
        Ok(())
    }

    fn segments(&mut self, segments: &[Segment], from: &'v Value) -> Found<Vec<&'v Value>> {
        let mut nodes = vec![from];
        for segment in segments {
            let mut next = Vec::new();
            for node in nodes {
                if segment.descends {
                    self.descend(segment, node, &mut next)?;
                } else {
                    self.select(segment, node, &mut next)?;
                }
            }
            nodes = next;
        }
        Ok(nodes)
    }

    fn descend(
        &mut self,
        segment: &Segment,
        node: &'v Value,
        out: &mut Vec<&'v Value>,
    ) -> Found<()> {
        self.select(segment, node, out)?;
        match node {
            Value::List(items) => items
                .iter()
                .try_for_each(|item| self.descend(segment, item, out)),
            Value::Map(map) => map
                .iter()
                .try_for_each(|(_, item)| self.descend(segment, item, out)),
            _ => Ok(()),
        }
    }

    fn select(
        &mut self,
        segment: &Segment,
        node: &'v Value,
        out: &mut Vec<&'v Value>,
    ) -> Found<()> {
        self.visit()?;
        for selector in &segment.selectors {
            match (selector, node) {
                (Selector::Name(name), Value::Map(map)) => out.extend(map.get(name)),
                (Selector::Index(index), Value::List(items)) => {
                    out.extend(member::place(*index, items.len()).map(|at| &items[at]));
                }
                (Selector::Slice(start, stop, step), Value::List(items)) if *step != Some(0) => {
                    let places =
                        member::slice(items.len(), *start, *stop, *step).unwrap_or_default();
                    self.visits += places.len();
                    out.extend(places.into_iter().map(|at| &items[at]));
                }
                (Selector::Wildcard, Value::List(items)) => {
                    self.visits += items.len();
                    out.extend(items.iter());
                }
                (Selector::Wildcard, Value::Map(map)) => {
                    self.visits += map.len();
                    out.extend(map.iter().map(|(_, value)| value));
                }
                (Selector::Filter(filter), Value::List(items)) => {
                    for item in items.iter() {
                        if self.holds(filter, item)? {
                            out.push(item);
                        }
                    }
                }
                (Selector::Filter(filter), Value::Map(map)) => {
                    for (_, item) in map.iter() {
                        if self.holds(filter, item)? {
                            out.push(item);
                        }
                    }
                }
                _ => {}
            }
            if out.len() > RESULTS_MAX {
                return Err(budget(format!(
                    "the JSONPath finds more than {RESULTS_MAX} nodes"
                )));
            }
        }
        Ok(())
    }

    fn holds(&mut self, logical: &Logical, current: &'v Value) -> Found<bool> {
        self.visit()?;
        match logical {
            Logical::Or(any) => {
                for logical in any {
                    if self.holds(logical, current)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Logical::And(all) => {
                for logical in all {
                    if !self.holds(logical, current)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Logical::Not(logical) => Ok(!self.holds(logical, current)?),
            Logical::Exists(query) => Ok(!self.nodes(query, current)?.is_empty()),
            Logical::Compare(left, operator, right) => {
                let left = self.value(left, current)?;
                let right = self.value(right, current)?;
                Ok(compare(left.as_ref(), *operator, right.as_ref()))
            }
            Logical::Matches {
                text,
                pattern,
                whole,
            } => {
                let Some(Value::String(text)) = self.value(text, current)? else {
                    return Ok(false);
                };
                match pattern {
                    Pattern::Literal(pattern) => Ok(pattern.is_match(&text)),
                    Pattern::Value(pattern) => match self.value(pattern, current)? {
                        Some(Value::String(pattern)) => compile(&pattern, *whole)
                            .map(|pattern| pattern.is_match(&text))
                            .map_err(|message| {
                                JsonPathError::new("jsonpath.regex", Span::default(), message)
                            }),
                        _ => Ok(false),
                    },
                }
            }
        }
    }

    fn nodes(&mut self, query: &Query, current: &'v Value) -> Found<Vec<&'v Value>> {
        let from = if query.relative { current } else { self.root };
        self.segments(&query.segments, from)
    }

    fn value(&mut self, comparable: &Comparable, current: &'v Value) -> Found<Option<Value>> {
        Ok(match comparable {
            Comparable::Literal(value) => Some(value.clone()),
            Comparable::Query(query) => self.nodes(query, current)?.first().copied().cloned(),
            Comparable::ValueOf(query) => match self.nodes(query, current)?[..] {
                [only] => Some(only.clone()),
                _ => None,
            },
            Comparable::Count(query) => Some(Value::from(self.nodes(query, current)?.len())),
            Comparable::Length(of) => match self.value(of, current)? {
                Some(Value::String(text)) => Some(Value::from(text.chars().count())),
                Some(Value::List(items)) => Some(Value::from(items.len())),
                Some(Value::Map(map)) => Some(Value::from(map.len())),
                _ => None,
            },
        })
    }
}

fn compare(left: Option<&Value>, operator: Operator, right: Option<&Value>) -> bool {
    let order = match (left, right) {
        (Some(left), Some(right)) => left.compare(right),
        _ => None,
    };
    match operator {
        Operator::Equal => left == right,
        Operator::NotEqual => left != right,
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => order == Some(Ordering::Less) || left == right,
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => order == Some(Ordering::Greater) || left == right,
    }
}

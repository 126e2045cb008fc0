//! Bounds the nesting of the values that a text builds. One expression is bounded by its own tree; `{% set a = [a] %}`
//! written many times is not, so the names that a text sets carry how deep their values may have become.

use std::sync::Arc;

use super::error::{Parse, SyntaxError};
use super::limits::NESTING_MAX;
use super::syntax::{Kind, Node, Part};

/// Refuses a text whose `set` and `with` nest values deeper than [`NESTING_MAX`].
pub(super) fn check(parts: &[Part]) -> Parse<()> {
    Depths(Vec::new()).parts(parts)
}

struct Depths(Vec<(Arc<str>, usize)>);

impl Depths {
    fn parts(&mut self, parts: &[Part]) -> Parse<()> {
        parts.iter().try_for_each(|part| self.part(part))
    }

    fn inner(&mut self, parts: &[Part], outside: usize) -> Parse<()> {
        let result = self.parts(parts);
        self.0.truncate(outside);
        result
    }

    fn part(&mut self, part: &Part) -> Parse<()> {
        match part {
            Part::Text(_) | Part::Emit(_) => Ok(()),
            Part::If {
                branches,
                otherwise,
            } => {
                branches.iter().try_for_each(|(_, body)| self.parts(body))?;
                self.parts(otherwise)
            }
            Part::For(part) => {
                let outside = self.0.len();
                let over = self.depth(&part.over);
                self.0
                    .extend(part.names.iter().map(|name| (name.clone(), over)));
                self.inner(&part.body, outside)?;
                self.inner(&part.otherwise, outside)
            }
            Part::Set { name, value } => self.set(name, value),
            Part::With { bindings, body } => {
                let outside = self.0.len();
                bindings
                    .iter()
                    .try_for_each(|(name, value)| self.set(name, value))?;
                self.inner(body, outside)
            }
        }
    }

    fn set(&mut self, name: &Arc<str>, value: &Node) -> Parse<()> {
        let depth = self.depth(value);
        if depth > NESTING_MAX {
            let message = format!("the value of `{name}` is nested deeper than {NESTING_MAX}");
            return Err(SyntaxError::new("template.depth", value.span, message));
        }
        // An earlier value of the name may have been deeper, and may still stand after an `if`.
        let known = self.0.iter_mut().rev().find(|(known, _)| known == name);
        match known {
            Some((_, known)) => *known = depth.max(*known),
            None => self.0.push((name.clone(), depth)),
        }
        Ok(())
    }

    /// How many levels a node may add to what came from outside the text.
    fn depth(&self, node: &Node) -> usize {
        let deepest = |nodes: &mut dyn Iterator<Item = &Node>| {
            nodes.map(|node| self.depth(node)).max().unwrap_or(0)
        };
        match &node.kind {
            Kind::Name(name) => {
                let known = self.0.iter().rev().find(|(known, _)| known == name);
                known.map_or(0, |(_, depth)| *depth)
            }
            Kind::List(items) => 1 + deepest(&mut items.iter()),
            Kind::Map(members) => 1 + deepest(&mut members.iter().map(|(_, value)| value)),
            Kind::Filter(call) => {
                let args = call.args.iter().flatten();
                2 + deepest(&mut std::iter::once(&call.input).chain(args))
            }
            Kind::Default(parts) => {
                deepest(&mut std::iter::once(&parts.value).chain(&parts.alternative))
            }
            Kind::If { yes, no, .. } => deepest(&mut std::iter::once(&**yes).chain(no.as_deref())),
            Kind::And(left, right) | Kind::Or(left, right) | Kind::Arithmetic(_, left, right) => {
                self.depth(left).max(self.depth(right))
            }
            Kind::Member { of, .. } | Kind::Index { of, .. } | Kind::Slice { of, .. } => {
                self.depth(of)
            }
            Kind::Const(_)
            | Kind::Not(_)
            | Kind::Negate(_)
            | Kind::Concat(..)
            | Kind::Compare { .. }
            | Kind::Defined { .. }
            | Kind::Test(_)
            | Kind::Call(_) => 0,
        }
    }
}

//! Steps by their nesting: every map of steps becomes a body, and all steps stand in one list.

use std::sync::Arc;

use crate::collections::IndexMap;

use super::Checker;
use crate::document::{self, StepShape};
use crate::finding::Finding;
use crate::workflow::body::FINALLY_TIMEOUT;
use crate::workflow::{Body, BodyRole, Does, Group, Step, Tree};
use crate::yaml::Node;

/// Where a step stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) body: usize,
    pub(super) place: usize,
}

impl<'a> Checker<'a> {
    /// Reads a map of steps, and all that stands in it.
    pub(super) fn body(
        &mut self,
        written: &'a document::Body,
        owner: Option<usize>,
        outer: Option<usize>,
        role: BodyRole,
    ) -> usize {
        let body = self.bodies.len();
        self.bodies.push(Body {
            steps: Vec::new(),
            owner,
            outer,
            role,
        });
        for (place, shape) in written.steps.iter().enumerate() {
            let at = self.steps.len();
            self.bodies[body].steps.push(at);
            self.step_with_all(shape, at, Standing { body, place });
        }
        body
    }

    /// A step, its `undo`, and the steps inside it.
    fn step_with_all(&mut self, shape: &'a StepShape, at: usize, standing: Standing) {
        let step = self.step(shape, standing);
        self.push(step, shape);
        if let Some(undo) = &shape.undo {
            let undoing = self.steps.len();
            let mut step = self.step(undo, standing);
            step.undoes = Some(at);
            self.push(step, undo);
            self.steps[at].undo = Some(undoing);
        }
        if shape
            .verb
            .as_ref()
            .is_none_or(|(verb, _)| *verb != document::keys::Verb::Steps)
        {
            return;
        }
        let outer = Some(standing.body);
        let body = self.body(&shape.steps, Some(at), outer, BodyRole::Main);
        let finally = shape
            .finally
            .as_ref()
            .map(|finally| self.body(finally, Some(at), Some(body), BodyRole::Finally));
        let outputs = shape.outputs.as_ref().map(|members| self.trees(members));
        let finally_timeout =
            self.finally_timeout(shape.field("finally_timeout"), finally.is_some());
        self.steps[at].does = Does::Group(Group {
            body,
            outputs,
            finally,
            finally_timeout,
        });
    }

    fn push(&mut self, step: Step, shape: &'a StepShape) {
        self.steps.push(step);
        self.shapes.push(shape);
    }

    pub(super) fn finally_timeout(
        &mut self,
        node: Option<&Node>,
        has_finally: bool,
    ) -> crate::duration::Millis {
        let Some(node) = node else {
            return FINALLY_TIMEOUT;
        };
        if !has_finally && !node.is_hole() {
            let message = "`finally_timeout` bounds `finally`, and there is none";
            self.findings.push(
                Finding::error("schema.misplaced", node.span, message)
                    .help("add `finally:`, or take it out"),
            );
        }
        self.duration(node).unwrap_or(FINALLY_TIMEOUT)
    }

    /// Whether each step of a map also needs the one above it.
    pub(super) fn is_sequential(&mut self, node: Option<&Node>) -> bool {
        self.boolean(node, "`sequential`").unwrap_or(false)
    }

    /// Trees under names, with their keys.
    pub(super) fn tree_map(&mut self, members: &[document::Member]) -> IndexMap<Arc<str>, Tree> {
        self.trees(members)
    }
}

//! The DAG of a workflow: who needs whom, in which order, and the cycles that make it none.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

/// How a step needs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Its status is asked: it may end in any way (LANGUAGE rule 23).
    Lifted,
    /// It may be skipped, not fail (rule 15: `default`, `is defined`).
    SkipAllowed,
    /// It must succeed.
    Required,
}

/// The graph. Nodes are steps by their index in source order; an edge leads from a step to one that needs it.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    graph: DiGraph<(), Need>,
    order: Vec<usize>,
}

/// A loop of needs, each step needing the next, without the first repeated at the end.
pub type Cycle = Vec<usize>;

impl Plan {
    /// Builds the graph of `steps` steps. An edge is (the step that needs, the needed one, how).
    ///
    /// # Errors
    /// One shortest cycle for each knot of the graph, in source order.
    pub fn new(
        steps: usize,
        needs: impl IntoIterator<Item = (usize, usize, Need)>,
    ) -> Result<Plan, Vec<Cycle>> {
        let mut graph = DiGraph::with_capacity(steps, steps);
        for _ in 0..steps {
            graph.add_node(());
        }
        for (step, needed, need) in needs {
            graph.update_edge(NodeIndex::new(needed), NodeIndex::new(step), need);
        }
        let order = in_order(&graph);
        if order.len() == steps {
            return Ok(Plan { graph, order });
        }
        Err(cycles(&graph))
    }

    /// What a step needs, in source order.
    pub fn needs(&self, step: usize) -> Vec<(usize, Need)> {
        let edges = self
            .graph
            .edges_directed(NodeIndex::new(step), petgraph::Direction::Incoming);
        let mut needs: Vec<_> = edges
            .map(|edge| (edge.source().index(), *edge.weight()))
            .collect();
        needs.sort_unstable();
        needs
    }

    /// The steps that need this one, in source order.
    pub fn needed_by(&self, step: usize) -> Vec<usize> {
        let mut steps: Vec<_> = self
            .graph
            .neighbors(NodeIndex::new(step))
            .map(NodeIndex::index)
            .collect();
        steps.sort_unstable();
        steps
    }

    /// All steps, each after what it needs, ties in source order.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The longest way from a step without needs, counted in edges: the column in which it is drawn.
    pub fn rank(&self) -> Vec<usize> {
        let mut ranks = vec![0; self.order.len()];
        for step in &self.order {
            for next in self.graph.neighbors(NodeIndex::new(*step)) {
                ranks[next.index()] = ranks[next.index()].max(ranks[*step] + 1);
            }
        }
        ranks
    }
}

/// Kahn's algorithm with a heap on the source position; shorter than the graph if it has a cycle.
fn in_order(graph: &DiGraph<(), Need>) -> Vec<usize> {
    let mut left: Vec<usize> = graph
        .node_indices()
        .map(|node| {
            graph
                .edges_directed(node, petgraph::Direction::Incoming)
                .count()
        })
        .collect();
    let mut ready: BinaryHeap<_> = (0..left.len())
        .filter(|step| left[*step] == 0)
        .map(Reverse)
        .collect();
    let mut order = Vec::with_capacity(left.len());
    while let Some(Reverse(step)) = ready.pop() {
        order.push(step);
        for next in graph.neighbors(NodeIndex::new(step)) {
            left[next.index()] -= 1;
            if left[next.index()] == 0 {
                ready.push(Reverse(next.index()));
            }
        }
    }
    order
}

fn cycles(graph: &DiGraph<(), Need>) -> Vec<Cycle> {
    // Not tarjan_scc: it recurses, and a chain of 200,000 steps would end the process.
    let mut knots: Vec<Vec<usize>> = kosaraju_scc(graph)
        .into_iter()
        .map(|knot| knot.into_iter().map(NodeIndex::index).collect::<Vec<_>>())
        .filter(|knot| {
            knot.len() > 1 || graph.contains_edge(NodeIndex::new(knot[0]), NodeIndex::new(knot[0]))
        })
        .collect();
    for knot in &mut knots {
        knot.sort_unstable();
    }
    knots.sort_unstable();
    knots
        .iter()
        .map(|knot| shortest_cycle(graph, knot))
        .collect()
}

/// From the knot's first step along its needs back to it.
fn shortest_cycle(graph: &DiGraph<(), Need>, knot: &[usize]) -> Cycle {
    let start = knot[0];
    let mut came_from = vec![None; graph.node_count()];
    let mut queue = VecDeque::from([start]);
    while let Some(step) = queue.pop_front() {
        let needs = graph.neighbors_directed(NodeIndex::new(step), petgraph::Direction::Incoming);
        for needed in needs
            .map(NodeIndex::index)
            .filter(|needed| knot.contains(needed))
        {
            if needed == start {
                let mut cycle = vec![step];
                while let Some(before) = came_from[*cycle.last().expect("it holds a step")] {
                    cycle.push(before);
                }
                cycle.reverse();
                return cycle;
            }
            if came_from[needed].is_none() {
                came_from[needed] = Some(step);
                queue.push_back(needed);
            }
        }
    }
    knot.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edges as `ab` = a needs b.
    #[track_caller]
    fn check(steps: usize, edges: &str, expected: &str) {
        let index = |byte: u8| usize::from(byte - b'a');
        let needs = edges.split_whitespace().map(|edge| {
            (
                index(edge.as_bytes()[0]),
                index(edge.as_bytes()[1]),
                Need::Required,
            )
        });
        let letter = |step: &usize| char::from(b'a' + u8::try_from(*step).expect("few steps"));
        let shown = match Plan::new(steps, needs) {
            Ok(plan) => plan.order().iter().map(letter).collect::<String>(),
            Err(cycles) => {
                let texts: Vec<_> = cycles
                    .iter()
                    .map(|cycle| cycle.iter().map(letter).collect::<String>())
                    .collect();
                format!("cycle {}", texts.join(","))
            }
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn order_is_stable_and_cycles_are_written_out() {
        check(3, "", "abc");
        check(3, "ab bc", "cba");
        check(4, "ca cb db", "abcd");
        check(2, "aa", "cycle a");
        check(4, "bc cd db", "cycle bcd");
        check(6, "ab ba cd de ec ed", "cycle ab,cde");
    }

    #[test]
    fn a_long_chain_does_not_recurse() {
        let plan = Plan::new(
            200_000,
            (1..200_000).map(|step| (step, step - 1, Need::Required)),
        )
        .expect("no cycle");
        assert_eq!(plan.order().len(), 200_000);
        assert!(
            Plan::new(
                200_000,
                (0..200_000).map(|step| (step, (step + 1) % 200_000, Need::Required))
            )
            .is_err()
        );
    }
}

//! The machine, driven in the virtual world: each rule of what happens to steps, cut journals, any graph.

mod admission;
mod budgets;
mod conformance;
mod cut;
mod golden;
mod graphs;
mod nested;
mod out_of_order;
mod polls;
mod projection;
mod ranges;
mod rows;
mod semantics;
mod shapes;
mod simulator;
mod steps;
mod support;

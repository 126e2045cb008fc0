//! The checker: from shape to meaning. All findings at once, in source order; silent about what was reported before.
//!
//! Read in this order: `inputs`, `connections`, `defaults`, `bodies` (how steps nest), `steps` with `arguments`, `loops`,
//! `children`, `settings` (retry and its kin), `costs` and `output`, `triggers`, then what needs all of them:
//! `names` and `references` (what may be named where), `needs` (edges), `reachable` (what never runs), `types` and
//! `fitting`, `taint` (where data from outside may not go).

mod arguments;
mod bodies;
mod children;
mod compound;
mod connections;
mod costs;
mod defaults;
mod fitting;
mod inputs;
mod loops;
mod names;
mod needs;
mod output;
mod prices;
mod reachable;
mod references;
mod settings;
mod steps;
mod taint;
mod triggers;
mod types;

use std::sync::Arc;

use crate::collections::IndexMap;

use self::defaults::Defaults;
use super::{Body, BodyRole, Connection, Step, Workflow};
use crate::catalog::Catalog;
use crate::document::{Document, Files, Member, StepShape};
use crate::finding::Finding;
use crate::plan::Plan;
use crate::source::{SourceFile, Span};
use crate::workflow::Tree;
use crate::yaml::Node;

/// Checks a document against the operations that exist, with the files that it names.
///
/// The workflow is there if and only if no finding is an error, among those of the parser too (`findings`).
pub fn check(
    document: &Document,
    catalog: &Catalog,
    files: &dyn Files,
    findings: Vec<Finding>,
) -> (Option<Workflow>, Vec<Finding>) {
    let ancestors = vec![document.source.name().to_owned()];
    check_with(document, catalog, files, findings, ancestors)
}

fn check_with(
    document: &Document,
    catalog: &Catalog,
    files: &dyn Files,
    findings: Vec<Finding>,
    ancestors: Vec<String>,
) -> (Option<Workflow>, Vec<Finding>) {
    let mut checker = Checker {
        catalog,
        files,
        ancestors,
        source: &document.source,
        findings,
        connections: IndexMap::default(),
        declared: IndexMap::default(),
        prices: Vec::new(),
        secrets: Vec::new(),
        defaults: Defaults::default(),
        steps: Vec::new(),
        shapes: Vec::new(),
        bodies: Vec::new(),
        children: IndexMap::default(),
        unserved: Vec::new(),
        open_hosts: Vec::new(),
    };
    let workflow = checker.workflow(document);
    let mut findings = checker.findings;
    findings.sort_by_key(|finding| finding.span.start);
    findings.dedup();
    crate::edit::complete(&document.source, &mut findings);
    (
        workflow.filter(|_| !findings.iter().any(Finding::is_error)),
        findings,
    )
}

struct Checker<'a> {
    catalog: &'a Catalog,
    files: &'a dyn Files,
    /// Files of the workflows that start this one, and its own.
    ancestors: Vec<String>,
    source: &'a SourceFile,
    findings: Vec<Finding>,
    connections: IndexMap<Arc<str>, Connection>,
    /// Where the settings of those stand that the workflow declares.
    declared: IndexMap<Arc<str>, Span>,
    /// Prices of the project's own.
    prices: prices::OwnPrices,
    secrets: Vec<super::SecretUse>,
    defaults: Defaults,
    steps: Vec<Step>,
    /// How each step was written.
    shapes: Vec<&'a StepShape>,
    bodies: Vec<Body>,
    children: IndexMap<Arc<str>, Arc<Workflow>>,
    unserved: Vec<Finding>,
    /// Addresses whose host is a template.
    open_hosts: Vec<Span>,
}

impl<'a> Checker<'a> {
    fn workflow(&mut self, document: &'a Document) -> Option<Workflow> {
        let name = self.identity(document);
        let description = self.text(document.fields.get("description"));
        self.version(document.fields.get("flow"));
        let inputs = self.inputs(&document.inputs);
        let vars = self.trees(&document.vars);
        self.prices = self.own_prices(document.prices.as_ref());
        self.declared_connections(&document.connections);
        self.read_defaults(document.fields.get("defaults"));
        let bounds = self.limits_of_runs(document);
        let root = self.body(&document.steps, None, None, BodyRole::Main);
        let finally = document
            .finally
            .as_ref()
            .map(|finally| self.body(finally, None, Some(root), BodyRole::Finally));
        let finally_timeout =
            self.finally_timeout(document.fields.get("finally_timeout"), finally.is_some());
        let triggers = self.triggers(&document.triggers, &inputs);
        let outputs = self.trees(&document.outputs);
        let mut steps = std::mem::take(&mut self.steps);
        for step in &mut steps {
            (step.counted, step.asks) = self.asks(step);
        }
        for child in self.children.values() {
            if let Some(first) = child.unserved.first() {
                let place = child.source.position(first.span.start);
                let message = format!("{}:{}: {}", child.source.name(), place.line, first.message);
                let finding = Finding::warning("check.not_served", document.steps.span, message);
                self.unserved.push(finding);
            }
        }
        let mut workflow = Workflow {
            source: self.source.clone(),
            name,
            description,
            inputs,
            vars,
            connections: std::mem::take(&mut self.connections),
            concurrency: bounds.concurrency,
            priority: bounds.priority,
            budget: bounds.budget,
            triggers,
            by_name: steps
                .iter()
                .enumerate()
                .map(|(at, step)| (step.name.clone(), at))
                .collect(),
            steps,
            bodies: std::mem::take(&mut self.bodies),
            finally,
            finally_timeout,
            outputs,
            output_types: IndexMap::default(),
            plan: Plan::default(),
            children: std::mem::take(&mut self.children),
            unserved: std::mem::take(&mut self.unserved),
            uses_trigger: false,
            secrets: Vec::new(),
        };
        let needs = self.references(&mut workflow, document);
        workflow.secrets = std::mem::take(&mut self.secrets);
        match Plan::new(workflow.steps.len(), needs) {
            Ok(plan) => {
                workflow.plan = plan;
                self.unordered_commands(&workflow, document);
                self.never_runs(&workflow);
                let order = workflow.plan.order().to_vec();
                self.types(&mut workflow, &order);
                self.exfiltration(&workflow, document);
                self.open_webhooks(&workflow, document);
                workflow.shrink();
                Some(workflow)
            }
            Err(cycles) => {
                for cycle in cycles {
                    self.cycle(&workflow, &cycle);
                }
                // What can be said of types without an order is said all the same.
                let order: Vec<usize> = (0..workflow.steps.len()).collect();
                self.types(&mut workflow, &order);
                None
            }
        }
    }

    fn cycle(&mut self, workflow: &Workflow, cycle: &[usize]) {
        let names: Vec<_> = cycle
            .iter()
            .chain(cycle.first())
            .map(|step| &*workflow.steps[*step].name)
            .collect();
        let first = &workflow.steps[cycle[0]];
        let message = match cycle {
            [_] => format!("step `{}` needs itself", first.name),
            _ => format!("these steps need each other: {}", names.join(" → ")),
        };
        let mut finding = Finding::error("check.cycle", first.span, message)
            .label("the loop goes through here")
            .help(
                "a step can only use steps that do not need it: take one of these references out",
            );
        for step in &cycle[1..] {
            finding = finding.related(workflow.steps[*step].span, "and here");
        }
        self.findings.push(finding);
    }

    /// A workflow's identity is its `name`, else its path without extension.
    fn identity(&mut self, document: &Document) -> Arc<str> {
        let from_path = || {
            let path = document.source.name();
            let path = path
                .strip_suffix(".yml")
                .or_else(|| path.strip_suffix(".yaml"))
                .unwrap_or(path);
            Arc::from(path.trim_start_matches("./"))
        };
        let Some(node) = document.fields.get("name") else {
            return from_path();
        };
        let Some(text) = self.text(Some(node)) else {
            return from_path();
        };
        let letters = text.chars().all(|letter| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || "_-".contains(letter)
        });
        if !letters
            || !text.starts_with(|letter: char| letter.is_ascii_lowercase())
            || text.len() > 64
        {
            let message = format!("`{text}` cannot be the name of a workflow");
            let finding = Finding::error("schema.id", node.span, message)
                .edits(crate::edit::workflow_name(self.source, node));
            self.findings.push(finding.help("names are lower-case letters, digits, `_` and `-`, and begin with a letter, at most 64 in all"));
        }
        text
    }

    fn version(&mut self, node: Option<&Node>) {
        let Some(node) = node.filter(|node| !node.is_hole()) else {
            return;
        };
        if node.as_scalar().is_none_or(|scalar| &*scalar.text != "1") {
            let finding = Finding::error(
                "schema.version",
                node.span,
                "this version of the language is not known",
            );
            self.findings
                .push(finding.help("write `flow: 1`, or leave the key out"));
        }
    }

    fn trees(&mut self, members: &[Member]) -> IndexMap<Arc<str>, Tree> {
        members
            .iter()
            .map(|member| (member.name.text.clone(), self.tree(&member.value)))
            .collect()
    }

    fn tree(&mut self, node: &Node) -> Tree {
        Tree::parse(node, self.source, &mut self.findings)
    }

    /// A text that is written out; templates in it are refused.
    fn text(&mut self, node: Option<&Node>) -> Option<Arc<str>> {
        let node = node.filter(|node| !node.is_hole())?;
        match node.as_scalar() {
            Some(scalar) if scalar.text.contains("{{") => {
                let finding = Finding::error(
                    "template.not_allowed_here",
                    node.span,
                    "a template is not possible here",
                );
                self.findings.push(finding.help("write the text as it is"));
                None
            }
            Some(scalar) if !scalar.is_null() => Some(scalar.text.clone()),
            _ => {
                let message = format!("expected text, found {}", node.describe());
                let finding = Finding::error("schema.type", node.span, message);
                self.findings
                    .push(finding.help("write one text here, without `[` or `{`"));
                None
            }
        }
    }

    fn boolean(&mut self, node: Option<&Node>, what: &str) -> Option<bool> {
        let node = node.filter(|node| !node.is_hole())?;
        if self.is_template(node) {
            return None;
        }
        let value = node.as_scalar().and_then(crate::yaml::Scalar::as_bool);
        if value.is_none() {
            let message = format!("{what} is `true` or `false`, found {}", node.describe());
            let finding = Finding::error("schema.type", node.span, message);
            self.findings.push(
                finding
                    .help("write `true` or `false`, without quotes")
                    .edits(crate::edit::boolean(node)),
            );
        }
        value
    }
}

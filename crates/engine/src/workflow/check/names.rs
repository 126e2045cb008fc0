//! One name in an expression: whether it is in scope where it stands, and what to write if it is not.

use crate::collections::HashSet;
use std::sync::Arc;

use super::Checker;
use crate::expr::{RefKind, RefPart, Reference};
use crate::finding::Finding;
use crate::source::Span;
use crate::workflow::{Does, SecretUse, Workflow};

/// What an expression may name, by where it stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Roots in scope.
    pub(super) roots: &'a [&'a str],
    /// Names of loops and rounds around it.
    pub(super) locals: &'a [Arc<str>],
    /// Whether a secret may stand here.
    pub(super) secrets: bool,
    /// How messages call the place.
    pub(super) what: &'a str,
}

pub(super) const STEP_ROOTS: &[&str] = &["inputs", "trigger", "steps", "secrets", "vars", "run"];
pub(super) const RESULT_ROOTS: &[&str] = &[
    "inputs", "trigger", "steps", "secrets", "vars", "run", "result",
];
pub(super) const ITEM_ROOTS: &[&str] = &[
    "inputs", "trigger", "steps", "secrets", "vars", "run", "item", "index", "key",
];

impl Place<'static> {
    /// A place outside of all steps.
    pub(super) fn outside(roots: &'static [&'static str], what: &'static str) -> Place<'static> {
        Place {
            roots,
            locals: &[],
            secrets: false,
            what,
        }
    }
}

/// What was seen on the way.
#[derive(Default)]
pub(super) struct Names {
    pub(super) uses_trigger: bool,
    pub(super) secrets: Vec<SecretUse>,
    seen_secrets: HashSet<(Arc<str>, Span)>,
}

impl Checker<'_> {
    /// Judges one name; true if it is in scope.
    pub(super) fn name(
        &mut self,
        workflow: &Workflow,
        reference: &Reference,
        span: Span,
        place: Place<'_>,
        body: Option<usize>,
        names: &mut Names,
    ) -> bool {
        let root = &*reference.root;
        if reference.kind == RefKind::Value && place.locals.iter().any(|local| &**local == root) {
            return true;
        }
        if reference.kind != RefKind::Value && !place.roots.contains(&"steps") {
            let finding = Finding::error(
                "check.out_of_scope",
                span,
                format!("the state of steps is not known in {}", place.what),
            );
            self.findings
                .push(finding.help("ask for it in the `if` of a step, or in `outputs:`"));
            return false;
        }
        if !place.roots.contains(&root) {
            self.unknown_root(workflow, root, span, place);
            return false;
        }
        let member = match reference.path.first() {
            Some(RefPart::Key(name)) => Some(name),
            _ => None,
        };
        match (root, member) {
            ("trigger", _) => names.uses_trigger = true,
            ("secrets", Some(name)) => self.secret(name, span, place, names),
            ("secrets" | "steps", None) if reference.kind == RefKind::Value => {
                let message = format!("`{root}` alone cannot be used: say which one");
                let finding = Finding::error("check.whole_namespace", span, message);
                self.findings
                    .push(finding.help(format!("write `{root}.NAME` with the name written out")));
                return false;
            }
            ("inputs", Some(name)) if !workflow.inputs.contains_key(name) => {
                let finding = Finding::error(
                    "check.unknown_input",
                    span,
                    format!("the workflow has no input `{name}`"),
                );
                self.findings.push(finding.help_nearest(
                    name,
                    workflow.inputs.keys().map(AsRef::as_ref),
                    "declare it under `inputs:`",
                ));
            }
            ("vars", Some(name)) if !workflow.vars.contains_key(name) => {
                let finding = Finding::error(
                    "check.unknown_var",
                    span,
                    format!("there is no `{name}` under `vars`"),
                );
                self.findings.push(finding.help_nearest(
                    name,
                    workflow.vars.keys().map(AsRef::as_ref),
                    "declare it under `vars:`",
                ));
            }
            ("steps", Some(name)) if !workflow.by_name.contains_key(name) => {
                let finding = Finding::error(
                    "check.unknown_step",
                    span,
                    format!("there is no step `{name}`"),
                );
                let steps = workflow.steps.iter().take(self.compared());
                let known = steps.map(|step| &*step.name);
                self.findings
                    .push(finding.label("unknown step").help_nearest(
                        name,
                        known,
                        "steps are named by the keys under `steps:`",
                    ));
                return false;
            }
            ("steps", Some(name)) => {
                return self.visible(workflow, name, span, body);
            }
            _ => {}
        }
        true
    }

    /// A step is seen from its own map, and from those inside its siblings; never from outside a group or loop.
    pub(super) fn visible(
        &mut self,
        workflow: &Workflow,
        name: &str,
        span: Span,
        body: Option<usize>,
    ) -> bool {
        let Some(needed) = workflow.step_index(name) else {
            return false;
        };
        let home = workflow.steps[needed].body;
        let mut around = body
            .into_iter()
            .flat_map(|body| workflow.bodies_around(body));
        if around.any(|body| body == home) {
            return true;
        }
        let owner = workflow.bodies[home].owner;
        let message = match owner {
            Some(owner) => format!(
                "step `{name}` is inside `{}`, and cannot be seen from here",
                workflow.steps[owner].name
            ),
            None => format!("step `{name}` stands under `finally`, and cannot be seen from here"),
        };
        let mut finding = Finding::error("check.invisible_step", span, message)
            .related(workflow.steps[needed].span, "it stands here");
        if let Some(owner) = owner.map(|owner| &workflow.steps[owner]) {
            let outputs = match &owner.does {
                Does::Group(group) => group.outputs.as_ref(),
                _ => None,
            };
            let given = outputs.map(|outputs| {
                let names: Vec<_> = outputs.keys().map(|name| format!("`{name}`")).collect();
                names.join(", ")
            });
            let each = owner.each.is_some();
            finding = finding.help(match (given, each) {
                (Some(given), false) => format!(
                    "`{0}` gives {given}: write `steps.{0}.NAME`, or add `{name}` to its `outputs:`",
                    owner.name
                ),
                (None, false) => format!("write `steps.{}.{name}`", owner.name),
                (_, true) => format!(
                    "`steps.{0}.values` is the list of what its items gave; each has {1}",
                    owner.name,
                    outputs.map_or_else(
                        || format!("a member `{name}`"),
                        |_| "the members of its `outputs:`".to_owned()
                    )
                ),
            });
        }
        if owner.is_none() {
            finding = finding
                .help("`finally` runs when all else is over: what needs it stands there too");
        }
        self.findings.push(finding);
        false
    }

    /// With how many steps an unknown name is compared: after a hundred findings a guess helps nobody any more.
    pub(super) fn compared(&self) -> usize {
        if self.findings.len() < 100 {
            usize::MAX
        } else {
            0
        }
    }

    fn unknown_root(&mut self, workflow: &Workflow, root: &str, span: Span, place: Place<'_>) {
        let roots = place
            .roots
            .iter()
            .map(|root| format!("`{root}`"))
            .collect::<Vec<_>>()
            .join(", ");
        let known_elsewhere =
            ITEM_ROOTS.contains(&root) || RESULT_ROOTS.contains(&root) || root == "previous";
        let message = if known_elsewhere {
            format!("`{root}` is not in scope in {}", place.what)
        } else {
            format!("`{root}` is not defined")
        };
        let finding = Finding::error("check.unknown_name", span, message);
        let finding = match crate::finding::misspelt(root, place.roots.iter().copied()) {
            Some(near) => finding.meant(root, near),
            None => finding.maybe_meant(root, section_of(workflow, root)),
        };
        let elsewhere = known_elsewhere && place.roots != ["item"];
        let help = if workflow.inputs.contains_key(root) {
            format!("an input is written `inputs.{root}`")
        } else if workflow.steps.iter().any(|step| &*step.name == root) {
            format!("a step's value is written `steps.{root}`")
        } else if workflow.vars.contains_key(root) {
            format!("a var is written `vars.{root}`")
        } else if root == "trigger" && place.roots == ["result"] {
            "what happened is `result` here; it is `trigger` in the run".to_owned()
        } else if elsewhere {
            format!("in scope here: {roots}")
        } else {
            let only = match place.roots {
                [only] => format!(
                    "only `{only}` is in scope here: its members are written `{only}.{root}`"
                ),
                _ => format!("in scope here: {roots}; text is written in quotes"),
            };
            match crate::finding::nearest(root, place.roots.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => only,
            }
        };
        self.findings.push(finding.help(help));
    }

    fn secret(&mut self, name: &Arc<str>, span: Span, place: Place<'_>, names: &mut Names) {
        if !place.secrets {
            let finding = Finding::error(
                "check.secret_placement",
                span,
                format!("the secret `{name}` may not be used here"),
            );
            self.findings.push(finding.help("secrets may stand in `connections`, in parameters that take a secret, and in `env:` of `run:`"));
        }
        if names.seen_secrets.insert((name.clone(), span)) {
            names.secrets.push(SecretUse {
                name: name.clone(),
                span,
                connection: None,
            });
        }
    }
}

/// `inputs.x`, `steps.x` or `vars.x`, if exactly one of them is there.
fn section_of(workflow: &Workflow, name: &str) -> Option<String> {
    let mut found = [
        ("inputs", workflow.inputs.contains_key(name)),
        ("steps", workflow.by_name.contains_key(name)),
        ("vars", workflow.vars.contains_key(name)),
    ]
    .into_iter()
    .filter(|(_, is_there)| *is_there);
    match (found.next(), found.next()) {
        (Some((section, _)), None) => Some(format!("{section}.{name}")),
        _ => None,
    }
}

//! A checked workflow: names resolved, types agreed, ready to be planned and run.
//!
//! Read in this order: [`Workflow`], [`body`] (how steps nest), [`bounds`] (how many go at once), [`trigger`] (what starts runs), [`tree`] (templates with
//! their places), [`check`] (how a document becomes one).

pub mod body;
pub mod bounds;
mod check;
pub mod input;
pub mod tree;
pub mod trigger;

use crate::collections::HashMap;
use std::sync::Arc;

use crate::collections::IndexMap;

use crate::catalog::{Adopt, Effect, EngineAction, Look, OperationKind, Signal};
use crate::duration::Millis;
use crate::finding::Finding;
use crate::money::{Budget, Prices};
use crate::plan::{Need, Plan};
use crate::run::retry::RetryPolicy;
use crate::source::{SourceFile, Span};
use crate::types::Type;
use crate::value::Value;
use crate::yaml::TextPlace;

pub use body::{
    Body, BodyRole, ChildCall, Computed, Each, Group, LoopNames, OnMax, Repeat, Tolerate,
};
pub use bounds::{Concurrency, Limits};
pub use check::check;
pub use input::Input;
pub use tree::{Bare, Stop, Tree};
pub use trigger::{Starts, Trigger};

/// A workflow that can run.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// The text it was read from; places in it are spans of this.
    pub source: SourceFile,
    /// Its identity: `name`, else its path without extension.
    pub name: Arc<str>,
    /// For people.
    pub description: Option<Arc<str>>,
    /// Declared inputs.
    pub inputs: IndexMap<Arc<str>, Input>,
    /// `vars`, rendered once at the start, in this order.
    pub vars: IndexMap<Arc<str>, Tree>,
    /// Connections that steps use, declared or implied by a connector's name.
    pub connections: IndexMap<Arc<str>, Connection>,
    /// `concurrency:`: how many runs go at once.
    pub concurrency: Option<Concurrency>,
    /// `priority:`: of what waits, more goes first.
    pub priority: i32,
    /// `budget:`: the most that the calls of a run may cost.
    pub budget: Option<Budget>,
    /// What starts a run, by name.
    pub triggers: IndexMap<Arc<str>, Trigger>,
    /// All steps in source order, those inside groups behind their group; `undo` of a step right behind it.
    pub steps: Vec<Step>,
    /// Their indexes by name; the `undo` of `x` is named `x.undo`.
    pub by_name: HashMap<Arc<str>, usize>,
    /// The maps that steps stand in; the first one is that of the workflow.
    pub bodies: Vec<Body>,
    /// `finally:` of the workflow: its body.
    pub finally: Option<usize>,
    /// How long `finally` of the workflow may take.
    pub finally_timeout: Millis,
    /// What a successful run gives.
    pub outputs: IndexMap<Arc<str>, Tree>,
    /// Their types.
    pub output_types: IndexMap<Arc<str>, Type>,
    /// The graph of the steps: edges lead between steps of one body.
    pub plan: Plan,
    /// The workflows that it starts, by the path of their files.
    pub children: IndexMap<Arc<str>, Arc<Workflow>>,
    /// What in it is checked, but cannot run on this machine alone: the same findings that were warnings.
    pub unserved: Vec<Finding>,
    /// Whether anything in it reads `trigger`.
    pub uses_trigger: bool,
    /// Every secret it names.
    pub secrets: Vec<SecretUse>,
}

/// A secret that the workflow names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is named, or where it is implied.
    pub span: Span,
    /// The connection it belongs to, if it is a credential.
    pub connection: Option<Arc<str>>,
}

/// A connection of the workflow.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The connector's handle.
    pub connector: Arc<str>,
    /// Its settings, defaults filled in.
    pub settings: Tree,
    /// `limits:`.
    pub limits: Option<Limits>,
    /// Whether its service says how much more it takes.
    pub rated: bool,
    /// The settings that tell its account from others of the service.
    pub identity: Vec<Arc<str>>,
    /// What the tokens of its models cost.
    pub prices: Arc<Prices>,
    /// Where it is declared, or first used.
    pub span: Span,
}

/// A trigger operation with its parameters.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The operation.
    pub call: CallShape,
    /// How it looks.
    pub look: Look,
    /// Time between two looks.
    pub every: Millis,
    /// Picks occurrences, over `result`.
    pub condition: Option<Bare>,
    /// From when on events count, where a history of them is read.
    pub after: Option<Box<After>>,
}

impl Watch {
    /// Whose word it waits for, if it does not look at a service, and at no clock.
    pub fn signal(&self) -> Option<Signal> {
        match &self.look {
            Look::Signal(signal) => Some(*signal),
            Look::Success(_) => Some(Signal::Event),
            _ => None,
        }
    }

    /// The event that it waits for, if it waits for one; `arguments` are its parameters, rendered.
    pub fn event(&self, arguments: &Value) -> Option<Arc<str>> {
        match &self.look {
            Look::Signal(Signal::Event) => {
                let name = arguments.get("event").and_then(Value::as_str);
                Some(name.unwrap_or_default().into())
            }
            Look::Success(_) => {
                Some(format!("{}.{}", self.call.connector, self.call.operation).into())
            }
            _ => None,
        }
    }
}

/// From when on events count.
#[derive(Debug, Clone)]
pub enum After {
    /// Since this step began: its name.
    Step(Arc<str>, Span),
    /// Since this time.
    Time(Tree),
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its id.
    pub name: Arc<str>,
    /// Where the id stands.
    pub span: Span,
    /// What it does.
    pub does: Does,
    /// The body it stands in.
    pub body: usize,
    /// Its place among the steps of that body.
    pub place: usize,
    /// `for_each:`.
    pub each: Option<Each>,
    /// `repeat:`.
    pub repeat: Option<Repeat>,
    /// `undo:`: the index of what undoes it.
    pub undo: Option<usize>,
    /// The step that it undoes, if it is an `undo`.
    pub undoes: Option<usize>,
    /// The steps whose values or states it may use, in its own body and around it, and how it needs them.
    pub sees: Vec<(usize, Need)>,
    /// `if:`.
    pub condition: Option<Bare>,
    /// `always()` stands in its `if`.
    pub always: bool,
    /// `output:`.
    pub output: Option<Output>,
    /// `concurrency:`: how many of them go at once.
    pub concurrency: Option<Concurrency>,
    /// `budget:`: the most that its calls may cost.
    pub budget: Option<Budget>,
    /// Whether each of it counts: it has `concurrency`, or calls a connection with `limits`.
    pub counted: bool,
    /// Whether it must ask before it goes: it is counted, or calls a service that says how much more it takes.
    pub asks: bool,
    /// `timeout:`: bounds the whole step.
    pub timeout: Option<Tree>,
    /// `retry:`, with the defaults of the effect.
    pub retry: RetryPolicy,
    /// `on_error:`.
    pub on_error: OnError,
    /// Type of its value.
    pub ty: Type,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Does {
    /// Calls an operation.
    Call(CallStep),
    /// Holds the run until a trigger fires.
    Hold(Watch),
    /// Computes a value.
    Value(Tree),
    /// Is done by the run itself.
    Engine(EngineAction, CallShape),
    /// Runs steps of its own.
    Group(Group),
    /// Runs another workflow.
    Child(ChildCall),
}

/// A step that calls an operation.
#[derive(Debug, Clone)]
pub struct CallStep {
    /// The call.
    pub call: CallShape,
    /// Action or query.
    pub kind: OperationKind,
    /// How far it may be repeated.
    pub effect: Effect,
    /// What becomes of it after a crash in mid-attempt, where the effect is `once`.
    pub on_interrupt: OnInterrupt,
    /// How to find what it made, where its effect is `once` and nobody heard the answer.
    pub adopt: Option<Arc<Adopt>>,
    /// Whether a call costs tokens, and what it may cost at most is known before it is made.
    pub priced: bool,
    /// The events that its success is, for triggers that wait for it.
    pub announces: Vec<Arc<str>>,
}

/// An operation and its parameters.
#[derive(Debug, Clone)]
pub struct CallShape {
    /// Name of the connection in [`Workflow::connections`]; a local connector's own name.
    pub connection: Arc<str>,
    /// The connector's handle.
    pub connector: Arc<str>,
    /// The operation's name in the connector.
    pub operation: Arc<str>,
    /// What is given for each parameter.
    pub arguments: IndexMap<Arc<str>, Argument>,
    /// `pages:`.
    pub pages: Option<u32>,
    /// `with_response:`.
    pub with_response: bool,
}

/// What is given for a parameter.
#[derive(Debug, Clone)]
pub enum Argument {
    /// Rendered with the step.
    Value(Tree),
    /// Evaluated for each item.
    Expression(Bare),
    /// Rendered for each item.
    Template(Tree),
}

/// What replaces a step's value.
#[derive(Debug, Clone)]
pub enum Output {
    /// One `JSONPath` over the value.
    Path(OutputPath),
    /// A map of paths and templates over `result`.
    Map(Vec<(Arc<str>, OutputPart)>),
    /// One template over `result`.
    Tree(Tree),
}

/// A `JSONPath` with its place.
#[derive(Debug, Clone)]
pub struct OutputPath {
    /// Where it stands.
    pub span: Span,
    /// How it was written, for places inside it.
    pub place: TextPlace,
    /// As it was written.
    pub text: Arc<str>,
    /// The path.
    pub path: crate::expr::JsonPath,
}

/// One member of an `output:` map.
#[derive(Debug, Clone)]
pub enum OutputPart {
    /// A `JSONPath` over the value.
    Path(OutputPath),
    /// A tree of templates over `result`.
    Tree(Tree),
}

/// What the failure of a step does to the run.
#[derive(Debug, Clone, Default)]
pub enum OnError {
    /// The run fails.
    #[default]
    Fail,
    /// The run may succeed; what needs the step is skipped.
    Continue,
    /// The step succeeds with this value.
    Value(Tree),
}

/// What becomes of a `once` attempt whose end was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnInterrupt {
    /// The run waits for a person.
    #[default]
    Ask,
    /// The step fails.
    Fail,
    /// It is sent again.
    Retry,
}

impl Workflow {
    /// Gives back the memory that only building it needed: a daemon keeps thousands of them.
    fn shrink(&mut self) {
        self.inputs.shrink_to_fit();
        self.vars.shrink_to_fit();
        self.connections.shrink_to_fit();
        self.triggers.shrink_to_fit();
        self.steps.shrink_to_fit();
        self.by_name.shrink_to_fit();
        self.bodies.shrink_to_fit();
        self.outputs.shrink_to_fit();
        self.secrets.shrink_to_fit();
    }

    /// The index of the body of a step's map, from the innermost outwards.
    pub fn bodies_around(&self, body: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(body), |body| self.bodies[*body].outer)
    }

    /// Whether calls in it, or in what it starts, cost something that is known before.
    pub fn is_priced(&self) -> bool {
        let calls = |step: &Step| matches!(&step.does, Does::Call(call) if call.priced);
        let children = || self.children.values();
        self.steps.iter().any(calls) || children().any(|child| child.is_priced())
    }

    /// This workflow and all that it starts, at any depth.
    pub fn with_children(&self) -> Vec<&Workflow> {
        let below = self.children.values();
        let below = below.flat_map(|child| child.with_children());
        std::iter::once(self).chain(below).collect()
    }

    /// The step that a path of a run is about, such as `ask` of `each[3]/ask#2`.
    pub fn step_of_path(&self, path: &str) -> Option<&Step> {
        let last = path.rsplit('/').next().unwrap_or(path);
        let undo = last.strip_suffix(".undo");
        let bare = undo.unwrap_or(last);
        let name = &bare[..bare.find(['[', '#']).unwrap_or(bare.len())];
        let index = match undo {
            Some(_) => self.step_index(&format!("{name}.undo")),
            None => self.step_index(name),
        };
        index.map(|index| &self.steps[index])
    }

    /// The index of a step.
    pub fn step_index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

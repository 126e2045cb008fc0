//! The operations that exist: what the checker and the machine know of connectors. Filled by whoever loads them.

use std::sync::Arc;

use crate::collections::IndexMap;

use crate::duration::Millis;
use crate::money::Prices;
use crate::types::Type;
use crate::value::Value;

/// All connectors by name, and their aliases.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// By handle, such as `claude-api`, in order of loading.
    pub connectors: IndexMap<Arc<str>, Connector>,
    /// Short names, such as `claude` for `claude-api`.
    pub aliases: IndexMap<Arc<str>, Arc<str>>,
}

/// One service, or one of the local connectors.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Its handle.
    pub name: Arc<str>,
    /// What it is called in lists.
    pub title: Arc<str>,
    /// One sentence.
    pub description: Arc<str>,
    /// A local connector (`file`, `data`, ...): needs no connection, and no connection may take its name.
    pub local: bool,
    /// What a connection to it may set; empty for local connectors.
    pub settings: IndexMap<Arc<str>, Setting>,
    /// What the tokens of its models cost.
    pub prices: Arc<Prices>,
    /// By name after the connector, such as `message_batches.create`, or `read` for a local one.
    pub operations: IndexMap<Arc<str>, Operation>,
    /// Whether its answers say how much more the service takes, and from when on: then steps ask before they call it.
    pub rated: bool,
}

/// One thing that a connection may set: a credential or an address.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Whether the value must be a secret handle.
    pub secret: bool,
    /// The only values allowed; empty for any.
    pub one_of: Vec<Arc<str>>,
    /// Name of the secret that is used if the workflow says nothing.
    pub default_secret: Option<Arc<str>>,
    /// What must hold for the default secret to be needed.
    pub needed_if: Vec<SettingIs>,
    /// Whether it tells one account of the service from another: a credential, or a part of the address.
    pub identifies: bool,
    /// One sentence.
    pub description: Arc<str>,
}

/// Another setting has a certain value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingIs {
    /// Its name.
    pub setting: Arc<str>,
    /// The value.
    pub value: Arc<str>,
    /// Whether it has the value if nothing is said.
    pub by_default: bool,
}

impl Setting {
    /// The secret that is used if nothing is said, unless what is said of other settings makes it needless. `given` is
    /// what is said of a setting: nothing, something that is not known yet, or a text.
    pub fn secret_if<'a>(
        &self,
        given: impl Fn(&str) -> Option<Option<&'a str>>,
    ) -> Option<&Arc<str>> {
        let holds = |rule: &SettingIs| match given(&rule.setting) {
            None => rule.by_default,
            Some(None) => true,
            Some(Some(text)) => *text == *rule.value,
        };
        let needed = self.needed_if.iter().all(holds);
        self.default_secret.as_ref().filter(|_| needed)
    }
}

/// What a step of this operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// Waits for something to happen.
    Trigger,
    /// Changes the world.
    Action,
    /// Only reads.
    Query,
}

impl OperationKind {
    /// `trigger`, `action` or `query`: also the key of the step that uses it.
    pub fn as_str(self) -> &'static str {
        match self {
            OperationKind::Trigger => "trigger",
            OperationKind::Action => "action",
            OperationKind::Query => "query",
        }
    }
}

/// How far an operation may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// A query: repeated after any transient failure.
    Read,
    /// Again costs a little and harms nothing.
    Repeatable,
    /// Repeated with the same key, or idempotent by nature.
    Keyed,
    /// Must not happen twice.
    Once,
}

impl Effect {
    /// All effects, from harmless to strict.
    pub const ALL: [Effect; 4] = [
        Effect::Read,
        Effect::Repeatable,
        Effect::Keyed,
        Effect::Once,
    ];

    /// As it is written in a workflow.
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Read => "read",
            Effect::Repeatable => "repeatable",
            Effect::Keyed => "keyed",
            Effect::Once => "once",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Effect> {
        Effect::ALL
            .into_iter()
            .find(|effect| effect.as_str() == text)
    }

    /// Whether an attempt has two halves, *prepare* and *send*: those whose repetition must be the same request.
    pub fn has_halves(self) -> bool {
        matches!(self, Effect::Keyed | Effect::Once)
    }
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Trigger, action or query.
    pub kind: OperationKind,
    /// Title for lists, such as `Send Message`.
    pub title: Arc<str>,
    /// One sentence.
    pub description: Arc<str>,
    /// How far it may be repeated.
    pub effect: Effect,
    /// HTTP method and path, for lists; empty for local operations.
    pub method: Arc<str>,
    /// Path below the base URL, placeholders in braces; empty for local operations.
    pub path: Arc<str>,
    /// In the descriptor's order.
    pub parameters: IndexMap<Arc<str>, Parameter>,
    /// Whether parameters that are not declared may be given (sent in the body as they are).
    pub open: bool,
    /// Type of the value.
    pub output: OutputType,
    /// How a trigger looks; `None` for actions and queries, and for triggers that are only delivered.
    pub look: Option<Look>,
    /// What the run itself does in place of a connector.
    pub engine: Option<EngineAction>,
    /// How to find what it made, where nobody heard the answer.
    pub adopt: Option<Arc<Adopt>>,
    /// Whether a call costs tokens, and what it may cost at most is known before it is made.
    pub priced: bool,
    /// What must serve it beyond one machine's `flow run`, such as `flow serve`; `None` if nothing must.
    pub served_by: Option<Arc<str>>,
    /// The workflow that the operation is made of, as text: a step that calls it runs that workflow, with the arguments as
    /// inputs. `CONNECTION` in it stands for the connection that is called.
    pub compound: Option<Arc<str>>,
}

/// How what an operation made is found again. How to look is the connector's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopt {
    /// Names the kind of thing in the whole store, such as the address of its collection.
    pub what: Arc<str>,
    /// The member of the value that identifies it.
    pub id: Arc<str>,
    /// For so long it is looked for before it counts as not made: a request may still be on its way.
    pub settle: Millis,
    /// For so long it is awaited that it can be told whose it is.
    pub wait: Millis,
}

impl Adopt {
    /// The id of what was made, if the value tells.
    pub fn id_of(&self, value: &Value) -> Option<String> {
        value
            .get(&self.id)
            .and_then(Value::as_str)
            .map(str::to_owned)
    }
}

/// An action of the run itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineAction {
    /// The step fails, with the author's message.
    Fail,
    /// The run ends here, well.
    Stop,
    /// Others may start when this happened.
    Emit,
}

/// What the value of an operation is.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputType {
    /// Always this.
    Fixed(Type),
    /// The same as what is given for this parameter.
    SameAs(Arc<str>),
    /// A stream of what this parameter (of kind template) yields for one item.
    StreamOf(Arc<str>),
}

/// One parameter of an operation.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// How what the author writes is read.
    pub kind: ParameterKind,
    /// Type of the value; of the result, for expressions and templates.
    pub ty: Type,
    /// Whether it must be given.
    pub required: bool,
    /// Used when it is not given; for people and for the sandbox alike.
    pub default: Option<Value>,
    /// One sentence.
    pub description: Arc<str>,
}

/// How what the author writes for a parameter is read (LANGUAGE rule 18).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterKind {
    /// Rendered with the step.
    Value,
    /// A bare expression, evaluated by the operation for each item of the named parameter.
    Expression {
        /// The parameter that gives the items.
        over: Arc<str>,
    },
    /// A tree of templates, evaluated by the operation for each item of the named parameter.
    Template {
        /// The parameter that gives the items.
        over: Arc<str>,
    },
}

/// How a trigger sees that something happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Look {
    /// Reads one object and looks at it until a condition holds.
    Level(Level),
    /// Lists a collection and compares with what was there.
    Edge(Edge),
    /// Level if this parameter is given (it names one object), else edge.
    Either {
        /// The parameter that names the object.
        object: Arc<str>,
        /// With it.
        level: Level,
        /// Without it.
        edge: Edge,
    },
    /// At a time that its parameters give: served by the machine's clock.
    Time,
    /// When somebody or something outside says so.
    Signal(Signal),
    /// When a run of this store calls this operation of the connector and it succeeds: the service cannot be asked for it.
    Success(Arc<str>),
}

/// Whose word a trigger waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// A person decides.
    Approval,
    /// An event happens, whose name is the parameter `event`.
    Event,
    /// Somebody calls the address of the step.
    Callback,
}

impl Signal {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Signal::Approval => "approval",
            Signal::Event => "event",
            Signal::Callback => "callback",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Signal> {
        let all = [Signal::Approval, Signal::Event, Signal::Callback];
        all.into_iter().find(|signal| signal.as_str() == text)
    }
}

/// The rule of a level trigger.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// The query that reads the object; it takes the trigger's own parameters.
    pub query: Arc<str>,
    /// An expression over `item`, the object: the trigger ends when it is true.
    pub condition: Arc<str>,
    /// Time between two looks if the workflow does not say.
    pub every: Millis,
}

/// The rule of an edge trigger.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// The query that lists the collection.
    pub query: Arc<str>,
    /// The member that identifies an item.
    pub key: Arc<str>,
    /// What counts as news.
    pub news: News,
    /// Time between two looks if the workflow does not say.
    pub every: Millis,
}

/// What counts as news in a collection.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// An item that was not there before.
    Appeared,
    /// An item that is no longer there.
    Vanished,
    /// An item for which this expression over `item` is true now, and was not before (or which was not there before).
    Became(Arc<str>),
}

impl Catalog {
    /// The connector of this name or alias.
    pub fn connector(&self, name: &str) -> Option<&Connector> {
        let name = self.aliases.get(name).map_or(name, |handle| handle);
        self.connectors.get(name)
    }

    /// All names under which connectors can be written.
    pub fn connector_names(&self) -> impl Iterator<Item = &str> {
        self.connectors
            .keys()
            .chain(self.aliases.keys())
            .map(AsRef::as_ref)
    }
}

//! An operation as the rest of the crate uses it.

use std::sync::Arc;
use std::time::Duration;

use flow_engine::catalog;
use flow_engine::collections::IndexMap;
use flow_engine::duration::Millis;
use flow_engine::money::TokenKind;
use flow_engine::value::{Map, View};

use super::body_template::BodyTemplate;
use super::document::ArrayStyle;
use super::resource::{FieldDocument, PartDocument};
use super::service::{HeaderRule, Path};
use super::template::Template;

/// A query, action or trigger.
#[derive(Debug, Clone)]
pub struct Operation {
    /// What the engine knows of it.
    pub entry: catalog::Operation,
    /// How it is performed; `None` for triggers, which look through queries.
    pub wire: Option<Wire>,
    /// What a delivery of the event holds, for triggers in the older form.
    pub payload: Vec<FieldDocument>,
}

/// How an operation becomes a request, and its answer a value.
#[derive(Debug, Clone)]
pub struct Wire {
    /// Upper-case method.
    pub method: Arc<str>,
    /// Path below the service's address; its holes are parameters.
    pub path: Template,
    /// Where each parameter goes.
    pub places: IndexMap<Arc<str>, Place>,
    /// Groups of parameters of which at least one must be given.
    pub one_of: Vec<Vec<Arc<str>>>,
    /// Members that every body has.
    pub constants: Map,
    /// Body with holes, if it is written as one.
    pub template: Option<BodyTemplate>,
    /// Whether the body is a form of parts.
    pub multipart: bool,
    /// Whether the body is a form of names and texts.
    pub is_form: bool,
    /// Whether a request without body members has the body `{}` (POST with declared members).
    pub has_body: bool,
    /// Media type of the body.
    pub content_type: Arc<str>,
    /// Headers of this operation only.
    pub headers: Vec<HeaderRule>,
    /// Values of the service's beta header.
    pub beta: Vec<Arc<str>>,
    /// Value of `accept`.
    pub accept: Arc<str>,
    /// What comes back.
    pub answer: Answer,
    /// How a list goes on.
    pub pagination: Option<Pagination>,
    /// Members added to the answer, or to each item of a list or stream.
    pub view: Option<Arc<View>>,
    /// The list parameter whose items the request is counted by.
    pub count: Option<Arc<str>>,
    /// Time to the first byte, if not the usual.
    pub first_byte: Option<Duration>,
    /// How what it made is found again.
    pub adopt: Option<Adopt>,
    /// Parameters whose sources may be files.
    pub sources: Vec<Arc<str>>,
    /// What its answers are held to.
    pub structured: Option<Structured>,
    /// What its calls cost.
    pub usage: Option<Usage>,
}

/// A request may ask for an answer that fits a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structured {
    /// Path of the schema in the body of the request.
    pub schema: Path,
    /// The member of the answer with the JSON text.
    pub text: Arc<str>,
    /// Path of the word that says how the answer ended.
    pub ended: Path,
    /// Words after which nothing is promised.
    pub unless: Vec<Arc<str>>,
}

/// What calls of an operation cost.
#[derive(Debug, Clone)]
pub struct Usage {
    /// At which share of the price list, in parts per million.
    pub share: u64,
    /// The parameter with the id of what was paid for.
    pub of: Option<Arc<str>>,
    /// Where the answer, or each line of it, tells.
    pub answer: Option<Arc<AnswerUsage>>,
    /// Where the request tells.
    pub request: Option<RequestUsage>,
}

/// Where an answer tells what it cost.
#[derive(Debug, Clone)]
pub struct AnswerUsage {
    /// Path of the model.
    pub model: Path,
    /// Paths by kind; of several the first at which there is a number.
    pub tokens: Vec<(TokenKind, Vec<Path>)>,
    /// What makes a call dearer or cheaper.
    pub factors: Vec<Factor>,
}

/// All prices of a call are multiplied if its answer says so.
#[derive(Debug, Clone)]
pub struct Factor {
    /// Path of a text.
    pub path: Path,
    /// The text.
    pub is: Arc<str>,
    /// By how much, in parts per million.
    pub share: u64,
}

/// Where a request tells what it may cost.
#[derive(Debug, Clone)]
pub struct RequestUsage {
    /// The list parameter whose items are requests; else the call is one.
    pub each: Option<Arc<str>>,
    /// Path of the request in such an item.
    pub at: Path,
    /// Path of the model.
    pub model: Path,
    /// Path of the most tokens that the answer may have.
    pub output: Path,
    /// Paths of what the prompt is made of.
    pub texts: Vec<Path>,
    /// Paths of what is part of the prompt as JSON.
    pub json: Vec<Path>,
    /// Paths of lists each of whose items has so many tokens beside its texts.
    pub items: Vec<(Path, u64)>,
    /// How many tokens a map has whose `type` is this.
    pub types: IndexMap<Arc<str>, u64>,
}

/// How what an operation made is found again; when to look is in its entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopt {
    /// The query that lists such things, the newest first.
    pub list: Arc<str>,
    /// What it is given.
    pub with: Map,
    /// Path of the time at which a thing was made.
    pub created: Path,
    /// By how much the clocks may differ.
    pub clock: Millis,
    /// Path of its number of items.
    pub count: Path,
    /// Path of what says whether it is over, and the word that says so.
    pub over: (Path, Arc<str>),
    /// The query that reads its results, and its parameter that takes the id.
    pub results: (Arc<str>, Arc<str>),
    /// The member of the request's body that has its items.
    pub items: Arc<str>,
    /// Paths of the key of a result, and of an item.
    pub keys: (Path, Path),
}

/// Where a parameter goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// The hole of the path with its name.
    Path,
    /// The query.
    Query {
        /// Its name there.
        name: Arc<str>,
        /// How lists are written.
        arrays: ArrayStyle,
    },
    /// A header of this name.
    Header(Arc<str>),
    /// A member of the body.
    Body(Arc<str>),
    /// A field of a form.
    Form {
        /// Its name there.
        name: Arc<str>,
        /// How a list is written.
        arrays: ArrayStyle,
    },
    /// The hole of the body template with its name.
    Template,
    /// A part of a multipart body.
    Multipart {
        /// Its name there.
        name: Arc<str>,
        /// What it holds.
        content: PartDocument,
    },
    /// The body itself.
    BodyWhole,
}

/// What comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// One JSON value.
    Json,
    /// One JSON value a line.
    JsonLines,
    /// Server-sent events as a list.
    Events,
    /// Server-sent events that build one message.
    Message,
    /// Bytes.
    Binary,
    /// Nothing worth reading.
    Empty,
    /// By its content type: JSON, JSON Lines, events, text, else bytes.
    Auto,
}

/// How a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pagination {
    /// Path of the items.
    pub items: Path,
    /// What names the next page.
    pub next: NextPage,
    /// How an item is known that was on an earlier page.
    pub again: Again,
}

/// How an item is known that was on an earlier page: lists that go on by a number shift when something is added or deleted
/// while they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// No item comes twice.
    Never,
    /// It is a map with an `id`, and the same in all its members.
    Whole,
    /// What is at this path is the same.
    Key(Path),
}

/// What names the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextPage {
    /// An object's id, forwards or backwards.
    Object {
        /// Path of the boolean that says whether there is more.
        more: Path,
        /// Path of the cursor forwards, and the query parameter that takes it.
        forwards: (Path, Arc<str>),
        /// Path of the cursor backwards, and the query parameter that takes it.
        backwards: (Path, Arc<str>),
    },
    /// An opaque cursor at this path, for this query parameter.
    Cursor(Path, Arc<str>),
    /// A number.
    Number {
        /// Query parameter that takes it.
        param: Arc<str>,
        /// Number of the first page.
        first: u64,
        /// Path of the number of pages.
        total: Option<Path>,
    },
    /// The number of items to skip.
    Offset {
        /// Query parameter that takes it.
        param: Arc<str>,
        /// Query parameter that says how many are wanted.
        limit: Option<Arc<str>>,
        /// Path of the number of all items.
        total: Option<Path>,
    },
    /// The `Link` header.
    Link,
    /// The address at this path.
    Url(Path),
    /// Whichever of the first two the answer has; `items` is empty then.
    Detect,
}

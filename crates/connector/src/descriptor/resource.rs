//! The other half of the format: resources, their operations and triggers.

use flow_engine::collections::IndexMap;
use serde::Deserialize;
use serde_json::Value as Json;

use super::document::{ArrayStyle, HeaderDocument, Meta};
use super::text::Text;
use super::usage_document::UsageDocument;

/// One resource, such as `message_batches`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ResourceDocument {
    /// Its name in operations.
    pub handle: String,
    /// Title and description.
    #[serde(default)]
    pub meta: Meta,
    /// Path below the service's address.
    #[serde(default)]
    pub endpoint: Text,
    /// Members of its objects that are worth knowing. One that is not the body's own key is added when it is read.
    #[serde(default)]
    pub fields: Vec<FieldDocument>,
    /// Members added to its objects when they are read.
    #[serde(default)]
    pub view: IndexMap<String, ViewDocument>,
    /// Type of its objects: the name of one of `types`, or a schema. Operations that answer with something else say so.
    #[serde(default)]
    pub output: Option<Json>,
    /// Values of the service's beta header.
    #[serde(default)]
    pub beta: Vec<String>,
    /// Its queries and actions by name.
    #[serde(default)]
    pub operations: IndexMap<String, OperationDocument>,
    /// Its triggers by name.
    #[serde(default)]
    pub triggers: IndexMap<String, TriggerDocument>,
    /// Events in the older form: read as triggers, as far as an event can be seen by looking.
    #[serde(default)]
    pub webhooks: Vec<WebhookDocument>,
}

/// A member of an object and where it comes from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldDocument {
    /// Its name.
    pub name: String,
    /// `String`, `Integer`, `Number`, `Boolean`, `DateTime`, `Object` or `Array`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Path in the body: keys and indexes.
    pub selector: Vec<SelectorPart>,
    /// Description.
    #[serde(default)]
    pub meta: Meta,
}

/// One step of a selector.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum SelectorPart {
    /// An item of a list, from 0.
    Index(usize),
    /// A member of a map.
    Key(String),
}

/// A member that reading adds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ViewDocument {
    /// Path in the body.
    pub path: Vec<SelectorPart>,
    /// If set, the path ends at a list of blocks, and the member is the joined `text` of those with this `type`.
    #[serde(default)]
    pub join_text_of: Option<String>,
    /// One sentence.
    #[serde(default)]
    pub description: String,
}

/// One query or action.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct OperationDocument {
    /// Name of an operation of the same resource whose keys count where this one has none.
    pub like: Option<String>,
    /// Title for lists; else made of the name and the resource's title.
    pub title: Option<String>,
    /// One sentence.
    pub description: Option<String>,
    /// `query` or `action`; else by method: GET and HEAD are queries.
    pub kind: Option<String>,
    /// `read`, `repeatable`, `keyed` or `once`; else by method: GET and HEAD `read`, PUT and DELETE `keyed`, others `once`.
    pub effect: Option<String>,
    /// HTTP method.
    pub method: Option<String>,
    /// Path below the resource's endpoint, with holes for parameters.
    pub path: Option<Text>,
    /// Body as JSON text with holes for parameters.
    pub body_template: Option<Text>,
    /// Parameters by name. Holes that are not listed here are required parameters.
    pub parameters: IndexMap<String, ParameterDocument>,
    /// Whether parameters that are not declared may be given; they go into the body as they are.
    pub open: Option<bool>,
    /// Groups of parameters of which at least one must be given.
    pub one_of: Option<Vec<Vec<String>>>,
    /// Members that every body has.
    pub constants: IndexMap<String, Json>,
    /// Headers of this operation only.
    pub headers: IndexMap<String, HeaderDocument>,
    /// Values of the service's beta header.
    pub beta: Vec<String>,
    /// Value of the `accept` header; else by `answer`.
    pub accept: Option<String>,
    /// Media type of its request bodies, if not that of the service.
    pub content_type: Option<String>,
    /// `json` (default), `jsonl`, `sse`, `binary` or `empty`.
    pub answer: Option<AnswerDocument>,
    /// How the events of an `sse` answer become one value: `message` joins the deltas of a message. Without it the value
    /// is the list of events.
    pub assemble: Option<String>,
    /// How a list goes on.
    pub pagination: Option<PaginationDocument>,
    /// Type of the answer, of one item if it is a list: the name of one of `types`, or a schema.
    pub output: Option<Json>,
    /// Members added to the answer, or to each of its items, instead of the resource's.
    pub view: Option<IndexMap<String, ViewDocument>>,
    /// Name of the list parameter whose items the request is counted by.
    pub count: Option<String>,
    /// Time to the first byte of the answer, such as `10m`, if the usual limit is too short.
    pub first_byte: Option<String>,
    /// The workflow that it is made of, instead of a request: its inputs are the parameters, `CONNECTION` in it stands for
    /// the connection that is called.
    pub compound: Option<String>,
    /// How what it made is found again where nobody heard the answer.
    pub adopt: Option<AdoptDocument>,
    /// What its answers are held to, if a request asks for a schema.
    pub structured: Option<StructuredDocument>,
    /// What its calls cost.
    pub usage: Option<UsageDocument>,
}

/// A request may ask for an answer that fits a schema: the step fails with one that does not.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructuredDocument {
    /// Path of the schema in the body of the request.
    pub schema: String,
    /// Member of the answer, or of its view, with the JSON text.
    pub text: String,
    /// Path in the answer of the word that says how it ended.
    pub ended: String,
    /// Words after which nothing is promised.
    #[serde(default)]
    pub unless: Vec<String>,
}

/// How what an operation made is found again. Paths are members with dots between them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AdoptDocument {
    /// The query of the same resource that lists such things, the newest first.
    pub list: String,
    /// What it is given.
    #[serde(default)]
    pub with: IndexMap<String, Json>,
    /// Member of a listed thing, and of the answer, that identifies it.
    #[serde(default = "id")]
    pub id: String,
    /// Path of the time at which it was made.
    pub created: String,
    /// By how much the clocks may differ; `1m` if missing.
    pub clock: Option<String>,
    /// Path of its number of items: a number, or a map of numbers, which are added. It must be that of the request.
    pub count: String,
    /// Path of what says whether it is over, and the word that says so.
    pub over: (String, String),
    /// What tells whose it is, once it is over.
    pub confirm: ConfirmDocument,
    /// For so long it is looked for before it counts as not made; `5s` if missing.
    pub settle: Option<String>,
    /// For so long it is awaited that it is over; `25h` if missing.
    pub wait: Option<String>,
}

/// What tells whose a thing is: the keys of its results are those of the request's items.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConfirmDocument {
    /// The query of the same resource that reads its results.
    pub query: String,
    /// The parameter of that query that takes the id.
    pub parameter: String,
    /// Path of the key of a result.
    pub key: String,
    /// Path of the key of an item of the request, if it is not the same.
    pub request_key: Option<String>,
}

/// One parameter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ParameterDocument {
    /// Where it goes; else `path` or `template` if a hole has its name, `query` for GET and DELETE, `body` for others.
    #[serde(rename = "in")]
    pub place: Option<PlaceDocument>,
    /// Its name there, if it is not the parameter's.
    #[serde(rename = "as")]
    pub wire_name: Option<String>,
    /// Type, in our subset of JSON Schema; anything if missing.
    pub schema: Option<Json>,
    /// Whether it must be given.
    pub required: bool,
    /// Sent if it is not given.
    pub default: Option<Json>,
    /// One sentence.
    pub description: String,
    /// Whether it is a secret.
    pub secret: bool,
    /// How a list is written in the query, if not as for the whole service.
    pub arrays: Option<ArrayStyle>,
    /// What a `multipart` part holds: `text` (default), `file` (one file), `files` (a list of files, or one) or `folder`
    /// (all files of a folder of the project). A file is a path in the project, a stored value, or a map of `name`,
    /// `content` and perhaps `media`.
    pub content: Option<PartDocument>,
    /// Whether each `source: { file: ... }` in it becomes what the file holds: base64 with its media type, or text.
    pub sources: bool,
    /// Literal text in the workflow, evaluated per item of the parameter named by `over`: `expression` or `template`.
    pub kind: Option<String>,
    /// See `kind`.
    pub over: Option<String>,
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceDocument {
    /// A hole of the path.
    Path,
    /// The query.
    Query,
    /// A header.
    Header,
    /// A member of the body.
    Body,
    /// A field of a body that is a form (`application/x-www-form-urlencoded`).
    Form,
    /// A hole of the body template.
    Template,
    /// A part of a multipart body.
    Multipart,
    /// The body itself.
    BodyWhole,
}

/// What a multipart part holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartDocument {
    /// A value as text.
    Text,
    /// One file.
    File,
    /// Files with relative names.
    Files,
    /// All files of a folder, with relative names.
    Folder,
}

/// What comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerDocument {
    /// One JSON value.
    Json,
    /// One JSON value a line.
    Jsonl,
    /// Server-sent events.
    Sse,
    /// Bytes.
    Binary,
    /// Nothing worth reading.
    Empty,
    /// By its content type: JSON, JSON Lines, events, text, else bytes.
    Auto,
}

/// How a list goes on. Paths are members joined by dots.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "style", rename_all = "snake_case", deny_unknown_fields)]
pub enum PaginationDocument {
    /// The id of the last object is the cursor: `has_more`, `last_id`, `after_id`; backwards if the first request has
    /// `before_id`.
    ObjectCursor {
        /// Path of the items.
        #[serde(default = "data")]
        items: String,
        /// Path of the boolean that says whether there is more.
        #[serde(default = "has_more")]
        more: String,
        /// Path of the cursor forwards.
        #[serde(default = "last_id")]
        last: String,
        /// Query parameter that takes it.
        #[serde(default = "after_id")]
        after: String,
        /// Path of the cursor backwards.
        #[serde(default = "first_id")]
        first: String,
        /// Query parameter that takes it.
        #[serde(default = "before_id")]
        before: String,
    },
    /// The answer gives an opaque cursor: `next_page`, `page`. To walk back, pass the answer's other cursor as `page`.
    PageCursor {
        /// Path of the items.
        #[serde(default = "data")]
        items: String,
        /// Path of the cursor; null or missing ends the list.
        #[serde(default = "next_page")]
        next: String,
        /// Query parameter that takes it.
        #[serde(default = "page")]
        param: String,
    },
    /// Pages are numbered; an empty one ends the list.
    PageNumber {
        /// Path of the items; empty if the answer is the list.
        #[serde(default)]
        items: String,
        /// Query parameter that takes the number.
        #[serde(default = "page")]
        param: String,
        /// Number of the first page.
        #[serde(default = "one")]
        first: u64,
        /// Path of the number of pages, if the answer tells it.
        #[serde(default)]
        total: Option<String>,
        /// Path of what tells one item from another: one that was on an earlier page is left out.
        #[serde(default)]
        key: Option<String>,
    },
    /// The answer is a part of the list, from a number on; an empty one, or one that is shorter than was asked for, ends it.
    Offset {
        /// Path of the items; empty if the answer is the list.
        #[serde(default)]
        items: String,
        /// Query parameter that takes the number of items to skip.
        #[serde(default = "offset")]
        param: String,
        /// Query parameter that says how many items are wanted.
        #[serde(default)]
        limit: Option<String>,
        /// Path of the number of all items, if the answer tells it.
        #[serde(default)]
        total: Option<String>,
        /// Path of what tells one item from another: one that was on an earlier page is left out.
        #[serde(default)]
        key: Option<String>,
    },
    /// The answer gives the address of the next page.
    NextUrl {
        /// Path of the items.
        #[serde(default = "data")]
        items: String,
        /// Path of the address, whole or relative to that of the page; null or missing ends the list.
        #[serde(default = "next")]
        next: String,
    },
    /// What an operation named `list` does without this key: items are the answer itself, or its `data`, `items` or
    /// `results`; it goes on by `has_more` and `last_id`, or by `next_page`, whichever the answer has.
    Detect {},
    /// The answer is taken as it is.
    None {},
    /// The `Link` header names the next page (RFC 8288).
    Link {
        /// Path of the items; empty if the answer is the list.
        #[serde(default)]
        items: String,
    },
}

fn data() -> String {
    "data".to_owned()
}
fn has_more() -> String {
    "has_more".to_owned()
}
fn last_id() -> String {
    "last_id".to_owned()
}
fn after_id() -> String {
    "after_id".to_owned()
}
fn first_id() -> String {
    "first_id".to_owned()
}
fn before_id() -> String {
    "before_id".to_owned()
}
fn next_page() -> String {
    "next_page".to_owned()
}
fn next() -> String {
    "next".to_owned()
}
fn page() -> String {
    "page".to_owned()
}
fn offset() -> String {
    "offset".to_owned()
}
fn one() -> u64 {
    1
}

/// One trigger: `level` looks at one object, `edge` at a collection; with both, `object` names the parameter that decides.
/// With neither, it cannot be seen from outside.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct TriggerDocument {
    /// Title for lists.
    pub title: Option<String>,
    /// One sentence.
    pub description: String,
    /// Parameters by name; they go to the query that is used for looking.
    pub parameters: IndexMap<String, ParameterDocument>,
    /// Looks at one object until a condition holds.
    pub level: Option<LevelDocument>,
    /// Compares a collection with what was there.
    pub edge: Option<EdgeDocument>,
    /// The parameter that names the object, if there are both.
    pub object: Option<String>,
    /// The action of the same resource whose success in a run is the event, where the service cannot be asked.
    pub success: Option<String>,
    /// Time between two looks, such as `1m` (default).
    pub every: Option<String>,
    /// Type of what it yields; else the resource's.
    pub output: Option<Json>,
}

/// The rule of a level trigger.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelDocument {
    /// Query of the same resource that reads the object.
    pub query: String,
    /// Expression over `item`.
    pub condition: String,
}

/// The rule of an edge trigger. Without `became` and `vanished`, an item that was not there before is news.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeDocument {
    /// Query of the same resource that lists the collection.
    pub query: String,
    /// Member that identifies an item.
    #[serde(default = "id")]
    pub key: String,
    /// An item for which this expression over `item` is true now, and was not before.
    #[serde(default)]
    pub became: Option<String>,
    /// Whether an item that is no longer there is news.
    #[serde(default)]
    pub vanished: bool,
}

fn id() -> String {
    "id".to_owned()
}

/// An event in the older form.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookDocument {
    /// Its name, such as `message_batches.ended`.
    pub event: String,
    /// Path at which it is delivered.
    #[serde(default)]
    pub path: String,
    /// What a delivery holds.
    #[serde(default)]
    pub payload: Vec<FieldDocument>,
}

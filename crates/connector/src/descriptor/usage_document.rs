//! The part of the format that says what calls cost: prices, and where requests and answers tell how many tokens there are.

use flow_engine::collections::IndexMap;
use serde::Deserialize;

/// A price list, in US dollars for a million tokens.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct PricesDocument {
    /// The day on which it was true, such as `2026-10-31`.
    pub date: Option<String>,
    /// By model.
    pub models: IndexMap<String, PriceDocument>,
    /// What costs another share of the list as a whole, such as `batch: 0.5`.
    pub shares: IndexMap<String, f64>,
}

/// What the tokens of a model cost. A kind that is left out has no known price.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PriceDocument {
    /// Tokens of the prompt.
    pub input: Option<f64>,
    /// Tokens of the answer.
    pub output: Option<f64>,
    /// Tokens written to a cache for five minutes.
    pub cache_write_5m: Option<f64>,
    /// Tokens written to a cache for an hour.
    pub cache_write_1h: Option<f64>,
    /// Tokens read from a cache.
    pub cache_read: Option<f64>,
    /// Of calls whose prompt is long.
    pub long: Option<LongDocument>,
}

/// What tokens cost in calls with a long prompt.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongDocument {
    /// Prompts with more tokens than this are long.
    pub over: u64,
    /// As in [`PriceDocument`].
    pub input: Option<f64>,
    /// As in [`PriceDocument`].
    pub output: Option<f64>,
    /// As in [`PriceDocument`].
    pub cache_write_5m: Option<f64>,
    /// As in [`PriceDocument`].
    pub cache_write_1h: Option<f64>,
    /// As in [`PriceDocument`].
    pub cache_read: Option<f64>,
}

/// What calls of an operation cost. Paths are members with dots between them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct UsageDocument {
    /// One of the price list's shares.
    pub share: Option<String>,
    /// The parameter with the id of what was paid for: however often its results are read, they count once.
    pub of: Option<String>,
    /// Where the answer, or each line of it, tells.
    pub answer: Option<AnswerUsageDocument>,
    /// Where the request tells.
    pub request: Option<RequestUsageDocument>,
}

/// Where an answer tells what it cost.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerUsageDocument {
    /// Path of the model.
    pub model: String,
    /// Paths by kind of token; of several the first at which there is a number.
    pub tokens: IndexMap<String, PathsDocument>,
    /// What makes a call dearer or cheaper.
    #[serde(default)]
    pub factors: Vec<FactorDocument>,
}

/// One path, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum PathsDocument {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// All prices of a call are multiplied if its answer says so.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorDocument {
    /// Path of a text.
    pub path: String,
    /// The text.
    pub is: String,
    /// By how much.
    pub factor: f64,
}

/// Where a request tells what it may cost.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestUsageDocument {
    /// The list parameter whose items are requests; else the call is one.
    pub each: Option<String>,
    /// Path of the request in such an item.
    #[serde(default)]
    pub at: String,
    /// Path of the model.
    pub model: String,
    /// Path of the most tokens that the answer may have.
    pub output: String,
    /// Paths of what the prompt is made of: all texts below them count.
    pub texts: Vec<String>,
    /// Paths of what is part of the prompt as JSON.
    #[serde(default)]
    pub json: Vec<String>,
    /// Paths of lists each of whose items has so many tokens beside its texts.
    #[serde(default)]
    pub items: IndexMap<String, u64>,
    /// How many tokens a map has whose `type` is this, whatever is in it.
    #[serde(default)]
    pub types: IndexMap<String, u64>,
}

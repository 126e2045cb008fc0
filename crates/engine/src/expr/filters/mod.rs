//! The filters: one table row each, with the name, what it does, an example that is tested, and its parameters.
//!
//! Read in this order: this file (the row and the table), [`bind`] (arguments to parameters, at parse time), [`call`]
//! (typed access to them, at run time), then the groups.

mod base64;
mod bind;
mod call;
mod convert;
mod date;
mod encode;
mod items;
mod json;
mod lists;
mod maps;
mod numbers;
mod order;
mod path;
mod pattern;
mod pick;
mod text;

use super::context::Context;
use super::error::Fault;
use super::jinja_tests::Test;
use super::jsonpath::JsonPath;
use super::operators::secret_used;
use super::syntax::Node;
use crate::value::Value;

pub(super) use bind::{Given, bind, bind_default, inside_quotes};
pub(super) use call::Call;
pub(super) use pattern::compile as compile_pattern;

/// One filter.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    /// One sentence.
    pub(super) about: &'static str,
    /// An expression, and the JSON of its value.
    pub(super) example: (&'static str, &'static str),
    pub(super) params: &'static [Param],
    pub(super) takes: Takes,
    pub(super) gives: Gives,
    pub(super) run: fn(&Call<'_>) -> Result<Value, Fault>,
}

/// One parameter of a filter, given by place or by name.
#[derive(Debug)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) kind: ParamKind,
}

impl Param {
    const fn required(name: &'static str) -> Param {
        Param {
            name,
            required: true,
            kind: ParamKind::Value,
        }
    }

    const fn optional(name: &'static str) -> Param {
        Param {
            name,
            required: false,
            kind: ParamKind::Value,
        }
    }

    const fn of(mut self, kind: ParamKind) -> Param {
        self.kind = kind;
        self
    }
}

/// What a parameter holds, if that is known before it is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParamKind {
    Value,
    /// The name of a filter, in quotes.
    Filter,
    /// The name of a test, in quotes.
    Test,
    /// A path of RFC 9535.
    Path,
    /// A regular expression.
    Pattern,
}

/// What a filter takes, for the checker and for stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Any,
    /// Anything, and stored values as they are: the filter reads them itself if it must.
    Stored,
    Text,
    Number,
    List,
    Map,
}

/// What a filter gives, for the checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    Unknown,
    Text,
    Integer,
    Number,
    Boolean,
    /// The type it was given.
    Same,
    /// One item of the list it was given.
    Item,
    /// The list of the items it was given; of a map, of its keys.
    Items,
    /// A list of what became of each item.
    Mapped,
    Texts,
    /// A stream of whatever, or the list of it.
    Stream,
    /// A list of `{key, items}`.
    Groups,
    /// Lists of items.
    Chunks,
    /// Lists of an item and one of the first argument.
    Pairs,
    /// The values of a map.
    Values,
    /// Lists of a key and a value.
    Entries,
    /// The map with another one put over it.
    Merged,
    /// A whole number if all items are.
    Sum,
    /// A whole number if no digits were asked for.
    Rounded,
}

/// What a literal argument was made into at parse time.
#[derive(Debug)]
pub(super) enum Prepared {
    Nothing,
    Path(JsonPath),
    Pattern(regex::Regex),
    Filter(&'static Filter),
    Test(&'static Test),
}

/// A filter on a value, with its arguments in the order of its parameters.
#[derive(Debug)]
pub(super) struct FilterCall {
    pub(super) filter: &'static Filter,
    pub(super) input: Node,
    pub(super) args: Vec<Option<Node>>,
    pub(super) prepared: Prepared,
}

impl FilterCall {
    /// Runs the filter on values.
    pub(super) fn apply(
        &self,
        input: Value,
        args: &[Option<Value>],
        context: &Context<'_>,
    ) -> Result<Value, Fault> {
        apply(self.filter, input, args, &self.prepared, context)
    }
}

fn apply(
    filter: &'static Filter,
    input: Value,
    args: &[Option<Value>],
    prepared: &Prepared,
    context: &Context<'_>,
) -> Result<Value, Fault> {
    let secret = matches!(input, Value::Secret(_))
        || args
            .iter()
            .flatten()
            .any(|arg| matches!(arg, Value::Secret(_)));
    if secret {
        return Err(secret_used(&format!("the filter `{}`", filter.name)));
    }
    let input = match filter.takes {
        Takes::Stored => input,
        _ => context.content(input)?,
    };
    if input.is_null() && !matches!(filter.takes, Takes::Any | Takes::Stored) {
        let message = format!("the filter `{}` was given null", filter.name);
        return Err(Fault::new("template.null", message)
            .help("say what stands for null first: `| default(value, true)`"));
    }
    let call = Call {
        filter,
        input,
        args,
        prepared,
        context,
    };
    (filter.run)(&call)
}

/// A filter as the documentation shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterDoc {
    /// Its name.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// One sentence.
    pub about: &'static str,
    /// An expression that uses it.
    pub example: &'static str,
    /// The JSON of the example's value.
    pub gives: &'static str,
}

/// `default` is known to the evaluator, because it alone may stand on undefined values; this row is for people.
const DEFAULT: FilterDoc = FilterDoc {
    name: "default",
    aliases: &["d"],
    about: "The value, or another one where it is undefined; with `true` also where it is null or empty.",
    example: "{'a': none}['b'] | default('other')",
    gives: r#""other""#,
};

static TABLE: [&[Filter]; 14] = [
    lists::FILTERS,
    items::FILTERS,
    order::FILTERS,
    pick::FILTERS,
    maps::FILTERS,
    text::FILTERS,
    pattern::FILTERS,
    numbers::FILTERS,
    convert::FILTERS,
    json::FILTERS,
    path::FILTERS,
    encode::FILTERS,
    base64::FILTERS,
    date::FILTERS,
];

fn all() -> impl Iterator<Item = &'static Filter> {
    TABLE.iter().copied().flatten()
}

/// The filter of this name.
pub(super) fn find(name: &str) -> Option<&'static Filter> {
    all().find(|filter| filter.name == name || filter.aliases.contains(&name))
}

/// Every filter, for the documentation.
pub fn filter_docs() -> impl Iterator<Item = FilterDoc> {
    std::iter::once(DEFAULT).chain(all().map(|filter| FilterDoc {
        name: filter.name,
        aliases: filter.aliases,
        about: filter.about,
        example: filter.example.0,
        gives: filter.example.1,
    }))
}

#[cfg(test)]
mod tests {
    use super::filter_docs;
    use crate::expr::testing::shown;

    #[test]
    fn every_example_gives_what_the_table_says() {
        for doc in filter_docs() {
            assert_eq!(
                shown(doc.example),
                doc.gives,
                "{}: {}",
                doc.name,
                doc.example
            );
            assert!(doc.about.ends_with('.'), "{}", doc.name);
        }
    }
}

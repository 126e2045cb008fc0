//! The filters: one table row each, with the name, what it does, an example that is tested, and its parameters.
//!
//! Read in this order: this file (the row and the table), [`bind`] (arguments to parameters, at parse time), [`call`]
//! (typed access to them, at run time), then the groups.

mod affix;
mod base64;
mod bind;
mod call;
mod convert;
mod csv;
mod encode;
mod flat;
mod hash;
mod items;
mod json;
mod layout;
mod lists;
mod maps;
mod numbers;
mod order;
mod path;
mod pattern;
mod pick;
mod text;
mod time;
mod yaml;

use super::context::Context;
use super::error::Fault;
use super::jinja_tests::Test;
use super::jsonpath::JsonPath;
use super::operators::secret_used;
use super::syntax::Node;
use super::toolbox::ToolDoc;
use crate::value::Value;

pub(super) use bind::{Given, bind, bind_default, inside_quotes, is_clock, no_clock};
pub(super) use call::Call;
pub(super) use pattern::{COMPILED_BYTES_MAX, PATTERN_BYTES_MAX, compile as compile_pattern};
pub(crate) use time::zones;

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
    /// A map of texts, some of them null.
    TextMap,
    /// A list of maps of text, or of lists of text.
    Rows,
    /// Items, and items of the first argument.
    Both,
    /// Items of items.
    Flat,
    /// The items that are not null.
    Compact,
    /// A map of the items.
    Indexed,
    /// Some of the members of the map it was given.
    Part,
    /// A map of whatever.
    Map,
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

/// `default` is known to the evaluator, because it alone may stand on undefined values; this row is for people.
fn default_doc() -> ToolDoc {
    ToolDoc {
        group: GENERAL,
        name: "default",
        aliases: &["d"],
        signature: "default(value[, empty_too])".to_owned(),
        about: "The value, or another one where it is undefined; with `true` also where it is null or empty.",
        example: "{'a': none}['b'] | default('other')",
        gives: r#""other""#,
    }
}

const GENERAL: &str = "Any value";

/// The filters under the headings of the documentation.
static TABLE: [(&str, &[Filter]); 22] = [
    (GENERAL, path::FILTERS),
    (GENERAL, convert::FILTERS),
    ("Lists", lists::FILTERS),
    ("Lists", flat::FILTERS),
    ("Lists", order::FILTERS),
    ("Lists", items::FILTERS),
    ("Lists", pick::FILTERS),
    ("Maps", maps::FILTERS),
    ("Text", text::FILTERS),
    ("Text", affix::FILTERS),
    ("Text", layout::FILTERS),
    ("Regular expressions", pattern::FILTERS),
    ("Numbers", numbers::FILTERS),
    ("Dates and times", time::date::FILTERS),
    ("Dates and times", time::shift::FILTERS),
    ("Dates and times", time::duration::FILTERS),
    ("JSON, CSV, YAML", json::FILTERS),
    ("JSON, CSV, YAML", csv::FILTERS),
    ("JSON, CSV, YAML", yaml::FILTERS),
    ("Encodings and checksums", encode::FILTERS),
    ("Encodings and checksums", base64::FILTERS),
    ("Encodings and checksums", hash::FILTERS),
];

fn all() -> impl Iterator<Item = &'static Filter> {
    TABLE.iter().flat_map(|(_, filters)| *filters)
}

/// The filter of this name.
pub(super) fn find(name: &str) -> Option<&'static Filter> {
    all().find(|filter| filter.name == name || filter.aliases.contains(&name))
}

/// Every filter, for the documentation: in the order of the headings.
pub fn filter_docs() -> impl Iterator<Item = ToolDoc> {
    let rows = TABLE.iter().flat_map(|(group, filters)| {
        filters.iter().map(|filter| ToolDoc {
            group,
            name: filter.name,
            aliases: filter.aliases,
            signature: signature(filter),
            about: filter.about,
            example: filter.example.0,
            gives: filter.example.1,
        })
    });
    std::iter::once(default_doc()).chain(rows)
}

fn signature(filter: &Filter) -> String {
    let names = |required: bool| {
        let params = filter.params.iter();
        let names = params.filter(move |param| param.required == required);
        names.map(|param| param.name).collect::<Vec<_>>().join(", ")
    };
    match (names(true), names(false)) {
        (required, optional) if required.is_empty() && optional.is_empty() => {
            filter.name.to_owned()
        }
        (required, optional) if optional.is_empty() => format!("{}({required})", filter.name),
        (required, optional) if required.is_empty() => format!("{}([{optional}])", filter.name),
        (required, optional) => format!("{}({required}[, {optional}])", filter.name),
    }
}

#[cfg(test)]
mod tests {
    use super::filter_docs;
    use crate::expr::testing::shown;

    #[test]
    fn names_and_aliases_are_unique() {
        let mut seen = crate::collections::HashSet::default();
        for doc in filter_docs() {
            for name in std::iter::once(&doc.name).chain(doc.aliases) {
                assert!(seen.insert(*name), "{name} stands twice");
            }
        }
    }

    #[test]
    fn every_filter_refuses_secrets() {
        for doc in filter_docs().filter(|doc| doc.name != "default") {
            let required = super::find(doc.name).map_or(0, |filter| {
                filter.params.iter().filter(|param| param.required).count()
            });
            let args = vec!["'1'"; required].join(", ");
            let found = shown(&format!("secrets.TOKEN | {}({args})", doc.name));
            let refused = [
                "template.secret",
                "jsonpath.syntax",
                "template.unknown_test",
            ];
            assert!(
                refused.iter().any(|code| found.starts_with(code)),
                "{}: {found}",
                doc.name
            );
        }
    }
}

//! Puts the arguments of a filter in the order of its parameters, and makes literal patterns, paths and names ready.

use std::sync::Arc;

use super::{Filter, FilterCall, ParamKind, Prepared, filter_docs, find};
use crate::expr::error::{Parse, SyntaxError};
use crate::expr::jinja_tests;
use crate::expr::jsonpath::JsonPath;
use crate::expr::syntax::{Kind, Node};
use crate::finding::{misspelt, nearest};
use crate::source::Span;
use crate::value::Value;

/// An argument as it was written.
#[derive(Debug)]
pub(in crate::expr) struct Given {
    /// Its name, for `name=value`.
    pub(in crate::expr) name: Option<Arc<str>>,
    pub(in crate::expr) value: Node,
}

/// The call of the filter `name` on `input`.
pub(in crate::expr) fn bind(
    name: &str,
    name_span: Span,
    input: Node,
    given: Vec<Given>,
) -> Parse<FilterCall> {
    let filter = find(name).ok_or_else(|| unknown(name, name_span))?;
    let args = arrange(filter, name_span, given)?;
    let prepared = prepare(filter, &args)?;
    Ok(FilterCall {
        filter,
        input,
        args,
        prepared,
    })
}

/// Whether somebody looks for the time of day.
pub(in crate::expr) fn is_clock(name: &str) -> bool {
    matches!(name, "now" | "utcnow" | "today")
}

/// The error for that.
pub(in crate::expr) fn no_clock(code: &'static str, name: &str, span: Span) -> SyntaxError {
    let message = format!("there is no `{name}`: an expression does not read the clock");
    let help = "`run.started_at` is when the run started, `run.due` when it was due";
    SyntaxError::new(code, span, message).help(help)
}

fn unknown(name: &str, span: Span) -> SyntaxError {
    let message = format!("there is no filter `{name}`");
    let known: Vec<&str> = filter_docs().map(|doc| doc.name).collect();
    if is_clock(name) {
        return no_clock("template.unknown_filter", name, span);
    }
    let foreign = match name {
        "tojson" | "json_encode" => Some("to_json"),
        "fromjson" | "parse_json" => Some("json"),
        "parse_yaml" => Some("yaml"),
        "parse_csv" => Some("csv"),
        "size" => Some("length"),
        "lowercase" => Some("lower"),
        "uppercase" => Some("upper"),
        "filter" => Some("select"),
        "pluck" => Some("map"),
        "average" => Some("avg"),
        "format_date" | "dateformat" | "datetime" => Some("date"),
        "base64" | "base64encode" | "base64_encode" => Some("b64encode"),
        "base64decode" | "base64_decode" => Some("b64decode"),
        "url_encode" | "quote" => Some("urlencode"),
        "url_decode" | "unquote" => Some("urldecode"),
        "strip" | "ltrim" | "rtrim" | "lstrip" | "rstrip" => Some("trim"),
        "orderby" | "order_by" | "sort_by" | "sortby" => Some("sort"),
        _ => None,
    };
    let help = match foreign.or_else(|| nearest(name, known.iter().copied())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the filters are {}", known.join(", ")),
    };
    SyntaxError::new("template.unknown_filter", span, message)
        .meant(name, foreign.or_else(|| misspelt(name, known)))
        .help(help)
}

fn arrange(filter: &Filter, span: Span, given: Vec<Given>) -> Parse<Vec<Option<Node>>> {
    let mut args: Vec<Option<Node>> = filter.params.iter().map(|_| None).collect();
    for (at, given) in given.into_iter().enumerate() {
        let place = match &given.name {
            None => (at < args.len()).then_some(at),
            Some(name) => filter.params.iter().position(|param| *param.name == **name),
        };
        let Some(place) = place else {
            let message = match &given.name {
                Some(name) => format!("the filter `{}` has no parameter `{name}`", filter.name),
                None => format!("the filter `{}` takes {}", filter.name, count(args.len())),
            };
            return Err(wrong(given.value.span, message, filter));
        };
        if args[place].is_some() {
            let message = format!("`{}` is given twice", filter.params[place].name);
            return Err(wrong(given.value.span, message, filter));
        }
        args[place] = Some(given.value);
    }
    for (param, arg) in filter.params.iter().zip(&args) {
        if param.required && arg.is_none() {
            let message = format!("the filter `{}` needs `{}`", filter.name, param.name);
            return Err(wrong(span, message, filter));
        }
    }
    Ok(args)
}

fn count(arguments: usize) -> String {
    match arguments {
        0 => "no argument".to_owned(),
        1 => "at most one argument".to_owned(),
        more => format!("at most {more} arguments"),
    }
}

fn wrong(span: Span, message: String, filter: &Filter) -> SyntaxError {
    let help = format!("for example `{}`", filter.example.0);
    SyntaxError::new("template.arguments", span, message).help(help)
}

fn prepare(filter: &Filter, args: &[Option<Node>]) -> Parse<Prepared> {
    for (param, arg) in filter.params.iter().zip(args) {
        let Some(arg) = arg else { continue };
        let literal = match &arg.kind {
            Kind::Const(Value::String(text)) => Some(&**text),
            _ => None,
        };
        match (param.kind, literal) {
            (ParamKind::Value, _) | (ParamKind::Path | ParamKind::Pattern, None) => {}
            (ParamKind::Path, Some(path)) => {
                return JsonPath::parse(path).map(Prepared::Path).map_err(|error| {
                    let span = inside_quotes(arg.span, error.span);
                    SyntaxError::new(error.code, span, error.message).maybe_help(error.help)
                });
            }
            (ParamKind::Pattern, Some(pattern)) => {
                return super::pattern::compile(pattern)
                    .map(Prepared::Pattern)
                    .map_err(|fault| fault.at_syntax(arg.span));
            }
            (ParamKind::Filter, Some(name)) => {
                let inner = find(name).ok_or_else(|| unknown(name, arg.span))?;
                return Ok(Prepared::Filter(inner));
            }
            (ParamKind::Test, Some(name)) => {
                let test =
                    jinja_tests::find(name).ok_or_else(|| jinja_tests::unknown(name, arg.span))?;
                return Ok(Prepared::Test(test));
            }
            (ParamKind::Filter | ParamKind::Test, None) => {
                let message = format!("`{}` is a name in quotes", param.name);
                return Err(wrong(arg.span, message, filter));
            }
        }
    }
    Ok(Prepared::Nothing)
}

/// The place `inside` of a text literal that stands at `quoted`: right as long as nothing before it is escaped.
pub(in crate::expr) fn inside_quotes(quoted: Span, inside: Span) -> Span {
    let start = quoted.start as usize + 1 + inside.start as usize;
    let end = quoted.start as usize + 1 + inside.end as usize;
    if end < quoted.end as usize {
        Span::new(start, end)
    } else {
        quoted
    }
}

/// The two arguments of `default`: the other value, and whether empty values are replaced too.
pub(in crate::expr) fn bind_default(span: Span, given: Vec<Given>) -> Parse<[Option<Node>; 2]> {
    let mut args = [None, None];
    for (at, given) in given.into_iter().enumerate() {
        let place = match given.name.as_deref() {
            None => at,
            Some("default_value" | "value") => 0,
            Some("boolean") => 1,
            Some(_) => 2,
        };
        let Some(arg @ None) = args.get_mut(place) else {
            let message = "the filter `default` takes the other value, and perhaps `true`";
            return Err(SyntaxError::new("template.arguments", span, message)
                .help("for example `x | default('none', true)`"));
        };
        *arg = Some(given.value);
    }
    Ok(args)
}

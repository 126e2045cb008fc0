//! From the text of a path to our tree. The only file that knows `jsonpath-rust`'s syntax tree; what that crate lets pass
//! against the standard (functions used in the wrong place) is refused here.

use jsonpath_rust::parser::errors::JsonPathError as Problem;
use jsonpath_rust::parser::model as theirs;
use jsonpath_rust::parser::parse_json_path;

use super::syntax::{Comparable, Logical, Operator, Pattern, Query, Segment, Selector};
use super::{JsonPathError, PATH_CHARS_MAX};
use crate::source::Span;
use crate::value::Value;

/// How deep filters may nest.
const FILTERS_MAX: usize = 6;
/// How deep parentheses may nest: the parser goes back over what is in them.
const PARENTHESES_MAX: usize = 8;
/// How many operators and selectors may stand in a row.
const PARTS_MAX: usize = 200;

type Parsed<T> = Result<T, JsonPathError>;

/// The segments behind `$`.
pub(super) fn parse(text: &str) -> Parsed<Vec<Segment>> {
    guard(text)?;
    let whole = Span::new(0, text.len());
    let path = parse_json_path(text).map_err(|problem| syntax(text, &problem))?;
    Lower { whole }.segments(&path.segments)
}

fn guard(text: &str) -> Parsed<()> {
    let whole = Span::new(0, text.len());
    if text.chars().count() > PATH_CHARS_MAX {
        let message = format!("a JSONPath is longer than {PATH_CHARS_MAX} characters");
        return Err(JsonPathError::new("jsonpath.too_long", whole, message));
    }
    if let Some(at) = blank_inside(text) {
        let message = "white space inside a name or number of a JSONPath";
        let span = Span::new(at, at + 1);
        return Err(JsonPathError {
            help: Some("a name with other characters is written `['a b']`".to_owned()),
            ..JsonPathError::new("jsonpath.syntax", span, message)
        });
    }
    let mut quote = None;
    let mut escaped = false;
    let (mut filters, mut parentheses, mut parts) = (Vec::new(), 0_usize, 0_usize);
    for (at, letter) in text.char_indices() {
        if let Some(open) = quote {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if letter == open => quote = None,
                _ => {}
            }
            continue;
        }
        match letter {
            '\'' | '"' => quote = Some(letter),
            '[' => filters.push(text[at + 1..].trim_start().starts_with('?')),
            ']' => {
                filters.pop();
            }
            '(' => parentheses += 1,
            ')' => parentheses = parentheses.saturating_sub(1),
            '.' | ',' | '&' | '|' | '!' => parts += 1,
            _ => {}
        }
        let nested = filters.iter().filter(|filter| **filter).count();
        if nested > FILTERS_MAX || parentheses > PARENTHESES_MAX || filters.len() > 4 * FILTERS_MAX
        {
            let message = format!(
                "filters of a JSONPath are nested deeper than {FILTERS_MAX}, or parentheses deeper than {PARENTHESES_MAX}"
            );
            return Err(JsonPathError::new(
                "jsonpath.depth",
                Span::new(at, at + 1),
                message,
            ));
        }
        if parts > PARTS_MAX * 2 {
            let message = format!("a JSONPath has more than {PARTS_MAX} parts");
            return Err(JsonPathError::new(
                "jsonpath.depth",
                Span::new(at, at + 1),
                message,
            ));
        }
    }
    Ok(())
}

/// White space between two letters, or behind a point or a sign, outside quotes: the crate reads over it.
fn blank_inside(text: &str) -> Option<usize> {
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || !letter.is_ascii();
    let mut quote = None;
    let mut escaped = false;
    let mut blank = None;
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        if let Some(open) = quote {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if letter == open => quote = None,
                _ => {}
            }
            before = letter;
            continue;
        }
        if letter.is_ascii_whitespace() {
            blank = blank.or(Some(at));
            continue;
        }
        let joins = is_name(before) || matches!(before, '.' | '-');
        if blank.is_some() && joins && is_name(letter) {
            return blank;
        }
        if matches!(letter, '\'' | '"') {
            quote = Some(letter);
        }
        blank = None;
        before = letter;
    }
    None
}

fn syntax(text: &str, problem: &Problem) -> JsonPathError {
    let whole = Span::new(0, text.len());
    let (span, message) = match problem {
        Problem::PestError(error) => {
            // The parser's crate is not ours to name: `Pos(4)` or `Span((4, 6))`.
            let place = format!("{:?}", error.location);
            let digits = place.trim_start_matches(|c: char| !c.is_ascii_digit());
            let length = digits
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(digits.len());
            let at = digits[..length].parse().unwrap_or(0).min(text.len());
            let span = Span::new(at, (at + 1).min(text.len()));
            let message = match text.get(span.start as usize..) {
                Some("") | None => "the JSONPath ends too early".to_owned(),
                Some(rest) => {
                    let rest: String = rest.chars().take(20).collect();
                    format!("this is not a JSONPath from `{rest}` on")
                }
            };
            (span, message)
        }
        Problem::InvalidNumber(_) => (whole, "a number in the JSONPath is out of range".to_owned()),
        _ => (whole, "this is not a JSONPath".to_owned()),
    };
    let help = match text.chars().next() {
        Some('$') => None,
        _ => Some("a JSONPath begins with `$`, such as `$.data[*].id`".to_owned()),
    };
    JsonPathError {
        help,
        ..JsonPathError::new("jsonpath.syntax", span, message)
    }
}

struct Lower {
    whole: Span,
}

impl Lower {
    fn refuse<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(JsonPathError::new("jsonpath.syntax", self.whole, message))
    }

    fn segments(&self, segments: &[theirs::Segment]) -> Parsed<Vec<Segment>> {
        segments
            .iter()
            .map(|segment| self.segment(segment))
            .collect()
    }

    fn segment(&self, segment: &theirs::Segment) -> Parsed<Segment> {
        let (descends, inner) = match segment {
            theirs::Segment::Descendant(inner) => (true, &**inner),
            other => (false, other),
        };
        let selectors = match inner {
            theirs::Segment::Selector(selector) => vec![self.selector(selector)?],
            theirs::Segment::Selectors(selectors) => selectors
                .iter()
                .map(|selector| self.selector(selector))
                .collect::<Parsed<_>>()?,
            theirs::Segment::Descendant(_) => return self.refuse("`..` twice in a row"),
        };
        Ok(Segment {
            descends,
            selectors,
        })
    }

    fn selector(&self, selector: &theirs::Selector) -> Parsed<Selector> {
        Ok(match selector {
            theirs::Selector::Name(name) => Selector::Name(name.clone()),
            theirs::Selector::Wildcard => Selector::Wildcard,
            theirs::Selector::Index(index) => Selector::Index(*index),
            theirs::Selector::Slice(start, stop, step) => Selector::Slice(*start, *stop, *step),
            theirs::Selector::Filter(filter) => Selector::Filter(self.logical(filter)?),
        })
    }

    fn logical(&self, filter: &theirs::Filter) -> Parsed<Logical> {
        let all = |filters: &[theirs::Filter]| {
            filters
                .iter()
                .map(|filter| self.logical(filter))
                .collect::<Parsed<Vec<_>>>()
        };
        Ok(match filter {
            theirs::Filter::Or(filters) => Logical::Or(all(filters)?),
            theirs::Filter::And(filters) => Logical::And(all(filters)?),
            theirs::Filter::Atom(theirs::FilterAtom::Comparison(comparison)) => {
                self.comparison(comparison)?
            }
            theirs::Filter::Atom(theirs::FilterAtom::Filter { expr, not }) => {
                negated(self.logical(expr)?, *not)
            }
            theirs::Filter::Atom(theirs::FilterAtom::Test { expr, not }) => {
                negated(self.test(expr)?, *not)
            }
        })
    }

    fn test(&self, test: &theirs::Test) -> Parsed<Logical> {
        Ok(match test {
            theirs::Test::RelQuery(_) | theirs::Test::AbsQuery(_) => {
                Logical::Exists(self.query(test)?)
            }
            theirs::Test::Function(function) => match &**function {
                theirs::TestFunction::Match(text, pattern) => self.matches(text, pattern, true)?,
                theirs::TestFunction::Search(text, pattern) => {
                    self.matches(text, pattern, false)?
                }
                theirs::TestFunction::Custom(name, _) => {
                    return self.refuse(format!("JSONPath has no function `{name}`"));
                }
                other => {
                    let name = other.to_string();
                    let name = name.split('(').next().unwrap_or_default();
                    return self.refuse(format!(
                        "`{name}()` gives a value: compare it, as in `{name}(@) > 1`"
                    ));
                }
            },
        })
    }

    fn query(&self, test: &theirs::Test) -> Parsed<Query> {
        match test {
            theirs::Test::RelQuery(segments) => Ok(Query {
                relative: true,
                segments: self.segments(segments)?,
            }),
            theirs::Test::AbsQuery(query) => Ok(Query {
                relative: false,
                segments: self.segments(&query.segments)?,
            }),
            theirs::Test::Function(_) => self.refuse("a path is expected here, not a function"),
        }
    }

    fn matches(
        &self,
        text: &theirs::FnArg,
        pattern: &theirs::FnArg,
        whole: bool,
    ) -> Parsed<Logical> {
        let pattern = match self.argument(pattern)? {
            Comparable::Literal(Value::String(pattern)) => Pattern::Literal(
                compile(&pattern, whole)
                    .map_err(|message| JsonPathError::new("jsonpath.regex", self.whole, message))?,
            ),
            other => Pattern::Value(other),
        };
        Ok(Logical::Matches {
            text: self.argument(text)?,
            pattern,
            whole,
        })
    }

    fn comparison(&self, comparison: &theirs::Comparison) -> Parsed<Logical> {
        let operator = match comparison {
            theirs::Comparison::Eq(..) => Operator::Equal,
            theirs::Comparison::Ne(..) => Operator::NotEqual,
            theirs::Comparison::Gt(..) => Operator::Greater,
            theirs::Comparison::Gte(..) => Operator::GreaterOrEqual,
            theirs::Comparison::Lt(..) => Operator::Less,
            theirs::Comparison::Lte(..) => Operator::LessOrEqual,
        };
        let (left, right) = comparison.vals();
        Ok(Logical::Compare(
            self.comparable(left)?,
            operator,
            self.comparable(right)?,
        ))
    }

    fn comparable(&self, comparable: &theirs::Comparable) -> Parsed<Comparable> {
        match comparable {
            theirs::Comparable::Literal(value) => Ok(Comparable::Literal(literal(value))),
            theirs::Comparable::SingularQuery(query) => {
                let (relative, parts) = match query {
                    theirs::SingularQuery::Current(parts) => (true, parts),
                    theirs::SingularQuery::Root(parts) => (false, parts),
                };
                let segment = |part: &theirs::SingularQuerySegment| Segment {
                    descends: false,
                    selectors: vec![match part {
                        theirs::SingularQuerySegment::Index(index) => Selector::Index(*index),
                        theirs::SingularQuerySegment::Name(name) => Selector::Name(name.clone()),
                    }],
                };
                Ok(Comparable::Query(Query {
                    relative,
                    segments: parts.iter().map(segment).collect(),
                }))
            }
            theirs::Comparable::Function(function) => self.function(function),
        }
    }

    fn function(&self, function: &theirs::TestFunction) -> Parsed<Comparable> {
        match function {
            theirs::TestFunction::Length(arg) => {
                Ok(Comparable::Length(Box::new(self.argument(arg)?)))
            }
            theirs::TestFunction::Count(arg) => Ok(Comparable::Count(self.nodes(arg)?)),
            theirs::TestFunction::Value(arg) => Ok(Comparable::ValueOf(self.nodes(arg)?)),
            other => {
                let name = other.to_string();
                let name = name.split('(').next().unwrap_or_default();
                self.refuse(format!(
                    "`{name}()` is true or false: it cannot be compared"
                ))
            }
        }
    }

    /// An argument that is one value: a literal, a singular path, or a function that gives one.
    fn argument(&self, arg: &theirs::FnArg) -> Parsed<Comparable> {
        match arg {
            theirs::FnArg::Literal(value) => Ok(Comparable::Literal(literal(value))),
            theirs::FnArg::Test(test) => match &**test {
                theirs::Test::Function(function) => self.function(function),
                path => {
                    let query = self.query(path)?;
                    let singular = query.segments.iter().all(|segment| {
                        !segment.descends
                            && matches!(
                                segment.selectors[..],
                                [Selector::Name(_) | Selector::Index(_)]
                            )
                    });
                    if singular {
                        Ok(Comparable::Query(query))
                    } else {
                        self.refuse(
                            "this function takes one value: a path of names and indexes only",
                        )
                    }
                }
            },
            theirs::FnArg::Filter(_) => self.refuse("this function takes a value, not a condition"),
        }
    }

    fn nodes(&self, arg: &theirs::FnArg) -> Parsed<Query> {
        match arg {
            theirs::FnArg::Test(test) => self.query(test),
            _ => self.refuse("this function takes a path"),
        }
    }
}

fn negated(logical: Logical, not: bool) -> Logical {
    if not {
        Logical::Not(Box::new(logical))
    } else {
        logical
    }
}

fn literal(value: &theirs::Literal) -> Value {
    match value {
        theirs::Literal::Int(number) => Value::Int(*number),
        theirs::Literal::Float(number) => Value::Float(*number),
        theirs::Literal::String(text) => Value::from(text.as_str()),
        theirs::Literal::Bool(value) => Value::Bool(*value),
        theirs::Literal::Null => Value::Null,
    }
}

/// Compiles an I-Regexp (RFC 9485): `.` is any character but line ends, and `match` covers the whole text.
pub(super) fn compile(pattern: &str, whole: bool) -> Result<regex::Regex, String> {
    let mut translated = String::with_capacity(pattern.len() + 8);
    let mut letters = pattern.chars();
    let mut class = false;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                translated.push(letter);
                translated.extend(letters.next());
                continue;
            }
            '[' => class = true,
            ']' => class = false,
            '.' if !class => {
                translated.push_str(r"[^\n\r]");
                continue;
            }
            _ => {}
        }
        translated.push(letter);
    }
    let anchored = if whole {
        format!(r"\A(?:{translated})\z")
    } else {
        translated
    };
    crate::expr::filters::compile_pattern(&anchored)
        .map_err(crate::expr::error::Fault::into_message)
}

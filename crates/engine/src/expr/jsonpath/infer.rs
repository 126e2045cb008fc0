//! What a path finds in a value of which only the type is known, and names that can never be there.

use super::places::places;
use super::syntax::{Comparable, Logical, Pattern, Query, Segment, Selector};
use super::{JsonPath, JsonPathError};
use crate::expr::error::with_article;
use crate::finding::nearest;
use crate::source::Span;
use crate::types::Type;

impl JsonPath {
    /// The type of what [`JsonPath::query`] gives for a value of type `of`, as far as it is known, and what can never be found.
    ///
    /// A problem has the code `jsonpath.no_match` and the place of the segment. Over open records, and wherever the type
    /// is not known, there is none: silence means "perhaps".
    pub fn infer(&self, of: &Type) -> (Type, Vec<JsonPathError>) {
        let mut walk = Walk {
            root: of,
            problems: Vec::new(),
        };
        let spans = places(&self.text);
        let whole = Span::new(0, self.text.len());
        let known = spans.len() == self.segments.len();
        let span = |at: usize| if known { spans[at] } else { whole };
        let found = walk.segments(&self.segments, of, &span);
        let ty = if self.is_singular() {
            found
        } else {
            Type::list(found)
        };
        (ty, walk.problems)
    }
}

/// Why a selector finds nothing in any value of a type.
enum Never {
    /// A record has no such member: these are its names.
    Member(String, Vec<String>),
    /// The type has nothing of that sort in it.
    Kind(String),
}

type Reach = Result<Type, Never>;

struct Walk<'w> {
    root: &'w Type,
    problems: Vec<JsonPathError>,
}

impl Walk<'_> {
    /// The type of the nodes at the end of the segments; `Unknown` too if there can be none.
    fn segments(&mut self, segments: &[Segment], of: &Type, span: &dyn Fn(usize) -> Span) -> Type {
        let mut ty = of.clone();
        for (at, segment) in segments.iter().enumerate() {
            if segment.descends || ty == Type::Unknown {
                self.filters(&segments[at..], at, span);
                return Type::Unknown;
            }
            ty = self.segment(segment, &ty, span(at));
        }
        ty
    }

    /// Nothing is known of the nodes any more, but conditions may still ask about `$`.
    fn filters(&mut self, segments: &[Segment], from: usize, span: &dyn Fn(usize) -> Span) {
        for (at, segment) in segments.iter().enumerate() {
            for selector in &segment.selectors {
                if let Selector::Filter(logical) = selector {
                    self.logical(logical, &Type::Unknown, span(from + at));
                }
            }
        }
    }

    fn segment(&mut self, segment: &Segment, ty: &Type, span: Span) -> Type {
        let mut found: Option<Type> = None;
        for selector in &segment.selectors {
            match select(selector, ty) {
                Ok(reached) => {
                    if let Selector::Filter(logical) = selector {
                        self.logical(logical, &reached, span);
                    }
                    found = Some(match found {
                        Some(known) => known.or(reached),
                        None => reached,
                    });
                }
                Err(never) => self.problems.push(problem(never, span)),
            }
        }
        found.unwrap_or_default()
    }

    /// The paths in a condition: a name that can never be there makes it always true or always false.
    fn logical(&mut self, logical: &Logical, current: &Type, span: Span) {
        match logical {
            Logical::Or(all) | Logical::And(all) => {
                for one in all {
                    self.logical(one, current, span);
                }
            }
            Logical::Not(one) => self.logical(one, current, span),
            Logical::Exists(query) => self.query(query, current, span),
            Logical::Compare(left, _, right) => {
                self.comparable(left, current, span);
                self.comparable(right, current, span);
            }
            Logical::Matches { text, pattern, .. } => {
                self.comparable(text, current, span);
                if let Pattern::Value(pattern) = pattern {
                    self.comparable(pattern, current, span);
                }
            }
        }
    }

    fn comparable(&mut self, comparable: &Comparable, current: &Type, span: Span) {
        match comparable {
            Comparable::Literal(_) => {}
            Comparable::Query(query) | Comparable::ValueOf(query) | Comparable::Count(query) => {
                self.query(query, current, span);
            }
            Comparable::Length(of) => self.comparable(of, current, span),
        }
    }

    fn query(&mut self, query: &Query, current: &Type, span: Span) {
        let root = self.root;
        let from = if query.relative { current } else { root };
        self.segments(&query.segments, from, &|_| span);
    }
}

fn select(selector: &Selector, ty: &Type) -> Reach {
    if let Type::Union(options) = ty {
        return either(options.iter().map(|option| select(selector, option)));
    }
    match (selector, ty) {
        (_, Type::Unknown | Type::Secret) => Ok(Type::Unknown),
        // Of a stored value whose items are not known, nothing is known.
        (_, Type::Blob(item)) if **item == Type::Unknown => Ok(Type::Unknown),
        (Selector::Name(name), Type::Record(record)) => match record.fields.get(&**name) {
            Some(field) => Ok(field.ty.clone()),
            None if record.open => Ok(Type::Unknown),
            None => {
                let known = record.fields.keys().map(ToString::to_string);
                Err(Never::Member(name.clone(), known.collect()))
            }
        },
        (Selector::Name(_), Type::Map(value)) => Ok(Type::clone(value)),
        (
            Selector::Index(_) | Selector::Slice(..) | Selector::Wildcard | Selector::Filter(_),
            Type::List(item) | Type::Blob(item),
        )
        | (Selector::Wildcard | Selector::Filter(_), Type::Map(item)) => Ok(Type::clone(item)),
        (Selector::Wildcard | Selector::Filter(_), Type::Record(record)) => {
            let types = record.fields.values().map(|field| field.ty.clone());
            let known = types.reduce(Type::or).filter(|_| !record.open);
            Ok(known.unwrap_or_default())
        }
        (Selector::Name(name), _) => Err(Never::Kind(format!(
            "{} has no member `{name}`",
            in_words(ty)
        ))),
        (Selector::Index(_) | Selector::Slice(..), _) => {
            Err(Never::Kind(format!("{} has no items", in_words(ty))))
        }
        (Selector::Wildcard | Selector::Filter(_), _) => {
            Err(Never::Kind(format!("{} has nothing in it", in_words(ty))))
        }
    }
}

/// What any of the options gives; the best reason if none can give anything.
fn either(options: impl Iterator<Item = Reach>) -> Reach {
    let mut found: Option<Type> = None;
    let mut never = None;
    for option in options {
        match option {
            Ok(ty) => {
                found = Some(match found {
                    Some(known) => known.or(ty),
                    None => ty,
                });
            }
            Err(reason) => {
                let better = matches!(reason, Never::Member(..)) || never.is_none();
                never = if better { Some(reason) } else { never };
            }
        }
    }
    match (found, never) {
        (Some(ty), _) => Ok(ty),
        (None, Some(never)) => Err(never),
        (None, None) => Ok(Type::Unknown),
    }
}

fn in_words(ty: &Type) -> String {
    match ty {
        Type::String(_) => "text".to_owned(),
        Type::List(_) | Type::Blob(_) => "a list".to_owned(),
        Type::Map(_) | Type::Record(_) => "a map".to_owned(),
        other => with_article(&other.to_string()),
    }
}

fn problem(never: Never, span: Span) -> JsonPathError {
    let (message, help) = match never {
        Never::Member(name, known) => {
            let message = format!("there is no member `{name}` here, so the path finds nothing");
            let help = match nearest(&name, known.iter().map(String::as_str)) {
                Some(near) => Some(format!("did you mean `{near}`?")),
                None if known.is_empty() => None,
                None => {
                    let known: Vec<_> = known
                        .iter()
                        .take(12)
                        .map(|one| format!("`{one}`"))
                        .collect();
                    Some(format!("there is {}", known.join(", ")))
                }
            };
            (message, help)
        }
        Never::Kind(reason) => {
            let help = match reason.split(' ').next() {
                Some("text") => Some("`| json` makes a value of JSON text".to_owned()),
                _ if reason.starts_with("a list has no member") => {
                    Some("`[0]` is the first item, `[*]` all of them".to_owned())
                }
                _ => None,
            };
            (format!("{reason}, so the path finds nothing"), help)
        }
    };
    JsonPathError {
        help,
        ..JsonPathError::new("jsonpath.no_match", span, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Type {
        let item = Type::record(
            [
                ("id", Type::Integer),
                ("tag", Type::string()),
                ("maybe", Type::string().or(Type::Null)),
            ],
            false,
        );
        let open = Type::record([("id", Type::string())], true);
        let fields = [
            ("data", Type::list(item.clone())),
            ("open", open.clone()),
            ("stream", Type::blob(item.clone())),
            ("body", Type::blob(Type::Unknown)),
            ("names", Type::Map(Type::string().into())),
            ("text", Type::string()),
            ("either", item.or(open)),
        ];
        Type::record(fields, false)
    }

    #[track_caller]
    fn check(path: &str, expected: &str) {
        let (ty, problems) = JsonPath::parse(path).expect(path).infer(&data());
        let mut shown = ty.to_string();
        for problem in problems {
            let place = &path[problem.span.start as usize..problem.span.end as usize];
            let help = problem.help.map(|help| format!(" = {help}"));
            let help = help.unwrap_or_default();
            shown.extend(["; at `", place, "`: ", &problem.message, &help]);
        }
        assert_eq!(shown, expected, "{path}");
    }

    #[test]
    fn what_is_found_has_a_type() {
        check("$.text", "string");
        check("$.data[0].id", "integer");
        check("$['data'][-1]['tag']", "string");
        check("$.data[*].id", "list of integer");
        check("$.data[?@.id > 1].tag", "list of string");
        check("$.data[0:2].maybe", "list of string or null");
        check("$.data[0]['id', 'tag']", "list of integer or string");
        check("$.stream[*].id", "list of integer");
        check("$.names.x", "string");
        check("$.names[*]", "list of string");
        check("$.either.id", "integer or string");
    }

    #[test]
    fn what_is_not_known_stays_silent() {
        check("$.open.whatever.deep", "any value");
        check("$.open[*].id", "list");
        check("$..idd", "list");
        check("$.body.idd", "any value");
        check("$.either.more", "any value");
        check("$.open.x[?@.idd]", "list");
    }

    #[test]
    fn what_can_never_be_found_is_a_problem() {
        check(
            "$.dta[0].id",
            "any value; at `.dta`: there is no member `dta` here, so the path finds nothing = did you mean `data`?",
        );
        check(
            "$.data[0]['idd']",
            "any value; at `['idd']`: there is no member `idd` here, so the path finds nothing = did you mean `id`?",
        );
        check(
            "$.data[*].zzz",
            "list; at `.zzz`: there is no member `zzz` here, so the path finds nothing = there is `id`, `tag`, `maybe`",
        );
        check(
            "$.data.id",
            "any value; at `.id`: a list has no member `id`, so the path finds nothing = `[0]` is the first item, `[*]` all of them",
        );
        check(
            "$.text.id",
            "any value; at `.id`: text has no member `id`, so the path finds nothing = `| json` makes a value of JSON text",
        );
        check(
            "$.data[0].id[*]",
            "list; at `[*]`: an integer has nothing in it, so the path finds nothing",
        );
        check(
            "$[0]",
            "any value; at `[0]`: a map has no items, so the path finds nothing",
        );
        check(
            "$.data[?@.idd == 1].tag",
            "list of string; at `[?@.idd == 1]`: there is no member `idd` here, so the path finds nothing = did you mean `id`?",
        );
        check(
            "$..x[?$.dta]",
            "list; at `[?$.dta]`: there is no member `dta` here, so the path finds nothing = did you mean `data`?",
        );
    }
}

//! The two ways lists are paged: by object, and by an opaque cursor.

use axum::extract::Query as UrlQuery;
use hyper::Uri;
use serde::Serialize;

use crate::error::ApiError;

/// The most objects a page may hold.
const LIMIT_MAX: usize = 1000;
const LIMIT_DEFAULT: usize = 20;

/// The pairs of a query string, decoded.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query of a request.
    ///
    /// # Errors
    /// 400 if it is not one.
    pub(crate) fn of(uri: &Uri) -> Result<Query, ApiError> {
        UrlQuery::<Vec<(String, String)>>::try_from_uri(uri)
            .map(|UrlQuery(pairs)| Query(pairs))
            .map_err(|error| ApiError::invalid(format!("query: {error}")))
    }

    /// The first value of `name` that is not empty.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).find(|value| !value.is_empty())
    }

    /// All values of `name`.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn limit(&self) -> Result<usize, ApiError> {
        let Some(text) = self.first("limit") else {
            return Ok(LIMIT_DEFAULT);
        };
        match text.parse() {
            Ok(limit @ 1..=LIMIT_MAX) => Ok(limit),
            _ => Err(ApiError::invalid(format!(
                "limit: must be a whole number from 1 to {LIMIT_MAX}, not `{text}`"
            ))),
        }
    }
}

/// How the objects of a list are found by a cursor.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// By descending identifier with this prefix: a cursor is a place even if its object is gone.
    Sorted(&'static str),
    /// In no order a cursor could be compared with: only listed objects are places.
    Listed,
}

/// A page by object cursor. Source: Claude API, Message Batches and Models, list.
#[derive(Debug, Serialize)]
pub(crate) struct PageA<T> {
    pub(crate) data: Vec<T>,
    has_more: bool,
    first_id: Option<String>,
    last_id: Option<String>,
}

impl<T> PageA<T> {
    /// The same page with each object as `show` has it.
    pub(crate) fn map<U>(self, show: impl FnMut(T) -> U) -> PageA<U> {
        let PageA {
            data,
            has_more,
            first_id,
            last_id,
        } = self;
        PageA {
            data: data.into_iter().map(show).collect(),
            has_more,
            first_id,
            last_id,
        }
    }
}

/// A page by opaque cursor. Source: Claude API, Files and Skills, list.
#[derive(Debug, Serialize)]
pub(crate) struct PageB<T> {
    pub(crate) data: Vec<T>,
    pub(crate) next_page: Option<String>,
}

/// The page that `limit`, `after_id` and `before_id` ask for, of `items`, which are newest first.
///
/// # Errors
/// 400 for a bad limit, a cursor that is no identifier, or both cursors at once.
pub(crate) fn page_a<T>(
    mut items: Vec<T>,
    query: &Query,
    order: Order,
    id: impl Fn(&T) -> &str,
) -> Result<PageA<T>, ApiError> {
    let limit = query.limit()?;
    let (range, has_more) = match (query.first("after_id"), query.first("before_id")) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "after_id, before_id: only one of them may be given",
            ));
        }
        (None, Some(before)) => {
            let (end, _) = place(&items, before, "before_id", order, &id)?;
            (end.saturating_sub(limit)..end, end > limit)
        }
        (after, None) => {
            let start = match after {
                None => 0,
                Some(after) => {
                    let (start, found) = place(&items, after, "after_id", order, &id)?;
                    start + usize::from(found)
                }
            };
            let end = items.len().min(start + limit);
            (start..end, end < items.len())
        }
    };
    let data: Vec<T> = items.drain(range).collect();
    Ok(PageA {
        has_more,
        first_id: data.first().map(|item| id(item).to_owned()),
        last_id: data.last().map(|item| id(item).to_owned()),
        data,
    })
}

/// The page that `limit` and `page` ask for, of `items`, which are by descending `key`.
///
/// # Errors
/// 400 for a bad limit or a cursor that this server did not make.
pub(crate) fn page_b<T>(
    mut items: Vec<T>,
    query: &Query,
    key: impl Fn(&T) -> String,
) -> Result<PageB<T>, ApiError> {
    let limit = query.limit()?;
    let start = match query.first("page") {
        None => 0,
        Some(cursor) => {
            let last = decode(cursor)
                .ok_or_else(|| ApiError::invalid("page: not a cursor of this list"))?;
            items.partition_point(|item| key(item) >= last)
        }
    };
    let end = items.len().min(start + limit);
    let more = end < items.len();
    let data: Vec<T> = items.drain(start..end).collect();
    let next_page = data.last().filter(|_| more).map(|item| encode(&key(item)));
    Ok(PageB { data, next_page })
}

impl<T> PageB<T> {
    /// The same page with each object as `show` has it.
    pub(crate) fn map<U>(self, show: impl FnMut(T) -> U) -> PageB<U> {
        PageB {
            data: self.data.into_iter().map(show).collect(),
            next_page: self.next_page,
        }
    }
}

/// Where `cursor` stands among `items`, and whether it is one of them.
fn place<T>(
    items: &[T],
    cursor: &str,
    name: &str,
    order: Order,
    id: &impl Fn(&T) -> &str,
) -> Result<(usize, bool), ApiError> {
    let unknown = || ApiError::invalid(format!("{name}: `{cursor}` is not an object of this list"));
    match order {
        Order::Sorted(prefix) => {
            if !cursor.starts_with(prefix) {
                return Err(unknown());
            }
            let at = items.partition_point(|item| id(item) > cursor);
            Ok((at, items.get(at).is_some_and(|item| id(item) == cursor)))
        }
        Order::Listed => {
            let at = items
                .iter()
                .position(|item| id(item) == cursor)
                .ok_or_else(unknown)?;
            Ok((at, true))
        }
    }
}

fn encode(key: &str) -> String {
    use std::fmt::Write;
    key.bytes().fold("page_".to_owned(), |mut cursor, byte| {
        let _ = write!(cursor, "{byte:02x}");
        cursor
    })
}

fn decode(cursor: &str) -> Option<String> {
    let digits = cursor
        .strip_prefix("page_")
        .filter(|digits| digits.is_ascii() && digits.len().is_multiple_of(2))?;
    let bytes = (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16))
        .collect::<Result<_, _>>()
        .ok()?;
    String::from_utf8(bytes).ok().filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::of(&format!("/?{text}").parse().expect("a uri")).expect("a query")
    }

    #[track_caller]
    fn a(text: &str) -> String {
        let items: Vec<String> = ["x_9", "x_7", "x_5", "x_3", "x_1"]
            .map(String::from)
            .to_vec();
        match page_a(items, &query(text), Order::Sorted("x_"), |item| item) {
            Ok(page) => format!(
                "{}{}",
                page.data.join(" "),
                if page.has_more { " +" } else { "" }
            ),
            Err(error) => error.message,
        }
    }

    #[test]
    fn object_cursors() {
        for (text, expected) in [
            ("", "x_9 x_7 x_5 x_3 x_1"),
            ("limit=2", "x_9 x_7 +"),
            ("limit=2&after_id=x_7", "x_5 x_3 +"),
            ("limit=2&after_id=x_6", "x_5 x_3 +"),
            ("limit=2&after_id=x_3", "x_1"),
            ("after_id=x_1", ""),
            ("limit=2&before_id=x_1", "x_5 x_3 +"),
            ("limit=2&before_id=x_5", "x_9 x_7"),
            ("limit=2&before_id=x_9", ""),
            (
                "limit=0",
                "limit: must be a whole number from 1 to 1000, not `0`",
            ),
            (
                "limit=1001",
                "limit: must be a whole number from 1 to 1000, not `1001`",
            ),
            (
                "limit=many",
                "limit: must be a whole number from 1 to 1000, not `many`",
            ),
            (
                "after_id=y_1",
                "after_id: `y_1` is not an object of this list",
            ),
            (
                "after_id=x_1&before_id=x_9",
                "after_id, before_id: only one of them may be given",
            ),
        ] {
            assert_eq!(a(text), expected, "{text}");
        }
    }

    #[test]
    fn opaque_cursors() {
        let items = || ["x_5", "x_3", "x_1"].map(String::from).to_vec();
        let first = page_b(items(), &query("limit=2"), String::clone).expect("a page");
        let cursor = first.next_page.expect("more");
        assert!(cursor.starts_with("page_"));
        let second = page_b(
            items(),
            &query(&format!("limit=2&page={cursor}")),
            String::clone,
        )
        .expect("a page");
        assert_eq!(
            (second.data, second.next_page),
            (vec!["x_1".to_owned()], None)
        );
        for bad in ["page=x", "page=page_0", "page=page_zz", "page=page_\u{e9}"] {
            assert!(
                page_b(items(), &query(bad), String::clone).is_err(),
                "{bad}"
            );
        }
    }
}

//! Where a list goes on: pure, from the answer's body and headers to the change of the next request.

use std::collections::HashSet;
use std::sync::Arc;

use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::{Hash, Value};

use crate::descriptor::operation::{Again, NextPage, Pagination};
use crate::descriptor::service::Path;
use crate::request::{Request, query};

/// What the next request changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Next {
    /// There is no next page.
    End,
    /// A query parameter and its value.
    Query(Arc<str>, Value),
    /// The whole address.
    Address(String),
}

/// The items of a page.
pub(crate) fn items(rule: &Pagination, body: &Value) -> Result<Vec<Value>, Failure> {
    let found = if rule.next == NextPage::Detect && body.as_list().is_none() {
        ["data", "items", "results"]
            .iter()
            .find_map(|name| body.get(name))
            .filter(|value| value.as_list().is_some())
    } else {
        rule.items.read(body)
    };
    match found {
        Some(Value::List(items)) => Ok(items.to_vec()),
        // A service without anything to list may leave the member out.
        Some(Value::Null) | None if body.as_map().is_some() && rule.next != NextPage::Detect => {
            Ok(Vec::new())
        }
        _ => {
            let message = format!(
                "the answer has no list of items at `{}`",
                rule.items.0.join(".")
            );
            Err(Failure::of(
                FailureKind::Permanent,
                Done::Done,
                "page.no_items",
                message,
            ))
        }
    }
}

/// What comes after the page with this body, of `count` items, that `request` got.
pub(crate) fn next(
    rule: &NextPage,
    request: &Request,
    body: &Value,
    count: usize,
    link: Option<&str>,
    url: &str,
) -> Result<Next, Failure> {
    match rule {
        NextPage::Object {
            more,
            forwards,
            backwards,
        } => {
            let back = request.query.iter().any(|(name, _)| *name == backwards.1);
            let (cursor, param) = if back { backwards } else { forwards };
            if more.read(body).and_then(Value::as_bool) != Some(true) {
                return Ok(Next::End);
            }
            by_cursor(cursor, param, body)
        }
        NextPage::Cursor(cursor, param) => by_cursor(cursor, param, body),
        NextPage::Number {
            param,
            first,
            total,
        } => {
            let asked = request.query.iter().find(|(name, _)| name == param);
            let number = asked
                .and_then(|(_, value)| value.as_str()?.parse().ok())
                .unwrap_or(*first);
            let last = total.as_ref().and_then(|path| path.read(body)?.as_u64());
            let is_last = count == 0 || last.is_some_and(|last| number + 1 >= first + last);
            Ok(if is_last {
                Next::End
            } else {
                Next::Query(param.clone(), Value::from((number + 1).to_string()))
            })
        }
        NextPage::Offset {
            param,
            limit,
            total,
        } => {
            let asked = |name: &Arc<str>| {
                let found = request.query.iter().find(|(known, _)| known == name);
                found.and_then(|(_, value)| value.as_str()?.parse::<u64>().ok())
            };
            let count = count as u64;
            let end = asked(param).unwrap_or(0).saturating_add(count);
            let total = total.as_ref().and_then(|path| path.read(body)?.as_u64());
            let short = limit
                .as_ref()
                .and_then(asked)
                .is_some_and(|wanted| count < wanted);
            let is_last = count == 0 || short || total.is_some_and(|total| end >= total);
            Ok(if is_last {
                Next::End
            } else {
                Next::Query(param.clone(), Value::from(end.to_string()))
            })
        }
        NextPage::Link => Ok(link
            .and_then(|link| next_link(link, url))
            .map_or(Next::End, Next::Address)),
        NextPage::Url(path) => match path.read(body) {
            None | Some(Value::Null) => Ok(Next::End),
            Some(Value::String(text)) if text.is_empty() => Ok(Next::End),
            Some(found) => by_address(path, found, url),
        },
        NextPage::Detect => {
            let path = |name: &str| Path::parse(name);
            if body.get("has_more").and_then(Value::as_bool) == Some(true)
                && body.get("last_id").is_some()
            {
                return by_cursor(&path("last_id"), &"after_id".into(), body);
            }
            by_cursor(&path("next_page"), &"page".into(), body)
        }
    }
}

fn by_cursor(path: &Path, param: &Arc<str>, body: &Value) -> Result<Next, Failure> {
    match path.read(body) {
        None | Some(Value::Null) => Ok(Next::End),
        Some(Value::String(text)) if text.is_empty() => Ok(Next::End),
        Some(cursor) => Ok(Next::Query(param.clone(), query::scalar(param, cursor)?)),
    }
}

fn by_address(path: &Path, found: &Value, base: &str) -> Result<Next, Failure> {
    let target = found.as_str().and_then(|text| {
        let base = reqwest::Url::parse(base).ok()?;
        base.join(text).ok()
    });
    let target = target.filter(|url| matches!(url.scheme(), "http" | "https"));
    target.map(|url| Next::Address(url.into())).ok_or_else(|| {
        let message = format!(
            "the answer has no address of a next page at `{}`: found {}",
            path.0.join("."),
            found.described()
        );
        Failure::of(FailureKind::Permanent, Done::Done, "page.address", message)
    })
}

/// The target of `rel="next"`, absolute.
///
/// Source: RFC 8288, section 3.
fn next_link(header: &str, base: &str) -> Option<String> {
    let mut rest = header;
    while let Some(start) = rest.find('<') {
        let (target, after) = rest[start + 1..].split_once('>')?;
        // Parameters end at a comma outside quotes.
        let mut quoted = false;
        let end = after
            .char_indices()
            .find(|(_, letter)| {
                quoted ^= *letter == '"';
                *letter == ',' && !quoted
            })
            .map_or(after.len(), |(at, _)| at);
        let is_next = after[..end].split(';').any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else {
                return false;
            };
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_matches('"')
                    .split_ascii_whitespace()
                    .any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return reqwest::Url::parse(base)
                .ok()?
                .join(target)
                .ok()
                .map(String::from);
        }
        rest = &after[end..];
    }
    None
}

/// The items of the pages so far, as far as one may come again.
#[derive(Debug)]
pub(crate) struct Earlier<'a> {
    rule: &'a Again,
    seen: HashSet<Hash>,
}

impl Earlier<'_> {
    pub(crate) fn new(rule: &Again) -> Earlier<'_> {
        Earlier {
            rule,
            seen: HashSet::new(),
        }
    }

    /// The items of the next page that were on none before it. Two of one page are never the same.
    pub(crate) fn new_ones(&mut self, items: Vec<Value>) -> Vec<Value> {
        if *self.rule == Again::Never {
            return items;
        }
        let marks: Vec<Option<Hash>> = items.iter().map(|item| self.mark(item)).collect();
        let marked = items.into_iter().zip(&marks);
        let is_new = |mark: &Option<Hash>| mark.is_none_or(|mark| !self.seen.contains(&mark));
        let new = marked.filter(|(_, mark)| is_new(mark));
        let new = new.map(|(item, _)| item).collect();
        self.seen.extend(marks.into_iter().flatten());
        new
    }

    /// What an item is known by.
    fn mark(&self, item: &Value) -> Option<Hash> {
        let known_by = match self.rule {
            Again::Never => None,
            Again::Whole => item.get("id").map(|_| item),
            Again::Key(path) => path.read(item).filter(|key| !key.is_null()),
        };
        Some(Hash::of(known_by?.to_json().ok()?.as_bytes()))
    }
}

/// The cursors that were seen: a list that comes back to one would never end.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashSet<String>);

impl Seen {
    /// Notes where the list goes.
    pub(crate) fn note(&mut self, next: &Next) -> Result<(), Failure> {
        let cursor = match next {
            Next::End => return Ok(()),
            Next::Query(name, value) => format!("{name}={}", value.as_str().unwrap_or_default()),
            Next::Address(address) => address.clone(),
        };
        if self.0.insert(cursor) {
            return Ok(());
        }
        let message = "the list leads back to a page that was read already";
        Err(Failure::of(
            FailureKind::Permanent,
            Done::Done,
            "page.loop",
            message,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found() {
        let header = r#"<https://a.b/?p=1,2>; rel="prev", </x?p=3>; title="a, b"; rel="last next""#;
        assert_eq!(
            next_link(header, "https://a.b/y").as_deref(),
            Some("https://a.b/x?p=3")
        );
        assert_eq!(next_link(r#"<x>; rel="last""#, "https://a.b/"), None);
        assert_eq!(next_link("nonsense <", "https://a.b/"), None);
    }
}

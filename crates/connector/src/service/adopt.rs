//! Looking for what a lost request made, as the descriptor says: things that are listed, are not older than the request, hold
//! as many items, belong to no other step, and whose results have the keys of the request's items.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_backend::adopt::Records;
use flow_backend::context::StepContext;
use flow_backend::step::{Call, StepRunner};
use flow_engine::catalog;
use flow_engine::eval::items;
use flow_engine::run::{Failure, Found, Prepared};
use flow_engine::time::Timestamp;
use flow_engine::value::{Map, Value};

use crate::blocking::blocking;
use crate::descriptor::operation::Adopt;
use crate::descriptor::service::Path;
use crate::request::{Body, Request};

/// How many pages of the list are read at most: what is older than the request ends the reading long before.
const PAGES_MAX: u32 = 64;

/// One search.
pub(crate) struct Search<'a> {
    pub(crate) runner: &'a dyn StepRunner,
    pub(crate) entry: &'a catalog::Adopt,
    pub(crate) rule: &'a Adopt,
    pub(crate) call: &'a Call,
    pub(crate) records: &'a dyn Records,
    pub(crate) context: &'a StepContext,
}

impl Search<'_> {
    /// Looks once.
    pub(crate) async fn look(
        &self,
        prepared: &Prepared,
        since: Timestamp,
    ) -> Result<Found, Failure> {
        let Some(count) = prepared.count else {
            return Ok(Found::Unclear("the request was not counted".to_owned()));
        };
        let clock = i64::try_from(self.rule.clock.0).unwrap_or(i64::MAX);
        let oldest = Timestamp(since.0.saturating_sub(clock));
        let mut candidates = Vec::new();
        for thing in self.listed(oldest).await? {
            let Some(id) = self.entry.id_of(&thing) else {
                continue;
            };
            let fits = created(&self.rule.created, &thing).is_some_and(|at| at >= oldest)
                && count_of(&self.rule.count, &thing) == Some(count);
            if fits && !self.records.is_recorded(&self.entry.what, &id)? {
                candidates.push((id, thing));
            }
        }
        if candidates.is_empty() {
            return Ok(Found::Nothing);
        }
        let wanted = self.keys_of(prepared).await?;
        for rival in self.records.rivals(&self.entry.what, Some(count))? {
            // One whose request has other keys cannot have made what has these.
            let other = match &rival.prepared {
                Some(prepared) => self.keys_of(prepared).await? != wanted,
                None => false,
            };
            if !other {
                return Ok(Found::Contested(rival.words));
            }
        }
        let (path, word) = &self.rule.over;
        let over = |thing: &Value| path.read(thing).and_then(Value::as_str) == Some(&**word);
        if let Some((id, _)) = candidates.iter().find(|(_, thing)| !over(thing)) {
            let why = format!("`{id}` may be what it made, which can be told once that is over");
            return Ok(Found::NotYet(why));
        }
        self.confirmed(candidates, &wanted).await
    }

    /// The things of the list that are not older, and perhaps some that are.
    async fn listed(&self, oldest: Timestamp) -> Result<Vec<Value>, Failure> {
        let (mut pages, mut known) = (1, 0);
        loop {
            let list = self
                .query(&self.rule.list, self.rule.with.clone(), Some(pages))
                .await?;
            let things = self.read(list, Ok).await?;
            let end = things
                .last()
                .and_then(|thing| created(&self.rule.created, thing));
            let enough = things.len() == known || end.is_none_or(|at| at < oldest);
            if enough || pages >= PAGES_MAX {
                return Ok(things);
            }
            known = things.len();
            pages *= 2;
        }
    }

    /// The one whose results have the keys of the request.
    async fn confirmed(
        &self,
        candidates: Vec<(String, Value)>,
        wanted: &BTreeSet<String>,
    ) -> Result<Found, Failure> {
        let (of_result, _) = &self.rule.keys;
        let (query, parameter) = &self.rule.results;
        let mut found = Vec::new();
        for (id, thing) in candidates {
            let given = Map::from_iter([(parameter.clone(), Value::from(id.as_str()))]);
            let results = self.query(query, given, None).await?;
            if self.keys(results, of_result).await? == *wanted {
                found.push((id, thing));
            }
        }
        let ids: Vec<String> = found.iter().map(|(id, _)| format!("`{id}`")).collect();
        match (found.pop(), ids.len()) {
            (None, _) => Ok(Found::Nothing),
            (Some((id, value)), 1) => Ok(Found::Made { id, value }),
            (Some(_), _) => {
                let why = format!("several may be what it made: {}", ids.join(", "));
                Ok(Found::Unclear(why))
            }
        }
    }

    async fn keys_of(&self, prepared: &Prepared) -> Result<BTreeSet<String>, Failure> {
        let (_, of_item) = &self.rule.keys;
        self.keys(self.items_of(prepared).await?, of_item).await
    }

    async fn items_of(&self, prepared: &Prepared) -> Result<Value, Failure> {
        let Body::Json(body) = Request::from_value(&prepared.request)?.body else {
            return Ok(Value::Null);
        };
        let (name, blobs) = (self.rule.items.clone(), self.context.blobs.clone());
        blocking(move || {
            let body = match &body {
                Value::Blob(blob) => flow_engine::eval::load(blob, &*blobs)?,
                other => other.clone(),
            };
            Ok(body.get(&name).cloned().unwrap_or_default())
        })
        .await
    }

    async fn keys(&self, list: Value, path: &Path) -> Result<BTreeSet<String>, Failure> {
        let path = path.clone();
        let key = move |item: Value| {
            let key = path.read(&item).and_then(Value::as_str).unwrap_or_default();
            Ok(key.to_owned())
        };
        Ok(self.read(list, key).await?.into_iter().collect())
    }

    async fn read<T: Send + 'static>(
        &self,
        list: Value,
        each: impl Fn(Value) -> Result<T, Failure> + Send + 'static,
    ) -> Result<Vec<T>, Failure> {
        let blobs = self.context.blobs.clone();
        blocking(move || {
            let items = items(&list, &*blobs)?;
            items.map(|item| each(item?)).collect()
        })
        .await
    }

    async fn query(
        &self,
        operation: &Arc<str>,
        arguments: Map,
        pages: Option<u32>,
    ) -> Result<Value, Failure> {
        let call = Call {
            operation: operation.clone(),
            arguments,
            pages,
            with_response: false,
            repeated: false,
            ..self.call.clone()
        };
        self.runner.perform(&call, self.context).await
    }
}

/// A time as RFC 3339, or as seconds since 1970.
fn created(path: &Path, thing: &Value) -> Option<Timestamp> {
    let written = path.read(thing)?;
    let seconds = || {
        written
            .as_i64()
            .map(|seconds| Timestamp(seconds.saturating_mul(1000)))
    };
    written.as_str().and_then(Timestamp::parse).or_else(seconds)
}

/// A number, or the sum of a map of numbers.
fn count_of(path: &Path, thing: &Value) -> Option<u64> {
    match path.read(thing)? {
        Value::Map(map) => map.iter().map(|(_, value)| value.as_u64()).sum(),
        value => value.as_u64(),
    }
}

//! Lists over several pages.

use std::sync::Arc;

use flow_engine::run::{Done, Failure, FailureKind};
use flow_engine::value::Value;

use super::perform::{Performer, Reading, response, viewed, with_response};
use crate::blocking::blocking;
use crate::descriptor::operation::{Answer as AnswerKind, Pagination};
use crate::request::Request;
use crate::response::{json, page};
use crate::sink::ItemSink;

impl Performer<'_> {
    /// A list over all its pages.
    pub(super) async fn pages(
        &self,
        first: &Request,
        rule: &Pagination,
        reading: &Reading,
    ) -> Result<Value, Failure> {
        let mut request = first.clone();
        let mut sink = ItemSink::new(self.context.blobs.clone());
        let mut seen = page::Seen::default();
        let mut earlier = page::Earlier::new(&rule.again);
        let mut response_of_first = None;
        let mut read = 0_u32;
        let wanted = reading.pages.unwrap_or(u32::MAX).max(1);
        for number in 1..=wanted {
            if number > self.limits.pages {
                let message = format!("the list has more than {} pages", self.limits.pages);
                return Err(Failure::of(
                    FailureKind::Permanent,
                    Done::Done,
                    "page.limit",
                    message,
                ));
            }
            let mut answer = self
                .exchange(
                    &request,
                    Some(&first.url),
                    AnswerKind::Json,
                    &reading.accept,
                )
                .await?;
            if number == 1 && reading.with_response {
                response_of_first = Some(response(&answer));
            }
            let bytes = answer.body.whole(self.limits.body_bytes).await?;
            let body = json::read(&bytes, answer.header("content-type"), answer.body.done())?;
            let items = page::items(rule, &body)?;
            let next = page::next(
                &rule.next,
                &request,
                &body,
                items.len(),
                answer.header("link"),
                &answer.url,
            )?;
            let items = earlier.new_ones(items);
            let view = reading.view.clone();
            sink = blocking(move || {
                for item in items {
                    sink.push(viewed(item, view.clone()))?;
                }
                Ok(sink)
            })
            .await?;
            read = number;
            if number < wanted {
                seen.note(&next)?;
            }
            match next {
                page::Next::End => break,
                page::Next::Query(name, value) => request.set_query(&name, value),
                page::Next::Address(address) => {
                    request.url = address.into();
                    // What the address does not say again: a key.
                    request
                        .query
                        .retain(|(_, value)| matches!(value, Value::Secret(_)));
                }
            }
        }
        let list = blocking(move || sink.finish()).await?;
        let response = response_of_first.map(|response| match response {
            Value::Map(map) => {
                let mut map = Arc::unwrap_or_clone(map);
                map.insert("pages", Value::from(read));
                Value::from(map)
            }
            other => other,
        });
        Ok(with_response(list, response))
    }
}

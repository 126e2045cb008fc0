//! The answer of an operation: its kind, how a list goes on, and the type of the value.

use std::sync::Arc;

use flow_engine::types::Type;
use flow_engine::value::View;

use super::compile_operation::Compiler;
use super::error::DescriptorError;
use super::fields;
use super::named_types::type_of;
use super::operation::{Again, Answer, NextPage, Pagination};
use super::resource::{AnswerDocument, OperationDocument, PaginationDocument};
use super::service::Path;

impl Compiler<'_> {
    pub(super) fn answer(&self, document: &OperationDocument) -> Result<Answer, DescriptorError> {
        let answer = document.answer.unwrap_or(AnswerDocument::Json);
        match (answer, document.assemble.as_deref()) {
            (AnswerDocument::Json, None) => Ok(Answer::Json),
            (AnswerDocument::Jsonl, None) => Ok(Answer::JsonLines),
            (AnswerDocument::Sse, None) => Ok(Answer::Events),
            (AnswerDocument::Sse, Some("message")) => Ok(Answer::Message),
            (AnswerDocument::Binary, None) => Ok(Answer::Binary),
            (AnswerDocument::Empty, None) => Ok(Answer::Empty),
            (AnswerDocument::Auto, None) => Ok(Answer::Auto),
            (_, Some(other)) => {
                let message =
                    format!("`{other}` with this answer: only `message` with `answer: sse`");
                Err(self.error("descriptor.shape", "assemble", message))
            }
        }
    }

    pub(super) fn pagination(&self, document: &OperationDocument) -> Option<Pagination> {
        let detect = PaginationDocument::Detect {};
        let written = match &document.pagination {
            Some(written) => written,
            None if self.name == "list" && document.method.as_deref().unwrap_or("GET") == "GET" => {
                &detect
            }
            None => return None,
        };
        pagination_of(written)
    }

    pub(super) fn output(
        &self,
        document: &OperationDocument,
        answer: Answer,
        pages: bool,
    ) -> Result<(Type, Option<Arc<View>>), DescriptorError> {
        let own_view = document.view.as_ref();
        let added = own_view.unwrap_or(&self.resource.view);
        let fields = if own_view.is_some() || document.output.is_some() {
            &[][..]
        } else {
            &self.resource.fields
        };
        let view = fields::view(fields, added);
        let path = format!("{}.output", self.path);
        let item = match (&document.output, &self.resource.output) {
            (Some(written), _) | (None, Some(written)) => type_of(written, self.types, &path)?,
            (None, None) => fields::type_of_fields(fields),
        };
        let item = fields::with_view(item, view.as_deref(), added);
        let ty = match answer {
            Answer::Json if pages => Type::list(item),
            Answer::Json | Answer::Message => item,
            Answer::JsonLines | Answer::Events => Type::blob(item),
            Answer::Binary => Type::blob(Type::Unknown),
            Answer::Empty => Type::Null,
            Answer::Auto => Type::Unknown,
        };
        Ok((ty, view))
    }
}

/// How a list goes on, as it is written; `None` if the answer is to be taken as it is.
pub(crate) fn pagination_of(written: &PaginationDocument) -> Option<Pagination> {
    let pagination = |items: &str, next| {
        Some(Pagination {
            items: Path::parse(items),
            next,
            again: Again::Never,
        })
    };
    let counted = |items: &str, key: &Option<String>, next| {
        let again = match key {
            Some(key) => Again::Key(Path::parse(key)),
            None => Again::Whole,
        };
        pagination(items, next).map(|found| Pagination { again, ..found })
    };
    match written {
        PaginationDocument::ObjectCursor {
            items,
            more,
            last,
            after,
            first,
            before,
        } => pagination(
            items,
            NextPage::Object {
                more: Path::parse(more),
                forwards: (Path::parse(last), after.as_str().into()),
                backwards: (Path::parse(first), before.as_str().into()),
            },
        ),
        PaginationDocument::PageCursor { items, next, param } => pagination(
            items,
            NextPage::Cursor(Path::parse(next), param.as_str().into()),
        ),
        PaginationDocument::PageNumber {
            items,
            param,
            first,
            total,
            key,
        } => counted(
            items,
            key,
            NextPage::Number {
                param: param.as_str().into(),
                first: *first,
                total: total.as_deref().map(Path::parse),
            },
        ),
        PaginationDocument::Offset {
            items,
            param,
            limit,
            total,
            key,
        } => counted(
            items,
            key,
            NextPage::Offset {
                param: param.as_str().into(),
                limit: limit.as_deref().map(Arc::from),
                total: total.as_deref().map(Path::parse),
            },
        ),
        PaginationDocument::NextUrl { items, next } => {
            pagination(items, NextPage::Url(Path::parse(next)))
        }
        PaginationDocument::Link { items } => pagination(items, NextPage::Link),
        PaginationDocument::Detect {} => pagination("", NextPage::Detect),
        PaginationDocument::None {} => None,
    }
}

/// The `accept` header for a kind of answer.
pub(super) fn accept(answer: Answer) -> &'static str {
    match answer {
        Answer::Json | Answer::Empty | Answer::Message => "application/json",
        Answer::JsonLines | Answer::Binary => "application/octet-stream, */*",
        Answer::Events => "text/event-stream",
        Answer::Auto => "application/json, */*;q=0.5",
    }
}

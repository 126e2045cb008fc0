//! From what is written under `prices` and `usage` to what counts tokens and money.

use std::sync::Arc;

use flow_engine::collections::IndexMap;
use flow_engine::money::{LongPrice, Price, Prices, Rates, TokenKind, share_of};

use super::compile_operation::Compiler;
use super::error::DescriptorError;
use super::operation::{AnswerUsage, Factor, RequestUsage, Usage};
use super::resource::OperationDocument;
use super::service::Path;
use super::usage_document::{
    AnswerUsageDocument, PathsDocument, PricesDocument, RequestUsageDocument,
};

/// The price list of a connector.
pub(super) fn prices(written: &PricesDocument) -> Result<Prices, DescriptorError> {
    let wrong = |path: String, message: &str| {
        DescriptorError::at("descriptor.shape", format!("prices.{path}"), message)
    };
    let mut prices = Prices {
        as_of: written.date.as_deref().map(Arc::from),
        ..Prices::default()
    };
    for (name, share) in &written.shares {
        let share = share_of(*share).ok_or_else(|| {
            let path = format!("shares.{name}");
            wrong(
                path,
                "a share is a number above 0 and up to 100, such as `0.5`",
            )
        })?;
        prices.shares.insert(name.as_str().into(), share);
    }
    for (model, price) in &written.models {
        let rates = |of: &str, written: [Option<f64>; 5]| {
            rates(written).ok_or_else(|| {
                let path = format!("models.{model}{of}");
                wrong(
                    path,
                    "a price is US dollars for a million tokens, 0 or more",
                )
            })
        };
        let mut compiled = Price {
            rates: rates(
                "",
                [
                    price.input,
                    price.output,
                    price.cache_write_5m,
                    price.cache_write_1h,
                    price.cache_read,
                ],
            )?,
            long: None,
        };
        if let Some(long) = &price.long {
            compiled.long = Some(LongPrice {
                over: long.over,
                rates: rates(
                    ".long",
                    [
                        long.input,
                        long.output,
                        long.cache_write_5m,
                        long.cache_write_1h,
                        long.cache_read,
                    ],
                )?,
            });
        }
        prices.models.insert(model.as_str().into(), compiled);
    }
    Ok(prices)
}

fn rates(written: [Option<f64>; 5]) -> Option<Rates> {
    let mut rates = Rates::default();
    for (kind, price) in TokenKind::ALL.into_iter().zip(written) {
        if let Some(price) = price
            && !rates.set(kind, price)
        {
            return None;
        }
    }
    Some(rates)
}

impl Compiler<'_> {
    /// What calls of an operation cost; `None` if they cost nothing that is known.
    pub(super) fn usage(
        &self,
        document: &OperationDocument,
    ) -> Result<Option<Usage>, DescriptorError> {
        let Some(written) = &document.usage else {
            return Ok(None);
        };
        let parameter = |key: &str, name: &Option<String>| match name {
            Some(name) if !document.parameters.contains_key(name) => {
                let message = format!("`{name}` is no parameter of this operation");
                Err(self.error("descriptor.reference", key, message))
            }
            name => Ok(name.as_deref().map(Arc::from)),
        };
        let share = match &written.share {
            None => flow_engine::money::WHOLE,
            Some(name) => *self.prices.shares.get(name.as_str()).ok_or_else(|| {
                let message = format!("`prices.shares` has no `{name}`");
                self.error("descriptor.reference", "usage.share", message)
            })?,
        };
        let answer = written.answer.as_ref();
        let request = written.request.as_ref();
        if let Some(request) = request {
            parameter("usage.request.each", &request.each)?;
        }
        Ok(Some(Usage {
            share,
            of: parameter("usage.of", &written.of)?,
            answer: answer.map(|answer| self.of_answer(answer)).transpose()?,
            request: request.map(of_request),
        }))
    }

    fn of_answer(
        &self,
        written: &AnswerUsageDocument,
    ) -> Result<Arc<AnswerUsage>, DescriptorError> {
        let mut tokens = Vec::new();
        for (kind, paths) in &written.tokens {
            let kind = TokenKind::parse(kind).ok_or_else(|| {
                let known: Vec<&str> = TokenKind::ALL.iter().map(|kind| kind.as_str()).collect();
                let message = format!("tokens are of the kinds {}", known.join(", "));
                self.error("descriptor.shape", "usage.answer.tokens", message)
            })?;
            let paths = match paths {
                PathsDocument::One(path) => std::slice::from_ref(path),
                PathsDocument::Several(paths) => paths,
            };
            tokens.push((kind, paths.iter().map(|path| Path::parse(path)).collect()));
        }
        let mut factors = Vec::new();
        for factor in &written.factors {
            factors.push(Factor {
                path: Path::parse(&factor.path),
                is: factor.is.as_str().into(),
                share: share_of(factor.factor).ok_or_else(|| {
                    let message = "a factor is a number above 0 and up to 100, such as `1.1`";
                    self.error("descriptor.shape", "usage.answer.factors", message)
                })?,
            });
        }
        Ok(Arc::new(AnswerUsage {
            model: Path::parse(&written.model),
            tokens,
            factors,
        }))
    }
}

fn of_request(written: &RequestUsageDocument) -> RequestUsage {
    let paths = |paths: &[String]| paths.iter().map(|path| Path::parse(path)).collect();
    let types = written.types.iter();
    let types: IndexMap<Arc<str>, u64> = types
        .map(|(name, tokens)| (name.as_str().into(), *tokens))
        .collect();
    RequestUsage {
        each: written.each.as_deref().map(Arc::from),
        at: Path::parse(&written.at),
        model: Path::parse(&written.model),
        output: Path::parse(&written.output),
        texts: paths(&written.texts),
        json: paths(&written.json),
        items: written
            .items
            .iter()
            .map(|(path, tokens)| (Path::parse(path), *tokens))
            .collect(),
        types,
    }
}

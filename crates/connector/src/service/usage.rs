//! What calls cost: read out of answers while they pass, estimated from requests before they are sent.

use std::sync::Arc;

use flow_backend::context::Blobs;
use flow_backend::meter::Meter;
use flow_engine::eval::Lines;
use flow_engine::money::{Costs, Estimate, Prices, Tokens, Usage as Used, WHOLE};
use flow_engine::run::Failure;
use flow_engine::value::{Map, Projection, Value, json};

use crate::descriptor::operation::{AnswerUsage, RequestUsage, Usage};

/// Bytes of a text that count as one token: about right for English.
const BYTES_PER_TOKEN: u64 = 4;

/// Reads what an answer cost, and tells the meter.
#[derive(Clone)]
pub(crate) struct Reader {
    rule: Arc<AnswerUsage>,
    prices: Arc<Prices>,
    share: u64,
    /// What was paid for.
    of: Option<Arc<str>>,
    meter: Meter,
}

impl Reader {
    /// The reader for a call; `None` if its answer does not tell.
    pub(crate) fn new(
        usage: &Usage,
        prices: &Arc<Prices>,
        arguments: &Map,
        meter: &Meter,
    ) -> Option<Reader> {
        let of = usage.of.as_ref().and_then(|of| arguments.get(of)?.as_str());
        Some(Reader {
            rule: usage.answer.clone()?,
            prices: prices.clone(),
            share: usage.share,
            of: of.map(Arc::from),
            meter: meter.clone(),
        })
    }

    /// An answer is there.
    pub(crate) fn answer(&self, answer: &Value) {
        let mut costs = Costs::default();
        self.add(answer, &mut costs);
        self.tell(costs);
    }

    /// Reads the lines of an answer; nothing is told before its end.
    pub(crate) fn lines(self) -> LinesReader {
        let rule = &self.rule;
        let tokens = rule.tokens.iter().flat_map(|(_, paths)| paths);
        let factors = rule.factors.iter().map(|factor| &factor.path);
        let paths = tokens.chain(factors).chain([&rule.model]);
        let projection = Projection::of(paths.map(|path| path.0.as_slice()));
        LinesReader {
            reader: self,
            projection,
            costs: Costs::default(),
        }
    }

    fn add(&self, answer: &Value, costs: &mut Costs) {
        let rule = &self.rule;
        let Some(model) = rule.model.read(answer).and_then(Value::as_str) else {
            return;
        };
        let mut tokens = Tokens::default();
        for (kind, paths) in &rule.tokens {
            let count = paths.iter().find_map(|path| path.read(answer)?.as_u64());
            tokens.add(*kind, count.unwrap_or(0));
        }
        let factors = rule.factors.iter().filter(|factor| {
            let found = factor.path.read(answer).and_then(Value::as_str);
            found == Some(&*factor.is)
        });
        let share = factors.fold(self.share, |share, factor| share * factor.share / WHOLE);
        costs.add(&Used::of_call(&self.prices, model, tokens, share));
    }

    fn tell(&self, costs: Costs) {
        self.meter.add(&costs.of(self.of.as_deref()));
    }
}

/// Adds up what the lines of an answer cost, while they pass.
pub(crate) struct LinesReader {
    reader: Reader,
    projection: Option<Projection>,
    costs: Costs,
}

impl LinesReader {
    /// A line, which is JSON.
    pub(crate) fn line(&mut self, line: &[u8]) {
        let read = match &self.projection {
            Some(projection) => json::parse_projected(line, projection),
            None => json::parse(line),
        };
        if let Ok(line) = read {
            self.reader.add(&line, &mut self.costs);
        }
    }

    /// The last line has passed.
    pub(crate) fn end(self) {
        self.reader.tell(self.costs);
    }
}

/// What a call may cost. Blocks: stored requests are read.
pub(crate) fn estimate(
    usage: &Usage,
    prices: &Prices,
    arguments: &Map,
    blobs: &dyn Blobs,
) -> Result<Option<Estimate>, Failure> {
    let Some(rule) = &usage.request else {
        return Ok(None);
    };
    let mut estimate = Estimate::default();
    let mut add = |request: &Value| {
        let model = rule.model.read(request).and_then(Value::as_str);
        let answer = rule.output.read(request).and_then(Value::as_u64);
        if let Some(model) = model {
            let prompt = prompt_tokens(rule, request);
            estimate.add(prices, model, prompt, answer.unwrap_or(0), usage.share);
        }
    };
    let Some(each) = &rule.each else {
        add(&Value::from(arguments.clone()));
        return Ok(Some(estimate));
    };
    match arguments.get(each) {
        Some(Value::Blob(blob)) if blob.is_json_lines() => {
            for item in Lines::open(blob, 0, blobs)? {
                if let Some(request) = rule.at.read(&item?.1) {
                    add(request);
                }
            }
        }
        Some(Value::List(items)) => {
            items
                .iter()
                .filter_map(|item| rule.at.read(item))
                .for_each(add);
        }
        _ => {}
    }
    Ok(Some(estimate))
}

/// About how many tokens the prompt of a request has.
fn prompt_tokens(rule: &RequestUsage, request: &Value) -> u64 {
    let texts = rule.texts.iter().filter_map(|path| path.read(request));
    let texts: u64 = texts.map(|value| of_texts(rule, value)).sum();
    let as_json = rule.json.iter().filter_map(|path| path.read(request));
    let as_json = as_json.filter(|value| !value.is_null());
    let as_json: u64 = as_json
        .filter_map(|value| value.to_json().ok())
        .map(|text| of_bytes(text.len() as u64))
        .sum();
    let items = rule.items.iter().filter_map(|(path, tokens)| {
        let count = path.read(request)?.as_list()?.len() as u64;
        Some(count * tokens)
    });
    texts + as_json + items.sum::<u64>()
}

fn of_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// The tokens of all texts in a value. What only says what something is, under `type` or `role`, is none.
fn of_texts(rule: &RequestUsage, value: &Value) -> u64 {
    match value {
        Value::String(text) => of_bytes(text.len() as u64),
        Value::Blob(blob) => of_bytes(blob.bytes),
        Value::List(items) => items.iter().map(|item| of_texts(rule, item)).sum(),
        Value::Map(map) => {
            let kind = map.get("type").and_then(Value::as_str);
            if let Some(tokens) = kind.and_then(|kind| rule.types.get(kind)) {
                return *tokens;
            }
            let members = map
                .iter()
                .filter(|(name, _)| !["type", "role"].contains(&&***name));
            members.map(|(_, member)| of_texts(rule, member)).sum()
        }
        _ => 0,
    }
}

//! What calls may cost, before they are made.

use std::sync::Arc;

use super::{Costs, Prices, Tokens, Usage, WHOLE};
use crate::collections::IndexMap;

/// What requests would cost. The prompt is estimated, the answer is as long as it may be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Estimate {
    /// The prompts alone: what is paid in any case.
    pub prompt: Costs,
    /// With answers of the length that was asked for.
    pub most: Costs,
    /// The same, each request sent by itself.
    pub single: Costs,
    /// The same at each named share of the price list, such as `batch`.
    pub shares: IndexMap<Arc<str>, Costs>,
    /// The same as `single`, if all of the prompt were read from a cache.
    pub cached: Costs,
}

impl Estimate {
    /// Adds one request, which is paid for at this share of the list, in parts per million.
    pub fn add(&mut self, prices: &Prices, model: &str, prompt: u64, answer: u64, share: u64) {
        let prompt_alone = Tokens {
            input: prompt,
            ..Tokens::default()
        };
        let whole = Tokens {
            output: answer,
            ..prompt_alone
        };
        let cached = Tokens {
            cache_read: prompt,
            output: answer,
            ..Tokens::default()
        };
        let of = |tokens, share| Usage::of_call(prices, model, tokens, share);
        self.prompt.add(&of(prompt_alone, share));
        self.most.add(&of(whole, share));
        self.single.add(&of(whole, WHOLE));
        self.cached.add(&of(cached, WHOLE));
        for (name, share) in &prices.shares {
            let costs = self.shares.entry(name.clone()).or_default();
            costs.add(&of(whole, *share));
        }
    }

    /// Adds what other requests would cost.
    pub fn extend(&mut self, other: &Estimate) {
        self.prompt.extend(&other.prompt);
        self.most.extend(&other.most);
        self.single.extend(&other.single);
        self.cached.extend(&other.cached);
        for (name, costs) in &other.shares {
            self.shares.entry(name.clone()).or_default().extend(costs);
        }
    }
}

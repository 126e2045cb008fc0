//! What was spent, by model.

use serde::{Deserialize, Serialize};

use super::tokens::is_zero;
use super::{Amount, Prices, Tokens};

/// What calls of one model cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The model.
    pub model: String,
    /// How many calls.
    pub calls: u64,
    /// Their tokens.
    #[serde(flatten)]
    pub tokens: Tokens,
    /// What they cost, as far as that is known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nano_usd: u64,
    /// How many of them have no known price.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unpriced: u64,
    /// What was paid for, if its results may be read more than once: the id of a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

impl Usage {
    /// One call, at a share of the list's price in parts per million.
    pub fn of_call(prices: &Prices, model: &str, tokens: Tokens, share: u64) -> Usage {
        let cost = prices.cost(model, &tokens, share);
        Usage {
            model: model.to_owned(),
            calls: 1,
            tokens,
            nano_usd: cost.unwrap_or(0),
            unpriced: u64::from(cost.is_none()),
            of: None,
        }
    }

    /// Money and tokens.
    pub fn amount(&self) -> Amount {
        Amount {
            nano_usd: self.nano_usd,
            tokens: self.tokens.all(),
        }
    }

    fn add(&mut self, other: &Usage) {
        self.calls = self.calls.saturating_add(other.calls);
        self.tokens.extend(&other.tokens);
        self.nano_usd = self.nano_usd.saturating_add(other.nano_usd);
        self.unpriced = self.unpriced.saturating_add(other.unpriced);
    }
}

/// What calls cost: one line a model, and a thing that was paid for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Costs(Vec<Usage>);

/// The sum of [`Costs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    /// How many calls.
    pub calls: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// What they cost, as far as that is known.
    pub nano_usd: u64,
    /// How many of them have no known price.
    pub unpriced: u64,
}

impl Costs {
    /// Whether nothing was called that costs anything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lines.
    pub fn lines(&self) -> &[Usage] {
        &self.0
    }

    /// Adds calls.
    pub fn add(&mut self, usage: &Usage) {
        let same = |line: &&mut Usage| line.model == usage.model && line.of == usage.of;
        match self.0.iter_mut().find(same) {
            Some(line) => line.add(usage),
            None => self.0.push(usage.clone()),
        }
    }

    /// Adds what another part of a run cost. What was paid for once counts once, however often its results are read.
    pub fn extend(&mut self, other: &Costs) {
        let known = |usage: &Usage| {
            let mut lines = self.0.iter();
            usage.of.is_some() && lines.any(|line| line.of == usage.of)
        };
        let new: Vec<&Usage> = other.0.iter().filter(|usage| !known(usage)).collect();
        for usage in new {
            self.add(usage);
        }
    }

    /// Says that all of it is what one thing cost: also if that is nothing, so that it is known.
    #[must_use]
    pub fn of(mut self, id: Option<&str>) -> Costs {
        if id.is_some() && self.0.is_empty() {
            self.0.push(Usage::default());
        }
        for line in &mut self.0 {
            line.of = id.map(str::to_owned);
        }
        self
    }

    /// The sum.
    pub fn total(&self) -> Total {
        let mut total = Total::default();
        for line in &self.0 {
            total.calls = total.calls.saturating_add(line.calls);
            total.tokens.extend(&line.tokens);
            total.nano_usd = total.nano_usd.saturating_add(line.nano_usd);
            total.unpriced = total.unpriced.saturating_add(line.unpriced);
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(model: &str, input: u64, of: Option<&str>) -> Usage {
        let tokens = Tokens {
            input,
            ..Tokens::default()
        };
        let of = of.map(str::to_owned);
        Usage {
            of,
            ..Usage::of_call(&Prices::default(), model, tokens, 1)
        }
    }

    #[test]
    fn lines_are_by_model_and_results_that_are_read_again_cost_nothing() {
        let mut costs = Costs::default();
        costs.add(&usage("a", 1, None));
        costs.add(&usage("b", 2, None));
        costs.add(&usage("a", 4, None));
        let mut batch = Costs::default();
        batch.add(&usage("a", 8, Some("batch")));
        batch.add(&usage("b", 16, Some("batch")));
        costs.extend(&batch);
        costs.extend(&batch);
        let shown: Vec<_> = costs
            .lines()
            .iter()
            .map(|line| (line.calls, line.tokens.input))
            .collect();
        assert_eq!(shown, [(2, 5), (1, 2), (1, 8), (1, 16)]);
        let total = costs.total();
        assert_eq!(
            (total.calls, total.tokens.all(), total.unpriced),
            (5, 31, 5)
        );
    }

    #[test]
    fn the_journal_holds_what_there_is() {
        let mut costs = Costs::default();
        costs.add(&usage("a", 1, None));
        let text = serde_json::to_string(&costs).expect("JSON");
        assert_eq!(text, r#"[{"model":"a","calls":1,"input":1,"unpriced":1}]"#);
        assert_eq!(serde_json::from_str::<Costs>(&text).expect("costs"), costs);
    }
}

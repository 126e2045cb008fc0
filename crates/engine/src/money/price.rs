//! What tokens cost.

use std::sync::Arc;

use super::{TokenKind, Tokens, WHOLE};
use crate::collections::IndexMap;

/// Pico-dollars of a nano-dollar: prices are this fine, sums are not.
const PICO_PER_NANO: u128 = 1_000;

/// The most a price may be, in US dollars for a million tokens.
const USD_PER_MILLION_MAX: f64 = 1_000_000.0;

/// The price list of a connector, the author's own prices in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prices {
    /// The day on which the list was true, for people.
    pub as_of: Option<Arc<str>>,
    /// By model.
    pub models: IndexMap<Arc<str>, Price>,
    /// What is cheaper or dearer as a whole, by name, such as `batch`: in parts per million of the list.
    pub shares: IndexMap<Arc<str>, u64>,
}

/// What the tokens of a model cost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Price {
    /// What they usually cost.
    pub rates: Rates,
    /// What they cost in calls with a long prompt.
    pub long: Option<LongPrice>,
}

/// What tokens cost in calls with a long prompt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LongPrice {
    /// Prompts with more tokens than this are long.
    pub over: u64,
    /// What all tokens of such a call cost.
    pub rates: Rates,
}

/// Prices by kind of token; a kind without a price is not known to cost nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rates([Option<u64>; TokenKind::ALL.len()]);

impl Rates {
    /// The price of one token in pico-dollars, which is that of a million in micro-dollars.
    pub fn get(&self, kind: TokenKind) -> Option<u64> {
        self.0[kind as usize]
    }

    /// Sets the price of a kind in US dollars for a million tokens; `false` if it is none: below 0, or too much.
    pub fn set(&mut self, kind: TokenKind, usd_per_million: f64) -> bool {
        let good = (0.0..=USD_PER_MILLION_MAX).contains(&usd_per_million);
        if good {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range was checked"
            )]
            let picos = (usd_per_million * 1e6).round() as u64;
            self.0[kind as usize] = Some(picos);
        }
        good
    }

    /// What tokens cost by this, in pico-dollars; `None` if one of their kinds has no price.
    fn cost(&self, tokens: &Tokens) -> Option<u128> {
        let mut sum = 0;
        for kind in TokenKind::ALL {
            let count = tokens.get(kind);
            if count > 0 {
                sum += u128::from(count) * u128::from(self.get(kind)?);
            }
        }
        Some(sum)
    }
}

impl Prices {
    /// The price of a model. A date at the end of a model's name makes no other model: `m-20260101` costs what `m` does,
    /// unless it has a price of its own.
    pub fn of(&self, model: &str) -> Option<&Price> {
        self.models.get(model).or_else(|| {
            let (bare, date) = model.rsplit_once('-')?;
            let is_date = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
            self.models.get(bare).filter(|_| is_date)
        })
    }

    /// What one call cost, in nano-dollars, rounded up; `None` if that is not known. `share` is in parts per million.
    pub fn cost(&self, model: &str, tokens: &Tokens, share: u64) -> Option<u64> {
        let price = self.of(model)?;
        let long = price.long.as_ref();
        let long = long.filter(|long| tokens.prompt() > long.over);
        let rates = long.map_or(&price.rates, |long| &long.rates);
        let picos = rates.cost(tokens)?.saturating_mul(u128::from(share));
        let nanos = picos.div_ceil(PICO_PER_NANO * u128::from(WHOLE));
        Some(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// These prices with others in place of those of the same models.
    #[must_use]
    pub fn with(&self, own: &[(Arc<str>, Price)]) -> Prices {
        let mut prices = self.clone();
        prices.models.extend(own.iter().cloned());
        prices
    }
}

/// A share as it is written, such as 0.5, in parts per million; `None` if it is none: not above 0, or above 100.
pub fn share_of(written: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    (written > 0.0 && written <= 100.0).then(|| (written * 1e6).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices() -> Prices {
        let mut price = Price::default();
        assert!(price.rates.set(TokenKind::Input, 0.1));
        assert!(price.rates.set(TokenKind::Output, 0.5));
        let mut long = LongPrice {
            over: 100,
            ..LongPrice::default()
        };
        assert!(long.rates.set(TokenKind::Input, 0.5));
        price.long = Some(long);
        let mut prices = Prices::default();
        prices.models.insert("small".into(), price);
        prices
    }

    #[track_caller]
    fn check(model: &str, (input, output): (u64, u64), share: u64, expected: Option<u64>) {
        let tokens = Tokens {
            input,
            output,
            ..Tokens::default()
        };
        assert_eq!(prices().cost(model, &tokens, share), expected);
    }

    #[test]
    fn calls_cost_what_the_list_says() {
        check("small", (10, 20), WHOLE, Some(11_000));
        check("small", (10, 20), WHOLE / 2, Some(5_500));
        check("small", (1, 0), 1, Some(1));
        check("small", (0, 0), WHOLE, Some(0));
        check("small-20260101", (10, 20), WHOLE, Some(11_000));
        check("small-2026", (10, 20), WHOLE, None);
        check("large", (10, 20), WHOLE, None);
    }

    #[test]
    fn a_long_prompt_has_prices_of_its_own() {
        check("small", (100, 0), WHOLE, Some(10_000));
        check("small", (101, 0), WHOLE, Some(50_500));
        // Nothing says what its answers cost.
        check("small", (101, 1), WHOLE, None);
    }

    #[test]
    fn what_is_no_price_is_refused() {
        let mut rates = Rates::default();
        for wrong in [-1.0, f64::NAN, f64::INFINITY, 1e7] {
            assert!(!rates.set(TokenKind::Input, wrong));
        }
        assert_eq!(rates, Rates::default());
        assert_eq!(
            [share_of(0.5), share_of(0.0), share_of(f64::NAN)],
            [Some(500_000), None, None]
        );
    }
}

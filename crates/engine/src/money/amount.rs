//! Amounts that are bounded: money and tokens.

use serde::{Deserialize, Serialize};

use super::tokens::is_zero;
use super::{Total, usd};

/// What is spent, set aside, or given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Amount {
    /// Nano-dollars.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nano_usd: u64,
    /// Tokens of all kinds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tokens: u64,
}

impl Amount {
    /// Whether it is nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Amount::default()
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Amount) -> Amount {
        Amount {
            nano_usd: self.nano_usd.saturating_add(other.nano_usd),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }

    /// What is left of it without the other; never less than nothing.
    #[must_use]
    pub fn minus(self, other: Amount) -> Amount {
        Amount {
            nano_usd: self.nano_usd.saturating_sub(other.nano_usd),
            tokens: self.tokens.saturating_sub(other.tokens),
        }
    }
}

impl From<&Total> for Amount {
    fn from(total: &Total) -> Amount {
        Amount {
            nano_usd: total.nano_usd,
            tokens: total.tokens.all(),
        }
    }
}

/// What is done with a call that would pass a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenSpent {
    /// It waits until a person decides.
    #[default]
    Hold,
    /// It fails.
    Fail,
}

impl WhenSpent {
    /// As they are written.
    pub const WORDS: [&'static str; 2] = ["hold", "fail"];

    /// Reads the word.
    pub fn parse(text: &str) -> Option<WhenSpent> {
        match text {
            "hold" => Some(WhenSpent::Hold),
            "fail" => Some(WhenSpent::Fail),
            _ => None,
        }
    }
}

/// A budget: the most that may be spent, of what is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// In nano-dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nano_usd: Option<u64>,
    /// In tokens of all kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// What is done with a call that would pass it.
    #[serde(default)]
    pub when_spent: WhenSpent,
}

impl Budget {
    /// Whether an amount is within it.
    pub fn covers(&self, amount: Amount) -> bool {
        self.nano_usd.is_none_or(|most| amount.nano_usd <= most)
            && self.tokens.is_none_or(|most| amount.tokens <= most)
    }

    /// The budget with so much more.
    #[must_use]
    pub fn raised(self, by: Amount) -> Budget {
        Budget {
            nano_usd: self.nano_usd.map(|most| most.saturating_add(by.nano_usd)),
            tokens: self.tokens.map(|most| most.saturating_add(by.tokens)),
            ..self
        }
    }

    /// What is left of it after an amount.
    #[must_use]
    pub fn after(self, amount: Amount) -> Budget {
        Budget {
            nano_usd: self
                .nano_usd
                .map(|most| most.saturating_sub(amount.nano_usd)),
            tokens: self.tokens.map(|most| most.saturating_sub(amount.tokens)),
            ..self
        }
    }

    /// What both allow; what is done is said by this one.
    #[must_use]
    pub fn with(self, other: Budget) -> Budget {
        let least = |one: Option<u64>, other: Option<u64>| one.into_iter().chain(other).min();
        Budget {
            nano_usd: least(self.nano_usd, other.nano_usd),
            tokens: least(self.tokens, other.tokens),
            ..self
        }
    }

    /// All of it, as an amount: nothing of what is not bounded.
    pub fn whole(&self) -> Amount {
        Amount {
            nano_usd: self.nano_usd.unwrap_or(0),
            tokens: self.tokens.unwrap_or(0),
        }
    }

    /// An amount in words, as far as this bounds it.
    pub fn words(&self, amount: Amount) -> String {
        let money = self.nano_usd.map(|_| usd(amount.nano_usd));
        let tokens = self.tokens.map(|_| format!("{} tokens", amount.tokens));
        let parts: Vec<String> = money.into_iter().chain(tokens).collect();
        parts.join(" and ")
    }
}

//! What calls cost: tokens by kind ([`Tokens`]), what a token costs ([`Prices`]), what was spent
//! ([`Costs`]), and what would be ([`Estimate`]).
//!
//! Money is whole nano-dollars, a thousand-millionth of a US dollar: sums are exact, and a journal holds no fractions.
//! Which calls cost something, and where their answers say how much, is in descriptors; here is only arithmetic.

mod costs;
mod estimate;
mod price;
mod tokens;

pub use costs::{Costs, Total, Usage};
pub use estimate::Estimate;
pub use price::{LongPrice, Price, Prices, Rates, share_of};
pub use tokens::{TokenKind, Tokens};

/// How many nano-dollars a US dollar has.
pub const NANO_PER_USD: u64 = 1_000_000_000;

/// One in parts per million: the share of a call that costs what the list says.
pub const WHOLE: u64 = 1_000_000;

//! What calls cost: tokens by kind ([`Tokens`]), what a token costs ([`Prices`]), what was spent
//! ([`Costs`]), and what would be ([`Estimate`]).
//!
//! Money is whole nano-dollars, a thousand-millionth of a US dollar: sums are exact, and a journal holds no fractions.
//! Which calls cost something, and where their answers say how much, is in descriptors; here is only arithmetic.

mod amount;
mod costs;
mod estimate;
mod price;
mod tokens;

pub use amount::{Amount, Budget, WhenSpent};
pub use costs::{Costs, Total, Usage};
pub use estimate::Estimate;
pub use price::{LongPrice, Price, Prices, Rates, share_of};
pub use tokens::{TokenKind, Tokens};

/// An amount in dollars, as fine as it needs to be; rounded up, so that no cost is shown as none.
pub fn usd(nano: u64) -> String {
    if nano == 0 {
        return "$0".to_owned();
    }
    let digits = match nano {
        NANO_PER_USD.. => 2,
        10_000_000.. => 4,
        _ => 6,
    };
    let unit = 10_u64.pow(9 - digits);
    let units = nano.div_ceil(unit);
    let whole = 10_u64.pow(digits);
    let width = digits as usize;
    format!("${}.{:0width$}", units / whole, units % whole)
}

/// Dollars in nano-dollars, to the nearest one; the most there can be for what is more.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a float that is too large becomes the largest number, one below 0 becomes 0"
)]
pub fn nano_of(usd: f64) -> u64 {
    (usd * NANO_PER_USD as f64).round() as u64
}

/// How many nano-dollars a US dollar has.
pub const NANO_PER_USD: u64 = 1_000_000_000;

/// One in parts per million: the share of a call that costs what the list says.
pub const WHOLE: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::usd;

    #[test]
    fn amounts_are_as_fine_as_they_need_to_be() {
        let shown = [
            0,
            1,
            16_200,
            9_999_999,
            12_345_678,
            1_234_567_890,
            12_000_000_000,
        ]
        .map(usd);
        let expected = [
            "$0",
            "$0.000001",
            "$0.000017",
            "$0.010000",
            "$0.0124",
            "$1.24",
            "$12.00",
        ];
        assert_eq!(shown, expected);
    }
}

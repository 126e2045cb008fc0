//! Tokens and money, for people and programs.

use flow_engine::money::{Costs, NANO_PER_USD, TokenKind, Tokens, Total};
use serde_json::json;

use super::values::plural;

/// An amount in dollars, as fine as it needs to be.
pub(crate) fn usd(nano: u64) -> String {
    if nano == 0 {
        return "$0".to_owned();
    }
    let digits = match nano {
        NANO_PER_USD.. => 2,
        10_000_000.. => 4,
        _ => 6,
    };
    // Rounded up, so that no cost is shown as none.
    let unit = 10_u64.pow(9 - digits);
    let units = nano.div_ceil(unit);
    let whole = 10_u64.pow(digits);
    let width = digits as usize;
    format!("${}.{:0width$}", units / whole, units % whole)
}

/// A number with its thousands set apart.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `$0.0120 (1,000 tokens in, 200 out, 3 calls)`.
pub(crate) fn words(total: &Total) -> String {
    let cached = total.tokens.prompt().saturating_sub(total.tokens.input);
    let cached = match cached {
        0 => String::new(),
        some => format!(" of them {} cached,", number(some)),
    };
    let unpriced = match total.unpriced {
        0 => String::new(),
        some => format!(", {} without a known price", number(some)),
    };
    format!(
        "{} ({} tokens in,{cached} {} out, {}{unpriced})",
        usd(total.nano_usd),
        number(total.tokens.prompt()),
        number(total.tokens.output),
        plural(total.calls, "call"),
    )
}

/// What was spent, for programs: the sum, and by model. Money is in nano-dollars, and in dollars as text.
pub(crate) fn to_json(costs: &Costs) -> serde_json::Value {
    let models = costs.lines().iter().map(|line| {
        json!({
            "model": line.model,
            "calls": line.calls,
            "tokens": tokens_json(&line.tokens),
            "nano_usd": line.nano_usd,
            "unpriced": line.unpriced,
            "of": line.of,
        })
    });
    let mut form = total_json(&costs.total());
    form["models"] = models.collect();
    form
}

/// The sum alone.
pub(crate) fn total_json(total: &Total) -> serde_json::Value {
    json!({
        "calls": total.calls,
        "tokens": tokens_json(&total.tokens),
        "nano_usd": total.nano_usd,
        "usd": exact(total.nano_usd),
        "unpriced": total.unpriced,
    })
}

fn tokens_json(tokens: &Tokens) -> serde_json::Value {
    let kinds = TokenKind::ALL.into_iter();
    let kinds = kinds.map(|kind| (kind.as_str().to_owned(), tokens.get(kind).into()));
    let mut form: serde_json::Map<String, serde_json::Value> = kinds.collect();
    form.insert("all".to_owned(), tokens.all().into());
    form.into()
}

/// All nine places, without `$`.
fn exact(nano: u64) -> String {
    format!("{}.{:09}", nano / NANO_PER_USD, nano % NANO_PER_USD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(nano: u64, expected: &str) {
        assert_eq!(usd(nano), expected);
    }

    #[test]
    fn amounts_are_as_fine_as_they_need_to_be() {
        check(0, "$0");
        check(1, "$0.000001");
        check(16_200, "$0.000017");
        check(9_999_999, "$0.010000");
        check(12_345_678, "$0.0124");
        check(1_234_567_890, "$1.24");
        check(12_000_000_000, "$12.00");
        assert_eq!(
            [number(7), number(1234), number(123_456_789)],
            ["7", "1,234", "123,456,789"]
        );
        assert_eq!(exact(1_000_000_007), "1.000000007");
    }
}

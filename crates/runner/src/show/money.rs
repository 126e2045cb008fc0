//! Tokens and money, for people and programs.

use flow_engine::money::{Costs, NANO_PER_USD, TokenKind, Tokens, Total, usd};
use serde_json::json;

use super::values::plural;

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

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [number(7), number(1234), number(123_456_789)],
            ["7", "1,234", "123,456,789"]
        );
        assert_eq!(exact(1_000_000_007), "1.000000007");
    }
}

//! Arithmetic, comparison and truth, on numbers of 64 bits without loss.

use std::cmp::Ordering;

use super::context::Context;
use super::error::{Fault, with_article};
use super::syntax::{Arithmetic, Comparison};
use crate::value::Value;

/// The whole number, in 128 bits.
pub(super) fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::UInt(number) => Some(i128::from(*number)),
        _ => None,
    }
}

/// A whole number of 64 bits, or an error.
pub(super) fn narrow(number: i128) -> Result<Value, Fault> {
    if let Ok(number) = i64::try_from(number) {
        return Ok(Value::Int(number));
    }
    match u64::try_from(number) {
        Ok(number) => Ok(Value::from(number)),
        Err(_) => Err(out_of_range()),
    }
}

fn out_of_range() -> Fault {
    Fault::new(
        "template.number",
        "the result is a whole number outside 64 bits",
    )
}

/// A finite float, or an error.
pub(super) fn finite(number: f64) -> Result<Value, Fault> {
    if number.is_finite() {
        Ok(Value::Float(number))
    } else {
        Err(Fault::new(
            "template.number",
            "the result is not a finite number",
        ))
    }
}

/// `left op right`.
pub(super) fn arithmetic(
    op: Arithmetic,
    left: Value,
    right: Value,
    context: &Context<'_>,
) -> Result<Value, Fault> {
    let (left, right) = (context.content(left)?, context.content(right)?);
    if let (Some(a), Some(b)) = (whole(&left), whole(&right)) {
        return on_whole(op, a, b);
    }
    if let (Some(a), Some(b)) = (left.as_f64(), right.as_f64()) {
        return on_floats(op, a, b);
    }
    match (op, &left, &right) {
        (Arithmetic::Add, Value::String(a), Value::String(b)) => {
            context.budget.text_bytes(a.len() + b.len())?;
            Ok(Value::from(format!("{a}{b}")))
        }
        (Arithmetic::Add, Value::List(a), Value::List(b)) => {
            context.budget.steps(a.len() + b.len())?;
            Ok(Value::list(a.iter().chain(b.iter()).cloned()))
        }
        _ => Err(mismatch(op.symbol(), &left, &right)),
    }
}

fn mismatch(symbol: &str, left: &Value, right: &Value) -> Fault {
    let secret = matches!(left, Value::Secret(_)) || matches!(right, Value::Secret(_));
    if secret {
        return secret_used(&format!("`{symbol}`"));
    }
    let message = format!(
        "`{symbol}` does not work on {} and {}",
        with_article(left.kind()),
        with_article(right.kind())
    );
    let fault = Fault::new("template.type", message);
    let text = matches!(left, Value::String(_)) || matches!(right, Value::String(_));
    match symbol {
        "+" if text => {
            fault.help("`a ~ b` joins anything as text; `a | int` makes a number of text")
        }
        "*" if text => fault.help("text cannot be repeated; `a | int` makes a number of text"),
        _ => fault,
    }
}

/// A secret was given to something that would have to read it.
pub(super) fn secret_used(what: &str) -> Fault {
    Fault::new(
        "template.secret",
        format!("{what} cannot work on a secret: only its receiver may read it"),
    )
    .help("put the secret into text as it is: `\"Bearer {{ secrets.TOKEN }}\"`")
}

fn on_whole(op: Arithmetic, a: i128, b: i128) -> Result<Value, Fault> {
    // Operands have 64 bits, so that only the power can leave 128.
    match op {
        Arithmetic::Add => narrow(a + b),
        Arithmetic::Subtract => narrow(a - b),
        Arithmetic::Multiply => narrow(a.checked_mul(b).ok_or_else(out_of_range)?),
        Arithmetic::Divide | Arithmetic::FloorDivide | Arithmetic::Remainder if b == 0 => {
            Err(by_zero())
        }
        Arithmetic::Divide if a % b == 0 => narrow(a / b),
        #[expect(clippy::cast_precision_loss, reason = "the quotient has a fraction")]
        Arithmetic::Divide => finite(a as f64 / b as f64),
        Arithmetic::FloorDivide => {
            narrow(a.div_euclid(b) - i128::from(b < 0 && a.rem_euclid(b) != 0))
        }
        Arithmetic::Remainder => {
            let rest = a.rem_euclid(b);
            narrow(if b < 0 && rest != 0 { rest + b } else { rest })
        }
        Arithmetic::Power => match u32::try_from(b) {
            Ok(exponent) => narrow(a.checked_pow(exponent).ok_or_else(out_of_range)?),
            #[expect(clippy::cast_precision_loss, reason = "a negative power is a fraction")]
            Err(_) if b < 0 && a != 0 => finite((a as f64).powf(b as f64)),
            Err(_) if b < 0 => Err(by_zero()),
            Err(_) => match a {
                0 | 1 => narrow(a),
                -1 => narrow(if b % 2 == 0 { 1 } else { -1 }),
                _ => Err(out_of_range()),
            },
        },
    }
}

fn on_floats(op: Arithmetic, a: f64, b: f64) -> Result<Value, Fault> {
    let divides = matches!(
        op,
        Arithmetic::Divide | Arithmetic::FloorDivide | Arithmetic::Remainder
    );
    if divides && b == 0.0 {
        return Err(by_zero());
    }
    finite(match op {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
        Arithmetic::FloorDivide => (a / b).floor(),
        Arithmetic::Remainder => a - b * (a / b).floor(),
        Arithmetic::Power => a.powf(b),
    })
}

fn by_zero() -> Fault {
    Fault::new("template.division", "division by zero")
        .help("test the divisor first: `a / b if b != 0 else 0`")
}

/// `-value`.
pub(super) fn negate(value: &Value) -> Result<Value, Fault> {
    match value {
        Value::Secret(_) => Err(secret_used("`-`")),
        Value::Float(number) => Ok(Value::Float(-number)),
        _ => match whole(value) {
            Some(number) => narrow(-number),
            None => Err(Fault::kind("`-`", "a number", value)),
        },
    }
}

/// `left op right` for the operators that give a boolean.
pub(super) fn compare(
    op: Comparison,
    left: &Value,
    right: &Value,
    context: &Context<'_>,
) -> Result<bool, Fault> {
    match op {
        Comparison::Equal => equal(left, right, context),
        Comparison::NotEqual => Ok(!equal(left, right, context)?),
        Comparison::In => contains(right, left, context),
        Comparison::NotIn => Ok(!contains(right, left, context)?),
        Comparison::Less => Ok(order(op, left, right, context)? == Ordering::Less),
        Comparison::LessOrEqual => Ok(order(op, left, right, context)? != Ordering::Greater),
        Comparison::Greater => Ok(order(op, left, right, context)? == Ordering::Greater),
        Comparison::GreaterOrEqual => Ok(order(op, left, right, context)? != Ordering::Less),
    }
}

/// Whether two values mean the same, stored or not.
pub(super) fn equal(left: &Value, right: &Value, context: &Context<'_>) -> Result<bool, Fault> {
    match (left, right) {
        (Value::Secret(_), _) | (_, Value::Secret(_)) => Err(secret_used("a comparison")),
        (Value::Blob(a), Value::Blob(b)) if a == b => Ok(true),
        (Value::Blob(blob), other) | (other, Value::Blob(blob)) => {
            equal(&context.load(blob)?, other, context)
        }
        (Value::List(a), Value::List(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            context.budget.steps(a.len())?;
            for (a, b) in a.iter().zip(b.iter()) {
                if !equal(a, b, context)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            context.budget.steps(a.len())?;
            for (key, a) in a.iter() {
                match b.get(key) {
                    Some(b) if equal(a, b, context)? => {}
                    _ => return Ok(false),
                }
            }
            Ok(true)
        }
        (Value::String(a), Value::String(b)) => {
            context.budget.scan(a.len().min(b.len()))?;
            Ok(a == b)
        }
        _ => Ok(left == right),
    }
}

fn order(
    op: Comparison,
    left: &Value,
    right: &Value,
    context: &Context<'_>,
) -> Result<Ordering, Fault> {
    if let Some(order) = left.compare(right) {
        return Ok(order);
    }
    let (left, right) = (
        context.content(left.clone())?,
        context.content(right.clone())?,
    );
    left.compare(&right)
        .ok_or_else(|| mismatch(op.symbol(), &left, &right))
}

/// `item in container`: an item of a list, a key of a map, a piece of a text.
pub(super) fn contains(
    container: &Value,
    item: &Value,
    context: &Context<'_>,
) -> Result<bool, Fault> {
    match (container, item) {
        (Value::Blob(blob), _) => contains(&context.load(blob)?, item, context),
        (_, Value::Blob(blob)) => contains(container, &context.load(blob)?, context),
        (Value::List(items), _) => {
            context.budget.steps(items.len())?;
            for known in items.iter() {
                if equal(known, item, context)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Value::Map(map), Value::String(key)) => Ok(map.get(key).is_some()),
        (Value::String(text), Value::String(piece)) => {
            context.budget.scan(text.len())?;
            Ok(text.contains(&**piece))
        }
        (Value::Secret(_), _) | (_, Value::Secret(_)) => Err(secret_used("`in`")),
        (Value::Map(_) | Value::String(_), _) => {
            Err(Fault::kind("`in` a map or a string", "a string", item))
        }
        _ => Err(Fault::kind("`in`", "a list, a map or a string", container)),
    }
}

/// Whether a value counts as true: anything but null, false, 0, and what is empty.
pub(super) fn truth(value: &Value, context: &Context<'_>) -> Result<bool, Fault> {
    Ok(match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Int(number) => *number != 0,
        Value::UInt(_) => true,
        Value::Float(number) => *number != 0.0,
        Value::String(text) => !text.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Map(map) => !map.is_empty(),
        Value::Secret(_) => return Err(secret_used("a condition")),
        Value::Blob(blob) => match blob.count {
            Some(count) => count > 0,
            None if blob.bytes == 0 => false,
            None if blob.is_json_lines() => context.first(blob)?.is_some(),
            None if blob.is_json() => truth(&context.load(blob)?, context)?,
            None => true,
        },
    })
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::shown;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(shown(text), expected, "{text}");
    }

    #[test]
    fn whole_numbers_stay_whole_and_exact() {
        check("1 + 2", "3");
        check("10 / 5", "2");
        check("7 / 2", "3.5");
        check("7 // 2", "3");
        check("-7 // 2", "-4");
        check("7 // -2", "-4");
        check("-7 % 3", "2");
        check("7 % -3", "-2");
        check("7.5 // 2", "3.0");
        check("2 ** 10", "1024");
        check("2 ** -1", "0.5");
        check("9007199254740993 + 0", "9007199254740993");
        check("18446744073709551615 - 1", "18446744073709551614");
        check("-9223372036854775808", "-9223372036854775808");
        check("inputs.big == 18446744073709551615", "true");
        check("0.1 + 0.2", "0.30000000000000004");
        check("1 + 2 * 3 - 4", "3");
        check("-inputs.n ** 2", "49");
    }

    #[test]
    fn what_does_not_fit_is_an_error_with_its_place() {
        check(
            "1 + 18446744073709551615",
            "template.number at `1 + 18446744073709551615`: the result is a whole number outside 64 bits",
        );
        check(
            "10 ** 1000",
            "template.number at `10 ** 1000`: the result is a whole number outside 64 bits",
        );
        check(
            "10.0 ** 1000",
            "template.number at `10.0 ** 1000`: the result is not a finite number",
        );
        check(
            "18446744073709551616",
            "template.number at `18446744073709551616`: a whole number outside 64 bits",
        );
        check("1e400", "template.number at `1e400`: a number out of range");
        check(
            "2 + 1 / 0",
            "template.division at `1 / 0`: division by zero = test the divisor first: `a / b if b != 0 else 0`",
        );
        check(
            "1 % 0.0",
            "template.division at `1 % 0.0`: division by zero = test the divisor first: `a / b if b != 0 else 0`",
        );
    }

    #[test]
    fn text_and_numbers_do_not_mix() {
        check("'a' + 'b'", r#""ab""#);
        check("[1] + [2]", "[1,2]");
        check(
            "'a' + 1",
            "template.type at `'a' + 1`: `+` does not work on a string and an integer = `a ~ b` joins anything as text; `a | int` makes a number of text",
        );
        check(
            "'a' * 1000000000",
            "template.type at `'a' * 1000000000`: `*` does not work on a string and an integer = text cannot be repeated; `a | int` makes a number of text",
        );
        check(
            "[1] * 3",
            "template.type at `[1] * 3`: `*` does not work on a list and an integer",
        );
        check("'a' ~ 1 ~ true ~ [1, none]", r#""a1true[1,null]""#);
        check(
            "1 < 'a'",
            "template.type at `1 < 'a'`: `<` does not work on an integer and a string",
        );
        check(
            "none < 1",
            "template.type at `none < 1`: `<` does not work on null and an integer",
        );
        check(
            "-'a'",
            "template.type at `-'a'`: `-` takes a number, not a string",
        );
    }

    #[test]
    fn comparisons_and_conditions() {
        check("1 < 2 <= 2.0 != 3", "true");
        check("1 < 2 > 5", "false");
        check("1 == 1.0", "true");
        check("'a' == 1", "false");
        check("none == null", "true");
        check("True and not False", "true");
        check("2 in [1, 2.0]", "true");
        check("'b' not in {'a': 1}", "true");
        check("'ell' in 'hello'", "true");
        check(
            "1 in 'a'",
            "template.type at `1 in 'a'`: `in` a map or a string takes a string, not an integer",
        );
        check(
            "1 in 2",
            "template.type at `1 in 2`: `in` takes a list, a map or a string, not an integer",
        );
        check("[] or 'x'", r#""x""#);
        check("0 and missing", "0");
        check("{'a': [1, {'b': 2}]} == {'a': [1.0, {'b': 2}]}", "true");
        check("not ''", "true");
        check("'yes' if inputs.list else 'no'", r#""yes""#);
    }

    #[test]
    fn secrets_cannot_be_looked_into() {
        let help = " = put the secret into text as it is: `\"Bearer {{ secrets.TOKEN }}\"`";
        let refused = |place: &str, what: &str| {
            format!(
                "template.secret at `{place}`: {what} cannot work on a secret: only its receiver may read it{help}"
            )
        };
        check("secrets.TOKEN", r#"{"$secret":[{"name":"TOKEN"}]}"#);
        check(
            "{'a': secrets.TOKEN}",
            r#"{"a":{"$secret":[{"name":"TOKEN"}]}}"#,
        );
        check("secrets.TOKEN is defined", "true");
        for (text, place, what) in [
            (
                "secrets.TOKEN == 'a'",
                "secrets.TOKEN == 'a'",
                "a comparison",
            ),
            (
                "'a' in [secrets.TOKEN]",
                "'a' in [secrets.TOKEN]",
                "a comparison",
            ),
            ("secrets.TOKEN ~ 'a'", "secrets.TOKEN ~ 'a'", "`~`"),
            ("secrets.TOKEN + 'a'", "secrets.TOKEN + 'a'", "`+`"),
            (
                "secrets.TOKEN | length",
                "secrets.TOKEN | length",
                "the filter `length`",
            ),
            (
                "secrets.TOKEN | default('a')",
                "secrets.TOKEN | default('a')",
                "the filter `default`",
            ),
            (
                "'a' | replace('a', secrets.TOKEN)",
                "'a' | replace('a', secrets.TOKEN)",
                "the filter `replace`",
            ),
            (
                "[secrets.TOKEN] | join",
                "[secrets.TOKEN] | join",
                "the filter `join`",
            ),
            (
                "[secrets.TOKEN] | to_json",
                "[secrets.TOKEN] | to_json",
                "JSON text",
            ),
            (
                "{'a': [secrets.TOKEN]} | string",
                "{'a': [secrets.TOKEN]} | string",
                "JSON text",
            ),
            (
                "secrets.TOKEN is string",
                "secrets.TOKEN is string",
                "the test `string`",
            ),
            ("not secrets.TOKEN", "secrets.TOKEN", "a condition"),
            ("secrets.TOKEN.length", "secrets.TOKEN.length", "a member"),
            ("secrets.TOKEN[:3]", "secrets.TOKEN[:3]", "a slice"),
        ] {
            check(text, &refused(place, what));
        }
    }
}

//! Whether a delivery comes from whom it should: over the bytes as they came, in constant time.
//!
//! Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`. GitHub: `X-Hub-Signature-256`. Stripe:
//! `Stripe-Signature`. Slack: `X-Slack-Signature`. Each as its documentation has it.

use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flow_engine::workflow::trigger::Scheme;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// How far the time of a delivery may be from ours, in seconds.
const WINDOW_SECONDS: i64 = 300;
/// How many signatures of one delivery are looked at.
const SIGNATURES_MAX: usize = 10;
/// The shortest key of Standard Webhooks, in bytes.
const KEY_BYTES_MIN: usize = 24;
/// How long the id of a delivery may be.
const ID_BYTES_MAX: usize = 256;

/// Why a delivery is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not shown to come from the sender.
    Unsigned(&'static str),
    /// Its time is not ours.
    Time,
    /// Its id cannot be one.
    Id,
    /// The secret cannot be one.
    Secret(&'static str),
}

/// How a delivery is verified, with the secret opened.
pub(super) enum Check {
    /// It is not.
    Nobody,
    /// By a scheme that is known by name.
    Scheme(Scheme, String),
    /// By a signature over the body.
    Signature(Signature),
    /// By a secret that comes along.
    Token {
        /// The header in which it comes.
        header: String,
        /// The secret.
        secret: String,
    },
}

/// A signature over the body.
pub(super) struct Signature {
    pub(super) header: String,
    pub(super) secret: String,
    pub(super) algorithm: Algorithm,
    pub(super) base64: bool,
    pub(super) prefix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

/// Verifies a delivery at `now` (seconds since 1970); gives its id, where the scheme has one.
pub(super) fn verify(
    check: &Check,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<Option<String>, Refusal> {
    match check {
        Check::Nobody => id_in(headers, &["webhook-id", "idempotency-key"]),
        Check::Token { header, secret } => {
            let given = one(headers, header)?;
            let given = given.strip_prefix("Bearer ").unwrap_or(given);
            // Hashes of one length: how long it takes says nothing of the secret.
            let same = equal(&Sha256::digest(given), &Sha256::digest(secret));
            if !same {
                return Err(Refusal::Unsigned("the token is another one"));
            }
            id_in(headers, &["webhook-id", "idempotency-key"])
        }
        Check::Signature(signature) => {
            let given = one(headers, &signature.header)?;
            let given = given.strip_prefix(&*signature.prefix);
            let given = given.ok_or(Refusal::Unsigned("the signature has another prefix"))?;
            let bytes = if signature.base64 {
                BASE64_STANDARD.decode(given).ok()
            } else {
                from_hex(given)
            };
            let bytes = bytes.ok_or(UNREADABLE)?;
            let key = signature.secret.as_bytes();
            let fits = match signature.algorithm {
                Algorithm::Sha1 => fits::<Hmac<Sha1>>(key, &[body], &bytes),
                Algorithm::Sha256 => fits::<Hmac<Sha256>>(key, &[body], &bytes),
                Algorithm::Sha512 => fits::<Hmac<Sha512>>(key, &[body], &bytes),
            };
            signed(fits)?;
            id_in(headers, &["webhook-id", "idempotency-key"])
        }
        Check::Scheme(Scheme::StandardWebhooks, secret) => standard(secret, headers, body, now),
        Check::Scheme(Scheme::Github, secret) => {
            let given = one(headers, "x-hub-signature-256")?;
            let given = given
                .strip_prefix("sha256=")
                .and_then(from_hex)
                .ok_or(UNREADABLE)?;
            signed(fits::<Hmac<Sha256>>(secret.as_bytes(), &[body], &given))?;
            id_in(headers, &["x-github-delivery"])
        }
        Check::Scheme(Scheme::Stripe, secret) => stripe(secret, headers, body, now),
        Check::Scheme(Scheme::Slack, secret) => {
            let at = one(headers, "x-slack-request-timestamp")?;
            in_window(at, now)?;
            let given = one(headers, "x-slack-signature")?;
            let given = given
                .strip_prefix("v0=")
                .and_then(from_hex)
                .ok_or(UNREADABLE)?;
            let parts = [b"v0:".as_slice(), at.as_bytes(), b":", body];
            signed(fits::<Hmac<Sha256>>(secret.as_bytes(), &parts, &given))?;
            Ok(member(body, "event_id"))
        }
    }
}

const UNREADABLE: Refusal = Refusal::Unsigned("the signature is not readable");

/// `v1,` and base64 of the HMAC over id, time and body; several of them while keys change.
fn standard(
    secret: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<Option<String>, Refusal> {
    let id = one(headers, "webhook-id")?;
    let id = id_of(id)?;
    if id.contains('.') {
        return Err(Refusal::Id);
    }
    let at = one(headers, "webhook-timestamp")?;
    in_window(at, now)?;
    let given = one(headers, "webhook-signature")?;
    let keys = standard_keys(secret).map_err(Refusal::Secret)?;
    let parts = [id.as_bytes(), b".", at.as_bytes(), b".", body];
    let signatures = given.split(' ').filter_map(|one| one.strip_prefix("v1,"));
    let fits = signatures
        .take(SIGNATURES_MAX)
        .filter_map(|one| BASE64_STANDARD.decode(one).ok())
        .any(|bytes| {
            keys.iter()
                .any(|key| fits::<Hmac<Sha256>>(key, &parts, &bytes))
        });
    signed(fits)?;
    Ok(Some(id.to_owned()))
}

/// The keys of a secret: several while keys change, with blanks between them.
pub(super) fn standard_keys(secret: &str) -> Result<Vec<Vec<u8>>, &'static str> {
    let key = |secret: &str| {
        let key = match secret.strip_prefix("whsec_") {
            Some(encoded) => BASE64_STANDARD
                .decode(encoded)
                .map_err(|_| "what follows `whsec_` is not base64")?,
            None => secret.as_bytes().to_vec(),
        };
        if key.len() < KEY_BYTES_MIN {
            return Err("it is shorter than 24 bytes");
        }
        Ok(key)
    };
    secret.split_whitespace().map(key).collect()
}

/// `t=` the time, and one or more `v1=` hex of the HMAC over time and body. The id is the event's own.
fn stripe(
    secret: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<Option<String>, Refusal> {
    let given = one(headers, "stripe-signature")?;
    let part = |name: &'static str| {
        let parts = given
            .split(',')
            .filter_map(|part| part.trim().split_once('='));
        parts
            .filter(move |(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    let at = part("t").next().ok_or(UNREADABLE)?;
    in_window(at, now)?;
    let parts = [at.as_bytes(), b".", body];
    let fits = part("v1")
        .take(SIGNATURES_MAX)
        .filter_map(from_hex)
        .any(|bytes| fits::<Hmac<Sha256>>(secret.as_bytes(), &parts, &bytes));
    signed(fits)?;
    Ok(member(body, "id"))
}

fn signed(fits: bool) -> Result<(), Refusal> {
    if fits {
        Ok(())
    } else {
        Err(Refusal::Unsigned("no signature fits"))
    }
}

/// Whether a signature is that of these bytes, in constant time.
fn fits<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return false;
    };
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(signature).is_ok()
}

fn equal(one: &[u8], other: &[u8]) -> bool {
    let differences = one
        .iter()
        .zip(other)
        .fold(0, |sum, (one, other)| sum | (one ^ other));
    one.len() == other.len() && differences == 0
}

/// The one value of a header.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Refusal> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next().map(|value| value.to_str()), values.next()) {
        (Some(Ok(value)), None) => Ok(value),
        (None, _) => Err(Refusal::Unsigned("a header of the signature is missing")),
        _ => Err(UNREADABLE),
    }
}

/// Ten digits or so and nothing else, not far from now.
fn in_window(text: &str, now: i64) -> Result<(), Refusal> {
    let digits =
        !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let at = text
        .parse::<i64>()
        .ok()
        .filter(|_| digits)
        .ok_or(Refusal::Time)?;
    if (at - now).abs() > WINDOW_SECONDS {
        return Err(Refusal::Time);
    }
    Ok(())
}

/// The id of a delivery out of the first of these headers that is there.
fn id_in(headers: &HeaderMap, names: &[&str]) -> Result<Option<String>, Refusal> {
    let found = names.iter().find_map(|name| headers.get(*name));
    let Some(found) = found else {
        return Ok(None);
    };
    let text = found.to_str().map_err(|_| Refusal::Id)?;
    id_of(text).map(|id| Some(id.to_owned()))
}

fn id_of(text: &str) -> Result<&str, Refusal> {
    let fits = !text.is_empty()
        && text.len() <= ID_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text) } else { Err(Refusal::Id) }
}

/// A text at the top of a JSON body.
fn member(body: &[u8], name: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let id = body.get(name)?.as_str()?;
    id_of(id).ok().map(str::to_owned)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                (*name).parse().expect("a name"),
                value.parse().expect("a value"),
            )
        };
        pairs.iter().map(pair).collect()
    }

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: &str = "1614265330";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn standard_one(
        id: &str,
        at: &str,
        signature: &str,
        body: &[u8],
    ) -> Result<Option<String>, Refusal> {
        let check = Check::Scheme(Scheme::StandardWebhooks, SECRET.to_owned());
        let headers = headers(&[
            ("webhook-id", id),
            ("webhook-timestamp", at),
            ("webhook-signature", signature),
        ]);
        verify(&check, &headers, body, 1_614_265_330)
    }

    #[test]
    fn the_example_of_standard_webhooks_fits() {
        assert_eq!(
            standard_one(ID, AT, SIGNATURE, BODY),
            Ok(Some(ID.to_owned()))
        );
        let several = format!("v1,AAAA v2,{} {SIGNATURE}", &SIGNATURE[3..]);
        assert_eq!(
            standard_one(ID, AT, &several, BODY),
            Ok(Some(ID.to_owned()))
        );
        // The key before it still fits while keys change.
        let check = Check::Scheme(
            Scheme::StandardWebhooks,
            format!("whsec_{} {SECRET}", BASE64_STANDARD.encode([7; 32])),
        );
        let headers = headers(&[
            ("webhook-id", ID),
            ("webhook-timestamp", AT),
            ("webhook-signature", SIGNATURE),
        ]);
        assert!(verify(&check, &headers, BODY, 1_614_265_330).is_ok());
    }

    #[test]
    fn whatever_is_not_signed_is_refused() {
        let unsigned = |found: Result<Option<String>, Refusal>| {
            assert!(matches!(found, Err(Refusal::Unsigned(_))), "{found:?}");
        };
        for signature in [
            "",
            "v1,",
            "v1,%%%",
            "v1,AAAA",
            "v2,AAAA",
            &SIGNATURE[..20],
            &SIGNATURE[3..],
        ] {
            unsigned(standard_one(ID, AT, signature, BODY));
        }
        // Another way to write the same JSON.
        unsigned(standard_one(ID, AT, SIGNATURE, br#"{"test":2432232314}"#));
        unsigned(standard_one("msg_other", AT, SIGNATURE, BODY));
        // The eleventh is not looked at.
        let many = "v1,AAAA ".repeat(10) + SIGNATURE;
        unsigned(standard_one(ID, AT, &many, BODY));
        let check = Check::Scheme(Scheme::StandardWebhooks, SECRET.to_owned());
        unsigned(verify(&check, &HeaderMap::new(), BODY, 1_614_265_330));
    }

    #[test]
    fn times_and_ids_have_their_form() {
        for at in [
            "1614265029",
            "1614265631",
            "-1614265330",
            "1e10",
            "+1614265330",
            " 1614265330",
            "",
        ] {
            assert_eq!(
                standard_one(ID, at, SIGNATURE, BODY),
                Err(Refusal::Time),
                "{at}"
            );
        }
        assert_eq!(
            standard_one(ID, &"1".repeat(30), SIGNATURE, BODY),
            Err(Refusal::Time)
        );
        for id in ["a.b", "a b", &"x".repeat(10_000)] {
            assert_eq!(
                standard_one(id, AT, SIGNATURE, BODY),
                Err(Refusal::Id),
                "{id}"
            );
        }
        let short = Check::Scheme(Scheme::StandardWebhooks, "short".to_owned());
        let headers = headers(&[
            ("webhook-id", ID),
            ("webhook-timestamp", AT),
            ("webhook-signature", SIGNATURE),
        ]);
        let found = verify(&short, &headers, BODY, 1_614_265_330);
        assert!(matches!(found, Err(Refusal::Secret(_))));
    }

    /// The sample of GitHub's documentation.
    #[test]
    fn githubs_example_fits() {
        let check = Check::Scheme(Scheme::Github, "It's a Secret to Everybody".to_owned());
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let headers = headers(&[
            ("x-hub-signature-256", signature),
            ("x-github-delivery", "one"),
        ]);
        let found = verify(&check, &headers, b"Hello, World!", 0);
        assert_eq!(found, Ok(Some("one".to_owned())));
        assert!(verify(&check, &headers, b"Hello, World?", 0).is_err());
    }

    #[test]
    fn a_token_is_compared_whole() {
        let check = Check::Token {
            header: "authorization".to_owned(),
            secret: "correct".to_owned(),
        };
        let found =
            |given: &str| verify(&check, &headers(&[("authorization", given)]), b"", 0).is_ok();
        assert!(found("correct") && found("Bearer correct"));
        assert!(!found("correc") && !found("correctx") && !found("") && !found("Bearer"));
    }
}

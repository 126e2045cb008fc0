//! The other side of `verify`: the headers with which a delivery is taken.

use std::fmt::Write as _;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flow_engine::workflow::trigger::Scheme;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::verify::{Algorithm, Check, standard_keys};

/// A delivery that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Signed {
    /// Names in lower case.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The header that the workflow names, if it does.
    pub(crate) own: Option<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Signs a delivery as its sender would at `now` (seconds since 1970). `id` goes where the scheme has it: into a header, or
/// into the body.
///
/// # Errors
/// Why it cannot be signed, in words.
pub(super) fn sign(check: &Check, id: &str, body: Vec<u8>, now: i64) -> Result<Signed, String> {
    let plain = |body: Vec<u8>, own| Signed {
        headers: vec![("webhook-id", id.to_owned())],
        own,
        body,
    };
    let at = now.to_string();
    Ok(match check {
        Check::Nobody => plain(body, None),
        Check::Token { header, secret } => {
            let token = if header == "authorization" {
                format!("Bearer {secret}")
            } else {
                secret.clone()
            };
            plain(body, Some((header.clone(), token)))
        }
        Check::Signature(signature) => {
            let key = signature.secret.as_bytes();
            let mac = match signature.algorithm {
                Algorithm::Sha1 => mac::<Hmac<Sha1>>(key, &[&body]),
                Algorithm::Sha256 => mac::<Hmac<Sha256>>(key, &[&body]),
                Algorithm::Sha512 => mac::<Hmac<Sha512>>(key, &[&body]),
            };
            let text = if signature.base64 {
                BASE64_STANDARD.encode(mac)
            } else {
                hex(&mac)
            };
            let value = format!("{}{text}", signature.prefix);
            plain(body, Some((signature.header.clone(), value)))
        }
        Check::Scheme(Scheme::StandardWebhooks, secret) => {
            let keys = standard_keys(secret).map_err(|why| format!("the secret: {why}"))?;
            let key = keys.first().ok_or("the secret is empty")?;
            let parts = [id.as_bytes(), b".", at.as_bytes(), b".", &*body];
            let signature = BASE64_STANDARD.encode(mac::<Hmac<Sha256>>(key, &parts));
            Signed {
                headers: vec![
                    ("webhook-id", id.to_owned()),
                    ("webhook-timestamp", at),
                    ("webhook-signature", format!("v1,{signature}")),
                ],
                own: None,
                body,
            }
        }
        Check::Scheme(Scheme::Github, secret) => {
            let signature = hex(&mac::<Hmac<Sha256>>(secret.as_bytes(), &[&body]));
            Signed {
                headers: vec![
                    ("x-github-delivery", id.to_owned()),
                    ("x-hub-signature-256", format!("sha256={signature}")),
                ],
                own: None,
                body,
            }
        }
        Check::Scheme(Scheme::Stripe, secret) => {
            let body = with_member(body, "id", id)?;
            let parts = [at.as_bytes(), b".", &*body];
            let signature = hex(&mac::<Hmac<Sha256>>(secret.as_bytes(), &parts));
            Signed {
                headers: vec![("stripe-signature", format!("t={at},v1={signature}"))],
                own: None,
                body,
            }
        }
        Check::Scheme(Scheme::Slack, secret) => {
            let body = with_member(body, "event_id", id)?;
            let parts = [b"v0:".as_slice(), at.as_bytes(), b":", &*body];
            let signature = hex(&mac::<Hmac<Sha256>>(secret.as_bytes(), &parts));
            Signed {
                headers: vec![
                    ("x-slack-request-timestamp", at),
                    ("x-slack-signature", format!("v0={signature}")),
                ],
                own: None,
                body,
            }
        }
    })
}

fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // A key of any length will do.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The body with its id, unless it has one.
fn with_member(body: Vec<u8>, name: &str, id: &str) -> Result<Vec<u8>, String> {
    let mut value: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|_| format!("the body has the id as `{name}`, and is no JSON"))?;
    let Some(map) = value.as_object_mut() else {
        return Err(format!("the body has the id as `{name}`, and is no map"));
    };
    if map.contains_key(name) {
        return Ok(body);
    }
    map.insert(name.to_owned(), id.into());
    serde_json::to_vec(&value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName};

    use super::super::verify::{Signature, verify};
    use super::*;

    #[test]
    fn what_is_signed_is_taken_under_its_id_and_nothing_else_is() {
        let key = "a-key-of-thirty-two-bytes-or-so!".to_owned();
        let signature = |algorithm, base64, prefix: &str| {
            Check::Signature(Signature {
                header: "x-signed".to_owned(),
                secret: key.clone(),
                algorithm,
                base64,
                prefix: prefix.to_owned(),
            })
        };
        let token = |header: &str| Check::Token {
            header: header.to_owned(),
            secret: key.clone(),
        };
        let mut checks = vec![
            token("authorization"),
            token("x-token"),
            signature(Algorithm::Sha1, false, "sha1="),
            signature(Algorithm::Sha256, true, ""),
            signature(Algorithm::Sha512, false, ""),
        ];
        checks.extend(Scheme::ALL.map(|scheme| Check::Scheme(scheme, key.clone())));
        for check in &checks {
            let signed = sign(check, "one", b"{\"n\":1}".to_vec(), 1000).expect("it can be signed");
            let mut headers = HeaderMap::new();
            let named = signed.headers.iter().map(|(name, value)| (*name, value));
            let own = signed.own.iter().map(|(name, value)| (&**name, value));
            for (name, value) in named.chain(own) {
                let name: HeaderName = name.parse().expect("a name");
                headers.insert(name, value.parse().expect("a value"));
            }
            let id = verify(check, &headers, &signed.body, 1001);
            assert_eq!(id, Ok(Some("one".to_owned())));
            let changed = [&signed.body, b" ".as_slice()].concat();
            let is_token = matches!(check, Check::Token { .. });
            assert_eq!(verify(check, &headers, &changed, 1001).is_ok(), is_token);
        }
    }
}

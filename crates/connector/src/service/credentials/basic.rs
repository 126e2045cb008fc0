//! A name and a password as a header has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// The text after `Basic `.
///
/// Source: RFC 7617, section 2.
pub(super) fn encoded(username: &SecretString, password: &SecretString) -> SecretString {
    let both = format!("{}:{}", username.expose_secret(), password.expose_secret());
    SecretString::from(STANDARD.encode(both))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        let encoded = encoded(&"Aladdin".into(), &"open sesame".into());
        assert_eq!(encoded.expose_secret(), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}

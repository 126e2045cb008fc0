//! Addresses and names of a daemon, by their form alone: nothing is looked up.

use core::net::{AddrParseError, IpAddr, SocketAddr};
use std::str::FromStr;

/// An address to listen at: `127.0.0.1`, `0.0.0.0:8080`, `::1` or `[::]:8080`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address of the machine.
    pub ip: IpAddr,
    /// The port, if one is said.
    pub port: Option<u16>,
}

impl FromStr for Address {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Address, Self::Err> {
        let with_port = text.parse::<SocketAddr>().map(|address| Address {
            ip: address.ip(),
            port: Some(address.port()),
        });
        with_port.or_else(|_| {
            let ip = text.parse()?;
            Ok(Address { ip, port: None })
        })
    }
}

/// Whether a text is a name of a machine as `Host` has it, with or without a port.
pub fn is_host(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._:[]".contains(letter);
    !text.is_empty() && text.len() <= 255 && text.chars().all(fits)
}

/// Whether a text is the beginning of addresses, such as `https://flow.example.com/hooks`.
pub fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://");
    let rest = rest.or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split('/').next());
    host.is_some_and(is_host) && !text.contains(|letter: char| "?# ".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_or_not() {
        let parsed = |text: &str| {
            text.parse::<Address>()
                .map(|it| (it.ip.to_string(), it.port))
        };
        for (text, ip, port) in [
            ("127.0.0.1", "127.0.0.1", None),
            ("0.0.0.0:0", "0.0.0.0", Some(0)),
            ("::", "::", None),
            ("[::]:80", "::", Some(80)),
        ] {
            assert_eq!(parsed(text), Ok((ip.to_owned(), port)));
        }
        for text in [
            "",
            "localhost",
            "localhost:80",
            ":80",
            "1.2.3.4:99999",
            "80",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_and_urls_have_their_form() {
        for name in ["flow.example.com", "flow:80", "[::1]:80", "10.0.0.1", "a_b"] {
            assert!(is_host(name), "{name}");
        }
        for name in ["", "a b", "https://a", "a/b", "ä", &"a".repeat(256)] {
            assert!(!is_host(name), "{name}");
        }
        for url in ["https://a", "http://a:80/x/y", "https://[::1]:80"] {
            assert!(is_url(url), "{url}");
        }
        for url in [
            "a",
            "ftp://a",
            "https://",
            "https:///x",
            "https://a?b",
            "https://a/#b",
            "https://u@a",
        ] {
            assert!(!is_url(url), "{url}");
        }
    }
}

//! Which addresses an answer may lead us to: public ones.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use flow_engine::run::Failure;
use reqwest::Url;

/// A name that leads to no public address.
#[derive(Debug)]
pub(crate) struct Blocked;

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to no public address")
    }
}

impl std::error::Error for Blocked {}

/// Refuses a private address that is written as numbers, in any of the ways to write one.
pub(crate) fn check_literal(url: &Url) -> Result<(), Failure> {
    let host = url.host_str().unwrap_or_default();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) if !is_public(address) => Err(blocked(bare)),
        _ => Ok(()),
    }
}

/// What to say of a refused address.
pub(crate) fn blocked(host: &str) -> Failure {
    let message =
        format!("the service redirected the request to `{host}`, which is not a public address");
    Failure::permanent("http.blocked_address", message)
}

/// Those of a name's addresses that are public: nothing else is dialled.
///
/// # Errors
/// [`Blocked`] if none is.
pub(crate) fn public_of(
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Vec<SocketAddr>, Blocked> {
    let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
    if public.is_empty() {
        return Err(Blocked);
    }
    Ok(public)
}

/// Whether an address is reachable for everybody: not private, loopback, link-local, multicast, reserved, nor an IPv6 form
/// of such an IPv4 address.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = match a {
        0 | 10 | 127 | 224..=255 => true,
        100 => (64..=127).contains(&b),
        169 => b == 254,
        172 => (16..=31).contains(&b),
        192 => matches!((b, c), (0, 0 | 2) | (88, 99) | (168, _)),
        198 => b == 18 || b == 19 || (b, c) == (51, 100),
        203 => (b, c) == (0, 113),
        _ => false,
    };
    !reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // Mapped, compatible, NAT64 and 6to4: what counts is the address inside.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => (high, low) > (0, 1) && embedded(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        // Only 2000::/3 is given out; in it, Teredo, benchmarks, ORCHID and documentation are not.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, public: bool) {
        assert_eq!(
            is_public(text.parse().expect("an address")),
            public,
            "{text}"
        );
    }

    #[test]
    fn private_addresses_are_known_in_every_form() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "64:ff9b:1::1",
        ] {
            check(text, false);
        }
        for text in [
            "1.1.1.1",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            check(text, true);
        }
    }

    #[test]
    fn of_several_addresses_only_public_ones_are_dialled() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let mixed = [at("10.0.0.1:443"), at("1.1.1.1:443"), at("[::1]:443")];
        let public = public_of(mixed.into_iter()).expect("one is public");
        assert_eq!(public, [at("1.1.1.1:443")]);
        assert!(public_of([at("127.0.0.1:80")].into_iter()).is_err());
    }

    #[test]
    fn numbers_are_recognised_however_they_are_written() {
        for text in [
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://[::ffff:7f00:1]/",
        ] {
            let url = Url::parse(text).expect("an address");
            assert!(check_literal(&url).is_err(), "{text}");
        }
    }
}

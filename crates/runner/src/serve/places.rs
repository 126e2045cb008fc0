//! How many connections one address may hold, so that nobody alone can keep the others out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The part of an IPv6 address that one customer has: the first 64 bits.
const NETWORK: u128 = !0 << 64;

/// The bound of each address, and what they hold.
#[derive(Debug, Clone)]
pub(super) struct PerAddress {
    max: usize,
    /// Whether connections of this machine count too.
    own_too: bool,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place for one connection; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    /// `None` if it is not counted.
    source: Option<IpAddr>,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl PerAddress {
    /// So many for every address, this machine's own ones too.
    pub(super) fn of_all(max: usize) -> PerAddress {
        PerAddress {
            max,
            own_too: true,
            held: Arc::default(),
        }
    }

    /// So many for every address of others.
    pub(super) fn of_others(max: usize) -> PerAddress {
        PerAddress {
            own_too: false,
            ..PerAddress::of_all(max)
        }
    }

    /// As many as there are.
    pub(super) fn unbounded() -> PerAddress {
        PerAddress::of_all(usize::MAX)
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// A place for a connection from there, if the address holds fewer than it may.
    pub(super) fn take(&self, from: IpAddr) -> Option<Place> {
        let source = source_of(from);
        let counts = self.own_too || !source.is_loopback();
        if counts {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let count = held.entry(source).or_default();
            if *count >= self.max {
                return None;
            }
            *count += 1;
        }
        Some(Place {
            source: counts.then_some(source),
            held: self.held.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(source) = self.source else { return };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                held.remove(&source);
            }
        }
    }
}

/// What counts as one address.
fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_address_has_its_own_places() {
        let places = PerAddress::of_all(2);
        let one = places.take(at("192.0.2.1"));
        let two = places.take(at("::ffff:192.0.2.1"));
        assert!(one.is_some() && two.is_some());
        assert!(places.take(at("192.0.2.1")).is_none());
        assert!(places.take(at("192.0.2.2")).is_some());
        drop(one);
        assert!(places.take(at("192.0.2.1")).is_some());
        drop(two);
        assert!(places.held.lock().expect("no panic").is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let places = PerAddress::of_all(1);
        let one = places.take(at("2001:db8:0:1::1"));
        assert!(one.is_some() && places.take(at("2001:db8:0:1:ffff::2")).is_none());
        assert!(places.take(at("2001:db8:0:2::1")).is_some());
    }

    #[test]
    fn this_machine_is_held_to_a_number_only_if_one_is_said() {
        for own in ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"] {
            let (others, all) = (PerAddress::of_others(1), PerAddress::of_all(1));
            let open: Vec<_> = (0..3).map(|_| others.take(at(own))).collect();
            assert!(open.iter().all(Option::is_some), "{own}");
            let held = all.take(at(own));
            assert!(held.is_some() && all.take(at(own)).is_none(), "{own}");
        }
    }
}

//! The names of a daemon: under which it may be asked, and which it tells others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Who a daemon is.
#[derive(Debug)]
pub(in crate::serve) struct Names {
    /// Where it listens.
    pub(in crate::serve) address: SocketAddr,
    tls: bool,
    /// As `Host` has them, in lower case, without a usual port.
    taken: Vec<String>,
    /// The first of those that somebody gave.
    first: Option<String>,
    public: Option<String>,
}

impl Names {
    /// Those of a daemon that listens there and was given more.
    pub(super) fn new(
        address: SocketAddr,
        tls: bool,
        hosts: &[String],
        public: Option<&str>,
    ) -> Names {
        let mut names = Names {
            address,
            tls,
            taken: Vec::new(),
            first: hosts.first().cloned(),
            public: public.map(|url| url.trim_end_matches('/').to_owned()),
        };
        let with_port = |name: &str| format!("{name}:{}", address.port());
        for own in ["127.0.0.1", "localhost", "[::1]"] {
            let name = names.usual(&with_port(own));
            names.taken.push(name);
        }
        for name in hosts
            .iter()
            .map(String::as_str)
            .chain(public.and_then(host_in))
        {
            let bare = names.usual(name);
            names.taken.push(bare);
            if !has_port(name) {
                let name = names.usual(&with_port(name));
                names.taken.push(name);
            }
        }
        names
    }

    /// Whether a `Host` names it; `met` is where the connection has reached it, which is a name too.
    pub(super) fn know(&self, host: &str, met: SocketAddr) -> bool {
        let host = self.usual(host);
        let met = SocketAddr::new(met.ip().to_canonical(), met.port());
        self.taken.contains(&host) || self.usual(&met.to_string()) == host
    }

    /// Whether an `Origin` is that of its own pages, which came under the name in `Host`. Without TLS nobody here knows
    /// whether others speak TLS with a proxy.
    pub(super) fn is_origin(&self, origin: &str, host: &str) -> bool {
        let name = origin.split_once("://").and_then(|(scheme, name)| {
            let fits = scheme == "https" || (scheme == "http" && !self.tls);
            fits.then_some(name)
        });
        name.is_some_and(|name| self.usual(name) == self.usual(host))
    }

    /// Where it is, for somebody who has asked under a name that it has.
    pub(super) fn asked_at(&self, host: &str) -> String {
        match &self.public {
            Some(public)
                if host_in(public).is_some_and(|own| self.usual(own) == self.usual(host)) =>
            {
                public.clone()
            }
            _ => format!("{}://{host}", self.scheme()),
        }
    }

    /// Where it listens.
    pub(in crate::serve) fn listens(&self) -> String {
        format!("{}://{}", self.scheme(), self.address)
    }

    /// Where programs of this machine reach it. With TLS that needs a name of the certificate.
    pub(in crate::serve) fn here(&self) -> String {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let port = self.address.port();
        let plain = format!("{}://{}", self.scheme(), SocketAddr::new(ip, port));
        if !self.tls {
            return plain;
        }
        let named = self.first.as_deref().map(|name| {
            let said = if has_port(name) {
                String::new()
            } else {
                format!(":{port}")
            };
            format!("https://{}", self.usual(&format!("{name}{said}")))
        });
        self.public.clone().or(named).unwrap_or(plain)
    }

    /// The beginning of addresses that are handed out.
    pub(in crate::serve) fn handed_out(&self) -> String {
        self.public.clone().unwrap_or_else(|| self.here())
    }

    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// A name as all write it who mean the same: a port that need not be said is left out.
    fn usual(&self, name: &str) -> String {
        let name = name.to_ascii_lowercase();
        let without = name.strip_suffix(":443");
        let without = without.or_else(|| name.strip_suffix(":80").filter(|_| !self.tls));
        without.map(str::to_owned).unwrap_or(name)
    }
}

/// Whether a name says a port; the colons in `[::1]` are none.
fn has_port(name: &str) -> bool {
    let last = name.rsplit_once(':').map(|(_, port)| port);
    last.is_some_and(|port| port.chars().all(|letter| letter.is_ascii_digit()))
}

/// The name, with the port, under which an address is asked.
fn host_in(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(address: &str, tls: bool, hosts: &[&str], public: Option<&str>) -> Names {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        Names::new(at(address), tls, &hosts, public)
    }

    fn at(address: &str) -> SocketAddr {
        address.parse().expect("an address")
    }

    #[track_caller]
    fn check(names: &Names, known: &[&str], unknown: &[&str]) {
        let met = at("192.0.2.7:4180");
        let has = |host: &&&str| names.know(host, met);
        assert_eq!(known.iter().find(|host| !has(host)), None, "{names:?}");
        assert_eq!(unknown.iter().find(has), None, "{names:?}");
    }

    #[test]
    fn a_daemon_has_the_names_of_its_machine_and_those_that_it_was_given() {
        let names = names("0.0.0.0:4180", false, &["flow.example", "b:8080"], None);
        check(
            &names,
            &[
                "LOCALHOST:4180",
                "[::1]:4180",
                "192.0.2.7:4180",
                "flow.example",
                "Flow.Example:443",
                "flow.example:80",
                "flow.example:4180",
                "b:8080",
            ],
            &[
                "",
                "localhost",
                "192.0.2.8:4180",
                "192.0.2.7",
                "flow.example:1",
                "flow.example.",
                "b",
            ],
        );
    }

    #[test]
    fn with_tls_a_name_is_asked_with_and_without_the_usual_port() {
        let names = names(
            "0.0.0.0:443",
            true,
            &[],
            Some("https://flow.example/hooks/"),
        );
        check(
            &names,
            &[
                "localhost",
                "127.0.0.1:443",
                "flow.example",
                "flow.example:443",
            ],
            &["flow.example:80", "192.0.2.7"],
        );
        assert!(names.know("192.0.2.7", at("192.0.2.7:443")));
        assert!(names.know("192.0.2.7", at("[::ffff:192.0.2.7]:443")));
    }

    #[test]
    fn pages_of_its_own_are_those_of_the_name_that_was_asked() {
        let (plain, tls) = (
            names("127.0.0.1:80", false, &[], None),
            names("127.0.0.1:443", true, &[], None),
        );
        for (origin, host, by_plain, by_tls) in [
            ("https://a.example", "a.example", true, true),
            ("https://A.example", "a.example:443", true, true),
            ("http://a.example", "a.example", true, false),
            ("https://a.example:8443", "a.example", false, false),
            ("https://b.example", "a.example", false, false),
            ("null", "a.example", false, false),
            ("ftp://a.example", "a.example", false, false),
        ] {
            assert_eq!(plain.is_origin(origin, host), by_plain, "{origin}");
            assert_eq!(tls.is_origin(origin, host), by_tls, "{origin}");
        }
    }

    #[test]
    fn addresses_that_are_told_can_be_reached() {
        let hosts = ["flow.example"];
        let public = Some("https://out.example/hooks/");
        for (address, tls, hosts, public, here, handed_out) in [
            (
                "127.0.0.1:4180",
                false,
                &[][..],
                None,
                "http://127.0.0.1:4180",
                "http://127.0.0.1:4180",
            ),
            (
                "0.0.0.0:80",
                false,
                &hosts,
                None,
                "http://127.0.0.1:80",
                "http://127.0.0.1:80",
            ),
            (
                "[::]:80",
                false,
                &[],
                public,
                "http://[::1]:80",
                "https://out.example/hooks",
            ),
            (
                "192.0.2.7:8443",
                true,
                &[],
                None,
                "https://192.0.2.7:8443",
                "https://192.0.2.7:8443",
            ),
            (
                "0.0.0.0:8443",
                true,
                &hosts,
                None,
                "https://flow.example:8443",
                "https://flow.example:8443",
            ),
            (
                "0.0.0.0:443",
                true,
                &hosts,
                None,
                "https://flow.example",
                "https://flow.example",
            ),
            (
                "0.0.0.0:443",
                true,
                &["a:9"],
                None,
                "https://a:9",
                "https://a:9",
            ),
            (
                "0.0.0.0:443",
                true,
                &hosts,
                public,
                "https://out.example/hooks",
                "https://out.example/hooks",
            ),
        ] {
            let names = names(address, tls, hosts, public);
            assert_eq!(
                (&*names.here(), &*names.handed_out()),
                (here, handed_out),
                "{address}"
            );
        }
        let names = names("0.0.0.0:8443", true, &[], public);
        assert_eq!(names.asked_at("out.example"), "https://out.example/hooks");
        assert_eq!(names.asked_at("localhost:8443"), "https://localhost:8443");
    }
}

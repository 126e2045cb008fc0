//! Where a daemon listens: what `[serve]` of `flow.toml` says, and the options, which win over it.
//!
//! Beyond this machine it listens only where somebody has a token, and where what is sent is hidden from others: by TLS, or
//! by a proxy that stands before it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use flow_engine::document::{Address, Serve, Tls, is_host, is_url, serve};
use flow_engine::finding::Finding;
use flow_engine::source::{SourceFile, Span};

use super::PORT;
use super::certificate::Certificate;
use super::places::PerAddress;
use crate::exit::{Exit, Trouble};
use crate::show::diagnostics;
use crate::tokens::Tokens;

/// How many connections an address may hold if nobody says otherwise.
const PER_ADDRESS: usize = 64;

/// What the command line says.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) listen: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) behind_proxy: bool,
    pub(crate) hosts: Vec<String>,
    pub(crate) public: Option<String>,
}

/// Where it listens, and how.
pub(crate) struct Listening {
    /// Any free port if that is 0.
    pub(super) address: SocketAddr,
    /// Names under which it may be asked, besides those of this machine.
    pub(super) hosts: Vec<String>,
    /// Where others reach it, for addresses that are handed out.
    pub(super) public: Option<String>,
    pub(super) certificate: Option<Arc<Certificate>>,
    pub(super) per_address: PerAddress,
}

impl Listening {
    /// Whether others may come, and nothing says under which address they do.
    pub(super) fn is_nameless(&self) -> bool {
        let named = self.certificate.is_some() && !self.hosts.is_empty();
        is_beyond(self.address) && self.public.is_none() && !named
    }
}

/// What the settings and the options say together. Nothing was made or opened if it is refused.
pub(crate) fn listening(
    project: &Path,
    store: &Path,
    options: Options,
) -> Result<Listening, Trouble> {
    let text = std::fs::read_to_string(project.join("flow.toml")).unwrap_or_default();
    let source = SourceFile::new("flow.toml", text);
    let (said, findings) = serve(&source);
    if !findings.is_empty() {
        diagnostics::print(&source, &findings);
        return Err(Trouble::said(Exit::Invalid));
    }
    let listen = options.listen.as_deref().map(parsed).transpose()?;
    for host in &options.hosts {
        check(is_host(host), "--host", host, "flow.example.com")?;
    }
    if let Some(url) = &options.public {
        check(is_url(url), "--public", url, "https://flow.example.com")?;
    }
    // The place of the address, unless an option names another.
    let place = said.address.filter(|_| listen.is_none());
    let place = place.map(|(_, span)| (&source, span));
    let address = listen.or(said.address.map(|(address, _)| address));
    let port = options.port.or(address.and_then(|address| address.port));
    let ip = address.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip);
    let address = SocketAddr::new(ip, port.unwrap_or(PORT));
    let behind_proxy = options.behind_proxy || said.behind_proxy;
    if is_beyond(address) {
        let hidden = said.tls.is_some() || behind_proxy;
        if let Some(refusal) = refused(address, hidden, store)? {
            return Err(refusal.at(place));
        }
    }
    let certificate = said.tls.as_ref().map(|tls| open(project, tls));
    Ok(Listening {
        address,
        per_address: per_address(&said, behind_proxy),
        certificate: certificate.transpose()?,
        hosts: if options.hosts.is_empty() {
            said.hosts
        } else {
            options.hosts
        },
        public: options.public.or(said.public),
    })
}

fn open(project: &Path, tls: &Tls) -> Result<Arc<Certificate>, Trouble> {
    Certificate::open(project.join(&tls.certificate), project.join(&tls.key))
}

fn parsed(text: &str) -> Result<Address, Trouble> {
    text.parse().map_err(|_| {
        let message = format!("--listen: `{text}` is no address to listen at");
        Trouble::new(Exit::Usage, "serve.address", message)
            .help("write an IP address, such as 0.0.0.0 or 0.0.0.0:8080")
    })
}

fn check(fits: bool, option: &str, text: &str, example: &str) -> Result<(), Trouble> {
    if fits {
        return Ok(());
    }
    let message = format!("{option}: `{text}` has not the form of `{example}`");
    Err(Trouble::new(Exit::Usage, "serve.address", message).help(format!("write it as {example}")))
}

fn is_beyond(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// A proxy is one address, and so is this machine: they are held to a number only if one is said.
fn per_address(said: &Serve, behind_proxy: bool) -> PerAddress {
    let number = said.connections_per_address;
    match number.and_then(|number| usize::try_from(number).ok()) {
        Some(number) => PerAddress::of_all(number),
        None if behind_proxy => PerAddress::unbounded(),
        None => PerAddress::of_others(PER_ADDRESS),
    }
}

/// Why it does not listen.
struct Refusal {
    code: &'static str,
    message: String,
    help: &'static str,
}

fn refused(address: SocketAddr, hidden: bool, store: &Path) -> Result<Option<Refusal>, Trouble> {
    if !hidden {
        return Ok(Some(Refusal {
            code: "serve.exposed",
            message: format!("others can reach {address}, and read along what is sent"),
            help: "give it TLS by `[serve.tls]` with `certificate` and `key`, or say `behind_proxy = true` (--behind-proxy) where a proxy with TLS stands before it",
        }));
    }
    let nobody = Tokens::of(store).list()?.is_empty();
    Ok(nobody.then(|| Refusal {
        code: "serve.no_token",
        message: format!("others can reach {address}, and nobody has a token"),
        help: "make one first: `flow token new NAME --scope admin`",
    }))
}

impl Refusal {
    /// Says it at its line, where it has one.
    fn at(self, place: Option<(&SourceFile, Span)>) -> Trouble {
        let Some((source, span)) = place else {
            return Trouble::new(Exit::Invalid, self.code, self.message).help(self.help);
        };
        let finding = Finding::error(self.code, span, self.message).help(self.help);
        diagnostics::print(source, &[finding]);
        Trouble::said(Exit::Invalid)
    }
}

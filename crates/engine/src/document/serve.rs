//! `[serve]` of a project's settings: where its daemon listens, and who stands before it.

use super::address::{Address, is_host, is_url};
use super::{keys, project};
use crate::finding::Finding;
use crate::source::{SourceFile, Span};
use crate::yaml::{Entry, Node, NodeKind, Scalar, Style};

/// The most connections that one address may be allowed: as many as a daemon has.
const CONNECTIONS_MAX: u32 = 1_024;

/// What a project says about its daemon; what it does not say is `None` or empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Serve {
    /// Where it listens, and the place at which that is said.
    pub address: Option<(Address, Span)>,
    /// Whether a proxy stands before it, which others speak to in its place.
    pub behind_proxy: bool,
    /// Names under which it may be asked.
    pub hosts: Vec<String>,
    /// Where others reach it.
    pub public: Option<String>,
    /// What it shows of itself, if it speaks TLS.
    pub tls: Option<Tls>,
    /// How many connections one address may hold.
    pub connections_per_address: Option<u32>,
}

/// The files of a certificate (PEM), as paths that begin at the project folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate, and those between it and its authority.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// Reads `[serve]` of a project's settings.
///
/// Findings are those of this section and of a text that is not TOML, since a section may be missing for that.
pub fn serve(text: &SourceFile) -> (Serve, Vec<Finding>) {
    let mut findings = Vec::new();
    let entries = project::read(text, 0, &mut findings);
    let section = entries.iter().find(|entry| &*entry.key == "serve");
    let (said, of_section) = section.map_or_else(Default::default, |section| read(&section.value));
    findings.extend(of_section);
    (said, findings)
}

pub(super) fn read(node: &Node) -> (Serve, Vec<Finding>) {
    let (mut reader, mut said) = (Reader::default(), Serve::default());
    let help = "`[serve]` and below it `address = \"127.0.0.1:4180\"`";
    for entry in reader.members("serve", node, keys::SERVE, help) {
        let value = &entry.value;
        match &*entry.key {
            "address" => said.address = reader.address(value),
            "behind_proxy" => said.behind_proxy = reader.flag(value),
            "hosts" => said.hosts = reader.hosts(value),
            "public" => said.public = reader.public(value),
            "connections_per_address" => said.connections_per_address = reader.connections(value),
            _ => said.tls = reader.tls(value),
        }
    }
    (said, reader.findings)
}

/// Reads values, and keeps what is wrong with them: those are `None` or empty.
#[derive(Default)]
struct Reader {
    findings: Vec<Finding>,
}

impl Reader {
    /// The members of a table that has such keys.
    fn members<'a>(
        &mut self,
        name: &str,
        node: &'a Node,
        known: &'static [&'static str],
        help: &str,
    ) -> Vec<&'a Entry> {
        let NodeKind::Map(entries) = &node.kind else {
            self.of_form(node, &format!("`{name}` is a table"), help);
            return Vec::new();
        };
        let (ours, others): (Vec<&Entry>, Vec<&Entry>) = entries
            .iter()
            .partition(|entry| known.contains(&&*entry.key));
        self.findings.extend(others.into_iter().map(|entry| {
            let message = format!("`{name}` has no key `{}`", entry.key);
            let finding = Finding::error("schema.unknown_field", entry.key_span, message);
            let keys = format!("its keys are `{}`", known.join("`, `"));
            finding
                .label("unknown key")
                .help_nearest(&entry.key, known.iter().copied(), keys)
        }));
        ours
    }

    fn address(&mut self, node: &Node) -> Option<(Address, Span)> {
        let help = "write an IP address and a port, such as `127.0.0.1:4180` or `0.0.0.0:8080`";
        let text = self.text("address", node)?;
        match text.parse() {
            Ok(address) => Some((address, node.span)),
            Err(_) => self.wrong(node, &format!("`{text}` is no address to listen at"), help),
        }
    }

    fn hosts(&mut self, node: &Node) -> Vec<String> {
        let NodeKind::List(items) = &node.kind else {
            let help = "such as `hosts = [\"flow.example.com\"]`";
            self.of_form(node, "`hosts` is a list of names", help);
            return Vec::new();
        };
        items.iter().filter_map(|item| self.host(item)).collect()
    }

    fn host(&mut self, node: &Node) -> Option<String> {
        let text = self.text("hosts", node)?;
        if is_host(&text) {
            return Some(text);
        }
        let help = "write it as `Host` has it, such as `flow.example.com`";
        self.wrong(node, &format!("`{text}` is no name of a machine"), help)
    }

    fn public(&mut self, node: &Node) -> Option<String> {
        let text = self.text("public", node)?;
        if is_url(&text) {
            return Some(text);
        }
        let help = "write it as `https://flow.example.com`";
        self.wrong(
            node,
            &format!("`{text}` is not where others reach it"),
            help,
        )
    }

    fn tls(&mut self, node: &Node) -> Option<Tls> {
        let help = "`[serve.tls]` and below it `certificate = \"FILE\"` and `key = \"FILE\"`";
        let entries = self.members("tls", node, keys::SERVE_TLS, help);
        let is_table = matches!(node.kind, NodeKind::Map(_));
        let mut path = |key: &str| {
            let entry = entries.iter().find(|entry| &*entry.key == key);
            if entry.is_none() && is_table {
                self.of_form(node, &format!("`tls` has no `{key}`"), help);
            }
            self.text(key, &entry?.value)
        };
        let (certificate, key) = (path("certificate"), path("key"));
        Some(Tls {
            certificate: certificate?,
            key: key?,
        })
    }

    fn connections(&mut self, node: &Node) -> Option<u32> {
        let number = node.as_scalar();
        let number = number.filter(|scalar| scalar.style == Style::Plain);
        let number = number.and_then(|scalar| scalar.text.parse().ok());
        let number = number.filter(|number| (1..=CONNECTIONS_MAX).contains(number));
        if number.is_none() {
            let message = "`connections_per_address` is a number from 1 to 1,024";
            self.of_form(node, message, "it is 64 if nothing is said");
        }
        number
    }

    fn flag(&mut self, node: &Node) -> bool {
        let flag = node.as_scalar();
        let flag = flag.filter(|scalar| scalar.style == Style::Plain);
        let flag = flag.and_then(Scalar::as_bool);
        if flag.is_none() {
            let help = "`true` if others speak to a proxy in its place";
            self.of_form(node, "`behind_proxy` is `true` or `false`", help);
        }
        flag.unwrap_or(false)
    }

    fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        let text = node.as_scalar();
        let text = text.filter(|scalar| scalar.style != Style::Plain);
        if text.is_none() {
            let help = "write it between quotes";
            self.of_form(node, &format!("`{key}` is text"), help);
        }
        text.map(|scalar| scalar.text.to_string())
    }

    /// A value of another form than the key needs.
    fn of_form(&mut self, node: &Node, message: &str, help: &str) {
        let finding = Finding::error("schema.type", node.span, message);
        self.findings.push(finding.help(help));
    }

    /// A text that says nothing that one could listen at or be reached at.
    fn wrong<T>(&mut self, node: &Node, message: &str, help: &str) -> Option<T> {
        let finding = Finding::error("serve.address", node.span, message);
        self.findings.push(finding.help(help));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Serve, Vec<Finding>) {
        serve(&SourceFile::new("flow.toml", text))
    }

    #[test]
    fn everything_that_may_be_said_is_read() {
        let (said, findings) = of("[serve]\naddress = '0.0.0.0:8080'\nbehind_proxy = true\n\
            hosts = ['flow.example.com', '[::1]:80']\npublic = 'https://flow.example.com/x'\n\
            connections_per_address = 8\n[serve.tls]\ncertificate = 'c.pem'\nkey = '/k.pem'\n");
        assert_eq!(findings, []);
        let address = said.address.map(|(address, _)| address);
        assert_eq!(address, "0.0.0.0:8080".parse().ok());
        assert!(said.behind_proxy);
        assert_eq!(said.hosts, ["flow.example.com", "[::1]:80"]);
        assert_eq!(said.public.as_deref(), Some("https://flow.example.com/x"));
        assert_eq!(said.connections_per_address, Some(8));
        let tls = said.tls.map(|tls| (tls.certificate, tls.key));
        assert_eq!(tls, Some(("c.pem".to_owned(), "/k.pem".to_owned())));
        assert_eq!(of(""), (Serve::default(), Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, code, at) in [
            ("serve = 1", "schema.type", "1"),
            ("[serve]\naddress = 'here'", "serve.address", "'here'"),
            ("[serve]\naddress = 80", "schema.type", "80"),
            ("[serve]\nadress = '::'", "schema.unknown_field", "adress"),
            ("[serve]\nbehind_proxy = 'true'", "schema.type", "'true'"),
            ("[serve]\nhosts = 'a'", "schema.type", "'a'"),
            (
                "[serve]\nhosts = ['https://a']",
                "serve.address",
                "'https://a'",
            ),
            (
                "[serve]\npublic = 'a.example'",
                "serve.address",
                "'a.example'",
            ),
            (
                "[serve]\npublic = 'https://'",
                "serve.address",
                "'https://'",
            ),
            ("[serve]\nconnections_per_address = 0", "schema.type", "0"),
            (
                "[serve]\nconnections_per_address = 1025",
                "schema.type",
                "1025",
            ),
            ("[serve]\ntls = true", "schema.type", "true"),
            (
                "[serve]\ntls = { key = 'k' }",
                "schema.type",
                "{ key = 'k' }",
            ),
            (
                "[serve]\ntls = { certificate = 1, key = 'k' }",
                "schema.type",
                "1",
            ),
            ("[serve]\nhosts = [", "project.syntax", ""),
        ] {
            let (_, findings) = of(text);
            let found = &findings[0];
            let place = &text[found.span.start as usize..found.span.end as usize];
            assert_eq!(found.code, code, "{text}: {findings:?}");
            assert!(at.is_empty() || place == at, "{text}: {place}");
        }
    }
}

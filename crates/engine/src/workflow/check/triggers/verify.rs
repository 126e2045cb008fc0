//! `verify:`: how the sender of a delivery is made sure of, and with which secret.

use super::super::Checker;
use crate::document::keys as language;
use crate::finding::Finding;
use crate::value::{Secret, Value};
use crate::workflow::Tree;
use crate::workflow::trigger::{Scheme, Verify};
use crate::yaml::{Entry, Node, NodeKind};

/// The words that stand alone.
const WORDS: [&str; 5] = ["standard-webhooks", "github", "stripe", "slack", "none"];

impl Checker<'_> {
    /// A word, whose secret then has the usual name, or a map of one word to the secret.
    pub(super) fn verify(&mut self, node: &Node) -> Option<Verify> {
        let entries = match &node.kind {
            NodeKind::Map(entries) => entries,
            NodeKind::Hole => return None,
            _ => return self.verify_word(node),
        };
        self.only(node, "`verify`", language::VERIFY);
        let known: Vec<&Entry> = entries
            .iter()
            .filter(|entry| language::VERIFY.contains(&&*entry.key))
            .collect();
        match known.as_slice() {
            [] if entries.is_empty() => {
                let finding =
                    Finding::error("schema.one_of", node.span, "this `verify` says nothing");
                self.findings.push(finding.help(
                    "such as `verify: github`, or `verify: { token: \"{{ secrets.NAME }}\" }`",
                ));
                None
            }
            [] => None,
            [one] => self.verify_with(one),
            [first, second, ..] => {
                let message = format!("`verify` has both `{}` and `{}`", first.key, second.key);
                let finding = Finding::error("schema.one_of", second.key_span, message);
                self.findings
                    .push(finding.help("senders are verified in one way: take one of them out"));
                None
            }
        }
    }

    fn verify_word(&mut self, node: &Node) -> Option<Verify> {
        let text = self.text(Some(node))?;
        if &*text == "none" {
            return Some(Verify::Nobody);
        }
        if let Some(scheme) = Scheme::ALL
            .into_iter()
            .find(|scheme| scheme.as_str() == &*text)
        {
            let secret = Value::from(Secret::named(scheme.default_secret()));
            return Some(Verify::Scheme(scheme, Tree::of(secret, node.span)));
        }
        if matches!(&*text, "hmac" | "token") {
            let message = format!("`verify: {text}` does not say which secret");
            let finding = Finding::error("schema.word", node.span, message);
            self.findings.push(finding.help(format!(
                "write `verify: {{ {text}: \"{{{{ secrets.NAME }}}}\" }}`"
            )));
            return None;
        }
        let message = format!("`{text}` is not a way to verify senders");
        let finding = Finding::error("schema.word", node.span, message);
        self.findings.push(finding.help_nearest(
            &text,
            WORDS,
            "the ways are `standard-webhooks`, `github`, `stripe`, `slack`, `{hmac: ...}`, `{token: ...}` and `none`",
        ));
        None
    }

    fn verify_with(&mut self, entry: &Entry) -> Option<Verify> {
        let scheme = Scheme::ALL
            .into_iter()
            .find(|scheme| scheme.as_str() == &*entry.key);
        if let Some(scheme) = scheme {
            return self
                .secret_of_verify(entry, &entry.value)
                .map(|secret| Verify::Scheme(scheme, secret));
        }
        let is_hmac = &*entry.key == "hmac";
        let known = if is_hmac {
            language::HMAC
        } else {
            language::TOKEN
        };
        if let NodeKind::Map(members) = &entry.value.kind {
            self.only(&entry.value, &format!("`{}`", entry.key), known);
            for member in members.iter() {
                match &*member.key {
                    "secret" => {
                        self.secret_of_verify(member, &member.value);
                    }
                    "algorithm" => {
                        self.word(&member.value, "algorithm", &["sha1", "sha256", "sha512"]);
                    }
                    "encoding" => {
                        self.word(&member.value, "encoding", &["hex", "base64"]);
                    }
                    _ => {
                        self.text(Some(&member.value));
                    }
                }
            }
            if !members.iter().any(|member| &*member.key == "secret") {
                let message = format!("`{}` does not say which secret", entry.key);
                let finding = Finding::error("schema.one_of", entry.value.span, message);
                self.findings
                    .push(finding.help("add `secret: \"{{ secrets.NAME }}\"`"));
                return None;
            }
        } else {
            self.secret_of_verify(entry, &entry.value)?;
        }
        let tree = self.tree(&entry.value);
        Some(if is_hmac {
            Verify::Hmac(tree)
        } else {
            Verify::Token(tree)
        })
    }

    /// A secret by its handle, never written out.
    fn secret_of_verify(&mut self, entry: &Entry, node: &Node) -> Option<Tree> {
        if node.is_hole() {
            return None;
        }
        let Some(scalar) = node.as_scalar().filter(|_| !node.is_null()) else {
            let message = format!("`{}` takes a secret, found {}", entry.key, node.describe());
            let finding = Finding::error("schema.type", node.span, message);
            self.findings
                .push(finding.help("write `\"{{ secrets.NAME }}\"`"));
            return None;
        };
        if !scalar.text.contains("{{") {
            let message = format!("`{}` is a secret and must not stand in the file", entry.key);
            let finding = Finding::error("check.secret_in_file", node.span, message);
            self.findings
                .push(finding.help(
                    "set it in the environment and write `\"{{ secrets.WEBHOOK_SECRET }}\"`",
                ));
            return None;
        }
        Some(self.tree(node))
    }
}

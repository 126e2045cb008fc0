//! `[prices]` of the project's settings: what the models of a connector cost here, in place of its own list.

use std::sync::Arc;

use super::Checker;
use super::costs::keys_help;
use crate::document::keys;
use crate::finding::Finding;
use crate::money::{LongPrice, Price, Rates, TokenKind};
use crate::yaml::{Entry, Node, NodeKind, Scalar};

/// Prices by connector and model.
pub(super) type OwnPrices = Vec<(Arc<str>, Vec<(Arc<str>, Price)>)>;

impl Checker<'_> {
    pub(super) fn own_prices(&mut self, node: Option<&Node>) -> OwnPrices {
        let Some(node) = node else {
            return Vec::new();
        };
        let mut prices = Vec::new();
        for entry in self.table(node, "`prices`").to_vec() {
            let models = self.table(&entry.value, &format!("`{}`", entry.key));
            let models = models.iter();
            let models = models.map(|model| (model.key.clone(), self.price(model)));
            let models: Vec<_> = models.collect();
            match self.catalog.connector(&entry.key) {
                Some(connector) => prices.push((connector.name.clone(), models)),
                None => self.priced_unknown(&entry),
            }
        }
        prices
    }

    /// No error: the settings are those of all workflows, and a run pins only the connectors that it uses.
    fn priced_unknown(&mut self, entry: &Entry) {
        let message = format!(
            "there is no connector `{}`, so its prices are not used",
            entry.key
        );
        let finding = Finding::warning("check.unknown_connector", entry.key_span, message);
        let known = self.catalog.connectors.keys().map(AsRef::as_ref);
        self.findings
            .push(finding.help_nearest(&entry.key, known, "`flow connectors` lists them"));
    }

    fn price(&mut self, entry: &Entry) -> Price {
        let what = format!("the price of `{}`", entry.key);
        let mut price = Price::default();
        self.only(&entry.value, &what, keys::PRICE);
        for member in self.table(&entry.value, &what).to_vec() {
            if &*member.key == "long" {
                price.long = Some(self.long_price(&member.value));
            } else {
                self.rate(&member, &mut price.rates);
            }
        }
        price
    }

    fn long_price(&mut self, node: &Node) -> LongPrice {
        let mut long = LongPrice::default();
        self.only(node, "`long`", keys::PRICE_LONG);
        for member in self.table(node, "`long`").to_vec() {
            if &*member.key == "over" {
                let over = self.count(Some(&member.value), "`over`");
                long.over = over.map_or(0, u64::from);
            } else {
                self.rate(&member, &mut long.rates);
            }
        }
        long
    }

    fn rate(&mut self, member: &Entry, rates: &mut Rates) {
        let Some(kind) = TokenKind::parse(&member.key) else {
            return;
        };
        let scalar = member.value.as_scalar().map(Scalar::value);
        let usd = scalar.and_then(Result::ok).and_then(|value| value.as_f64());
        if !usd.is_some_and(|usd| rates.set(kind, usd)) {
            let message = format!("`{}` is no price", member.key);
            let finding = Finding::error("schema.type", member.value.span, message);
            self.findings
                .push(finding.help("write US dollars for a million tokens, such as `2.5`"));
        }
    }

    /// The members of a table; anything else is reported.
    fn table<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Entry] {
        match &node.kind {
            NodeKind::Map(entries) => entries,
            NodeKind::Hole => &[],
            _ => {
                let message = format!("{what} must be a table, found {}", node.describe());
                let finding = Finding::error("schema.type", node.span, message);
                self.findings.push(finding.help(format!(
                    "`[prices.CONNECTOR.MODEL]`, and below it prices by kind: {}",
                    keys_help(keys::PRICE)
                )));
                &[]
            }
        }
    }
}

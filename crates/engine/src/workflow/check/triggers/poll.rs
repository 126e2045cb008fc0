//! `poll:`: any query, looked at again and again; each new item starts a run.

use super::super::Checker;
use super::super::steps::{EVERY_DEFAULT, Found};
use super::entry::Keys;
use crate::catalog::{OperationKind, OutputType};
use crate::document::{Member, keys as language};
use crate::finding::Finding;
use crate::types::Type;
use crate::workflow::trigger::{Cursor, Items, Starts};
use crate::yaml::{Node, NodeKind};

impl Checker<'_> {
    pub(super) fn poll(&mut self, keys: Keys<'_>, word: &Member) -> Option<(Starts, Type)> {
        let every = keys.value("every").and_then(|node| self.interval(node));
        let items = keys.value("items");
        let path = items.and_then(|node| self.items_path(node));
        let key = self.bare(keys.value("key"));
        let changed = self
            .boolean(keys.value("changed"), "`changed`")
            .unwrap_or(false);
        let batch = self.count(keys.value("batch"), "`batch`");
        let backfill = self
            .boolean(keys.value("backfill"), "`backfill`")
            .unwrap_or(false);
        let node = &word.value;
        let found = self.find(node)?;
        self.kind_of_start(&found, node, OperationKind::Query);
        if found.operation.kind != OperationKind::Query {
            return None;
        }
        self.served(found.operation, &found, node);
        let cursor = keys
            .value("cursor")
            .and_then(|node| self.cursor(node, &found, keys));
        let call = self.call_of_start(keys, &found, node);
        let item = if items.is_some() {
            Type::Unknown
        } else {
            self.polled(&found, node)
        };
        let payload = if batch.is_some() {
            Type::list(item)
        } else {
            item
        };
        let items = Items {
            call,
            every: every.unwrap_or(EVERY_DEFAULT),
            items: path,
            key,
            cursor,
            changed,
            batch,
            backfill,
        };
        Some((Starts::Items(Box::new(items)), payload))
    }

    /// `items:` is always a path, unlike `output:`.
    fn items_path(&mut self, node: &Node) -> Option<crate::workflow::OutputPath> {
        let text = self.text(Some(node))?;
        if !text.starts_with('$') {
            let message = format!("`items` is a JSONPath, and `{text}` is none");
            let finding = Finding::error("jsonpath.syntax", node.span, message);
            self.findings
                .push(finding.help("a JSONPath begins with `$`, such as `$.orders[*]`"));
            return None;
        }
        self.path(node)
    }

    /// The type of an item, where the answer itself is the list.
    fn polled(&mut self, found: &Found<'_>, node: &Node) -> Type {
        let OutputType::Fixed(ty) = &found.operation.output else {
            return Type::Unknown;
        };
        match ty {
            Type::List(item) | Type::Blob(item) => (**item).clone(),
            Type::Unknown | Type::Union(_) => Type::Unknown,
            other => {
                let message = format!(
                    "`{}.{}` gives {other}, and `poll` needs a list",
                    found.connection, found.name
                );
                let finding = Finding::error("check.type", node.span, message);
                self.findings
                    .push(finding.help("say where the list is, such as `items: \"$.orders[*]\"`"));
                Type::Unknown
            }
        }
    }

    fn cursor(&mut self, node: &Node, found: &Found<'_>, keys: Keys<'_>) -> Option<Cursor> {
        let NodeKind::Map(entries) = &node.kind else {
            self.not_a_map(
                node,
                "`cursor`",
                "such as `cursor: { param: since, from: item.updated_at }`",
            );
            return None;
        };
        self.only(node, "`cursor`", language::CURSOR);
        let member = |name: &str| {
            entries
                .iter()
                .find(|entry| &*entry.key == name)
                .map(|entry| &entry.value)
        };
        for name in language::CURSOR {
            if member(name).is_none() {
                let message = format!("this cursor has no `{name}`");
                let finding = Finding::error("schema.one_of", node.span, message);
                self.findings.push(
                    finding.help("such as `cursor: { param: since, from: item.updated_at }`"),
                );
            }
        }
        let from = self.bare(member("from"));
        let given = member("param")?;
        let param = self.text(Some(given))?;
        let operation = found.operation;
        if !operation.parameters.contains_key(&param) && !operation.open {
            let message = format!(
                "`{}.{}` has no parameter `{param}`",
                found.connection, found.name
            );
            let names = operation.parameters.keys();
            let list: Vec<_> = names.clone().map(|name| format!("`{name}`")).collect();
            let otherwise = match list.as_slice() {
                [] => "it takes no parameters".to_owned(),
                list => format!("its parameters are {}", list.join(", ")),
            };
            let finding = Finding::error("check.unknown_parameter", given.span, message);
            self.findings
                .push(finding.help_nearest(&param, names.map(AsRef::as_ref), otherwise));
        }
        let with = keys.value("with").map(super::entry::members);
        let also = with.into_iter().flatten();
        if let Some(also) = also.into_iter().find(|member| member.name.text == param) {
            let message = format!("`{param}` is given by the cursor and by `with`");
            let finding = Finding::error("schema.misplaced", also.name.span, message)
                .related(given.span, "the cursor's");
            self.findings.push(
                finding.help("take it out of `with:`: the first look goes without a position"),
            );
        }
        Some(Cursor { param, from: from? })
    }
}

//! `inputs:`: types, bounds and defaults that agree with each other.

use std::sync::Arc;

use indexmap::IndexMap;
use regex::Regex;

use super::Checker;
use crate::document::{Section, keys};
use crate::finding::Finding;
use crate::value::Value;
use crate::workflow::Input;
use crate::workflow::input::InputKind;
use crate::yaml::{Node, NodeKind};

impl Checker<'_> {
    pub(super) fn inputs(&mut self, sections: &[Section]) -> IndexMap<Arc<str>, Input> {
        sections
            .iter()
            .map(|section| (section.name.text.clone(), self.input(section)))
            .collect()
    }

    /// `name: string` is short for `name: { type: string }`; nothing behind the name means text.
    fn input(&mut self, section: &Section) -> Input {
        let mut input = Input {
            name: section.name.text.clone(),
            span: section.name.span,
            kind: InputKind::String,
            required: true,
            default: None,
            description: "".into(),
            one_of: Vec::new(),
            min: None,
            max: None,
            pattern: None,
        };
        if section.node.as_scalar().is_some() && !section.node.is_null() {
            input.kind = self.input_kind(&section.node);
        }
        if let NodeKind::List(_) = section.node.kind {
            let message = format!(
                "input `{}` must be a type or a map, found a list",
                input.name
            );
            self.findings
                .push(Finding::error("schema.type", section.node.span, message));
        }
        let what = format!("input `{}`", input.name);
        for member in &section.members {
            if !keys::INPUT.contains(&&*member.name.text) {
                let message = format!("{what} has no key `{}`", member.name.text);
                let finding = Finding::error("schema.unknown_field", member.name.span, message);
                self.findings.push(finding.help_nearest(
                    &member.name.text,
                    keys::INPUT.iter().copied(),
                    "",
                ));
            }
        }
        let member = |name: &str| {
            section
                .members
                .iter()
                .find(|member| &*member.name.text == name)
                .map(|member| &member.value)
        };
        if let Some(node) = member("type") {
            input.kind = self.input_kind(node);
        }
        if let (InputKind::List(_), Some(node)) = (&input.kind, member("items")) {
            input.kind = InputKind::List(Box::new(self.input_kind(node)));
        }
        if let (InputKind::Object(_), Some(node)) = (&input.kind, member("fields")) {
            input.kind = InputKind::Object(self.input_fields(node));
        }
        input.description = self.text(member("description")).unwrap_or_default();
        input.min = self.number(member("min"));
        input.max = self.number(member("max"));
        input.pattern = self.pattern(member("pattern"));
        if let Some(node) = member("enum") {
            input.one_of = self.input_enum(&input.kind, node);
        }
        input.required = self
            .boolean(member("required"), "`required`")
            .unwrap_or(true);
        if let Some(node) = member("default") {
            input.required = false;
            self.input_default(&mut input, node);
        }
        input
    }

    fn input_enum(&mut self, kind: &InputKind, node: &Node) -> Vec<Value> {
        let NodeKind::List(items) = &node.kind else {
            let finding = Finding::error("schema.type", node.span, "`enum` is a list of values");
            self.findings.push(finding);
            return Vec::new();
        };
        let trees: Vec<_> = items.iter().map(|item| (item, self.tree(item))).collect();
        let constants = trees
            .iter()
            .filter_map(|(item, tree)| Some((item, tree.constant()?)));
        constants
            .map(|(item, value)| written(value, kind, item))
            .collect()
    }

    fn input_default(&mut self, input: &mut Input, node: &Node) {
        let tree = self.tree(node);
        let Some(value) = tree.constant().cloned() else {
            let finding = Finding::error(
                "template.not_allowed_here",
                node.span,
                "a default cannot be a template",
            );
            self.findings
                .push(finding.help("use `{{ inputs.x | default(...) }}` where the input is read"));
            return;
        };
        if value.is_null() {
            input.default = Some(Value::Null);
            return;
        }
        match input.accept(written(&value, &input.kind, node)) {
            Ok(value) => input.default = Some(value),
            Err(error) => self.findings.push(Finding::error(
                error.code,
                node.span,
                format!("the default does not fit: {}", error.message),
            )),
        }
    }

    fn input_kind(&mut self, node: &Node) -> InputKind {
        let Some(text) = self.text(Some(node)) else {
            return InputKind::String;
        };
        InputKind::parse(&text).unwrap_or_else(|| {
            let finding = Finding::error(
                "schema.input_type",
                node.span,
                format!("`{text}` is not a type of inputs"),
            );
            let all = keys::INPUT_TYPES.join(", ");
            self.findings.push(finding.help_nearest(
                &text,
                keys::INPUT_TYPES.iter().copied(),
                format!("the types are {all}"),
            ));
            InputKind::String
        })
    }

    fn input_fields(&mut self, node: &Node) -> Vec<(Arc<str>, InputKind)> {
        let NodeKind::Map(entries) = &node.kind else {
            self.findings.push(Finding::error(
                "schema.type",
                node.span,
                "`fields` is a map from names to types",
            ));
            return Vec::new();
        };
        entries
            .iter()
            .map(|entry| (entry.key.clone(), self.input_kind(&entry.value)))
            .collect()
    }

    fn number(&mut self, node: Option<&Node>) -> Option<f64> {
        let node = node.filter(|node| !node.is_hole())?;
        let number = node
            .as_scalar()
            .and_then(|scalar| scalar.value().ok())
            .and_then(|value| value.as_f64());
        if number.is_none() {
            let message = format!("expected a number, found {}", node.describe());
            self.findings
                .push(Finding::error("schema.type", node.span, message));
        }
        number
    }

    fn pattern(&mut self, node: Option<&Node>) -> Option<Regex> {
        let text = self.text(node)?;
        match Regex::new(&format!("^(?:{text})$")) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let last = error
                    .to_string()
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .to_owned();
                let message = format!("this is not a regular expression: {last}");
                self.findings.push(Finding::error(
                    "schema.pattern",
                    node.map_or_else(Default::default, |node| node.span),
                    message,
                ));
                None
            }
        }
    }
}

/// Where text is expected the written text is kept: `3.10` stays `3.10`.
fn written(value: &Value, kind: &InputKind, node: &Node) -> Value {
    match (kind, value) {
        (
            InputKind::String
            | InputKind::Date
            | InputKind::Datetime
            | InputKind::Duration
            | InputKind::File,
            value,
        ) if value.as_str().is_none() => node.as_scalar().map_or_else(
            || value.clone(),
            |scalar| Value::String(scalar.text.clone()),
        ),
        _ => value.clone(),
    }
}

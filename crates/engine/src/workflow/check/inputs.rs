//! `inputs:`: types, bounds and defaults that agree with each other.

use std::sync::Arc;

use crate::collections::IndexMap;
use regex::Regex;

use super::Checker;
use crate::document::{Section, keys};
use crate::finding::Finding;
use crate::value::{Secret, Value};
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
            let finding = Finding::error("schema.type", section.node.span, message);
            self.findings.push(finding.help(format!(
                "such as `{0}: string`, or `{0}: {{ type: list, items: string }}`",
                input.name
            )));
        }
        let what = format!("input `{}`", input.name);
        for member in &section.members {
            if !keys::INPUT.contains(&&*member.name.text) {
                let message = format!("{what} has no key `{}`", member.name.text);
                let finding = Finding::error("schema.unknown_field", member.name.span, message);
                self.findings.push(finding.help_nearest(
                    &member.name.text,
                    keys::INPUT.iter().copied(),
                    super::costs::keys_help(keys::INPUT),
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
        for (key, list, fits) in [
            ("items", "list", matches!(input.kind, InputKind::List(_))),
            (
                "fields",
                "object",
                matches!(input.kind, InputKind::Object(_)),
            ),
        ] {
            if let Some(named) =
                key_of(section, key).filter(|_| !fits && input.kind != InputKind::Any)
            {
                let message = format!(
                    "`{key}` goes with `type: {list}`, and this input is {}",
                    of_kind(&input.kind)
                );
                let finding = Finding::error("schema.misplaced", named, message);
                self.findings
                    .push(finding.help(format!("write `type: {list}`, or take `{key}` out")));
            }
        }
        input.description = self.text(member("description")).unwrap_or_default();
        input.min = self.number(member("min"));
        input.max = self.number(member("max"));
        input.pattern = self.pattern(member("pattern"));
        if let Some(node) = member("enum") {
            input.one_of = self.input_enum(&input, node);
        }
        self.bounds(&input, section);
        input.required = self
            .boolean(member("required"), "`required`")
            .unwrap_or(true);
        if let Some(node) = member("default") {
            input.required = false;
            self.input_default(&mut input, node);
        }
        input
    }

    /// Values of the input's own type.
    fn input_enum(&mut self, input: &Input, node: &Node) -> Vec<Value> {
        let NodeKind::List(items) = &node.kind else {
            if !node.is_hole() {
                let message = format!("`enum` is a list of values, found {}", node.describe());
                let finding = Finding::error("schema.type", node.span, message);
                self.findings.push(
                    finding.help("write the values that are allowed, such as `[small, large]`"),
                );
            }
            return Vec::new();
        };
        if items.is_empty() {
            let finding = Finding::error("schema.type", node.span, "this `enum` allows no value");
            self.findings
                .push(finding.help("write the values that are allowed, or take `enum` out"));
        }
        let mut allowed = Vec::new();
        for item in items.iter() {
            let tree = self.tree(item);
            let Some(value) = tree.constant() else {
                if tree.is_hole() {
                    continue;
                }
                let finding = Finding::error(
                    "template.not_allowed_here",
                    item.span,
                    "a value of `enum` cannot be a template",
                );
                self.findings.push(finding.help("write the value out"));
                continue;
            };
            match input.accept(written(value, &input.kind, item)) {
                Ok(value) => allowed.push(value),
                Err(error) => {
                    let message = format!("the value does not fit: {}", error.message);
                    let finding = Finding::error(error.code, item.span, message);
                    self.findings.push(
                        finding.help("each value of `enum` is one that the input could have"),
                    );
                }
            }
        }
        allowed
    }

    /// Bounds that say something.
    fn bounds(&mut self, input: &Input, section: &Section) {
        let kind = &input.kind;
        let is_number = matches!(kind, InputKind::Integer | InputKind::Number);
        let is_text = matches!(kind, InputKind::String);
        let unknown = matches!(kind, InputKind::Any);
        let bounded = unknown || is_number || is_text || matches!(kind, InputKind::List(_));
        for (key, fits, goes) in [
            (
                "min",
                bounded,
                "numbers, and with the length of texts and lists",
            ),
            (
                "max",
                bounded,
                "numbers, and with the length of texts and lists",
            ),
            ("pattern", unknown || is_text, "`type: string`"),
        ] {
            if let Some(named) = key_of(section, key).filter(|_| !fits) {
                let message = format!(
                    "`{key}` goes with {goes}, and this input is {}",
                    of_kind(kind)
                );
                let finding = Finding::error("schema.misplaced", named, message);
                self.findings
                    .push(finding.help(format!("take `{key}` out")));
            }
        }
        if let (Some(min), Some(max)) = (input.min, input.max)
            && min > max
            && let Some(named) = key_of(section, "max")
        {
            let message = format!("no value is at least {min} and at most {max}");
            let finding = Finding::error("input.range", named, message);
            self.findings
                .push(finding.help("`min` is the lesser of the two"));
        }
    }

    fn input_default(&mut self, input: &mut Input, node: &Node) {
        let tree = self.tree(node);
        if tree.is_hole() {
            return;
        }
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
            Err(error) => {
                let message = format!("the default does not fit: {}", error.message);
                let finding = Finding::error(error.code, node.span, message);
                let help = format!("write {}", input.kind.described_example());
                self.findings.push(finding.help(help));
            }
        }
    }

    fn input_kind(&mut self, node: &Node) -> InputKind {
        let Some(text) = self.text(Some(node)) else {
            return InputKind::Any;
        };
        InputKind::parse(&text).unwrap_or_else(|| {
            let finding = Finding::error(
                "schema.input_type",
                node.span,
                format!("`{text}` is not a type of inputs"),
            );
            let all = keys::INPUT_TYPES.join(", ");
            self.findings.push(match elsewhere(&text) {
                Some(ours) => finding.help(format!("write `{ours}`")),
                None => finding.help_nearest(
                    &text,
                    keys::INPUT_TYPES.iter().copied(),
                    format!("the types are {all}"),
                ),
            });
            // Anything fits what is not known.
            InputKind::Any
        })
    }

    fn input_fields(&mut self, node: &Node) -> Vec<(Arc<str>, InputKind)> {
        let NodeKind::Map(entries) = &node.kind else {
            let message = "`fields` is a map from names to types";
            let finding = Finding::error("schema.type", node.span, message);
            self.findings
                .push(finding.help("such as `fields: { name: string, count: integer }`"));
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
            let finding = Finding::error("schema.type", node.span, message);
            self.findings
                .push(finding.help("write a number, such as `10`"));
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
                let last = last.trim_start_matches("error: ");
                let message = format!("this is not a regular expression: {last}");
                let span = node.map_or_else(Default::default, |node| node.span);
                let finding = Finding::error("schema.pattern", span, message);
                self.findings.push(finding.help(
                    "every `[` and `(` is closed; one that means itself is written with a backslash",
                ));
                None
            }
        }
    }
}

/// What other languages call our types.
fn elsewhere(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "text" | "str" => "string",
        "int" | "long" => "integer",
        "float" | "double" | "decimal" => "number",
        "bool" => "boolean",
        "array" => "list",
        "map" | "dict" | "json" | "record" => "object",
        "time" | "timestamp" => "datetime",
        "path" => "file",
        _ => return None,
    })
}

fn key_of(section: &Section, key: &str) -> Option<crate::source::Span> {
    let mut members = section.members.iter();
    let member = members.find(|member| &*member.name.text == key);
    member.map(|member| member.name.span)
}

fn of_kind(kind: &InputKind) -> String {
    match kind {
        InputKind::Integer | InputKind::Object(_) => format!("an {}", kind.as_str()),
        kind => format!("a {}", kind.as_str()),
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
        (InputKind::Secret, Value::String(name)) => Value::from(Secret::named(name.clone())),
        _ => value.clone(),
    }
}

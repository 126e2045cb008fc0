//! Texts with holes for paths, headers and addresses: `/{{batch_id}}/cancel`.

use std::sync::Arc;

/// A text with named holes. What fills a hole is never read as a template again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    /// In order; no two texts stand beside each other.
    pub parts: Vec<TemplatePart>,
}

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart {
    /// As it stands.
    Text(Arc<str>),
    /// Filled by the value of this name.
    Hole(Arc<str>),
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// In words: a hole that is not closed, or whose name is not a name.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            if start > 0 {
                parts.push(TemplatePart::Text(rest[..start].into()));
            }
            let (name, after) = hole(&rest[start..])?;
            parts.push(TemplatePart::Hole(name));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(TemplatePart::Text(rest.into()));
        }
        Ok(Template { parts })
    }

    /// The names of its holes.
    pub fn holes(&self) -> impl Iterator<Item = &Arc<str>> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Hole(name) => Some(name),
            TemplatePart::Text(_) => None,
        })
    }

    /// As lists show it: holes in single braces.
    pub fn shown(&self) -> String {
        let shown = |part: &TemplatePart| match part {
            TemplatePart::Text(text) => text.to_string(),
            TemplatePart::Hole(name) => format!("{{{name}}}"),
        };
        self.parts.iter().map(shown).collect()
    }
}

/// Reads a hole at the start of `text` (which begins with `{{`): its name, and what comes after it.
pub(super) fn hole(text: &str) -> Result<(Arc<str>, &str), String> {
    let inner = &text[2..];
    let end = inner
        .find("}}")
        .ok_or_else(|| format!("`{{{{` without `}}}}` in `{}`", cut(text)))?;
    let name = inner[..end].trim();
    let mut letters = name.chars();
    let starts = letters
        .next()
        .is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_');
    if !starts || !letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        return Err(format!(
            "`{{{{{}}}}}` is not the name of a placeholder",
            cut(name)
        ));
    }
    Ok((name.into(), &inner[end + 2..]))
}

fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

/// `apiKey` as settings are named: `api_key`.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found_and_shown() {
        let template = Template::parse("/{{ batch_id }}/cancel").expect("it is well formed");
        assert_eq!(template.shown(), "/{batch_id}/cancel");
        assert_eq!(template.holes().count(), 1);
        assert!(Template::parse("/{{batch").is_err());
        assert!(Template::parse("/{{a b}}").is_err());
        assert_eq!(snake_case("apiKey"), "api_key");
        assert_eq!(snake_case("api_key"), "api_key");
    }
}

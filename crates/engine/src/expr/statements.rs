//! Builds the tree of a text with templates: `if`, `for`, `set` and `with` around text and expressions.

use std::sync::Arc;

use super::depth;
use super::error::{Parse, SyntaxError};
use super::limits::NESTING_MAX;
use super::parse::{keywords, parse};
use super::scan::Extent;
use super::split::{Token, split};
use super::syntax::{For, Kind, Node, Part};
use crate::finding::nearest;
use crate::source::Span;

/// The tree of a text.
pub(super) fn parse_text(text: &str) -> Parse<Vec<Part>> {
    let tokens = split(text)?;
    let mut builder = Builder {
        text,
        tokens: tokens.into_iter(),
        depth: 0,
    };
    let (parts, _) = builder.body(None)?;
    depth::check(&parts)?;
    Ok(parts)
}

struct Builder<'t> {
    text: &'t str,
    tokens: std::vec::IntoIter<Token>,
    depth: usize,
}

/// A tag: its first word and what follows it.
#[derive(Clone, Copy)]
struct Tag<'t> {
    word: &'t str,
    /// The first word.
    span: Span,
    /// What follows the word, up to the end mark.
    rest: (usize, usize),
}

/// A tag that opened a block: which word, and where.
#[derive(Clone, Copy)]
struct Opened<'t> {
    tag: Tag<'t>,
    /// The words that end or divide the block.
    until: &'static [&'static str],
}

impl<'t> Builder<'t> {
    /// Reads parts up to one of the words that end the block, or to the end of the text.
    fn body(&mut self, opened: Option<Opened<'t>>) -> Parse<(Vec<Part>, Option<Tag<'t>>)> {
        let mut parts = Vec::new();
        while let Some(token) = self.tokens.next() {
            match token {
                Token::Text(span) => parts.push(Part::Text(span)),
                Token::Emit(extent) => {
                    parts.push(Part::Emit(parse(self.text, extent.start, extent.end)?));
                }
                Token::Tag(extent, open) => {
                    let tag = self.tag(extent, open)?;
                    if opened.is_some_and(|opened| opened.until.contains(&tag.word)) {
                        return Ok((parts, Some(tag)));
                    }
                    parts.push(self.statement(tag, opened)?);
                }
            }
        }
        match opened {
            None => Ok((parts, None)),
            Some(Opened { tag, until }) => {
                let message = format!("`{{% {} %}}` is not closed", tag.word);
                let end = until.last().copied().unwrap_or_default();
                Err(SyntaxError::new("template.syntax", tag.span, message)
                    .help(format!("add `{{% {end} %}}`")))
            }
        }
    }

    fn tag(&self, extent: Extent, open: usize) -> Parse<Tag<'t>> {
        let inside = &self.text[extent.start..extent.end];
        let start = extent.start + inside.len() - inside.trim_start().len();
        let inside = inside.trim_start();
        let length = inside
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(inside.len());
        if length == 0 {
            let span = Span::new(open, extent.after);
            return Err(wrong(span, "a statement is missing between `{%` and `%}`"));
        }
        Ok(Tag {
            word: &inside[..length],
            span: Span::new(start, start + length),
            rest: (start + length, extent.end),
        })
    }

    fn statement(&mut self, tag: Tag<'t>, opened: Option<Opened<'t>>) -> Parse<Part> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(deep(tag.span));
        }
        let part = match tag.word {
            "if" => self.choice(tag)?,
            "for" => self.repetition(tag)?,
            "set" => self.assignment(tag)?,
            "with" => self.block(tag)?,
            _ => return Err(refused(tag, opened)),
        };
        self.depth -= 1;
        Ok(part)
    }

    fn expression(&self, tag: Tag<'_>) -> Parse<Node> {
        parse(self.text, tag.rest.0, tag.rest.1)
    }

    fn nothing_follows(&self, tag: Tag<'_>) -> Parse<()> {
        let (start, end) = tag.rest;
        if self.text[start..end].trim().is_empty() {
            return Ok(());
        }
        let message = format!("nothing may follow `{}` here", tag.word);
        Err(wrong(Span::new(start, end), message))
    }

    fn choice(&mut self, tag: Tag<'t>) -> Parse<Part> {
        let mut branches = Vec::new();
        let mut current = tag;
        loop {
            let test = self.expression(current)?;
            let until = &["elif", "else", "endif"];
            let (body, end) = self.body(Some(Opened { tag, until }))?;
            branches.push((test, body));
            match end {
                Some(next) if next.word == "elif" => current = next,
                Some(next) if next.word == "else" => {
                    self.nothing_follows(next)?;
                    let until = &["endif"];
                    let (otherwise, end) = self.body(Some(Opened { tag, until }))?;
                    end.map_or(Ok(()), |end| self.nothing_follows(end))?;
                    return Ok(Part::If {
                        branches,
                        otherwise,
                    });
                }
                other => {
                    other.map_or(Ok(()), |end| self.nothing_follows(end))?;
                    let otherwise = Vec::new();
                    return Ok(Part::If {
                        branches,
                        otherwise,
                    });
                }
            }
        }
    }

    fn repetition(&mut self, tag: Tag<'t>) -> Parse<Part> {
        let (names, after) = self.names(tag)?;
        let whole = parse(self.text, after, tag.rest.1)?;
        let (over, only) = match whole.kind {
            // `for x in list if condition` reads like a choice without `else`.
            Kind::If {
                test,
                yes,
                no: None,
            } => (*yes, Some(*test)),
            kind => (
                Node {
                    kind,
                    span: whole.span,
                },
                None,
            ),
        };
        let until = &["else", "endfor"];
        let (body, end) = self.body(Some(Opened { tag, until }))?;
        let mut otherwise = Vec::new();
        if let Some(end) = end {
            self.nothing_follows(end)?;
            if end.word == "else" {
                let until = &["endfor"];
                otherwise = self.body(Some(Opened { tag, until }))?.0;
            }
        }
        Ok(Part::For(Box::new(For {
            names,
            over,
            only,
            body,
            otherwise,
        })))
    }

    /// The names between `for` and `in`, and where the list begins.
    fn names(&self, tag: Tag<'_>) -> Parse<(Vec<Arc<str>>, usize)> {
        let (start, end) = tag.rest;
        let rest = &self.text[start..end];
        let found = rest.match_indices("in").map(|(at, _)| at).find(|at| {
            let blank = |c: Option<char>| {
                c.is_none_or(|c| c.is_whitespace() || c == '(' || c == '[' || c == ')')
            };
            blank(rest[..*at].chars().next_back()) && blank(rest[at + 2..].chars().next())
        });
        let Some(at) = found else {
            return Err(
                SyntaxError::new("template.syntax", tag.span, "`for` without `in`")
                    .help("write `{% for item in list %}`"),
            );
        };
        let mut names = Vec::new();
        let mut place = start;
        for written in rest[..at].split(',') {
            let name = written.trim_matches(|c: char| c.is_whitespace() || c == '(' || c == ')');
            let offset = written.find(name).unwrap_or(0);
            names.push(variable(
                name,
                Span::new(place + offset, place + offset + name.len()),
            )?);
            place += written.len() + 1;
        }
        Ok((names, start + at + 2))
    }

    fn assignment(&mut self, tag: Tag<'_>) -> Parse<Part> {
        let (start, end) = tag.rest;
        let Some(equals) = self.text[start..end].find('=') else {
            return Err(SyntaxError::new(
                "template.statement",
                tag.span,
                "`set` takes a name and a value",
            )
            .help("write `{% set name = value %}`"));
        };
        let written = &self.text[start..start + equals];
        let place = start + written.len() - written.trim_start().len();
        let written = written.trim();
        let name = variable(written, Span::new(place, place + written.len()))?;
        let value = parse(self.text, start + equals + 1, end)?;
        Ok(Part::Set { name, value })
    }

    fn block(&mut self, tag: Tag<'t>) -> Parse<Part> {
        let (start, end) = tag.rest;
        // Bindings read like the arguments of a call: `a = 1, b = 2`.
        let call = format!("range({})", &self.text[start..end]);
        let bindings = keywords(&call, start, "range(".len())?;
        for (name, value) in &bindings {
            variable(name, value.span)?;
        }
        let until = &["endwith"];
        let (body, _) = self.body(Some(Opened { tag, until }))?;
        Ok(Part::With { bindings, body })
    }
}

fn variable(name: &str, span: Span) -> Parse<Arc<str>> {
    let reserved = [
        "true", "false", "none", "null", "True", "False", "None", "loop",
    ];
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let first = name
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if letters && first && !reserved.contains(&name) {
        return Ok(name.into());
    }
    let message = match name {
        "" => "a name is missing here".to_owned(),
        _ => format!("`{name}` cannot be the name of a variable"),
    };
    Err(wrong(span, message))
}

fn wrong(span: Span, message: impl Into<String>) -> SyntaxError {
    SyntaxError::new("template.syntax", span, message)
}

fn deep(span: Span) -> SyntaxError {
    let message = format!("statements are nested deeper than {NESTING_MAX}");
    SyntaxError::new("template.depth", span, message)
}

/// The error for a word that is no statement here.
fn refused(tag: Tag<'_>, opened: Option<Opened<'_>>) -> SyntaxError {
    let error =
        |code, message: String, help: String| SyntaxError::new(code, tag.span, message).help(help);
    let word = tag.word;
    match word {
        "include" | "import" | "from" | "extends" | "block" => error(
            "template.include",
            format!("`{word}` is not available: a template reads no other file"),
            "put another file's text into the workflow with the tags `!text` or `!template`"
                .to_owned(),
        ),
        "macro" | "call" | "endmacro" | "endcall" => error(
            "template.statement",
            format!("`{word}` is not available: templates have no macros"),
            "name a value with `vars:` or a step with `value:`".to_owned(),
        ),
        "raw" | "endraw" => error(
            "template.statement",
            "`raw` is not available".to_owned(),
            "mark the whole value with the tag `!raw`, or write `{{ '{{' }}`".to_owned(),
        ),
        "else" | "elif" | "endif" | "endfor" | "endwith" => {
            let message = match opened {
                Some(opened) => format!("`{word}` does not belong to `{}`", opened.tag.word),
                None => format!("`{word}` without a statement that it belongs to"),
            };
            wrong(tag.span, message)
        }
        _ => {
            let known = [
                "if", "elif", "else", "endif", "for", "endfor", "set", "with", "endwith",
            ];
            let help = match nearest(word, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "the statements are `if`, `for`, `set` and `with`".to_owned(),
            };
            error(
                "template.statement",
                format!("there is no statement `{word}`"),
                help,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::testing::rendered;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(rendered(text), expected, "{text}");
    }

    #[test]
    fn statements_make_text() {
        check(
            "{% if inputs.n > 9 %}big{% elif inputs.n > 5 %}middle{% else %}small{% endif %}",
            r#""middle""#,
        );
        check(
            "{% for x in inputs.list %}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
            r#""1, 2, 3""#,
        );
        check(
            "{% for x in inputs.list if x != 2 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}",
            r#""1/2:1 2/2:3 ""#,
        );
        check("{% for x in [] %}a{% else %}none{% endfor %}", r#""none""#);
        check(
            "{% for k, v in inputs.deep | items %}{{ k }}={{ v }}{% endfor %}",
            r#""a={\"b\":\"c\"}""#,
        );
        check(
            "{% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %}",
            r#""ab""#,
        );
        check("{% set a = 1 %}{% set a = a + 1 %}{{ a }}", r#""2""#);
        check(
            "{% set a = 1 %}{% for x in [1] %}{% set a = 5 %}{{ a }}{% endfor %}{{ a }}",
            r#""51""#,
        );
        check("{% if true %}{% set a = 5 %}{% endif %}{{ a }}", r#""5""#);
        check(
            "{% with a = 1, b = 'x = y' %}{{ a }}{{ b }}{% endwith %}",
            r#""1x = y""#,
        );
        check("a\n  {%- if true -%}  b  {%- endif %} c\n", r#""ab c\n""#);
        check("x {{- inputs.n -}} y", r#""x7y""#);
        check("a\n", r#""a\n""#);
        check("{{ inputs.n }}\n", r#""7\n""#);
        check("{{ inputs.text }} stays", r#""{{ 7*7 }} stays""#);
        check("🙂 {{ inputs.name }} עברית é", r#""🙂 Ada עברית é""#);
        check(
            "Bearer {{ secrets.TOKEN }}!",
            r#"{"$secret":[{"text":"Bearer "},{"name":"TOKEN"},{"text":"!"}]}"#,
        );
    }

    #[test]
    fn other_statements_are_refused_by_name() {
        let files =
            "= put another file's text into the workflow with the tags `!text` or `!template`";
        check(
            "{% include 'a' %}",
            &format!(
                "template.include at `include`: `include` is not available: a template reads no other file {files}"
            ),
        );
        check(
            "{% from 'a' import b %}",
            &format!(
                "template.include at `from`: `from` is not available: a template reads no other file {files}"
            ),
        );
        check(
            "{% macro a() %}{{ a() }}{% endmacro %}",
            "template.statement at `macro`: `macro` is not available: templates have no macros = name a value with `vars:` or a step with `value:`",
        );
        check(
            "{% raw %}{% endraw %}",
            "template.statement at `raw`: `raw` is not available = mark the whole value with the tag `!raw`, or write `{{ '{{' }}`",
        );
        check(
            "{% fro x in y %}",
            "template.statement at `fro`: there is no statement `fro` = did you mean `for`?",
        );
        check(
            "{% autoescape true %}",
            "template.statement at `autoescape`: there is no statement `autoescape` = the statements are `if`, `for`, `set` and `with`",
        );
    }

    #[test]
    fn statements_that_do_not_fit_are_shown() {
        check(
            "{% if a %}x",
            "template.syntax at `if`: `{% if %}` is not closed = add `{% endif %}`",
        );
        check(
            "{% for a in b %}x{% else %}",
            "template.syntax at `for`: `{% for %}` is not closed = add `{% endfor %}`",
        );
        check(
            "{% endif %}",
            "template.syntax at `endif`: `endif` without a statement that it belongs to",
        );
        check(
            "{% for a in b %}{% endif %}",
            "template.syntax at `endif`: `endif` does not belong to `for`",
        );
        check(
            "{% for a of b %}{% endfor %}",
            "template.syntax at `for`: `for` without `in` = write `{% for item in list %}`",
        );
        check(
            "{% set x %}a{% endset %}",
            "template.statement at `set`: `set` takes a name and a value = write `{% set name = value %}`",
        );
        check(
            "{% set true = 1 %}",
            "template.syntax at `true`: `true` cannot be the name of a variable",
        );
        check(
            "{% set a.b = 1 %}",
            "template.syntax at `a.b`: `a.b` cannot be the name of a variable",
        );
        check(
            "{% for a, b in [[1]] %}{% endfor %}",
            "template.type at `[[1]]`: `for` with 2 names takes lists of 2 values, not a list = for the keys and values of a map: `for key, value in map | items`",
        );
        check(
            "{% for a in 1 %}{% endfor %}",
            "template.type at `1`: `for` takes a list or a map, not an integer",
        );
        check(
            "{% if a = 1 %}{% endif %}",
            "template.syntax at `=`: `=` is not an operator here = write `if a == 1`",
        );
        check(
            "{% %}",
            "template.syntax at `{% %}`: a statement is missing between `{%` and `%}`",
        );
        check(
            "{% if true %}a{% else b %}c{% endif %}",
            "template.syntax at ` b `: nothing may follow `else` here",
        );
        check(
            "{% with 1 %}{% endwith %}",
            "template.syntax at `1`: expected `name = value`",
        );
        check(
            "x {% with a = inputs.zz %}{% endwith %}",
            "template.undefined at `zz`: `inputs` has no member `zz`: it has `name`, `n`, `f`, `half`, `none`, `list`, `big`, `deep`, 2 more",
        );
    }
}

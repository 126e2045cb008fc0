//! What a formatter must know of a text and the tree does not tell: which keys stand in blocks, what goes over several
//! lines, which blanks belong to a value.

use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, options};

use super::Style;
use super::read::style_of;
use crate::source::{SourceFile, Span};

/// The parts of a text that is one YAML document.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// Scalars that are values, in order.
    pub(crate) values: Vec<ScalarAt>,
    /// Keys of block maps.
    pub(crate) block_keys: Vec<Span>,
    /// All keys, and whether they have a value.
    pub(crate) pairs: Vec<Pair>,
    /// Outermost flow maps and lists, brackets included.
    pub(crate) flows: Vec<Span>,
}

/// A scalar that is a value.
#[derive(Debug)]
pub(crate) struct ScalarAt {
    pub(crate) span: Span,
    pub(crate) style: Style,
    /// The text that it stands for.
    pub(crate) text: Arc<str>,
    /// Whether a tag stands in front.
    pub(crate) tagged: bool,
    /// The key that it is the value of.
    pub(crate) key: Option<Arc<str>>,
}

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) key: Span,
    /// Whether nothing is written for the value.
    pub(crate) empty: bool,
}

/// Reads the parts; `None` if the text is not YAML, or has keys that are more than text.
pub(crate) fn outline(source: &SourceFile) -> Option<Outline> {
    let mut outline = Outline::default();
    let mut open: Vec<Open> = Vec::new();
    let options = options! { emit_comments: false, emit_unresolved_aliases: true };
    for next in Parser::new_from_str_with_options(source.text(), options) {
        let (event, span) = next.ok()?;
        let range = span.byte_range().unwrap_or_default();
        let span = Span::new(range.start, range.end);
        match event {
            Event::Scalar(text, style, _, tag) => {
                let text: Arc<str> = text.as_ref().into();
                outline.scalar(&mut open, span, style, text, tag.is_some())?;
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                outline.node(&mut open, span, false, None)?;
            }
            Event::SequenceStart(style, ..) | Event::MappingStart(style, ..) => {
                outline.node(&mut open, span, false, None)?;
                open.push(Open {
                    start: span.start,
                    block: style == StructureStyle::Block,
                    map: matches!(event, Event::MappingStart(..)),
                    key: None,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let closed = open.pop()?;
                let inside = open.iter().any(|outer| !outer.block);
                if !closed.block && !inside {
                    let start = closed.start;
                    outline.flows.push(Span { start, ..span });
                }
            }
            _ => {}
        }
    }
    Some(outline)
}

/// A map or list that is not closed yet.
struct Open {
    start: u32,
    block: bool,
    map: bool,
    key: Option<(Span, Arc<str>)>,
}

/// What a node is in what it stands in.
enum Role {
    Key,
    Value(Option<Arc<str>>),
}

impl Outline {
    /// Notes a node; `None` if it is a key that is not text.
    fn node(
        &mut self,
        open: &mut [Open],
        span: Span,
        empty: bool,
        text: Option<&Arc<str>>,
    ) -> Option<Role> {
        let Some(outer) = open.last_mut().filter(|outer| outer.map) else {
            return Some(Role::Value(None));
        };
        if let Some((key, name)) = outer.key.take() {
            self.pairs.push(Pair { key, empty });
            return Some(Role::Value(Some(name)));
        }
        outer.key = Some((span, text?.clone()));
        if outer.block {
            self.block_keys.push(span);
        }
        Some(Role::Key)
    }

    fn scalar(
        &mut self,
        open: &mut [Open],
        span: Span,
        style: ScalarStyle,
        text: Arc<str>,
        tagged: bool,
    ) -> Option<()> {
        let style = style_of(style);
        let empty = span.start == span.end && style == Style::Plain;
        if let Role::Value(key) = self.node(open, span, empty, Some(&text))? {
            self.values.push(ScalarAt {
                span,
                style,
                text,
                tagged,
                key,
            });
        }
        Some(())
    }
}

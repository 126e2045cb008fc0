//! A text that a person wrote, and places in it.

use std::sync::Arc;

/// A range of bytes in one [`SourceFile`], `start` inclusive, `end` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end`.
    pub fn new(start: usize, end: usize) -> Span {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            start: narrow(start),
            end: narrow(end.max(start)),
        }
    }

    /// An empty range, for what is missing at this place.
    pub fn at(offset: usize) -> Span {
        Span::new(offset, offset)
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }
}

/// Where something is, as people count: both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// One text with its name, as it was read, and the texts that it includes behind it. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct SourceFile {
    text: Arc<str>,
    line_starts: Arc<[u32]>,
    /// At least one; by where they start.
    parts: Arc<[Part]>,
}

/// One of the files whose texts a [`SourceFile`] holds.
#[derive(Debug, Clone)]
struct Part {
    start: u32,
    name: Arc<str>,
}

impl SourceFile {
    /// Keeps `text` under the name that messages show (a path as the person wrote it).
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> SourceFile {
        let text: Arc<str> = text.into();
        SourceFile {
            line_starts: line_starts(&text),
            text,
            parts: [Part {
                start: 0,
                name: name.into(),
            }]
            .into(),
        }
    }

    /// Puts another text behind this one, on a line of its own, and gives its place.
    pub fn append(&mut self, other: &SourceFile) -> Span {
        let start = self.text.len() + 1;
        let text = format!("{}\n{}", self.text, other.text);
        let part = Part {
            start: Span::at(start).start,
            name: other.name().into(),
        };
        *self = SourceFile {
            line_starts: line_starts(&text),
            parts: self.parts.iter().cloned().chain([part]).collect(),
            text: text.into(),
        };
        Span::new(start, self.text.len())
    }

    /// The name of the first text, which messages show.
    pub fn name(&self) -> &str {
        &self.parts[0].name
    }

    /// The file in which an offset lies: its name and its text. Places in it are counted from its first line.
    pub fn file_at(&self, offset: u32) -> (&str, Span) {
        let at = self.part(offset);
        let end = match self.parts.get(at + 1) {
            Some(next) => next.start as usize - 1,
            None => self.text.len(),
        };
        let part = &self.parts[at];
        (&part.name, Span::new(part.start as usize, end))
    }

    /// All files: their names and texts, this one's own first.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let places = self.parts.iter().map(|part| self.file_at(part.start));
        places.map(|(name, span)| (name, self.slice(span)))
    }

    fn part(&self, offset: u32) -> usize {
        self.parts
            .partition_point(|part| part.start <= offset)
            .max(1)
            - 1
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a span; empty if the span is not one of this file's.
    pub fn slice(&self, span: Span) -> &str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or("")
    }

    /// The place of a byte offset; offsets past the end are cut to the end.
    pub fn position(&self, offset: u32) -> Position {
        let line = self
            .line_starts
            .partition_point(|start| *start <= offset)
            .max(1);
        let start = self.line_starts[line - 1] as usize;
        let end = (offset as usize).min(self.text.len());
        let before = self.text.as_bytes().get(start..end).unwrap_or(&[]);
        let column = before.iter().filter(|byte| (**byte & 0xC0) != 0x80).count() + 1;
        let first = self.parts[self.part(offset)].start;
        let above = self.line_starts.partition_point(|start| *start < first);
        Position {
            line: line - above,
            column,
        }
    }
}

fn line_starts(text: &str) -> Arc<[u32]> {
    let after_newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    std::iter::once(0)
        .chain(after_newlines.map(|(at, _)| Span::at(at + 1).start))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appended_text_has_lines_of_its_own() {
        let mut source = SourceFile::new("a.yml", "a: 1\n");
        let span = source.append(&SourceFile::new("b.md", "one\ntwo"));
        assert_eq!(source.slice(span), "one\ntwo");
        assert_eq!(
            source.position(span.start + 4),
            Position { line: 2, column: 1 }
        );
        assert_eq!(source.file_at(span.start + 4), ("b.md", span));
        assert_eq!(source.file_at(3).0, "a.yml");
        assert_eq!(source.position(3), Position { line: 1, column: 4 });
    }

    #[test]
    fn positions_count_characters_from_one() {
        let source = SourceFile::new("a.yml", "é: 1\nb: 2\n");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(2), Position { line: 1, column: 2 });
        assert_eq!(source.position(6), Position { line: 2, column: 1 });
        assert_eq!(source.position(99), Position { line: 3, column: 1 });
    }
}

//! How far each line is indented, and how far it is to be.

use std::collections::BTreeMap;

use super::STEP;
use crate::source::{SourceFile, Span};
use crate::yaml::Style;
use crate::yaml::outline::{Outline, ScalarAt};

/// The lines of a text with what each is.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    /// Whether the blank lines at the end belong to the last value.
    pub(super) keeps_end: bool,
}

/// One line.
#[derive(Debug)]
pub(super) struct Line {
    /// Its first byte, and one past its last, the newline left out.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Bytes of white space in front.
    pub(super) blank: usize,
    /// The column that its text is to begin at.
    pub(super) column: usize,
    pub(super) kind: Kind,
    /// Places of the dashes of list items at its begin.
    pub(super) dashes: Vec<usize>,
    /// Whether a quoted value goes on in the next line: blanks at the end may belong to it.
    pub(super) goes_on: bool,
}

/// What stands on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key, an item or a value.
    Code,
    /// A comment.
    Comment,
    /// Nothing.
    Blank,
    /// The rest of a value that began above.
    Rest,
    /// Nothing, inside a value that began above.
    BlankInside,
    /// Text of a block after `|` or `>`, whose own indentation ends at this column.
    Block(usize),
    /// A mark between documents.
    Mark,
}

/// A block map or list that is open at a line.
#[derive(Debug, Clone, Copy)]
struct Level {
    list: bool,
    old: usize,
    new: usize,
}

/// Reads the lines; `None` where the layout is one that the formatter does not know.
pub(super) fn lines(source: &SourceFile, outline: &Outline) -> Option<Lines> {
    let mut reader = Reader {
        text: source.text(),
        lines: split(source.text()),
        keeps_end: false,
    };
    reader.values_over_lines(outline);
    let keys: Vec<usize> = outline
        .block_keys
        .iter()
        .map(|key| reader.line_of(key.start as usize))
        .collect();
    let blocks: BTreeMap<usize, &ScalarAt> = outline
        .values
        .iter()
        .filter(|value| matches!(value.style, Style::Literal | Style::Folded))
        .filter_map(|value| Some((reader.header_of(value)?, value)))
        .collect();
    let levels = reader.code(&keys, &blocks)?;
    reader.comments(&levels);
    Some(Lines {
        lines: reader.lines,
        keeps_end: reader.keeps_end,
    })
}

fn split(text: &str) -> Vec<Line> {
    let mut start = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        let trimmed = content.trim_start_matches([' ', '\t']);
        let kind = match trimmed.as_bytes().first() {
            None => Kind::Blank,
            Some(b'#') => Kind::Comment,
            _ if content.starts_with("---")
                || content.starts_with("...")
                || content.starts_with('%') =>
            {
                Kind::Mark
            }
            _ => Kind::Code,
        };
        lines.push(Line {
            start,
            end: start + content.len(),
            blank: content.len() - trimmed.len(),
            column: 0,
            kind,
            dashes: Vec::new(),
            goes_on: false,
        });
        start += line.len();
    }
    lines
}

struct Reader<'a> {
    text: &'a str,
    lines: Vec<Line>,
    keeps_end: bool,
}

impl Reader<'_> {
    fn line_of(&self, offset: usize) -> usize {
        self.lines
            .partition_point(|line| line.start <= offset)
            .saturating_sub(1)
    }

    /// Marks the lines on which a value goes on that began above.
    fn values_over_lines(&mut self, outline: &Outline) {
        let quoted = |style| matches!(style, Style::SingleQuoted | Style::DoubleQuoted);
        let flows = outline.flows.iter().map(|span| (*span, false));
        let scalars = outline
            .values
            .iter()
            .filter(|value| !matches!(value.style, Style::Literal | Style::Folded))
            .map(|value| (value.span, quoted(value.style)));
        let all: Vec<(Span, bool)> = flows
            .chain(scalars)
            .filter(|(it, _)| it.start < it.end)
            .collect();
        for (span, quoted) in all {
            let first = self.line_of(span.start as usize);
            let last = self.line_of(span.end as usize - 1);
            for line in &mut self.lines[first..last] {
                line.goes_on |= quoted;
            }
            for line in &mut self.lines[first..=last].iter_mut().skip(1) {
                line.kind = match line.kind {
                    Kind::Blank | Kind::BlankInside => Kind::BlankInside,
                    _ => Kind::Rest,
                };
            }
        }
    }

    /// Gives every line but comments its column; also the levels that are open after each line.
    fn code(
        &mut self,
        keys: &[usize],
        blocks: &BTreeMap<usize, &ScalarAt>,
    ) -> Option<Vec<Vec<Level>>> {
        let mut after = Vec::with_capacity(self.lines.len());
        let mut open: Vec<Level> = Vec::new();
        let mut at = 0;
        while at < self.lines.len() {
            match self.lines[at].kind {
                Kind::Code => self.open_levels(at, keys.binary_search(&at).is_ok(), &mut open)?,
                Kind::Rest => {
                    let (old, new) = open.last().map_or((0, 0), |level| (level.old, level.new));
                    let line = &mut self.lines[at];
                    line.column = (line.blank + new).saturating_sub(old);
                }
                _ => {}
            }
            after.push(open.clone());
            if self.lines[at].kind == Kind::Code
                && let Some(block) = blocks.get(&at)
            {
                let last = self.block(at, block, open.last().copied())?;
                after.resize(last + 1, open.clone());
                at = last;
            }
            at += 1;
        }
        Some(after)
    }

    /// Follows the dashes and the key of a line, and gives it its column.
    fn open_levels(&mut self, at: usize, has_key: bool, open: &mut Vec<Level>) -> Option<()> {
        let line = &self.lines[at];
        let text = &self.text[line.start..line.end];
        if text.starts_with("? ") || text[line.blank..].starts_with("? ") {
            return None;
        }
        let mut column = line.blank;
        let mut first = None;
        let mut dashes = Vec::new();
        while text[column..].starts_with('-')
            && text[column + 1..].starts_with([' ', '\t']) | (column + 1 == text.len())
        {
            while open.last().is_some_and(|level| level.old > column) {
                open.pop();
            }
            if !open
                .last()
                .is_some_and(|level| level.list && level.old == column)
            {
                push(open, true, column);
            }
            first = first.or(open.last().map(|level| level.new));
            dashes.push(line.start + column);
            let rest = &text[column + 1..];
            column += 1 + rest.len() - rest.trim_start_matches([' ', '\t']).len();
            if column >= text.len() {
                break;
            }
        }
        if has_key {
            while open
                .last()
                .is_some_and(|level| level.old > column || (level.list && level.old == column))
            {
                open.pop();
            }
            if open.last().is_none_or(|level| level.old != column) {
                push(open, false, column);
            }
            first = first.or(open.last().map(|level| level.new));
        }
        let value = || open.last().map_or(0, |level| level.new + STEP);
        self.lines[at].column = first.unwrap_or_else(value);
        self.lines[at].dashes = dashes;
        Some(())
    }

    /// The line that a block scalar begins on, with `|` or `>`.
    fn header_of(&self, block: &ScalarAt) -> Option<usize> {
        let content = self.line_of(block.span.start as usize);
        let mut above = self.lines[..content].iter().enumerate().rev();
        above
            .find(|(_, line)| !self.text[line.start..line.end].trim().is_empty())
            .map(|(at, _)| at)
    }

    /// Gives the lines of a block scalar their columns, and tells its last line.
    fn block(&mut self, header: usize, block: &ScalarAt, level: Option<Level>) -> Option<usize> {
        if block.span.start == block.span.end {
            return Some(header);
        }
        let line = &self.lines[header];
        let written = &self.text[line.start..line.end];
        let mark = written.rfind(['|', '>'])?;
        let marks: String = written[mark + 1..]
            .chars()
            .take_while(|it| it.is_ascii_digit() || matches!(it, '+' | '-'))
            .collect();
        let keeps = marks.contains('+');
        let digit = marks.chars().find_map(|it| it.to_digit(10));
        let (old, new) = level.map_or((0, 0), |level| (level.old, level.new));
        // Here a tab is text as any letter.
        let spaces = |line: &Line| {
            let written = &self.text[line.start..line.end];
            written.len() - written.trim_start_matches(' ').len()
        };
        let is_blank = |line: &Line| spaces(line) == line.end - line.start;
        let below = &self.lines[header + 1..];
        let first = below.iter().find(|line| !is_blank(line));
        let (from, to) = match digit {
            Some(digit) => (old + digit as usize, new + digit as usize),
            None => (first.map_or(old + STEP, spaces), new + STEP),
        };
        // The place of a block ends where the next key begins, so the lines are counted here.
        let outside = below
            .iter()
            .position(|line| !is_blank(line) && spaces(line) < from);
        let mut last = header + outside.unwrap_or(below.len());
        let nothing = |line: &Line| is_blank(line) && spaces(line) <= from;
        while last > header && !keeps && nothing(&self.lines[last]) {
            last -= 1;
        }
        if keeps && last + 1 == self.lines.len() {
            self.keeps_end = true;
        }
        for line in &mut self.lines[header + 1..=last] {
            line.kind = Kind::Block(from);
            line.column = to;
        }
        Some(last)
    }

    /// A comment goes with the line below if it stands in its column, else with the level that it stands in.
    fn comments(&mut self, levels: &[Vec<Level>]) {
        for at in 0..self.lines.len() {
            if self.lines[at].kind != Kind::Comment {
                continue;
            }
            let here = self.lines[at].blank;
            let below = self.lines[at..].iter().find(|line| line.kind == Kind::Code);
            let open = at.checked_sub(1).map_or(&[][..], |above| &levels[above]);
            let same = open.iter().find(|level| level.old == here);
            let deepest = open.last().map(|level| level.old);
            let around = || open.iter().rev().find(|level| level.old < here);
            self.lines[at].column = match (below, same) {
                (Some(below), _) if below.blank == here => below.column,
                (_, Some(level)) => level.new,
                (Some(below), None) if deepest.is_none_or(|it| below.blank > it) => below.column,
                _ => around().map_or(0, |level| level.new),
            };
        }
    }
}

fn push(open: &mut Vec<Level>, list: bool, old: usize) {
    let new = open.last().map_or(0, |level| level.new + STEP);
    open.push(Level { list, old, new });
}

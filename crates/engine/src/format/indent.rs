//! Edits of white space at the begin and the end of lines, and of lines that have nothing else.

use super::lines::{Kind, Line, Lines};
use crate::edit::Edit;
use crate::source::{SourceFile, Span};

/// How many blank lines may follow each other.
const BLANK_LINES_MAX: usize = 2;

pub(super) fn edits(source: &SourceFile, lines: &Lines) -> Vec<Edit> {
    let text = source.text();
    let mut edits = Vec::new();
    let mut blank_lines = BLANK_LINES_MAX;
    for line in &lines.lines {
        let written = &text[line.start..line.end];
        match line.kind {
            Kind::Blank => {
                blank_lines += 1;
                let end = if blank_lines > BLANK_LINES_MAX {
                    (line.end + 1).min(text.len())
                } else {
                    line.end
                };
                replace(&mut edits, text, line.start, end, "");
                continue;
            }
            Kind::Block(from) => block_line(&mut edits, text, line, from),
            Kind::BlankInside => replace(&mut edits, text, line.start, line.end, ""),
            Kind::Code | Kind::Comment | Kind::Rest | Kind::Mark => {
                let indent = " ".repeat(line.column);
                replace(
                    &mut edits,
                    text,
                    line.start,
                    line.start + line.blank,
                    &indent,
                );
                if !line.goes_on {
                    let end = line.start + written.trim_end_matches([' ', '\t']).len();
                    replace(&mut edits, text, end, line.end, "");
                }
                for dash in &line.dashes {
                    after_dash(&mut edits, text, *dash, line.end);
                }
            }
        }
        blank_lines = 0;
    }
    edits
}

/// One blank between a dash and what follows it.
fn after_dash(edits: &mut Vec<Edit>, text: &str, dash: usize, line_end: usize) {
    let rest = &text[dash + 1..line_end];
    let content = rest.trim_start_matches([' ', '\t']);
    if !content.is_empty() && !content.starts_with('#') {
        let gap = rest.len() - content.len();
        replace(edits, text, dash + 1, dash + 1 + gap, " ");
    }
}

/// A line of a block scalar moves as the whole block does; what stands beyond its indentation belongs to the text.
fn block_line(edits: &mut Vec<Edit>, text: &str, line: &Line, from: usize) {
    let written = &text[line.start..line.end];
    let own = written.len() - written.trim_start_matches(' ').len();
    if own == written.len() && own <= from {
        replace(edits, text, line.start, line.end, "");
    } else {
        let indent = " ".repeat(line.column);
        replace(edits, text, line.start, line.start + own.min(from), &indent);
    }
}

fn replace(edits: &mut Vec<Edit>, text: &str, start: usize, end: usize, instead: &str) {
    if &text[start..end] != instead {
        edits.push(Edit::new(Span::new(start, end), instead));
    }
}

//! Edits of blanks around `:` and inside `{{ }}`.

use crate::edit::Edit;
use crate::expr::template_extents;
use crate::source::{SourceFile, Span};
use crate::yaml::TextPlace;
use crate::yaml::outline::{Outline, Pair, ScalarAt};

pub(super) fn edits(source: &SourceFile, outline: &Outline) -> Vec<Edit> {
    let mut edits = colons(source, outline);
    for value in &outline.values {
        // The text of a command is the shell's, and what has a tag is taken as it stands.
        if !value.tagged && value.key.as_deref() != Some("run") {
            templates(source, value, &mut edits);
        }
    }
    edits
}

/// The blanks around one colon.
#[derive(Debug, Clone, Copy)]
struct Colon {
    /// From the end of the key to the begin of the value.
    span: Span,
    /// Columns between the colon and the value; 0 if the value does not stand on this line.
    gap: usize,
    /// Where a key of a block map stands: its line and its column, and the column of the value.
    place: Option<(usize, usize, usize)>,
}

/// Nothing in front of a colon, one blank behind it; values that stand in one column on lines that follow each other
/// keep it, as near as the longest key lets them.
fn colons(source: &SourceFile, outline: &Outline) -> Vec<Edit> {
    let colons: Vec<Colon> = outline
        .pairs
        .iter()
        .filter_map(|pair| colon(source, outline, pair))
        .collect();
    let mut edits = Vec::new();
    let mut at = 0;
    let mut sorted: Vec<&Colon> = colons.iter().collect();
    sorted.sort_by_key(|colon| (colon.place.is_none(), colon.span));
    while at < sorted.len() {
        let run = 1 + sorted[at..]
            .windows(2)
            .take_while(|pair| in_one_column(pair[0], pair[1]))
            .count();
        let group = &sorted[at..at + run];
        let least = group
            .iter()
            .map(|colon| colon.gap)
            .min()
            .unwrap_or_default();
        for colon in group {
            let blanks = match (colon.gap, run) {
                (0, _) => 0,
                (_, 1) => 1,
                (gap, _) => gap + 1 - least.max(1),
            };
            let instead = format!(":{}", " ".repeat(blanks));
            if source.slice(colon.span) != instead {
                edits.push(Edit::new(colon.span, instead));
            }
        }
        at += run;
    }
    edits
}

fn in_one_column(one: &Colon, next: &Colon) -> bool {
    match (one.place, next.place) {
        (Some((line, key, value)), Some((next_line, next_key, next_value))) => {
            line + 1 == next_line && key == next_key && value == next_value && one.gap > 0
        }
        _ => false,
    }
}

fn colon(source: &SourceFile, outline: &Outline, pair: &Pair) -> Option<Colon> {
    let start = pair.key.end as usize;
    let blank = |it: &str| it.len() - it.trim_start_matches([' ', '\t']).len();
    let text = source.text().get(start..)?;
    let before = blank(text);
    let after = text[before..].strip_prefix(':')?;
    let gap = blank(after);
    let value_here = !pair.empty && !after[gap..].starts_with(['\n', '#']);
    // A colon that an author moved away from its key aligns nothing.
    let aligns = before == 0 && !after[..gap].contains('\t');
    let in_block = outline.block_keys.binary_search(&pair.key).is_ok();
    let place = (value_here && aligns && in_block).then(|| {
        let key = source.position(pair.key.start);
        let value = source.position(Span::at(start + 1 + gap).start);
        (key.line, key.column, value.column)
    });
    Some(Colon {
        span: Span::new(start, start + before + 1 + if value_here { gap } else { 0 }),
        gap: if value_here { gap.max(1) } else { 0 },
        place,
    })
}

/// One blank on both sides of what stands between `{{` and `}}`.
fn templates(source: &SourceFile, value: &ScalarAt, edits: &mut Vec<Edit>) {
    let place = TextPlace {
        span: value.span,
        style: value.style,
    };
    let text = &*value.text;
    for (start, end) in template_extents(text) {
        let inner = &text[start..end];
        let trimmed = inner.trim_matches([' ', '\t']);
        if trimmed.is_empty() || trimmed.starts_with('\n') || trimmed.ends_with('\n') {
            continue;
        }
        let lead = inner.len() - inner.trim_start_matches([' ', '\t']).len();
        let trail = inner.len() - inner.trim_end_matches([' ', '\t']).len();
        for (from, to, before) in [(start, start + lead, true), (end - trail, end, false)] {
            let span = place.locate(source, text, Span::new(from, to));
            let here = source.slice(span);
            let marked = if before {
                source.text()[..span.start as usize].ends_with(&text[start - 1..start])
            } else {
                source.text()[span.end as usize..].starts_with(&text[end..=end])
            };
            if marked && here != " " && here.trim_matches([' ', '\t']).is_empty() {
                edits.push(Edit::new(span, " "));
            }
        }
    }
}

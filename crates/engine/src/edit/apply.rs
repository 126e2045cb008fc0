//! Applies edits by their spans.

use super::Edit;
use crate::source::Span;

/// Two edits that want to change the same place, or one that lies outside the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("edits overlap or lie outside the text at byte {}", .0.start)]
pub struct Overlap(pub Span);

/// The text after all edits. Their order is of no account; insertions at one place keep theirs.
///
/// # Errors
/// [`Overlap`], and then nothing is changed: two edits may touch, but never share a byte.
pub fn apply(text: &str, edits: &[Edit]) -> Result<String, Overlap> {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut changed = String::with_capacity(text.len() + added);
    let mut done = 0;
    for edit in sorted {
        let (start, end) = (edit.span.start as usize, edit.span.end as usize);
        let kept = text.get(done..start).ok_or(Overlap(edit.span))?;
        text.get(start..end).ok_or(Overlap(edit.span))?;
        changed.push_str(kept);
        changed.push_str(&edit.text);
        done = end;
    }
    changed.push_str(&text[done..]);
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(edits: &[(usize, usize, &str)], expected: Option<&str>) {
        let edits: Vec<_> = edits
            .iter()
            .map(|(start, end, text)| Edit::new(Span::new(*start, *end), *text))
            .collect();
        assert_eq!(apply("abcdé", &edits).ok().as_deref(), expected);
    }

    #[test]
    fn edits_apply_together_or_not_at_all() {
        check(&[], Some("abcdé"));
        check(&[(3, 4, "D"), (0, 1, "")], Some("bcDé"));
        check(&[(1, 1, "x"), (1, 1, "y"), (1, 2, "B")], Some("axyBcdé"));
        check(&[(0, 2, "x"), (2, 3, "y")], Some("xydé"));
        check(&[(0, 2, "x"), (1, 3, "y")], None);
        check(&[(5, 6, "x")], None);
        check(&[(9, 9, "x")], None);
    }
}

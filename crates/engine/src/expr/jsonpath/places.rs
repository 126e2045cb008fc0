//! Where each segment of a path stands in its text: the parser's tree does not say.

use crate::source::Span;

/// The places of the segments behind `$`, in order; white space around them is left out.
pub(super) fn places(text: &str) -> Vec<Span> {
    let mut starts: Vec<usize> = Vec::new();
    let mut brackets = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    let mut dots = false;
    for (at, letter) in text.char_indices() {
        if let Some(open) = quote {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if letter == open => quote = None,
                _ => {}
            }
            continue;
        }
        match letter {
            '\'' | '"' => quote = Some(letter),
            '[' => {
                // Behind `..` it belongs to the segment that the dots began.
                if brackets == 0 && !dots {
                    starts.push(at);
                }
                brackets += 1;
            }
            ']' => brackets = brackets.saturating_sub(1),
            '.' if brackets == 0 && !dots => starts.push(at),
            _ => {}
        }
        dots = brackets == 0 && letter == '.';
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| Span::new(*start, start + text[*start..end].trim_end().len()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::places;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = places(text)
            .iter()
            .map(|span| &text[span.start as usize..span.end as usize])
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn segments_are_told_apart() {
        check("$", &[]);
        check("$.a.b", &[".a", ".b"]);
        check("$['a.b'] [0] .c", &["['a.b']", "[0]", ".c"]);
        check("$..a..['b'].*", &["..a", "..['b']", ".*"]);
        check(
            r"$.a[?@.b[0] == 'x]\'.'].c",
            &[".a", r"[?@.b[0] == 'x]\'.']", ".c"],
        );
    }
}

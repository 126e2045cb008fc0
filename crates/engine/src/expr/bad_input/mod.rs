//! What bad input meets, row by row: names of tests begin with the row (`t` templates, `j` paths, `d` data).

mod data;
mod paths;
mod templates;

/// The code in front of what the helpers of tests show, or all of it.
fn code(shown: &str) -> &str {
    shown.split_once(" at `").map_or(shown, |(code, _)| code)
}

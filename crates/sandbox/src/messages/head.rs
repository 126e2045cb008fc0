//! Cutting a text without breaking a character.

/// The longest beginning of `text` that has at most `bytes` bytes and ends between characters.
pub(crate) fn head(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

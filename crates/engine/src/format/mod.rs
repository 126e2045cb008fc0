//! A workflow's text as texts are written here: same meaning, same comments, same order.
//!
//! Read in this order: [`format`], `lines` (how far each line is indented), `indent` (block scalars, blank lines, ends of
//! lines), `spacing` (around `:` and inside `{{ }}`), `same` (whether two texts mean the same).

mod indent;
mod lines;
mod same;
mod spacing;

use crate::edit::apply;
use crate::finding::Finding;
use crate::source::SourceFile;
use crate::yaml::{self, outline::outline};

/// Columns that one level is indented by.
const STEP: usize = 2;

/// Why a text is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It cannot be read; the findings say why.
    #[error("the text cannot be read")]
    Unreadable(Vec<Finding>),
    /// It has something that the formatter does not know, and would have changed its meaning.
    #[error("the text would not mean the same")]
    NotSame,
}

/// The formatted text. What it gives is its own formatted text, and means the same, which is made sure of here.
///
/// # Errors
/// [`FormatError`], if there is no such text.
pub fn format(source: &SourceFile) -> Result<String, FormatError> {
    let (before, findings) = yaml::read(source);
    if !findings.is_empty() {
        return Err(FormatError::Unreadable(findings));
    }
    // YAML takes a lone CR for the end of a line too.
    let text = source.text().replace("\r\n", "\n").replace('\r', "\n");
    let text = SourceFile::new(source.name(), text);
    let outline = outline(&text).ok_or(FormatError::NotSame)?;
    let lines = lines::lines(&text, &outline).ok_or(FormatError::NotSame)?;
    let mut edits = indent::edits(&text, &lines);
    edits.extend(spacing::edits(&text, &outline));
    let mut formatted = apply(text.text(), &edits).map_err(|_| FormatError::NotSame)?;
    if !lines.keeps_end {
        formatted.truncate(formatted.trim_end_matches('\n').len());
        formatted.push('\n');
    }
    let (after, findings) = yaml::read(&SourceFile::new(source.name(), &*formatted));
    if findings.is_empty() && same::same(&before, &after) {
        Ok(formatted)
    } else {
        Err(FormatError::NotSame)
    }
}

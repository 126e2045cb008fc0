//! Whether two trees mean the same: everything but places, and but blanks at the edges of templates.

use crate::expr::template_extents;
use crate::yaml::{Node, NodeKind};

pub(super) fn same(one: &Node, other: &Node) -> bool {
    one.tag == other.tag
        && match (&one.kind, &other.kind) {
            (NodeKind::Scalar(a), NodeKind::Scalar(b)) => {
                a.style == b.style
                    && (a.text == b.text
                        || (one.tag.is_none() && canonical(&a.text) == canonical(&b.text)))
            }
            (NodeKind::List(a), NodeKind::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b))
            }
            (NodeKind::Map(a), NodeKind::Map(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b.iter())
                        .all(|(a, b)| a.key == b.key && same(&a.value, &b.value))
            }
            (NodeKind::Hole, NodeKind::Hole) => true,
            _ => false,
        }
}

/// The text without the blanks between the marks of its templates and what they hold.
fn canonical(text: &str) -> String {
    let mut out = String::new();
    let mut done = 0;
    for (start, end) in template_extents(text) {
        out.push_str(&text[done..start]);
        out.push_str(text[start..end].trim_matches([' ', '\t']));
        done = end;
    }
    out.push_str(&text[done..]);
    out
}

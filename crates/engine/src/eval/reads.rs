//! Which members of a name an expression depends on.

use std::sync::Arc;

use crate::expr::{RefPart, Reference};

/// Collects the uses of one name.
#[derive(Debug)]
pub struct Reads {
    root: &'static str,
    paths: Vec<Vec<Arc<str>>>,
    whole: bool,
}

impl Reads {
    /// Of nothing, so far.
    pub fn of(root: &'static str) -> Reads {
        Reads {
            root,
            paths: Vec::new(),
            whole: false,
        }
    }

    /// Adds a use. What stands behind an index or a computed name belongs to what stands before it.
    pub fn add(&mut self, reference: &Reference) {
        if *reference.root != *self.root {
            return;
        }
        let names = reference.path.iter().map_while(|part| match part {
            RefPart::Key(name) => Some(name.clone()),
            RefPart::Index(_) | RefPart::Dynamic => None,
        });
        let path: Vec<Arc<str>> = names.collect();
        self.whole |= path.is_empty();
        self.paths.push(path);
    }

    /// The members, each as a path of names; `None` if all of it is used somewhere.
    pub fn known(self) -> Option<Vec<Vec<Arc<str>>>> {
        (!self.whole).then_some(self.paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Expression;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let expression = Expression::parse(text).expect(text);
        let mut reads = Reads::of("item");
        expression
            .references()
            .iter()
            .for_each(|one| reads.add(one));
        let shown = reads.known().map_or_else(
            || "all".to_owned(),
            |paths| {
                paths
                    .iter()
                    .map(|path| path.join("."))
                    .collect::<Vec<_>>()
                    .join(" ")
            },
        );
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn members_are_known_as_far_as_they_are_written() {
        check("item.a.b == 1 and item['c'] is defined", "a.b c");
        check("item.a[0].b", "a");
        check("item.a[index]", "a");
        check("item[inputs.n].b", "all");
        check("item | to_json", "all");
        check("[item][0].a", "all");
        check("inputs.n", "");
    }
}

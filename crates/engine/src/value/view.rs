//! Members that a connector adds to a map: computed when they are read, never stored or written out.

use std::sync::Arc;

use super::Value;

/// One added member: where it comes from in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewMember {
    /// The member's name.
    pub name: Arc<str>,
    /// Path from the body: map keys and list indexes.
    pub path: Vec<PathPart>,
    /// If set, the path ends at a list of blocks, and the member is the joined `text` of those with this `type`.
    pub join_text_of: Option<Arc<str>>,
}

/// One step of a [`ViewMember::path`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPart {
    /// A member of a map.
    Key(Arc<str>),
    /// An item of a list, from 0.
    Index(usize),
}

/// The members that reading a body adds to it, where the body has no key of that name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// In the descriptor's order.
    pub members: Vec<ViewMember>,
}

impl View {
    /// The added member of this name, if the view has one and the body has its source.
    pub fn read(&self, body: &super::Map, name: &str) -> Option<Value> {
        let member = self.members.iter().find(|member| &*member.name == name)?;
        let (first, rest) = member.path.split_first()?;
        let PathPart::Key(key) = first else {
            return None;
        };
        let start = body.get(key)?;
        let found = rest.iter().try_fold(start, |value, part| match part {
            PathPart::Key(key) => value.get(key),
            PathPart::Index(index) => value.as_list()?.get(*index),
        })?;
        match &member.join_text_of {
            None => Some(found.clone()),
            Some(wanted) => Some(join_text(found, wanted)),
        }
    }
}

fn join_text(blocks: &Value, wanted: &str) -> Value {
    if let Some(text) = blocks.as_str() {
        return Value::from(text);
    }
    let texts = blocks
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(|block| {
            let is_wanted = block.get("type").and_then(Value::as_str) == Some(wanted);
            is_wanted
                .then(|| block.get("text").and_then(Value::as_str))
                .flatten()
        });
    Value::from(texts.collect::<String>())
}

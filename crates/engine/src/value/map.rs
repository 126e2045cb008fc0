//! A map in source order, and the members that a connector adds to it when it is read.

use std::sync::Arc;

use crate::collections::IndexMap;

use super::{Value, View};

/// Members in source order, with the [`View`] of the operation they came from, if it has one.
///
/// The view is not part of the value: it takes no part in comparison, and is never written out.
#[derive(Debug, Clone, Default)]
pub struct Map {
    members: IndexMap<Arc<str>, Value>,
    view: Option<Arc<View>>,
}

impl Map {
    /// An empty map.
    pub fn new() -> Map {
        Map::default()
    }

    /// The member with this key, if it is the map's own.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.members.get(key)
    }

    /// Sets a member; a known key keeps its place.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, value: Value) {
        self.members.insert(key.into(), value);
    }

    /// Takes a member out, closing the gap.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.members.shift_remove(key)
    }

    /// The members in source order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> {
        self.members.iter()
    }

    /// The map's own keys in source order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.keys().map(AsRef::as_ref)
    }

    /// How many members of its own it has.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has no member of its own.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members that are computed when read.
    pub fn view(&self) -> Option<&Arc<View>> {
        self.view.as_ref()
    }

    /// The same members, seen through `view`.
    #[must_use]
    pub fn with_view(mut self, view: Option<Arc<View>>) -> Map {
        self.view = view;
        self
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Map) -> bool {
        self.members == other.members
    }
}

impl FromIterator<(Arc<str>, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(members: I) -> Map {
        Map {
            members: members.into_iter().collect(),
            view: None,
        }
    }
}

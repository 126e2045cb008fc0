//! Maps and sets with a hash that suits short keys. Those that are walked through keep the order of insertion; the others
//! are only asked.
//!
//! The hash has a seed of its own in each process, so that texts from outside cannot be made to collide beforehand: it
//! decides where something lies in memory, and nothing else.

use foldhash::fast::RandomState;

/// A map in the order of insertion.
pub type IndexMap<K, V> = indexmap::IndexMap<K, V, RandomState>;
/// A set in the order of insertion.
pub type IndexSet<T> = indexmap::IndexSet<T, RandomState>;
/// A map that is only asked.
pub type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
/// A set that is only asked.
pub(crate) type HashSet<T> = std::collections::HashSet<T, RandomState>;

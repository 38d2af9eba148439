//! A map that keeps what was used of late, and never grows beyond its bound.

use std::borrow::Borrow;
use std::hash::Hash;

use rustc_hash::FxHashMap;

/// Two generations: what is found in the old one becomes young again, and when the young one is
/// full it becomes the old one. So looking up costs one hash, and forgetting costs nothing.
pub(crate) struct Recent<K, V> {
    young: FxHashMap<K, V>,
    old: FxHashMap<K, V>,
    half: usize,
}

impl<K: Eq + Hash, V: Copy> Recent<K, V> {
    /// Keeps at most `bound` entries, and at least the latest half of them.
    pub(crate) fn new(bound: usize) -> Self {
        Self { young: FxHashMap::default(), old: FxHashMap::default(), half: (bound / 2).max(1) }
    }

    #[inline]
    pub(crate) fn get<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(value) = self.young.get(key) {
            return Some(*value);
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value);
        Some(value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_grows_beyond_its_bound_and_keeps_what_is_used() {
        let mut recent = Recent::new(8);
        for i in 0..1_000 {
            recent.insert(i, i);
            assert!(recent.get(&0).is_some(), "0 is used all the time, at {i}");
            assert!(recent.young.len() + recent.old.len() <= 8);
        }
        assert_eq!(recent.get(&999), Some(999));
        assert_eq!(recent.get(&1), None);
    }
}

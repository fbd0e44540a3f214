//! What was asked for last, so that it need not be found out again.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// A map that forgets what nobody asked for in a long time.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    many: usize,
    young: HashMap<K, V>,
    /// What was young before. What is asked for becomes young again.
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// It holds so many at least, those that came or were asked for last, and twice as many at most.
    pub(crate) fn new(many: usize) -> Self {
        Self { many, young: HashMap::new(), old: HashMap::new() }
    }

    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.put(key, value);
        }
        self.young.get(key)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.many && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_no_more_than_twice_as_many() {
        let mut recent = Recent::new(100);
        for n in 0..300 {
            recent.put(n, -n);
            assert_eq!(recent.get(&0), Some(&0), "it is asked for again and again");
        }
        assert!(recent.young.len() + recent.old.len() <= 200);
        assert_eq!([299, 201, 1].map(|key| recent.get(&key).copied()), [Some(-299), Some(-201), None]);
    }

    #[test]
    fn the_last_value_counts() {
        let mut recent = Recent::new(2);
        for (key, value) in [(1, 1), (2, 1), (3, 1), (1, 2), (1, 3)] {
            recent.put(key, value);
        }
        assert_eq!([1, 2, 3].map(|key| recent.get(&key).copied()), [Some(3), Some(1), Some(1)]);
    }
}

//! How many of a sorted list of keys are below a given one?
//!
//! The one search of this crate: it finds the stretch of addresses, or of packet keys, that a packet falls into. A static
//! B-tree without pointers: a node is a whole number of cache lines with `N` keys and `N + 1` children, all nodes of one level
//! lie side by side, and child `c` of node `n` is node `n * (N + 1) + c` of the next level. Within a node *all* keys are compared, without a
//! branch; the compiler turns that into a few vector instructions.
//!
//! So the cost depends on the number of levels only, not on where the keys lie (ten thousand peers within one /16 cost what
//! ten thousand spread ones do) and not on luck: with `N` = 16, 288 keys are two levels, 4912 three, 83520 four. Space is `1 + 1/16` keys a key.

/// A sorted list of keys, searchable. The largest key there is cannot be in it: it pads the nodes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranks<K, const N: usize> {
    /// Root level first.
    nodes: Box<[Node<K, N>]>,
    /// Where each level above the last begins in `nodes`.
    inner: Box<[usize]>,
    /// Where the last level begins.
    leaves: usize,
}

/// The keys of a node, ascending, padded with the largest key there is.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Node<K, const N: usize>([K; N]);

/// A key type.
pub(crate) trait Key: Copy + Ord {
    /// The largest key there is.
    const LAST: Self;
}

impl Key for u32 {
    const LAST: Self = Self::MAX;
}

impl Key for u128 {
    const LAST: Self = Self::MAX;
}

impl<K: Key, const N: usize> Ranks<K, N> {
    /// Takes keys in strictly ascending order, [`Key::LAST`] not among them.
    pub(crate) fn new(keys: &[K]) -> Self {
        let mut levels = vec![Node::pack(keys.chunks(N))];
        // The largest key below each node of the topmost level so far.
        let mut highest: Vec<K> = keys
            .chunks(N)
            .filter_map(|keys| keys.last().copied())
            .collect();
        while highest.len() > 1 {
            let children = highest.chunks(N + 1);
            // What separates two children is the largest key below the left one; right of the last child is nothing.
            levels.push(Node::pack(children.clone().map(|c| &c[..c.len() - 1])));
            highest = children.filter_map(|c| c.last().copied()).collect();
        }
        levels.reverse();
        let mut inner = Vec::new();
        let mut leaves = 0;
        for level in &levels[..levels.len() - 1] {
            inner.push(leaves);
            leaves += level.len();
        }
        Self {
            nodes: levels.concat().into(),
            inner: inner.into(),
            leaves,
        }
    }

    /// How many keys are below `key`.
    #[inline]
    pub(crate) fn below(&self, key: K) -> usize {
        let mut node = 0;
        for &level in &self.inner {
            node = node * (N + 1) + self.nodes[level + node].below(key);
        }
        // No leaf at all: no keys.
        self.nodes
            .get(self.leaves + node)
            .map_or(0, |leaf| node * N + leaf.below(key))
    }

    /// Heap memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.nodes) + size_of_val(&*self.inner)
    }
}

impl<K: Key, const N: usize> Node<K, N> {
    fn pack<'a>(lists: impl Iterator<Item = &'a [K]>) -> Vec<Self>
    where
        K: 'a,
    {
        lists
            .map(|keys| {
                let mut node = Self([K::LAST; N]);
                node.0[..keys.len()].copy_from_slice(keys);
                node
            })
            .collect()
    }

    #[inline]
    fn below(&self, key: K) -> usize {
        self.0.iter().map(|&k| u32::from(k < key)).sum::<u32>() as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn agree<K: Key, const N: usize>(keys: &BTreeSet<K>, probe: K) {
        let sorted: Vec<K> = keys.iter().copied().collect();
        let below = sorted.iter().filter(|&&k| k < probe).count();
        assert_eq!(Ranks::<K, N>::new(&sorted).below(probe), below);
    }

    #[test]
    fn every_size_up_to_three_levels() {
        for size in 0..=700_u32 {
            let keys: Vec<u32> = (0..size).map(|i| i * 3 + 1).collect();
            let ranks = Ranks::<u32, 16>::new(&keys);
            for (rank, &key) in keys.iter().enumerate() {
                assert_eq!(ranks.below(key), rank, "{key} among {size}");
                assert_eq!(ranks.below(key + 1), rank + 1, "{key} + 1 among {size}");
            }
            assert_eq!(ranks.below(0), 0, "first of {size}");
            assert_eq!(ranks.below(u32::MAX), keys.len(), "last of {size}");
        }
    }

    proptest! {
        #[test]
        fn counts_as_a_filter_does(
            keys in prop::collection::btree_set(0..5000_u32, 0..3000), probe in 0..5001_u32,
        ) {
            agree::<u32, 16>(&keys, probe);
            let wide = |k: u32| u128::from(k) << 64 | u128::from(k);
            agree::<u128, 8>(&keys.into_iter().map(wide).collect(), wide(probe));
        }
    }
}

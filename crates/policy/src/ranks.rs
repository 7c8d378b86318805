//! How many of a sorted list of keys are below a given one?
//!
//! The one search of this crate: it finds the stretch of addresses, or of packet keys, that a
//! packet falls into. Its cost must not grow with the number of keys, nor hang on where they lie:
//! ten thousand peers within one /16 are as common as ten thousand spread over the Internet.
//!
//! The keys stay one sorted array. In front of it, a [`Node`] divides the stretch from its lowest
//! to its highest key into equal slots, about three keys a slot, and knows for each slot how many
//! keys come before it. From there, a *window* of [`Key::WINDOW`] keys is counted, all of them
//! without a branch. Where keys crowd so that a slot has more than a window of them, the slot gets
//! a node of its own, which begins and ends with *its* keys: whatever bits they have in common are
//! skipped. Keys drawn at random, from the whole space or from a corner of it, need one node;
//! clusters two.
//!
//! Both ends of a stretch never share a slot, so that each node divides its keys and the nesting
//! ends. A node has fewer slots than keys, each key is below at most one node of a depth, and depth
//! is at most the bits of a key: space is linear, about one byte a key beside the key.

use std::ops::Range;

/// Marks a slot that has a node of its own; the rest is the node's number. Otherwise a slot is a
/// count of keys.
const HAS_NODE: u32 = 1 << 31;

/// How many keys there may be.
pub(crate) const KEYS_MAX: usize = HAS_NODE as usize - 1;

/// How many keys a slot should have: few enough that a window rarely overflows, many enough that
/// slots take little space.
const KEYS_PER_SLOT: usize = 3;

/// A key type.
pub(crate) trait Key: Copy + Ord {
    /// The largest key there is.
    const LAST: Self;

    /// How many keys are counted together.
    const WINDOW: usize;

    /// How far above `base`, 0 where below, in units of `1 << shift`; at most `last`.
    fn slot(self, base: Self, shift: u32, last: u32) -> u32;

    /// How many of a window's ascending keys are below this one.
    fn above(self, window: &[Self]) -> usize;
}

impl Key for u32 {
    const LAST: Self = Self::MAX;
    /// One cache line.
    const WINDOW: usize = 16;

    #[inline]
    fn slot(self, base: Self, shift: u32, last: u32) -> u32 {
        (self.saturating_sub(base) >> shift).min(last)
    }

    #[inline]
    fn above(self, window: &[Self]) -> usize {
        // A sum, so that the compiler compares four at a time.
        window
            .iter()
            .map(|&key| Self::from(key < self))
            .sum::<Self>() as usize
    }
}

impl Key for u128 {
    const LAST: Self = Self::MAX;
    /// Two cache lines.
    const WINDOW: usize = 8;

    #[inline]
    fn slot(self, base: Self, shift: u32, last: u32) -> u32 {
        u32::try_from(self.saturating_sub(base) >> shift).map_or(last, |slot| slot.min(last))
    }

    #[inline]
    fn above(self, window: &[Self]) -> usize {
        window.partition_point(|&key| key < self)
    }
}

/// A sorted list of keys, searchable.
#[derive(Debug, Clone)]
pub(crate) struct Ranks<K> {
    /// The keys, and a window more of the largest key there is.
    keys: Box<[K]>,
    root: Node<K>,
    nodes: Box<[Node<K>]>,
    /// The slots of all nodes.
    slots: Box<[u32]>,
}

/// A stretch of keys in equal slots. What lies outside belongs to the first or last slot.
#[derive(Debug, Clone, Copy)]
struct Node<K> {
    /// Where the first slot begins.
    base: K,
    /// The width of a slot is `1 << shift`.
    shift: u32,
    /// The place of the first slot in `slots`.
    slots: u32,
    /// The number of the last slot, from 0.
    last: u32,
}

impl<K: Key> Ranks<K> {
    /// Takes up to [`KEYS_MAX`] keys in strictly ascending order, [`Key::LAST`] not among them.
    pub(crate) fn new(keys: Vec<K>) -> Self {
        let mut builder = Builder {
            keys: &keys,
            nodes: Vec::new(),
            slots: Vec::new(),
        };
        let root = builder.node(0..keys.len());
        let Builder { nodes, slots, .. } = builder;
        let mut keys = keys;
        keys.extend(std::iter::repeat_n(K::LAST, K::WINDOW));
        Self {
            keys: keys.into(),
            root,
            nodes: nodes.into(),
            slots: slots.into(),
        }
    }

    /// How many keys are below `key`.
    #[inline]
    pub(crate) fn below(&self, key: K) -> usize {
        let mut slot = self.slot(&self.root, key);
        while slot & HAS_NODE != 0 {
            slot = self.slot(&self.nodes[(slot ^ HAS_NODE) as usize], key);
        }
        let before = slot as usize;
        // Keys of later slots may be in the window, but they are above.
        before + key.above(&self.keys[before..before + K::WINDOW])
    }

    /// Heap memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.keys) + size_of_val(&*self.nodes) + size_of_val(&*self.slots)
    }

    #[inline]
    fn slot(&self, node: &Node<K>, key: K) -> u32 {
        self.slots[(node.slots + key.slot(node.base, node.shift, node.last)) as usize]
    }
}

impl<K: Key> Default for Ranks<K> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// Nodes and slots while they are made.
struct Builder<'a, K> {
    keys: &'a [K],
    nodes: Vec<Node<K>>,
    slots: Vec<u32>,
}

impl<K: Key> Builder<'_, K> {
    /// Divides some of the keys.
    fn node(&mut self, range: Range<usize>) -> Node<K> {
        let keys = &self.keys[range.clone()];
        let mut node = Node {
            base: K::LAST,
            shift: 0,
            slots: index(self.slots.len()),
            last: 0,
        };
        if let [base, .., highest] = *keys
            && keys.len() > K::WINDOW
        {
            node.base = base;
            // At least five: a window is more than five slots' worth.
            let most = index(keys.len() / KEYS_PER_SLOT);
            while highest.slot(base, node.shift, most) == most {
                node.shift += 1;
            }
            node.last = highest.slot(base, node.shift, most);
        }
        self.slots
            .resize(self.slots.len() + node.last as usize + 1, 0);
        let mut from = range.start;
        for slot in 0..=node.last {
            let in_slot = |key: &K| key.slot(node.base, node.shift, node.last) == slot;
            let len = self.keys[from..range.end]
                .iter()
                .take_while(|key| in_slot(key))
                .count();
            self.slots[(node.slots + slot) as usize] = if len > K::WINDOW {
                let number = self.nodes.len();
                self.nodes.push(node);
                self.nodes[number] = self.node(from..from + len);
                HAS_NODE | index(number)
            } else {
                index(from)
            };
            from += len;
        }
        node
    }
}

/// Keys, and so nodes and slots, are fewer than [`KEYS_MAX`] (see the top).
fn index(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn wide(key: u32) -> u128 {
        u128::from(key) << 64 | u128::from(key)
    }

    fn assert_counts(keys: &BTreeSet<u32>, probe: u32) {
        let below = keys.iter().filter(|&&key| key < probe).count();
        assert_eq!(
            Ranks::new(keys.iter().copied().collect()).below(probe),
            below
        );
        let ranks = Ranks::new(keys.iter().map(|&key| wide(key)).collect());
        assert_eq!(ranks.below(wide(probe)), below);
    }

    #[test]
    fn every_size_and_every_edge() {
        for size in 0..=700_u32 {
            let keys: Vec<u32> = (0..size).map(|i| i * 3 + 1).collect();
            let ranks = Ranks::new(keys.clone());
            for (rank, &key) in keys.iter().enumerate() {
                assert_eq!(ranks.below(key), rank, "{key} among {size}");
                assert_eq!(ranks.below(key + 1), rank + 1, "{key} + 1 among {size}");
            }
            assert_eq!(ranks.below(0), 0, "first of {size}");
            assert_eq!(ranks.below(u32::MAX), keys.len(), "last of {size}");
        }
    }

    /// Every power of two and its neighbours: each node splits off little.
    #[test]
    fn the_worst_crowding_stays_linear_in_space() {
        let keys: BTreeSet<u128> = (5..128)
            .flat_map(|bit| (0..16).map(move |near| (1_u128 << bit) + near))
            .collect();
        let ranks = Ranks::new(keys.iter().copied().collect());
        for (rank, &key) in keys.iter().enumerate() {
            assert_eq!((ranks.below(key), ranks.below(key + 1)), (rank, rank + 1));
        }
        assert!(ranks.memory_bytes() < keys.len() * 4 * size_of::<u128>());
    }

    proptest! {
        #[test]
        fn counts_as_a_filter_does(
            keys in prop::collection::btree_set(crowded(), 0..3000),
            probe in prop_oneof![0..5001_u32, any::<u32>()],
        ) {
            assert_counts(&keys, probe);
            // And right at a key.
            let at = keys.range(probe..).next().copied().unwrap_or(probe);
            assert_counts(&keys, at);
            assert_counts(&keys, at.saturating_add(1));
        }
    }

    /// Even, and in clusters of any scale.
    fn crowded() -> impl Strategy<Value = u32> {
        let clusters = (0..32_u32, 0..64_u32).prop_map(|(scale, key)| key << scale);
        prop_oneof![0..5000_u32, clusters].prop_filter("reserved", |&key| key != u32::MAX)
    }
}

//! When is the next connection due? A tournament over the buckets of a table.
//!
//! Each bucket has a *bound*: no entry in it runs out before. A bound may be too early (an entry
//! was renewed or left since) but never too late, so renewing an entry, which is what nearly every
//! packet does, costs nothing here. Only a new or a shortened time can lower a bound, and only a
//! look at the whole bucket raises one.
//!
//! The bounds are the leaves of a binary tree whose inner nodes hold the smaller of their children
//! (node `i` has `2i` and `2i + 1`, the root is 1, the leaves come last), so that
//! - whether anything *can* have run out is one compare at the root, even in a full table under
//!   a flood;
//! - the bucket that has waited longest is found in as many steps as the tree is deep.
//!
//! A visit to a bucket whose bound was too early finds nothing, and raises it to the true one. Each
//! such visit is paid for by a packet that renewed an entry of that bucket since the last visit.

/// The bound of a bucket in which nothing can run out.
pub(crate) const NEVER: u64 = u64::MAX;

/// The bounds, in nanoseconds since the epoch.
#[derive(Debug)]
pub(crate) struct Due {
    leaves: usize,
    tree: Box<[u64]>,
}

impl Due {
    pub(crate) fn new(buckets: usize) -> Self {
        let leaves = buckets.max(1);
        let tree = vec![NEVER; 2 * leaves].into_boxed_slice();
        Self { leaves, tree }
    }

    /// Heap memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.tree)
    }

    /// Something in `bucket` runs out at `at`.
    #[inline]
    pub(crate) fn lower(&mut self, bucket: usize, at: u64) {
        let mut node = self.leaves + bucket;
        while node > 0 && at < self.tree[node] {
            self.tree[node] = at;
            node /= 2;
        }
    }

    /// All of `bucket` was looked at: what runs out first does so at `at`.
    pub(crate) fn set(&mut self, bucket: usize, at: u64) {
        let mut node = self.leaves + bucket;
        self.tree[node] = at;
        while node > 1 {
            node /= 2;
            let least = self.tree[2 * node].min(self.tree[2 * node + 1]);
            if self.tree[node] == least {
                break;
            }
            self.tree[node] = least;
        }
    }

    /// Nothing at all runs out before this; `None` where nothing can.
    pub(crate) fn next(&self) -> Option<u64> {
        (self.tree[1] != NEVER).then_some(self.tree[1])
    }

    /// Whether something in `bucket` may have run out before `now`.
    pub(crate) fn is_due(&self, bucket: usize, now: u64) -> bool {
        self.tree[self.leaves + bucket] < now
    }

    /// The bucket with the earliest bound, where that lies before `now`.
    pub(crate) fn earliest(&self, now: u64) -> Option<usize> {
        if self.tree[1] >= now {
            return None;
        }
        let mut node = 1;
        while node < self.leaves {
            let left = 2 * node;
            node = if self.tree[left] == self.tree[node] {
                left
            } else {
                left + 1
            };
        }
        Some(node - self.leaves)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Due, NEVER};

    proptest! {
        #[test]
        fn it_agrees_with_a_list_of_bounds(
            buckets in 1..40_usize,
            steps in proptest::collection::vec((any::<bool>(), 0..40_usize, 0..100_u64), 0..200),
        ) {
            let mut due = Due::new(buckets);
            let mut bounds = vec![NEVER; buckets];
            for (lower, bucket, at) in steps {
                let bucket = bucket % buckets;
                if lower {
                    due.lower(bucket, at);
                    bounds[bucket] = bounds[bucket].min(at);
                } else {
                    due.set(bucket, at);
                    bounds[bucket] = at;
                }
                let least = *bounds.iter().min().unwrap();
                prop_assert_eq!(due.earliest(least), None);
                prop_assert_eq!(due.earliest(NEVER).map(|b| bounds[b]), Some(least));
                prop_assert_eq!(due.is_due(bucket, 50), bounds[bucket] < 50);
            }
        }
    }
}

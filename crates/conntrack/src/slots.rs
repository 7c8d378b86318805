//! Where a connection lies: the hash table of one address family.
//!
//! # Layout
//!
//! A bucket is 64 lines and 64 one-byte tags. The tags of a bucket are one cache line of their own
//! array; a tag is 0 where the place is free, else eight bits of the key's hash. Every key has two
//! buckets, from the two halves of its hash, and lies in one of the 128 places of those two: that
//! is the whole bound on probing. (For one key in as many as there are buckets the two are one. It
//! does not matter: a bucket is full only where many keys had a choice and took it.) A look-up
//! compares 64 tags at once and reads a connection's line only where the tag agrees, so it costs
//! one access to the tags (1 MiB per million places, which stays in the shared cache) and one to
//! memory: the line itself.
//!
//! A new key goes to its first bucket while that holds fewer than [`FIRST_CHOICE`], else to the
//! emptier of the two. With two choices the fullest of all buckets is only a few entries above the
//! average (Azar et al., "Balanced allocations", 1994; it holds under deletion too), so a table
//! that is filled to 7/8 and then churned for eight times its size never found both buckets full;
//! at 9/10 it still did not, at 14/15 it rarely did. Where both are full the caller is told, and
//! nothing else is moved or looked at.
//!
//! Within its bucket a key has a home place, from the hash, and takes the first free one from there
//! on, so that the right line is nearly always the first whose tag agrees. Counted in a table of a
//! million places at 7/8: one hit in 57 reads a wrong line first, one in 12 after churn; a miss
//! reads 0.44 lines.
//!
//! # Why not ...
//!
//! - linear probing over lines: at 7/8 full it reads four lines for a hit and 32 for a miss, each a
//!   miss of the cache.
//! - chunks of 14 or 15 tags with an overflow count each (F14): after churn at 7/8, 95 % of the
//!   chunks have overflowed, so that a miss, which is what a flood is made of, walks 20 chunks.
//! - cuckoo hashing: moves lines about to make room, which costs a miss for each and
//!   changes where a connection lies under whoever holds its place.
//! - tombstones: there are none. A deleted entry's tag becomes 0 and nothing remembers that it was
//!   there, so a table that has seen ten billion connections is as fast as a new one.
//!
//! # Size
//!
//! Fixed when it is made, and every page is touched then: no packet pays for a resize or a page
//! fault. `capacity` entries fit; there are 8/7 as many places, in whole buckets, and two buckets more. For
//! IPv4 that is (64 B + 1 B of tag + 1/4 B of bounds) * 8/7 = 74.6 B a connection.

use crate::cpu::{Tags, prefetch};
use crate::due::{Due, NEVER};
use crate::hash::FlowHash;
use crate::line::{Body, Line, PackedKey};
use crate::pages::filled;

/// Places in a bucket: as many tags as a cache line holds.
pub(crate) const BUCKET: usize = 64;
/// The same, as the bits of a mask are counted.
const BUCKET_BITS: u32 = u64::BITS;
/// Entries in a bucket of a full table, on average: 7/8.
const LOAD: usize = 56;
/// Buckets beyond that. Of few buckets two can be full while the rest have room; two more make that rarer than
/// once in 10^8 insertions even where there are only two or three.
const SPARE: usize = 2;
/// Below this many entries the first bucket is taken without a look at the second. High enough that
/// 96 % of a table filled once to 7/8, and 74 % of one churned at 7/8, lie in their first bucket;
/// low enough that the second choice still evens the buckets out (see the top of the file).
const FIRST_CHOICE: u32 = 58;
/// The tag of a free place.
const FREE: u8 = 0;

/// The table of one family, by key words.
pub(crate) struct Slots<const N: usize> {
    tags: Box<[Tags]>,
    lines: Box<[Line<N>]>,
    due: Due,
    len: u32,
    capacity: u32,
}

/// Where a hash points.
struct Places {
    buckets: [usize; 2],
    home: u32,
    tag: u8,
}

impl<const N: usize> Slots<N> {
    pub(crate) fn new(capacity: u32) -> Self {
        let buckets = (capacity as usize).div_ceil(LOAD) + SPARE;
        Self {
            tags: filled(Tags([FREE; BUCKET]), buckets),
            lines: filled(Line::BLANK, buckets * BUCKET),
            due: Due::new(buckets),
            len: 0,
            capacity,
        }
    }

    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    pub(crate) const fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Heap memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.tags) + size_of_val(&*self.lines) + self.due.memory_bytes()
    }

    pub(crate) const fn buckets(&self) -> usize {
        self.tags.len()
    }

    pub(crate) fn line(&self, slot: usize) -> &Line<N> {
        &self.lines[slot]
    }

    #[inline]
    pub(crate) fn body(&self, slot: usize) -> &Body {
        &self.lines[slot].body
    }

    #[inline]
    pub(crate) fn body_mut(&mut self, slot: usize) -> &mut Body {
        &mut self.lines[slot].body
    }

    pub(crate) fn is_taken(&self, slot: usize) -> bool {
        self.tags[slot / BUCKET].0[slot % BUCKET] != FREE
    }

    /// The place of `key`, whether its time has run out or not.
    #[inline(never)] // Whoever is in a hurry has a hint, and does not come here.
    pub(crate) fn find(&self, key: &PackedKey<N>, hash: FlowHash) -> Option<usize> {
        let places = self.places(hash);
        for bucket in places.buckets {
            let mut hits = self.tags[bucket]
                .matches(places.tag)
                .rotate_right(places.home);
            while hits != 0 {
                let slot = places.slot(bucket, hits);
                if self.lines[slot].has(key) {
                    return Some(slot);
                }
                hits &= hits - 1;
            }
        }
        None
    }

    /// Whether `key` lies in `slot`. The line alone says: one that is free has nobody's key.
    #[inline]
    pub(crate) fn is_at(&self, slot: usize, key: &PackedKey<N>) -> bool {
        self.lines.get(slot).is_some_and(|line| line.has(key))
    }

    /// What is known of the connection with `key`, if it lies in `slot`.
    #[inline]
    pub(crate) fn body_at(&mut self, slot: usize, key: &PackedKey<N>) -> Option<&mut Body> {
        let line = self.lines.get_mut(slot).filter(|line| line.has(key));
        line.map(|line| &mut line.body)
    }

    /// Asks for the tags that [`aim`](Self::aim) and [`find`](Self::find) read first.
    #[inline]
    pub(crate) fn prefetch_tags(&self, hash: FlowHash) {
        let [first, _] = self.places(hash).buckets;
        prefetch(&self.tags[first]);
    }

    /// The place that [`find`](Self::find) would look at first, and asks for its line; where there is none, asks for
    /// the place that a new connection would take.
    #[inline]
    pub(crate) fn aim(&self, hash: FlowHash) -> Option<usize> {
        let places = self.places(hash);
        for bucket in places.buckets {
            let hits = self.tags[bucket]
                .matches(places.tag)
                .rotate_right(places.home);
            if hits != 0 {
                let slot = places.slot(bucket, hits);
                prefetch(&self.lines[slot]);
                return Some(slot);
            }
        }
        let [first, _] = places.buckets;
        let free = self.free(first).rotate_right(places.home);
        prefetch(&self.lines[places.slot(first, free)]);
        None
    }

    /// Asks for what freeing a place, or looking at who has it, touches.
    pub(crate) fn prefetch_place(&self, slot: usize) {
        prefetch(&self.lines[slot]);
        prefetch(&self.tags[slot / BUCKET]);
    }

    /// A free place for a key; `None` where all 128 are taken.
    pub(crate) fn vacant(&self, hash: FlowHash) -> Option<usize> {
        let places = self.places(hash);
        let [first, second] = places.buckets;
        let (mut bucket, mut free) = (first, self.free(first));
        if BUCKET_BITS - free.count_ones() >= FIRST_CHOICE {
            let other = self.free(second);
            if other.count_ones() > free.count_ones() {
                (bucket, free) = (second, other);
            }
        }
        (free != 0).then(|| places.slot(bucket, free.rotate_right(places.home)))
    }

    /// Both buckets that a hash points to.
    pub(crate) fn neighbourhood(&self, hash: FlowHash) -> [usize; 2] {
        self.places(hash).buckets
    }

    /// Puts a connection in a free place.
    pub(crate) fn take(&mut self, slot: usize, hash: FlowHash, line: Line<N>) {
        debug_assert!(!self.is_taken(slot), "the place is free");
        self.tags[slot / BUCKET].0[slot % BUCKET] = tag(hash);
        self.due.lower(slot / BUCKET, line.body.expires);
        self.lines[slot] = line;
        self.len += 1;
    }

    /// Frees a place.
    pub(crate) fn free_up(&mut self, slot: usize) {
        debug_assert!(self.is_taken(slot), "the place is taken");
        self.tags[slot / BUCKET].0[slot % BUCKET] = FREE;
        self.lines[slot].vacate();
        self.len -= 1;
    }

    /// Says that the time of the connection in `slot` was shortened.
    pub(crate) fn shortened(&mut self, slot: usize) {
        self.due.lower(slot / BUCKET, self.lines[slot].body.expires);
    }

    /// The bucket that has waited longest for something to run out before `now`.
    pub(crate) fn earliest_due(&self, now: u64) -> Option<usize> {
        self.due.earliest(now)
    }

    pub(crate) fn next_due(&self) -> Option<u64> {
        self.due.next()
    }

    pub(crate) fn is_due(&self, bucket: usize, now: u64) -> bool {
        self.due.is_due(bucket, now)
    }

    /// Which places of a bucket hold a connection that ran out before `now`, a bit each; the bound
    /// of the bucket becomes that of the others.
    pub(crate) fn run_out(&mut self, bucket: usize, now: u64) -> u64 {
        let mut bound = NEVER;
        let mut out = 0;
        let mut taken = !self.free(bucket);
        while taken != 0 {
            let place = taken.trailing_zeros();
            let expires = self.lines[bucket * BUCKET + place as usize].body.expires;
            if expires < now {
                out |= 1 << place;
            } else {
                bound = bound.min(expires);
            }
            taken &= taken - 1;
        }
        self.due.set(bucket, bound);
        out
    }

    /// The taken places, in no order.
    pub(crate) fn taken(&self) -> impl Iterator<Item = usize> {
        (0..self.lines.len()).filter(|&slot| self.is_taken(slot))
    }

    /// Which places of a bucket are free, a bit each.
    fn free(&self, bucket: usize) -> u64 {
        self.tags[bucket].matches(FREE)
    }

    #[inline]
    fn places(&self, hash: FlowHash) -> Places {
        let [upper, lower] = hash.halves();
        // The tag and the home are the bits of the upper half that say least about the bucket.
        let [_, _, home, _] = upper.to_be_bytes();
        Places {
            buckets: [self.scale(upper), self.scale(lower)],
            home: u32::from(home) % BUCKET_BITS,
            tag: tag(hash),
        }
    }

    /// A bucket for a number: all 32 bits are scaled to the number of buckets, so that it need not
    /// be a power of two.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // Less than the number of buckets, a `usize`.
    const fn scale(&self, number: u32) -> usize {
        ((number as u64 * self.buckets() as u64) >> 32) as usize
    }
}

impl Places {
    /// The place that the lowest bit of a mask stands for that was turned right by `home`.
    #[inline]
    const fn slot(&self, bucket: usize, turned: u64) -> usize {
        bucket * BUCKET + (turned.trailing_zeros() + self.home) as usize % BUCKET
    }
}

/// Eight bits of the hash, but never that of a free place.
#[inline]
fn tag(hash: FlowHash) -> u8 {
    let [_, _, _, tag] = hash.halves()[0].to_be_bytes();
    tag.max(FREE + 1)
}

#[cfg(test)]
mod tests;

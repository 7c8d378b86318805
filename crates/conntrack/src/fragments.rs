//! Later fragments share the verdict of their first (semantics D52), and nothing is put together.
//!
//! Only the first fragment of a datagram holds the ports, so only it can be judged. Its verdict is
//! kept on record, with which bytes of the datagram have passed, for 30 s. A later fragment passes
//! as the first did if it fits between the others; one whose first is not on record does not pass,
//! and is not held until it is. Overlap is how the port that was judged is swapped for another at
//! the receiver, so a datagram with any is *spoilt*: no further piece of it passes while it is on
//! record (RFC 5722 section 4; for IPv4, RFC 1858 section 4 and RFC 3128 name the attack).
//!
//! # Life of a record
//!
//! Every record lives equally long, so the order of arrival is the order of running out: the
//! records are a ring, the oldest leave at its head, and "full" means full of live ones, exactly. A
//! hash index with linear probing, never more than half full, finds the record of a datagram;
//! nothing holds a place in the index, so taking an entry out closes the gap and leaves no trace.
//! Should the clock go back, a record stays until those before it are gone.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use secgroup_packet::{AddressPair, Direction, Fragment, InterfaceIndex, Protocol, Timestamp};

use crate::hash::{FlowHash, Seed};

/// How long a datagram is on record after its first fragment: what Linux gives reassembly
/// (`ipfrag_time`).
pub const FRAGMENT_LIFE: Duration = Duration::from_secs(30);
/// Separate ranges of bytes that a record can hold. A sender in order needs one; reordering within
/// 16 pieces fits.
const RANGES: usize = 16;
/// More datagrams than anyone has; keeps the index within 32 bits.
const MAX_CAPACITY: u32 = 1 << 24;
/// Marks a free place of the index.
const FREE: u32 = u32::MAX;

/// Which datagram a fragment is a piece of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FragmentKey {
    /// The interface that it crosses.
    pub interface: InterfaceIndex,
    /// The direction that it crosses in.
    pub direction: Direction,
    /// Source and destination.
    pub addresses: AddressPair,
    /// The protocol.
    pub protocol: Protocol,
    /// The identification that the sender gave it.
    pub id: u32,
}

/// A record that waits for its verdict. Good until the next first fragment or removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentSlot(u32);

/// What becomes of a first fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FragmentStep {
    /// It is on record and has to be judged; its verdict goes here.
    Fresh(FragmentSlot),
    /// There was a first fragment of this datagram: no further piece of it may pass.
    Overlap,
    /// There is no room for another record.
    Full,
}

/// The datagrams of which a first fragment was seen, with the verdict of each.
pub struct FragmentTable<V> {
    seed: Seed,
    capacity: u32,
    /// A ring: `len` records from `head` on. Places that no record has taken yet are not there.
    records: Vec<Record<V>>,
    head: u32,
    len: u32,
    /// Places in `records`, by the hash of the key; a power of two of them.
    index: Box<[u32]>,
    mask: u32,
}

impl<V: Copy> FragmentTable<V> {
    /// An empty table for `capacity` datagrams, 2^24 at most; allocates all that it will ever need.
    #[must_use]
    pub fn new(capacity: u32, seed: u64) -> Self {
        let capacity = capacity.min(MAX_CAPACITY);
        let places = (capacity * 2).next_power_of_two();
        Self {
            seed: Seed::new(seed),
            capacity,
            records: Vec::with_capacity(capacity as usize),
            head: 0,
            len: 0,
            index: vec![FREE; places as usize].into_boxed_slice(),
            mask: places - 1,
        }
    }

    /// A first fragment arrives: it is put on record, and [`record`](Self::record) has to follow.
    pub fn first(&mut self, key: &FragmentKey, fragment: Fragment, now: Timestamp) -> FragmentStep {
        self.run_out(now);
        let home = self.home(key);
        if let Some(at) = self.find(key, home) {
            self.records[at as usize].spoilt = true;
            return FragmentStep::Overlap;
        }
        if self.len == self.capacity {
            return FragmentStep::Full;
        }
        let mut pieces = Pieces::NONE;
        let spoilt = !pieces.add(fragment);
        let runs_out = now.saturating_add(FRAGMENT_LIFE);
        let record = Record {
            key: *key,
            home,
            runs_out,
            verdict: None,
            pieces,
            spoilt,
        };
        FragmentStep::Fresh(FragmentSlot(self.push(record)))
    }

    /// Puts the verdict of a first fragment on record.
    pub fn record(&mut self, FragmentSlot(at): FragmentSlot, verdict: V) {
        if let Some(record) = self.records.get_mut(at as usize) {
            record.verdict = Some(verdict);
        }
    }

    /// A later fragment arrives: the verdict of its first, or `None` where it must not pass.
    pub fn later(&mut self, key: &FragmentKey, fragment: Fragment, now: Timestamp) -> Option<V> {
        self.run_out(now);
        let at = self.find(key, self.home(key))?;
        let record = &mut self.records[at as usize];
        record.spoilt = record.spoilt || !record.pieces.add(fragment);
        if record.spoilt { None } else { record.verdict }
    }

    /// Forgets the datagrams that crossed an interface. Looks at every record: for an interface
    /// that is gone (D27), not for a packet.
    pub fn remove_interface(&mut self, interface: InterfaceIndex) {
        let mut kept = 0;
        for from in 0..self.len {
            let (from, to) = (self.at(from) as usize, self.at(kept) as usize);
            if self.records[from].key.interface != interface {
                self.records.swap(from, to);
                kept += 1;
            }
        }
        self.len = kept;
        self.index.fill(FREE);
        for record in 0..kept {
            self.list(self.at(record));
        }
    }

    /// Where in the index a key's entry would like to be.
    fn home(&self, key: &FragmentKey) -> u32 {
        let mut hasher = self.seed.hasher();
        key.hash(&mut hasher);
        let [upper, _] = FlowHash(hasher.finish()).halves();
        upper & self.mask
    }

    /// The place of a record.
    fn find(&self, key: &FragmentKey, home: u32) -> Option<u32> {
        let mut place = home;
        loop {
            let at = self.index[place as usize];
            if at == FREE {
                return None; // Invariant: half of the index is free.
            }
            if self.records[at as usize].key == *key {
                return Some(at);
            }
            place = (place + 1) & self.mask;
        }
    }

    /// The place of the record that is so many behind the oldest.
    const fn at(&self, behind: u32) -> u32 {
        (self.head + behind) % self.capacity
    }

    /// Adds a record at the end of the ring.
    fn push(&mut self, record: Record<V>) -> u32 {
        let at = self.at(self.len);
        match self.records.get_mut(at as usize) {
            Some(old) => *old = record,
            None => self.records.push(record), // The ring has not come round yet.
        }
        self.len += 1;
        self.list(at);
        at
    }

    /// Puts a record in the index.
    fn list(&mut self, at: u32) {
        let mut place = self.records[at as usize].home;
        while self.index[place as usize] != FREE {
            place = (place + 1) & self.mask;
        }
        self.index[place as usize] = at;
    }

    /// Drops the records that ran out before `now`.
    fn run_out(&mut self, now: Timestamp) {
        while self.len > 0 && self.records[self.head as usize].runs_out < now {
            self.unlist(self.head);
            self.head = self.at(1);
            self.len -= 1;
        }
    }

    /// Takes a record out of the index, and moves up what it had pushed on.
    fn unlist(&mut self, at: u32) {
        let mut gap = self.records[at as usize].home;
        while self.index[gap as usize] != at {
            gap = (gap + 1) & self.mask;
        }
        let mut place = gap;
        loop {
            place = (place + 1) & self.mask;
            let other = self.index[place as usize];
            if other == FREE {
                break;
            }
            // An entry may move to the gap unless that lies before its home, counted round.
            let home = self.records[other as usize].home;
            if place.wrapping_sub(home) & self.mask >= place.wrapping_sub(gap) & self.mask {
                self.index[gap as usize] = other;
                gap = place;
            }
        }
        self.index[gap as usize] = FREE;
    }
}

impl<V> std::fmt::Debug for FragmentTable<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FragmentTable")
            .field("len", &self.len)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// What is known of a datagram.
struct Record<V> {
    key: FragmentKey,
    home: u32,
    runs_out: Timestamp,
    verdict: Option<V>,
    pieces: Pieces,
    spoilt: bool,
}

/// The bytes of a datagram that have passed.
struct Pieces {
    /// The first `len` are ranges, in no order, none of which touches another.
    ranges: [Range; RANGES],
    len: usize,
    /// Where the datagram ends, once its last fragment was seen.
    end: Option<u16>,
}

/// From the first byte to the one behind the last.
#[derive(Clone, Copy)]
struct Range {
    from: u16,
    to: u16,
}

impl Pieces {
    const NONE: Self = Self {
        ranges: [Range { from: 0, to: 0 }; RANGES],
        len: 0,
        end: None,
    };

    /// Adds a piece; `false` where it does not fit with what is there.
    fn add(&mut self, fragment: Fragment) -> bool {
        let from = fragment.offset;
        let Some(to) = from.checked_add(fragment.len) else {
            return false; // Beyond 65535.
        };
        let ranges = &self.ranges[..self.len];
        if ranges
            .iter()
            .any(|range| from < range.to && range.from < to)
        {
            return false; // Overlap.
        }
        if !fragment.more {
            if self.end.is_some() || ranges.iter().any(|range| range.to > to) {
                return false; // A second end, or one before what is there.
            }
            self.end = Some(to);
        } else if self.end.is_some_and(|end| to > end) {
            return false; // Beyond the end.
        }
        from == to || self.join(Range { from, to })
    }

    /// Adds a range that overlaps none; `false` where there are too many.
    fn join(&mut self, new: Range) -> bool {
        let ranges = &self.ranges[..self.len];
        let before = ranges.iter().position(|range| range.to == new.from);
        let behind = ranges.iter().position(|range| range.from == new.to);
        match (before, behind) {
            (Some(before), Some(behind)) => {
                self.ranges[before].to = self.ranges[behind].to;
                self.len -= 1;
                self.ranges[behind] = self.ranges[self.len];
            }
            (Some(before), None) => self.ranges[before].to = new.to,
            (None, Some(behind)) => self.ranges[behind].from = new.from,
            (None, None) => {
                let Some(free) = self.ranges.get_mut(self.len) else {
                    return false;
                };
                *free = new;
                self.len += 1;
            }
        }
        true
    }
}

//! Which groups an address is in: shared, changed one entry at a time.
//!
//! # What is stored
//! A group's members are the private addresses and delegated prefixes of the interfaces that have
//! it attached (semantics C6, C7). The directory turns that round: network → groups. A host address
//! is a network of full length. An address is in the groups of *every* network that contains it, so
//! a lookup probes once for each prefix length that occurs: one probe where there are only host
//! addresses, two with delegated /28s beside them.
//!
//! # Exact union
//! Two VPCs may use the same address, and an interface may repeat one, so a (network, group) pair
//! is *counted*: every [`Directory::join`] must be undone by one [`Directory::leave`], in any
//! order, and the pair disappears with the last. A leave without its join is ignored.
//!
//! # Synchronisation
//! The maps are sharded locks (`dashmap`). [`Directory::change`] is one critical section for one
//! network: a reader sees the groups before or after it, never a mixture. The set of prefix lengths
//! to probe is an atomic bit set: a length's bit is set *before* its first entry goes in and
//! cleared *after* its last went out, both under `lengths`, so that a bit may be set in vain but is
//! never missing. Lock order: `lengths` and a map shard are never held together.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::fast::RandomState;
use ipnet::IpNet;

use crate::GroupNumber;

/// Prefix lengths of IPv6: 0 to 128. IPv4 uses the first 33.
const LENGTHS: usize = 129;

/// Words of a bit set over all prefix lengths.
const WORDS: usize = LENGTHS.div_ceil(64);

/// The groups of one network, each with how often it was joined. Unordered; rarely more than five
/// (semantics B15).
type Members = Vec<(GroupNumber, u32)>;

/// The membership directory (address or delegated prefix → groups).
///
/// Shared by all workers and changed in place: a member that joins or leaves costs one entry
/// (semantics C8).
#[derive(Debug, Default)]
pub struct Directory {
    v4: Half<u32>,
    v6: Half<u128>,
}

impl Directory {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `net` to `groups`; once more where it is in one already.
    pub fn join(&self, net: IpNet, groups: &[GroupNumber]) {
        self.change(net, &[], groups);
    }

    /// Undoes one [`Directory::join`] of `net` for each of `groups`.
    pub fn leave(&self, net: IpNet, groups: &[GroupNumber]) {
        self.change(net, groups, &[]);
    }

    /// Leaves and joins groups in one step: no lookup sees one without the other.
    pub fn change(&self, net: IpNet, leaves: &[GroupNumber], joins: &[GroupNumber]) {
        let (net, length) = (net.trunc(), u32::from(net.prefix_len()));
        match net.addr() {
            IpAddr::V4(a) => self.v4.change((a.to_bits(), length), leaves, joins),
            IpAddr::V6(a) => self.v6.change((a.to_bits(), length), leaves, joins),
        }
    }

    /// Whether `address` is in `group`.
    #[must_use]
    pub fn contains(&self, address: IpAddr, group: GroupNumber) -> bool {
        let mut found = false;
        self.for_each_group(address, |g| found |= g == group);
        found
    }

    /// Calls `visit` with each group of `address`, in no order; twice with one that it is in by two
    /// networks.
    ///
    /// A lock is held meanwhile: `visit` must not use the directory, or it may wait for itself.
    pub fn for_each_group(&self, address: IpAddr, visit: impl FnMut(GroupNumber)) {
        match address {
            IpAddr::V4(a) => self.v4.for_each_group(a.to_bits(), visit),
            IpAddr::V6(a) => self.v6.for_each_group(a.to_bits(), visit),
        }
    }

    /// The groups of `address`, in ascending order, each once.
    #[must_use]
    pub fn groups_of(&self, address: IpAddr) -> Vec<GroupNumber> {
        let mut groups = Vec::new();
        self.for_each_group(address, |group| groups.push(group));
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// How many networks are in some group. Walks every shard: for reports, not for packets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.v4.networks.len() + self.v6.networks.len()
    }

    /// Whether no network is in any group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.networks.is_empty() && self.v6.networks.is_empty()
    }
}

/// An address as a number, and the network that it is in at a prefix length.
trait Bits: Copy + Eq + std::hash::Hash {
    /// The address with all bits behind the first `length` cleared.
    fn network(self, length: u32) -> Self;
}

impl Bits for u32 {
    fn network(self, length: u32) -> Self {
        let host_bits = Self::BITS.saturating_sub(length);
        self & Self::MAX.checked_shl(host_bits).unwrap_or(0)
    }
}

impl Bits for u128 {
    fn network(self, length: u32) -> Self {
        let host_bits = Self::BITS.saturating_sub(length);
        self & Self::MAX.checked_shl(host_bits).unwrap_or(0)
    }
}

/// The networks of one address family.
#[derive(Debug)]
struct Half<B: Eq + std::hash::Hash> {
    /// (network address, prefix length) → groups. Never holds an empty list.
    networks: DashMap<(B, u32), Members, RandomState>,
    /// Which prefix lengths to probe: bit `n` for length `n`.
    probes: [AtomicU64; WORDS],
    /// How many (network, group) pairs there are of each length, with their counts; decides
    /// `probes`.
    lengths: Mutex<[u64; LENGTHS]>,
}

impl<B: Bits> Default for Half<B> {
    fn default() -> Self {
        Self {
            networks: DashMap::default(),
            probes: Default::default(),
            lengths: Mutex::new([0; LENGTHS]),
        }
    }
}

impl<B: Bits> Half<B> {
    fn change(&self, key: (B, u32), leaves: &[GroupNumber], joins: &[GroupNumber]) {
        self.count_length(key.1, joins.len(), 0);
        let mut left = 0;
        match self.networks.entry(key) {
            Entry::Occupied(mut entry) => {
                left = leaves
                    .iter()
                    .filter(|&&group| take(entry.get_mut(), group))
                    .count();
                joins.iter().for_each(|&group| put(entry.get_mut(), group));
                if entry.get().is_empty() {
                    entry.remove();
                }
            }
            Entry::Vacant(entry) if !joins.is_empty() => {
                let mut members = Members::with_capacity(joins.len());
                joins.iter().for_each(|&group| put(&mut members, group));
                entry.insert(members);
            }
            Entry::Vacant(_) => {}
        }
        self.count_length(key.1, 0, left);
    }

    /// Counts pairs of a prefix length in or out, and makes lookups probe the length exactly while
    /// there are any.
    fn count_length(&self, length: u32, joined: usize, left: usize) {
        if joined == left {
            return;
        }
        let mut lengths = self.lengths();
        let count = &mut lengths[length as usize];
        *count = count
            .saturating_add(joined as u64)
            .saturating_sub(left as u64);
        let (word, bit) = (&self.probes[length as usize / 64], 1 << (length % 64));
        if *count > 0 {
            word.fetch_or(bit, Ordering::Release);
        } else {
            word.fetch_and(!bit, Ordering::Release);
        }
    }

    /// The counts. A panic elsewhere cannot leave them half-written: each change is one store.
    fn lengths(&self) -> MutexGuard<'_, [u64; LENGTHS]> {
        self.lengths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn for_each_group(&self, address: B, mut visit: impl FnMut(GroupNumber)) {
        let mut base = 0;
        for word in &self.probes {
            let mut bits = word.load(Ordering::Acquire);
            while bits != 0 {
                let length = base + bits.trailing_zeros();
                if let Some(members) = self.networks.get(&(address.network(length), length)) {
                    members.iter().for_each(|&(group, _)| visit(group));
                }
                bits &= bits - 1;
            }
            base += 64;
        }
    }
}

/// Counts one more join of `group`.
fn put(members: &mut Members, group: GroupNumber) {
    match members.iter_mut().find(|(g, _)| *g == group) {
        Some((_, count)) => *count = count.saturating_add(1),
        None => members.push((group, 1)),
    }
}

/// Counts one join of `group` less; false where there is none.
fn take(members: &mut Members, group: GroupNumber) -> bool {
    let Some(at) = members.iter().position(|(g, _)| *g == group) else {
        return false;
    };
    members[at].1 -= 1;
    if members[at].1 == 0 {
        members.swap_remove(at);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths that a lookup in each family probes.
    fn probed(directory: &Directory) -> [Vec<u32>; 2] {
        [&directory.v4.probes, &directory.v6.probes].map(|words| {
            let set = |length: &u32| {
                words[*length as usize / 64].load(Ordering::Relaxed) >> (length % 64) & 1 == 1
            };
            (0..129).filter(set).collect()
        })
    }

    #[test]
    fn lookups_probe_exactly_the_lengths_there_are() {
        let directory = Directory::new();
        let [a, b] = [1, 2].map(GroupNumber);
        let nets = [
            "10.0.0.1/32",
            "10.0.0.16/28",
            "10.0.0.2/32",
            "::/0",
            "2001:db8::1/128",
        ];
        let [host, prefix, other, all, host6]: [IpNet; 5] = nets.map(|net| net.parse().unwrap());
        for net in [host, prefix, other, all, host6] {
            directory.join(net, &[a, b]);
        }
        assert_eq!(probed(&directory), [vec![28, 32], vec![0, 128]]);
        directory.leave(host, &[a, b, b]);
        directory.leave(prefix, &[a]);
        directory.leave(prefix, &[GroupNumber(3)]);
        directory.leave(all, &[b, a]);
        assert_eq!(probed(&directory), [vec![28, 32], vec![128]]);
        directory.change(prefix, &[b], &[a]);
        directory.leave(other, &[a, b]);
        assert_eq!(probed(&directory), [vec![28], vec![128]]);
        directory.leave(prefix, &[a]);
        directory.leave(host6, &[a, b]);
        assert_eq!(probed(&directory), [vec![], vec![]]);
    }
}

//! The tables of both families side by side, and the handle that says which place of which.

use secgroup_packet::{Direction, Family, FlowKey, InterfaceIndex, Timestamp};

use crate::probe::Hint;
use crate::{Connection, Probe};

use crate::hash::{FlowHash, Seed};
use crate::line::{Body, Line, PackedKey, WORDS_V4, WORDS_V6};
use crate::slots::{BUCKET, Slots};

/// Where a connection lies. Good until the next call that adds or takes away connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle(u32);

impl Handle {
    /// This bit says IPv6, the others are the place.
    const V6: u32 = 1 << 31;
    /// Places that the other bits can count, and well below: no handle is all ones.
    pub(crate) const MAX_CAPACITY: u32 = 1 << 28;

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // Invariant: less than MAX_CAPACITY * 8 / 7 + 64.
    pub(crate) const fn new(family: Family, slot: usize) -> Self {
        let slot = slot as u32;
        match family {
            Family::V4 => Self(slot),
            Family::V6 => Self(slot | Self::V6),
        }
    }

    #[inline]
    pub(crate) const fn family(self) -> Family {
        if self.0 & Self::V6 == 0 {
            Family::V4
        } else {
            Family::V6
        }
    }

    #[inline]
    pub(crate) const fn slot(self) -> usize {
        (self.0 & !Self::V6) as usize
    }

    pub(crate) const fn to_bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

/// Both tables.
pub(crate) struct Store {
    v4: Slots<WORDS_V4>,
    v6: Slots<WORDS_V6>,
    /// Connections taken in so far; begins again behind the highest number, which is no matter within a burst.
    taken: u32,
}

/// Calls the same method on the table of a family.
macro_rules! of_family {
    ($store:expr, $family:expr, $slots:ident => $call:expr) => {
        match $family {
            Family::V4 => {
                let $slots = &$store.v4;
                $call
            }
            Family::V6 => {
                let $slots = &$store.v6;
                $call
            }
        }
    };
    (mut $store:expr, $family:expr, $slots:ident => $call:expr) => {
        match $family {
            Family::V4 => {
                let $slots = &mut $store.v4;
                $call
            }
            Family::V6 => {
                let $slots = &mut $store.v6;
                $call
            }
        }
    };
}

impl Store {
    pub(crate) fn new(capacity: u32, capacity_v6: u32) -> Self {
        Self {
            v4: Slots::new(capacity.min(Handle::MAX_CAPACITY)),
            v6: Slots::new(capacity_v6.min(Handle::MAX_CAPACITY)),
            taken: 0,
        }
    }

    pub(crate) const fn len(&self, family: Family) -> u32 {
        of_family!(self, family, slots => slots.len())
    }

    pub(crate) const fn capacity(&self, family: Family) -> u32 {
        of_family!(self, family, slots => slots.capacity())
    }

    pub(crate) fn memory_bytes(&self, family: Family) -> usize {
        of_family!(self, family, slots => slots.memory_bytes())
    }

    pub(crate) const fn buckets(&self, family: Family) -> usize {
        of_family!(self, family, slots => slots.buckets())
    }

    #[inline]
    pub(crate) fn hash(seed: &Seed, key: &FlowKey) -> FlowHash {
        Probe::of_key(seed, key).hash()
    }

    /// The place of a key, looked for from the start.
    #[inline]
    pub(crate) fn find(&self, key: &FlowKey, hash: FlowHash) -> Option<Handle> {
        let (family, slot) = match key {
            FlowKey::V4(key) => (Family::V4, self.v4.find(&PackedKey::from(key), hash)?),
            FlowKey::V6(key) => (Family::V6, self.v6.find(&PackedKey::from(key), hash)?),
        };
        Some(Handle::new(family, slot))
    }

    /// The place of a key, where its probe saw it or, failing that, looked for from the start.
    #[inline(always)]
    pub(crate) fn find_probed(&self, probe: &Probe) -> Option<Handle> {
        if probe.family()? == Family::V6 {
            return self.find_probed_v6(probe);
        }
        let key = probe.key_v4();
        let slot = match probe.hint {
            Hint::At(slot) if self.v4.is_at(slot as usize, &key) => slot as usize,
            Hint::Nowhere(taken) if taken == self.taken => return None,
            _ => self.v4.find(&key, probe.hash())?,
        };
        Some(Handle::new(Family::V4, slot))
    }

    /// The connection of a probe where its hint says, and `None` where it has none or that is wrong.
    #[inline(always)]
    pub(crate) fn aimed(&mut self, probe: &Probe) -> Option<&mut Body> {
        if probe.family()? == Family::V6 {
            return self.aimed_v6(probe);
        }
        match probe.hint {
            Hint::At(slot) => self.v4.body_at(slot as usize, &probe.key_v4()),
            _ => None,
        }
    }

    /// A function of its own: its five words would take the registers from IPv4's two.
    #[inline(never)]
    fn aimed_v6(&mut self, probe: &Probe) -> Option<&mut Body> {
        match probe.hint {
            Hint::At(slot) => self.v6.body_at(slot as usize, &probe.key_v6()),
            _ => None,
        }
    }

    /// A function of its own: its five words would take the registers from IPv4's two.
    #[inline(never)]
    fn find_probed_v6(&self, probe: &Probe) -> Option<Handle> {
        let key = probe.key_v6();
        let slot = match probe.hint {
            Hint::At(slot) if self.v6.is_at(slot as usize, &key) => slot as usize,
            Hint::Nowhere(taken) if taken == self.taken => return None,
            _ => self.v6.find(&key, probe.hash())?,
        };
        Some(Handle::new(Family::V6, slot))
    }

    #[inline]
    pub(crate) fn prefetch_tags(&self, probe: &Probe) {
        if let Some(family) = probe.family() {
            of_family!(self, family, slots => slots.prefetch_tags(probe.hash()));
        }
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // As in a handle.
    pub(crate) fn aim(&self, probe: &mut Probe) {
        if let Some(family) = probe.family() {
            let slot = of_family!(self, family, slots => slots.aim(probe.hash()));
            probe.hint = slot.map_or(Hint::Nowhere(self.taken), |slot| Hint::At(slot as u32));
        }
    }

    /// Asks for what [`free_up`](Self::free_up) will touch.
    pub(crate) fn prefetch_place(&self, handle: Handle) {
        of_family!(self, handle.family(), slots => slots.prefetch_place(handle.slot()));
    }

    pub(crate) fn vacant(&self, family: Family, hash: FlowHash) -> Option<Handle> {
        let slot = of_family!(self, family, slots => slots.vacant(hash))?;
        Some(Handle::new(family, slot))
    }

    pub(crate) fn neighbourhood(&self, family: Family, hash: FlowHash) -> [usize; 2] {
        of_family!(self, family, slots => slots.neighbourhood(hash))
    }

    /// Puts the connection of a probe in a free place of its family.
    pub(crate) fn take(&mut self, place: Handle, probe: &Probe, body: Body) {
        let (slot, hash) = (place.slot(), probe.hash());
        self.taken = self.taken.wrapping_add(1);
        match place.family() {
            Family::V4 => self.v4.take(slot, hash, Line::new(&probe.key_v4(), body)),
            Family::V6 => self.v6.take(slot, hash, Line::new(&probe.key_v6(), body)),
        }
    }

    pub(crate) fn free_up(&mut self, handle: Handle) {
        of_family!(mut self, handle.family(), slots => slots.free_up(handle.slot()));
    }

    pub(crate) fn is_taken(&self, handle: Handle) -> bool {
        of_family!(self, handle.family(), slots => slots.is_taken(handle.slot()))
    }

    #[inline]
    pub(crate) fn body(&self, handle: Handle) -> &Body {
        of_family!(self, handle.family(), slots => slots.body(handle.slot()))
    }

    #[inline]
    pub(crate) fn body_mut(&mut self, handle: Handle) -> &mut Body {
        of_family!(mut self, handle.family(), slots => slots.body_mut(handle.slot()))
    }

    pub(crate) fn interface(&self, handle: Handle) -> InterfaceIndex {
        of_family!(self, handle.family(), slots => slots.line(handle.slot()).interface())
    }

    pub(crate) fn shortened(&mut self, handle: Handle) {
        of_family!(mut self, handle.family(), slots => slots.shortened(handle.slot()));
    }

    pub(crate) fn earliest_due(&self, family: Family, now: u64) -> Option<usize> {
        of_family!(self, family, slots => slots.earliest_due(now))
    }

    pub(crate) fn next_due(&self, family: Family) -> Option<u64> {
        of_family!(self, family, slots => slots.next_due())
    }

    pub(crate) fn is_due(&self, family: Family, bucket: usize, now: u64) -> bool {
        of_family!(self, family, slots => slots.is_due(bucket, now))
    }

    /// The connections of a bucket that ran out before `now`. Its bound is now that of the others:
    /// the caller frees them.
    pub(crate) fn run_out(
        &mut self,
        family: Family,
        bucket: usize,
        now: u64,
    ) -> impl Iterator<Item = Handle> + use<> {
        let mut out = of_family!(mut self, family, slots => slots.run_out(bucket, now));
        std::iter::from_fn(move || {
            let place = (out != 0).then(|| out.trailing_zeros() as usize)?;
            out &= out - 1;
            Some(Handle::new(family, bucket * BUCKET + place))
        })
    }

    /// Every connection held, in no order.
    pub(crate) fn handles(&self) -> impl Iterator<Item = Handle> + '_ {
        let v4 = self.v4.taken().map(|slot| Handle::new(Family::V4, slot));
        v4.chain(self.v6.taken().map(|slot| Handle::new(Family::V6, slot)))
    }

    /// The number of places, taken or not.
    pub(crate) const fn places(&self, family: Family) -> usize {
        self.buckets(family) * BUCKET
    }

    pub(crate) fn connection(&self, handle: Handle) -> Connection {
        let key: FlowKey =
            of_family!(self, handle.family(), slots => slots.line(handle.slot()).key().into());
        let body = self.body(handle);
        let Body {
            rule,
            state,
            originator,
            packets,
            bytes,
            ..
        } = *body;
        let expires = Timestamp::from_nanos(body.expires);
        Connection {
            key,
            originator,
            state,
            expires,
            rule,
            packets,
            bytes,
        }
    }
}

const _: () = assert!(Direction::Ingress as usize == 0 && Direction::Egress as usize == 1);

//! The mark by which the kernel knows the connections that it may carry on by itself.
//!
//! Some bits of the packet mark and of the connection mark are ours; the value in them is a
//! *generation*. A packet that is accepted with [`AcceptFlow`](crate::live::QueueVerdict::AcceptFlow) goes back
//! through the rules with the current generation on it, the rules copy it to its connection, and from
//! then on let packets of that connection through that need no decision. A new generation makes every
//! connection come back to us, without touching one.
//!
//! A connection that was marked and then stayed silent keeps its mark for as long as the kernel
//! remembers it: five days, by default, for TCP. A generation must not come round again before then, not even after a
//! restart of this program, which cannot know what it used before. Therefore a generation is a *time*: how far
//! the host is in a period of six days, in as fine a division as the bits give. Within one
//! run, generations also always rise.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long until a generation comes round again.
const PERIOD: Duration = Duration::from_secs(6 * 24 * 60 * 60);

/// Fewest bits that a mask may have: a generation every 8 seconds, on average over [`PERIOD`].
const MIN_BITS: u32 = 16;

/// The bits that are ours, and what they say now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowMark {
    mask: u32,
    generation: u32,
}

/// Bits that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the flow mark's bits {0:#010x} must be at least {MIN_BITS} bits side by side, such as 0xffff0000"
)]
pub struct BadMask(u32);

impl FlowMark {
    /// A mark in the bits of `mask`, which nobody else may use: in particular, a packet that carries the
    /// current mark already is let through. The generation is that of the time.
    ///
    /// # Errors
    /// Fewer than 16 bits, or bits that are not side by side.
    pub fn fresh(mask: u32) -> Result<Self, BadMask> {
        let shifted = mask.checked_shr(mask.trailing_zeros()).unwrap_or(0);
        if shifted.trailing_ones() != shifted.count_ones() || shifted.count_ones() < MIN_BITS {
            return Err(BadMask(mask));
        }
        let since_boot = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(since_boot.tv_sec).unwrap_or(0);
        let nanos = u32::try_from(since_boot.tv_nsec).unwrap_or(0);
        Ok(Self {
            mask,
            generation: generation_at(Duration::new(seconds, nanos), shifted),
        })
    }

    /// The next generation: that of the time, or the one after this if that is as far already.
    #[must_use]
    pub fn next(self) -> Self {
        let last = self.last();
        let by_time = Self::fresh(self.mask).map_or(self.generation, |fresh| fresh.generation);
        // How far the time is ahead, round the period; more than half of it is behind.
        let ahead =
            (u64::from(by_time) + u64::from(last) - u64::from(self.generation)) % u64::from(last);
        let generation = if ahead == 0 || ahead > u64::from(last / 2) {
            self.generation % last + 1
        } else {
            by_time
        };
        Self { generation, ..self }
    }

    /// The bits that are ours.
    #[must_use]
    pub const fn mask(self) -> u32 {
        self.mask
    }

    /// What is in them, at their place.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.generation << self.mask.trailing_zeros()
    }

    /// The largest generation; 0 is for connections that have none.
    const fn last(self) -> u32 {
        self.mask >> self.mask.trailing_zeros()
    }
}

/// The generation, of `1..=last`, at a time since the host was started.
#[allow(
    clippy::cast_possible_truncation,
    reason = "less than `last`, as the remainder is less than the period"
)]
fn generation_at(since_boot: Duration, last: u32) -> u32 {
    let within = since_boot.as_nanos() % PERIOD.as_nanos();
    (within * u128::from(last) / PERIOD.as_nanos()) as u32 + 1
}

/// The current mark, one for all queues of a host: whoever changes the rules sets it, whoever gives
/// verdicts reads it.
#[derive(Debug, Clone, Default)]
pub struct CurrentFlowMark(Arc<AtomicU64>);

impl CurrentFlowMark {
    /// From here on, flows are accepted with this mark; with none, packet by packet.
    pub fn set(&self, mark: Option<FlowMark>) {
        let packed = mark.map_or(0, |mark| {
            u64::from(mark.mask) << 32 | u64::from(mark.generation)
        });
        self.0.store(packed, Ordering::Release);
    }

    /// The mark now.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    pub fn get(&self) -> Option<FlowMark> {
        let packed = self.0.load(Ordering::Acquire);
        let (mask, generation) = ((packed >> 32) as u32, packed as u32);
        (mask != 0).then_some(FlowMark { mask, generation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_have_to_be_enough_and_side_by_side() {
        for mask in [0, 1, 0xff, 0x7fff_0000, 0xff00_ff00, 0x8000_7fff] {
            assert_eq!(FlowMark::fresh(mask), Err(BadMask(mask)), "{mask:#x}");
        }
        for mask in [0xffff, 0xffff_0000, 0x00ff_ff00, 0xffff_ffff] {
            let mark = FlowMark::fresh(mask).unwrap();
            assert_eq!(mark.value() & !mask, 0, "{mask:#x}");
            assert_ne!(mark.value(), 0, "{mask:#x}");
        }
    }

    #[test]
    fn a_generation_is_the_time_and_comes_round_after_six_days() {
        let day = Duration::from_secs(24 * 60 * 60);
        assert_eq!(generation_at(Duration::ZERO, 0xffff), 1);
        assert_eq!(generation_at(3 * day, 0xffff), 0x8000);
        assert_eq!(
            generation_at(6 * day - Duration::from_nanos(1), 0xffff),
            0xffff
        );
        assert_eq!(generation_at(6 * day, 0xffff), 1);
        assert_eq!(
            generation_at(6 * day - Duration::from_nanos(1), u32::MAX),
            u32::MAX
        );
    }

    #[test]
    fn every_next_generation_is_another_one() {
        for mask in [0xffff_0000, 0xffff_ffff] {
            let mut mark = FlowMark::fresh(mask).unwrap();
            let mut seen = std::collections::BTreeSet::from([mark.value()]);
            for _ in 0..1000 {
                mark = mark.next();
                assert!(seen.insert(mark.value()));
                assert_ne!(mark.value(), 0);
            }
        }
    }

    #[test]
    fn after_the_last_generation_comes_the_first_and_never_none() {
        let mark = FlowMark {
            mask: 0xffff_0000,
            generation: 0xffff,
        };
        assert_ne!(mark.next().value(), 0);
        assert_ne!(mark.next(), mark);
    }

    #[test]
    fn what_is_set_is_what_is_got() {
        let current = CurrentFlowMark::default();
        assert_eq!(current.get(), None);
        let mark = FlowMark::fresh(0xffff_0000).unwrap();
        current.set(Some(mark));
        assert_eq!(current.clone().get(), Some(mark));
        current.set(None);
        assert_eq!(current.get(), None);
    }
}

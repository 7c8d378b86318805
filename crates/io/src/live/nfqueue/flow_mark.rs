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
//! the host is in a period of six days, in as fine a division as the bits give, which is 8 seconds for 16 bits
//! and a tenth of a millisecond for 32.
//!
//! Within a division there may be several policies, and several runs. Two rules keep all of them apart: no generation is
//! used that is more than one division ahead of the time, and none that is not ahead of all that this run used, or
//! that any earlier one may have used when this one began. So there are moments at which there is no next generation yet.

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
    /// current mark already is let through. Its generation is one that an earlier run may have used: nothing is to
    /// be accepted with it, but with the [`next`](Self::next).
    ///
    /// # Errors
    /// Fewer than 16 bits, or bits that are not side by side.
    pub fn fresh(mask: u32) -> Result<Self, BadMask> {
        Self::fresh_at(mask, since_boot())
    }

    fn fresh_at(mask: u32, now: Duration) -> Result<Self, BadMask> {
        let shifted = mask.checked_shr(mask.trailing_zeros()).unwrap_or(0);
        if shifted.trailing_ones() != shifted.count_ones() || shifted.count_ones() < MIN_BITS {
            return Err(BadMask(mask));
        }
        let generation = generation_at(now, shifted) % shifted + 1;
        Ok(Self { mask, generation })
    }

    /// The next generation; `None` where it is too early for one, which with 16 bits may take 8 seconds.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.next_at(since_boot())
    }

    fn next_at(self, now: Duration) -> Option<Self> {
        let last = u64::from(self.last());
        let by_time = generation_at(now, self.last());
        // How far the time is ahead, round the period; more than half of it is behind.
        let ahead = (u64::from(by_time) + last - u64::from(self.generation)) % last;
        let generation = match ahead {
            0 => by_time % self.last() + 1,
            ahead if ahead <= last / 2 => by_time,
            _ => return None,
        };
        Some(Self { generation, ..self })
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

/// How long the host runs, with the time it slept.
fn since_boot() -> Duration {
    let since_boot = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(since_boot.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(since_boot.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanos)
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
    use std::collections::BTreeSet;

    use secgroup_testkit::rng::Rng;

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

    /// Runs that are killed and started again at any time, and change their policy at any time.
    #[test]
    fn no_run_uses_a_generation_that_was_used_before() {
        let seed = 0x5eed_0f10;
        println!("seed {seed:#x}");
        let mut rng = Rng::new(seed);
        for mask in [0xffff_0000, 0x00ff_ff00, 0xffff_ffff] {
            let mut used = BTreeSet::new();
            // So that the period ends on the way.
            let mut now = 2 * PERIOD - Duration::from_secs(3600);
            for _ in 0..200 {
                let mut mark = FlowMark::fresh_at(mask, now).unwrap();
                for _ in 0..rng.below(20) {
                    let longest = [3, 3_000, 30_000][usize::try_from(rng.below(3)).unwrap()];
                    now += Duration::from_millis(rng.below(longest));
                    if let Some(next) = mark.next_at(now) {
                        assert!(used.insert(next.value()), "{mask:#x} {now:?}");
                        assert_ne!(next.value(), 0);
                        mark = next;
                    }
                }
            }
            assert!(used.len() > 500, "{mask:#x}: {}", used.len());
        }
    }

    #[test]
    fn a_next_generation_is_never_far() {
        let second = Duration::from_secs(1);
        for (mask, division) in [(0xffff_0000, 8 * second), (0xffff_ffff, second / 8192)] {
            for now in [second, PERIOD - second, PERIOD - second / 1000] {
                let mark = FlowMark::fresh_at(mask, now).unwrap();
                assert_eq!(mark.next_at(now), None);
                let next = mark.next_at(now + division).unwrap();
                assert_ne!(next, mark);
                // And once there was time, there are two.
                assert!(next.next_at(now + 2 * division).is_some());
            }
        }
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

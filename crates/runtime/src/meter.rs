//! What is measured only where somebody asked for it: how long bursts take, and which connections begin.
//!
//! The counters of a [`Datapath`](secgroup_datapath::Datapath) are always there. These cost a look at each verdict and, for one burst of
//! [`SAMPLE_EVERY`], two readings of the clock; never one for a packet. A worker without a meter looks at one `Option` per burst.

use std::time::{Duration, Instant};

use secgroup_datapath::{Crossing, Reason, State, Verdict};
use secgroup_packet::Protocol;

/// One burst of so many is timed, the first among them.
pub const SAMPLE_EVERY: u64 = 16;

/// How long the bursts that were timed took: from their first frame being parsed to the last verdict told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BurstTimes {
    /// Bursts that took no longer than [`BOUNDS`](Self::BOUNDS), each counted at the first of these that it kept within; the last number is those beyond all.
    pub buckets: [u64; Self::BOUNDS.len() + 1],
    /// All of them together, in nanoseconds.
    pub nanos: u64,
}

impl BurstTimes {
    /// Nanoseconds: from a packet by itself to a burst that a page fault or another thread held up.
    pub const BOUNDS: [u64; 14] = [
        250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 1_000_000,
        4_000_000, 16_000_000,
    ];

    /// One more burst.
    fn add(&mut self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = Self::BOUNDS.partition_point(|bound| *bound < nanos);
        self.buckets[bucket] += 1;
        self.nanos = self.nanos.saturating_add(nanos);
    }
}

impl std::ops::AddAssign for BurstTimes {
    fn add_assign(&mut self, other: Self) {
        for (sum, count) in self.buckets.iter_mut().zip(other.buckets) {
            *sum += count;
        }
        self.nanos = self.nanos.saturating_add(other.nanos);
    }
}

/// What connections are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP and ICMPv6.
    Icmp,
    /// Any other protocol.
    Other,
}

impl Kind {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Icmp, Self::Other];

    /// Its name, in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Other => "other",
        }
    }

    const fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::TCP => Self::Tcp,
            Protocol::UDP => Self::Udp,
            Protocol::ICMP | Protocol::ICMPV6 => Self::Icmp,
            _ => Self::Other,
        }
    }

    /// What a connection in this state is: states are those of one protocol.
    #[must_use]
    pub const fn in_state(state: State) -> Self {
        match state {
            State::Udp | State::UdpStream => Self::Udp,
            State::Icmp => Self::Icmp,
            State::Other => Self::Other,
            _ => Self::Tcp,
        }
    }
}

/// Connections, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census([u64; State::ALL.len()]);

impl Census {
    /// One more.
    pub(crate) const fn add(&mut self, state: State) {
        self.0[state as usize] += 1;
    }

    /// How many are in this state.
    #[must_use]
    pub const fn of(&self, state: State) -> u64 {
        self.0[state as usize]
    }
}

impl std::ops::AddAssign for Census {
    fn add_assign(&mut self, other: Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }
}

/// What a meter has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Metered {
    /// Bursts.
    pub bursts: BurstTimes,
    /// Connections that began, by [`Kind`].
    pub begun: [u64; Kind::ALL.len()],
}

/// A worker's meter.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    metered: Metered,
    seen: u64,
}

impl Meter {
    /// A burst begins: when, where it is one of those that are timed.
    pub(crate) fn begin(&mut self) -> Option<Instant> {
        let is_timed = self.seen.is_multiple_of(SAMPLE_EVERY);
        self.seen += 1;
        is_timed.then(Instant::now)
    }

    /// It ended, with these verdicts.
    pub(crate) fn end(
        &mut self,
        begun: Option<Instant>,
        crossings: &[Crossing<'_>],
        verdicts: &[Verdict],
    ) {
        if let Some(begun) = begun {
            self.metered.bursts.add(begun.elapsed());
        }
        for (crossing, verdict) in crossings.iter().zip(verdicts) {
            if verdict.reason == Reason::New {
                self.metered.begun[Kind::of(crossing.packet.protocol) as usize] += 1;
            }
        }
    }

    pub(crate) const fn read(&self) -> Metered {
        self.metered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_counted_at_the_first_bound_that_it_keeps_within() {
        let mut times = BurstTimes::default();
        for nanos in [0, 250, 251, 16_000_000, 16_000_001, u64::MAX] {
            times.add(Duration::from_nanos(nanos));
        }
        let mut expected = [0; BurstTimes::BOUNDS.len() + 1];
        (expected[0], expected[1], expected[13], expected[14]) = (2, 1, 1, 2);
        assert_eq!(times.buckets, expected);
        assert_eq!(times.nanos, u64::MAX, "it does not wrap");
        assert!(BurstTimes::BOUNDS.is_sorted());
    }

    #[test]
    fn one_burst_of_sixteen_reads_the_clock() {
        let mut meter = Meter::default();
        let timed: Vec<_> = (0..33).filter(|_| meter.begin().is_some()).collect();
        assert_eq!(timed, [0, 16, 32]);
    }
}

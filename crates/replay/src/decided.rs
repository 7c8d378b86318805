//! One record with its verdicts, wherever they were given: what is counted and written of it.

use secgroup_datapath::{Action, Count, Reason, Verdict};
use secgroup_io::Record;
use secgroup_packet::{Direction, InterfaceIndex, Timestamp};

use crate::look::Kind;
use crate::report::{Fates, Volume};
use crate::select::Crossed;

/// One verdict of a burst, and where it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// The interface; `None` for a malformed frame of nobody.
    pub interface: Option<InterfaceIndex>,
    /// The direction; `None` for a malformed frame of nobody.
    pub direction: Option<Direction>,
    /// The verdict.
    pub verdict: Verdict,
}

/// A record and what was decided about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decided<'a> {
    pub(crate) record: Record<'a>,
    pub(crate) kind: &'a Kind,
    pub(crate) crossed: Crossed,
    /// One for each interface that an IP packet crosses, egress first (C1).
    pub(crate) verdicts: &'a [Verdict],
}

impl Decided<'_> {
    /// Every verdict, egress first.
    pub(crate) fn judged(&self) -> impl Iterator<Item = Judged> + use<'_> {
        let of_packet = self.crossed.places().zip(self.verdicts);
        let of_packet = of_packet.map(|((interface, direction), verdict)| Judged {
            interface: Some(interface),
            direction: Some(direction),
            verdict: *verdict,
        });
        let is_malformed = matches!(self.kind, Kind::Malformed(_));
        of_packet.chain(malformed(self.crossed).filter(move |_| is_malformed))
    }

    /// What became of the record in all.
    #[inline]
    pub(crate) fn fate(&self) -> Fate {
        match (self.kind, self.verdicts) {
            (Kind::Ip(_), []) => Fate::NoInterface,
            (Kind::Ip(_), verdicts) => Fate::of(verdicts),
            (Kind::NotIp(_) | Kind::UnsupportedLink(_), _) => Fate::NotIp,
            (Kind::Malformed(_), _) => Fate::Judged(Action::Deny),
        }
    }
}

/// The verdicts on a frame that contradicts itself: one for each interface it crosses, or one of nobody.
fn malformed(crossed: Crossed) -> impl Iterator<Item = Judged> {
    let nobody = (crossed == Crossed::default()).then_some((None, None));
    let places = crossed
        .places()
        .map(|(interface, direction)| (Some(interface), Some(direction)));
    places.chain(nobody).map(|(interface, direction)| Judged {
        interface,
        direction,
        verdict: Verdict::deny(Reason::Malformed),
    })
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Every interface that it crosses allows it, or one denies it.
    Judged(Action),
    /// It crosses nothing known.
    NoInterface,
    /// Nobody judges what is not IP.
    NotIp,
}

impl Fate {
    /// That of an IP packet with these verdicts.
    #[inline]
    pub(crate) fn of(verdicts: &[Verdict]) -> Self {
        let is_denied = |verdict: &Verdict| verdict.action() == Action::Deny;
        Self::Judged(if verdicts.iter().any(is_denied) {
            Action::Deny
        } else {
            Action::Allow
        })
    }
}

impl Fates {
    /// A packet of `wire_len` bytes met its fate.
    #[inline]
    pub(crate) const fn count(&mut self, fate: Fate, wire_len: u32) {
        let bucket = match fate {
            Fate::Judged(Action::Allow) => &mut self.allowed,
            Fate::Judged(Action::Deny) => &mut self.denied,
            Fate::NoInterface => &mut self.no_interface,
            Fate::NotIp => &mut self.not_ip,
        };
        bucket.add(wire_len);
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            allowed: self.allowed.plus(other.allowed),
            denied: self.denied.plus(other.denied),
            no_interface: self.no_interface.plus(other.no_interface),
            not_ip: self.not_ip.plus(other.not_ip),
        }
    }
}

/// What is counted of records in whatever order.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) total: Volume,
    pub(crate) fates: Fates,
    /// Malformed frames of nobody.
    pub(crate) nobodys: Count,
    pub(crate) latest: Timestamp,
}

impl Sums {
    /// A record was read.
    #[inline]
    pub(crate) fn read(&mut self, record: &Record<'_>) {
        self.total.add(record.wire_len);
        self.latest = self.latest.max(record.time);
    }

    /// A record of `wire_len` bytes met its fate.
    #[inline]
    pub(crate) const fn fate(&mut self, fate: Fate, wire_len: u32) {
        self.fates.count(fate, wire_len);
    }

    /// A malformed frame crosses `crossed`, or is nobody's.
    pub(crate) fn malformed(&mut self, crossed: Crossed, wire_len: u32) {
        if crossed == Crossed::default() {
            let bytes = u64::from(wire_len);
            self.nobodys += Count { packets: 1, bytes };
        }
    }
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.total = self.total.plus(other.total);
        self.fates = self.fates.plus(other.fates);
        self.nobodys += other.nobodys;
        self.latest = self.latest.max(other.latest);
    }
}

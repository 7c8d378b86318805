//! Later fragments share the verdict of their first (D52).

use std::collections::BTreeMap;
use std::net::IpAddr;

use secgroup_model::{Direction, Family, NetworkInterfaceId, Protocol};

use crate::outcome::{DenyReason, Judgement};
use crate::read::Piece;
use crate::rules::Crossing;

/// How long a datagram is on record after the arrival of its first fragment: 30 s.
const KEPT_NANOS: u64 = 30_000_000_000;
/// How many datagrams fit.
const MOST_DATAGRAMS: usize = 8192;
/// How many separate ranges of one datagram are kept apart.
const MOST_RANGES: usize = 16;

/// Which datagram a fragment belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Datagram {
    interface: NetworkInterfaceId,
    direction: Direction,
    source: IpAddr,
    destination: IpAddr,
    /// In IPv4; in IPv6 the protocol is no part of the identity (RFC 8200 section 4.5).
    protocol: Option<Protocol>,
    id: u32,
}

impl Datagram {
    /// The datagram of a fragment with this identification.
    pub(crate) fn of(crossing: &Crossing<'_>, id: u32) -> Self {
        Self {
            interface: crossing.interface.id.clone(),
            direction: crossing.direction,
            source: crossing.packet.source,
            destination: crossing.packet.destination,
            protocol: match crossing.packet.family() {
                Family::V4 => Some(crossing.packet.protocol),
                Family::V6 => None,
            },
            id,
        }
    }
}

/// What is on record of one datagram.
#[derive(Debug, Clone)]
struct Record {
    /// The verdict on its first fragment.
    judgement: Judgement,
    /// When the first fragment came, in nanoseconds.
    arrived: u64,
    /// The ranges `start..end` seen so far, in order, apart from each other.
    ranges: Vec<(usize, usize)>,
    /// Where the datagram ends, once the fragment with no more behind it was seen.
    end: Option<usize>,
    /// Whether pieces overlapped: then nothing more of it passes (RFC 5722).
    spoilt: bool,
}

/// All datagrams on record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fragments {
    records: BTreeMap<Datagram, Record>,
}

impl Fragments {
    /// Whether a first fragment may be looked at: there is room for it, and it is not the second
    /// one of its datagram, which would spoil that.
    pub(crate) fn admits_first(&mut self, datagram: &Datagram, now: u64) -> bool {
        self.forget_old(now);
        if let Some(record) = self.records.get_mut(datagram) {
            record.spoilt = true;
            return false;
        }
        self.records.len() < MOST_DATAGRAMS
    }

    /// Puts a first fragment and the verdict on it on record.
    pub(crate) fn record(
        &mut self,
        datagram: Datagram,
        piece: Piece,
        judgement: Judgement,
        now: u64,
    ) {
        let record = Record {
            judgement,
            arrived: now,
            ranges: vec![(0, piece.len)],
            end: None,
            spoilt: false,
        };
        self.records.insert(datagram, record);
    }

    /// The verdict on a later fragment: that of its first, if that is known and all fits together.
    pub(crate) fn later(&mut self, datagram: &Datagram, piece: Piece, now: u64) -> Judgement {
        self.forget_old(now);
        let Some(record) = self.records.get_mut(datagram) else {
            return Judgement::deny(DenyReason::Fragment);
        };
        if !record.spoilt && record.fits(piece) {
            return record.judgement.clone();
        }
        record.spoilt = true;
        Judgement::deny(DenyReason::Fragment)
    }

    /// Forgets the datagrams of every interface that `stays` does not hold for.
    pub(crate) fn keep_interfaces(&mut self, stays: impl Fn(&NetworkInterfaceId) -> bool) {
        self.records
            .retain(|datagram, _| stays(&datagram.interface));
    }

    /// Forgets what has been on record for more than its time.
    fn forget_old(&mut self, now: u64) {
        self.records
            .retain(|_, record| now.saturating_sub(record.arrived) <= KEPT_NANOS);
    }
}

impl Record {
    /// Adds a later fragment; `false` where it overlaps another, ends the datagram a second time,
    /// lies beyond its end, or would be one range too many.
    fn fits(&mut self, piece: Piece) -> bool {
        let (start, end) = (piece.offset, piece.offset + piece.len);
        if self.end.is_some_and(|known| end > known || !piece.more) {
            return false;
        }
        if !piece.more && self.ranges.iter().any(|range| range.1 > end) {
            return false; // What came before lies beyond this end.
        }
        if self
            .ranges
            .iter()
            .any(|range| start < range.1 && range.0 < end)
        {
            return false;
        }
        if !piece.more {
            self.end = Some(end);
        }
        if piece.len == 0 {
            return true; // An empty last fragment only says where the end is.
        }
        self.ranges.push((start, end));
        self.ranges.sort_unstable();
        // Ranges that touch become one.
        let mut joined: Vec<(usize, usize)> = Vec::new();
        for &range in &self.ranges {
            match joined.last_mut() {
                Some(last) if last.1 == range.0 => last.1 = range.1,
                _ => joined.push(range),
            }
        }
        self.ranges = joined;
        self.ranges.len() <= MOST_RANGES
    }
}

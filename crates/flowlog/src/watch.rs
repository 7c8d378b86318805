//! What passes now, flow by flow, while somebody watches.
//!
//! A flow log tells of a window that is over; this is for who looks on. It takes the same observations, so it sees untracked flows, of which no table knows, and costs workers nothing
//! beside what a flow log does: nothing at all where nobody watches. Each question renews a [lease](LEASE); when it runs out, everything is forgotten.
//!
//! Both halves of a flow are one row here, as people think of them. A row holds a count for each of the last seconds, in a ring, so that everybody who asks gets rates over the time they ask for,
//! however many ask and however often. The number of rows is bounded; packets of flows beyond it are counted, not told apart.

use std::net::IpAddr;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use secgroup_datapath::{Action, Reason, Verdict};
use secgroup_packet::{Direction, InterfaceIndex, Protocol, Timestamp};
use secgroup_policy::RuleNumber;

use crate::observation::{Flow, Sums};
use crate::row::seconds;

/// Flows that are told apart: some 15 MiB.
pub const WATCHED_MAX: usize = 1 << 15;
/// Seconds that a rate may be taken over.
pub const OVER_MAX: u64 = SECONDS as u64 - 1;

/// For how long after a question flows are watched: longer than anybody takes to ask again.
const LEASE: Duration = Duration::from_secs(15);
/// The seconds that a rate may be taken over, and the one that has begun.
const SECONDS: usize = 11;

/// Both halves of a flow at an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conversation {
    /// The interface.
    pub interface: InterfaceIndex,
    /// The protocol.
    pub protocol: Protocol,
    /// The interface's end.
    pub local: IpAddr,
    /// The other end.
    pub remote: IpAddr,
    /// The local and the remote port; 0 where the protocol has none.
    pub ports: [u16; 2],
}

/// By what flows are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Packets, both ways.
    Packets,
    /// Bytes, both ways.
    Bytes,
}

/// Which flows somebody wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// How many at most: those with the highest rates.
    pub limit: usize,
    /// By what.
    pub by: By,
    /// Whole seconds to look back, besides the one that has begun; at most [`OVER_MAX`].
    pub over: u64,
}

/// Packets and bytes in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Volume {
    /// Packets.
    pub packets: u64,
    /// Bytes, from the IP header on.
    pub bytes: u64,
}

/// A flow that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// Which.
    pub conversation: Conversation,
    /// Its packets belong to a connection, or open one.
    pub is_tracked: bool,
    /// The rules that admitted its latest packets, by direction; of a tracked flow the one that admitted the connection.
    pub rules: [Option<RuleNumber>; 2],
    /// What passed, by direction.
    pub volumes: [Volume; 2],
}

/// What passed lately.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passing {
    /// How long the flows' volumes were counted; zero where watching has just begun.
    pub over: Duration,
    /// How many flows there were.
    pub flows: usize,
    /// Those with the highest rates, highest first.
    pub highest: Vec<Watched>,
    /// Packets that were seen and belong to none of the flows, since there was no room for more; since watching began.
    pub packets_untold: u64,
}

/// What is kept while somebody watches.
#[derive(Debug)]
pub(crate) struct Watch {
    rows: HashMap<Conversation, Row, RandomState>,
    rows_max: usize,
    began: Timestamp,
    asked: Timestamp,
    /// The second in which rows were last cleared of what is over.
    cleared: u64,
    untold: u64,
}

/// What is kept of a flow.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// By second, round and round, and direction.
    volumes: [[Volume; 2]; SECONDS],
    /// The latest of these seconds.
    latest: u64,
    is_tracked: bool,
    rules: [Option<RuleNumber>; 2],
}

impl Watch {
    /// From `now` on.
    pub(crate) fn begin(rows_max: usize, now: Timestamp) -> Self {
        Self {
            rows: HashMap::default(),
            rows_max,
            began: now,
            asked: now,
            cleared: seconds(now),
            untold: 0,
        }
    }

    /// Whether nobody has asked for so long that nobody will.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now.saturating_since(self.asked) > LEASE
    }

    /// Takes in packets of a flow. What was denied is not what passes.
    pub(crate) fn observe(&mut self, flow: &Flow, verdict: Verdict, sums: &Sums) {
        if verdict.action() == Action::Deny {
            return;
        }
        let second = seconds(sums.last);
        let is_full = self.rows.len() >= self.rows_max;
        let row = match self.rows.entry(Conversation::of(flow)) {
            Entry::Occupied(row) => row.into_mut(),
            Entry::Vacant(_) if is_full => {
                self.untold += sums.packets;
                return;
            }
            Entry::Vacant(place) => place.insert(Row::new(second)),
        };
        row.add(second, flow.direction, sums);
        row.is_tracked = verdict.reason != Reason::Untracked;
        row.rules[flow.direction as usize] = verdict.rule;
    }

    /// It is `now`: forgets flows that nothing was seen of for longer than anybody looks back. Once a second, so that a flood of flows of one packet each is cleared away whole.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        let now = seconds(now);
        if now > self.cleared {
            self.cleared = now;
            self.rows
                .retain(|_, row| row.latest.saturating_add(OVER_MAX) >= now);
        }
    }

    /// Answers a question, and goes on for another lease.
    pub(crate) fn look(&mut self, look: Look, now: Timestamp) -> Passing {
        self.asked = now;
        let second = seconds(now);
        let from = second.saturating_sub(look.over.min(OVER_MAX));
        let begins = Timestamp::from_secs(from).max(self.began);
        let mut rows: Vec<Watched> = self
            .rows
            .iter()
            .filter_map(|(conversation, row)| row.watched(*conversation, from))
            .collect();
        let flows = rows.len();
        rows.sort_unstable_by_key(|row| std::cmp::Reverse((look.by.of(row), row.order())));
        rows.truncate(look.limit);
        Passing {
            over: now.saturating_since(begins),
            flows,
            highest: rows,
            packets_untold: self.untold,
        }
    }
}

impl Conversation {
    fn of(flow: &Flow) -> Self {
        let Flow {
            interface,
            direction,
            addresses,
            protocol,
            ports: [sport, dport],
        } = *flow;
        let (source, destination) = (addresses.src(), addresses.dst());
        let (local, remote, ports) = match direction {
            Direction::Ingress => (destination, source, [dport, sport]),
            Direction::Egress => (source, destination, [sport, dport]),
        };
        Self {
            interface,
            protocol,
            local,
            remote,
            ports,
        }
    }
}

impl By {
    fn of(self, row: &Watched) -> u64 {
        let [ingress, egress] = row.volumes;
        match self {
            Self::Packets => ingress.packets + egress.packets,
            Self::Bytes => ingress.bytes + egress.bytes,
        }
    }
}

impl Watched {
    /// What orders rows of the same rate, so that they do not change places by chance.
    fn order(&self) -> (u32, Protocol, IpAddr, IpAddr, [u16; 2]) {
        let Conversation {
            interface,
            protocol,
            local,
            remote,
            ports,
        } = self.conversation;
        (interface.0, protocol, local, remote, ports)
    }
}

impl Row {
    fn new(second: u64) -> Self {
        Self {
            volumes: [[Volume::default(); 2]; SECONDS],
            latest: second,
            is_tracked: false,
            rules: [None; 2],
        }
    }

    fn add(&mut self, second: u64, direction: Direction, sums: &Sums) {
        // Workers' clocks may differ by a moment: what comes late counts in the latest second.
        let second = second.max(self.latest);
        let passed = (second - self.latest).min(SECONDS as u64);
        for skipped in 1..=passed {
            self.volumes[place(self.latest + skipped)] = [Volume::default(); 2];
        }
        self.latest = second;
        let volume = &mut self.volumes[place(second)][direction as usize];
        volume.packets += sums.packets;
        volume.bytes += sums.bytes;
    }

    /// What passed since the second `from`; `None` for nothing.
    fn watched(&self, conversation: Conversation, from: u64) -> Option<Watched> {
        let oldest = self.latest.saturating_sub(OVER_MAX);
        let mut volumes = [Volume::default(); 2];
        for second in from.max(oldest)..=self.latest {
            for (sum, volume) in volumes.iter_mut().zip(self.volumes[place(second)]) {
                sum.packets += volume.packets;
                sum.bytes += volume.bytes;
            }
        }
        let [ingress, egress] = volumes;
        (ingress.packets + egress.packets > 0).then_some(Watched {
            conversation,
            is_tracked: self.is_tracked,
            rules: self.rules,
            volumes,
        })
    }
}

/// The place of a second in the ring.
fn place(second: u64) -> usize {
    usize::try_from(second % SECONDS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests;

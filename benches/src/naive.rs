//! The packet filter that one would write first: etherparse, a `HashMap`, a list of rules.
//!
//! It tracks, counts, and writes the connection's state and time as the engine does, and leaves out
//! what the engine does besides: exemptions, the source check, TCP states, fragments, ICMP errors.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use secgroup_packet::{Direction, FlowKey4, InterfaceIndex, Protocol};
use secgroup_policy::{Directory, Query, Selector};

use crate::flows::{LOCAL, low32};
use crate::rules::{Linear, rules};

/// What is kept of a connection: as much as the engine keeps.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    /// The last moment at which it is alive, in nanoseconds.
    pub expires: u64,
    /// The rule that admitted it.
    pub rule: u32,
    /// Its state.
    pub state: u8,
    /// Who opened it.
    pub originator: u8,
    /// Packets by direction.
    pub packets: [u32; 2],
    /// Bytes by direction.
    pub bytes: [u64; 2],
}

/// How long an idle connection lives, in nanoseconds.
pub const LIFETIME: u64 = 432_000 * 1_000_000_000;

impl Entry {
    /// Writes what a packet of `len` bytes changes.
    #[inline]
    pub const fn advance(&mut self, direction: Direction, len: u32, now: u64) {
        self.state |= 1 << direction as usize;
        self.expires = now + LIFETIME;
        let way = direction as usize;
        self.packets[way] = self.packets[way].saturating_add(1);
        self.bytes[way] = self.bytes[way].saturating_add(len as u64);
    }
}

/// The filter.
#[derive(Debug)]
pub struct Naive {
    connections: HashMap<FlowKey4, Entry>,
    rules: Linear,
    counts: Vec<u64>,
}

impl Naive {
    /// With the ingress rules of [`rules`], and everything out.
    #[must_use]
    pub fn new(count: usize, capacity: usize) -> Self {
        Self {
            connections: HashMap::with_capacity(capacity),
            rules: Linear::new(&rules(count), &Directory::new()),
            counts: vec![0; count],
        }
    }

    /// Whether a frame passes.
    pub fn judge(&mut self, frame: &[u8], now: u64) -> bool {
        let Some((src, dst, sport, dport, len)) = fields(frame) else {
            return false;
        };
        let direction = if dst == LOCAL {
            Direction::Ingress
        } else {
            Direction::Egress
        };
        let (remote, remote_port, local_port) = match direction {
            Direction::Ingress => (src, sport, dport),
            Direction::Egress => (dst, dport, sport),
        };
        let key = FlowKey4 {
            local: LOCAL,
            remote,
            local_port,
            remote_port,
            interface: InterfaceIndex(0),
            protocol: Protocol::TCP,
        };
        if let Some(entry) = self.connections.get_mut(&key)
            && entry.expires >= now
        {
            entry.advance(direction, len, now);
            self.counts[entry.rule as usize] += 1;
            return true;
        }
        let query = Query {
            direction,
            protocol: Protocol::TCP,
            peer: IpAddr::V4(remote),
            selector: Selector::Port(dport),
        };
        let Some(rule) = self.rules.matches(&query) else {
            return false;
        };
        let mut entry = Entry {
            rule: rule.get(),
            ..Entry::default()
        };
        entry.advance(direction, len, now);
        self.counts[rule.get() as usize] += 1;
        self.connections.insert(key, entry);
        true
    }
}

fn fields(frame: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr, u16, u16, u32)> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) =
        (&packet.net, &packet.transport)
    else {
        return None;
    };
    let header = ip.header();
    Some((
        header.source_addr(),
        header.destination_addr(),
        tcp.source_port(),
        tcp.destination_port(),
        low32(u64::from(header.total_len())),
    ))
}

//! Which ports are open to the whole world? (semantics D7-D11)
//!
//! A flow is untracked where both directions are open. Only a rule whose CIDR peer is `/0` opens
//! anything: not two halves of the address space, not a prefix list or a group that happens to hold
//! all of it (D10).

use secgroup_packet::{Family, PortRange, Protocol};

use crate::{Peer, Rule, Traffic};

/// The open ports of one direction and family.
#[derive(Debug, Clone, Default)]
pub(crate) struct Open {
    tcp: Ports,
    udp: Ports,
}

/// Open ports of one protocol.
#[derive(Debug, Clone, Default)]
struct Ports {
    /// Disjoint and ascending.
    ranges: Box<[(u16, u16)]>,
    /// Whether *one* rule covers every port; ranges that together do are not enough (D10).
    all: bool,
}

impl Open {
    /// Of the rules of one direction.
    pub(crate) fn new<'a>(rules: impl Iterator<Item = &'a Rule>, family: Family) -> Self {
        let (mut tcp, mut udp) = (Vec::new(), Vec::new());
        for rule in rules.filter(|rule| is_whole_family(&rule.peer, family)) {
            match rule.traffic {
                // D8: "proto in {p, -1}".
                Traffic::All => {
                    tcp.push(PortRange::ALL);
                    udp.push(PortRange::ALL);
                }
                Traffic::Tcp(ports) => tcp.push(ports),
                Traffic::Udp(ports) => udp.push(ports),
                // A9 ignores ports of a protocol by number, A5 makes the numbers 6 and 17 names.
                Traffic::Other(Protocol::TCP) => tcp.push(PortRange::ALL),
                Traffic::Other(Protocol::UDP) => udp.push(PortRange::ALL),
                // D13: always tracked.
                Traffic::Icmp(_) | Traffic::Icmpv6(_) | Traffic::Other(_) => {}
            }
        }
        Self {
            tcp: Ports::new(tcp),
            udp: Ports::new(udp),
        }
    }

    pub(crate) fn port(&self, protocol: Protocol, port: u16) -> bool {
        self.of(protocol).is_some_and(|ports| ports.contains(port))
    }

    pub(crate) fn all(&self, protocol: Protocol) -> bool {
        self.of(protocol).is_some_and(|ports| ports.all)
    }

    /// Heap memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.tcp.ranges) + size_of_val(&*self.udp.ranges)
    }

    /// `None` for a protocol that is always tracked (D8 a).
    const fn of(&self, protocol: Protocol) -> Option<&Ports> {
        match protocol {
            Protocol::TCP => Some(&self.tcp),
            Protocol::UDP => Some(&self.udp),
            _ => None,
        }
    }
}

/// Whether a peer is `0.0.0.0/0`, or `::/0` for IPv6, as a CIDR (D10, D11).
fn is_whole_family(peer: &Peer, family: Family) -> bool {
    matches!(peer, Peer::Cidr(net) if net.prefix_len() == 0 && Family::of(net.addr()) == family)
}

impl Ports {
    fn new(mut rules: Vec<PortRange>) -> Self {
        rules.sort_unstable();
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for rule in &rules {
            match ranges.last_mut() {
                Some((_, last)) if rule.from() <= *last => {
                    *last = rule.to().max(*last);
                }
                _ => ranges.push((rule.from(), rule.to())),
            }
        }
        Self {
            ranges: ranges.into(),
            all: rules.contains(&PortRange::ALL),
        }
    }

    fn contains(&self, port: u16) -> bool {
        let after = self.ranges.partition_point(|&(first, _)| first <= port);
        after
            .checked_sub(1)
            .is_some_and(|at| port <= self.ranges[at].1)
    }
}

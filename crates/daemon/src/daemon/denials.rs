//! What was denied lately, flow by flow.
//!
//! It is made of the events that workers tell of anyway, for the log: ten a second each, so a flood costs the packet path nothing and this thread little. Kept whether or not
//! anybody looks: who asks why something does not work asks after it did not.
//!
//! A scan is a flow for each port. Where there are more than can be kept, the one that was not seen for longest gives way.

use std::collections::HashMap;
use std::net::IpAddr;

use secgroup_datapath::Reason;
use secgroup_packet::{Direction, InterfaceIndex, L4, Packet, Protocol, Timestamp};
use secgroup_runtime::Denied;

use super::events::describe;
use crate::protocol::{DenialLine, DenialPage, KEPT_DENIALS};

/// Denied flows.
#[derive(Debug, Default)]
pub(super) struct Denials {
    kept: HashMap<Flow, Seen>,
    told: u64,
    untold: u64,
}

/// What makes packets one denied flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Flow {
    interface: InterfaceIndex,
    direction: Direction,
    reason: Reason,
    /// `None` for malformed frames.
    packet: Option<Ends>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Ends {
    protocol: Protocol,
    source: IpAddr,
    destination: IpAddr,
    /// The destination port, or type and code.
    to: To,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum To {
    Port(u16),
    Icmp([u8; 2]),
    Host,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    packets: u64,
    first: Timestamp,
    last: Timestamp,
    /// The last one.
    packet: Option<Packet>,
}

impl Denials {
    /// A worker told of a denied packet.
    pub(super) fn note(&mut self, denied: &Denied) {
        self.told += 1;
        self.untold += denied.suppressed;
        let flow = Flow::of(denied);
        if !self.kept.contains_key(&flow) && self.kept.len() >= KEPT_DENIALS as usize {
            self.make_room();
        }
        let seen = self.kept.entry(flow).or_insert(Seen {
            packets: 0,
            first: denied.at,
            last: denied.at,
            packet: denied.packet,
        });
        seen.packets += 1;
        seen.last = seen.last.max(denied.at);
        seen.packet = denied.packet;
    }

    /// Some thousand flows are looked through, at most ten times a second for each worker.
    fn make_room(&mut self) {
        let oldest = self
            .kept
            .iter()
            .min_by_key(|(flow, seen)| (seen.last, **flow));
        if let Some((&flow, _)) = oldest {
            self.kept.remove(&flow);
        }
    }

    /// The `limit` flows that were seen last; `name` says what an interface is called.
    pub(super) fn page(&self, limit: u32, name: impl Fn(InterfaceIndex) -> String) -> DenialPage {
        let mut flows: Vec<_> = self.kept.iter().collect();
        flows.sort_unstable_by_key(|(flow, seen)| (std::cmp::Reverse(seen.last), **flow));
        flows.truncate(limit as usize);
        let lines = flows
            .into_iter()
            .map(|(flow, seen)| line(flow, seen, &name));
        DenialPage {
            told: self.told,
            untold: self.untold,
            flows: lines.collect(),
        }
    }
}

impl Flow {
    fn of(denied: &Denied) -> Self {
        Self {
            interface: denied.interface,
            direction: denied.direction,
            reason: denied.reason,
            packet: denied.packet.as_ref().map(Ends::of),
        }
    }
}

impl Ends {
    fn of(packet: &Packet) -> Self {
        Self {
            protocol: packet.protocol,
            source: packet.src(),
            destination: packet.dst(),
            to: match packet.l4 {
                L4::Tcp { dport, .. } | L4::Udp { dport, .. } => To::Port(dport),
                L4::Icmp { kind, code, .. } => To::Icmp([kind, code]),
                L4::Other | L4::LaterFragment => To::Host,
            },
        }
    }
}

fn line(flow: &Flow, seen: &Seen, name: impl Fn(InterfaceIndex) -> String) -> DenialLine {
    let ends = flow.packet;
    DenialLine {
        interface: name(flow.interface),
        direction: flow.direction,
        reason: flow.reason.as_str().to_owned(),
        protocol: ends.map(|ends| ends.protocol.to_string()),
        source: ends.map(|ends| ends.source),
        source_port: seen.packet.and_then(|packet| match packet.l4 {
            L4::Tcp { sport, .. } | L4::Udp { sport, .. } => Some(sport),
            L4::Icmp { .. } | L4::Other | L4::LaterFragment => None,
        }),
        destination: ends.map(|ends| ends.destination),
        destination_port: ends.and_then(|ends| match ends.to {
            To::Port(port) => Some(port),
            To::Icmp(_) | To::Host => None,
        }),
        icmp: ends.and_then(|ends| match ends.to {
            To::Icmp(icmp) => Some(icmp),
            To::Port(_) | To::Host => None,
        }),
        flow: seen.packet.as_ref().map(describe),
        packets: seen.packets,
        first_seen: seconds(seen.first),
        last_seen: seconds(seen.last),
    }
}

const fn seconds(at: Timestamp) -> u64 {
    at.as_nanos() / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use secgroup_packet::{Frame, LinkType, Parsed};
    use secgroup_testkit::frame;

    use super::*;

    fn denied(bytes: &[u8], at: u64, suppressed: u64) -> Denied {
        let frame = Frame {
            link: LinkType::Ethernet,
            data: bytes,
            wire_len: u32::try_from(bytes.len()).unwrap(),
        };
        let packet = match frame.parse() {
            Ok(Parsed::Ip(packet)) => Some(packet),
            _ => None,
        };
        Denied {
            interface: InterfaceIndex(0),
            direction: Direction::Ingress,
            reason: Reason::NoRule,
            packet,
            at: Timestamp::from_secs(at),
            suppressed,
        }
    }

    fn knock(from: u16, to: u16, at: u64) -> Denied {
        let frame = frame::tcp(
            &format!("203.0.113.7:{from}"),
            &format!("10.0.0.1:{to}"),
            "S",
            b"",
        );
        denied(&frame, at, 0)
    }

    fn page(denials: &Denials, limit: u32) -> DenialPage {
        denials.page(limit, |InterfaceIndex(index)| format!("if{index}"))
    }

    #[test]
    fn who_tries_again_is_one_flow() {
        let mut denials = Denials::default();
        denials.note(&knock(1000, 22, 5));
        denials.note(&knock(1001, 22, 9));
        denials.note(&knock(1002, 23, 7));
        let page = page(&denials, 10);
        assert_eq!((page.told, page.untold, page.flows.len()), (3, 0, 2));
        let ssh = &page.flows[0];
        assert_eq!((ssh.packets, ssh.first_seen, ssh.last_seen), (2, 5, 9));
        assert_eq!(
            (ssh.source_port, ssh.destination_port),
            (Some(1001), Some(22))
        );
        assert_eq!(
            ssh.flow.as_deref(),
            Some("tcp 203.0.113.7:1001 > 10.0.0.1:22")
        );
        assert_eq!(
            (ssh.interface.as_str(), ssh.reason.as_str()),
            ("if0", "no-rule")
        );
    }

    #[test]
    fn pings_and_malformed_frames_are_told_as_what_they_are() {
        let mut denials = Denials::default();
        denials.note(&denied(&frame::ping("203.0.113.7", "10.0.0.1", 1, 1), 1, 0));
        denials.note(&denied(&[0; 60], 2, 41));
        let page = page(&denials, 10);
        assert_eq!((page.told, page.untold), (2, 41));
        let [malformed, ping] = &page.flows[..] else {
            panic!("{page:?}")
        };
        assert_eq!((&malformed.protocol, &malformed.flow), (&None, &None));
        assert_eq!(ping.icmp, Some([8, 0]));
        assert_eq!(
            ping.flow.as_deref(),
            Some("icmp 8/0 203.0.113.7 > 10.0.0.1")
        );
    }

    #[test]
    fn a_scan_pushes_out_what_was_seen_longest_ago() {
        let mut denials = Denials::default();
        let first_port = 1000;
        let ports = u16::try_from(KEPT_DENIALS).unwrap() + 10;
        for port in 0..ports {
            denials.note(&knock(1, first_port + port, u64::from(port) + 1));
            // One that goes on stays.
            denials.note(&knock(1, first_port, u64::from(port) + 1));
        }
        assert_eq!(page(&denials, 1).flows.len(), 1);
        let page = page(&denials, u32::MAX);
        assert_eq!(page.flows.len(), KEPT_DENIALS as usize);
        assert_eq!(page.told, 2 * u64::from(ports));
        let has = |port| {
            page.flows
                .iter()
                .any(|flow| flow.destination_port == Some(port))
        };
        assert!(has(first_port) && has(first_port + ports - 1));
        assert!(!has(first_port + 1), "the oldest is gone");
    }
}

//! What each rule admitted, and what was denied to whom: packet by packet, in bounded memory.
//!
//! Only what opens a flow is taken down. An untracked flow's answers pass by a rule of their own
//! direction, too (D8 c), but a narrower policy may track the flow, and then they need none; whoever
//! narrows rules finds out by a replay whether they do.

use std::net::IpAddr;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use secgroup_analysis::Admitted;
use secgroup_datapath::{Count, Reason};
use secgroup_packet::{Direction, FlowKey, InterfaceIndex, L4, Packet, Protocol};
use secgroup_policy::{Query, RuleNumber, Selector};

use crate::decided::Judged;

/// Most flows that are remembered, about 64 MiB; of further ones every packet counts as the first.
const FLOWS: usize = 1 << 19;
/// Most denied services that are told apart.
const SERVICES: usize = 1 << 16;

/// See the top of this file.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    admitted: HashMap<RuleNumber, Admitted, RandomState>,
    pub(crate) denied: HashMap<Service, Denied, RandomState>,
    flows: HashMap<FlowKey, Flow, RandomState>,
    /// Packets of flows that found no room.
    pub(crate) forgot: u64,
}

/// Something that a peer was denied at an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Service {
    pub(crate) interface: InterfaceIndex,
    pub(crate) direction: Direction,
    pub(crate) peer: IpAddr,
    pub(crate) protocol: Protocol,
    pub(crate) selector: Selector,
}

/// How often it was denied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Denied {
    pub(crate) flows: u64,
    pub(crate) answered: u64,
    pub(crate) count: Count,
    pub(crate) first_packet: u64,
}

/// A flow: who began, and what was denied of it.
#[derive(Debug)]
struct Flow {
    first: Direction,
    denied: Option<Service>,
    answered: bool,
}

impl Usage {
    /// Takes down a verdict on the packet number `number`.
    pub(crate) fn note(&mut self, packet: &Packet, judged: &Judged, number: u64) {
        let (Some(interface), Some(way)) = (judged.interface, judged.direction) else {
            return;
        };
        let opens = self.opens(packet, interface, way);
        // What no rule was asked about says nothing about rules.
        if packet.l4 == L4::LaterFragment {
            return;
        }
        let query = Query::of(packet, way);
        match (judged.verdict.reason, judged.verdict.rule) {
            (Reason::New, Some(rule)) => self.admitted.entry(rule).or_default().note(&query),
            (Reason::Untracked, Some(rule)) if opens => {
                self.admitted.entry(rule).or_default().note(&query);
            }
            (Reason::NoRule, _) if opens => self.deny(packet, interface, &query, number),
            _ => {}
        }
    }

    /// Whether `packet` goes the way of its flow's first; an answer is counted.
    fn opens(&mut self, packet: &Packet, interface: InterfaceIndex, way: Direction) -> bool {
        let Some(key) = packet.flow_key(interface, way) else {
            return true;
        };
        if self.flows.len() >= FLOWS && !self.flows.contains_key(&key) {
            self.forgot += 1;
            return true;
        }
        let flow = self.flows.entry(key).or_insert(Flow {
            first: way,
            denied: None,
            answered: false,
        });
        let opens = flow.first == way;
        if !opens && !flow.answered {
            flow.answered = true;
            let denied = flow
                .denied
                .and_then(|service| self.denied.get_mut(&service));
            if let Some(denied) = denied {
                denied.answered += 1;
            }
        }
        opens
    }

    fn deny(&mut self, packet: &Packet, interface: InterfaceIndex, query: &Query, number: u64) {
        let service = Service {
            interface,
            direction: query.direction,
            peer: query.peer,
            protocol: query.protocol,
            selector: query.selector,
        };
        if self.denied.len() >= SERVICES && !self.denied.contains_key(&service) {
            return;
        }
        let denied = self.denied.entry(service).or_insert(Denied {
            flows: 0,
            answered: 0,
            count: Count::default(),
            first_packet: number,
        });
        denied.count += Count {
            packets: 1,
            bytes: u64::from(packet.ip_len),
        };
        let key = packet.flow_key(interface, query.direction);
        match key.and_then(|key| self.flows.get_mut(&key)) {
            Some(flow) if flow.denied.is_some() => {}
            Some(flow) => {
                flow.denied = Some(service);
                denied.flows += 1;
                denied.answered += u64::from(flow.answered);
            }
            None => denied.flows += 1,
        }
    }

    /// What a rule admitted; `None` for nothing.
    pub(crate) fn admitted(&self, rule: RuleNumber) -> Option<&Admitted> {
        self.admitted.get(&rule)
    }
}

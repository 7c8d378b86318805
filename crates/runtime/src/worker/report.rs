//! What a worker says about itself and its shards.

use secgroup_datapath::{Count, Reason};
use secgroup_packet::{Direction, Family, InterfaceIndex};
use secgroup_policy::RuleNumber;

use super::Worker;
use super::link::Counts;
use crate::meter::Meter;
use crate::{Metered, PortStatus, WorkerStatus};

/// One worker's part of the [`Status`](crate::Status).
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) generation: u64,
    pub(crate) worker: WorkerStatus,
    pub(crate) links: Vec<LinkReport>,
    pub(crate) rules: Vec<Count>,
}

/// One shard's part.
#[derive(Debug)]
pub(crate) struct LinkReport {
    pub(crate) interface: InterfaceIndex,
    pub(crate) verdicts: [[Count; Reason::COUNT]; 2],
    pub(crate) connections: u32,
    pub(crate) allowance: Option<u32>,
    pub(crate) ports: Vec<PortStatus>,
    pub(crate) counts: Counts,
}

impl Report {
    /// That of a worker which rests after a panic.
    pub(crate) fn resting(generation: u64) -> Self {
        Self {
            generation,
            worker: WorkerStatus::default(),
            links: Vec::new(),
            rules: Vec::new(),
        }
    }
}

impl Worker {
    pub(super) fn report(&mut self) -> Report {
        let datapath = &self.judge.datapath;
        let worker = WorkerStatus {
            stuck: false,
            panics: 0,
            turns: self.turns,
            busy_turns: self.busy_turns,
            frames: self.frames,
            handed_over: self.judge.handed_over,
            handoff_full: self.judge.handoff_full,
            handoff_late: self.late,
            events_lost: self.judge.reporter.lost,
            connections: Family::BOTH.map(|family| datapath.held(family)),
            capacity: Family::BOTH.map(|family| datapath.capacity(family)),
            table: datapath.table_stats(),
            metered: self
                .judge
                .meter
                .as_ref()
                .map_or_else(Metered::default, Meter::read),
        };
        let rules = (0..datapath.snapshot().rules).map(RuleNumber::new);
        let rules = rules.map(|rule| datapath.tally().of_rule(rule)).collect();
        let generation = datapath.snapshot().generation;
        let links = (0..self.links.len())
            .filter_map(|place| self.report_link(place))
            .collect();
        Report {
            generation,
            worker,
            links,
            rules,
        }
    }

    fn report_link(&mut self, place: usize) -> Option<LinkReport> {
        let datapath = &self.judge.datapath;
        let link = self.links.get_mut(place)?.as_mut()?;
        let interface = link.spec.interface;
        let tally = datapath.tally();
        let of = |direction| Reason::ALL.map(|reason| tally.of(interface, direction, reason));
        Some(LinkReport {
            interface,
            verdicts: [of(Direction::Ingress), of(Direction::Egress)],
            connections: datapath.connections_of(interface),
            allowance: datapath
                .snapshot()
                .interface(interface)
                .and_then(|known| known.allowance),
            ports: link.ports(),
            counts: link.counts,
        })
    }
}

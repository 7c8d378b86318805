//! What workers say about themselves, put together.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use secgroup_datapath::Reason;
use secgroup_packet::InterfaceIndex;

use super::{Attachment, Control, lock};
use crate::mailbox::Command;
use crate::worker::{LinkReport, Report, add};
use crate::{LinkState, LinkStatus, PortStatus, Status, WorkerStatus};

impl Control {
    /// The state of every link, as it was noted last.
    pub(crate) fn states(&self) -> Vec<(InterfaceIndex, LinkState)> {
        let links = lock(&self.links);
        let states = links.attached.iter();
        states
            .map(|(interface, link)| (*interface, link.state.clone()))
            .collect()
    }

    /// Asks every worker, and puts their answers together.
    pub(crate) fn status(&self) -> Status {
        let answers = self.ask_all(|reply| Command::Report { reply });
        let reports = self.gather(answers);
        let mut status = Status {
            generation: self.policy().generation,
            ..Status::default()
        };
        let mut links: BTreeMap<InterfaceIndex, LinkStatus> = {
            let links = lock(&self.links);
            let described = links
                .attached
                .iter()
                .map(|(interface, link)| (*interface, link.describe()));
            described.collect()
        };
        for (report, panics) in reports.into_iter().zip(&self.panics) {
            let panics = panics.load(Ordering::Relaxed);
            status.workers.push(worker_status(report.as_ref(), panics));
            let Some(report) = report else {
                continue;
            };
            status.generation = status.generation.min(report.generation);
            if status.rules.len() < report.rules.len() {
                status
                    .rules
                    .resize(report.rules.len(), secgroup_datapath::Count::default());
            }
            for (sum, count) in status.rules.iter_mut().zip(report.rules) {
                *sum += count;
            }
            for shard in report.links {
                if let Some(link) = links.get_mut(&shard.interface) {
                    add_shard(link, shard);
                }
            }
        }
        status.links = links.into_values().collect();
        status
    }
}

fn worker_status(report: Option<&Report>, panics: u64) -> WorkerStatus {
    let said = report.map(|report| report.worker.clone());
    WorkerStatus {
        stuck: said.is_none(),
        panics,
        ..said.unwrap_or_default()
    }
}

impl Attachment {
    /// Its status, without what its shards have to say.
    fn describe(&self) -> LinkStatus {
        LinkStatus {
            interface: self.settings.interface,
            name: self.settings.name.clone(),
            state: self.state.clone(),
            audit: self.settings.audit,
            workers: self.spec.workers.clone(),
            verdicts: [[secgroup_datapath::Count::default(); Reason::COUNT]; 2],
            connections: 0,
            allowance: None,
            ports: Vec::new(),
            not_ip_passed: 0,
            not_ip_dropped: 0,
            oversize: 0,
            oversize_told: 0,
        }
    }
}

fn add_shard(link: &mut LinkStatus, shard: LinkReport) {
    let sums = link.verdicts.iter_mut().flatten();
    for (sum, count) in sums.zip(shard.verdicts.iter().flatten()) {
        *sum += *count;
    }
    link.connections += shard.connections;
    link.allowance = shard.allowance;
    link.not_ip_passed += shard.counts.not_ip_passed;
    link.not_ip_dropped += shard.counts.not_ip_dropped;
    link.oversize += shard.counts.oversize;
    link.oversize_told += shard.counts.oversize_told;
    for port in shard.ports {
        match link.ports.iter_mut().find(|known| known.side == port.side) {
            Some(known) => add_port(known, &port),
            None => link.ports.push(port),
        }
    }
}

fn add_port(sum: &mut PortStatus, port: &PortStatus) {
    sum.down |= port.down;
    sum.received += port.received;
    sum.sent += port.sent;
    sum.not_sent += port.not_sent;
    add(&mut sum.drops, port.drops);
}

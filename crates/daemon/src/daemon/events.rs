//! What happens, in the log.

use std::net::SocketAddr;
use std::time::Duration;

use secgroup_packet::{L4, Packet};
use secgroup_runtime::{Denied, Event};
use tracing::{error, info, warn};

use super::operator::Operator;
use crate::logs::Throttle;

/// Writes events to the log; of denied packets as many as are wanted.
pub(super) struct EventLog {
    /// `None` where none are wanted.
    denied: Option<Throttle>,
    /// What workers did not tell of.
    untold: u64,
}

impl EventLog {
    pub(super) fn new(denied_per_second: u32) -> Self {
        let mut log = Self {
            denied: None,
            untold: 0,
        };
        log.limit(denied_per_second);
        log
    }

    /// So many lines about denied packets a second, from now on.
    pub(super) fn limit(&mut self, denied_per_second: u32) {
        let every = Duration::from_secs(1).checked_div(denied_per_second);
        self.denied = every.map(|every| Throttle::new(denied_per_second, every));
    }

    /// Writes one down.
    pub(super) fn tell(&mut self, event: &Event, operator: &Operator) {
        match event {
            Event::LinkOpened { name, again, .. } => {
                let again = if *again { " again" } else { "" };
                info!(interface = %name, "{name} is open{again}");
            }
            Event::LinkClosed { name, reason, .. } => {
                warn!(interface = %name, "{name} is closed, nothing passes: {reason}");
            }
            Event::WorkerPanicked {
                worker,
                message,
                rests,
            } => error!(
                worker,
                "worker {worker} failed; its interfaces are closed until it is back in {rests:?}: {message}"
            ),
            Event::WorkerRestarted { worker } => {
                warn!(worker, "worker {worker} is back, without its connections");
            }
            Event::WorkerStuck { worker, asked } => {
                error!(worker, "worker {worker} does not answer ({asked})");
            }
            Event::NotPinned { worker, cpu, error } => {
                warn!(worker, cpu, "worker {worker} is not on CPU {cpu}: {error}");
            }
            Event::Denied(denied) => self.denied(denied, operator),
            Event::Admitted(_) => {} // For those who follow connections.
        }
    }

    fn denied(&mut self, denied: &Denied, operator: &Operator) {
        self.untold += denied.suppressed;
        let admitted = self
            .denied
            .as_mut()
            .and_then(|throttle| throttle.admit(denied.at));
        let Some(suppressed) = admitted else {
            return;
        };
        let Denied {
            interface,
            direction,
            reason,
            ..
        } = denied;
        let interface = operator.interface_name(*interface);
        let packet = denied.packet.as_ref().map_or_else(String::new, describe);
        let suppressed = suppressed + std::mem::take(&mut self.untold);
        info!(
            %interface, %direction, %reason, suppressed,
            "denied {direction} at {interface}: {reason} {packet}"
        );
    }
}

/// A packet in the words of `secgroup explain`: `tcp 203.0.113.7:40000 > 10.0.1.10:22`.
pub(super) fn describe(packet: &Packet) -> String {
    let (protocol, src, dst) = (packet.protocol, packet.src(), packet.dst());
    match packet.l4 {
        L4::Tcp { sport, dport, .. } | L4::Udp { sport, dport } => {
            let [src, dst] = [SocketAddr::new(src, sport), SocketAddr::new(dst, dport)];
            format!("{protocol} {src} > {dst}")
        }
        L4::Icmp { kind, code, .. } => format!("{protocol} {kind}/{code} {src} > {dst}"),
        L4::Other | L4::LaterFragment => format!("{protocol} {src} > {dst}"),
    }
}

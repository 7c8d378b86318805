//! What follows a verdict: sending on, settling, telling senders of packets that are too large.

use secgroup_datapath::Reason;
use secgroup_io::live::{LiveFrame, PacketId, Port, QueueVerdict};
use secgroup_packet::{L4, Packet, TcpFlags, Timestamp};

use super::burst::{Burst, Fate, Outcome, allows};
use super::link::Counts;
use crate::oversize::{is_oversize, tell};
use crate::rate::Bucket;

/// Frames of our own making, to be sent back; their buffers are used again.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    frames: Vec<Vec<u8>>,
    used: usize,
}

impl Errors {
    pub(crate) const fn is_empty(&self) -> bool {
        self.used == 0
    }

    fn tell(&mut self, frame: &LiveFrame<'_>, packet: &Packet, mtu: u32) -> bool {
        if self.used == self.frames.len() {
            self.frames.push(Vec::new());
        }
        let told = tell(frame, packet, mtu, &mut self.frames[self.used]);
        self.used += usize::from(told);
        told
    }

    /// Sends them, in one call; how many the device took.
    pub(crate) fn send<'a>(&'a mut self, port: &mut dyn Port, out: &mut Vec<LiveFrame<'a>>) -> u32 {
        let frames = &self.frames[..std::mem::take(&mut self.used)];
        out.extend(frames.iter().map(|frame| LiveFrame::whole(frame)));
        port.transmit(out).sent
    }
}

/// What selecting takes, of one link.
#[derive(Debug)]
pub(crate) struct Select<'l> {
    pub(crate) audit: bool,
    /// The MTU of the port that the frames go to.
    pub(crate) mtu: Option<u32>,
    pub(crate) now: Timestamp,
    pub(crate) counts: &'l mut Counts,
    pub(crate) limit: &'l mut Bucket,
    pub(crate) errors: &'l mut Errors,
}

impl Select<'_> {
    /// Puts into `out` what goes on to the other port.
    pub(crate) fn select(&mut self, burst: &mut Burst<'_>) {
        let mut out = std::mem::take(&mut burst.out);
        for outcome in burst.outcomes() {
            if self.goes_on(&outcome) {
                out.push(*outcome.frame);
            }
        }
        burst.out = out;
    }

    #[inline]
    fn goes_on(&mut self, outcome: &Outcome<'_, '_>) -> bool {
        let Some((crossing, verdict)) = outcome.decided else {
            return outcome.fate == Fate::Pass;
        };
        if !allows(verdict) {
            return self.audit;
        }
        match self.mtu {
            Some(mtu) if is_oversize(outcome.frame, &crossing.packet, mtu) => {
                self.oversize(outcome.frame, &crossing.packet, mtu)
            }
            _ => true,
        }
    }

    /// Where it only counts, the device may try to send it. Otherwise its sender is told, as often as the limit lets us.
    #[cold]
    fn oversize(&mut self, frame: &LiveFrame<'_>, packet: &Packet, mtu: u32) -> bool {
        self.counts.oversize += 1;
        if !self.audit && self.limit.take(self.now) {
            self.errors.tell(frame, packet, mtu);
        }
        self.audit
    }
}

/// Puts into `settled` what becomes of the packets of a queue.
pub(crate) fn settle(audit: bool, burst: &Burst<'_>, settled: &mut Vec<(PacketId, QueueVerdict)>) {
    settled.clear();
    for outcome in burst.outcomes() {
        let verdict = match (outcome.fate, outcome.decided) {
            (Fate::Elsewhere, _) => continue,
            (_, Some((crossing, verdict))) if allows(verdict) => {
                accept(audit, verdict.reason, &crossing.packet)
            }
            (Fate::Pass, _) => QueueVerdict::Accept,
            _ if audit => QueueVerdict::Accept,
            _ => QueueVerdict::Drop,
        };
        settled.push((outcome.id, verdict));
    }
}

/// The kernel may carry on a connection in which nothing happens that we would have to see: not its opening, nor its end. Where we
/// only count, we count all of it.
fn accept(audit: bool, reason: Reason, packet: &Packet) -> QueueVerdict {
    let is_steady = match packet.l4 {
        L4::Tcp { flags, .. } => {
            let ends = [TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST];
            !ends.into_iter().any(|flag| flags.contains(flag))
        }
        L4::Udp { .. } => true,
        L4::Icmp { .. } | L4::Other | L4::LaterFragment => false,
    };
    if is_steady && !audit && reason == Reason::Established {
        QueueVerdict::AcceptFlow
    } else {
        QueueVerdict::Accept
    }
}

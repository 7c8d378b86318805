//! What a worker tells of packets, sampled, and never waiting for anybody.

use std::sync::Arc;

use crossbeam_channel::Sender;
use secgroup_datapath::{Crossing, Reason, Verdict};
use secgroup_packet::{Direction, InterfaceIndex, Timestamp};

use super::burst::allows;
use crate::events::{Admitted, DENIED_PER_SECOND, Denied, Event, Hub};
use crate::rate::Bucket;

/// The worker's end of the channel of events.
#[derive(Debug)]
pub(crate) struct Reporter {
    events: Sender<Event>,
    hub: Arc<Hub>,
    bucket: Bucket,
    suppressed: u64,
    /// Events that did not fit.
    pub(crate) lost: u64,
}

impl Reporter {
    pub(crate) fn new(events: Sender<Event>, hub: Arc<Hub>, now: Timestamp) -> Self {
        Self {
            events,
            hub,
            bucket: Bucket::new(DENIED_PER_SECOND, DENIED_PER_SECOND, now),
            suppressed: 0,
            lost: 0,
        }
    }

    /// Tells of what was denied in a burst and, where somebody follows, of what was admitted.
    pub(crate) fn look_through(&mut self, crossings: &[Crossing<'_>], verdicts: &[Verdict]) {
        let is_followed = self.hub.is_followed();
        for (crossing, verdict) in crossings.iter().zip(verdicts) {
            if !allows(verdict) {
                self.denied(crossing, verdict.reason);
            } else if is_followed && verdict.reason == Reason::New {
                self.admitted(crossing, *verdict);
            }
        }
    }

    #[cold]
    fn denied(&mut self, crossing: &Crossing<'_>, reason: Reason) {
        self.sample(Denied {
            interface: crossing.interface,
            direction: crossing.direction,
            reason,
            packet: Some(crossing.packet),
            at: crossing.at,
            suppressed: 0,
        });
    }

    /// Tells of a frame that no packet was found in.
    pub(crate) fn malformed(
        &mut self,
        interface: InterfaceIndex,
        direction: Direction,
        at: Timestamp,
    ) {
        self.sample(Denied {
            interface,
            direction,
            reason: Reason::Malformed,
            packet: None,
            at,
            suppressed: 0,
        });
    }

    fn sample(&mut self, mut denied: Denied) {
        if !self.bucket.take(denied.at) {
            self.suppressed += 1;
            return;
        }
        denied.suppressed = std::mem::take(&mut self.suppressed);
        self.tell(Event::Denied(denied));
    }

    #[cold]
    fn admitted(&mut self, crossing: &Crossing<'_>, verdict: Verdict) {
        self.tell(Event::Admitted(Admitted {
            interface: crossing.interface,
            direction: crossing.direction,
            verdict,
            packet: crossing.packet,
            at: crossing.at,
        }));
    }

    fn tell(&mut self, event: Event) {
        self.lost += u64::from(self.events.try_send(event).is_err());
    }
}

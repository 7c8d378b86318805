//! One packet of a capture, explained: with the connections that the packets before it left behind.
//!
//! The packets before it go through the session exactly as in a [replay](crate::run), policy changes included; then the packet itself is judged
//! by the same engine, with a look at its connection before and after. What comes behind it is not read.

use std::path::PathBuf;
use std::sync::Arc;

use secgroup_analysis::{
    Explained, Malformed, PacketReport, World, explain_malformed, explain_packet, explain_unjudged,
};
use secgroup_io::{Batch, Capture, CaptureError, Record};
use secgroup_model::Inventory;
use secgroup_packet::{Direction, ParseError, Timestamp};

use crate::run::{Change, Position};
use crate::select::{Ambiguous, Crossed};
use crate::session::{Burst, Kind, Seen, Session, SessionSettings};

/// Which packet is to be explained, and under which policies.
#[derive(Debug)]
pub struct Examination {
    /// The captures, read one after the other as one stream; `-` is standard input.
    pub captures: Vec<PathBuf>,
    /// The policy at the start.
    pub policy: Inventory,
    /// Later policies, in any order.
    pub changes: Vec<Change>,
    /// How to judge.
    pub settings: SessionSettings,
    /// The number of the packet: from 1, over all captures, as verdict lines have it.
    pub number: u64,
}

/// Why a packet of a capture cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// An address does not tell which interface a packet crosses.
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
    /// A capture cannot be read so far.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// There are not so many packets.
    #[error("there is no packet {number}: packets are numbered from 1, and there are {packets}")]
    NoSuchPacket {
        /// Which was asked for.
        number: u64,
        /// How many there are.
        packets: u64,
    },
}

/// Explains a packet of a capture, telling `progress` from time to time how far it is.
///
/// # Errors
/// [`ExamineError`].
pub fn examine(
    examination: Examination,
    progress: &mut dyn FnMut(Position),
) -> Result<Explained, ExamineError> {
    let Examination {
        captures,
        policy,
        mut changes,
        settings,
        number,
    } = examination;
    changes.sort_by_key(|change| std::cmp::Reverse(change.after));
    let mut way = Way {
        session: Session::new(settings, &policy, Timestamp::ZERO)?,
        policy,
        changes,
        start: None,
        packets: 0,
        number,
    };
    let mut bytes_before = 0;
    for path in &captures {
        let mut capture = Capture::open(path)?;
        let mut buffers = Burst::default();
        let mut batches = 0_u32;
        while let Some(batch) = capture.next_batch(secgroup_io::BATCH_MAX)? {
            let mut burst = buffers.recycle();
            if let Some(explained) = way.batch(batch, &mut burst)? {
                return Ok(explained);
            }
            buffers = burst.recycle();
            batches = batches.wrapping_add(1);
            if batches.is_multiple_of(64) {
                progress(Position {
                    packets: way.packets,
                    bytes: bytes_before + capture.bytes_read(),
                });
            }
        }
        bytes_before += capture.bytes_read();
    }
    let packets = way.packets;
    Err(ExamineError::NoSuchPacket { number, packets })
}

/// On the way to the packet.
struct Way {
    session: Session,
    /// The policy in force.
    policy: Inventory,
    /// Changes still to come, the next one last.
    changes: Vec<Change>,
    /// The time of the first packet; set when it is seen.
    start: Option<Timestamp>,
    /// How many were judged.
    packets: u64,
    number: u64,
}

impl Way {
    /// One batch, cut where the policy changes and before the packet.
    fn batch<'a>(
        &mut self,
        batch: Batch<'a>,
        burst: &mut Burst<'a>,
    ) -> Result<Option<Explained>, Ambiguous> {
        let mut records = batch.iter().peekable();
        while let Some(next) = records.peek() {
            self.begin(next)?;
            if self.packets + 1 == self.number {
                return Ok(Some(self.explain(*next)));
            }
            let until = self.next_change();
            let mut left = self.number.saturating_sub(1 + self.packets);
            let session = &mut self.session;
            let packets = &mut self.packets;
            let part = std::iter::from_fn(|| {
                let is_next =
                    |record: &Record<'_>| left > 0 && until.is_none_or(|until| record.time < until);
                let record = records.next_if(is_next)?;
                left -= 1;
                *packets += 1;
                Some(record)
            });
            session.judge(part, burst);
        }
        Ok(None)
    }

    /// Starts the clock with the first packet, and makes the changes that are due at `next`.
    fn begin(&mut self, next: &Record<'_>) -> Result<(), Ambiguous> {
        if self.start.is_none() {
            self.start = Some(next.time);
            self.session.start_at(next.time);
        }
        while let Some(due) = self.next_change().filter(|due| *due <= next.time) {
            let Some(change) = self.changes.pop() else {
                break;
            };
            self.session.change(&change.policy, due)?;
            self.policy = Arc::unwrap_or_clone(change.policy);
        }
        Ok(())
    }

    fn next_change(&self) -> Option<Timestamp> {
        let change = self.changes.last()?;
        Some(self.start?.saturating_add(change.after))
    }

    /// Judges and explains the packet.
    fn explain(&mut self, record: Record<'_>) -> Explained {
        let (seen, scenes) = self.session.scenes(record);
        let world = World {
            inventory: &self.policy,
            registry: self.session.registry(),
        };
        let mut explained = match seen.kind {
            Kind::Ip(packet) => explain_packet(world, &packet, scenes),
            Kind::Malformed(error) => self.malformed(&seen, error),
            Kind::NotIp(ethertype) => explain_unjudged(match ethertype {
                0x0806 => "ARP".to_owned(),
                _ => format!("EtherType {ethertype:#06x}"),
            }),
            Kind::UnsupportedLink(number) => explain_unjudged(format!("link type {number}")),
        };
        explained.packet.number = Some(self.number);
        explained.packet.time = Some(crate::lines::time(&record).to_string());
        explained
    }

    fn malformed(&self, seen: &Seen<'_>, error: ParseError) -> Explained {
        let Crossed { egress, ingress } = seen.crossed;
        let registry = self.session.registry();
        let sides = [(egress, Direction::Egress), (ingress, Direction::Ingress)];
        let at = sides.into_iter().filter_map(|(index, direction)| {
            let interface = registry.interface(index?)?.to_string();
            Some(Malformed {
                interface,
                direction,
                detail: error.to_string(),
            })
        });
        let addresses = error.addresses();
        let packet = PacketReport {
            flow: format!("malformed: {error}"),
            src: addresses.map(secgroup_packet::AddressPair::src),
            dst: addresses.map(secgroup_packet::AddressPair::dst),
            ..PacketReport::default()
        };
        explain_malformed(packet, at.collect())
    }
}

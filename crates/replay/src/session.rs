//! A policy, the engine, and bursts of records through both.

use std::sync::Arc;

use secgroup_control::{Defaults, Lowering, Registry};
use secgroup_datapath::{Crossing, Datapath, Settings, Tally, Verdict};
use secgroup_io::Record;
use secgroup_model::{Inventory, VpcId};
use secgroup_packet::{Direction, Frame, InterfaceIndex, Packet, ParseError, Parsed, Timestamp};

use crate::select::{Ambiguous, Crossed, Selector};

/// What one record turned out to be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// An IP packet.
    Ip(Packet),
    /// Another EtherType.
    NotIp(u16),
    /// A frame of a link type that is not read.
    UnsupportedLink(u16),
    /// A frame that contradicts itself.
    Malformed(ParseError),
}

/// One record of a burst.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The record.
    pub record: Record<'a>,
    /// What it is.
    pub kind: Kind,
    /// What it crosses.
    pub crossed: Crossed,
    /// Where its first verdict lies.
    first: usize,
}

/// One verdict of a burst, and where it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// The interface; `None` for a malformed frame of nobody.
    pub interface: Option<InterfaceIndex>,
    /// The direction; `None` for a malformed frame of nobody.
    pub direction: Option<Direction>,
    /// The verdict.
    pub verdict: Verdict,
}

/// Buffers of one burst, to be used again for the next.
#[derive(Debug, Default)]
pub struct Burst<'a> {
    seen: Vec<Seen<'a>>,
    crossings: Vec<Crossing<'a>>,
    verdicts: Vec<Verdict>,
}

impl<'a> Burst<'a> {
    /// The records, in order.
    #[must_use]
    pub fn seen(&self) -> &[Seen<'a>] {
        &self.seen
    }

    /// Every crossing with its verdict, in order; frames that contradict themselves are not among them.
    pub fn decided(&self) -> impl Iterator<Item = (&Crossing<'a>, Verdict)> {
        self.crossings.iter().zip(self.verdicts.iter().copied())
    }

    /// The verdicts on one record of this burst: egress first, as it crosses them (C1). None where it crosses nothing known.
    pub fn judged(&self, seen: &Seen<'a>) -> impl Iterator<Item = Judged> + '_ {
        let count = seen.crossings();
        let of_packet = (seen.first..seen.first + count).map(|index| Judged {
            interface: Some(self.crossings[index].interface),
            direction: Some(self.crossings[index].direction),
            verdict: self.verdicts[index],
        });
        of_packet.chain(seen.malformed())
    }

    /// The same buffers, empty, for records of another lifetime. Collecting a vector's own emptied iterator
    /// keeps its memory (the standard library does so in place), so a steady replay does not allocate.
    #[must_use]
    pub fn recycle<'b>(mut self) -> Burst<'b> {
        self.seen.clear();
        self.crossings.clear();
        self.verdicts.clear();
        Burst {
            seen: self.seen.into_iter().map_while(|_| None).collect(),
            crossings: self.crossings.into_iter().map_while(|_| None).collect(),
            verdicts: self.verdicts,
        }
    }
}

impl Seen<'_> {
    fn crossings(&self) -> usize {
        match self.kind {
            Kind::Ip(_) => {
                usize::from(self.crossed.egress.is_some())
                    + usize::from(self.crossed.ingress.is_some())
            }
            _ => 0,
        }
    }

    fn malformed(&self) -> impl Iterator<Item = Judged> + use<> {
        let is_malformed = matches!(self.kind, Kind::Malformed(_));
        let Crossed { egress, ingress } = self.crossed;
        let nobody = egress.is_none() && ingress.is_none();
        let places = [
            (egress.is_some(), egress, Some(Direction::Egress)),
            (ingress.is_some(), ingress, Some(Direction::Ingress)),
            (nobody, None, None),
        ];
        places
            .into_iter()
            .filter_map(move |(crossed, interface, direction)| {
                let verdict = Verdict::deny(secgroup_datapath::Reason::Malformed);
                (is_malformed && crossed).then_some(Judged {
                    interface,
                    direction,
                    verdict,
                })
            })
    }
}

/// How a session judges.
#[derive(Debug, Clone, Default)]
pub struct SessionSettings {
    /// The engine's settings.
    pub engine: Settings,
    /// What holds for interfaces unless the policy says otherwise.
    pub defaults: Defaults,
    /// Only the interfaces of this VPC are crossed.
    pub vpc: Option<VpcId>,
}

/// A policy and the engine.
#[derive(Debug)]
pub struct Session {
    settings: SessionSettings,
    lowering: Lowering,
    selector: Selector,
    datapath: Datapath,
}

impl Session {
    /// A session whose clock starts at `start`.
    ///
    /// # Errors
    /// Where an address does not tell which interface a packet crosses.
    pub fn new(
        settings: SessionSettings,
        inventory: &Inventory,
        start: Timestamp,
    ) -> Result<Self, Ambiguous> {
        let mut lowering = Lowering::new(settings.defaults.clone());
        let snapshot = Arc::new(lowering.lower(inventory));
        let selector = Selector::new(inventory, lowering.registry(), settings.vpc.as_ref())?;
        let datapath = Datapath::new(settings.engine.clone(), snapshot, start);
        Ok(Self {
            settings,
            lowering,
            selector,
            datapath,
        })
    }

    /// Sets the clock to the time of the first packet, which a session may be made before. Windows of grace begin here.
    pub fn start_at(&mut self, start: Timestamp) {
        self.datapath.start_at(start);
    }

    /// Swaps in another policy at `now`; connections are kept.
    ///
    /// # Errors
    /// Where an address does not tell which interface a packet crosses; the old policy stays in force.
    pub fn change(&mut self, inventory: &Inventory, now: Timestamp) -> Result<(), Ambiguous> {
        let snapshot = Arc::new(self.lowering.lower(inventory));
        let vpc = self.settings.vpc.as_ref();
        self.selector = Selector::new(inventory, self.lowering.registry(), vpc)?;
        self.datapath.swap(snapshot, now);
        Ok(())
    }

    /// Judges records in order. `burst` receives them and their verdicts.
    pub fn judge<'a>(
        &mut self,
        records: impl IntoIterator<Item = Record<'a>>,
        burst: &mut Burst<'a>,
    ) {
        let Burst {
            seen,
            crossings,
            verdicts,
        } = burst;
        seen.clear();
        crossings.clear();
        verdicts.clear();
        for record in records {
            self.look_at(record, seen);
        }
        // Only now, when all of them are looked at: a packet is written in small pieces, and a copy
        // in large ones waits until those have left the store buffer.
        for seen in seen.iter_mut() {
            seen.first = crossings.len();
            let (Kind::Ip(packet), Some(frame)) = (&seen.kind, seen.record.frame()) else {
                continue;
            };
            let directions = [
                (seen.crossed.egress, Direction::Egress),
                (seen.crossed.ingress, Direction::Ingress),
            ];
            for (interface, direction) in directions {
                if let Some(interface) = interface {
                    crossings.push(Crossing {
                        frame,
                        packet: *packet,
                        interface,
                        direction,
                        at: seen.record.time,
                    });
                }
            }
        }
        self.datapath.burst(crossings, verdicts);
        self.datapath.sweep(crossings.len());
    }

    /// Appends what a record is, and what it crosses. Each arm writes its result where it stays:
    /// to hand a packet from one variable to the next costs as much as to parse it.
    #[inline]
    fn look_at<'a>(&mut self, record: Record<'a>, seen: &mut Vec<Seen<'a>>) {
        let see = |kind, crossed| Seen {
            record,
            kind,
            crossed,
            first: 0,
        };
        let Some(frame) = record.frame() else {
            let kind = Kind::UnsupportedLink(record.link.number());
            return seen.push(see(kind, Crossed::default()));
        };
        let error = match &frame.parse() {
            Ok(Parsed::Ip(packet)) => {
                let crossed = self.selector.crossed(packet.addresses, &frame);
                let verify = self.settings.engine.verify_checksums && crossed != Crossed::default();
                let verified = if verify {
                    frame.verify_checksums(packet)
                } else {
                    Ok(())
                };
                match verified {
                    Ok(()) => return seen.push(see(Kind::Ip(*packet), crossed)),
                    Err(error) => error,
                }
            }
            Ok(Parsed::NotIp(ethertype)) => {
                return seen.push(see(Kind::NotIp(*ethertype), Crossed::default()));
            }
            Err(error) => *error,
        };
        let crossed = self.malformed(&frame, error);
        seen.push(see(Kind::Malformed(error), crossed));
    }

    /// Counts a frame that contradicts itself; what it crosses, as far as it says.
    #[cold]
    fn malformed(&mut self, frame: &Frame<'_>, error: ParseError) -> Crossed {
        let crossed = error
            .addresses()
            .map_or_else(Crossed::default, |addresses| {
                self.selector.crossed(addresses, frame)
            });
        let sides = [
            (crossed.egress, Direction::Egress),
            (crossed.ingress, Direction::Ingress),
        ];
        for (interface, direction) in sides {
            if let Some(interface) = interface {
                self.datapath
                    .malformed(interface, direction, frame.wire_len);
            }
        }
        crossed
    }

    /// What the numbers in verdicts stand for.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        self.lowering.registry()
    }

    /// The counters.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        self.datapath.tally()
    }

    /// The engine.
    #[must_use]
    pub const fn datapath(&self) -> &Datapath {
        &self.datapath
    }
}

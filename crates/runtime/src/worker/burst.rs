//! One burst of frames, from bytes to what becomes of each.
//!
//! ```text
//!   arrived ──► sort ─┬─ another shard's ──► parcel
//!                     ├─ not IP, malformed ──► pass or drop, counted here
//!                     └─ crossings ──► Datapath::burst ──► verdicts
//! ```
//!
//! A packet is read into the crossing in which it stays: it is written in small pieces, and a copy in large ones would wait until those
//! have left the store buffer. What turns out to be no crossing is taken off again. The buffers are used again from burst to burst; a frame costs no allocation.

use secgroup_datapath::{Action, Crossing, Datapath, Interface, Snapshot, Verdict};
use secgroup_io::live::{BURST, Checksum, Heard, LiveFrame, PacketId};
use secgroup_packet::{AddressPair, Direction, LinkType, Packet, Reading, Timestamp};

use super::link::{Counts, LinkSpec};
use super::reporter::Reporter;
use super::unfinished::is_harmless;
use crate::Observe;
use crate::Sees;
use crate::handoff::{Hop, Label, Outbox, Side};
use crate::meter::Meter;
use crate::owner::Owners;

/// ARP (RFC 826), which goes on whatever the rules say (semantics C18).
const ARP: u16 = 0x0806;

/// How the frames of a burst were heard.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Medium {
    /// At one of two ports.
    Inline,
    /// In the host's own queue.
    Host,
    /// By listening.
    Watch(Sees),
}

/// Buffers of one burst.
#[derive(Debug, Default)]
pub(crate) struct Burst<'a> {
    pub(crate) arrived: Vec<(LiveFrame<'a>, PacketId)>,
    /// One for each that arrived.
    pub(crate) fates: Vec<Fate>,
    /// One for each whose fate is [`Fate::Decided`], in order.
    pub(crate) crossings: Vec<Crossing<'a>>,
    pub(crate) verdicts: Vec<Verdict>,
    /// What goes on.
    pub(crate) out: Vec<LiveFrame<'a>>,
}

/// What becomes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The verdict says.
    Decided,
    /// It goes on, without a verdict.
    Pass,
    /// It does not.
    Drop,
    /// It was handed to another worker.
    Elsewhere,
}

impl<'a> Burst<'a> {
    /// With room for a whole burst.
    pub(crate) fn new() -> Self {
        Self {
            arrived: Vec::with_capacity(BURST),
            fates: Vec::with_capacity(BURST),
            crossings: Vec::with_capacity(BURST),
            verdicts: Vec::with_capacity(BURST),
            out: Vec::with_capacity(BURST),
        }
    }

    /// The same buffers, empty, for frames of another lifetime. Collecting a vector's own emptied iterator keeps its memory
    /// (the standard library does so in place).
    pub(crate) fn recycle<'b>(mut self) -> Burst<'b> {
        self.arrived.clear();
        self.fates.clear();
        self.crossings.clear();
        self.verdicts.clear();
        self.out.clear();
        Burst {
            arrived: self.arrived.into_iter().map_while(|_| None).collect(),
            fates: self.fates,
            crossings: self.crossings.into_iter().map_while(|_| None).collect(),
            verdicts: self.verdicts,
            out: self.out.into_iter().map_while(|_| None).collect(),
        }
    }

    /// Each frame with its fate and, where it was decided, its crossing and verdict.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = Outcome<'a, '_>> {
        let mut decided = self.crossings.iter().zip(&self.verdicts);
        self.arrived
            .iter()
            .zip(&self.fates)
            .map(move |((frame, id), fate)| Outcome {
                frame,
                id: *id,
                fate: *fate,
                decided: match fate {
                    Fate::Decided => decided.next(),
                    Fate::Pass | Fate::Drop | Fate::Elsewhere => None,
                },
            })
    }
}

/// What became of one frame.
#[derive(Debug)]
pub(crate) struct Outcome<'a, 'b> {
    pub(crate) frame: &'b LiveFrame<'a>,
    pub(crate) id: PacketId,
    pub(crate) fate: Fate,
    pub(crate) decided: Option<(&'b Crossing<'a>, &'b Verdict)>,
}

/// What judging takes, of one worker.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) datapath: Datapath,
    pub(crate) outbox: Outbox,
    pub(crate) owners: Owners,
    pub(crate) reporter: Reporter,
    pub(crate) observer: Option<Box<dyn Observe>>,
    pub(crate) meter: Option<Meter>,
    /// Whether wrong checksums are malformed (D54).
    pub(crate) verify: bool,
    pub(crate) now: Timestamp,
    pub(crate) handed_over: u64,
    pub(crate) handoff_full: u64,
}

/// Where a burst came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'l> {
    pub(crate) spec: &'l LinkSpec,
    /// The shard of this worker.
    pub(crate) me: u16,
    /// Verdicts are only counted.
    pub(crate) audit: bool,
    pub(crate) medium: Medium,
    /// For frames that are handed on.
    pub(crate) label: Label,
    /// How the frames came here; `None` for from a device.
    pub(crate) hop: Option<Hop>,
}

impl Judge {
    /// Says what becomes of the frames that arrived.
    pub(crate) fn judge(&mut self, from: &Origin<'_>, counts: &mut Counts, burst: &mut Burst<'_>) {
        let begun = self.meter.as_mut().and_then(Meter::begin);
        for &(frame, id) in &burst.arrived {
            let place = burst.crossings.len();
            burst.crossings.push(self.blank(from, &frame));
            let crossing = &mut burst.crossings[place];
            let fate = self.sort(from, counts, crossing, &frame, id);
            if fate != Fate::Decided {
                burst.crossings.pop();
            }
            burst.fates.push(fate);
        }
        self.datapath.burst(&burst.crossings, &mut burst.verdicts);
        self.reporter
            .look_through(&burst.crossings, &burst.verdicts);
        if let Some(observer) = &mut self.observer {
            observer.burst(&burst.crossings, &burst.verdicts);
        }
        if let Some(meter) = &mut self.meter {
            meter.end(begun, &burst.crossings, &burst.verdicts);
        }
    }

    /// A crossing of a frame that was not looked at yet.
    #[inline(always)]
    fn blank<'a>(&self, from: &Origin<'_>, frame: &LiveFrame<'a>) -> Crossing<'a> {
        Crossing {
            frame: frame.frame(),
            packet: Packet::BLANK,
            interface: from.spec.interface,
            direction: Direction::Ingress,
            at: self.now,
        }
    }

    /// Reads a frame into its crossing, and says what becomes of it.
    #[inline(always)]
    fn sort(
        &mut self,
        from: &Origin<'_>,
        counts: &mut Counts,
        crossing: &mut Crossing<'_>,
        frame: &LiveFrame<'_>,
        id: PacketId,
    ) -> Fate {
        match crossing.frame.read(&mut crossing.packet) {
            Reading::Ip => {
                if let Err(addresses) = self.verified(frame, crossing) {
                    return self.malformed(from, frame, addresses);
                }
                let Some(direction) = self.direction(from, frame.heard, Some(&crossing.packet))
                else {
                    return Fate::Drop; // Watched, and none of the interface's.
                };
                crossing.direction = direction;
                match self.hand_over(from, crossing, frame, id) {
                    None => Fate::Decided,
                    Some(true) => Fate::Elsewhere,
                    Some(false) => pass_if(from.audit),
                }
            }
            Reading::NotIp(ethertype) => not_ip(from, ethertype, counts),
            Reading::Malformed => {
                let addresses = crossing.frame.parse().err();
                let addresses = addresses.and_then(|error| error.addresses());
                self.malformed(from, frame, addresses)
            }
        }
    }

    /// Looks for what else may be wrong with a packet that could be read; an error is its addresses, where they are known.
    #[inline(always)]
    fn verified(
        &self,
        frame: &LiveFrame<'_>,
        crossing: &Crossing<'_>,
    ) -> Result<(), Option<AddressPair>> {
        let packet = &crossing.packet;
        // Packets of a queue are the kernel's, and are sent on by it.
        if frame.link == LinkType::Ethernet && !is_harmless(frame.vnet, packet) {
            return Err(Some(packet.addresses));
        }
        // A partial checksum is to be finished by whoever puts the frame onto a wire, and a valid one was checked.
        if self.verify
            && frame.vnet.checksum() == Checksum::Unknown
            && let Err(error) = crossing.frame.verify_checksums(packet)
        {
            return Err(error.addresses());
        }
        Ok(())
    }

    /// Hands a packet to the shard that owns it: `None` where that is this one, `Some(false)` where there was no room.
    #[inline]
    fn hand_over(
        &mut self,
        from: &Origin<'_>,
        crossing: &Crossing<'_>,
        frame: &LiveFrame<'_>,
        id: PacketId,
    ) -> Option<bool> {
        let count = from.spec.count();
        if count < 2 || from.hop == Some(Hop::Owner) {
            return None;
        }
        let (shard, hop) = self.owners.elsewhere(crossing, from.me, count)?;
        let worker = *from.spec.workers.get(usize::from(shard))?;
        let label = Label { hop, ..from.label };
        let taken = self.outbox.put(worker, label, frame, id);
        if taken {
            self.handed_over += 1;
        } else {
            self.handoff_full += 1;
        }
        Some(taken)
    }

    /// Which way a frame crosses the interface; `None` where it does not.
    fn direction(
        &self,
        from: &Origin<'_>,
        heard: Heard,
        packet: Option<&Packet>,
    ) -> Option<Direction> {
        let arriving = matches!(heard, Heard::Arriving);
        let ingress_if = |ingress| {
            if ingress {
                Direction::Ingress
            } else {
                Direction::Egress
            }
        };
        match from.medium {
            Medium::Inline => Some(ingress_if(from.label.side == Side::Second)),
            Medium::Host | Medium::Watch(Sees::Host) => Some(ingress_if(arriving)),
            Medium::Watch(Sees::Instance) => Some(ingress_if(!arriving)),
            Medium::Watch(Sees::Addresses) => {
                by_addresses(self.datapath.snapshot(), from.spec, packet?)
            }
        }
    }

    #[cold]
    fn malformed(
        &mut self,
        from: &Origin<'_>,
        frame: &LiveFrame<'_>,
        addresses: Option<AddressPair>,
    ) -> Fate {
        let direction = match from.medium {
            Medium::Watch(Sees::Addresses) => addresses.and_then(|addresses| {
                let interface = self.datapath.snapshot().interface(from.spec.interface)?;
                between(interface, addresses.src(), addresses.dst())
            }),
            _ => self.direction(from, frame.heard, None),
        };
        if let Some(direction) = direction {
            let interface = from.spec.interface;
            self.datapath
                .malformed(interface, direction, frame.wire_len);
            self.reporter.malformed(interface, direction, self.now);
        }
        pass_if(from.audit)
    }
}

const fn pass_if(passes: bool) -> Fate {
    if passes { Fate::Pass } else { Fate::Drop }
}

/// Security groups do not judge what is not IP; only what the link lists goes on.
#[cold]
fn not_ip(from: &Origin<'_>, ethertype: u16, counts: &mut Counts) -> Fate {
    if matches!(from.medium, Medium::Watch(_)) {
        return Fate::Drop; // Not counted: nothing is kept from anybody here.
    }
    let passes = ethertype == ARP || from.spec.ethertypes.contains(&ethertype);
    if passes {
        counts.not_ip_passed += 1;
    } else {
        counts.not_ip_dropped += 1;
    }
    pass_if(passes || from.audit)
}

fn by_addresses(snapshot: &Snapshot, spec: &LinkSpec, packet: &Packet) -> Option<Direction> {
    between(
        snapshot.interface(spec.interface)?,
        packet.src(),
        packet.dst(),
    )
}

/// What the interface sent is egress, what is for it ingress, all else somebody else's. An interface that lists no addresses has none here.
fn between(
    interface: &Interface,
    src: std::net::IpAddr,
    dst: std::net::IpAddr,
) -> Option<Direction> {
    if interface.addresses.is_empty() && interface.prefixes.is_empty() {
        None
    } else if interface.owns(src) {
        Some(Direction::Egress)
    } else {
        interface.owns(dst).then_some(Direction::Ingress)
    }
}

/// Whether a verdict lets a packet on.
pub(crate) fn allows(verdict: &Verdict) -> bool {
    verdict.action() == Action::Allow
}

//! A policy, the engine, and bursts of records through both.

use secgroup_analysis::Scene;
use secgroup_control::{Defaults, Registry};
use secgroup_datapath::{Crossing, Datapath, Settings, Tally, Verdict};
use secgroup_io::Record;
use secgroup_model::{Inventory, VpcId};
use secgroup_packet::Timestamp;

use crate::decided::Decided;
use crate::look::Lookout;
use crate::policies::Policies;
use crate::select::{Ambiguous, Crossed};

pub(crate) use crate::decided::Judged;
pub(crate) use crate::look::Kind;

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
        let judged: [Option<Judged>; 2] = {
            let decided = self.with_verdicts(seen);
            let mut judged = decided.judged();
            [judged.next(), judged.next()]
        };
        judged.into_iter().flatten()
    }

    /// Where one record of this burst crosses, in the order of its verdicts; none of a frame that contradicts itself.
    pub(crate) fn crossings_of(&self, seen: &Seen<'a>) -> impl Iterator<Item = &Crossing<'a>> {
        let count = match seen.kind {
            Kind::Ip(_) => seen.crossed.count(),
            _ => 0,
        };
        self.crossings[seen.first..].iter().take(count)
    }

    /// One record of this burst with its verdicts.
    #[inline]
    pub(crate) fn with_verdicts<'b>(&'b self, seen: &'b Seen<'a>) -> Decided<'b> {
        let count = match seen.kind {
            Kind::Ip(_) => seen.crossed.count(),
            _ => 0,
        };
        Decided {
            record: seen.record,
            kind: &seen.kind,
            crossed: seen.crossed,
            verdicts: &self.verdicts[seen.first..seen.first + count],
        }
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
    policies: Policies,
    lookout: Lookout,
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
        let engine = settings.engine.clone();
        let mut policies = Policies::new(settings);
        let (lookout, snapshot) = policies.lower(inventory)?;
        Ok(Self {
            policies,
            lookout,
            datapath: Datapath::new(engine, snapshot, start),
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
        let (lookout, snapshot) = self.policies.lower(inventory)?;
        self.lookout = lookout;
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
            for (interface, direction) in seen.crossed.places() {
                crossings.push(Crossing {
                    frame,
                    packet: *packet,
                    interface,
                    direction,
                    at: seen.record.time,
                });
            }
        }
        self.datapath.burst(crossings, verdicts);
        self.datapath.sweep(crossings.len());
    }

    /// Judges one record as [`judge`](Self::judge) does, and keeps of it what an explanation needs: its connection before, its verdicts, and
    /// the engine after each.
    pub fn scenes<'a>(&mut self, record: Record<'a>) -> (Seen<'a>, Vec<Scene<'a>>) {
        let mut all = Vec::with_capacity(1);
        self.look_at(record, &mut all);
        // Invariant: `look_at` appends one.
        let seen = all.swap_remove(0);
        let mut scenes = Vec::new();
        let (Kind::Ip(packet), Some(frame)) = (seen.kind, record.frame()) else {
            return (seen, scenes);
        };
        for (interface, direction) in seen.crossed.places() {
            let crossing = Crossing {
                frame,
                packet,
                interface,
                direction,
                at: record.time,
            };
            let before = self.datapath.excerpt(&crossing).connection(&crossing);
            let verdict = self.datapath.one(&crossing);
            let after = self.datapath.excerpt(&crossing);
            scenes.push(Scene::judged(crossing, before, verdict, after));
        }
        (seen, scenes)
    }

    /// Appends what a record is, and what it crosses, and counts it where it contradicts itself.
    #[inline]
    fn look_at<'a>(&mut self, record: Record<'a>, seen: &mut Vec<Seen<'a>>) {
        let Self {
            lookout, datapath, ..
        } = self;
        lookout.look(&record, |kind, crossed| {
            if matches!(kind, Kind::Malformed(_)) {
                count_malformed(datapath, crossed, record.wire_len);
            }
            seen.push(Seen {
                record,
                kind,
                crossed,
                first: 0,
            });
        });
    }

    /// Forgets connections whose time has run out, wherever they lie: nobody finds them any more, so no verdict changes, but they
    /// are no longer counted as held.
    pub(crate) fn forget_expired(&mut self) {
        self.datapath.sweep(usize::MAX);
    }

    /// What the numbers in verdicts stand for.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        self.policies.registry()
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

/// Counts a frame that contradicts itself at the interfaces that it crosses.
#[cold]
pub(crate) fn count_malformed(datapath: &mut Datapath, crossed: Crossed, wire_len: u32) {
    for (interface, direction) in crossed.places() {
        datapath.malformed(interface, direction, wire_len);
    }
}

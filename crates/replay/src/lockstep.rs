//! Captures through two policies at once, packet by packet.
//!
//! Both engines see every packet at the same moment, each with its own connections; whoever asks
//! gets the two verdicts side by side. Each policy chooses the interfaces that a packet crosses by
//! itself, for addresses may have moved between them.

use std::path::PathBuf;

use secgroup_datapath::Action;
use secgroup_io::{Batch, Capture, CaptureError};
use secgroup_model::Inventory;
use secgroup_packet::{Direction, Timestamp};

use crate::decided::Judged;
use crate::report::CaptureReport;
use crate::run::{Position, ReplayError};
use crate::session::{Burst, Seen, Session, SessionSettings};

/// Two sessions over the same packets.
pub(crate) struct Lockstep {
    pub(crate) old: Session,
    pub(crate) new: Session,
    started: bool,
}

/// One packet where it crosses an interface of either policy, and what each makes of it.
pub(crate) struct Pair<'a> {
    /// 1-based, over all captures.
    pub(crate) number: u64,
    pub(crate) seen: &'a Seen<'a>,
    /// `None` where neither knows an interface: the frame is malformed.
    pub(crate) direction: Option<Direction>,
    pub(crate) old: Option<Judged>,
    pub(crate) new: Option<Judged>,
}

/// What was read of captures.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) packets: u64,
    pub(crate) captures: Vec<CaptureReport>,
    pub(crate) warnings: Vec<String>,
}

impl Lockstep {
    pub(crate) fn new(
        settings: &SessionSettings,
        old: &Inventory,
        new: &Inventory,
    ) -> Result<Self, ReplayError> {
        Ok(Self {
            old: Session::new(settings.clone(), old, Timestamp::ZERO)?,
            new: Session::new(settings.clone(), new, Timestamp::ZERO)?,
            started: false,
        })
    }

    /// Judges all captures, showing each pair of verdicts to `see` in order, egress before ingress.
    pub(crate) fn run(
        &mut self,
        captures: &[PathBuf],
        progress: &mut dyn FnMut(Position),
        mut see: impl FnMut(&Self, &Pair<'_>),
    ) -> Read {
        let mut number = 0;
        read(captures, progress, |batch| {
            self.start(&batch);
            let (mut of_old, mut of_new) = (Burst::default(), Burst::default());
            self.old.judge(batch.iter(), &mut of_old);
            self.new.judge(batch.iter(), &mut of_new);
            for (one, other) in of_old.seen().iter().zip(of_new.seen()) {
                number += 1;
                for direction in [Some(Direction::Egress), Some(Direction::Ingress), None] {
                    let pair = Pair {
                        number,
                        seen: one,
                        direction,
                        old: of_old
                            .judged(one)
                            .find(|judged| judged.direction == direction),
                        new: of_new
                            .judged(other)
                            .find(|judged| judged.direction == direction),
                    };
                    if pair.old.is_some() || pair.new.is_some() {
                        see(self, &pair);
                    }
                }
            }
        })
    }

    /// Sets both clocks to the time of the first packet.
    fn start(&mut self, batch: &Batch<'_>) {
        if let (false, Some(first)) = (self.started, batch.get(0)) {
            self.old.start_at(first.time);
            self.new.start_at(first.time);
            self.started = true;
        }
    }
}

impl Pair<'_> {
    /// Whether the packet is denied by the new policy alone (`Some(Action::Deny)`) or by the old
    /// one alone (`Some(Action::Allow)`). What crosses no interface is denied by none.
    pub(crate) fn turned(&self) -> Option<Action> {
        let denied = |judged: Option<Judged>| {
            judged.is_some_and(|judged| judged.verdict.action() == Action::Deny)
        };
        match (denied(self.old), denied(self.new)) {
            (false, true) => Some(Action::Deny),
            (true, false) => Some(Action::Allow),
            _ => None,
        }
    }
}

/// Reads captures one after the other, in batches. A damaged one is used as far as it goes.
pub(crate) fn read(
    captures: &[PathBuf],
    progress: &mut dyn FnMut(Position),
    mut each: impl FnMut(Batch<'_>),
) -> Read {
    let mut read = Read::default();
    let mut bytes_before = 0;
    for path in captures {
        let mut capture = match Capture::open(path) {
            Ok(capture) => capture,
            Err(error) => {
                read.captures.push(CaptureReport {
                    file: path.display().to_string(),
                    packets: 0,
                    error: Some(error.to_string()),
                });
                continue;
            }
        };
        let told = read.packets;
        let error = one(&mut capture, &mut each, &mut |capture| {
            progress(Position {
                packets: told + capture.packets(),
                bytes: bytes_before + capture.bytes_read(),
            });
        });
        bytes_before += capture.bytes_read();
        read.packets += capture.packets();
        let (file, warnings) = (capture.name().to_owned(), capture.warnings());
        let warnings = warnings.iter().map(|said| format!("{file}: {said}"));
        read.warnings.extend(warnings);
        read.captures.push(CaptureReport {
            packets: capture.packets(),
            error: error.map(|error| error.to_string()),
            file,
        });
    }
    read
}

/// One capture to its end, or to the error that it ends with.
fn one(
    capture: &mut Capture,
    each: &mut impl FnMut(Batch<'_>),
    told: &mut dyn FnMut(&Capture),
) -> Option<CaptureError> {
    let mut batches = 0_u32;
    loop {
        match capture.next_batch(secgroup_io::BATCH_MAX) {
            Ok(Some(batch)) => each(batch),
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
        batches = batches.wrapping_add(1);
        if batches.is_multiple_of(64) {
            told(capture);
        }
    }
}

//! What a packet costs that continues a connection, opens one, or is denied.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use secgroup_datapath::{Datapath, Reason, Snapshot};
use secgroup_packet::{Family, Timestamp};

use crate::line::{Line, STILL};
use crate::report::Connections;
use crate::rounds::Rounds;
use crate::stages::{self, BURSTS};
use crate::workload::flows::{DRAWS, Draw, Flow, SERVICE, flows, ruled};
use crate::workload::frames::Frames;
use crate::workload::policy::{START, settings};
use crate::{Error, Figure, Plan, Size};

/// Bytes of frames that are gone through, at most; larger frames are fewer.
const FRAMES_BYTES: usize = 2 << 30;

/// How many different first packets there are, at least and at most: the table is as large.
const FIRSTS: std::ops::RangeInclusive<u32> = 8_192..=1 << 20;

/// In which time every flow opens a connection once; twice as long as one lives that is not answered. So half of the flows are held at any time.
const CIRCLE: Duration = Duration::from_secs(240);

/// Flows that are opened at once.
const CHUNK: usize = 4096;

/// Bytes of memory that a connection takes in the table, its twin (see `stages`), and in lists of flows, about.
const BYTES_EACH: u64 = 2 * 80 + 32;

/// About how many bytes it takes to measure so many open connections with frames of this size.
pub(crate) fn needed_bytes(flows: u32, size: Size) -> u64 {
    let frames = frame_count(size) * (size.mean() + 16);
    u64::from(flows) * BYTES_EACH + frames as u64 + (100 << 20)
}

/// How many frames are gone through.
pub(crate) fn frame_count(size: Size) -> usize {
    DRAWS.min(FRAMES_BYTES / size.mean())
}

/// Packets of open connections, in the order in which they are drawn.
pub(crate) fn data(flows: &[Flow], draw: Draw, size: Size) -> Frames {
    let draws = draw.indices(flows.len(), frame_count(size));
    Frames::data(flows, &draws, |place| size.at(place))
}

/// An engine with these connections open, and the time at which they were.
pub(crate) fn opened(snapshot: &Arc<Snapshot>, flows: &[Flow]) -> (Datapath, Timestamp) {
    let capacity = u32::try_from(flows.len()).unwrap_or(u32::MAX);
    let mut datapath = Datapath::new(settings(capacity), Arc::clone(snapshot), START);
    let mut now = START;
    let mut frames = Frames::with_capacity(3 * CHUNK.min(flows.len()));
    for flows in flows.chunks(CHUNK) {
        frames.clear();
        for flow in flows {
            frames.push_handshake(flow);
        }
        let mut line = Line::new(datapath, &frames, STILL).starting_at(now);
        line.through_in(32);
        now = line.now();
        datapath = line.into_datapath();
    }
    (datapath, now)
}

/// Measures all of it.
pub(crate) fn measure(
    plan: &Plan,
    snapshot: &Arc<Snapshot>,
    rounds: Rounds,
) -> Result<Connections, Error> {
    let burst = plan.burst as usize;
    let flows = flows(plan.flows as usize, SERVICE);
    let frames = data(&flows, plan.draw, plan.size);
    let (datapath, now) = opened(snapshot, &flows);
    let bytes = datapath.table_bytes(Family::V4);

    let line = Line::new(datapath, &frames, STILL).starting_at(now);
    let ((established, stages), line) = ended_as(Reason::Established, line, |line| {
        stages::measure(line, rounds, burst)
    })?;
    let denied_frames = first_packets(plan.flows, ruled);
    let line = line.with(&denied_frames);
    let (denied, line) = ended_as(Reason::NoRule, line, |line| bursts(line, rounds, burst))?;
    drop(line);
    Ok(Connections {
        established,
        stages,
        new: new(plan.flows, snapshot, rounds, burst)?,
        denied,
        bytes_each: bytes as f64 / f64::from(plan.flows),
    })
}

/// A packet of an open connection, nothing else.
pub(crate) fn established(
    plan: &Plan,
    snapshot: &Arc<Snapshot>,
    draws: &[Draw],
    rounds: Rounds,
) -> Result<Vec<Figure>, Error> {
    let flows = flows(plan.flows as usize, SERVICE);
    let (datapath, now) = opened(snapshot, &flows);
    let nothing = Frames::default();
    let mut line = Line::new(datapath, &nothing, STILL).starting_at(now);
    let mut figures = Vec::with_capacity(draws.len());
    for draw in draws {
        let frames = data(&flows, *draw, plan.size);
        let measured = line.with(&frames);
        let burst = plan.burst as usize;
        let (figure, measured) = ended_as(Reason::Established, measured, |line| {
            bursts(line, rounds, burst)
        })?;
        figures.push(figure);
        line = measured.with(&nothing);
    }
    Ok(figures)
}

/// A packet that no rule admits, with no connection open.
pub(crate) fn denied(
    plan: &Plan,
    snapshot: &Arc<Snapshot>,
    rounds: Rounds,
) -> Result<Figure, Error> {
    let frames = first_packets(plan.flows, ruled);
    let datapath = Datapath::new(settings(plan.flows), Arc::clone(snapshot), START);
    let line = Line::new(datapath, &frames, STILL);
    let burst = plan.burst as usize;
    let (figure, _) = ended_as(Reason::NoRule, line, |line| bursts(line, rounds, burst))?;
    Ok(figure)
}

/// A packet that opens a connection, and the share of a sweep that one before it costs.
pub(crate) fn new(
    count: u32,
    snapshot: &Arc<Snapshot>,
    rounds: Rounds,
    burst: usize,
) -> Result<Figure, Error> {
    let frames = first_packets(count, flows);
    let capacity = u32::try_from(frames.len()).unwrap_or(u32::MAX);
    let datapath = Datapath::new(settings(capacity), Arc::clone(snapshot), START);
    let mut line = Line::new(datapath, &frames, CIRCLE / capacity);
    line.through_in(burst);
    let (figure, _) = ended_as(Reason::New, line, |line| bursts(line, rounds, burst))?;
    Ok(figure)
}

/// The first packets of about `count` flows that `make` makes.
fn first_packets(count: u32, make: impl Fn(usize, u16) -> Vec<Flow>) -> Frames {
    let count = count.clamp(*FIRSTS.start(), *FIRSTS.end());
    Frames::syns(&make(count as usize, SERVICE))
}

/// Bursts of the line's packets, all they cost.
pub(crate) fn bursts(line: &mut Line<'_>, rounds: Rounds, burst: usize) -> Figure {
    rounds.measure(|| some_bursts(line, burst))
}

/// So many bursts that to look at the clock behind them costs nothing; how many packets they had.
#[inline]
pub(crate) fn some_bursts(line: &mut Line<'_>, burst: usize) -> u64 {
    let packets: usize = (0..BURSTS)
        .map(|_| black_box(line.burst(burst)).len())
        .sum();
    packets as u64
}

/// Lets `measure` drive the line, and looks at the counters whether every packet ended for `reason`.
pub(crate) fn ended_as<'a, T>(
    reason: Reason,
    mut line: Line<'a>,
    measure: impl FnOnce(&mut Line<'a>) -> T,
) -> Result<(T, Line<'a>), Error> {
    let before = line.tally(reason);
    let measured = measure(&mut line);
    let after = line.tally(reason);
    let (found, packets) = (after.0 - before.0, after.1 - before.1);
    if found == packets {
        Ok((measured, line))
    } else {
        Err(Error::OtherReason {
            expected: reason.as_str(),
            packets,
            found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::policy::snapshot;

    #[test]
    fn every_flow_is_open_before_its_packets_come() {
        let flows = flows(10_000, SERVICE);
        let (datapath, now) = opened(&snapshot(10), &flows);
        assert_eq!(datapath.connections().count(), flows.len());
        let frames = data(&flows, Draw::ZIPF, Size::Imix);
        let line = Line::new(datapath, &frames, STILL).starting_at(now);
        ended_as(Reason::Established, line, Line::through).unwrap();
    }

    #[test]
    fn packets_that_end_otherwise_are_told() {
        let frames = Frames::syns(&ruled(100, SERVICE));
        let datapath = Datapath::new(settings(100), snapshot(10), START);
        let line = Line::new(datapath, &frames, STILL);
        let error = ended_as(Reason::New, line, Line::through).unwrap_err();
        let expected = Error::OtherReason {
            expected: "new",
            packets: 100,
            found: 0,
        };
        assert_eq!(error, expected);
    }
}

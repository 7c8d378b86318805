//! A fixed piece of work, to be counted by `valgrind --tool=callgrind`: how many instructions a packet costs.
//!
//! ```text
//! instructions KIND ROUNDS
//! ```
//!
//! Sets up, and then sends all [`FRAMES`] frames of the kind through `ROUNDS` times, in bursts of 32. What one packet costs is the difference of two
//! counts with different rounds, divided by the packets that lie between them: set-up and clean-up are the same in both. Nothing here depends on time or
//! on chance, so that the counts of two runs differ by a few instructions in a million. `scripts/count-instructions` does the arithmetic.

use std::process::ExitCode;
use std::time::Duration;

use secgroup_bench::line::{Line, STILL};
use secgroup_bench::workload::flows::{Draw, Flow, SERVICE, flows};
use secgroup_bench::workload::frames::{Frames, SMALL};
use secgroup_bench::workload::policy::{OPEN, datapath};
use secgroup_datapath::{Datapath, Reason};

/// Frames of a round; also flows.
const FRAMES: usize = 4096;
/// Packets of a burst.
const BURST: usize = 32;
/// Rules of the policy.
const RULES: usize = 300;
/// A flow comes again after 240 s, when its SYN is forgotten.
const FORGOTTEN: Duration = Duration::from_millis(240_000 / FRAMES as u64 + 1);

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let done = match words.as_slice() {
        [kind, rounds] => rounds
            .parse()
            .map_err(|_| format!("'{rounds}' is no number of rounds"))
            .and_then(|rounds| work(kind, rounds)),
        _ => Err(
            "usage: instructions parse|established|new|no-rule|untracked|table-full ROUNDS".into(),
        ),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn work(kind: &str, rounds: usize) -> Result<(), String> {
    match kind {
        "parse" => parse(rounds),
        "established" => established(rounds)?,
        "new" => first_packets(SERVICE, FRAMES, FORGOTTEN, Reason::New, rounds)?,
        "no-rule" => first_packets(4444, FRAMES, FORGOTTEN, Reason::NoRule, rounds)?,
        "untracked" => first_packets(OPEN, FRAMES, FORGOTTEN, Reason::Untracked, rounds)?,
        // A table of which every place is taken by a SYN: the oldest gives way to each new one.
        "table-full" => first_packets(SERVICE, FRAMES / 2, STILL, Reason::New, rounds)?,
        other => return Err(format!("there is no kind '{other}'")),
    }
    Ok(())
}

fn parse(rounds: usize) {
    let frames = Frames::syns(&flows(FRAMES, SERVICE));
    let mut line = Line::new(engine(1), &frames, STILL);
    for _ in 0..rounds * FRAMES / BURST {
        std::hint::black_box(line.parse(BURST));
    }
}

fn established(rounds: usize) -> Result<(), String> {
    let flows: Vec<Flow> = flows(FRAMES, SERVICE);
    let mut opening = Frames::with_capacity(3 * FRAMES);
    flows.iter().for_each(|flow| opening.push_handshake(flow));
    let mut opened = Line::new(engine(FRAMES), &opening, STILL);
    opened.through();
    let draws = Draw::Uniform.indices(FRAMES, FRAMES);
    let data = Frames::data(&flows, &draws, |_| SMALL);
    let mut line = opened.with(&data);
    let before = line.tally(Reason::Established).0;
    through(&mut line, rounds);
    let after = line.tally(Reason::Established).0;
    expect("established", after - before, rounds)
}

fn first_packets(
    port: u16,
    capacity: usize,
    gap: Duration,
    reason: Reason,
    rounds: usize,
) -> Result<(), String> {
    let frames = Frames::syns(&flows(FRAMES, port));
    let mut line = Line::new(engine(capacity), &frames, gap);
    through(&mut line, rounds);
    expect(reason.as_str(), line.tally(reason).0, rounds)
}

fn engine(capacity: usize) -> Datapath {
    datapath(RULES, u32::try_from(capacity).unwrap_or(u32::MAX))
}

fn through(line: &mut Line<'_>, rounds: usize) {
    for _ in 0..rounds * FRAMES / BURST {
        std::hint::black_box(line.burst(BURST));
    }
}

/// A count of something else would be worth nothing.
fn expect(what: &str, packets: u64, rounds: usize) -> Result<(), String> {
    let expected = (rounds * FRAMES) as u64;
    if packets == expected {
        return Ok(());
    }
    Err(format!(
        "{packets} of {expected} packets ended as {what}: the workload is not what it says"
    ))
}

//! Packet-trace tables: what arrives when, and what is expected of each.
//!
//! One line is one packet: when, from where to where, what, a bar, and the expected outcome as free
//! text.
//!
//! ```text
//! # a comment, like an empty line, is passed over
//! +0      203.0.113.7:40000 > 10.0.1.10:22   tcp S              | ingress allow new
//! +0.010  10.0.1.10:22 > 203.0.113.7:40000   tcp SA             | egress allow established
//! +0.010  203.0.113.7:40000 > 10.0.1.10:22   tcp PA "SSH-2.0"   | ingress allow established
//! 30      ! the policy becomes `closed`                         |
//! +0      203.0.113.7 > 10.0.1.10            ping id 7 seq 1    | ingress deny no-rule
//! +0      10.0.1.1 > 10.0.1.10               icmp 3/4 quotes 2  | ingress allow related
//! ```
//!
//! **Time**, in seconds: `+0.010` is after the line above, `30` after the beginning of the trace.
//!
//! **Packet**: `source > destination`, with ports for TCP and UDP, then
//! - `tcp FLAGS` with `seq N`, `ack N`, `win N`; flags as in [`tcp`](crate::frame::tcp);
//! - `udp`; `proto N`; `arp`;
//! - `ping` and `pong` with `id N` and `seq N`, both 1 where not said;
//! - `icmp TYPE/CODE` and `icmp6 TYPE/CODE`, with `id N`, or `quotes K`: it carries packet K of
//!   this table, counted from 1, all of it or its first `cut N` bytes;
//! - any of them with a payload, `"text"` or `len N`; with `ttl N`, `ipid N`, `ext N,N` (IPv6
//!   extension headers of 8 bytes), `piece A..B` (these bytes of the IP payload as the last
//!   fragment, `piece A..B+` as one that more follow), `vlan N`;
//!
//! or `frame NAME` alone: a frame given to [`Trace::parse_with`]. A line that begins with `!` is an
//! event for the test to act upon, not a packet.

use std::fmt::Write as _;

mod parse;

/// A parsed table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    steps: Vec<Step>,
}

/// One line of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Nanoseconds since the beginning of the trace.
    pub time: u64,
    /// What happens.
    pub action: Action,
    /// The line up to the bar, its time left out, blanks reduced to one.
    pub text: String,
    /// What the line expects, blanks reduced to one. Empty where it does not say.
    pub expected: String,
}

/// What a line stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// An Ethernet frame arrives.
    Packet(Vec<u8>),
    /// The words after `!`.
    Event(String),
}

impl Trace {
    /// Parses a table.
    ///
    /// # Panics
    /// Where a line is not as the [module](self) says, naming it and what is wrong.
    #[must_use]
    #[track_caller]
    pub fn parse(table: &str) -> Self {
        Self::parse_with(table, &[])
    }

    /// Parses a table that may use these frames by name.
    ///
    /// # Panics
    /// As [`Trace::parse`].
    #[must_use]
    #[track_caller]
    pub fn parse_with(table: &str, frames: &[(&str, Vec<u8>)]) -> Self {
        match parse::table(table, frames) {
            Ok(steps) => Self { steps },
            Err((line, error)) => panic!("cannot read the trace: {error}, in\n    {}", line.trim()),
        }
    }

    /// The lines, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The packets with their times counted from `start` (nanoseconds since the epoch), as
    /// [`crate::capture`] writes them.
    #[must_use]
    pub fn frames(&self, start: u64) -> Vec<(u64, Vec<u8>)> {
        let packets = self.steps.iter().filter_map(|step| match &step.action {
            Action::Packet(frame) => Some((start + step.time, frame.clone())),
            Action::Event(_) => None,
        });
        packets.collect()
    }

    /// Lets `act` do each line in turn and tell what came of it, then compares all with what was
    /// expected. Lines that expect nothing are done and not compared.
    ///
    /// # Panics
    /// Where any line turned out otherwise: the whole trace is printed, the actual outcomes beside
    /// the expected ones.
    #[track_caller]
    pub fn check(&self, act: impl FnMut(&Step) -> String) {
        let actual: Vec<String> = self
            .steps
            .iter()
            .map(act)
            .map(|outcome| one_space(&outcome))
            .collect();
        let differs = |(step, actual): &(&Step, &String)| {
            !step.expected.is_empty() && step.expected != **actual
        };
        let count = self.steps.iter().zip(&actual).filter(differs).count();
        if count > 0 {
            let total = self.steps.len();
            panic!(
                "{count} of {total} lines turned out otherwise (>)\n{}",
                self.report(&actual)
            );
        }
    }

    /// The trace as a table of text with actual outcomes beside the expected ones.
    fn report(&self, actual: &[String]) -> String {
        let width = |text: fn(&Step) -> &str, title: &str| {
            let lengths = self.steps.iter().map(|step| text(step).chars().count());
            lengths.max().unwrap_or(0).max(title.len())
        };
        let (packet, expected) = (
            width(|step| &step.text, "packet"),
            width(|step| &step.expected, "expected"),
        );
        let mut out = format!(
            "    #      seconds  {:packet$}  {:expected$}  actual\n",
            "packet", "expected"
        );
        let mut number = 0;
        for (step, actual) in self.steps.iter().zip(actual) {
            let differs = !step.expected.is_empty() && step.expected != *actual;
            let label = match step.action {
                Action::Packet(_) => {
                    number += 1;
                    number.to_string()
                }
                Action::Event(_) => String::new(),
            };
            let mark = if differs { '>' } else { ' ' };
            let seconds = format!(
                "{}.{:06}",
                step.time / 1_000_000_000,
                step.time / 1_000 % 1_000_000
            );
            let line = format!(
                "{mark} {label:>3} {seconds:>12}  {:packet$}  {:expected$}  {actual}",
                step.text, step.expected
            );
            writeln!(out, "{}", line.trim_end()).expect("a String takes all that is written");
        }
        out
    }
}

fn one_space(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;

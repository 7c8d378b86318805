//! What was measured, in the shape in which `--json` prints it.

use serde::Serialize;

use crate::sweep::{FlowsSweep, MembersPoint, RulesPoint};
use crate::{Machine, Size};

/// What an operation costs: nanoseconds each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// Nanoseconds in the best round.
    pub best: f64,
    /// Nanoseconds in the median of the rounds.
    pub median: f64,
    /// How many rounds there were.
    pub rounds: usize,
}

impl Figure {
    /// The best and the median of rounds, of which there is one at least.
    pub(crate) fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        let middle = rounds.len() / 2;
        let median = if rounds.len().is_multiple_of(2) {
            f64::midpoint(rounds[middle - 1], rounds[middle])
        } else {
            rounds[middle]
        };
        Self {
            best: rounds[0],
            median,
            rounds: rounds.len(),
        }
    }

    /// What is left of it without another; nothing where that is larger.
    pub(crate) fn less(self, other: Self) -> Self {
        Self {
            best: (self.best - other.best).max(0.0),
            median: (self.median - other.median).max(0.0),
            rounds: self.rounds,
        }
    }

    /// How many a second, in the median.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        1e9 / self.median
    }

    /// How many a second, in the best round.
    #[must_use]
    pub fn best_per_second(&self) -> f64 {
        1e9 / self.best
    }

    /// Cycles in the best round, at a clock of so many cycles a second.
    #[must_use]
    pub fn cycles(&self, clock_hz: f64) -> f64 {
        self.best * clock_hz / 1e9
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version of secgroup.
    pub version: &'static str,
    /// The machine.
    pub machine: Machine,
    /// What it worked on.
    pub workload: Workload,
    /// What was checked before.
    pub verified: Verified,
    /// Packets and connections.
    pub connections: Connections,
    /// Rules and their changes.
    pub rules: Rules,
    /// Several at once; `null` for one worker.
    pub workers: Option<Workers>,
    /// Cost by size.
    pub sweeps: Sweeps,
}

/// What was worked on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workload {
    /// Open connections.
    pub flows: u32,
    /// Rules of the group.
    pub rules: u32,
    /// Members of the group that a rule refers to.
    pub members: u32,
    /// Bytes of a frame with its check sequence, or `imix`.
    pub size: Size,
    /// `uniform` or `zipf`.
    pub draw: &'static str,
    /// The exponent of Zipf's law; `null` where flows are drawn evenly.
    pub zipf: Option<f64>,
    /// Packets in a burst.
    pub burst: u32,
    /// Different frames that were gone through, round and round.
    pub frames: usize,
    /// What the random choices were derived from.
    pub seed: u64,
    /// Seconds a figure, all rounds together.
    pub seconds: f64,
}

/// What was compared with the reference evaluator before anything was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Verdicts that were compared, with their reasons and rules. All were equal, or there would be no report.
    pub verdicts: u64,
}

/// Packets and connections.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Connections {
    /// A packet of an open connection, from the bytes of its frame to a counted verdict.
    pub established: Figure,
    /// Where its time goes.
    pub stages: Stages,
    /// A packet that opens a connection, and what it costs to forget that connection.
    pub new: Figure,
    /// A packet that no rule admits.
    pub denied: Figure,
    /// Bytes of memory for each open connection with the table full, all that belongs to it.
    pub bytes_each: f64,
}

/// The stages of a packet of an open connection; they add up to it. As differences of figures they may have a best above their median.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stages {
    /// From bytes to fields.
    pub parse: Figure,
    /// The key of the connection, its hash, and asking for the lines of memory.
    pub hash_prefetch: Figure,
    /// Finding the connection, the verdict, the connection's new state, and the sweep.
    pub decide: Figure,
    /// Counting the verdict by interface, reason and rule.
    pub counters: Figure,
}

/// Rules, and their changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rules {
    /// Asking whether a rule admits a packet, in bursts; half of the packets aim at a rule.
    pub matching: Figure,
    /// Compiling the rules.
    pub compile: Figure,
    /// A rule that is added or taken away, from the policy to what is in force: lowered, compiled, swapped in.
    pub update: Figure,
    /// Bytes of a compiled rule.
    pub bytes_each: f64,
}

/// Several workers, each on a CPU of its own with a datapath of its own and as many connections as the one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Workers {
    /// How many.
    pub workers: u16,
    /// Packets a second of one alone, in the median round.
    pub one_per_second: f64,
    /// Packets a second of all together, likewise.
    pub all_per_second: f64,
    /// How many times as many, in the median of the rounds.
    pub ratio: f64,
}

/// Cost by size; `null` for what was not asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Sweeps {
    /// By open connections.
    pub flows: Option<FlowsSweep>,
    /// By rules.
    pub rules: Option<Vec<RulesPoint>>,
    /// By members of a group.
    pub members: Option<Vec<MembersPoint>>,
}

/// A size that was not measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The size.
    pub size: u32,
    /// About how many bytes it would take.
    pub needed_bytes: u64,
    /// How many are available.
    pub available_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        let odd = Figure::of(vec![9.0, 1.0, 4.0, 100.0, 3.0]);
        assert_eq!((odd.best, odd.median, odd.rounds), (1.0, 4.0, 5));
        let even = Figure::of(vec![8.0, 2.0, 4.0, 6.0]);
        assert_eq!((even.best, even.median), (2.0, 5.0));
        assert_eq!(even.per_second(), 2e8);
        assert_eq!(even.cycles(3e9), 6.0);
    }

    #[test]
    fn nothing_takes_less_than_no_time() {
        let [small, large] = [1.0, 3.0].map(|ns| Figure::of(vec![ns; 5]));
        assert_eq!(large.less(small).best, 2.0);
        assert_eq!(small.less(large).median, 0.0);
    }
}

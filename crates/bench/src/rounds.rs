//! Rounds: how a figure is taken.
//!
//! A machine is never quiet for long, and what disturbs only makes a figure larger. So an operation is measured in several rounds; the *best*
//! round says what the machine can do, the *median* what to expect, and their distance how quiet it was. Time is the thread's own on its CPU: what other
//! programs run in between does not count, though what they leave in the caches does.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::Figure;
use crate::machine::cpu_time;

/// At least so many rounds.
const ROUNDS_MIN: u32 = 5;

/// At most so many: beyond, rounds get longer.
const ROUNDS_MAX: u32 = 25;

/// Rounds are about so long where there is time for more than [`ROUNDS_MIN`].
const ROUND: Duration = Duration::from_millis(100);

/// How many rounds, and how long each is at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rounds {
    pub(crate) count: u32,
    pub(crate) each: Duration,
}

impl Rounds {
    /// Rounds that take `time` together.
    pub(crate) fn of(time: Duration) -> Self {
        let fitting = u32::try_from(time.as_millis() / ROUND.as_millis()).unwrap_or(ROUNDS_MAX);
        let count = fitting.clamp(ROUNDS_MIN, ROUNDS_MAX);
        let each = time / count;
        Self { count, each }
    }

    /// What an operation costs of which `batch` does some each time it is called, and says how many.
    pub(crate) fn measure(self, mut batch: impl FnMut() -> u64) -> Figure {
        let [figure] = self.side_by_side(|_| batch());
        figure
    }

    /// The same for `N` operations, of which `batch` is told the number: each round goes through all of them, so that what disturbs the machine
    /// for a while disturbs them alike.
    pub(crate) fn side_by_side<const N: usize>(
        self,
        mut batch: impl FnMut(usize) -> u64,
    ) -> [Figure; N] {
        let mut rounds: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
        let repeats: [u32; N] = std::array::from_fn(|number| repeats(|| batch(number)));
        for _ in 0..self.count {
            for (number, rounds) in rounds.iter_mut().enumerate() {
                let several = || (0..repeats[number]).map(|_| batch(number)).sum();
                rounds.push(self.one(cpu_time, several));
            }
        }
        rounds.map(Figure::of)
    }

    /// One round by the clock on the wall: nanoseconds an operation. For several threads at once, whose sum is what counts.
    pub(crate) fn by_wall(self, batch: impl FnMut() -> u64) -> f64 {
        let start = Instant::now();
        self.one(|| start.elapsed(), batch)
    }

    fn one(self, clock: impl Fn() -> Duration, mut batch: impl FnMut() -> u64) -> f64 {
        let (mut operations, start) = (0, clock());
        loop {
            operations += black_box(batch());
            let elapsed = clock().saturating_sub(start);
            if elapsed >= self.each && !elapsed.is_zero() && operations > 0 {
                return elapsed.as_nanos() as f64 / operations as f64;
            }
        }
    }
}

/// A look at the clock is a system call: so long lies between two of them.
const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

/// How many batches fill [`BETWEEN_LOOKS`]; caches and branch predictors know them then.
fn repeats(mut batch: impl FnMut() -> u64) -> u32 {
    let mut least = Duration::MAX;
    for _ in 0..3 {
        let start = cpu_time();
        black_box(batch());
        least = least.min(cpu_time().saturating_sub(start));
    }
    let fitting = BETWEEN_LOOKS.as_nanos() / least.as_nanos().max(100);
    u32::try_from(fitting).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_enough_rounds_and_not_too_many() {
        for (millis, count) in [(0, 5), (1, 5), (1000, 10), (60_000, 25)] {
            let time = Duration::from_millis(millis);
            assert_eq!(
                Rounds::of(time),
                Rounds {
                    count,
                    each: time / count
                }
            );
        }
    }

    #[test]
    fn every_round_does_every_operation() {
        let rounds = Rounds {
            count: 5,
            each: Duration::ZERO,
        };
        let mut calls = [0_u64; 2];
        let figures: [Figure; 2] = rounds.side_by_side(|number| {
            calls[number] += 1;
            1
        });
        assert!(calls.iter().all(|calls| *calls > 5), "{calls:?}");
        assert!(figures.iter().all(|figure| figure.rounds == 5));
    }
}

//! Several workers at once: what a second CPU is worth.
//!
//! Each has a thread, a CPU, an engine and frames of its own, and as many open connections as the one worker has: nothing gets easier by being shared out. In each
//! round first one works alone, then all of them; so the ratio is of the same moment.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Scope, scope};

use secgroup_datapath::{Reason, Snapshot};

use crate::connections::{data, ended_as, opened, some_bursts};
use crate::line::{Line, STILL};
use crate::machine::pin;
use crate::report::Workers;
use crate::rounds::Rounds;
use crate::workload::flows::{SERVICE, flows};
use crate::{Error, Figure, Plan};

/// What a worker answers: nanoseconds a packet in the round it was asked for.
type Answer = Result<f64, Error>;

/// A worker, seen from who asks.
struct Worker {
    /// Asks for a round.
    ask: Sender<()>,
    answers: Receiver<Answer>,
}

/// Measures one worker and all of them in turn.
pub(crate) fn measure(
    plan: &Plan,
    snapshot: &Arc<Snapshot>,
    cpus: &[usize],
    rounds: Rounds,
) -> Result<Workers, Error> {
    scope(|scope| {
        let workers = cpus
            .iter()
            .take(usize::from(plan.workers))
            .map(|cpu| start(scope, plan, snapshot, *cpu, rounds))
            .collect::<Result<Vec<_>, _>>()?;
        // Opens the connections and gets warm.
        together(&workers)?;
        let (mut ones, mut alls, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds.count {
            let one = together(&workers[..1])?;
            let all = together(&workers)?;
            ones.push(one);
            alls.push(all);
            ratios.push(all / one);
        }
        Ok(Workers {
            workers: plan.workers,
            one_per_second: Figure::of(ones).median,
            all_per_second: Figure::of(alls).median,
            ratio: Figure::of(ratios).median,
        })
    })
}

fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    plan: &'scope Plan,
    snapshot: &'scope Arc<Snapshot>,
    cpu: usize,
    rounds: Rounds,
) -> Result<Worker, Error> {
    let (ask, asked) = channel();
    let (answer, answers) = channel();
    std::thread::Builder::new()
        .name(format!("bench-{cpu}"))
        .spawn_scoped(scope, move || {
            work(plan, snapshot, cpu, rounds, &asked, &answer)
        })
        .map_err(|error| Error::Thread(error.to_string()))?;
    Ok(Worker { ask, answers })
}

/// Works a round each time it is asked, until nobody can ask.
fn work(
    plan: &Plan,
    snapshot: &Arc<Snapshot>,
    cpu: usize,
    rounds: Rounds,
    asked: &Receiver<()>,
    answer: &Sender<Answer>,
) {
    pin(cpu);
    let flows = flows(plan.flows as usize, SERVICE);
    let frames = data(&flows, plan.draw, plan.size);
    let (datapath, now) = opened(snapshot, &flows);
    let mut line = Line::new(datapath, &frames, STILL).starting_at(now);
    let burst = plan.burst as usize;
    while asked.recv().is_ok() {
        let round = ended_as(Reason::Established, line, |line| {
            rounds.by_wall(|| some_bursts(line, burst))
        });
        let (said, next) = match round {
            Ok((figure, line)) => (Ok(figure), Some(line)),
            Err(error) => (Err(error), None),
        };
        let (Ok(()), Some(next)) = (answer.send(said), next) else {
            return;
        };
        line = next;
    }
}

/// A round of these workers at the same time: packets a second.
fn together(workers: &[Worker]) -> Result<f64, Error> {
    let gone = || Error::Thread("it ended before it was told to".to_owned());
    for worker in workers {
        worker.ask.send(()).map_err(|_| gone())?;
    }
    let mut sum = 0.0;
    for worker in workers {
        sum += 1e9 / worker.answers.recv().map_err(|_| gone())??;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::machine::cpus;
    use crate::workload::policy::snapshot;

    #[test]
    fn all_workers_work() {
        let plan = Plan {
            flows: 1000,
            workers: 3,
            ..Plan::default()
        };
        // More than there are CPUs, perhaps; that they get in each other's way is no matter here.
        let cpus: Vec<_> = cpus().into_iter().cycle().take(3).collect();
        let rounds = Rounds::of(Duration::from_millis(10));
        let found = measure(&plan, &snapshot(10), &cpus, rounds).unwrap();
        assert_eq!(found.workers, 3);
        assert!(found.one_per_second > 0.0 && found.ratio > 0.0, "{found:?}");
    }
}

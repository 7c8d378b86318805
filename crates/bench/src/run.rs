//! All of it, in order: is it right, what does it cost, how does that grow?

use std::thread::{Builder, scope};
use std::time::Instant;

use secgroup_model::Inventory;

use crate::machine::{Machine, available_bytes, cpu_time, cpus, pin};
use crate::report::{Report, Sweeps, Verified, Workload};
use crate::rounds::Rounds;
use crate::verify::verify;
use crate::workload::flows::{Draw, SEED};
use crate::workload::policy::{inventory_with_members, lowered};
use crate::{Error, Plan, Sweep, connections, rules, sweep, workers};

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Steps that are done.
    pub done: u32,
    /// Steps in all.
    pub total: u32,
    /// What is done now.
    pub what: &'static str,
}

/// Checks and measures what `plan` says; `progress` is told before each step.
///
/// # Errors
/// Where verdicts are wrong (there are no figures then), where the plan asks for what is out of range, or where the machine has too little memory or too few CPUs for the plan.
pub fn run(plan: &Plan, progress: &mut (dyn FnMut(Progress) + Send)) -> Result<Report, Error> {
    run_against(plan, &|policy| policy.clone(), progress)
}

/// The same with a reference that goes by `reference` of the policy: by another one, in tests of what becomes of a disagreement.
pub(crate) fn run_against(
    plan: &Plan,
    reference: &(dyn Fn(&Inventory) -> Inventory + Sync),
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, Error> {
    let cpus = cpus();
    check(plan, cpus.len())?;
    let mut course = Course {
        plan,
        reference,
        progress,
        done: 0,
        total: steps(plan),
        verdicts: 0,
    };
    // In a thread of its own, so that the caller's may go where it likes afterwards.
    scope(|scope| {
        Builder::new()
            .name("bench".to_owned())
            .spawn_scoped(scope, || measure(&mut course, &cpus))
            .map_err(|error| Error::Thread(error.to_string()))?
            .join()
            .map_err(|_| Error::Thread("it panicked".to_owned()))?
    })
}

/// Whether the machine is large enough.
fn check(plan: &Plan, cpus: usize) -> Result<(), Error> {
    plan.check()?;
    let workers = plan.workers;
    if usize::from(workers) > cpus {
        return Err(Error::Cpus { workers, cpus });
    }
    let needed = connections::needed_bytes(plan.flows, plan.size) * u64::from(workers);
    match available_bytes() {
        Some(available) if needed > available => Err(Error::Memory {
            what: format!("{} flows", plan.flows),
            needed_mb: needed / 1_000_000,
            available_mb: available / 1_000_000,
        }),
        _ => Ok(()),
    }
}

fn steps(plan: &Plan) -> u32 {
    let sweeps: u32 = plan.sweeps.iter().map(|sweep| sweep::steps(*sweep)).sum();
    3 + u32::from(plan.workers > 1) + sweeps
}

/// A run under way.
pub(crate) struct Course<'a> {
    pub(crate) plan: &'a Plan,
    reference: &'a (dyn Fn(&Inventory) -> Inventory + Sync),
    progress: &'a mut (dyn FnMut(Progress) + Send),
    done: u32,
    total: u32,
    /// Verdicts that were compared, so far.
    verdicts: u64,
}

impl Course<'_> {
    /// Says what comes next.
    pub(crate) fn step(&mut self, what: &'static str) {
        (self.progress)(Progress {
            done: self.done,
            total: self.total,
            what,
        });
        self.done += 1;
    }

    /// The policy of a plan, under which the engine was found to be right.
    pub(crate) fn verified(&mut self, plan: &Plan) -> Result<Inventory, Error> {
        let (rules, members) = (plan.rules as usize, plan.members as usize);
        let policy = inventory_with_members(rules, members);
        let reference = (self.reference)(&policy);
        self.verdicts += verify(&policy, &reference, (rules, members), plan.burst as usize)?;
        Ok(policy)
    }
}

fn measure(course: &mut Course<'_>, cpus: &[usize]) -> Result<Report, Error> {
    let plan = course.plan;
    let pinned_to = cpus.first().and_then(|cpu| pin(*cpu));
    let mut machine = Machine::this(cpus.len(), pinned_to);
    let rounds = Rounds::of(plan.time);

    course.step("comparing verdicts with the reference");
    let policy = course.verified(plan)?;
    let (_, snapshot) = lowered(&policy);
    let (began, worked) = (Instant::now(), cpu_time());
    course.step("packets and connections");
    let connections = connections::measure(plan, &snapshot, rounds)?;
    course.step("rules");
    let rules = rules::measure(plan, &policy, rounds);
    let worked = cpu_time().saturating_sub(worked).as_secs_f64();
    machine.cpu_share = (worked / began.elapsed().as_secs_f64()).min(1.0);
    let workers = if plan.workers > 1 {
        course.step("several workers");
        Some(workers::measure(plan, &snapshot, cpus, rounds)?)
    } else {
        None
    };
    let sweeps = sweeps(course, rounds)?;
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        machine,
        workload: workload(plan),
        verified: Verified {
            verdicts: course.verdicts,
        },
        connections,
        rules,
        workers,
        sweeps,
    })
}

fn sweeps(course: &mut Course<'_>, rounds: Rounds) -> Result<Sweeps, Error> {
    let mut sweeps = Sweeps::default();
    for what in &course.plan.sweeps {
        match what {
            Sweep::Flows => sweeps.flows = Some(sweep::flows(course, rounds)?),
            Sweep::Rules => sweeps.rules = Some(sweep::rules(course, rounds)?),
            Sweep::Members => sweeps.members = Some(sweep::members(course, rounds)?),
        }
    }
    Ok(sweeps)
}

fn workload(plan: &Plan) -> Workload {
    Workload {
        flows: plan.flows,
        rules: plan.rules,
        members: plan.members,
        size: plan.size,
        draw: plan.draw.as_str(),
        zipf: match plan.draw {
            Draw::Uniform => None,
            Draw::Zipf(exponent) => Some(exponent),
        },
        burst: plan.burst,
        frames: connections::frame_count(plan.size),
        seed: SEED,
        seconds: plan.time.as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tiny() -> Plan {
        Plan {
            flows: 1000,
            rules: 10,
            time: Duration::from_millis(5),
            ..Plan::default()
        }
    }

    #[test]
    fn every_step_is_told_in_order() {
        let mut told = Vec::new();
        let report = run(&tiny(), &mut |progress| told.push(progress)).unwrap();
        let numbers: Vec<_> = told.iter().map(|p| (p.done, p.total)).collect();
        assert_eq!(numbers, [(0, 3), (1, 3), (2, 3)]);
        assert!(report.verified.verdicts > 1000);
    }

    #[test]
    fn there_are_no_figures_of_wrong_verdicts() {
        let other = |policy: &Inventory| {
            let mut other = policy.clone();
            other
                .groups
                .values_mut()
                .for_each(|group| group.rules.clear());
            other
        };
        let mut told = Vec::new();
        let error = run_against(&tiny(), &other, &mut |progress| told.push(progress.what));
        assert!(matches!(error, Err(Error::Disagreement(_))), "{error:?}");
        // Nothing was measured before.
        assert_eq!(told, ["comparing verdicts with the reference"]);
    }

    #[test]
    fn what_the_machine_cannot_do_is_refused_at_once() {
        let plan = Plan {
            workers: u16::MAX,
            ..tiny()
        };
        let error = run(&plan, &mut |_| panic!("nothing is begun")).unwrap_err();
        assert!(matches!(error, Error::Cpus { .. }), "{error}");
        let plan = Plan { flows: 0, ..tiny() };
        let error = run(&plan, &mut |_| panic!("nothing is begun")).unwrap_err();
        assert_eq!(error.to_string(), "flows must be 1 to 10000000, not 0");
    }
}

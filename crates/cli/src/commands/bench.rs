//! `secgroup bench`.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use secgroup_bench::workload::flows::Draw;
use secgroup_bench::{Error, Plan, Report, plot, run as measure};

use crate::args::{Bench, Sweep};
use crate::progress::Steps;
use crate::{Failure, Outcome, render, say};

/// Measures, prints, draws.
pub(crate) fn run(args: &Bench) -> Result<Outcome, Failure> {
    // Before minutes of measuring, not behind them.
    let picture = args.plot.as_deref().map(Picture::create).transpose()?;
    let steps = Steps::new();
    let measured = measure(&plan(args), &mut |step| {
        steps.show(step.done, step.total, step.what);
    });
    steps.done();
    let report = match measured {
        Ok(report) => report,
        Err(error) => return refused(error),
    };
    if args.json {
        say::show_json(&report)?;
    } else {
        say::show(&render::bench(&report))?;
    }
    if let Some(picture) = picture {
        picture.draw(&report)?;
    }
    Ok(Outcome::Done)
}

/// What was typed, as what is to be measured.
fn plan(args: &Bench) -> Plan {
    let sweeps = if args.sweeps.is_empty() && args.plot.is_some() {
        secgroup_bench::Sweep::ALL.to_vec()
    } else {
        let mut sweeps: Vec<_> = args.sweeps.iter().map(|sweep| of(*sweep)).collect();
        sweeps.dedup();
        sweeps
    };
    Plan {
        flows: args.flows,
        rules: args.rules,
        members: args.members,
        size: args.size,
        draw: args.zipf.map_or(Draw::Uniform, Draw::Zipf),
        workers: args.workers,
        time: args.seconds,
        burst: args.burst,
        sweeps,
    }
}

const fn of(sweep: Sweep) -> secgroup_bench::Sweep {
    match sweep {
        Sweep::Flows => secgroup_bench::Sweep::Flows,
        Sweep::Rules => secgroup_bench::Sweep::Rules,
        Sweep::Members => secgroup_bench::Sweep::Members,
    }
}

/// Why there are no figures: wrong verdicts are a check that failed, all else is bad usage.
fn refused(error: Error) -> Result<Outcome, Failure> {
    match error {
        Error::Disagreement(_) | Error::OtherReason { .. } => {
            say::tell_error(&error);
            Ok(Outcome::CheckFailed)
        }
        _ => Err(error.into()),
    }
}

/// The file of a plot.
struct Picture<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> Picture<'a> {
    fn create(path: &'a Path) -> Result<Self, Failure> {
        let file = File::create(path)
            .map_err(|error| format!("cannot write the plot to {}: {error}", path.display()))?;
        Ok(Self { path, file })
    }

    fn draw(mut self, report: &Report) -> Result<(), Failure> {
        let picture = plot(report).ok_or("there is nothing to draw")?;
        self.file.write_all(picture.as_bytes()).map_err(|error| {
            format!("cannot write the plot to {}: {error}", self.path.display()).into()
        })
    }
}

#[cfg(test)]
mod tests {
    use secgroup_bench::Disagreement;

    use super::*;

    #[test]
    fn wrong_verdicts_are_a_check_that_failed() {
        let disagreement = Disagreement {
            packet: 7,
            burst: 32,
            engine: "new sgr-1".to_owned(),
            reference: "no-rule".to_owned(),
        };
        let outcome = refused(Error::from(Box::new(disagreement)));
        assert_eq!(outcome.unwrap(), Outcome::CheckFailed);
        let cpus = Error::Cpus {
            workers: 3,
            cpus: 2,
        };
        assert!(refused(cpus).is_err());
    }
}

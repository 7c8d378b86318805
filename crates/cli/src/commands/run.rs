//! `secgroup run`: the firewall itself.

use std::process::ExitStatus;

use secgroup_daemon::{Ended, RunError, RunOptions, check, run as start};

use crate::args::Run;
use crate::{Failure, Outcome, say};

/// Runs the firewall until it is told to stop, or only checks what it would run with.
pub(crate) fn run(args: &Run) -> Result<Outcome, Failure> {
    let options = RunOptions {
        config: args.config.clone(),
        audit: args.audit,
        user: args.user.clone(),
        program: (!args.program.is_empty()).then(|| args.program.clone()),
    };
    let done = if args.check {
        match check(&options) {
            Ok(said) => return say::show(&said).map(|()| Outcome::Done),
            Err(error) => Err(error),
        }
    } else {
        start(&options)
    };
    match done {
        Ok(Ended::Stopped) => Ok(Outcome::Done),
        Ok(Ended::Program(status)) => Ok(Outcome::Code(code(status))),
        Err(RunError::Faulty(said)) => {
            say::tell(&said);
            Ok(Outcome::BadInput)
        }
        Err(RunError::Failed(why)) => Err(why.into()),
    }
}

/// The exit code of a program as a shell has it: 128 and the signal's number where a signal ended it.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let by_signal = status.signal().map(|signal| 128 + signal);
    let code = status.code().or(by_signal).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

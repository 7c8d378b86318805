//! What was typed becomes what is done.

mod check;
mod explain;
mod manual;
mod outputs;
mod replay;

pub(crate) use self::check::CheckReport;
use crate::args::{Cli, Command};
use crate::{Failure, Outcome};

/// Runs one command.
pub(crate) fn run(cli: Cli) -> Result<Outcome, Failure> {
    match cli.command {
        Command::Replay(args) => replay::run(*args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(*args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::pages(&args),
    }
}

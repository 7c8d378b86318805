//! What was typed becomes what is done.

mod audit;
mod bench;
mod check;
mod control;
mod diff;
mod explain;
mod flow_log;
mod flows;
mod manual;
mod outputs;
mod page;
mod replay;
mod run;
mod serve;
mod stacks;
mod state;
mod status;
mod top;

pub(crate) use self::check::CheckReport;
pub(crate) use self::diff::DiffReport;
use crate::args::{Cli, Command};
use crate::{Failure, Outcome};

/// Runs one command.
pub(crate) fn run(cli: Cli) -> Result<Outcome, Failure> {
    match cli.command {
        Command::Replay(args) => replay::run(*args),
        Command::Check(args) => check::run(&args),
        Command::Audit(args) => audit::run(*args),
        Command::Diff(args) => diff::run(&args),
        Command::Explain(args) => explain::run(*args),
        Command::Run(args) => run::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Deploy(args) => stacks::deploy(&args),
        Command::DeleteStack(args) => stacks::delete(&args),
        Command::Stacks(args) => stacks::list(&args),
        Command::State(args) => state::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Flows(args) => flows::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Reload(args) => control::reload(&args),
        Command::Stop(args) => control::stop(&args),
        Command::Handover(args) => control::handover(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::pages(&args),
    }
}

//! Shell completions and manual pages, made by clap from the arguments themselves.

use std::fs;

use clap::CommandFactory;

use crate::args::{Cli, Completions, Man};
use crate::{Failure, Outcome, say};

/// Prints the completion script.
pub(crate) fn completions(args: &Completions) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "secgroup", &mut script);
    say::show(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}

/// Writes `secgroup.1` and a page per command.
pub(crate) fn pages(args: &Man) -> Result<Outcome, Failure> {
    let folder = &args.folder;
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .map_err(|error| format!("cannot write manual pages to {}: {error}", folder.display()))?;
    Ok(Outcome::Done)
}

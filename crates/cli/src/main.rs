#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod args;
mod commands;
mod policy;
mod progress;
mod render;
mod say;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;

/// How a command ended; the exit codes are documented in the help and the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 0: done.
    Done,
    /// 1: a check that was asked for failed.
    CheckFailed,
    /// 2: bad usage or input; what could be done was done, and said.
    BadInput,
    /// That of the program that was run.
    Code(u8),
}

/// Why a command could not be carried out: said on standard error, exit code 2.
pub(crate) type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::CheckFailed) => ExitCode::from(1),
        Ok(Outcome::BadInput) => ExitCode::from(2),
        Ok(Outcome::Code(code)) => ExitCode::from(code),
        Err(failure) if is_broken_pipe(failure.as_ref()) => ExitCode::SUCCESS,
        Err(failure) => {
            say::tell_error(&failure);
            ExitCode::from(2)
        }
    }
}

/// Whether whoever read our output has seen enough: `secgroup ... | head` is no error.
fn is_broken_pipe(failure: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(failure);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && io.kind() == ErrorKind::BrokenPipe
        {
            return true;
        }
        cause = error.source();
    }
    false
}

//! What is typed to whole states of the endpoint.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::StateArgs;

/// Export, import or back up the state of the EC2 endpoint.
///
/// While an endpoint runs on the folder, it is asked to do it, between two calls; otherwise the
/// store is opened.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  secgroup state export > state.json
  secgroup state import state.json
  secgroup state backup /var/backups/endpoint.redb
  secgroup state --state ./lab export | jq '.groups | length'

Exit codes: 0 done; 2 bad usage or input, or it could not be done.")]
pub(crate) struct State {
    #[command(flatten)]
    pub(crate) state: StateArgs,

    #[command(subcommand)]
    pub(crate) what: StateCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Print the whole state as one JSON document.
    #[command(after_help = "Example:
  secgroup state export > state.json")]
    Export,

    /// Put the state of such a document in the place of the one that there is.
    #[command(after_help = "Examples:
  secgroup state import state.json
  ssh other-host secgroup state export | secgroup state import -")]
    Import {
        /// The document; '-' is standard input.
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },

    /// Copy the store to a new file, which can be put in its place.
    #[command(after_help = "Example:
  secgroup state backup /var/backups/endpoint.redb")]
    Backup {
        /// The file to be made.
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

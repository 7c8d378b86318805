//! `secgroup status`.

use std::io::{IsTerminal, stdout};
use std::thread;
use std::time::Duration;

use secgroup_daemon::control::Client;

use super::control::{connect, done};
use crate::args::Status;
use crate::{Failure, Outcome, render, say};

/// How often it is shown again.
const AGAIN: Duration = Duration::from_secs(1);

/// Shows how the daemon is, once or until interrupted.
pub(crate) fn run(args: &Status) -> Result<Outcome, Failure> {
    let mut client = connect(&args.socket)?;
    loop {
        match show(args, &mut client)? {
            Outcome::Done if args.watch => thread::sleep(AGAIN),
            outcome => return Ok(outcome),
        }
    }
}

fn show(args: &Status, client: &mut Client) -> Result<Outcome, Failure> {
    done(client.status(), |status| {
        if args.json && args.watch {
            say::show(&format!("{}\n", serde_json::to_string(&status)?))
        } else if args.json {
            say::show_json(&status)
        } else if args.watch && stdout().is_terminal() {
            say::show(&redrawn(&render::status(&status)))
        } else {
            say::show(&render::status(&status))
        }
    })
}

/// Text in the place of what is on the terminal, without clearing it first, so that it does not
/// flicker.
fn redrawn(text: &str) -> String {
    const HOME: &str = "\x1b[H";
    const CLEAR_LINE: &str = "\x1b[K\n";
    const CLEAR_BELOW: &str = "\x1b[J";
    format!("{HOME}{}{CLEAR_BELOW}", text.replace('\n', CLEAR_LINE))
}

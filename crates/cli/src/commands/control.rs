//! `secgroup reload`, `stop` and `handover`, and what all commands to a daemon have in common.

use std::time::Duration;

use secgroup_daemon::control::{Client, ClientError};
use secgroup_daemon::protocol::{ErrorCode, ReloadOutcome};

use crate::args::{Handover, Reload, SocketArgs, Stop};
use crate::render::counted;
use crate::{Failure, Outcome, say};

/// How long a daemon may take to end: it saves connections and puts devices back.
const ENDING: Duration = Duration::from_secs(15);

/// Connects to the daemon.
pub(super) fn connect(socket: &SocketArgs) -> Result<Client, Failure> {
    Ok(Client::connect(&socket.path())?)
}

/// Shows what the daemon answered. Where it could not do what it was asked for, that is said, and the
/// command has failed; where it could not be asked, there is no outcome.
pub(super) fn done<T>(
    answer: Result<T, ClientError>,
    show: impl FnOnce(T) -> Result<(), Failure>,
) -> Result<Outcome, Failure> {
    match answer {
        Ok(answer) => show(answer).map(|()| Outcome::Done),
        Err(ClientError::Refused(error))
            if matches!(error.code, ErrorCode::Failed | ErrorCode::TooSlow) =>
        {
            say::tell_error(&error);
            Ok(Outcome::CheckFailed)
        }
        Err(error) => Err(error.into()),
    }
}

/// Has the policy read again.
pub(crate) fn reload(args: &Reload) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::Done;
    let answered = done(connect(&args.socket)?.reload(), |reload| {
        if matches!(reload, ReloadOutcome::Refused { .. }) {
            outcome = Outcome::CheckFailed;
        }
        if args.json {
            say::show_json(&reload)
        } else {
            tell(&reload)
        }
    })?;
    Ok(match answered {
        Outcome::Done => outcome,
        failed => failed,
    })
}

fn tell(reload: &ReloadOutcome) -> Result<(), Failure> {
    match reload {
        ReloadOutcome::InForce {
            generation,
            rules,
            interfaces,
            warnings,
            ..
        } => {
            for warning in warnings {
                say::tell(&format!("warning: {warning}\n"));
            }
            let (rules, interfaces) = (counted(*rules, "rule"), counted(*interfaces, "interface"));
            say::show(&format!(
                "policy {generation} is in force: {rules}, {interfaces}\n"
            ))
        }
        ReloadOutcome::Refused { generation, errors } => {
            for error in errors {
                say::tell(&format!("{}\n", error.trim_end()));
            }
            say::tell_error(&format!(
                "the policy was refused; policy {generation} stays in force"
            ));
            Ok(())
        }
    }
}

/// Ends the daemon.
pub(crate) fn stop(args: &Stop) -> Result<Outcome, Failure> {
    end(connect(&args.socket)?, false)
}

/// Ends the daemon for another to take over.
pub(crate) fn handover(args: &Handover) -> Result<Outcome, Failure> {
    end(connect(&args.socket)?, true)
}

fn end(client: Client, handover: bool) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::Done;
    let answered = done(client.stop(handover, ENDING), |gone| {
        if !gone {
            let seconds = ENDING.as_secs();
            say::tell_error(&format!(
                "secgroup has not ended within {seconds} s; 'journalctl -u secgroup' may say why"
            ));
            outcome = Outcome::CheckFailed;
        }
        Ok(())
    })?;
    Ok(match answered {
        Outcome::Done => outcome,
        failed => failed,
    })
}

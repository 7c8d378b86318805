//! Why rules cannot be put in or taken out.

use std::io;
use std::time::Duration;

/// Why rules cannot be put in or taken out.
#[derive(Debug, thiserror::Error)]
pub enum HostRulesError {
    /// No route was given.
    #[error("host rules need at least one route to a queue")]
    NoRoute,
    /// A route without a device.
    #[error("each route of host rules needs at least one device")]
    NoDevice,
    /// A device is in two routes: its packets could only go to one of them.
    #[error("the device '{0}' is in two routes of host rules; name it in one")]
    DeviceTwice(String),
    /// A queue is in two routes: whoever owns it could not tell their packets apart.
    #[error("queue {0} is in two routes of host rules; give each queues of its own")]
    QueueTwice(u16),
    /// A name that no device can have, or that the tools take for something else.
    #[error(
        "'{0}' cannot be the name of a device in host rules: 1 to 15 letters, digits or '._-:@', not beginning with '-'"
    )]
    BadDevice(String),
    /// The range is upside down.
    #[error("there are no queues from {0} to {1}")]
    NoQueues(u16, u16),
    /// None of the tools can do it.
    #[error("no tool can install the host rules: {}", .0.join("; "))]
    NoTool(Vec<String>),
    /// A program is not there.
    #[error("'{program}' is not in PATH, /usr/sbin or /sbin; install {package}")]
    NotFound {
        /// The program.
        program: String,
        /// The package that has it on most distributions.
        package: &'static str,
    },
    /// A program could not be run, or not be waited for.
    #[error("'{program}' cannot be run: {error}")]
    Run {
        /// The program.
        program: String,
        /// What the system said.
        error: io::Error,
    },
    /// A program did not end.
    #[error("'{program}' did not end within {} s and was killed", .after.as_secs())]
    Stuck {
        /// The program.
        program: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// A program failed.
    #[error("'{program}' failed: {said}{}", hint(.said))]
    Failed {
        /// The program and its arguments.
        program: String,
        /// What it said, in one line.
        said: String,
    },
}

impl HostRulesError {
    /// Whether another program was just changing rules: trying again may help.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        match self {
            // What iptables says where it waited in vain, or could not wait.
            Self::Failed { said, .. } => said.contains("holding the xtables lock"),
            Self::NoTool(said) => said
                .iter()
                .any(|said| said.contains("holding the xtables lock")),
            _ => false,
        }
    }
}

/// What to do about something that a tool says and does not explain.
fn hint(said: &str) -> &'static str {
    if said.contains("lock file") || said.contains("xtables.lock") {
        " (set XTABLES_LOCKFILE to a file that this user may write, such as one in the service's runtime directory)"
    } else if said.contains("Operation not permitted") || said.contains("Permission denied") {
        " (CAP_NET_ADMIN and CAP_NET_RAW are needed, as ambient capabilities where the user is not root)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_do_not_explain_is_explained() {
        let failed = |said: &str| {
            HostRulesError::Failed {
                program: "iptables-restore".into(),
                said: said.into(),
            }
            .to_string()
        };
        let lock = failed("Fatal: can't open lock file /run/xtables.lock: Permission denied");
        assert!(lock.contains("set XTABLES_LOCKFILE"), "{lock}");
        assert!(failed("Operation not permitted").contains("CAP_NET_ADMIN"));
        assert!(failed("line 2 failed").ends_with("line 2 failed"));
    }
}

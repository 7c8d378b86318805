//! Who may read pages: whoever signs what he asks for with an access key, as calls of the API are signed.
//!
//! It is the same check ([`Claim::verify`](secgroup_api::Claim::verify), E15 to E17) of the same keys, so there is one way to say who one is, and one place that can be
//! wrong about it. The secret is never sent, and nothing that a browser would send by itself, such as a cookie, counts for anything: a page of somebody else
//! has nothing to make use of. Within five minutes what was signed can be sent again, as with EC2; all it does is read.
//!
//! Who is turned away is counted, and told in the log, but in no more than one line a second: whoever asks often must not fill the disk.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::http::request::Parts;
use jiff::Timestamp;
use secgroup_api::Claim;
use secgroup_model::ModelError;

use super::request::{headers, http_request};
use crate::keys::Keys;
use crate::{Count, Counters};

/// Between two lines of the log about those who were turned away.
const QUIET: Duration = Duration::from_secs(1);

/// Lets in who has a key.
#[derive(Debug)]
pub struct Gate {
    keys: Keys,
    refusals: Counters,
    lines: Mutex<Lines>,
}

impl Gate {
    /// One for these keys, whatever they may change: pages are only read.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        Self {
            keys,
            refusals: Counters::default(),
            lines: Mutex::default(),
        }
    }

    /// How many were turned away since the start, by error code; the action is [`Counters::NO_ACTION`].
    #[must_use]
    pub fn refusals(&self) -> Vec<Count> {
        self.refusals.read()
    }

    /// Whether a request without a body is signed.
    pub(super) fn admit(&self, head: &Parts, source: SocketAddr) -> Result<(), ModelError> {
        let mut key = String::new();
        let checked = self.check(head, &mut key);
        if let Err(error) = &checked {
            let code = error.code();
            self.refusals.count(Counters::NO_ACTION, code);
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(untold) = lines.admit(Instant::now()) {
                tracing::warn!(%source, key, code, untold, "a page was asked for without a right signature");
            }
        }
        checked
    }

    fn check(&self, head: &Parts, key: &mut String) -> Result<(), ModelError> {
        let headers = headers(head);
        let request = http_request(head, &headers, &[]);
        let claim = Claim::of(&request)?;
        key.clone_from(&claim.key_id);
        self.keys.signer(&claim, &request, Timestamp::now())?;
        Ok(())
    }
}

/// When something was said last, and how often it was not since.
#[derive(Debug, Default)]
struct Lines {
    said: Option<Instant>,
    untold: u64,
}

impl Lines {
    /// Whether a line may be said at `now`; if so, how many were left out since the last.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        let is_early = |said| now.saturating_duration_since(said) < QUIET;
        if self.said.is_some_and(is_early) {
            self.untold += 1;
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_a_line_a_second_which_says_how_many_it_leaves_out() {
        let mut lines = Lines::default();
        let begun = Instant::now();
        let mut at = |millis| lines.admit(begun + Duration::from_millis(millis));
        assert_eq!([at(0), at(1), at(999)], [Some(0), None, None]);
        assert_eq!([at(1000), at(2500)], [Some(2), Some(0)]);
    }
}

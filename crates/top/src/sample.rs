//! What the daemon says at one moment: everything that is shown, asked for over one connection, by the client that all commands use.

use std::time::Duration;

use secgroup_daemon::control::{Client, ClientError};
use secgroup_daemon::protocol::{
    DenialPage, DenialsRequest, FlowPage, FlowsRequest, MAX_OVER_SECONDS, RulePage, RulesRequest,
    StatusDocument, TrafficOrder, TrafficPage, TrafficRequest,
};
use serde::Serialize;

/// Flows with the highest rates, and as many connections beside them: more than anybody scrolls through.
const FLOWS: u32 = 500;
/// Rules: all of any policy that a person reads.
const RULES: u32 = 2_000;

/// One look at the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// When, since the first look, by a clock that is never set.
    #[serde(skip)]
    pub at: Duration,
    /// How it is.
    pub status: StatusDocument,
    /// What passes.
    pub traffic: TrafficPage,
    /// Connections, in no order: those that are idle are not in `traffic`.
    pub connections: FlowPage,
    /// What was denied lately.
    pub denials: DenialPage,
    /// The rules, and what passed by them.
    pub rules: RulePage,
}

/// What to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampler {
    /// How far apart samples are; flows' rates are taken over as long.
    pub interval: Duration,
    /// Which flows there is room for, where there are many.
    pub by: TrafficOrder,
}

impl Sampler {
    /// Asks for everything.
    ///
    /// # Errors
    /// [`ClientError`]; the connection is good for no more requests then.
    pub fn sample(&self, client: &mut Client, at: Duration) -> Result<Sample, ClientError> {
        Ok(Sample {
            at,
            status: client.status()?,
            traffic: client.traffic(TrafficRequest {
                limit: FLOWS,
                by: self.by,
                over_seconds: self.over_seconds(),
            })?,
            connections: client.flows(FlowsRequest {
                limit: FLOWS,
                ..FlowsRequest::default()
            })?,
            denials: client.denials(DenialsRequest::default())?,
            rules: client.rules(RulesRequest { limit: RULES })?,
        })
    }

    /// The interval in whole seconds, as far as rates reach back.
    fn over_seconds(&self) -> u32 {
        let whole = self.interval.as_secs() + u64::from(self.interval.subsec_nanos() > 0);
        u32::try_from(whole).map_or(MAX_OVER_SECONDS, |seconds| seconds.min(MAX_OVER_SECONDS))
    }
}

impl Sample {
    /// The daemon's clock, in seconds since 1970.
    pub(crate) const fn now(&self) -> u64 {
        let status = &self.status;
        status.started_at.saturating_add(status.uptime_seconds)
    }
}

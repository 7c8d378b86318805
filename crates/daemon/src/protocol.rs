//! What is said over the control socket, as types.
//!
//! The socket is a Unix stream socket, `/run/secgroup/control.sock` unless the configuration says otherwise. Whoever connects
//! sends requests, one JSON object a line, and gets one line back for each, in order; `follow` alone answers with
//! as many lines as connections open and close, until the client goes. A person needs nothing but `socat`:
//!
//! ```sh
//! echo '{"request":"status"}' | socat - UNIX:/run/secgroup/control.sock
//! echo '{"request":{"flows":{"filter":{"port":443},"limit":10}}}' | socat - UNIX:/run/secgroup/control.sock
//! echo '{"request":{"delete":{"filter":{"address":"203.0.113.0/24"}}}}' | socat - UNIX:/run/secgroup/control.sock
//! ```
//!
//! | request | answer |
//! |---|---|
//! | `"status"` | `{"status": {...}}`: [`StatusDocument`] |
//! | `{"flows": {"filter": {...}, "limit": 1000, "count_only": false}}` | `{"flows": {...}}`: [`FlowPage`] |
//! | `{"follow": {"filter": {...}}}` | `{"following": true}`, then `{"event": {...}}` for each: [`FlowEvent`] |
//! | `{"traffic": {"limit": 100, "by": "bytes", "over_seconds": 1}}` | `{"traffic": {...}}`: [`TrafficPage`], what passes now |
//! | `{"denials": {"limit": 100}}` | `{"denials": {...}}`: [`DenialPage`], what was denied lately |
//! | `{"rules": {"limit": 1000}}` | `{"rules": {...}}`: [`RulePage`], with what passed by each |
//! | `{"explain": {"flow": "tcp 203.0.113.7:40000 > 10.0.1.10:22"}}` | `{"explained": {...}}`: [`Explained`] |
//! | `{"delete": {"filter": {...}}}`, `{"delete": {"all": true}}` | `{"deleted": 3}` |
//! | `"reload"` | `{"reload": {...}}`: [`ReloadOutcome`] |
//! | `"stop"`, `"handover"` | `{"stopping": true}`; the connection is closed when the daemon is gone |
//!
//! A request that cannot be carried out is answered with `{"error": {"code": "bad-request", "message": "..."}}`; the
//! [codes](ErrorCode) stay, messages may change. Every answer carries `"version"`, and a request may: a daemon that does not speak
//! the version asked for says so instead of guessing. Within a version fields are only added, so clients ignore those that they do
//! not know; the daemon refuses them, since a filter that was mistyped must not match everything.

mod denials;
mod flows;
mod rules;
mod status;
mod traffic;
mod words;

use secgroup_analysis::Explained;
use secgroup_packet::Direction;
use serde::{Deserialize, Serialize};

pub use self::denials::{DenialLine, DenialPage, DenialsRequest, KEPT_DENIALS};
pub use self::flows::{
    CloseCause, FlowEvent, FlowLine, FlowPage, FlowQuery, FlowState, UnknownState,
};
pub use self::rules::{RuleLine, RulePage, RulesRequest};
pub use self::status::{
    ByFamily, FlowLogReport, InterfaceReport, InterfaceState, PolicyReport, PortReport, Reloads,
    StatusDocument, VerdictReport, WorkerReport,
};
pub use self::traffic::{
    MAX_OVER_SECONDS, MAX_TRAFFIC, TrafficLine, TrafficOrder, TrafficPage, TrafficRequest,
};
pub use self::words::{UnknownProtocol, parse_protocol};

/// The version of what is said here.
pub const VERSION: u32 = 1;

/// Where the daemon listens unless it is told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/secgroup/control.sock";

/// Flows that a page holds at most, however many are asked for: some 40 MB of JSON.
pub const MAX_PAGE: u32 = 100_000;

/// Flows that a page holds where no limit is given.
pub const DEFAULT_PAGE: u32 = 1_000;

/// One line from a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The version that the client speaks; the daemon's where it is left out.
    #[serde(default = "version")]
    pub version: u32,
    /// What it wants.
    pub request: Request,
}

impl Question {
    /// A request in this version.
    #[must_use]
    pub const fn new(request: Request) -> Self {
        let version = VERSION;
        Self { version, request }
    }
}

/// What a client can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// How the daemon is.
    Status,
    /// Tracked connections.
    Flows(FlowsRequest),
    /// Connections as they open and close, until the client goes.
    Follow(FollowRequest),
    /// What passes now, flow by flow.
    Traffic(TrafficRequest),
    /// What was denied lately, flow by flow.
    Denials(DenialsRequest),
    /// The rules in force, and what passed by each.
    Rules(RulesRequest),
    /// What would become of a packet now, and why.
    Explain(ExplainRequest),
    /// Forget connections: their next packet is judged by the rules again.
    Delete(DeleteRequest),
    /// Read the policy files again.
    Reload,
    /// End; the connections are saved where the configuration has a place for them.
    Stop,
    /// End for the next daemon to take over: as stop, but it is an error if connections cannot be saved.
    Handover,
}

/// Which connections to list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FlowsRequest {
    /// Which.
    pub filter: FlowQuery,
    /// How many at most, up to [`MAX_PAGE`].
    pub limit: u32,
    /// Only say how many there are.
    pub count_only: bool,
}

impl Default for FlowsRequest {
    fn default() -> Self {
        Self {
            filter: FlowQuery::default(),
            limit: DEFAULT_PAGE,
            count_only: false,
        }
    }
}

/// Which connections to follow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FollowRequest {
    /// Which.
    pub filter: FlowQuery,
}

/// Which packet to explain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The packet, as [`Flow`](secgroup_analysis::Flow) spells it. A TCP packet whose flags are not said is an ACK of the connection where
    /// there is one, and a SYN where there is none.
    pub flow: String,
    /// At this interface, by its name in the configuration, its id or its address; at every one that the packet crosses where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// In this direction; the one that the addresses say where it is left out.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "words::optional_direction"
    )]
    pub direction: Option<Direction>,
}

/// Which connections to forget. Exactly one of the two must be said: a filter that says nothing is not "all".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeleteRequest {
    /// Those that it matches.
    pub filter: FlowQuery,
    /// Every one of them.
    pub all: bool,
}

/// One line from the daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The version that the daemon speaks.
    pub version: u32,
    /// What it says.
    #[serde(flatten)]
    pub response: Response,
}

impl Answer {
    /// A response in this version.
    #[must_use]
    pub const fn new(response: Response) -> Self {
        let version = VERSION;
        Self { version, response }
    }
}

/// What the daemon says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// How it is.
    Status(Box<StatusDocument>),
    /// The connections that were asked for.
    Flows(FlowPage),
    /// Events follow from here on; always true.
    Following(bool),
    /// A connection opened or closed.
    Event(FlowEvent),
    /// What passes now.
    Traffic(TrafficPage),
    /// What was denied lately.
    Denials(DenialPage),
    /// The rules.
    Rules(RulePage),
    /// What would become of the packet.
    Explained(Box<Explained>),
    /// How many connections were forgotten.
    Deleted(u64),
    /// What became of the reload.
    Reload(ReloadOutcome),
    /// The daemon is about to end; always true.
    Stopping(bool),
    /// The request was not carried out.
    Error(ErrorBody),
}

impl Response {
    /// An error.
    #[must_use]
    pub fn error(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Error(ErrorBody { code, message })
    }
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ErrorBody {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what is wrong and what to do about it, in one line.
    pub message: String,
}

/// The kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// Not JSON, not a request, or one that contradicts itself.
    BadRequest,
    /// A line longer than the daemon reads.
    TooLong,
    /// The daemon speaks another version.
    Version,
    /// The client is neither root nor the user that the daemon runs as.
    Forbidden,
    /// As many clients as may be are connected already.
    Busy,
    /// The client took too long: to say its request, or to read what it follows.
    TooSlow,
    /// The daemon could not do it.
    Failed,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What became of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum ReloadOutcome {
    /// The new policy is in force on every worker.
    #[serde(rename_all = "snake_case")]
    InForce {
        /// Its generation.
        generation: u64,
        /// Its rules.
        rules: u64,
        /// Its interfaces.
        interfaces: u64,
        /// From having been read until it was in force on the last worker, in microseconds.
        took_micros: u64,
        /// What a person should know, one line each.
        warnings: Vec<String>,
    },
    /// It is faulty: the one before stays in force.
    #[serde(rename_all = "snake_case")]
    Refused {
        /// The generation that stays.
        generation: u64,
        /// What is wrong, rendered for people; may have several lines each.
        errors: Vec<String>,
    },
}

fn version() -> u32 {
    VERSION
}

#[cfg(test)]
mod tests;

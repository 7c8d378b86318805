//! The control socket: the daemon's end and the client's.
//!
//! The protocol is [`crate::protocol`]'s. Here is who may speak, and how much of the daemon a client can take up:
//!
//! - The socket file belongs to the daemon's user alone, and whoever connects must be that user or root all the same: the kernel
//!   says who it is (`SO_PEERCRED`).
//! - A lock file beside it says that a daemon is alive. A socket without one is left over from a crash, and is replaced.
//! - Each client has a thread, [`MAX_CLIENTS`] at most. A line has a greatest length and a time in which it must be said; answers
//!   have a time in which they must be taken. Nobody but that client's thread waits for either.
//! - Whoever follows connections gets them through a bounded queue ([`Followers`]); who does not keep up is cut off and told.
//!
//! The daemon is seen through [`Operate`] alone, so that server and client are tested without one.

mod client;
mod followers;
mod line;
mod server;
mod session;
mod socket;

use secgroup_analysis::Explained;

use crate::protocol::{
    DenialPage, DenialsRequest, ExplainRequest, FlowPage, FlowQuery, FlowsRequest, ReloadOutcome,
    RulePage, RulesRequest, StatusDocument, TrafficPage, TrafficRequest,
};

pub use self::client::{Client, ClientError, Events};
pub use self::followers::{BEHIND_MAX, Followers, Following};
pub use self::server::{MAX_CLIENTS, Server};
pub(crate) use self::session::{carry_out, check};
pub use self::socket::{ControlSocket, ListenError};

/// What the daemon can be asked to do. Called from the threads of clients, several at a time.
pub trait Operate: Send + Sync {
    /// How it is.
    fn status(&self) -> StatusDocument;

    /// Tracked connections; of no more than the request's limit the details.
    ///
    /// # Errors
    /// In one line, why they cannot be told.
    fn flows(&self, request: &FlowsRequest) -> Result<FlowPage, String>;

    /// What passes now, flow by flow. Flows are counted while somebody asks, and not before.
    ///
    /// # Errors
    /// In one line, why it cannot be told.
    fn traffic(&self, request: &TrafficRequest) -> Result<TrafficPage, String>;

    /// What was denied lately, flow by flow.
    fn denials(&self, request: &DenialsRequest) -> DenialPage;

    /// The rules of groups that are attached to an interface here, and what passed by each.
    fn rules(&self, request: &RulesRequest) -> RulePage;

    /// What would become of a packet now, and why. Nothing is changed by asking.
    ///
    /// # Errors
    /// In one line, why it cannot be told.
    fn explain(&self, request: &ExplainRequest) -> Result<Explained, String>;

    /// Connections as they open and close, until what is returned is dropped: [`Followers::add`].
    fn follow(&self, filter: &FlowQuery) -> Following;

    /// Forgets connections, and says how many.
    ///
    /// # Errors
    /// In one line, why they cannot be forgotten.
    fn delete(&self, filter: &FlowQuery) -> Result<u64, String>;

    /// Reads the policy again, and returns when it is in force or refused.
    fn reload(&self) -> ReloadOutcome;

    /// Begins to end, and returns at once. With `handover`, connections are saved for the next daemon.
    ///
    /// # Errors
    /// In one line, why it goes on: a handover without a place to save connections.
    fn stop(&self, handover: bool) -> Result<(), String>;
}

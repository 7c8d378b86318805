//! Connections as they open and close, for those who follow them.
//!
//! Workers tell of every packet that is admitted as new; that a connection closed they tell nobody, since nearly all close by
//! being forgotten. So while somebody follows, the connections there are are looked through every round, and one that is no longer
//! there has closed. None is missed: a closed connection stays in the table for longer than a round.

use std::collections::HashMap;

use crossbeam_channel::{Receiver, never};
use secgroup_conntrack::{Connection, State};
use secgroup_packet::{FlowKey, Protocol, Timestamp};
use secgroup_runtime::{Admitted, Event, FlowFilter, Runtime};

use super::saving::now;
use crate::control::Followers;
use crate::protocol::{CloseCause, FlowEvent, FlowLine};

/// Connections that are kept in mind, some 200 bytes each; of more than this, closings are not told.
const KEPT_MAX: usize = 1 << 20;

/// What is told to followers, and what was told.
pub(super) struct Follow {
    admitted: Option<Receiver<Event>>,
    never: Receiver<Event>,
    known: HashMap<FlowKey, Connection>,
}

impl Follow {
    pub(super) fn new() -> Self {
        Self {
            admitted: None,
            never: never(),
            known: HashMap::new(),
        }
    }

    /// New connections, while somebody follows.
    pub(super) fn events(&self) -> &Receiver<Event> {
        self.admitted.as_ref().unwrap_or(&self.never)
    }

    /// Somebody began to follow, or the last one went.
    pub(super) fn look(&mut self, followers: &Followers, runtime: &Runtime) {
        match (followers.is_empty(), self.admitted.is_some()) {
            (false, false) => {
                self.admitted = Some(runtime.follow());
                self.known = present(runtime);
            }
            (true, true) => *self = Self::new(),
            _ => {}
        }
    }

    /// A packet was admitted as the first of its connection.
    pub(super) fn admitted(&mut self, admitted: &Admitted, tell: &dyn Fn(&Connection, Told)) {
        let Some(connection) = connection(admitted) else {
            return; // An ICMP message that opens none.
        };
        if self.known.len() < KEPT_MAX {
            self.known.insert(connection.key, connection);
        }
        tell(&connection, Told::Opened);
    }

    /// Tells of connections that are there no more.
    pub(super) fn round(&mut self, runtime: &Runtime, tell: &dyn Fn(&Connection, Told)) {
        if self.admitted.is_none() {
            return;
        }
        let present = present(runtime);
        let at = now();
        for (key, connection) in &self.known {
            if !present.contains_key(key) {
                let cause = if connection.expires <= at {
                    CloseCause::RanOut
                } else {
                    CloseCause::Gone
                };
                tell(connection, Told::Closed(cause));
            }
        }
        self.known = present;
    }
}

/// What became of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told {
    Opened,
    Closed(CloseCause),
}

impl Told {
    pub(super) fn event(self, flow: FlowLine) -> FlowEvent {
        match self {
            Self::Opened => FlowEvent::Opened { flow },
            Self::Closed(cause) => FlowEvent::Closed { flow, cause },
        }
    }
}

fn present(runtime: &Runtime) -> HashMap<FlowKey, Connection> {
    let (connections, _) = runtime.connections(&FlowFilter::default(), KEPT_MAX);
    connections
        .into_iter()
        .map(|connection| (connection.key, connection))
        .collect()
}

/// The connection that a packet opened, as it was then.
fn connection(admitted: &Admitted) -> Option<Connection> {
    let Admitted {
        interface,
        direction,
        verdict,
        packet,
        at,
    } = admitted;
    let key = packet.flow_key(*interface, *direction)?;
    let state = match key.protocol() {
        Protocol::TCP => State::SynSent,
        Protocol::UDP => State::Udp,
        Protocol::ICMP | Protocol::ICMPV6 => State::Icmp,
        _ => State::Other,
    };
    let (mut packets, mut bytes) = ([0; 2], [0; 2]);
    packets[*direction as usize] = 1;
    bytes[*direction as usize] = u64::from(packet.ip_len);
    let expires = at.saturating_add(secgroup_conntrack::Timeouts::default().of(state));
    Some(Connection {
        key,
        originator: *direction,
        state,
        expires: Timestamp::max(expires, *at),
        rule: verdict.rule.map_or(Connection::NO_RULE, |rule| rule.get()),
        packets,
        bytes,
    })
}

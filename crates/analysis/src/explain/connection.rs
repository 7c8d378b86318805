//! A tracked connection, for people: in the words of `secgroup flows`.

use std::net::{IpAddr, SocketAddr};

use secgroup_control::Registry;
use secgroup_datapath::Connection;
use secgroup_packet::{Direction, FlowKey, Protocol, Timestamp};
use secgroup_policy::RuleNumber;

use super::document::{ConnectionLine, ConnectionReport};

/// The connection that a packet belongs to, or is about, before and after it.
#[derive(Debug, Clone)]
pub(super) struct Around<'a> {
    pub(super) before: Option<Connection>,
    pub(super) after: Option<Connection>,
    /// When they are looked at.
    pub(super) now: Timestamp,
    /// What the numbers of their rules stand for.
    pub(super) registry: &'a Registry,
}

impl Around<'_> {
    pub(super) fn told(&self) -> ConnectionReport {
        let line = |connection: &Connection| line(connection, self.registry, self.now);
        ConnectionReport {
            before: self.before.as_ref().map(line),
            after: self.after.as_ref().map(line),
        }
    }
}

/// The line of `connection` at `now`.
fn line(connection: &Connection, registry: &Registry, now: Timestamp) -> ConnectionLine {
    let key = &connection.key;
    let (local, remote, ports): (IpAddr, IpAddr, _) = match key {
        FlowKey::V4(key) => (
            key.local.into(),
            key.remote.into(),
            [key.local_port, key.remote_port],
        ),
        FlowKey::V6(key) => (
            key.local.into(),
            key.remote.into(),
            [key.local_port, key.remote_port],
        ),
    };
    let protocol = key.protocol();
    let has_ports = matches!(protocol, Protocol::TCP | Protocol::UDP);
    let end = |address: IpAddr, port| {
        if has_ports {
            SocketAddr::new(address, port).to_string()
        } else {
            address.to_string()
        }
    };
    let [ingress, egress] = [Direction::Ingress, Direction::Egress].map(|way| way as usize);
    let left = connection.expires.saturating_since(now);
    let rule = RuleNumber::known(connection.rule).and_then(|number| registry.rule(number));
    ConnectionLine {
        protocol: protocol.to_string(),
        local: end(local, ports[0]),
        remote: end(remote, ports[1]),
        opened: connection.originator,
        state: connection.state.as_str().to_owned(),
        rule: rule.map(|known| known.rule.id.to_string()),
        ingress_packets: connection.packets[ingress].into(),
        ingress_bytes: connection.bytes[ingress],
        egress_packets: connection.packets[egress].into(),
        egress_bytes: connection.bytes[egress],
        expires_in_seconds: left.as_secs() + u64::from(left.subsec_nanos() > 0),
    }
}

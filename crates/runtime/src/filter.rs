//! Which connections a question, or a deliberate cut, is about.

use std::net::IpAddr;

use ipnet::IpNet;
use secgroup_datapath::{Connection, State};
use secgroup_packet::{FlowKey, InterfaceIndex, Protocol};

/// What a connection has to be like; what is `None` does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlowFilter {
    /// The interface that it crosses.
    pub interface: Option<InterfaceIndex>,
    /// Either end lies in this range.
    pub address: Option<IpNet>,
    /// Either end has this port; only connections of TCP and UDP have one.
    pub port: Option<u16>,
    /// Its protocol.
    pub protocol: Option<Protocol>,
    /// Its state is one of these.
    pub states: Option<&'static [State]>,
}

impl FlowFilter {
    /// Whether `connection` is one of those that are meant.
    #[must_use]
    pub fn matches(&self, connection: &Connection) -> bool {
        let key = &connection.key;
        self.interface
            .is_none_or(|wanted| wanted == key.interface())
            && self.protocol.is_none_or(|wanted| wanted == key.protocol())
            && self
                .states
                .is_none_or(|wanted| wanted.contains(&connection.state))
            && self.port.is_none_or(|wanted| has_port(key, wanted))
            && self.address.is_none_or(|range| has_end_in(key, range))
    }
}

/// The ports of a key are ports only where the protocol has some (see the table at the top of `flow.rs` in `secgroup-packet`).
fn has_port(key: &FlowKey, port: u16) -> bool {
    let ports = match key {
        FlowKey::V4(key) => [key.local_port, key.remote_port],
        FlowKey::V6(key) => [key.local_port, key.remote_port],
    };
    matches!(key.protocol(), Protocol::TCP | Protocol::UDP) && ports.contains(&port)
}

fn has_end_in(key: &FlowKey, range: IpNet) -> bool {
    let ends: [IpAddr; 2] = match key {
        FlowKey::V4(key) => [key.local.into(), key.remote.into()],
        FlowKey::V6(key) => [key.local.into(), key.remote.into()],
    };
    ends.iter().any(|end| range.contains(end))
}

#[cfg(test)]
mod tests {
    use secgroup_packet::{Direction, FlowKey4, Timestamp};

    use super::*;

    fn connection(protocol: Protocol) -> Connection {
        Connection {
            key: FlowKey::V4(FlowKey4 {
                local: [10, 0, 0, 1].into(),
                remote: [203, 0, 113, 9].into(),
                local_port: 22,
                remote_port: 50000,
                interface: InterfaceIndex(3),
                protocol,
            }),
            originator: Direction::Ingress,
            state: State::Established,
            expires: Timestamp::from_secs(9),
            rule: 0,
            packets: [1, 1],
            bytes: [60, 60],
        }
    }

    #[test]
    fn every_field_that_is_set_has_to_fit() {
        let ssh = connection(Protocol::TCP);
        let fits = FlowFilter {
            interface: Some(InterfaceIndex(3)),
            address: Some("203.0.113.0/24".parse().unwrap()),
            port: Some(50000),
            protocol: Some(Protocol::TCP),
            states: Some(&[State::SynRecv, State::Established]),
        };
        assert!(fits.matches(&ssh));
        assert!(FlowFilter::default().matches(&ssh));
        let misfits = [
            FlowFilter {
                interface: Some(InterfaceIndex(4)),
                ..fits
            },
            FlowFilter {
                address: Some("203.0.112.0/24".parse().unwrap()),
                ..fits
            },
            FlowFilter {
                address: Some("::/0".parse().unwrap()),
                ..fits
            },
            FlowFilter {
                port: Some(23),
                ..fits
            },
            FlowFilter {
                protocol: Some(Protocol::UDP),
                ..fits
            },
            FlowFilter {
                states: Some(&[State::Close]),
                ..fits
            },
        ];
        for misfit in misfits {
            assert!(!misfit.matches(&ssh), "{misfit:?}");
        }
    }

    #[test]
    fn an_identifier_is_no_port() {
        let by_port = FlowFilter {
            port: Some(22),
            ..FlowFilter::default()
        };
        assert!(by_port.matches(&connection(Protocol::UDP)));
        assert!(!by_port.matches(&connection(Protocol::ICMP)));
    }
}

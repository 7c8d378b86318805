//! Network interfaces: where security groups are enforced (semantics C1).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use crate::{
    GroupId, InstanceId, ModelError, NetworkInterfaceId, Origin, Part, Subnet, SubnetId, Tags,
    VpcId,
};

/// A network interface (ENI).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInterface {
    /// Its id.
    pub id: NetworkInterfaceId,
    /// Its VPC, where known.
    pub vpc: Option<VpcId>,
    /// Its subnet, where known.
    pub subnet: Option<SubnetId>,
    /// The attached groups, at least one (B11), in the order given.
    pub groups: Vec<GroupId>,
    /// Private addresses, the primary IPv4 address first (C7).
    pub addresses: Vec<IpAddr>,
    /// Delegated prefixes (C7).
    pub prefixes: Vec<IpNet>,
    /// Its MAC address, where known.
    pub mac: Option<MacAddress>,
    /// Whether packets that are neither from nor to one of its addresses are dropped (C12).
    pub source_dest_check: bool,
    /// Timeouts of tracked connections.
    pub tracking: ConnectionTracking,
    /// The instance it is attached to.
    pub instance: Option<InstanceId>,
    /// Its description.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
    /// Where it was written.
    pub origin: Option<Origin>,
}

impl NetworkInterface {
    /// An interface with groups and addresses, and otherwise as AWS makes them: nothing else is
    /// known of it, and the source/destination check is on (C12).
    #[must_use]
    pub fn new(id: NetworkInterfaceId, groups: Vec<GroupId>, addresses: Vec<IpAddr>) -> Self {
        Self {
            id,
            vpc: None,
            subnet: None,
            groups,
            addresses,
            prefixes: Vec::new(),
            mac: None,
            source_dest_check: true,
            tracking: ConnectionTracking::default(),
            instance: None,
            description: String::new(),
            tags: Tags::new(),
            origin: None,
        }
    }

    /// Whether `address` is one of its own or lies in one of its delegated prefixes (C7).
    #[must_use]
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
            || self.prefixes.iter().any(|prefix| prefix.contains(&address))
    }

    /// Checks that each of its addresses may be one in `subnet`, as [`Part::Address`] (E60).
    ///
    /// # Errors
    /// One per address outside of the subnet or reserved.
    pub fn check_addresses(&self, subnet: &Subnet) -> Result<(), Vec<ModelError>> {
        let errors: Vec<_> = (0..)
            .zip(&self.addresses)
            .filter_map(|(place, &address)| {
                subnet
                    .check_address(address)
                    .err()
                    .map(|error| error.at(Part::Address(place)))
            })
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }
}

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

/// Six pairs of hexadecimal digits with colons, as EC2 writes them, or with hyphens.
impl FromStr for MacAddress {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut octets = [0; 6];
        let mut pairs = text.split(separator);
        for octet in &mut octets {
            *octet = pairs
                .next()
                .and_then(hex_pair)
                .ok_or_else(|| malformed_mac(text))?;
        }
        if pairs.next().is_some() {
            Err(malformed_mac(text))
        } else {
            Ok(Self(octets))
        }
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

fn hex_pair(text: &str) -> Option<u8> {
    let is_pair = text.len() == 2 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_pair {
        u8::from_str_radix(text, 16).ok()
    } else {
        None
    }
}

fn malformed_mac(text: &str) -> ModelError {
    ModelError::value(format!("MAC address {text} is malformed"))
        .with_help("a MAC address is written like 02:00:5e:10:00:01")
}

/// `ConnectionTrackingSpecification`: only the timeouts that were set (semantics D29, D30).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionTracking {
    /// Idle established TCP connections: 60 to 432,000 s.
    pub tcp_established: Option<Duration>,
    /// Idle UDP streams: 60 to 180 s.
    pub udp_stream: Option<Duration>,
    /// Other idle UDP flows: 30 to 60 s.
    pub udp: Option<Duration>,
}

impl ConnectionTracking {
    /// The timeouts, each given in seconds or left out.
    ///
    /// # Errors
    /// Every one that is out of its range (D29, D30).
    pub fn parse(
        tcp_established: Option<i64>,
        udp_stream: Option<i64>,
        udp: Option<i64>,
    ) -> Result<Self, Vec<ModelError>> {
        let mut errors = Vec::new();
        let mut timeout = |given: Option<i64>, name, (min, max): (u64, u64), part| {
            let given = given?;
            match u64::try_from(given) {
                Ok(seconds) if (min..=max).contains(&seconds) => Some(Duration::from_secs(seconds)),
                _ => {
                    errors.push(
                        ModelError::value(format!(
                            "Value ({given}) for parameter {name} is invalid. Valid values are \
                             {min} to {max} seconds."
                        ))
                        .at(part),
                    );
                    None
                }
            }
        };
        let tracking = Self {
            tcp_established: timeout(
                tcp_established,
                "TcpEstablishedTimeout",
                TCP_ESTABLISHED_SECONDS,
                Part::TcpEstablishedTimeout,
            ),
            udp_stream: timeout(
                udp_stream,
                "UdpStreamTimeout",
                UDP_STREAM_SECONDS,
                Part::UdpStreamTimeout,
            ),
            udp: timeout(udp, "UdpTimeout", UDP_SECONDS, Part::UdpTimeout),
        };
        if errors.is_empty() {
            Ok(tracking)
        } else {
            Err(errors)
        }
    }

    /// These timeouts after `change`: what it leaves out stays (D30).
    #[must_use]
    pub fn changed_by(self, change: Self) -> Self {
        Self {
            tcp_established: change.tcp_established.or(self.tcp_established),
            udp_stream: change.udp_stream.or(self.udp_stream),
            udp: change.udp.or(self.udp),
        }
    }
}

/// Least and greatest `TcpEstablishedTimeout`, in seconds (D29).
const TCP_ESTABLISHED_SECONDS: (u64, u64) = (60, 432_000);
/// Least and greatest `UdpStreamTimeout`, in seconds (D29).
const UDP_STREAM_SECONDS: (u64, u64) = (60, 180);
/// Least and greatest `UdpTimeout`, in seconds (D29).
const UDP_SECONDS: (u64, u64) = (30, 60);

//! One packet in words: `tcp 203.0.113.7:40000 > 10.0.1.10:22`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use secgroup_packet::{AddressPair, L4, Packet, Protocol, TcpFlags};

/// The first packet of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    addresses: AddressPair,
    protocol: Protocol,
    l4: L4,
}

/// Why a text is not a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowError(String);

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; write a flow such as 'tcp 203.0.113.7:40000 > 10.0.1.10:22', \
             'udp [2001:db8::1]:53 > [2001:db8::2]:4242', 'icmp 8/0 203.0.113.7 > 10.0.1.10' or '47 192.0.2.9 > 10.0.1.10'",
            self.0
        )
    }
}

impl std::error::Error for FlowError {}

impl Flow {
    /// The packet: in TCP the SYN that opens a connection.
    #[must_use]
    pub const fn packet(&self) -> Packet {
        Packet {
            addresses: self.addresses,
            protocol: self.protocol,
            l4: self.l4,
            fragment: None,
            hop_limit: 64,
            ip_len: 40,
            l3_offset: 0,
            l4_offset: 0,
        }
    }

    /// Both addresses.
    #[must_use]
    pub const fn addresses(&self) -> AddressPair {
        self.addresses
    }
}

impl FromStr for Flow {
    type Err = FlowError;

    fn from_str(text: &str) -> Result<Self, FlowError> {
        let fail = |what: String| Err(FlowError(what));
        let Some((left, dst)) = text.split_once('>') else {
            return fail(format!(
                "'{text}' has no '>' between source and destination"
            ));
        };
        let words: Vec<_> = left.split_whitespace().collect();
        let (protocol, src) = match words.as_slice() {
            [protocol, src] | [protocol, _, src] => (protocol.to_ascii_lowercase(), *src),
            _ => return fail(format!("'{}' is not a protocol and a source", left.trim())),
        };
        let message = if let [_, message, _] = words.as_slice() {
            Some(*message)
        } else {
            None
        };
        let dst = dst.trim();
        match (protocol.as_str(), message) {
            ("tcp" | "6", None) => {
                let flags = TcpFlags::SYN;
                let (addresses, sport, dport) = endpoints(src, dst)?;
                let l4 = L4::Tcp {
                    sport,
                    dport,
                    flags,
                };
                Ok(Self {
                    addresses,
                    protocol: Protocol::TCP,
                    l4,
                })
            }
            ("udp" | "17", None) => {
                let (addresses, sport, dport) = endpoints(src, dst)?;
                Ok(Self {
                    addresses,
                    protocol: Protocol::UDP,
                    l4: L4::Udp { sport, dport },
                })
            }
            ("icmp" | "1", message) => icmp(Protocol::ICMP, message.unwrap_or("8/0"), src, dst),
            ("icmpv6" | "icmp6" | "58", message) => {
                icmp(Protocol::ICMPV6, message.unwrap_or("128/0"), src, dst)
            }
            (number, None) => match number.parse() {
                Ok(number) => {
                    let addresses = pair(address(src)?, address(dst)?)?;
                    Ok(Self {
                        addresses,
                        protocol: Protocol(number),
                        l4: L4::Other,
                    })
                }
                Err(_) => fail(format!("'{number}' is not a protocol")),
            },
            (_, Some(extra)) => fail(format!("'{extra}' is one word too many")),
        }
    }
}

fn icmp(protocol: Protocol, message: &str, src: &str, dst: &str) -> Result<Flow, FlowError> {
    let parsed = message
        .split_once('/')
        .and_then(|(kind, code)| Some((kind.parse::<u8>().ok()?, code.parse::<u8>().ok()?)));
    let Some((kind, code)) = parsed else {
        return Err(FlowError(format!("'{message}' is not an ICMP TYPE/CODE")));
    };
    let addresses = pair(address(src)?, address(dst)?)?;
    // ICMP of the other family is a protocol like any other (semantics A19).
    let fits = matches!(
        (addresses, protocol),
        (AddressPair::V4 { .. }, Protocol::ICMP) | (AddressPair::V6 { .. }, Protocol::ICMPV6)
    );
    let l4 = if fits {
        L4::Icmp { kind, code, id: 1 }
    } else {
        L4::Other
    };
    Ok(Flow {
        addresses,
        protocol,
        l4,
    })
}

fn endpoints(src: &str, dst: &str) -> Result<(AddressPair, u16, u16), FlowError> {
    let (src, dst) = (endpoint(src)?, endpoint(dst)?);
    Ok((pair(src.ip(), dst.ip())?, src.port(), dst.port()))
}

fn endpoint(text: &str) -> Result<SocketAddr, FlowError> {
    text.parse().map_err(|_| match text.parse::<Ipv6Addr>() {
        Ok(_) => FlowError(format!("'{text}' has no port; write [{text}]:PORT")),
        Err(_) => FlowError(format!("'{text}' is not ADDRESS:PORT")),
    })
}

fn address(text: &str) -> Result<IpAddr, FlowError> {
    text.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .map_err(|_| FlowError(format!("'{text}' is not an address")))
}

fn pair(src: IpAddr, dst: IpAddr) -> Result<AddressPair, FlowError> {
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => Ok(AddressPair::V4 { src, dst }),
        (IpAddr::V6(src), IpAddr::V6(dst)) => Ok(AddressPair::V6 { src, dst }),
        _ => Err(FlowError(format!(
            "{src} and {dst} are of different address families"
        ))),
    }
}

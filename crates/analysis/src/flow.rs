//! One packet in words: `tcp 203.0.113.7:40000 > 10.0.1.10:22`.
//!
//! ```text
//! tcp|udp SOURCE:PORT > DESTINATION:PORT      IPv6 with a port in brackets: [2001:db8::1]:443
//! tcp FLAGS SOURCE:PORT > DESTINATION:PORT    FLAGS such as ack or syn+ack; a SYN where they are left out
//! icmp|icmpv6 [TYPE/CODE] SOURCE > DESTINATION    an echo request where TYPE/CODE is left out
//! PROTOCOL SOURCE > DESTINATION               any other protocol, by number
//! ```

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use secgroup_packet::{AddressPair, L4, Packet, Protocol, TcpFlags};

/// TTL or hop limit of what is not said to have another: what Linux sends.
const HOP_LIMIT: u8 = 64;
/// Length of the packet, in bytes: an IPv6 header and nothing. No verdict depends on it.
const IP_LEN: u32 = 40;
/// Next-header values that in IPv6 are extension headers, behind which the protocol stands (D53).
const EXTENSION_HEADERS: [u8; 8] = [0, 43, 44, 51, 60, 135, 139, 140];

/// The names of the control bits of TCP, lowest bit first.
const FLAGS: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];

/// A packet of a flow: the first one, unless something else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    addresses: AddressPair,
    protocol: Protocol,
    l4: L4,
}

/// Why a text is not a flow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; write a flow such as 'tcp 203.0.113.7:40000 > 10.0.1.10:22', \
     'udp [2001:db8::1]:53 > [2001:db8::2]:4242', 'icmp 8/0 203.0.113.7 > 10.0.1.10' or \
     '47 192.0.2.9 > 10.0.1.10'"
)]
pub struct FlowError(String);

impl Flow {
    /// The flow as far as it says what `packet` is.
    #[must_use]
    pub const fn of(packet: &Packet) -> Self {
        Self {
            addresses: packet.addresses,
            protocol: packet.protocol,
            l4: packet.l4,
        }
    }

    /// Whether a text that is a flow says flags of TCP, or leaves them to what is usual.
    #[must_use]
    pub fn says_flags(text: &str) -> bool {
        let before = text.split('>').next().unwrap_or_default();
        let words = before.split_whitespace().filter(|word| *word != "-");
        words.count() > 2
    }

    /// A later packet of the same flow: of TCP a segment with ACK instead of the SYN.
    #[must_use]
    pub const fn continued(self) -> Self {
        match self.l4 {
            L4::Tcp {
                sport,
                dport,
                flags: TcpFlags::SYN,
            } => Self {
                l4: L4::Tcp {
                    sport,
                    dport,
                    flags: TcpFlags::ACK,
                },
                ..self
            },
            _ => self,
        }
    }

    /// The packet: in TCP the SYN that opens a connection unless other flags are said, in ICMPv6 with the hop limit that
    /// neighbour discovery and multicast listener discovery send with.
    #[must_use]
    pub const fn packet(&self) -> Packet {
        let hop_limit = match (self.protocol, self.l4) {
            (Protocol::ICMPV6, L4::Icmp { kind, .. }) => match kind {
                // RFC 4861 section 7.1.
                133..=137 => 255,
                // RFC 2710 section 3, RFC 3810 section 5.
                130..=132 | 143 => 1,
                _ => HOP_LIMIT,
            },
            _ => HOP_LIMIT,
        };
        Packet {
            addresses: self.addresses,
            protocol: self.protocol,
            l4: self.l4,
            fragment: None,
            hop_limit,
            ip_len: IP_LEN,
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

/// In the form that is parsed.
impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (src, dst) = (self.addresses.src(), self.addresses.dst());
        let protocol = self.protocol;
        match self.l4 {
            L4::Tcp { sport, dport, .. } | L4::Udp { sport, dport } => {
                let (src, dst) = (SocketAddr::new(src, sport), SocketAddr::new(dst, dport));
                match self.l4 {
                    L4::Tcp { flags, .. } if flags != TcpFlags::SYN => {
                        write!(f, "{protocol} {} {src} > {dst}", flag_names(flags))
                    }
                    _ => write!(f, "{protocol} {src} > {dst}"),
                }
            }
            L4::Icmp { kind, code, .. } => write!(f, "{protocol} {kind}/{code} {src} > {dst}"),
            L4::Other | L4::LaterFragment => write!(f, "{protocol} {src} > {dst}"),
        }
    }
}

impl FromStr for Flow {
    type Err = FlowError;

    fn from_str(text: &str) -> Result<Self, FlowError> {
        let Some((left, dst)) = text.split_once('>') else {
            return fail(format!(
                "'{text}' has no '>' between source and destination"
            ));
        };
        // `->` is an arrow too.
        let left = left.strip_suffix('-').unwrap_or(left);
        let words: Vec<_> = left.split_whitespace().collect();
        let (name, message, src) = match *words.as_slice() {
            [name, src] => (name, None, src),
            [name, message, src] => (name, Some(message), src),
            _ => return fail(format!("'{}' is not a protocol and a source", left.trim())),
        };
        let dst = dst.trim();
        let protocol = protocol(name)?;
        match (protocol, message) {
            (Protocol::ICMP | Protocol::ICMPV6, message) => icmp(protocol, message, src, dst),
            (Protocol::TCP, Some(flags)) => tcp(tcp_flags(flags)?, src, dst),
            (_, Some(extra)) => fail(format!(
                "'{extra}' is one word too many: only ICMP has a TYPE/CODE, and TCP flags"
            )),
            (Protocol::TCP, None) => tcp(TcpFlags::SYN, src, dst),
            (Protocol::UDP, None) => udp(src, dst),
            (Protocol(number), None) => {
                let addresses = addresses(protocol, src, dst)?;
                if matches!(addresses, AddressPair::V6 { .. })
                    && EXTENSION_HEADERS.contains(&number)
                {
                    return fail(format!(
                        "{number} is an extension header in IPv6; give the protocol behind it"
                    ));
                }
                Ok(Self {
                    addresses,
                    protocol,
                    l4: L4::Other,
                })
            }
        }
    }
}

fn fail<T>(what: String) -> Result<T, FlowError> {
    Err(FlowError(what))
}

fn protocol(name: &str) -> Result<Protocol, FlowError> {
    match name.to_ascii_lowercase().as_str() {
        "tcp" => Ok(Protocol::TCP),
        "udp" => Ok(Protocol::UDP),
        "icmp" => Ok(Protocol::ICMP),
        "icmpv6" | "icmp6" => Ok(Protocol::ICMPV6),
        _ => match number(name) {
            Some(number) => Ok(Protocol(number)),
            None => fail(format!(
                "'{name}' is not a protocol: give tcp, udp, icmp, icmpv6 or a number from 0 to 255"
            )),
        },
    }
}

/// Digits and nothing else: no sign, no leading zeros.
fn number(text: &str) -> Option<u8> {
    text.parse::<u8>()
        .ok()
        .filter(|number| number.to_string() == text)
}

/// `syn`, `syn+ack`, `none`.
pub(crate) fn flag_names(flags: TcpFlags) -> String {
    let bits = FLAGS.iter().zip(0_u8..);
    let names: Vec<_> = bits
        .filter(|(_, bit)| flags.0 & (1 << bit) != 0)
        .map(|(name, _)| *name)
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join("+")
    }
}

fn tcp_flags(text: &str) -> Result<TcpFlags, FlowError> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(TcpFlags::default());
    }
    let mut flags = TcpFlags::default();
    for name in text.split('+') {
        let known = FLAGS
            .iter()
            .zip(0_u8..)
            .find(|(flag, _)| flag.eq_ignore_ascii_case(name));
        let Some((_, bit)) = known else {
            let known = FLAGS.join(", ");
            return fail(format!(
                "'{name}' is no flag of TCP: there are {known}, as in syn+ack"
            ));
        };
        flags = flags.union(TcpFlags(1 << bit));
    }
    Ok(flags)
}

fn tcp(flags: TcpFlags, src: &str, dst: &str) -> Result<Flow, FlowError> {
    let (src, dst) = (endpoint(src)?, endpoint(dst)?);
    let l4 = L4::Tcp {
        sport: src.port(),
        dport: dst.port(),
        flags,
    };
    Ok(Flow {
        addresses: pair(src.ip(), dst.ip())?,
        protocol: Protocol::TCP,
        l4,
    })
}

fn udp(src: &str, dst: &str) -> Result<Flow, FlowError> {
    let (src, dst) = (endpoint(src)?, endpoint(dst)?);
    let l4 = L4::Udp {
        sport: src.port(),
        dport: dst.port(),
    };
    Ok(Flow {
        addresses: pair(src.ip(), dst.ip())?,
        protocol: Protocol::UDP,
        l4,
    })
}

fn icmp(
    protocol: Protocol,
    message: Option<&str>,
    src: &str,
    dst: &str,
) -> Result<Flow, FlowError> {
    let echo_request = if protocol == Protocol::ICMP { 8 } else { 128 };
    let parsed = message.map_or(Some((echo_request, 0)), |message| {
        let (kind, code) = message.split_once('/')?;
        Some((number(kind)?, number(code)?))
    });
    let Some((kind, code)) = parsed else {
        return fail(format!(
            "'{}' is not an ICMP TYPE/CODE, each a number from 0 to 255",
            message.unwrap_or_default()
        ));
    };
    let addresses = addresses(protocol, src, dst)?;
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

fn endpoint(text: &str) -> Result<SocketAddr, FlowError> {
    text.parse().or_else(|_| match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => fail(format!("'{text}' has no port: give {text}:PORT")),
        Ok(IpAddr::V6(_)) => fail(format!("'{text}' has no port: give [{text}]:PORT")),
        Err(_) => fail(format!("'{text}' is not ADDRESS:PORT")),
    })
}

fn addresses(protocol: Protocol, src: &str, dst: &str) -> Result<AddressPair, FlowError> {
    pair(address(protocol, src)?, address(protocol, dst)?)
}

/// An address, in brackets or without.
fn address(protocol: Protocol, text: &str) -> Result<IpAddr, FlowError> {
    let inside = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    inside
        .unwrap_or(text)
        .parse()
        .or_else(|_| match text.parse::<SocketAddr>() {
            Ok(endpoint) => fail(format!(
                "'{text}' has a port, and {protocol} has none: give {}",
                endpoint.ip()
            )),
            Err(_) => fail(format!("'{text}' is not an IPv4 or IPv6 address")),
        })
}

fn pair(src: IpAddr, dst: IpAddr) -> Result<AddressPair, FlowError> {
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => Ok(AddressPair::V4 { src, dst }),
        (IpAddr::V6(src), IpAddr::V6(dst)) => Ok(AddressPair::V6 { src, dst }),
        _ => fail(format!(
            "{src} and {dst} are of different families: give both in IPv4 or both in IPv6"
        )),
    }
}

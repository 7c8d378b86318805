//! Protocol and ports of a rule: from what was typed, and back to what EC2 reports (semantics A4 to
//! A21).

use std::fmt;

use crate::{ErrorCode, Family, Flavour, ModelError, Part, PortRange, Protocol};

/// Protocol and ports of a rule, normalised (semantics A4 to A21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Traffic {
    /// `-1`: every protocol, within the peer's address family (A11).
    All,
    /// TCP with a destination port in the range (A12).
    Tcp(PortRange),
    /// UDP with a destination port in the range.
    Udp(PortRange),
    /// ICMP for IPv4 only (A19).
    Icmp(IcmpMatch),
    /// ICMPv6 for IPv6 only (A19).
    Icmpv6(IcmpMatch),
    /// Any other protocol, by number; ports play no part (A9). Never 1, 6, 17 or 58.
    Other(Protocol),
}

/// Which ICMP messages a rule covers (semantics A15, A16). Type and code, not a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IcmpMatch {
    /// `-1`/`-1`: every type and code.
    All,
    /// `type`/`-1`: every code of one type.
    Type(u8),
    /// `type`/`code`: exactly one message.
    TypeAndCode(u8, u8),
}

/// Which of EC2's two listings is asked: they differ in the ports of protocols that have none
/// (A20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listing {
    /// `DescribeSecurityGroups`, which leaves them out.
    Groups,
    /// `DescribeSecurityGroupRules` and the answer of Authorize, which say `-1`.
    Rules,
}

/// "Any": every protocol as a protocol, every type or code as a port (A4, A15).
const ANY: i64 = -1;

impl Traffic {
    /// The traffic that `protocol`, `from` and `to` stand for. In EC2-Classic an absent protocol
    /// stands for several (A8).
    ///
    /// # Errors
    /// Every fault, with EC2's code and message (A7 to A18, A41).
    pub fn parse(
        protocol: Option<&str>,
        from: Option<i64>,
        to: Option<i64>,
        flavour: Flavour,
    ) -> Result<Vec<Self>, Vec<ModelError>> {
        let Some(name) = protocol else {
            return absent_protocol(from, to, flavour).map_err(|error| vec![error]);
        };
        let number =
            protocol_number(name).map_err(|error| vec![classic_protocol(error, name, flavour)])?;
        if flavour == Flavour::Classic
            && !matches!(number, Some(Protocol::TCP | Protocol::UDP | Protocol::ICMP))
        {
            return Err(vec![unsupported_in_classic(name)]);
        }
        let traffic = match number {
            None => Ok(Self::All),
            Some(Protocol::TCP) => ports(from, to).map(Self::Tcp),
            Some(Protocol::UDP) => ports(from, to).map(Self::Udp),
            Some(Protocol::ICMP) => icmp(from, to).map(Self::Icmp),
            // A10: without a range it is all types and codes.
            Some(Protocol::ICMPV6) if from.is_none() && to.is_none() => {
                Ok(Self::Icmpv6(IcmpMatch::All))
            }
            Some(Protocol::ICMPV6) => icmp(from, to).map(Self::Icmpv6),
            // A9: whatever was given as ports is ignored.
            Some(other) => Ok(Self::Other(other)),
        };
        traffic.map(|one| vec![one]).map_err(|errors| {
            errors
                .into_iter()
                .map(|error| classic_ports(error, flavour))
                .collect()
        })
    }

    /// The protocol; `None` is every one.
    #[must_use]
    pub const fn protocol(self) -> Option<Protocol> {
        match self {
            Self::All => None,
            Self::Tcp(_) => Some(Protocol::TCP),
            Self::Udp(_) => Some(Protocol::UDP),
            Self::Icmp(_) => Some(Protocol::ICMP),
            Self::Icmpv6(_) => Some(Protocol::ICMPV6),
            Self::Other(protocol) => Some(protocol),
        }
    }

    /// The destination ports, of the protocols that have ports.
    #[must_use]
    pub const fn ports(self) -> Option<PortRange> {
        match self {
            Self::Tcp(ports) | Self::Udp(ports) => Some(ports),
            _ => None,
        }
    }

    /// The types and codes, of the two ICMPs.
    #[must_use]
    pub const fn icmp(self) -> Option<IcmpMatch> {
        match self {
            Self::Icmp(icmp) | Self::Icmpv6(icmp) => Some(icmp),
            _ => None,
        }
    }

    /// The only address family in which such packets occur, where there is only one (A19).
    #[must_use]
    pub const fn family(self) -> Option<Family> {
        match self {
            Self::Icmp(_) => Some(Family::V4),
            Self::Icmpv6(_) => Some(Family::V6),
            _ => None,
        }
    }

    /// Whether every packet of `other` is one of `self`.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Tcp(a), Self::Tcp(b)) | (Self::Udp(a), Self::Udp(b)) => a.covers(b),
            (Self::Icmp(a), Self::Icmp(b)) | (Self::Icmpv6(a), Self::Icmpv6(b)) => a.includes(b),
            (Self::Other(a), Self::Other(b)) => a.0 == b.0,
            _ => false,
        }
    }

    /// Whether some packet is one of both.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => true,
            (Self::Tcp(a), Self::Tcp(b)) | (Self::Udp(a), Self::Udp(b)) => {
                a.from() <= b.to() && b.from() <= a.to()
            }
            (Self::Icmp(a), Self::Icmp(b)) | (Self::Icmpv6(a), Self::Icmpv6(b)) => {
                a.includes(b) || b.includes(a)
            }
            (Self::Other(a), Self::Other(b)) => a.0 == b.0,
            _ => false,
        }
    }

    /// The protocol as EC2 reports it: `tcp`, `udp`, `icmp`, `icmpv6`, `-1`, or the number (A5).
    #[must_use]
    pub fn reported_protocol(self) -> String {
        self.protocol()
            .map_or_else(|| ANY.to_string(), |protocol| protocol.to_string())
    }

    /// `FromPort` and `ToPort` as EC2 reports them (A20).
    #[must_use]
    pub fn reported_ports(self, listing: Listing) -> Option<(i64, i64)> {
        match (self, listing) {
            (Self::Tcp(ports) | Self::Udp(ports), _) => {
                Some((ports.from().into(), ports.to().into()))
            }
            (Self::Icmp(icmp) | Self::Icmpv6(icmp), _) => Some(icmp.reported()),
            (Self::All | Self::Other(_), Listing::Groups) => None,
            (Self::All | Self::Other(_), Listing::Rules) => Some((ANY, ANY)),
        }
    }
}

/// `tcp 443`, `udp 1024-65535`, `icmp type 8`, `protocol 50`, `all traffic`.
impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all traffic"),
            Self::Tcp(ports) => write!(f, "tcp {ports}"),
            Self::Udp(ports) => write!(f, "udp {ports}"),
            Self::Icmp(icmp) => write!(f, "icmp {icmp}"),
            Self::Icmpv6(icmp) => write!(f, "icmpv6 {icmp}"),
            Self::Other(protocol) => write!(f, "protocol {protocol}"),
        }
    }
}

impl IcmpMatch {
    /// Whether it covers a message of `kind` (type) and `code`.
    #[must_use]
    pub const fn covers(self, kind: u8, code: u8) -> bool {
        match self {
            Self::All => true,
            Self::Type(t) => t == kind,
            Self::TypeAndCode(t, c) => t == kind && c == code,
        }
    }

    /// Whether it covers every message that `other` covers.
    #[must_use]
    pub const fn includes(self, other: Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (_, Self::All) | (Self::TypeAndCode(..), Self::Type(_)) => false,
            (Self::Type(a), Self::Type(b) | Self::TypeAndCode(b, _)) => a == b,
            (Self::TypeAndCode(a, x), Self::TypeAndCode(b, y)) => a == b && x == y,
        }
    }

    /// Type and code as EC2 writes them into `FromPort` and `ToPort` (A16).
    fn reported(self) -> (i64, i64) {
        match self {
            Self::All => (ANY, ANY),
            Self::Type(kind) => (kind.into(), ANY),
            Self::TypeAndCode(kind, code) => (kind.into(), code.into()),
        }
    }
}

/// `all types`, `type 8`, `type 3 code 4`.
impl fmt::Display for IcmpMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all types"),
            Self::Type(kind) => write!(f, "type {kind}"),
            Self::TypeAndCode(kind, code) => write!(f, "type {kind} code {code}"),
        }
    }
}

/// A4 to A7: the number of a protocol, `None` for all of them. Only digits count as a number, and
/// only without leading zeros: what looks octal to one reader and decimal to another has no place
/// in a firewall rule.
fn protocol_number(text: &str) -> Result<Option<Protocol>, ModelError> {
    match text.to_ascii_lowercase().as_str() {
        "-1" | "all" => return Ok(None),
        "tcp" => return Ok(Some(Protocol::TCP)),
        "udp" => return Ok(Some(Protocol::UDP)),
        "icmp" => return Ok(Some(Protocol::ICMP)),
        "icmpv6" => return Ok(Some(Protocol::ICMPV6)),
        _ => {}
    }
    match text.parse::<u8>() {
        Ok(number) if number.to_string() == text => Ok(Some(Protocol(number))),
        _ => Err(ModelError::value(format!(
            "Invalid value '{text}' for IP protocol. Unknown protocol."
        ))
        .at(Part::Protocol)
        .with_help("write tcp, udp, icmp, icmpv6, a number from 0 to 255, or -1 for all")),
    }
}

/// A8: a VPC wants a protocol; EC2-Classic takes its absence for "full ICMP, UDP, and TCP access"
/// (E56).
fn absent_protocol(
    from: Option<i64>,
    to: Option<i64>,
    flavour: Flavour,
) -> Result<Vec<Traffic>, ModelError> {
    match flavour {
        Flavour::Vpc => Err(ModelError::value(
            "Invalid value 'null' for protocol. VPC security group rules must specify protocols \
             explicitly.",
        )
        .at(Part::Protocol)
        .with_help("write tcp, udp, icmp, icmpv6, a number from 0 to 255, or -1 for all")),
        Flavour::Classic if from.is_none() && to.is_none() => Ok(vec![
            Traffic::Tcp(PortRange::ALL),
            Traffic::Udp(PortRange::ALL),
            Traffic::Icmp(IcmpMatch::All),
        ]),
        Flavour::Classic => Err(ModelError::new(
            ErrorCode::InvalidPermissionMalformed,
            "Ports are given without an IP protocol",
        )
        .at(Part::Protocol)
        .with_help("write tcp, udp or icmp, or leave out the ports too")),
    }
}

/// A41: EC2-Classic words every protocol that it does not have in one way.
fn unsupported_in_classic(name: &str) -> ModelError {
    ModelError::new(
        ErrorCode::InvalidPermissionMalformed,
        format!("Unsupported IP protocol \"{name}\" - supported: [tcp, udp, icmp]"),
    )
    .at(Part::Protocol)
}

fn classic_protocol(error: ModelError, name: &str, flavour: Flavour) -> ModelError {
    match flavour {
        Flavour::Vpc => error,
        Flavour::Classic => unsupported_in_classic(name),
    }
}

/// A13: the same texts, under the code of EC2-Classic.
fn classic_ports(error: ModelError, flavour: Flavour) -> ModelError {
    match flavour {
        Flavour::Vpc => error,
        Flavour::Classic => ModelError {
            code: ErrorCode::InvalidPermissionMalformed,
            ..error
        },
    }
}

/// A12 to A14: an inclusive range of ports.
fn ports(from: Option<i64>, to: Option<i64>) -> Result<PortRange, Vec<ModelError>> {
    let (from, to) = both(from, to, "TCP/UDP")?;
    let port = |value: i64, part| {
        u16::try_from(value).map_err(|_| {
            ModelError::value(format!("TCP/UDP port ({value}) out of range"))
                .at(part)
                .with_help("a port is 0 to 65535; all of them are 0 to 65535")
        })
    };
    match (port(from, Part::FromPort), port(to, Part::ToPort)) {
        (Ok(first), Ok(last)) => PortRange::new(first, last).ok_or_else(|| {
            vec![
                ModelError::value(format!("Invalid TCP/UDP port range ({from}:{to})"))
                    .at(Part::FromPort)
                    .with_help("the first port must not be greater than the last"),
            ]
        }),
        (first, last) => Err(errors_once(first.err(), last.err())),
    }
}

/// A15 to A18: a type and a code, each -1 for any.
fn icmp(from: Option<i64>, to: Option<i64>) -> Result<IcmpMatch, Vec<ModelError>> {
    let (kind, code) = both(from, to, "ICMP")?;
    let field = |value: i64, name, part| match u8::try_from(value) {
        Ok(number) => Ok(Some(number)),
        Err(_) if value == ANY => Ok(None),
        Err(_) => Err(
            ModelError::value(format!("ICMP {name} ({value}) out of range"))
                .at(part)
                .with_help(format!("an ICMP {name} is 0 to 255, or -1 for all")),
        ),
    };
    match (
        field(kind, "type", Part::FromPort),
        field(code, "code", Part::ToPort),
    ) {
        (Ok(None), Ok(None)) => Ok(IcmpMatch::All),
        (Ok(Some(kind)), Ok(None)) => Ok(IcmpMatch::Type(kind)),
        (Ok(Some(kind)), Ok(Some(code))) => Ok(IcmpMatch::TypeAndCode(kind, code)),
        (Ok(None), Ok(Some(code))) => Err(vec![
            ModelError::value(format!(
                "ICMP code ({code}) is not valid where the ICMP type is -1 (all types)"
            ))
            .at(Part::ToPort)
            .with_help("give the type, or make the code -1 too"),
        ]),
        (kind, code) => Err(errors_once(kind.err(), code.err())),
    }
}

/// A14, A18: both bounds, or none of them is any use.
fn both(from: Option<i64>, to: Option<i64>, what: &str) -> Result<(i64, i64), Vec<ModelError>> {
    from.zip(to).ok_or_else(|| {
        let part = match (from, to) {
            (None, Some(_)) => Part::FromPort,
            (Some(_), None) => Part::ToPort,
            _ => Part::Whole,
        };
        vec![
            ModelError::value(format!(
                "Invalid value for portRange. Must specify both from and to ports with {what}."
            ))
            .at(part),
        ]
    })
}

/// Both errors, or one where they say the same (a single port that is out of range is typed twice).
fn errors_once(first: Option<ModelError>, second: Option<ModelError>) -> Vec<ModelError> {
    let mut errors: Vec<_> = first.into_iter().chain(second).collect();
    errors.dedup_by(|b, a| a.message == b.message);
    errors
}

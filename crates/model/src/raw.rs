//! What was typed: rules before anybody has looked at them (semantics A1, A3, F2, F12).
//!
//! A raw value becomes rules by being consumed: `parse` answers canonical rules with notes, or
//! every fault at once. Nothing else makes a [`NewRule`] out of text, so whoever holds one holds a
//! rule that EC2 would take.

use ipnet::IpNet;

use crate::text;
use crate::{
    AccountId, Direction, ErrorCode, Family, GroupId, GroupReference, ModelError, Part, Peer,
    PeeringStatus, PrefixListId, Rule, RuleId, RuleSpec, Traffic, VpcId,
};

/// Whose rules apply: those of a VPC, or those of EC2-Classic (semantics A39 to A41).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Flavour {
    /// EC2-VPC.
    #[default]
    Vpc,
    /// EC2-Classic, retired: ingress of tcp, udp and icmp over IPv4 only.
    Classic,
}

/// Which texts count as ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum IdSyntax {
    /// Those that EC2 issues (B1).
    #[default]
    Ec2,
    /// Any: in a template the logical id of a resource stands for its id.
    Logical,
}

/// How to read what was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dialect {
    /// VPC or EC2-Classic.
    pub flavour: Flavour,
    /// Which texts count as ids.
    pub ids: IdSyntax,
    /// The account that owns the group: naming it as a peer's account says nothing new (A27).
    pub owner: Option<AccountId>,
}

/// One rule with exactly one peer: a CloudFormation item, or a row of
/// `describe-security-group-rules`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawRule {
    /// `IpProtocol`.
    pub protocol: Option<String>,
    /// `FromPort`, or the ICMP type.
    pub from_port: Option<i64>,
    /// `ToPort`, or the ICMP code.
    pub to_port: Option<i64>,
    /// `CidrIp`.
    pub cidr_ipv4: Option<String>,
    /// `CidrIpv6`.
    pub cidr_ipv6: Option<String>,
    /// `SourcePrefixListId` or `DestinationPrefixListId`.
    pub prefix_list: Option<String>,
    /// `SourceSecurityGroupId` and its like.
    pub group: Option<RawGroup>,
    /// `Description`.
    pub description: Option<String>,
}

/// One `IpPermission`: a protocol and ports with any number of peers (A3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawPermission {
    /// `IpProtocol`.
    pub protocol: Option<String>,
    /// `FromPort`, or the ICMP type.
    pub from_port: Option<i64>,
    /// `ToPort`, or the ICMP code.
    pub to_port: Option<i64>,
    /// The members of `IpRanges`, `Ipv6Ranges`, `PrefixListIds` and `UserIdGroupPairs`, in any
    /// order.
    pub peers: Vec<RawPeer>,
}

/// One peer of a permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPeer {
    /// The peer.
    pub address: RawAddress,
    /// `Description`.
    pub description: Option<String>,
}

/// A peer in the field in which it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawAddress {
    /// `CidrIp`.
    Ipv4(String),
    /// `CidrIpv6`.
    Ipv6(String),
    /// `PrefixListId`.
    PrefixList(String),
    /// A member of `UserIdGroupPairs`.
    Group(RawGroup),
}

/// A `UserIdGroupPair`: a group by id or name, perhaps of another account or VPC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawGroup {
    /// `GroupId`.
    pub id: Option<String>,
    /// `GroupName`: looked at only where there is no id.
    pub name: Option<String>,
    /// `UserId`.
    pub account: Option<String>,
    /// `VpcId`.
    pub vpc: Option<String>,
    /// `PeeringStatus`.
    pub peering_status: Option<String>,
}

/// What a raw rule or permission came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parsed {
    /// The rules, one per peer (A3), in the order of the peers.
    pub rules: Vec<NewRule>,
    /// What was taken differently from how it was typed.
    pub notes: Vec<Note>,
}

/// A rule that has no id yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRule {
    /// What it allows.
    pub spec: RuleSpec,
    /// Its description.
    pub description: Option<String>,
    /// The place of its peer in the permission.
    pub peer: usize,
}

impl NewRule {
    /// The rule under this id.
    #[must_use]
    pub fn with_id(self, id: RuleId) -> Rule {
        Rule {
            description: self.description,
            ..Rule::new(id, self.spec)
        }
    }
}

/// Something that was taken differently from how it was typed, as EC2 does without saying so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The range had host bits; they were cleared (A23).
    HostBitsCleared {
        /// The place of the peer or entry.
        place: usize,
        /// What was typed.
        given: String,
        /// What is stored.
        stored: IpNet,
    },
    /// The protocol has no ports; the ones that were typed are ignored (A9).
    PortsIgnored {
        /// The protocol, as it is stored.
        traffic: Traffic,
    },
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HostBitsCleared { given, stored, .. } => {
                write!(
                    f,
                    "{given} has bits set beyond its prefix length; it is stored as {stored}"
                )
            }
            Self::PortsIgnored { traffic } => {
                write!(
                    f,
                    "ports play no part with {traffic}; the given ones are ignored"
                )
            }
        }
    }
}

impl RawRule {
    /// The rule that this stands for; several where EC2-Classic takes an absent protocol for
    /// several (A8).
    ///
    /// # Errors
    /// Every fault, with EC2's code and message.
    pub fn parse(self, direction: Direction, dialect: &Dialect) -> Result<Parsed, Vec<ModelError>> {
        let addresses: Vec<RawAddress> = [
            self.cidr_ipv4.map(RawAddress::Ipv4),
            self.cidr_ipv6.map(RawAddress::Ipv6),
            self.prefix_list.map(RawAddress::PrefixList),
            self.group.map(RawAddress::Group),
        ]
        .into_iter()
        .flatten()
        .collect();
        let too_many = (addresses.len() > 1).then(only_one_peer);
        // Where there is one peer too many, its faults are told too, those of the description once.
        let mut description = self.description;
        let parsed = RawPermission {
            protocol: self.protocol,
            from_port: self.from_port,
            to_port: self.to_port,
            peers: addresses
                .into_iter()
                .map(|address| RawPeer {
                    address,
                    description: description.take(),
                })
                .collect(),
        }
        .parse(direction, dialect);
        match too_many {
            None => parsed,
            Some(error) => {
                let mut errors = parsed.err().unwrap_or_default();
                errors.insert(0, error);
                Err(errors)
            }
        }
    }
}

impl RawPermission {
    /// Fills in the ids of the groups that were given by name (A27): `find` answers with the id of
    /// a name in an account. Names that it does not know stay, and `parse` reports them.
    pub fn resolve_names(&mut self, mut find: impl FnMut(&str, Option<&str>) -> Option<GroupId>) {
        for peer in &mut self.peers {
            if let RawAddress::Group(group) = &mut peer.address {
                group.resolve_name(&mut find);
            }
        }
    }

    /// The rules that this stands for, one per peer (A3).
    ///
    /// # Errors
    /// Every fault, with EC2's code and message.
    pub fn parse(self, direction: Direction, dialect: &Dialect) -> Result<Parsed, Vec<ModelError>> {
        let mut parsed = Parsed::default();
        let mut errors = Vec::new();
        if dialect.flavour == Flavour::Classic && direction == Direction::Egress {
            errors.push(no_egress_in_classic());
        }
        let ports_given = self.from_port.is_some() || self.to_port.is_some();
        let traffic = Traffic::parse(
            self.protocol.as_deref(),
            self.from_port,
            self.to_port,
            dialect.flavour,
        )
        .unwrap_or_else(|faults| {
            errors.extend(faults);
            Vec::new()
        });
        if let [one @ (Traffic::All | Traffic::Other(_))] = traffic[..]
            && ports_given
            && !stands_for_no_ports(self.from_port, self.to_port)
        {
            parsed.notes.push(Note::PortsIgnored { traffic: one });
        }
        if self.peers.is_empty() {
            errors.push(missing_peer());
        }
        for (place, raw) in self.peers.into_iter().enumerate() {
            let description = text::parse_rule_description(raw.description)
                .map_err(|error| errors.push(error.at(Part::PeerDescription(place))));
            let peer = raw.address.parse(place, dialect, &mut parsed.notes);
            let peer = peer.map_err(|error| errors.push(error));
            if let (Ok(description), Ok(peer)) = (description, peer) {
                parsed.rules.extend(traffic.iter().map(|&traffic| NewRule {
                    spec: RuleSpec {
                        direction,
                        traffic,
                        peer: peer.clone(),
                    },
                    description: description.clone(),
                    peer: place,
                }));
            }
        }
        if errors.is_empty() {
            Ok(parsed)
        } else {
            Err(errors)
        }
    }
}

impl RawAddress {
    fn parse(
        self,
        place: usize,
        dialect: &Dialect,
        notes: &mut Vec<Note>,
    ) -> Result<Peer, ModelError> {
        let at = |error: ModelError| error.at(Part::Peer(place));
        let mut cidr = |given: String, family| {
            let (stored, host_bits) = crate::peer::parse_cidr(&given, family).map_err(at)?;
            if host_bits {
                notes.push(Note::HostBitsCleared {
                    place,
                    given,
                    stored,
                });
            }
            Ok(Peer::Cidr(stored))
        };
        match self {
            Self::Ipv4(text) => cidr(text, Family::V4),
            Self::Ipv6(text) if dialect.flavour == Flavour::Classic => {
                Err(at(ModelError::value(format!(
                    "CIDR block {text} is malformed"
                ))
                .with_help("EC2-Classic has no IPv6"))) // A39
            }
            Self::Ipv6(text) => cidr(text, Family::V6),
            Self::PrefixList(_) if dialect.flavour == Flavour::Classic => Err(at(
                ModelError::value("Prefix lists may not be used in EC2-Classic rules"),
            )),
            Self::PrefixList(text) => match dialect.ids {
                IdSyntax::Logical if !text.is_empty() => {
                    Ok(Peer::PrefixList(PrefixListId::new(&text)))
                }
                IdSyntax::Ec2 | IdSyntax::Logical => {
                    PrefixListId::parse(&text).map_err(at).map(Peer::PrefixList)
                }
            },
            Self::Group(group) => group.parse(place, dialect).map(Peer::Group),
        }
    }
}

impl RawGroup {
    /// The group that `text` names as the console writes it (A28): `sg-…`, a name, or either behind
    /// an account and a slash.
    #[must_use]
    pub fn from_console(text: &str) -> Self {
        let (account, group) = match text.split_once('/') {
            Some((account, group)) if AccountId::new(account).is_well_formed() => {
                (Some(account.to_owned()), group.to_owned())
            }
            _ => (None, text.to_owned()),
        };
        let (id, name) = if GroupId::new(&group).is_well_formed() {
            (Some(group), None)
        } else {
            (None, Some(group))
        };
        Self {
            id,
            name,
            account,
            ..Self::default()
        }
    }

    /// Fills in the id of a group that was given by name only (A27): `find` answers with the id of
    /// a name in an account. A name that it does not know stays, and is reported when the rule is
    /// parsed.
    pub fn resolve_name(&mut self, find: impl FnOnce(&str, Option<&str>) -> Option<GroupId>) {
        if let (None, Some(name)) = (&self.id, &self.name) {
            self.id = find(name, self.account.as_deref()).map(|id| id.to_string());
        }
    }

    fn parse(self, place: usize, dialect: &Dialect) -> Result<GroupReference, ModelError> {
        let at = |error: ModelError| error.at(Part::Peer(place));
        let group = match (self.id, self.name) {
            (Some(id), _) => match dialect.ids {
                IdSyntax::Logical if !id.is_empty() => GroupId::new(&id),
                IdSyntax::Ec2 | IdSyntax::Logical => GroupId::parse(&id).map_err(at)?,
            },
            (None, Some(name)) => return Err(at(ModelError::unknown_group(&name))),
            (None, None) => {
                // A31.
                return Err(at(ModelError::new(
                    ErrorCode::MissingParameter,
                    "Source group ID missing.",
                )));
            }
        };
        let peering = match self.peering_status.as_deref() {
            None => None,
            Some(status) => Some(status.parse::<PeeringStatus>().map_err(at)?),
        };
        let account = given(self.account.as_deref()).map(AccountId::new);
        Ok(GroupReference {
            group,
            // A27: the account defaults to the caller's, so naming it changes nothing.
            account: account.filter(|account| dialect.owner.as_ref() != Some(account)),
            vpc: given(self.vpc.as_deref()).map(VpcId::new),
            peering,
        })
    }
}

/// What was said, unless that is nothing.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// A20, F18: the ways in which tools say "no ports" of a protocol that has none.
const fn stands_for_no_ports(from: Option<i64>, to: Option<i64>) -> bool {
    matches!(
        (from, to),
        (None | Some(-1 | 0), None | Some(-1 | 0)) | (Some(0), Some(65535))
    )
}

/// A31.
fn missing_peer() -> ModelError {
    ModelError::new(
        ErrorCode::MissingParameter,
        "Missing source specification: include source security group or CIDR information",
    )
}

/// A1, E52: a rule has exactly one peer.
fn only_one_peer() -> ModelError {
    ModelError::new(
        ErrorCode::InvalidParameterCombination,
        "Only one of cidrIp, cidrIpv6, prefixListId, or referencedGroupId can be specified",
    )
    .with_help("write one rule per peer")
}

/// A39; the text is the one that the API gave for groups that are not of a VPC.
fn no_egress_in_classic() -> ModelError {
    ModelError::value("Only Amazon VPC security groups may be used with this operation.")
        .with_help("EC2-Classic groups have no egress rules: all outbound traffic is allowed")
}

//! What the files say, gathered before anything refers to anything.
//!
//! Files may come in any order, and a rule may be written in another file than its group. So the
//! readers of templates and dumps put down what they find, each thing with its place, and the merge
//! makes an inventory of it once all of it is here.

use std::collections::BTreeMap;

use secgroup_model::{
    AssociationStatus, Direction, GroupId, InstanceId, NetworkInterface, NetworkInterfaceId,
    Origin, Part, Peering, PrefixList, PrefixListId, RawPermission, RawRule, SecurityGroup, Subnet,
    SubnetId, Tags, Vpc, VpcId,
};

use crate::diagnostic::{Draft, Sink};
use crate::source::{Sources, Span};

/// Everything of all files.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) groups: Vec<FoundGroup>,
    /// Rules that were not written with their group.
    pub(crate) rules: Vec<(Target, FoundRule)>,
    pub(crate) interfaces: Vec<FoundInterface>,
    /// Interfaces that belong to an instance which was written elsewhere.
    pub(crate) attachments: Vec<(NetworkInterfaceId, InstanceId)>,
    pub(crate) prefix_lists: Vec<Found<PrefixList>>,
    /// Entries of prefix lists that were printed by themselves.
    pub(crate) entries: Vec<FoundEntries>,
    pub(crate) vpcs: Vec<Found<Vpc>>,
    /// Further ranges of VPCs that were written elsewhere.
    pub(crate) vpc_ranges: Vec<Found<(VpcId, ipnet::IpNet)>>,
    pub(crate) subnets: Vec<Found<Subnet>>,
    /// IPv6 ranges of subnets that were written elsewhere.
    pub(crate) subnet_ranges: Vec<Found<(SubnetId, ipnet::Ipv6Net)>>,
    pub(crate) peerings: Vec<Found<Peering>>,
    pub(crate) associations: Vec<((GroupId, VpcId), AssociationStatus)>,
    /// VPCs whose default group somebody refers to, by the id of that group.
    pub(crate) default_groups: BTreeMap<GroupId, (VpcId, Span)>,
}

/// A thing and its place.
#[derive(Debug, Clone)]
pub(crate) struct Found<T> {
    pub(crate) thing: T,
    pub(crate) span: Span,
}

/// A group and the rules that were written with it.
#[derive(Debug)]
pub(crate) struct FoundGroup {
    /// The group, without rules.
    pub(crate) group: SecurityGroup,
    pub(crate) span: Span,
    pub(crate) rules: Vec<FoundRule>,
    /// CloudFormation makes it, with its default egress if it lists no egress (F4).
    pub(crate) made_by_stack: bool,
}

/// An interface; one of a template may leave its groups to the VPC (B11).
#[derive(Debug)]
pub(crate) struct FoundInterface {
    pub(crate) interface: NetworkInterface,
    pub(crate) span: Span,
    pub(crate) from_template: bool,
}

/// A rule as it was typed, or several.
#[derive(Debug)]
pub(crate) struct FoundRule {
    pub(crate) direction: Direction,
    pub(crate) raw: Raw,
    /// Its id, where it has one; else one is made up from the group's.
    pub(crate) id: Option<String>,
    pub(crate) tags: Tags,
    pub(crate) places: Places,
    pub(crate) kind: RuleKind,
    /// Some part of it could not be read, and that was reported. What could be is judged all the
    /// same, with harmless values in place of the rest, so that all faults are found at once.
    pub(crate) broken: bool,
}

/// The protocol that stands for one that could not be read: it accepts any ports.
pub(crate) const ANY_PROTOCOL: &str = "-1";

/// The peer that stands for one that could not be read.
pub(crate) const ANY_PEER: &str = "0.0.0.0/0";

/// The group that a rule belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// By id.
    Id(GroupId),
    /// By name, of a group in the default VPC (F7).
    Name(String),
    /// It does not say, or not so that it could be read; that was reported.
    Lost,
}

/// How a rule was typed.
#[derive(Debug)]
pub(crate) enum Raw {
    Rule(RawRule),
    Permission(RawPermission),
}

/// Where a rule was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleKind {
    /// In the resource of its group.
    Embedded,
    /// As a resource of its own.
    Standalone,
    /// In a group of `describe-security-groups`.
    Dumped,
    /// As a row of `describe-security-group-rules`.
    Row,
}

/// The places of the parts of a rule.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) whole: Span,
    pub(crate) target: Span,
    pub(crate) protocol: Option<Span>,
    pub(crate) from_port: Option<Span>,
    pub(crate) to_port: Option<Span>,
    /// Each peer, and its description.
    pub(crate) peers: Vec<(Span, Option<Span>)>,
}

/// The entries of a prefix list, printed by `get-managed-prefix-list-entries`, which does not say
/// of which list.
#[derive(Debug)]
pub(crate) struct FoundEntries {
    pub(crate) list: Option<PrefixListId>,
    pub(crate) entries: Vec<(String, Option<String>, Span)>,
    pub(crate) version: Option<u64>,
    pub(crate) span: Span,
}

impl Places {
    /// The place of a part.
    pub(crate) fn of(&self, part: Part) -> Span {
        let place = match part {
            Part::Protocol => self.protocol,
            Part::FromPort => self.from_port,
            Part::ToPort => self.to_port,
            Part::Peer(at) | Part::PeerAccount(at) => self.peers.get(at).map(|(peer, _)| *peer),
            Part::PeerDescription(at) => self
                .peers
                .get(at)
                .and_then(|(peer, description)| description.or(Some(*peer))),
            _ => None,
        };
        place.unwrap_or(self.whole)
    }
}

/// Where something was said, as reports show it.
pub(crate) fn origin(sources: &Sources, span: Span) -> Option<Origin> {
    let location = sources.location(span)?;
    Some(Origin {
        file: location.file,
        line: location.line,
        column: location.column,
    })
}

/// Reports what the model says is wrong.
pub(crate) fn report(
    errors: Vec<secgroup_model::ModelError>,
    sink: &Sink<'_>,
    place: impl Fn(Part) -> Span,
) {
    for error in errors {
        let draft = Draft::error(place(error.part), error.message.trim_end_matches('.'));
        sink.push(draft.code(error.code.as_str()).maybe_help(error.help));
    }
}

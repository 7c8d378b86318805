//! What every test says in few words.

use secgroup_model::{
    AccountId, Dialect, Direction, Flavour, GroupId, Inventory, ModelError, NetworkInterface,
    NetworkInterfaceId, Parsed, RawAddress, RawGroup, RawPeer, RawPermission, Rule, RuleId,
    RuleSpec, SecurityGroup, Traffic, Vpc, VpcId,
};

/// The account that owns everything here unless a test says otherwise.
pub(crate) const OWNER: &str = "123456789012";
/// The VPC of everything here unless a test says otherwise.
pub(crate) const VPC: &str = "vpc-0123456789abcdef0";

pub(crate) fn permission(
    protocol: Option<&str>,
    from: Option<i64>,
    to: Option<i64>,
    peers: &[RawAddress],
) -> RawPermission {
    let peers = peers.iter().cloned().map(|address| RawPeer {
        address,
        description: None,
    });
    RawPermission {
        protocol: protocol.map(str::to_owned),
        from_port: from,
        to_port: to,
        peers: peers.collect(),
    }
}

pub(crate) fn v4(text: &str) -> RawAddress {
    RawAddress::Ipv4(text.to_owned())
}

pub(crate) fn v6(text: &str) -> RawAddress {
    RawAddress::Ipv6(text.to_owned())
}

pub(crate) fn group(id: &str) -> RawAddress {
    RawAddress::Group(RawGroup {
        id: Some(id.to_owned()),
        ..RawGroup::default()
    })
}

pub(crate) fn anywhere() -> RawAddress {
    v4("0.0.0.0/0")
}

pub(crate) fn classic() -> Dialect {
    Dialect {
        flavour: Flavour::Classic,
        ..Dialect::default()
    }
}

/// An ingress rule from everywhere in IPv4, as a VPC reads it.
pub(crate) fn ingress(
    protocol: &str,
    from: Option<i64>,
    to: Option<i64>,
) -> Result<Parsed, Vec<ModelError>> {
    permission(Some(protocol), from, to, &[anywhere()])
        .parse(Direction::Ingress, &Dialect::default())
}

/// The traffic of that rule.
pub(crate) fn traffic(protocol: &str, from: Option<i64>, to: Option<i64>) -> Traffic {
    only(ingress(protocol, from, to)).traffic
}

/// The rule from this peer, everything allowed.
pub(crate) fn from_peer(peer: RawAddress) -> Result<Parsed, Vec<ModelError>> {
    permission(Some("-1"), None, None, &[peer]).parse(Direction::Ingress, &Dialect::default())
}

#[track_caller]
pub(crate) fn only(parsed: Result<Parsed, Vec<ModelError>>) -> RuleSpec {
    let parsed = parsed.unwrap();
    let [rule] = parsed.rules.as_slice() else {
        panic!("not one rule: {parsed:?}")
    };
    rule.spec.clone()
}

/// Asserts that there is one error, with this code and message.
#[track_caller]
pub(crate) fn assert_error<T: std::fmt::Debug>(
    outcome: Result<T, Vec<ModelError>>,
    code: &str,
    message: &str,
) {
    let errors = outcome.unwrap_err();
    let [error] = errors.as_slice() else {
        panic!("not one error: {errors:?}")
    };
    assert_eq!((error.code(), error.to_string().as_str()), (code, message));
}

/// The same of an operation that stops at the first.
#[track_caller]
pub(crate) fn assert_one_error<T: std::fmt::Debug>(
    outcome: Result<T, ModelError>,
    code: &str,
    message: &str,
) {
    assert_error(outcome.map_err(|error| vec![error]), code, message);
}

/// A well-formed id with this number in it.
pub(crate) fn group_id(number: u64) -> GroupId {
    GroupId::from_random(number)
}

pub(crate) fn vpc(id: &str) -> Vpc {
    Vpc {
        id: VpcId::new(id),
        owner: AccountId::new(OWNER),
        cidrs: vec!["10.0.0.0/16".parse().unwrap()],
        ipv6_cidrs: Vec::new(),
        is_default: false,
        tags: Default::default(),
        origin: None,
    }
}

pub(crate) fn security_group(number: u64, name: &str, vpc: &str) -> SecurityGroup {
    SecurityGroup::new(
        group_id(number),
        name,
        AccountId::new(OWNER),
        Some(VpcId::new(vpc)),
    )
}

/// Rule ids one after the other.
pub(crate) fn rule_ids() -> impl FnMut() -> RuleId {
    let mut last = 0;
    move || {
        last += 1;
        RuleId::from_random(last)
    }
}

/// The rules with these specs.
pub(crate) fn rules(specs: impl IntoIterator<Item = RuleSpec>) -> Vec<Rule> {
    let mut id = rule_ids();
    specs
        .into_iter()
        .map(|spec| Rule::new(id(), spec))
        .collect()
}

/// Ingress of everything from a group.
pub(crate) fn from_group(id: &GroupId) -> RuleSpec {
    only(from_peer(group(id.as_str())))
}

/// Ingress of tcp on one port from a range.
pub(crate) fn tcp(port: u16, cidr: &str) -> RuleSpec {
    let address = if cidr.contains(':') {
        v6(cidr)
    } else {
        v4(cidr)
    };
    only(
        permission(
            Some("tcp"),
            Some(port.into()),
            Some(port.into()),
            &[address],
        )
        .parse(Direction::Ingress, &Dialect::default()),
    )
}

pub(crate) fn interface(number: u64, vpc: Option<&str>, groups: &[GroupId]) -> NetworkInterface {
    NetworkInterface {
        id: NetworkInterfaceId::from_random(number),
        vpc: vpc.map(VpcId::new),
        subnet: None,
        groups: groups.to_vec(),
        addresses: Vec::new(),
        prefixes: Vec::new(),
        mac: None,
        source_dest_check: true,
        tracking: Default::default(),
        instance: None,
        description: String::new(),
        tags: Default::default(),
        origin: None,
    }
}

pub(crate) fn inventory(groups: impl IntoIterator<Item = SecurityGroup>) -> Inventory {
    Inventory {
        groups: groups
            .into_iter()
            .map(|group| (group.id.clone(), group))
            .collect(),
        ..Inventory::default()
    }
}

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    AccountId, AssociationStatus, ConnectionTracking, Direction, Family, GroupId, GroupReference,
    IcmpMatch, InstanceId, MacAddress, NetworkInterface, NetworkInterfaceId, Peer, Peering,
    PeeringId, PeeringStatus, PortRange, PrefixList, PrefixListEntry, PrefixListId, Protocol, Rule,
    RuleId, RuleSpec, SecurityGroup, Subnet, SubnetId, Tags, Traffic, Vpc, VpcId,
};

/// What is read back is what was written, to the last field: also those that make no difference to `==`.
fn comes_back<R>(record: &R)
where
    R: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let text = serde_json::to_string(record).unwrap();
    let back: R = serde_json::from_str(&text).unwrap();
    assert_eq!(&back, record, "{text}");
    assert_eq!(format!("{back:?}"), format!("{record:?}"));
}

proptest! {
    #[test]
    fn groups_come_back(group in group()) {
        comes_back(&group);
    }

    #[test]
    fn interfaces_come_back(interface in interface()) {
        comes_back(&interface);
    }

    #[test]
    fn prefix_lists_come_back(list in prefix_list()) {
        comes_back(&list);
    }

    #[test]
    fn networks_come_back(vpc in vpc(), subnet in subnet(), peering in peering()) {
        comes_back(&vpc);
        comes_back(&subnet);
        comes_back(&peering);
    }

    /// Whatever stands in a file: an error, or a rule that is written as it was read.
    #[test]
    fn what_is_read_is_sound(
        group in group(),
        field in any::<prop::sample::Index>(),
        value in prop_oneof![Just(json!(null)), Just(json!("")), Just(json!("10.1.2.3/8")), Just(json!(70_000)), Just(json!([]))],
    ) {
        let mut document = serde_json::to_value(&group).unwrap();
        if let Some(Value::Object(rule)) = document["SecurityGroupRules"].get_mut(0) {
            let names: Vec<_> = rule.keys().cloned().collect();
            rule.insert(field.get(&names).clone(), value);
        }
        if let Ok(group) = serde_json::from_value::<SecurityGroup>(document) {
            comes_back(&group);
        }
    }
}

#[test]
fn states_of_associations_come_back() {
    comes_back(&vec![
        AssociationStatus::Associating,
        AssociationStatus::Associated,
        AssociationStatus::AssociationFailed,
        AssociationStatus::Disassociating,
        AssociationStatus::Disassociated,
        AssociationStatus::DisassociationFailed,
    ]);
    assert!(serde_json::from_value::<AssociationStatus>(json!("other")).is_err());
}

fn web() -> Value {
    json!({
        "GroupId": "sg-1",
        "GroupName": "web",
        "Description": "Web servers",
        "OwnerId": "111122223333",
        "VpcId": "vpc-1",
        "SecurityGroupRules": [
            {
                "SecurityGroupRuleId": "sgr-1",
                "IsEgress": false,
                "IpProtocol": "tcp",
                "FromPort": 443,
                "ToPort": 443,
                "CidrIpv4": "0.0.0.0/0",
                "Description": "everybody",
                "Tags": [{"Key": "Name", "Value": "https"}],
            },
            {
                "SecurityGroupRuleId": "sgr-2",
                "IsEgress": true,
                "IpProtocol": "-1",
                "FromPort": -1,
                "ToPort": -1,
                "ReferencedGroupInfo": {
                    "GroupId": "sg-2",
                    "UserId": "444455556666",
                    "VpcId": "vpc-2",
                    "PeeringStatus": "active",
                },
            },
        ],
    })
}

/// The format is a promise: files of today are read tomorrow.
#[test]
fn a_group_is_written_in_the_words_of_describe() {
    let group: SecurityGroup = serde_json::from_value(web()).unwrap();
    assert_eq!(group.rules.len(), 2);
    assert_eq!(group.rules[0].spec.to_string(), "tcp 443 from 0.0.0.0/0");
    assert_eq!(
        group.rules[1].spec.to_string(),
        "all traffic to 444455556666/sg-2"
    );
    assert_eq!(serde_json::to_value(&group).unwrap(), web());
}

#[test]
fn what_cannot_be_said_is_not_loaded() {
    let cases = [
        (
            "/SecurityGroupRules/0/CidrIpv4",
            json!("10.0.0.1/8"),
            "sgr-1: 10.0.0.1/8 has bits set",
        ),
        (
            "/SecurityGroupRules/0/CidrIpv4",
            json!("::/0"),
            "sgr-1: CIDR block ::/0 is malformed",
        ),
        (
            "/SecurityGroupRules/0/CidrIpv4",
            json!(null),
            "sgr-1: Missing source specification",
        ),
        (
            "/SecurityGroupRules/0/IpProtocol",
            json!("tpc"),
            "sgr-1: Invalid value 'tpc'",
        ),
        (
            "/SecurityGroupRules/0/ToPort",
            json!(1),
            "sgr-1: Invalid TCP/UDP port range",
        ),
        (
            "/SecurityGroupRules/0/Description",
            json!("\u{7}"),
            "sgr-1: Invalid rule description",
        ),
        (
            "/SecurityGroupRules/0/FromPort",
            json!("443"),
            "invalid type",
        ),
        (
            "/SecurityGroupRules/1/ReferencedGroupInfo/PeeringStatus",
            json!("x"),
            "sgr-2: Value (x)",
        ),
        (
            "/SecurityGroupRules/1/FromPort",
            json!(7),
            "sgr-2: ports play no part",
        ),
        ("/GroupId", json!(""), "an id is not empty"),
    ];
    for (pointer, value, expected) in cases {
        let mut document = web();
        *document.pointer_mut(pointer).unwrap() = value;
        let error = serde_json::from_value::<SecurityGroup>(document).unwrap_err();
        assert!(error.to_string().contains(expected), "{pointer}: {error}");
    }
}

#[test]
fn unknown_words_and_doubles_are_refused() {
    let mut document = web();
    document["GroupNaem"] = json!("web");
    let error = serde_json::from_value::<SecurityGroup>(document).unwrap_err();
    assert!(
        error.to_string().contains("unknown field `GroupNaem`"),
        "{error}"
    );

    let mut document = web();
    document["SecurityGroupRules"][0]["PrefixListId"] = json!("pl-1");
    let error = serde_json::from_value::<SecurityGroup>(document).unwrap_err();
    assert!(error.to_string().contains("Only one of"), "{error}");

    let mut document = web();
    document["Tags"] = json!([{"Key": "a", "Value": "b"}, {"Key": "a", "Value": "c"}]);
    let error = serde_json::from_value::<SecurityGroup>(document).unwrap_err();
    assert!(error.to_string().contains("`a` is there twice"), "{error}");
}

fn id() -> impl Strategy<Value = String> {
    "[a-z]{1,4}-[0-9a-f]{1,17}"
}

fn tags() -> impl Strategy<Value = Tags> {
    btree_map(".{1,8}", ".{0,8}", 0..3)
}

/// Text of any sort, where nothing is asked of it.
fn text() -> impl Strategy<Value = String> {
    ".{0,20}"
}

fn ipv4_net() -> impl Strategy<Value = Ipv4Net> {
    (any::<u32>(), 0..=32u8)
        .prop_map(|(bits, length)| Ipv4Net::new(bits.into(), length).unwrap().trunc())
}

fn ipv6_net() -> impl Strategy<Value = Ipv6Net> {
    (any::<u128>(), 0..=128u8)
        .prop_map(|(bits, length)| Ipv6Net::new(bits.into(), length).unwrap().trunc())
}

fn net() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        ipv4_net().prop_map(IpNet::V4),
        ipv6_net().prop_map(IpNet::V6)
    ]
}

fn icmp() -> impl Strategy<Value = IcmpMatch> {
    prop_oneof![
        Just(IcmpMatch::All),
        any::<u8>().prop_map(IcmpMatch::Type),
        any::<(u8, u8)>().prop_map(|(kind, code)| IcmpMatch::TypeAndCode(kind, code)),
    ]
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let ports = any::<(u16, u16)>().prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap());
    prop_oneof![
        Just(Traffic::All),
        ports.clone().prop_map(Traffic::Tcp),
        ports.prop_map(Traffic::Udp),
        icmp().prop_map(Traffic::Icmp),
        icmp().prop_map(Traffic::Icmpv6),
        any::<u8>()
            .prop_filter("has a name", |number| ![1, 6, 17, 58].contains(number))
            .prop_map(|number| Traffic::Other(Protocol(number))),
    ]
}

fn peering_state() -> impl Strategy<Value = PeeringStatus> {
    prop::sample::select(vec![
        PeeringStatus::Active,
        PeeringStatus::Pending,
        PeeringStatus::Gone,
    ])
}

fn peer() -> impl Strategy<Value = Peer> {
    let reference = (
        id(),
        option::of("[0-9]{12}"),
        option::of(id()),
        option::of(peering_state()),
    );
    prop_oneof![
        net().prop_map(Peer::Cidr),
        id().prop_map(|id| Peer::PrefixList(PrefixListId::new(&id))),
        reference.prop_map(
            |(group, account, vpc, peering)| Peer::Group(GroupReference {
                group: GroupId::new(&group),
                account: account.map(|account| AccountId::new(&account)),
                vpc: vpc.map(|vpc| VpcId::new(&vpc)),
                peering,
            })
        ),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let direction = prop::sample::select(vec![Direction::Ingress, Direction::Egress]);
    let description = option::of("[a-zA-Z0-9. _:/()#,@+=&;{}!$*-]{1,20}");
    (id(), direction, traffic(), peer(), description, tags()).prop_map(
        |(id, direction, traffic, peer, description, tags)| Rule {
            description,
            tags,
            ..Rule::new(
                RuleId::new(&id),
                RuleSpec {
                    direction,
                    traffic,
                    peer,
                },
            )
        },
    )
}

fn group() -> impl Strategy<Value = SecurityGroup> {
    (
        id(),
        text(),
        text(),
        option::of(id()),
        vec(rule(), 0..5),
        tags(),
    )
        .prop_map(|(id, name, description, vpc, rules, tags)| SecurityGroup {
            id: GroupId::new(&id),
            name,
            description,
            owner: AccountId::new("111122223333"),
            vpc: vpc.map(|vpc| VpcId::new(&vpc)),
            rules,
            tags,
            origin: None,
        })
}

fn tracking() -> impl Strategy<Value = ConnectionTracking> {
    let seconds = |range: std::ops::RangeInclusive<u64>| {
        option::of(range).prop_map(|seconds: Option<u64>| seconds.map(Duration::from_secs))
    };
    (seconds(60..=432_000), seconds(60..=180), seconds(30..=60)).prop_map(
        |(tcp_established, udp_stream, udp)| ConnectionTracking {
            tcp_established,
            udp_stream,
            udp,
        },
    )
}

fn interface() -> impl Strategy<Value = NetworkInterface> {
    let place = (id(), option::of(id()), option::of(id()), option::of(id()));
    let address = prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(Into::into),
        any::<std::net::Ipv6Addr>().prop_map(Into::into),
    ];
    let addresses = (
        vec(address, 0..4),
        vec(net(), 0..3),
        option::of(any::<[u8; 6]>()),
    );
    (
        place,
        vec(id(), 1..4),
        addresses,
        any::<bool>(),
        tracking(),
        text(),
        tags(),
    )
        .prop_map(
            |(place, groups, addresses, source_dest_check, tracking, description, tags)| {
                NetworkInterface {
                    id: NetworkInterfaceId::new(&place.0),
                    vpc: place.1.map(|id| VpcId::new(&id)),
                    subnet: place.2.map(|id| SubnetId::new(&id)),
                    groups: groups.iter().map(|id| GroupId::new(id)).collect(),
                    addresses: addresses.0,
                    prefixes: addresses.1,
                    mac: addresses.2.map(MacAddress),
                    source_dest_check,
                    tracking,
                    instance: place.3.map(|id| InstanceId::new(&id)),
                    description,
                    tags,
                    origin: None,
                }
            },
        )
}

fn prefix_list() -> impl Strategy<Value = PrefixList> {
    let entry = (net(), option::of(text()))
        .prop_map(|(cidr, description)| PrefixListEntry { cidr, description });
    let versions = btree_map(any::<u64>(), vec(entry, 0..4), 1..4);
    let family = prop::sample::select(Family::BOTH.to_vec());
    (
        id(),
        text(),
        family,
        any::<u32>(),
        any::<u64>(),
        versions,
        tags(),
    )
        .prop_map(
            |(id, name, family, max_entries, version, versions, tags)| PrefixList {
                id: PrefixListId::new(&id),
                name,
                owner: AccountId::new("AWS"),
                family,
                max_entries,
                version,
                versions: BTreeMap::from_iter(versions),
                tags,
                origin: None,
            },
        )
}

fn vpc() -> impl Strategy<Value = Vpc> {
    (
        id(),
        vec(ipv4_net(), 0..3),
        vec(ipv6_net(), 0..3),
        any::<bool>(),
        tags(),
    )
        .prop_map(|(id, cidrs, ipv6_cidrs, is_default, tags)| Vpc {
            id: VpcId::new(&id),
            owner: AccountId::new("111122223333"),
            cidrs,
            ipv6_cidrs,
            is_default,
            tags,
            origin: None,
        })
}

fn subnet() -> impl Strategy<Value = Subnet> {
    (
        id(),
        id(),
        option::of(ipv4_net()),
        option::of(ipv6_net()),
        option::of(text()),
        tags(),
    )
        .prop_map(
            |(id, vpc, cidr, ipv6_cidr, availability_zone, tags)| Subnet {
                id: SubnetId::new(&id),
                vpc: VpcId::new(&vpc),
                cidr,
                ipv6_cidr,
                availability_zone,
                tags,
                origin: None,
            },
        )
}

fn peering() -> impl Strategy<Value = Peering> {
    (id(), id(), id(), peering_state()).prop_map(|(id, requester, accepter, status)| Peering {
        id: PeeringId::new(&id),
        requester: VpcId::new(&requester),
        accepter: VpcId::new(&accepter),
        status,
    })
}

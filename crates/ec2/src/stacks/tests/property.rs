//! Whatever was there before: after a deployment there is what the template says, and after the stack is deleted, what was there
//! before it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::Stack;

use super::bench::{Bench, template};

/// What a random template says of a group.
#[derive(Debug, Clone)]
struct Group {
    /// Of which VPC.
    vpc: usize,
    /// Whether it has a name of the user's own.
    named: bool,
    description: u8,
    tagged: bool,
    /// Port, peer, description.
    rules: Vec<(u16, RulePeer, bool)>,
}

#[derive(Debug, Clone)]
enum RulePeer {
    Range(u8),
    /// A group, by its place: of any VPC, but those of others are left out.
    Group(usize),
    List,
}

#[derive(Debug, Clone)]
struct Template {
    /// For each VPC whether it has a further range, and the zone of its subnet.
    vpcs: Vec<(bool, bool)>,
    groups: Vec<Group>,
    /// Entries of the prefix list, and the room for more.
    list: Option<(Vec<u8>, u8)>,
    /// VPC, group, last byte of the address, whether it is an instance's.
    interfaces: Vec<(usize, usize, u8, bool)>,
}

fn templates() -> impl Strategy<Value = Template> {
    let peer = prop_oneof![
        (0..4_u8).prop_map(RulePeer::Range),
        (0..4_usize).prop_map(RulePeer::Group),
        Just(RulePeer::List),
    ];
    let group = (
        0..2_usize,
        any::<bool>(),
        0..2_u8,
        any::<bool>(),
        vec((0..3_u16, peer, any::<bool>()), 0..5),
    );
    let group = group.prop_map(|(vpc, named, description, tagged, rules)| Group {
        vpc,
        named,
        description,
        tagged,
        rules,
    });
    let list = proptest::option::of((vec(0..6_u8, 0..4), 0..4_u8));
    (
        vec((any::<bool>(), any::<bool>()), 1..3),
        vec(group, 0..4),
        list,
        vec((0..2_usize, 0..4_usize, 10..14_u8, any::<bool>()), 0..4),
    )
        .prop_map(|(vpcs, groups, list, interfaces)| Template {
            vpcs,
            groups,
            list,
            interfaces,
        })
}

impl Template {
    /// The template as a file, without what EC2 would refuse.
    fn text(&self) -> String {
        let mut text = String::from("None: {Type: AWS::S3::Bucket}\n");
        for (at, (more, zone)) in self.vpcs.iter().enumerate() {
            let _ = writeln!(
                text,
                "Vpc{at}: {{Type: AWS::EC2::VPC, Properties: {{CidrBlock: 10.{at}.0.0/16}}}}"
            );
            if *more {
                let _ = writeln!(
                    text,
                    "More{at}: {{Type: AWS::EC2::VPCCidrBlock, Properties: {{VpcId: !Ref Vpc{at}, CidrBlock: 10.{}.0.0/16}}}}",
                    at + 8
                );
            }
            let zone = if *zone { "a" } else { "b" };
            let _ = writeln!(
                text,
                "Subnet{at}: {{Type: AWS::EC2::Subnet, Properties: {{VpcId: !Ref Vpc{at}, CidrBlock: 10.{at}.1.0/24, AvailabilityZone: us-east-1{zone}}}}}"
            );
        }
        if let Some((entries, room)) = &self.list {
            let mut entries = entries.clone();
            entries.sort_unstable();
            entries.dedup();
            let room = entries.len() + usize::from(*room) + 1;
            let entries: Vec<_> = entries
                .iter()
                .map(|entry| format!("{{Cidr: 192.0.2.{entry}/32}}"))
                .collect();
            let _ = writeln!(
                text,
                "List: {{Type: AWS::EC2::PrefixList, Properties: {{PrefixListName: l, AddressFamily: IPv4, MaxEntries: {room}, Entries: [{}]}}}}",
                entries.join(", ")
            );
        }
        for at in 0..self.groups.len() {
            self.write_group(at, &mut text);
        }
        self.write_interfaces(&mut text);
        template(&text)
    }

    fn vpc(&self, wish: usize) -> usize {
        wish % self.vpcs.len()
    }

    fn write_group(&self, at: usize, text: &mut String) {
        let group = &self.groups[at];
        let vpc = self.vpc(group.vpc);
        let _ = writeln!(
            text,
            "Group{at}:\n  Type: AWS::EC2::SecurityGroup\n  Properties:\n    GroupDescription: d{}\n    VpcId: !Ref Vpc{vpc}",
            group.description
        );
        if group.named {
            let _ = writeln!(text, "    GroupName: name{at}");
        }
        if group.tagged {
            let _ = writeln!(text, "    Tags: [{{Key: k, Value: v{at}}}]");
        }
        let mut seen = std::collections::BTreeSet::new();
        for (place, (port, peer, said)) in group.rules.iter().enumerate() {
            let peer = match peer {
                RulePeer::Range(byte) => format!("CidrIp: 198.51.100.{byte}/32"),
                RulePeer::List if self.list.is_some() => "SourcePrefixListId: !Ref List".to_owned(),
                RulePeer::Group(to)
                    if self
                        .groups
                        .get(*to)
                        .is_some_and(|to| self.vpc(to.vpc) == vpc) =>
                {
                    format!("SourceSecurityGroupId: !Ref Group{to}")
                }
                RulePeer::List | RulePeer::Group(_) => continue,
            };
            let said = if *said { ", Description: x" } else { "" };
            if seen.insert((*port, peer.clone())) {
                // Rules of their own, since groups name each other.
                let _ = writeln!(
                    text,
                    "Rule{at}x{place}: {{Type: AWS::EC2::SecurityGroupIngress, Properties: {{GroupId: !Ref Group{at}, IpProtocol: tcp, FromPort: {port}, ToPort: {port}, {peer}{said}}}}}"
                );
            }
        }
    }

    fn write_interfaces(&self, text: &mut String) {
        let mut taken = std::collections::BTreeSet::new();
        for (at, (vpc, group, byte, instance)) in self.interfaces.iter().enumerate() {
            let vpc = self.vpc(*vpc);
            if !taken.insert((vpc, byte)) {
                continue;
            }
            let named = self
                .groups
                .get(*group)
                .is_some_and(|group| self.vpc(group.vpc) == vpc);
            let groups = if named {
                format!("!Ref Group{group}")
            } else {
                String::new()
            };
            let _ = if *instance {
                writeln!(
                    text,
                    "Server{at}: {{Type: AWS::EC2::Instance, Properties: {{SubnetId: !Ref Subnet{vpc}, PrivateIpAddress: 10.{vpc}.1.{byte}, SecurityGroupIds: [{groups}]}}}}"
                )
            } else {
                writeln!(
                    text,
                    "Interface{at}: {{Type: AWS::EC2::NetworkInterface, Properties: {{SubnetId: !Ref Subnet{vpc}, PrivateIpAddress: 10.{vpc}.1.{byte}, GroupSet: [{groups}]}}}}"
                )
            };
        }
    }
}

/// Everything of a stack, its ids replaced by logical ids, and what is random or tells the past left out.
fn canonical(bench: &Bench) -> BTreeMap<String, String> {
    let Stack {
        resources, uuid, ..
    } = bench.stack("test");
    let state = &bench.state;
    let mut records = BTreeMap::new();
    for (logical, id) in resources {
        let id = id.as_str();
        let mut inventory = state.inventory.clone();
        let record = if let Some(group) = inventory.groups.get_mut(id) {
            group.rules.sort_by(|a, b| a.spec.cmp(&b.spec));
            let rules: Vec<_> = std::mem::take(&mut group.rules)
                .into_iter()
                .map(|rule| (rule.spec, rule.description))
                .collect();
            let mut rules: Vec<_> = rules
                .iter()
                .map(|rule| named(&format!("{rule:?}"), resources))
                .collect();
            rules.sort();
            format!("{group:?} {rules:?}")
        } else if let Some(interface) = inventory.interfaces.get_mut(id) {
            interface.mac = None;
            let place = state
                .attachments
                .get(id)
                .map(|attachment| attachment.device_index);
            let default = interface
                .vpc
                .as_ref()
                .and_then(|vpc| state.inventory.default_group(vpc));
            format!("{interface:?} {place:?}")
                .replace(default.map_or("none", |group| group.id.as_str()), "default")
        } else if let Some(list) = inventory.prefix_lists.get(id) {
            let mut entries = list.entries().to_vec();
            entries.sort_by_key(|entry| entry.cidr);
            format!("{} {} {entries:?}", list.name, list.max_entries)
        } else if let Some(instance) = state.instances.get(id) {
            format!("{:?} {:?}", instance.subnet, instance.tags)
        } else if let Some(vpc) = inventory.vpcs.get(id) {
            let group = state.inventory.default_group(&vpc.id).unwrap();
            format!("{vpc:?} {}", group.rules.len())
        } else {
            format!(
                "{:?}",
                inventory
                    .subnets
                    .get(id)
                    .unwrap_or_else(|| panic!("no {id}"))
            )
        };
        // The end of the stack's ARN, in the marks, is random.
        let record = record.replace(uuid, "uuid");
        records.insert(logical.clone(), named(&record, resources));
    }
    records
}

/// A text with logical ids in the place of real ones.
fn named(text: &str, resources: &BTreeMap<String, String>) -> String {
    resources
        .iter()
        .fold(text.to_owned(), |text, (logical, id)| {
            text.replace(id.as_str(), logical)
        })
}

/// How many records there are.
fn size(bench: &Bench) -> [usize; 7] {
    let inventory = &bench.state.inventory;
    [
        inventory.vpcs.len(),
        inventory.subnets.len(),
        inventory.groups.len(),
        inventory.prefix_lists.len(),
        inventory.interfaces.len(),
        bench.forget_ended().instances.len(),
        bench.state.attachments.len(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_was_there_before_makes_no_difference(first in templates(), second in templates()) {
        let mut fresh = Bench::new();
        fresh.deploy("test", &second.text());
        let mut bench = Bench::new();
        let before = bench.state.clone();
        bench.deploy("test", &first.text());
        bench.deploy("test", &second.text());
        prop_assert_eq!(canonical(&bench), canonical(&fresh));
        prop_assert_eq!(size(&bench), size(&fresh));
        prop_assert!(bench.deploy("test", &second.text()).is_empty());
        bench.try_delete("test").unwrap();
        prop_assert!(bench.forget_ended() == before);
    }
}

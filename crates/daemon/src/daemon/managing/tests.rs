use jiff::Timestamp;
use secgroup_ec2::{Edit, Site};
use secgroup_model::{
    AccountId, Direction, Family, GroupReference, NetworkInterfaceId, Peer, PortRange,
    PrefixListId, Rule, RuleId, RuleSpec, Tags, Traffic, VpcId,
};

use super::*;

/// A group with rules whose peers are these: `sg-…` or `pl-…`.
fn group(id: &str, peers: &[&str]) -> SecurityGroup {
    let owner = AccountId::new("123456789012");
    let mut group = SecurityGroup::new(GroupId::new(id), id, owner, None);
    group.rules = peers.iter().map(|peer| rule(peer)).collect();
    group
}

fn rule(peer: &str) -> Rule {
    let spec = RuleSpec {
        direction: Direction::Ingress,
        traffic: Traffic::Tcp(PortRange::single(443)),
        peer: if peer.starts_with("pl-") {
            Peer::PrefixList(PrefixListId::new(peer))
        } else {
            Peer::Group(GroupReference::local(GroupId::new(peer)))
        },
    };
    Rule::new(RuleId::new(peer), spec)
}

fn list(version: u64) -> PrefixList {
    PrefixList {
        id: PrefixListId::new("pl-1"),
        name: "list".to_owned(),
        owner: AccountId::new("123456789012"),
        family: Family::V4,
        max_entries: 10,
        version,
        versions: [(version, Vec::new())].into(),
        tags: Tags::new(),
        origin: None,
    }
}

fn vpc(id: &str) -> Vpc {
    Vpc {
        id: VpcId::new(id),
        owner: AccountId::new("123456789012"),
        cidrs: Vec::new(),
        ipv6_cidrs: Vec::new(),
        is_default: false,
        tags: Tags::new(),
        origin: None,
    }
}

/// How far a change reaches, of a state with `web`, which names `db` and `pl-1`, `db` and `alone`.
fn reach_of(change: impl FnOnce(&mut Edit<'_>)) -> Reach {
    let site = Site::new("us-east-1", vec![AccountId::new("123456789012")]);
    let mut state = State::default();
    for group in [
        group("sg-web", &["sg-db", "pl-1"]),
        group("sg-db", &[]),
        group("sg-alone", &[]),
    ] {
        state.inventory.groups.insert(group.id.clone(), group);
    }
    state
        .inventory
        .prefix_lists
        .insert(PrefixListId::new("pl-1"), list(1));
    state
        .inventory
        .vpcs
        .insert(VpcId::new("vpc-1"), vpc("vpc-1"));
    let mut random = || 0;
    let mut edit = Edit::new(&mut state, &site, Timestamp::UNIX_EPOCH, &mut random);
    change(&mut edit);
    let changes = edit.commit();
    reach(&state.inventory, &changes)
}

fn groups(ids: &[&str]) -> Reach {
    Reach::These(Touched {
        groups: ids.iter().map(|id| GroupId::new(id)).collect(),
        ..Touched::default()
    })
}

#[test]
fn rules_of_a_group_reach_that_group() {
    let id = GroupId::new("sg-alone");
    let reach = reach_of(|edit| {
        edit.get_mut::<SecurityGroup>(&id)
            .unwrap()
            .rules
            .push(rule("sg-db"))
    });
    assert_eq!(reach, groups(&["sg-alone"]));
}

#[test]
fn tags_reach_nothing() {
    let id = GroupId::new("sg-web");
    let reach = reach_of(|edit| {
        let group = edit.get_mut::<SecurityGroup>(&id).unwrap();
        group.tags.insert("Name".to_owned(), "web".to_owned());
    });
    assert_eq!(reach, Reach::Nothing);
}

#[test]
fn a_group_that_goes_reaches_those_that_name_it() {
    let reach = reach_of(|edit| drop(edit.remove::<SecurityGroup>(&GroupId::new("sg-db"))));
    assert_eq!(reach, groups(&["sg-db", "sg-web"]));
}

#[test]
fn entries_of_a_list_reach_the_groups_that_name_it() {
    let reach = reach_of(|edit| edit.put(PrefixListId::new("pl-1"), list(2)));
    assert_eq!(reach, groups(&["sg-web"]));
}

#[test]
fn an_interface_reaches_itself() {
    let id = NetworkInterfaceId::new("eni-1");
    let eni = NetworkInterface::new(id.clone(), vec![GroupId::new("sg-web")], Vec::new());
    let reach = reach_of(|edit| edit.put(id.clone(), eni));
    let touched = Touched {
        interfaces: [id.clone()].into(),
        ..Touched::default()
    };
    assert_eq!(reach, Reach::These(touched));
}

#[test]
fn a_vpc_reaches_everything_but_a_new_one_nothing() {
    let changed = Vpc {
        cidrs: vec!["10.0.0.0/16".parse().unwrap()],
        ..vpc("vpc-1")
    };
    let reach = reach_of(|edit| edit.put(VpcId::new("vpc-1"), changed));
    assert_eq!(reach, Reach::Everything);
    let reach = reach_of(|edit| edit.put(VpcId::new("vpc-2"), vpc("vpc-2")));
    assert_eq!(reach, Reach::Nothing);
}

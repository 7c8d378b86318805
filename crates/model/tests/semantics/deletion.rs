//! B24 to B29, B31: what keeps things from being deleted, and what goes stale when they are.

use secgroup_model::{
    AssociationStatus, GroupReference, Inventory, Peer, Peering, PeeringId, PeeringStatus,
    PrefixListId, Reach, RuleSpec, SecurityGroup, Vpc, VpcId,
};

use crate::common::{
    VPC, assert_one_error, from_group, group_id, interface, inventory, rule_ids, rules,
    security_group, vpc,
};
use crate::quotas::{from_list, list};

const PEER_VPC: &str = "vpc-02222222222222222";

/// A group with one rule that names another.
fn naming(number: u64, vpc: &str, named: u64) -> SecurityGroup {
    let mut group = security_group(number, &format!("group {number}"), vpc);
    group
        .authorize(rules([from_group(&group_id(named))]))
        .unwrap();
    group
}

fn assert_depended_on(inventory: &mut Inventory) {
    let before = inventory.clone();
    assert_one_error(
        inventory.delete_group(&group_id(1)),
        "DependencyViolation",
        "resource sg-00000000000000001 has a dependent object",
    );
    assert_eq!(*inventory, before);
}

#[test]
fn b24_a_group_that_an_interface_has() {
    let mut known = inventory([security_group(1, "web", VPC)]);
    let attached = interface(7, Some(VPC), &[group_id(1)]);
    known
        .interfaces
        .insert(attached.id.clone(), attached.clone());
    assert_eq!(known.dependents(&group_id(1)).interfaces, [&attached.id]);
    assert_depended_on(&mut known);
}

#[test]
fn b24_a_group_that_another_one_of_its_vpc_names() {
    let mut known = inventory([security_group(1, "web", VPC), naming(2, VPC, 1)]);
    assert_eq!(known.dependents(&group_id(1)).groups, [&group_id(2)]);
    assert_eq!(known.references_to(&group_id(1)).count(), 1);
    assert_depended_on(&mut known);
}

#[test]
fn b24_a_group_that_is_associated_with_a_vpc() {
    let mut known = inventory([security_group(1, "web", VPC)]);
    let key = (group_id(1), VpcId::new(PEER_VPC));
    for (status, keeps) in [
        (AssociationStatus::Associating, true),
        (AssociationStatus::Associated, true),
        (AssociationStatus::AssociationFailed, false),
        (AssociationStatus::Disassociating, true),
        (AssociationStatus::DisassociationFailed, true),
        (AssociationStatus::Disassociated, false),
    ] {
        known.associations.insert(key.clone(), status);
        assert_eq!(
            !known.dependents(&group_id(1)).vpcs.is_empty(),
            keeps,
            "{status:?}"
        );
    }
    known
        .associations
        .insert(key, AssociationStatus::Associated);
    assert_depended_on(&mut known);
}

#[test]
fn b25_its_own_rules_and_those_of_other_vpcs_do_not_count() {
    let mut known = inventory([naming(1, VPC, 1), naming(2, PEER_VPC, 1)]);
    let deleted = known.delete_group(&group_id(1)).unwrap();
    assert_eq!(deleted.id, group_id(1));
    assert_eq!(known.groups.len(), 1, "B27: nothing of it is left");
}

#[test]
fn b26_groups_that_cannot_be_found() {
    assert_one_error(
        Inventory::default().delete_group(&group_id(1)),
        "InvalidGroup.NotFound",
        "The security group 'sg-00000000000000001' does not exist",
    );
}

#[test]
fn b26_default_groups() {
    let default = SecurityGroup::default_of(&vpc(VPC), group_id(1), rule_ids());
    let error = inventory([default]).delete_group(&group_id(1)).unwrap_err();
    assert_eq!(error.code(), "CannotDelete");
}

#[test]
fn b27_associations_go_with_the_group() {
    let key = |number| (group_id(number), VpcId::new(PEER_VPC));
    let mut known = inventory([security_group(1, "web", VPC)]);
    known
        .associations
        .insert(key(1), AssociationStatus::Disassociated);
    known
        .associations
        .insert(key(2), AssociationStatus::Associated);
    known.delete_group(&group_id(1)).unwrap();
    assert_eq!(known.groups.len(), 0);
    assert_eq!(known.associations.into_keys().collect::<Vec<_>>(), [key(2)]);
}

fn peered(status: PeeringStatus) -> Peering {
    Peering {
        id: PeeringId::from_random(1),
        requester: VpcId::new(VPC),
        accepter: VpcId::new(PEER_VPC),
        status,
    }
}

/// How each stale reference became so, by the number of the group that has it.
fn stale(inventory: &Inventory) -> Vec<(u64, Reach)> {
    let number = |id: &str| u64::from_str_radix(&id[id.len() - 4..], 16).unwrap();
    inventory
        .stale_rules()
        .map(|(reference, reach)| (number(reference.from.id.as_str()), reach))
        .collect()
}

#[test]
fn b28_references_go_stale_with_the_peering_connection() {
    let mut known = inventory([naming(1, VPC, 1), naming(2, VPC, 1), naming(3, PEER_VPC, 1)]);
    let active = peered(PeeringStatus::Active);
    known.peerings.insert(active.id.clone(), active);
    assert_eq!(stale(&known), []);
    let gone = peered(PeeringStatus::Gone);
    known.peerings.insert(gone.id.clone(), gone);
    assert_eq!(stale(&known), [(3, Reach::PeeringGone)]);
    known.peerings.clear();
    assert_eq!(stale(&known), [(3, Reach::Unrelated)]);
}

#[test]
fn b28_references_go_stale_with_the_group() {
    let mut known = inventory([security_group(1, "web", VPC), naming(3, PEER_VPC, 1)]);
    let active = peered(PeeringStatus::Active);
    known.peerings.insert(active.id.clone(), active);
    known.delete_group(&group_id(1)).unwrap();
    assert_eq!(stale(&known), [(3, Reach::Missing)]);
    assert_eq!(
        known.groups[&group_id(3)].rules.len(),
        1,
        "it remains listed"
    );
}

/// A group with a rule that names a group which is not held, with what a dump says of it.
fn foreign(vpc: Option<&str>, peering: Option<PeeringStatus>) -> SecurityGroup {
    let mut group = security_group(1, "web", VPC);
    let reference = GroupReference {
        vpc: vpc.map(VpcId::new),
        peering,
        ..GroupReference::local(group_id(99))
    };
    group
        .authorize(rules([RuleSpec {
            peer: Peer::Group(reference),
            ..from_group(&group_id(99))
        }]))
        .unwrap();
    group
}

#[test]
fn b28_of_a_group_that_is_not_held_the_dump_tells() {
    let reach = |vpc, peering| stale(&inventory([foreign(vpc, peering)]));
    assert_eq!(reach(Some(PEER_VPC), Some(PeeringStatus::Active)), []);
    assert_eq!(reach(None, Some(PeeringStatus::Active)), []);
    assert_eq!(
        reach(Some(PEER_VPC), Some(PeeringStatus::Gone)),
        [(1, Reach::PeeringGone)]
    );
    assert_eq!(
        reach(Some(PEER_VPC), Some(PeeringStatus::Pending)),
        [],
        "not active, not stale"
    );
    assert_eq!(reach(Some(PEER_VPC), None), [(1, Reach::Missing)]);
    assert_eq!(reach(None, None), [(1, Reach::Missing)]);
    assert_eq!(
        reach(Some(VPC), Some(PeeringStatus::Active)),
        [(1, Reach::Missing)]
    );
}

#[test]
fn b28_a_group_missing_from_a_vpc_whose_groups_are_held_was_deleted() {
    let peer = SecurityGroup::default_of(&vpc(PEER_VPC), group_id(2), rule_ids());
    let known = inventory([foreign(Some(PEER_VPC), Some(PeeringStatus::Active)), peer]);
    assert_eq!(stale(&known), [(1, Reach::Missing)]);
}

#[test]
fn b29_associations() {
    let default = SecurityGroup::default_of(&vpc(VPC), group_id(1), rule_ids());
    let mut known = inventory([default, security_group(2, "web", VPC)]);
    let other = VpcId::new(PEER_VPC);
    known.vpcs.insert(other.clone(), vpc(PEER_VPC));
    let main = VpcId::new("vpc-03333333333333333");
    known.vpcs.insert(
        main.clone(),
        Vpc {
            is_default: true,
            ..vpc(main.as_str())
        },
    );
    known.check_association(&group_id(2), &other).unwrap();
    known.check_association(&group_id(1), &other).unwrap_err();
    known.check_association(&group_id(2), &main).unwrap_err();
    let nowhere = known
        .check_association(&group_id(2), &VpcId::new("vpc-1"))
        .unwrap_err();
    assert_eq!(nowhere.code(), "InvalidVpcID.NotFound");

    known.check_disassociation(&group_id(2), &other).unwrap();
    let user = interface(7, Some(PEER_VPC), &[group_id(2)]);
    known.interfaces.insert(user.id.clone(), user);
    let in_use = known
        .check_disassociation(&group_id(2), &other)
        .unwrap_err();
    assert_eq!(in_use.code(), "DependencyViolation");
}

#[test]
fn b31_a_prefix_list_stays_while_a_rule_refers_to_it() {
    let list = list(1, secgroup_model::Family::V4, 5);
    let mut web = security_group(1, "web", VPC);
    web.authorize(rules([from_list(&list)])).unwrap();
    let mut known = inventory([web]);
    known.prefix_lists.insert(list.id.clone(), list.clone());
    assert_eq!(known.prefix_list_references(&list.id).count(), 1);
    assert_one_error(
        known.delete_prefix_list(&list.id),
        "DependencyViolation",
        &format!("resource {} has a dependent object", list.id),
    );
    known.groups.clear();
    known.delete_prefix_list(&list.id).unwrap();
    let error = known
        .delete_prefix_list(&PrefixListId::new("pl-1"))
        .unwrap_err();
    assert_eq!(error.code(), "InvalidPrefixListID.NotFound");
}

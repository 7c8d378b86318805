//! What tests of groups begin with: groups, VPCs beside the default one, connections between them.

use secgroup_ec2::peerings::{self, CreatePeering};
use secgroup_ec2::vpcs::{self, CreateVpc};
use secgroup_ec2::{Caller, PrefixListCode, PrefixListState};
use secgroup_model::{
    AccountId, PeeringId, PrefixListId, PrefixListQuotas, RawPrefixList, Tags, VpcId,
};

use crate::testing::Bench;

/// A new group of the default VPC.
pub(in crate::actions) fn group(bench: &mut Bench, name: &str) -> String {
    let answer = bench.ok(&format!(
        "Action=CreateSecurityGroup&GroupName={name}&GroupDescription=a+test"
    ));
    answer.text("groupId").to_owned()
}

/// A new group of another VPC.
pub(in crate::actions) fn group_in(bench: &mut Bench, vpc: &str, name: &str) -> String {
    let answer = bench.ok(&format!(
        "Action=CreateSecurityGroup&GroupName={name}&GroupDescription=a+test&VpcId={vpc}"
    ));
    answer.text("groupId").to_owned()
}

/// The group that a VPC came with.
pub(in crate::actions) fn default_group(bench: &Bench, vpc: &str) -> String {
    let group = bench.state.inventory.default_group(&VpcId::new(vpc));
    group.unwrap().id.to_string()
}

/// A new VPC of the account that calls.
pub(in crate::actions) fn vpc(bench: &mut Bench, cidr: &str) -> String {
    let caller = bench.caller.clone();
    let request = CreateVpc {
        cidr: cidr.to_owned(),
        ipv6: None,
        tags: Tags::new(),
    };
    let mut id = None;
    drop(bench.edit(|edit| id = Some(vpcs::create(edit, &caller, request).unwrap())));
    id.unwrap().to_string()
}

/// An active peering connection from a VPC of the account that calls to one of `account`.
pub(in crate::actions) fn peer(bench: &mut Bench, own: &str, other: &str, account: &str) -> String {
    let caller = bench.caller.clone();
    let accepter = Caller {
        account: AccountId::new(account),
        ..caller.clone()
    };
    let request = CreatePeering {
        requester: VpcId::new(own),
        accepter: VpcId::new(other),
        account: Some(AccountId::new(account)),
        region: None,
        tags: Tags::new(),
    };
    let mut id = None;
    drop(bench.edit(|edit| {
        let peering = peerings::create(edit, &caller, request).unwrap();
        peerings::accept(edit, &accepter, &peering).unwrap();
        id = Some(peering);
    }));
    id.unwrap().to_string()
}

/// Ends a peering connection.
pub(in crate::actions) fn unpeer(bench: &mut Bench, peering: &str) {
    let caller = bench.caller.clone();
    drop(bench.edit(|edit| {
        peerings::delete(edit, &caller, &PeeringId::new(peering)).unwrap();
    }));
}

/// A prefix list of the account that calls with room for `max` entries.
pub(in crate::actions) fn prefix_list(bench: &mut Bench, name: &str, max: i64) -> String {
    let owner = bench.caller.account.clone();
    let raw = RawPrefixList {
        name: Some(name.to_owned()),
        family: Some("IPv4".to_owned()),
        max_entries: Some(max),
        entries: Vec::new(),
    };
    let mut text = None;
    drop(bench.edit(|edit| {
        let id = PrefixListId::from_random(edit.random());
        let (list, _) = raw
            .parse(id.clone(), owner, &PrefixListQuotas::default())
            .unwrap();
        let state = PrefixListState {
            code: PrefixListCode::CreateComplete,
            message: None,
        };
        text = Some(id.to_string());
        edit.put(id.clone(), list);
        edit.put(id, state);
    }));
    text.unwrap()
}

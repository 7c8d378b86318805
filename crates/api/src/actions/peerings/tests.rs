use jiff::SignedDuration;

use crate::testing::{ACCOUNT, Bench, Element, OTHER_ACCOUNT};

/// A VPC of the account that calls, and the default one of the other account.
fn two_sides(bench: &mut Bench) -> (String, String) {
    let own = bench.ok("Action=CreateVpc&CidrBlock=10.0.0.0/16&Ipv6CidrBlock=2001:db8::/56");
    let own = own.text("vpc/vpcId").to_owned();
    bench.log_in(OTHER_ACCOUNT);
    let other = bench.vpc();
    bench.log_in(ACCOUNT);
    (own, other)
}

fn ask(own: &str, other: &str) -> String {
    format!(
        "Action=CreateVpcPeeringConnection&VpcId={own}&PeerVpcId={other}&PeerOwnerId={OTHER_ACCOUNT}"
    )
}

/// A request from the one to the other account: its id.
fn request(bench: &mut Bench) -> String {
    let (own, other) = two_sides(bench);
    let answer = bench.ok(&ask(&own, &other));
    let id = answer.text("vpcPeeringConnection/vpcPeeringConnectionId");
    id.to_owned()
}

fn describe(bench: &mut Bench, id: &str) -> Element {
    let answer = bench.ok(&format!(
        "Action=DescribeVpcPeeringConnections&VpcPeeringConnectionId.1={id}"
    ));
    answer.items("vpcPeeringConnectionSet")[0].clone()
}

fn state(bench: &mut Bench, id: &str) -> String {
    describe(bench, id).text("status/code").to_owned()
}

fn act(verb: &str, id: &str) -> String {
    format!("Action={verb}VpcPeeringConnection&VpcPeeringConnectionId={id}")
}

#[test]
fn both_accounts_see_a_request_and_each_the_ranges_it_may() {
    let mut bench = Bench::new();
    let id = request(&mut bench);
    for account in [ACCOUNT, OTHER_ACCOUNT] {
        bench.log_in(account);
        let peering = describe(&mut bench, &id);
        assert_eq!(peering.text("status/code"), "pending-acceptance");
        let message = format!("Pending Acceptance by {OTHER_ACCOUNT}");
        assert_eq!(peering.text("status/message"), message);
        assert_eq!(peering.text("expirationTime"), "2025-01-08T00:00:00.000Z"); // 7 days
        assert_eq!(peering.text("requesterVpcInfo/ownerId"), ACCOUNT);
        assert_eq!(peering.text("requesterVpcInfo/cidrBlock"), "10.0.0.0/16");
        assert_eq!(peering.text("requesterVpcInfo/region"), "us-east-1");
        assert_eq!(peering.text("accepterVpcInfo/ownerId"), OTHER_ACCOUNT);
        assert!(peering.at("accepterVpcInfo/cidrBlock").is_none());
    }
    let answer = bench.ok(&act("Accept", &id));
    let active = answer.at("vpcPeeringConnection").unwrap();
    assert_eq!(active.text("status/code"), "active");
    assert_eq!(
        active.text("accepterVpcInfo/cidrBlockSet/item/cidrBlock"),
        "172.31.0.0/16"
    );
    assert_eq!(
        active.text("requesterVpcInfo/ipv6CidrBlockSet/item/ipv6CidrBlock"),
        "2001:db8::/56"
    );
    let option = "accepterVpcInfo/peeringOptions/allowDnsResolutionFromRemoteVpc";
    assert_eq!(active.text(option), "false");
    assert!(active.at("expirationTime").is_none());
}

#[test]
fn a_third_account_sees_nothing() {
    let mut bench = Bench::new();
    let id = request(&mut bench);
    bench.log_in("333333333333");
    let all = bench.ok("Action=DescribeVpcPeeringConnections");
    assert_eq!(all.items("vpcPeeringConnectionSet"), []);
    for verb in ["Accept", "Reject", "Delete"] {
        let expected = format!("The vpcPeeringConnection ID '{id}' does not exist");
        let found = bench.fails(&act(verb, &id));
        assert_eq!(
            found,
            ("InvalidVpcPeeringConnectionID.NotFound", expected),
            "{verb}"
        );
    }
    assert_eq!(
        bench.fails(&act("Accept", "pcx-x")).0,
        "InvalidVpcPeeringConnectionId.Malformed"
    );
}

/// Who may do what, in each state: the other account answers, either ends.
#[test]
fn each_step_is_for_one_side_and_one_state() {
    for (account, verb, code) in [
        (ACCOUNT, "Accept", Err("OperationNotPermitted")),
        (ACCOUNT, "Reject", Err("OperationNotPermitted")),
        (OTHER_ACCOUNT, "Delete", Err("OperationNotPermitted")),
        (OTHER_ACCOUNT, "Accept", Ok("active")),
        (OTHER_ACCOUNT, "Reject", Ok("rejected")),
        (ACCOUNT, "Delete", Ok("deleted")),
    ] {
        let mut bench = Bench::new();
        let id = request(&mut bench);
        bench.log_in(account);
        let Ok(next) = code else {
            let (found, message) = bench.fails(&act(verb, &id));
            assert_eq!(Err(found), code, "{verb}");
            assert!(
                message.starts_with(&format!("User ({account}) cannot ")),
                "{message}"
            );
            continue;
        };
        bench.ok(&act(verb, &id));
        assert_eq!(state(&mut bench, &id), next);
        // Nothing is answered twice.
        bench.log_in(OTHER_ACCOUNT);
        for verb in ["Accept", "Reject"] {
            let (code, message) = bench.fails(&act(verb, &id));
            assert_eq!(code, "InvalidStateTransition", "{verb} {next}");
            assert!(message.contains(next), "{message}");
        }
        // Only what is active can still end, by either side.
        if next == "active" {
            bench.ok(&act("Delete", &id));
            assert_eq!(state(&mut bench, &id), "deleted");
        } else {
            assert_eq!(bench.fails(&act("Delete", &id)).0, "InvalidStateTransition");
        }
    }
}

#[test]
fn what_cannot_be_peered_fails_or_is_refused() {
    let mut bench = Bench::new();
    let (own, other) = two_sides(&mut bench);
    let default = bench.vpc();
    for (form, code) in [
        (
            format!("VpcId=vpc-01234567&PeerVpcId={own}"),
            "InvalidVpcID.NotFound",
        ),
        (
            format!("VpcId={own}&PeerVpcId=vpc-01234567"),
            "InvalidVpcID.NotFound",
        ),
        (
            format!("VpcId={other}&PeerVpcId={own}"),
            "InvalidVpcID.NotFound",
        ),
        (
            format!("VpcId={own}&PeerVpcId={own}"),
            "InvalidParameterValue",
        ),
        (
            format!("VpcId={own}&PeerVpcId={default}&PeerOwnerId=me"),
            "InvalidParameterValue",
        ),
        (format!("VpcId={own}"), "MissingParameter"),
    ] {
        let (found, message) = bench.fails(&format!("Action=CreateVpcPeeringConnection&{form}"));
        assert_eq!(found, code, "{form}: {message}");
    }
    // Overlapping ranges (both default VPCs), a VPC that the other account does not have, another Region.
    for form in [
        ask(&default, &other),
        ask(&own, "vpc-01234567"),
        format!("{}&PeerRegion=eu-west-1", ask(&own, &other)),
    ] {
        let answer = bench.ok(&form);
        let peering = answer.at("vpcPeeringConnection").unwrap();
        assert_eq!(peering.text("status/code"), "failed", "{form}");
        assert_eq!(
            peering.text("status/message"),
            "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"
        );
    }
    bench.ok(&ask(&own, &other));
    assert_eq!(
        bench.fails(&ask(&own, &other)).0,
        "VpcPeeringConnectionAlreadyExists"
    );
}

#[test]
fn nobody_answers_for_7_days() {
    let mut bench = Bench::new();
    let id = request(&mut bench);
    bench.log_in(OTHER_ACCOUNT);
    let asked = bench.now;
    bench.now = asked + SignedDuration::from_secs(7 * 86_400 - 1);
    assert_eq!(state(&mut bench, &id), "pending-acceptance");
    bench.now = asked + SignedDuration::from_secs(7 * 86_400);
    assert_eq!(state(&mut bench, &id), "expired");
    assert_eq!(bench.fails(&act("Accept", &id)).0, "InvalidStateTransition");
    // Listed for two days, also once another call wrote it down; then it is gone, and what there was of it.
    bench.now = asked + SignedDuration::from_hours(8 * 24);
    let own = bench.ok("Action=CreateVpc&CidrBlock=10.9.0.0/16");
    let default = bench.vpc();
    let next = format!(
        "Action=CreateVpcPeeringConnection&VpcId={}&PeerVpcId={default}",
        own.text("vpc/vpcId")
    );
    let next = bench.ok(&next);
    assert_eq!(state(&mut bench, &id), "expired");
    bench.now = asked + SignedDuration::from_hours(9 * 24);
    let all = bench.ok("Action=DescribeVpcPeeringConnections");
    let next = next.text("vpcPeeringConnection/vpcPeeringConnectionId");
    assert_eq!(
        all.texts("vpcPeeringConnectionSet", "vpcPeeringConnectionId"),
        [next]
    );
    bench.ok(&act("Delete", next));
    bench.now = asked + SignedDuration::from_hours(9 * 24 + 2);
    bench.edit(secgroup_ec2::peerings::sweep);
    assert!(bench.state.peerings.is_empty() && bench.state.inventory.peerings.is_empty());
}

/// A27, B28: a rule may name a group across an active connection, and is stale when that ends.
#[test]
fn references_live_and_die_with_the_connection() {
    let mut bench = Bench::new();
    let (own, other) = two_sides(&mut bench);
    bench.log_in(OTHER_ACCOUNT);
    let theirs = bench.ok("Action=CreateSecurityGroup&GroupName=theirs&GroupDescription=x");
    let theirs = theirs.text("groupId").to_owned();
    bench.log_in(ACCOUNT);
    let ours = bench.ok(&format!(
        "Action=CreateSecurityGroup&GroupName=ours&GroupDescription=x&VpcId={own}"
    ));
    let rule = format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={}&IpPermissions.1.IpProtocol=-1&IpPermissions.1.Groups.1.GroupId={theirs}\
         &IpPermissions.1.Groups.1.UserId={OTHER_ACCOUNT}",
        ours.text("groupId")
    );
    let stale = format!("Action=DescribeStaleSecurityGroups&VpcId={own}");
    assert_eq!(bench.fails(&rule).0, "InvalidGroup.NotFound");
    let answer = bench.ok(&ask(&own, &other));
    let id = answer
        .text("vpcPeeringConnection/vpcPeeringConnectionId")
        .to_owned();
    assert_eq!(bench.fails(&rule).0, "InvalidGroup.NotFound");
    bench.log_in(OTHER_ACCOUNT);
    bench.ok(&act("Accept", &id));
    bench.log_in(ACCOUNT);
    bench.ok(&rule);
    assert_eq!(bench.ok(&stale).items("staleSecurityGroupSet"), []);
    bench.ok(&act("Delete", &id));
    assert_eq!(bench.ok(&stale).items("staleSecurityGroupSet").len(), 1);
}

/// Neither a range nor a deletion may break a connection that is active.
#[test]
fn peered_vpcs_stay_apart_and_stay() {
    let mut bench = Bench::new();
    let (own, other) = two_sides(&mut bench);
    let answer = bench.ok(&ask(&own, &other));
    let id = answer
        .text("vpcPeeringConnection/vpcPeeringConnectionId")
        .to_owned();
    let overlapping = format!("Action=AssociateVpcCidrBlock&VpcId={own}&CidrBlock=172.31.64.0/20");
    bench.log_in(OTHER_ACCOUNT);
    bench.ok(&act("Accept", &id));
    bench.log_in(ACCOUNT);
    assert_eq!(bench.fails(&overlapping).0, "InvalidVpc.Range");
    let delete = format!("Action=DeleteVpc&VpcId={own}");
    assert_eq!(bench.fails(&delete).0, "DependencyViolation");
    bench.ok(&act("Delete", &id));
    bench.ok(&overlapping);
    bench.ok(&delete);
    assert_eq!(state(&mut bench, &id), "deleted");
}

#[test]
fn a_request_fails_where_ranges_came_to_overlap_and_ends_with_its_vpc() {
    let mut bench = Bench::new();
    let (own, other) = two_sides(&mut bench);
    let id = |answer: Element| {
        let id = answer.text("vpcPeeringConnection/vpcPeeringConnectionId");
        id.to_owned()
    };
    let first = id(bench.ok(&ask(&own, &other)));
    bench.ok(&format!(
        "Action=AssociateVpcCidrBlock&VpcId={own}&CidrBlock=172.31.64.0/20"
    ));
    bench.log_in(OTHER_ACCOUNT);
    let answer = bench.ok(&act("Accept", &first));
    assert_eq!(answer.text("vpcPeeringConnection/status/code"), "failed");
    bench.log_in(ACCOUNT);
    let vpc = bench.ok("Action=CreateVpc&CidrBlock=10.9.0.0/16");
    let vpc = vpc.text("vpc/vpcId").to_owned();
    let second = id(bench.ok(&ask(&vpc, &other)));
    bench.ok(&format!("Action=DeleteVpc&VpcId={vpc}"));
    bench.log_in(OTHER_ACCOUNT);
    assert_eq!(state(&mut bench, &second), "deleted");
    assert_eq!(
        bench.fails(&act("Accept", &second)).0,
        "InvalidStateTransition"
    );
}

#[test]
fn a_vpc_has_at_most_75() {
    let mut bench = Bench::new();
    let own = bench.ok("Action=CreateVpc&CidrBlock=192.168.0.0/16");
    let own = own.text("vpc/vpcId").to_owned();
    let mut next = |second: usize| {
        let peer = bench.ok(&format!("Action=CreateVpc&CidrBlock=10.{second}.0.0/16"));
        let form = format!(
            "Action=CreateVpcPeeringConnection&VpcId={own}&PeerVpcId={}",
            peer.text("vpc/vpcId")
        );
        let made = bench.call(&form).map_err(|error| error.code())?;
        let id = "vpcPeeringConnection/vpcPeeringConnectionId";
        bench.ok(&act("Accept", made.text(id)));
        Ok(())
    };
    for second in 0..75 {
        assert_eq!(next(second), Ok(()));
    }
    assert_eq!(next(75), Err("VpcPeeringConnectionsPerVpcLimitExceeded"));
}

/// The VPC that is asked has no more than the one that asks, whoever's requests it accepts.
#[test]
fn nor_does_a_vpc_that_accepts() {
    let mut bench = Bench::new();
    let (_, other) = two_sides(&mut bench);
    let mut last = None;
    for second in 0..=75 {
        let own = bench.ok(&format!("Action=CreateVpc&CidrBlock=10.{second}.0.0/16"));
        let answer = bench.ok(&ask(own.text("vpc/vpcId"), &other));
        let id = answer.text("vpcPeeringConnection/vpcPeeringConnectionId");
        last = Some(id.to_owned());
        if second < 75 {
            bench.log_in(OTHER_ACCOUNT);
            bench.ok(&act("Accept", id));
            bench.log_in(ACCOUNT);
        }
    }
    let accept = act("Accept", &last.unwrap());
    bench.log_in(OTHER_ACCOUNT);
    let (code, message) = bench.fails(&accept);
    assert_eq!(code, "VpcPeeringConnectionsPerVpcLimitExceeded");
    assert!(message.contains(&other), "{message}");
}

#[test]
fn an_account_has_at_most_25_requests_that_are_open_or_failed() {
    let mut bench = Bench::new();
    let (own, other) = two_sides(&mut bench);
    let refused = "OutstandingVpcPeeringConnectionLimitExceeded";
    bench.ok(&ask(&own, &other));
    for number in 1..25 {
        let form = ask(&own, &format!("vpc-{number:08x}"));
        let answer = bench.ok(&form);
        assert_eq!(
            answer.text("vpcPeeringConnection/status/code"),
            "failed",
            "{form}"
        );
    }
    let nowhere = ask(&own, "vpc-0000ffff");
    assert_eq!(bench.fails(&nowhere).0, refused);
    // Failed ones are forgotten after two hours. What was taken back is not open, but counts until then too, if there is very much of it.
    bench.now += SignedDuration::from_hours(2);
    bench.ok(&nowhere);
    let taken_back = bench.ok("Action=CreateVpc&CidrBlock=10.9.0.0/16");
    let form = ask(taken_back.text("vpc/vpcId"), &other);
    for _ in 0..500 {
        let answer = bench.ok(&form);
        let id = answer.text("vpcPeeringConnection/vpcPeeringConnectionId");
        bench.ok(&act("Delete", id));
    }
    assert_eq!(bench.fails(&form).0, refused);
    // Others ask all the same.
    bench.log_in(OTHER_ACCOUNT);
    let back = format!(
        "Action=CreateVpcPeeringConnection&VpcId={other}&PeerVpcId=vpc-0000ffff&PeerOwnerId={ACCOUNT}"
    );
    bench.ok(&back);
}

#[test]
fn each_filter_chooses() {
    let mut bench = Bench::new();
    let (own, other) = two_sides(&mut bench);
    bench.ok(&format!(
        "{}&TagSpecification.1.ResourceType=vpc-peering-connection&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=x",
        ask(&own, &other)
    ));
    let id = bench.ok("Action=DescribeVpcPeeringConnections");
    let id = id.texts("vpcPeeringConnectionSet", "vpcPeeringConnectionId")[0].to_owned();
    let count = |bench: &mut Bench, filter: &str, value: &str| {
        let form = format!(
            "Action=DescribeVpcPeeringConnections&Filter.1.Name={filter}&Filter.1.Value.1={value}"
        );
        bench.ok(&form).items("vpcPeeringConnectionSet").len()
    };
    for (filter, value) in [
        ("accepter-vpc-info.owner-id", OTHER_ACCOUNT),
        ("accepter-vpc-info.vpc-id", &other),
        ("expiration-time", "2025-01-08*"),
        ("requester-vpc-info.cidr-block", "10.0.0.0/16"),
        ("requester-vpc-info.owner-id", ACCOUNT),
        ("requester-vpc-info.vpc-id", &own),
        ("status-code", "pending-acceptance"),
        ("status-message", "Pending*"),
        ("tag:Name", "x"),
        ("tag-key", "Name"),
        ("vpc-peering-connection-id", &id),
    ] {
        assert_eq!(count(&mut bench, filter, value), 1, "{filter}");
        assert_eq!(count(&mut bench, filter, "nose"), 0, "{filter}");
    }
    assert_eq!(
        count(&mut bench, "accepter-vpc-info.cidr-block", "172.31.0.0/16"),
        0
    );
    bench.log_in(OTHER_ACCOUNT);
    bench.ok(&act("Accept", &id));
    assert_eq!(
        count(&mut bench, "accepter-vpc-info.cidr-block", "172.31.0.0/16"),
        1
    );
}

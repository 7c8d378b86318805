//! B11 to B13, C17, D29, D30, E60: interfaces, their groups, addresses and timeouts.

use std::net::IpAddr;
use std::time::Duration;

use secgroup_model::{
    AssociationStatus, ConnectionTracking, InstanceId, Inventory, MacAddress, NetworkInterface,
    Part, SecurityGroup, Subnet, SubnetId, Vpc, VpcId,
};

use crate::common::{
    VPC, assert_error, assert_one_error, group_id, interface, inventory, rule_ids, security_group,
    vpc,
};

const OTHER_VPC: &str = "vpc-02222222222222222";

#[test]
fn b11_an_interface_has_one_group_at_least() {
    let default = SecurityGroup::default_of(&vpc(VPC), group_id(1), rule_ids());
    let known = inventory([default, security_group(2, "web", VPC)]);
    assert_eq!(
        known
            .check_interface_groups(&interface(1, Some(VPC), &[]))
            .unwrap_err()[0]
            .code(),
        "MissingParameter"
    );
    assert_eq!(
        known.default_group(&VpcId::new(VPC)).unwrap().id,
        group_id(1)
    );
    assert_eq!(known.default_group(&VpcId::new(OTHER_VPC)), None);
    known
        .check_interface_groups(&interface(1, Some(VPC), &[group_id(1), group_id(2)]))
        .unwrap();
}

#[test]
fn b12_groups_are_of_the_interfaces_vpc_or_associated_with_it() {
    let mut known = inventory([
        security_group(1, "web", VPC),
        security_group(2, "far", OTHER_VPC),
    ]);
    let mixed = interface(1, Some(VPC), &[group_id(1), group_id(2)]);
    let outcome = known.check_interface_groups(&mixed);
    assert_eq!(outcome.as_ref().unwrap_err()[0].part, Part::Group(1));
    assert_error(
        outcome,
        "InvalidGroup.NotFound",
        "You have specified two resources that belong to different networks.",
    );
    // Where the interface does not say its VPC, its subnet does, or its first group.
    known
        .check_interface_groups(&interface(1, None, &mixed.groups))
        .unwrap_err();
    let placed = NetworkInterface {
        subnet: Some(subnet().id),
        ..interface(1, None, &[group_id(2)])
    };
    known.check_interface_groups(&placed).unwrap();
    known.subnets.insert(subnet().id, subnet());
    known.check_interface_groups(&placed).unwrap_err();
    assert_error(
        known.check_interface_groups(&interface(1, Some(VPC), &[group_id(9)])),
        "InvalidGroup.NotFound",
        "The security group 'sg-00000000000000009' does not exist",
    );
    known.associations.insert(
        (group_id(2), VpcId::new(VPC)),
        AssociationStatus::Associated,
    );
    known.check_interface_groups(&mixed).unwrap();
}

#[test]
fn b13_the_groups_of_an_instance_are_those_of_its_only_interface() {
    let instance = InstanceId::new("i-01234567");
    let attached = |number| NetworkInterface {
        instance: Some(instance.clone()),
        ..interface(number, Some(VPC), &[group_id(1)])
    };
    let mut known = Inventory::default();
    assert_eq!(
        known.interface_of(&instance).unwrap_err().code(),
        "InvalidInstanceID.NotFound"
    );
    let first = attached(1);
    known.interfaces.insert(first.id.clone(), first.clone());
    let loose = interface(3, Some(VPC), &[group_id(1)]);
    known.interfaces.insert(loose.id.clone(), loose);
    assert_eq!(known.interface_of(&instance).unwrap(), &first);
    let second = attached(2);
    known.interfaces.insert(second.id.clone(), second);
    assert_one_error(
        known.interface_of(&instance),
        "InvalidInstanceID",
        "There are multiple interfaces attached to instance 'i-01234567'. Please specify an \
         interface ID for the operation instead.",
    );
}

#[test]
fn c17_resolver_and_router() {
    let net = |text: &str| Vpc {
        cidrs: vec![text.parse().unwrap()],
        ..vpc(VPC)
    };
    assert_eq!(net("10.0.0.0/16").resolver(), Some([10, 0, 0, 2].into()));
    assert_eq!(net("255.255.255.254/31").resolver(), None);
    assert_eq!(net("10.0.0.0/31").resolver(), None);
    assert_eq!(
        Vpc {
            cidrs: Vec::new(),
            ..vpc(VPC)
        }
        .resolver(),
        None
    );
    assert_eq!(subnet().router(), Some([10, 0, 1, 1].into()));
    assert_eq!(
        Subnet {
            cidr: None,
            ..subnet()
        }
        .router(),
        None
    );
}

fn subnet() -> Subnet {
    Subnet {
        id: SubnetId::new("subnet-01234567"),
        vpc: VpcId::new(VPC),
        cidr: Some("10.0.1.0/24".parse().unwrap()),
        ipv6_cidr: Some("2001:db8:0:1::/64".parse().unwrap()),
        availability_zone: None,
        tags: Default::default(),
        origin: None,
    }
}

#[test]
fn e60_the_first_four_addresses_of_a_subnet_and_the_last_are_reserved() {
    let reserved = |text: &str| subnet().is_reserved(text.parse().unwrap());
    for address in [
        "10.0.1.0",
        "10.0.1.1",
        "10.0.1.2",
        "10.0.1.3",
        "10.0.1.255",
        "2001:db8:0:1::3",
    ] {
        assert!(reserved(address), "{address}");
    }
    assert!(reserved("2001:db8:0:1:ffff:ffff:ffff:ffff"));
    for address in [
        "10.0.1.4",
        "10.0.1.254",
        "10.0.2.0",
        "10.0.0.255",
        "2001:db8:0:1::4",
        "::",
    ] {
        assert!(!reserved(address), "{address}");
    }
}

#[test]
fn e60_addresses_lie_in_the_subnet() {
    let addresses: Vec<IpAddr> = [
        "10.0.1.10",
        "10.0.2.10",
        "10.0.1.1",
        "2001:db8:0:1::10",
        "2001:db8:0:2::10",
    ]
    .map(|text| text.parse().unwrap())
    .to_vec();
    let errors = NetworkInterface {
        addresses,
        ..interface(1, Some(VPC), &[])
    }
    .check_addresses(&subnet())
    .unwrap_err();
    let told: Vec<_> = errors
        .iter()
        .map(|error| (error.part, error.to_string()))
        .collect();
    let outside = "Address does not fall within the subnet's address range".to_owned();
    assert_eq!(told[0], (Part::Address(1), outside.clone()));
    assert_eq!(told[1].0, Part::Address(2));
    assert_eq!(told[2], (Part::Address(4), outside));
    assert_eq!(told.len(), 3);
}

#[test]
fn d29_d30_timeouts_have_ranges() {
    let parse = ConnectionTracking::parse;
    let seconds = |n| Some(Duration::from_secs(n));
    assert_eq!(
        parse(Some(60), Some(60), Some(30)).unwrap(),
        ConnectionTracking {
            tcp_established: seconds(60),
            udp_stream: seconds(60),
            udp: seconds(30)
        }
    );
    parse(Some(432_000), Some(180), Some(60)).unwrap();
    assert_eq!(
        parse(None, None, None).unwrap(),
        ConnectionTracking::default()
    );
    for (tcp, stream, udp) in [
        (Some(59), Some(59), Some(29)),
        (Some(432_001), Some(181), Some(61)),
        (Some(-60), Some(i64::MIN), Some(0)),
    ] {
        let errors = parse(tcp, stream, udp).unwrap_err();
        assert!(
            errors
                .iter()
                .all(|error| error.code() == "InvalidParameterValue")
        );
        assert_eq!(
            errors.iter().map(|error| error.part).collect::<Vec<_>>(),
            [
                Part::TcpEstablishedTimeout,
                Part::UdpStreamTimeout,
                Part::UdpTimeout
            ]
        );
    }
}

#[test]
fn d30_what_is_left_out_keeps_its_value() {
    let before = ConnectionTracking::parse(Some(350), None, Some(40)).unwrap();
    let change = ConnectionTracking::parse(None, Some(120), Some(50)).unwrap();
    assert_eq!(
        before.changed_by(change),
        ConnectionTracking::parse(Some(350), Some(120), Some(50)).unwrap()
    );
}

#[test]
fn mac_addresses() {
    let parse = |text: &str| text.parse::<MacAddress>();
    let mac = MacAddress([0x02, 0, 0x5e, 0x10, 0, 0xff]);
    assert_eq!(parse("02:00:5e:10:00:ff").unwrap(), mac);
    assert_eq!(parse("02-00-5E-10-00-FF").unwrap(), mac);
    assert_eq!(mac.to_string(), "02:00:5e:10:00:ff");
    for bad in [
        "",
        "02:00:5e:10:00",
        "02:00:5e:10:00:ff:00",
        "2:0:5e:10:0:ff",
        "02:00:5e:10:00:fg",
        "02:00-5e:10:00:ff",
        "+2:00:5e:10:00:ff",
        "02005e1000ff",
    ] {
        parse(bad).unwrap_err();
    }
}

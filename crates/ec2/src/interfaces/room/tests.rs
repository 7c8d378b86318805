use secgroup_model::{NetworkInterface, NetworkInterfaceId, SubnetId, Tags, VpcId};

use super::*;

/// 10.0.0.0/26 and 2001:db8::/64.
fn subnet() -> Subnet {
    Subnet {
        id: SubnetId::new("subnet-1"),
        vpc: VpcId::new("vpc-1"),
        cidr: Some("10.0.0.0/26".parse().unwrap()),
        ipv6_cidr: Some("2001:db8::/64".parse().unwrap()),
        availability_zone: None,
        tags: Tags::new(),
        origin: None,
    }
}

fn room() -> Room {
    Room::of(&Inventory::default(), &subnet())
}

fn addresses(texts: &[&str]) -> Share {
    Share::Addresses(texts.iter().map(|text| text.parse().unwrap()).collect())
}

fn prefixes(texts: &[&str]) -> Share {
    Share::Prefixes(texts.iter().map(|text| text.parse().unwrap()).collect())
}

fn take(room: &mut Room, family: Family, share: &Share) -> Vec<String> {
    let granted = room.take(family, share).unwrap();
    let addresses = granted.addresses.iter().map(ToString::to_string);
    let prefixes = granted.prefixes.iter().map(ToString::to_string);
    addresses.chain(prefixes).collect()
}

fn fails(room: &mut Room, family: Family, share: &Share) -> ErrorCode {
    room.take(family, share).unwrap_err().code
}

#[test]
fn any_address_is_the_first_that_is_free() {
    let mut room = room();
    take(&mut room, Family::V4, &addresses(&["10.0.0.5"]));
    let any = Share::AnyAddresses(2);
    // E60: the first four are reserved.
    assert_eq!(take(&mut room, Family::V4, &any), ["10.0.0.4", "10.0.0.6"]);
    assert_eq!(
        take(&mut room, Family::V6, &any),
        ["2001:db8::4", "2001:db8::5"]
    );
}

#[test]
fn a_search_steps_over_prefixes_and_prefixes_over_addresses() {
    let mut room = room();
    take(&mut room, Family::V4, &addresses(&["10.0.0.17"]));
    // Neither the block of the reserved addresses nor that of 10.0.0.17; and the last one ends in a reserved address.
    assert_eq!(
        take(&mut room, Family::V4, &Share::AnyPrefixes(1)),
        ["10.0.0.32/28"]
    );
    assert_eq!(
        fails(&mut room, Family::V4, &Share::AnyPrefixes(1)),
        ErrorCode::InsufficientCidrBlocks
    );
    let rest = take(&mut room, Family::V4, &Share::AnyAddresses(12 + 15 + 15));
    assert!(rest.contains(&"10.0.0.31".to_owned()));
    assert!(rest.contains(&"10.0.0.48".to_owned()));
    assert!(rest.iter().all(|it| it != "10.0.0.32" && it != "10.0.0.47"));
    assert_eq!(
        fails(&mut room, Family::V4, &Share::AnyAddresses(1)),
        ErrorCode::InsufficientFreeAddressesInSubnet
    );
    assert_eq!(
        take(&mut room, Family::V6, &Share::AnyPrefixes(2)),
        ["2001:db8:0:0:1::/80", "2001:db8:0:0:2::/80"]
    );
}

#[test]
fn what_is_wanted_is_free_not_reserved_and_of_the_subnet() {
    let mut room = room();
    take(&mut room, Family::V4, &prefixes(&["10.0.0.16/28"]));
    for (share, code) in [
        (addresses(&["10.0.0.3"]), ErrorCode::InvalidParameterValue),
        (addresses(&["10.0.0.63"]), ErrorCode::InvalidParameterValue),
        (addresses(&["10.0.1.4"]), ErrorCode::InvalidParameterValue),
        (addresses(&["10.0.0.20"]), ErrorCode::InvalidIpAddressInUse),
        (
            addresses(&["10.0.0.9", "10.0.0.9"]),
            ErrorCode::InvalidIpAddressInUse,
        ),
        (
            prefixes(&["10.0.0.16/28"]),
            ErrorCode::InvalidIpAddressInUse,
        ),
        (prefixes(&["10.0.0.0/28"]), ErrorCode::InvalidParameterValue),
        (
            prefixes(&["10.0.0.48/28"]),
            ErrorCode::InvalidParameterValue,
        ),
        (
            prefixes(&["10.0.0.32/29"]),
            ErrorCode::InvalidParameterValue,
        ),
        (
            prefixes(&["10.0.0.33/28"]),
            ErrorCode::InvalidParameterValue,
        ),
        (prefixes(&["10.0.9.0/28"]), ErrorCode::InvalidParameterValue),
    ] {
        assert_eq!(fails(&mut room, Family::V4, &share), code, "{share:?}");
    }
}

#[test]
fn what_interfaces_of_the_vpc_have_is_taken() {
    let mut interface = NetworkInterface::new(
        NetworkInterfaceId::new("eni-1"),
        Vec::new(),
        vec!["10.0.0.4".parse().unwrap()],
    );
    interface.subnet = Some(subnet().id);
    interface.prefixes = vec!["10.0.0.16/28".parse().unwrap()];
    let mut inventory = Inventory::default();
    inventory.subnets.insert(subnet().id, subnet());
    inventory.interfaces.insert(interface.id.clone(), interface);
    let mut room = Room::of(&inventory, &subnet());
    assert_eq!(
        take(&mut room, Family::V4, &Share::AnyAddresses(1)),
        ["10.0.0.5"]
    );
    assert_eq!(
        take(&mut room, Family::V4, &Share::AnyPrefixes(1)),
        ["10.0.0.32/28"]
    );
}

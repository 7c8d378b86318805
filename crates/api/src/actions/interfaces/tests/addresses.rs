//! E45, E47, E60.

use super::{add_ipv6, addresses, create, refused};
use crate::testing::Bench;

#[test]
fn addresses_are_those_wanted_or_the_first_free_ones() {
    let mut bench = Bench::new();
    let id = create(
        &mut bench,
        "&PrivateIpAddresses.1.PrivateIpAddress=172.31.0.9&PrivateIpAddresses.1.Primary=false\
         &PrivateIpAddresses.2.PrivateIpAddress=172.31.0.8&PrivateIpAddresses.2.Primary=true",
    );
    assert_eq!(addresses(&bench.state, &id), ["172.31.0.8", "172.31.0.9"]);
    let id = create(
        &mut bench,
        "&PrivateIpAddress=172.31.0.5&SecondaryPrivateIpAddressCount=2",
    );
    assert_eq!(
        addresses(&bench.state, &id),
        ["172.31.0.5", "172.31.0.4", "172.31.0.6"]
    );
}

#[test]
fn an_address_is_free_in_the_subnet_and_not_reserved() {
    let mut bench = Bench::new();
    create(&mut bench, "");
    for (address, code, message) in [
        ("172.31.0.4", "InvalidIPAddress.InUse", "Address is in use."),
        (
            "172.31.16.4",
            "InvalidParameterValue",
            "Address does not fall within the subnet's address range",
        ),
        (
            "172.31.0.3",
            "InvalidParameterValue",
            "Address 172.31.0.3 is in subnet's reserved address range",
        ),
        (
            "172.31.15.255",
            "InvalidParameterValue",
            "Address 172.31.15.255 is in subnet's reserved address range",
        ),
        (
            "::1",
            "InvalidParameterValue",
            "invalid value for parameter address: [::1]",
        ),
    ] {
        let error = refused(&mut bench, &format!("&PrivateIpAddress={address}"));
        assert_eq!(error, (code, message.to_owned()), "{address}");
    }
}

#[test]
fn one_kind_is_asked_for_at_a_time() {
    let mut bench = Bench::new();
    for more in [
        "&SecondaryPrivateIpAddressCount=1&Ipv4PrefixCount=1",
        "&PrivateIpAddresses.1.PrivateIpAddress=172.31.0.9&SecondaryPrivateIpAddressCount=1",
        "&Ipv6AddressCount=1&Ipv6Addresses.1.Ipv6Address=2001:db8::9",
        "&PrivateIpAddress=172.31.0.8&PrivateIpAddresses.1.PrivateIpAddress=172.31.0.9&PrivateIpAddresses.1.Primary=true",
    ] {
        assert_eq!(
            refused(&mut bench, more).0,
            "InvalidParameterCombination",
            "{more}"
        );
    }
    create(
        &mut bench,
        "&SecondaryPrivateIpAddressCount=1&Ipv6AddressCount=0",
    );
}

#[test]
fn an_interface_has_a_bounded_number_of_addresses() {
    let mut bench = Bench::new();
    let id = create(&mut bench, "&SecondaryPrivateIpAddressCount=48");
    let assign = format!("Action=AssignPrivateIpAddresses&NetworkInterfaceId={id}");
    bench.ok(&format!("{assign}&SecondaryPrivateIpAddressCount=1"));
    let (code, _) = bench.fails(&format!("{assign}&Ipv4PrefixCount=1"));
    assert_eq!(code, "PrivateIpAddressLimitExceeded");
    let (code, _) = refused(&mut bench, "&SecondaryPrivateIpAddressCount=4000000000");
    assert_eq!(code, "PrivateIpAddressLimitExceeded");
}

#[test]
fn ipv6_is_had_where_the_subnet_has_it() {
    let mut bench = Bench::new();
    assert_eq!(
        refused(&mut bench, "&Ipv6AddressCount=1").0,
        "InvalidParameterValue"
    );
    add_ipv6(&mut bench);
    let id = create(&mut bench, "&Ipv6Addresses.1.Ipv6Address=2001:DB8:0::5");
    assert_eq!(addresses(&bench.state, &id), ["172.31.0.4", "2001:db8::5"]);
    let assign = format!("Action=AssignIpv6Addresses&NetworkInterfaceId={id}");
    let answer = bench.ok(&format!("{assign}&Ipv6AddressCount=2"));
    let given: Vec<_> = answer
        .items("assignedIpv6Addresses")
        .iter()
        .map(|it| &it.text)
        .collect();
    assert_eq!(given, ["2001:db8::4", "2001:db8::6"]);
    let answer = bench.ok(&format!("{assign}&Ipv6PrefixCount=1"));
    assert_eq!(
        answer.text("assignedIpv6PrefixSet/item"),
        "2001:db8:0:0:1::/80"
    );
    let in_use = bench.fails(&format!("{assign}&Ipv6Addresses.1=2001:db8:0:0:1::9"));
    assert_eq!(in_use.0, "InvalidIPAddress.InUse");
    let refused = bench.fails(&format!("{assign}&Ipv6Addresses.1=10.0.0.1"));
    assert_eq!(refused.0, "InvalidParameterValue");
    let unassign = format!("Action=UnassignIpv6Addresses&NetworkInterfaceId={id}");
    let both = format!("{unassign}&Ipv6Addresses.1=2001:db8::6&Ipv6Prefix.1=2001:db8:0:0:1::/80");
    let answer = bench.ok(&both);
    assert_eq!(answer.text("networkInterfaceId"), id);
    assert_eq!(answer.text("unassignedIpv6Addresses/item"), "2001:db8::6");
    assert_eq!(
        answer.text("unassignedIpv6PrefixSet/item"),
        "2001:db8:0:0:1::/80"
    );
    assert_eq!(
        addresses(&bench.state, &id),
        ["172.31.0.4", "2001:db8::5", "2001:db8::4"]
    );
    assert_eq!(bench.fails(&both).0, "InvalidParameterValue");
    assert_eq!(bench.fails(&unassign).0, "MissingParameter");
    assert_eq!(bench.fails(&assign).0, "MissingParameter");
}

#[test]
fn secondary_addresses_come_and_go_and_the_primary_one_stays() {
    let mut bench = Bench::new();
    let id = create(&mut bench, "");
    let assign = format!("Action=AssignPrivateIpAddresses&NetworkInterfaceId={id}");
    assert_eq!(bench.fails(&assign).0, "MissingParameter");
    let answer = bench.ok(&format!(
        "{assign}&PrivateIpAddress.1=172.31.0.9&PrivateIpAddress.2=172.31.1.1"
    ));
    assert_eq!(answer.text("networkInterfaceId"), id);
    assert_eq!(
        answer.texts("assignedPrivateIpAddressesSet", "privateIpAddress"),
        ["172.31.0.9", "172.31.1.1"]
    );
    let answer = bench.ok(&format!("{assign}&Ipv4Prefix.1=172.31.2.0%2F28"));
    assert_eq!(
        answer.text("assignedIpv4PrefixSet/item/ipv4Prefix"),
        "172.31.2.0/28"
    );
    let answer = bench.ok("Action=DescribeNetworkInterfaces");
    assert_eq!(
        answer.texts("networkInterfaceSet/item/privateIpAddressesSet", "primary"),
        ["true", "false", "false"]
    );
    assert_eq!(
        answer.text("networkInterfaceSet/item/ipv4PrefixSet/item/ipv4Prefix"),
        "172.31.2.0/28"
    );
    let unassign = format!("Action=UnassignPrivateIpAddresses&NetworkInterfaceId={id}");
    assert_eq!(bench.fails(&unassign).0, "MissingParameter");
    for address in ["172.31.0.4", "172.31.0.77"] {
        let (code, message) = bench.fails(&format!("{unassign}&PrivateIpAddress.1={address}"));
        assert_eq!(code, "InvalidParameterValue");
        assert!(message.contains(address), "{message}");
    }
    bench.ok(&format!(
        "{unassign}&PrivateIpAddress.1=172.31.0.9&Ipv4Prefix.1=172.31.2.0%2F28"
    ));
    assert_eq!(addresses(&bench.state, &id), ["172.31.0.4", "172.31.1.1"]);
}

#[test]
fn a_secondary_address_may_be_moved_if_that_is_said() {
    let mut bench = Bench::new();
    let one = create(
        &mut bench,
        "&PrivateIpAddress=172.31.0.8&SecondaryPrivateIpAddressCount=1",
    );
    let other = create(&mut bench, "");
    assert_eq!(addresses(&bench.state, &one), ["172.31.0.8", "172.31.0.4"]);
    let assign =
        format!("Action=AssignPrivateIpAddresses&NetworkInterfaceId={other}&PrivateIpAddress.1=");
    assert_eq!(
        bench.fails(&format!("{assign}172.31.0.4")).0,
        "InvalidIPAddress.InUse"
    );
    let primary = format!("{assign}172.31.0.8&AllowReassignment=true");
    assert_eq!(bench.fails(&primary).0, "InvalidIPAddress.InUse");
    bench.ok(&format!("{assign}172.31.0.4&AllowReassignment=true"));
    assert_eq!(addresses(&bench.state, &one), ["172.31.0.8"]);
    assert_eq!(
        addresses(&bench.state, &other),
        ["172.31.0.5", "172.31.0.4"]
    );
    // Once more: it is there already.
    bench.ok(&format!("{assign}172.31.0.4&AllowReassignment=true"));
    assert_eq!(
        addresses(&bench.state, &other),
        ["172.31.0.5", "172.31.0.4"]
    );
}

/// The list is counted before anything is looked for: here the first address could not be moved.
#[test]
fn more_addresses_than_an_interface_can_have_are_not_looked_for() {
    let mut bench = Bench::new();
    create(&mut bench, "&PrivateIpAddress=172.31.0.8");
    let other = create(&mut bench, "");
    let mut assign = format!(
        "Action=AssignPrivateIpAddresses&NetworkInterfaceId={other}&AllowReassignment=true\
         &PrivateIpAddress.1=172.31.0.8"
    );
    assert_eq!(bench.fails(&assign).0, "InvalidIPAddress.InUse");
    for number in 2..=51 {
        assign += &format!("&PrivateIpAddress.{number}=172.31.1.{number}");
    }
    assert_eq!(bench.fails(&assign).0, "PrivateIpAddressLimitExceeded");
}

//! E19 to E21, E25, E26, E46.

use super::{add_ipv6, create, group, launch};
use crate::testing::{Bench, OTHER_ACCOUNT};

/// The ids that a call lists.
fn listed(bench: &mut Bench, more: &str) -> Vec<String> {
    let answer = bench.ok(&format!("Action=DescribeNetworkInterfaces{more}"));
    let ids = answer.texts("networkInterfaceSet", "networkInterfaceId");
    ids.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_filter_finds_what_it_asks_for_and_nothing_else() {
    let mut bench = Bench::new();
    add_ipv6(&mut bench);
    let web = group(&mut bench, "web");
    let (vpc, subnet) = (bench.vpc(), bench.subnet());
    let wanted = create(
        &mut bench,
        &format!(
            "&SecurityGroupId.1={web}&Description=wanted&PrivateIpAddress=172.31.0.50&Ipv6Addresses.1.Ipv6Address=2001:db8::50\
             &SecondaryPrivateIpAddressCount=1\
             &TagSpecification.1.ResourceType=network-interface&TagSpecification.1.Tag.1.Key=Tier&TagSpecification.1.Tag.1.Value=web"
        ),
    );
    let zone_b = "Action=RunInstances&ImageId=ami-1&MinCount=1&MaxCount=1&Placement.AvailabilityZone=us-east-1b";
    bench.ok(zone_b);
    let instance = launch(&mut bench);
    let attach = format!(
        "Action=AttachNetworkInterface&NetworkInterfaceId={wanted}&InstanceId={instance}&DeviceIndex=3"
    );
    let attachment = bench.ok(&attach).text("attachmentId").to_owned();
    let off = "&SourceDestCheck.Value=false";
    bench.ok(&format!(
        "Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId={wanted}{off}"
    ));
    create(&mut bench, "&Description=free");
    let all = listed(&mut bench, "");
    assert_eq!(all.len(), 4);
    let answer = bench.ok(&format!(
        "Action=DescribeNetworkInterfaces&NetworkInterfaceId.1={wanted}"
    ));
    let mac = answer
        .text("networkInterfaceSet/item/macAddress")
        .to_owned();
    let zone_id = answer
        .text("networkInterfaceSet/item/availabilityZoneId")
        .to_owned();

    // The filter, its value, and how many it finds: `wanted` always among them, and never all unless all have it.
    for (filter, value, count) in [
        ("addresses.primary", "false", 1),
        ("addresses.private-ip-address", "172.31.0.4", 1),
        ("attachment.attach-time", "2025-01-01T*", 3),
        ("attachment.attachment-id", &attachment, 1),
        ("attachment.delete-on-termination", "false", 1),
        ("attachment.device-index", "3", 1),
        ("attachment.instance-id", &instance, 2),
        ("attachment.instance-owner-id", crate::testing::ACCOUNT, 3),
        ("attachment.status", "attached", 3),
        ("availability-zone", "us-east-1a", 3),
        ("availability-zone-id", &zone_id, 3),
        ("description", "want*", 1),
        ("group-id", &web, 1),
        ("group-name", "web", 1),
        ("interface-type", "interface", 4),
        ("ipv6-addresses.ipv6-address", "2001:db8::50", 1),
        ("mac-address", &mac, 1),
        ("network-interface-id", &wanted, 1),
        ("operator.managed", "false", 4),
        ("owner-id", crate::testing::ACCOUNT, 4),
        ("private-dns-name", "ip-172-31-0-50.ec2.internal", 1),
        ("private-ip-address", "172.31.0.50", 1),
        ("requester-managed", "false", 4),
        ("source-dest-check", "false", 1),
        ("status", "in-use", 3),
        ("subnet-id", &subnet, 3),
        ("tag:Tier", "web", 1),
        ("tag-key", "Tier", 1),
        ("vpc-id", &vpc, 4),
    ] {
        let found = listed(
            &mut bench,
            &format!("&Filter.1.Name={filter}&Filter.1.Value.1={value}"),
        );
        assert_eq!(found.len(), count, "{filter}");
        assert!(found.contains(&wanted), "{filter}");
        let none = listed(
            &mut bench,
            &format!("&Filter.1.Name={filter}&Filter.1.Value.1=none"),
        );
        assert!(none.is_empty(), "{filter}");
    }
    // There are no public addresses.
    for filter in ["association.public-ip", "addresses.association.public-ip"] {
        let found = listed(
            &mut bench,
            &format!("&Filter.1.Name={filter}&Filter.1.Value.1=*"),
        );
        assert!(found.is_empty(), "{filter}");
    }
    let available = listed(
        &mut bench,
        "&Filter.1.Name=status&Filter.1.Value.1=available",
    );
    assert_eq!(available.len(), 1);
}

#[test]
fn a_filter_that_there_is_not_is_an_error() {
    let mut bench = Bench::new();
    let form = "Action=DescribeNetworkInterfaces&Filter.1.Name=colour&Filter.1.Value.1=red";
    let (code, message) = bench.fails(form);
    assert_eq!(code, "InvalidParameterValue");
    assert_eq!(message, "The filter 'colour' is invalid");
}

#[test]
fn one_that_is_not_known_fails_the_whole() {
    let mut bench = Bench::new();
    let id = create(&mut bench, "");
    let form = format!(
        "Action=DescribeNetworkInterfaces&NetworkInterfaceId.1={id}&NetworkInterfaceId.2=eni-00000000000000bad"
    );
    assert_eq!(bench.fails(&form).0, "InvalidNetworkInterfaceID.NotFound");
    let malformed = "Action=DescribeNetworkInterfaces&NetworkInterfaceId.1=eni";
    assert_eq!(
        bench.fails(malformed).0,
        "InvalidNetworkInterfaceId.Malformed"
    );
    bench.log_in(OTHER_ACCOUNT);
    assert!(listed(&mut bench, "").is_empty());
}

#[test]
fn pages_together_are_the_list() {
    let mut bench = Bench::new();
    let mut all: Vec<_> = (0..12).map(|_| create(&mut bench, "")).collect();
    all.sort();
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let form = format!("Action=DescribeNetworkInterfaces&MaxResults=5{token}");
        let answer = bench.ok(&form);
        let ids = answer.texts("networkInterfaceSet", "networkInterfaceId");
        seen.extend(ids.into_iter().map(str::to_owned));
        match answer.at("nextToken") {
            Some(next) => token = format!("&NextToken={}", next.text),
            None => break,
        }
    }
    assert_eq!(seen, all);
    for (bad, code) in [
        ("MaxResults=4".to_owned(), "InvalidParameterValue"),
        ("MaxResults=1001".to_owned(), "InvalidParameterValue"),
        (
            format!("MaxResults=5&NetworkInterfaceId.1={}", all[0]),
            "InvalidParameterCombination",
        ),
        ("NextToken=x".to_owned(), "InvalidNextToken"),
    ] {
        let (found, _) = bench.fails(&format!("Action=DescribeNetworkInterfaces&{bad}"));
        assert_eq!(found, code, "{bad}");
    }
}

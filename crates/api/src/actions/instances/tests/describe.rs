//! `DescribeInstances` and `DescribeInstanceStatus`.

use super::{change, group, launch, one};
use crate::testing::{Bench, Element, OTHER_ACCOUNT};

fn ids(answer: &Element) -> Vec<String> {
    let reservations = answer.items("reservationSet").iter();
    let ids = reservations.flat_map(|it| it.texts("instancesSet", "instanceId"));
    ids.map(str::to_owned).collect()
}

fn found(bench: &mut Bench, filter: &str, value: &str) -> Vec<String> {
    let form = format!("Action=DescribeInstances&Filter.1.Name={filter}&Filter.1.Value.1={value}");
    ids(&bench.ok(&form))
}

#[test]
fn instances_of_a_launch_are_together() {
    let mut bench = Bench::new();
    launch(&mut bench, "&MinCount=2&MaxCount=2");
    launch(&mut bench, "&MinCount=1&MaxCount=1");
    let answer = bench.ok("Action=DescribeInstances");
    let mut sizes: Vec<_> = answer
        .items("reservationSet")
        .iter()
        .map(|it| it.items("instancesSet").len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2]);
    bench.log_in(OTHER_ACCOUNT);
    assert!(
        bench
            .ok("Action=DescribeInstances")
            .items("reservationSet")
            .is_empty()
    );
}

#[test]
fn every_filter_finds_what_it_asks_for_and_nothing_else() {
    let mut bench = Bench::new();
    let web = group(&mut bench, "web");
    let wanted = one(
        &mut bench,
        &format!(
            "&SecurityGroupId.1={web}&InstanceType=t3.nano&KeyName=k&PrivateIpAddress=172.31.0.50\
             &TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Tier&TagSpecification.1.Tag.1.Value=web\
             &TagSpecification.2.ResourceType=network-interface&TagSpecification.2.Tag.1.Key=Eth&TagSpecification.2.Tag.1.Value=0"
        ),
    );
    one(&mut bench, "&Placement.AvailabilityZone=us-east-1b");
    let stopped = one(&mut bench, "");
    change(&mut bench, "StopInstances", &stopped);
    let (vpc, subnet) = (bench.vpc(), bench.subnet());
    let answer = bench.ok(&format!("Action=DescribeInstances&InstanceId.1={wanted}"));
    let reservation = answer.text("reservationSet/item/reservationId").to_owned();
    let instance = answer.at("reservationSet/item/instancesSet/item").unwrap();
    let zone_id = instance.text("placement/availabilityZoneId").to_owned();
    let eth = instance.at("networkInterfaceSet/item").unwrap();
    let (interface, mac) = (eth.text("networkInterfaceId"), eth.text("macAddress"));
    for (filter, value, count) in [
        ("availability-zone", "us-east-1a", 2),
        ("availability-zone-id", &zone_id, 2),
        ("image-id", "ami-1", 3),
        ("instance-id", &wanted, 1),
        ("instance-state-code", "16", 2),
        ("instance-state-name", "running", 2),
        ("instance-type", "t3.*", 1),
        ("instance.group-id", &web, 1),
        ("instance.group-name", "web", 1),
        ("key-name", "k", 1),
        ("launch-index", "0", 3),
        ("launch-time", "2025-01-01T*", 3),
        ("monitoring-state", "disabled", 3),
        ("owner-id", crate::testing::ACCOUNT, 3),
        ("private-dns-name", "ip-172-31-0-50.ec2.internal", 1),
        ("private-ip-address", "172.31.0.50", 1),
        ("reservation-id", &reservation, 1),
        ("source-dest-check", "true", 3),
        ("subnet-id", &subnet, 2),
        ("tag:Tier", "web", 1),
        ("tag-key", "Tier", 1),
        ("tenancy", "default", 3),
        ("vpc-id", &vpc, 3),
        (
            "network-interface.addresses.private-ip-address",
            "172.31.0.50",
            1,
        ),
        ("network-interface.group-id", &web, 1),
        ("network-interface.mac-address", mac, 1),
        ("network-interface.network-interface-id", interface, 1),
        ("network-interface.tag-key", "Eth", 1),
        ("network-interface.tag-value", "0", 1),
        ("network-interface.attachment.device-index", "0", 3),
    ] {
        let ids = found(&mut bench, filter, value);
        assert_eq!(ids.len(), count, "{filter}");
        assert!(ids.contains(&wanted), "{filter}");
        assert!(found(&mut bench, filter, "none").is_empty(), "{filter}");
    }
    let reason = "Client.UserInitiatedShutdown";
    assert_eq!(found(&mut bench, "state-reason-code", reason), [stopped]);
    assert!(found(&mut bench, "ip-address", "*").is_empty());
    let unknown = "Action=DescribeInstances&Filter.1.Name=colour&Filter.1.Value.1=x";
    assert_eq!(bench.fails(unknown).0, "InvalidParameterValue");
}

#[test]
fn pages_together_are_the_list() {
    let mut bench = Bench::new();
    launch(&mut bench, "&MinCount=8&MaxCount=8");
    launch(&mut bench, "&MinCount=4&MaxCount=4");
    let all = ids(&bench.ok("Action=DescribeInstances"));
    assert_eq!(all.len(), 12);
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let answer = bench.ok(&format!("Action=DescribeInstances&MaxResults=5{token}"));
        seen.extend(ids(&answer));
        match answer.at("nextToken") {
            Some(next) => token = format!("&NextToken={}", next.text),
            None => break,
        }
    }
    assert_eq!(seen, all);
    let both = format!(
        "Action=DescribeInstances&MaxResults=5&InstanceId.1={}",
        all[0]
    );
    assert_eq!(bench.fails(&both).0, "InvalidParameterCombination");
    assert_eq!(
        bench.fails("Action=DescribeInstances&MaxResults=4").0,
        "InvalidParameterValue"
    );
}

#[test]
fn an_instance_is_well_as_long_as_it_runs() {
    let mut bench = Bench::new();
    let (running, stopped) = (one(&mut bench, ""), one(&mut bench, ""));
    change(&mut bench, "StopInstances", &stopped);
    let answer = bench.ok("Action=DescribeInstanceStatus");
    assert_eq!(
        answer.texts("instanceStatusSet", "instanceId"),
        [running.as_str()]
    );
    for status in ["instanceStatus", "systemStatus"] {
        let status = answer
            .at(&format!("instanceStatusSet/item/{status}"))
            .unwrap();
        assert_eq!(status.text("status"), "ok");
        assert_eq!(status.text("details/item/status"), "passed");
    }
    let all = "Action=DescribeInstanceStatus&IncludeAllInstances=true";
    assert_eq!(bench.ok(all).items("instanceStatusSet").len(), 2);
    for (filter, value) in [
        ("instance-state-name", "stopped"),
        ("instance-state-code", "80"),
        ("instance-status.status", "not-applicable"),
        ("system-status.status", "not-applicable"),
    ] {
        let form = format!("{all}&Filter.1.Name={filter}&Filter.1.Value.1={value}");
        let answer = bench.ok(&form);
        assert_eq!(
            answer.texts("instanceStatusSet", "instanceId"),
            [stopped.as_str()],
            "{filter}"
        );
    }
    for filter in ["instance-status.reachability", "system-status.reachability"] {
        let form = format!("{all}&Filter.1.Name={filter}&Filter.1.Value.1=passed");
        let answer = bench.ok(&form);
        assert_eq!(
            answer.texts("instanceStatusSet", "instanceId"),
            [running.as_str()],
            "{filter}"
        );
    }
    let unknown = "Action=DescribeInstanceStatus&InstanceId.1=i-00000000000000bad";
    assert_eq!(bench.fails(unknown).0, "InvalidInstanceID.NotFound");
}

//! `RunInstances`.

use secgroup_model::{Subnet, SubnetId};

use super::{group, interface, launch, one, refused};
use crate::testing::Bench;

#[test]
fn a_launch_makes_instances_with_one_interface_each() {
    let mut bench = Bench::new();
    let answer = launch(
        &mut bench,
        "&MinCount=2&MaxCount=2&InstanceType=t3.micro&KeyName=k&UserData=eA%3D%3D&Monitoring.Enabled=true\
         &TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=web\
         &TagSpecification.2.ResourceType=network-interface&TagSpecification.2.Tag.1.Key=Name&TagSpecification.2.Tag.1.Value=eth\
         &TagSpecification.3.ResourceType=volume&TagSpecification.3.Tag.1.Key=Name&TagSpecification.3.Tag.1.Value=disk",
    );
    assert!(answer.text("reservationId").starts_with("r-0"));
    assert_eq!(answer.text("ownerId"), crate::testing::ACCOUNT);
    assert!(answer.items("groupSet").is_empty());
    assert_eq!(answer.texts("instancesSet", "amiLaunchIndex"), ["0", "1"]);
    assert_eq!(
        answer.texts("instancesSet", "privateIpAddress"),
        ["172.31.0.4", "172.31.0.5"]
    );
    let (subnet, vpc) = (bench.subnet(), bench.vpc());
    let instance = &answer.items("instancesSet")[1];
    for (tag, value) in [
        ("imageId", "ami-1"),
        ("instanceState/code", "16"),
        ("instanceState/name", "running"),
        ("instanceType", "t3.micro"),
        ("keyName", "k"),
        ("launchTime", "2025-01-01T00:00:00.000Z"),
        ("placement/availabilityZone", "us-east-1a"),
        ("privateDnsName", "ip-172-31-0-5.ec2.internal"),
        ("subnetId", &subnet),
        ("vpcId", &vpc),
        ("sourceDestCheck", "true"),
        ("groupSet/item/groupName", "default"),
        ("tagSet/item/value", "web"),
        ("networkInterfaceSet/item/privateIpAddress", "172.31.0.5"),
        ("networkInterfaceSet/item/status", "in-use"),
        ("networkInterfaceSet/item/attachment/deviceIndex", "0"),
        (
            "networkInterfaceSet/item/attachment/deleteOnTermination",
            "true",
        ),
        (
            "networkInterfaceSet/item/groupSet/item/groupName",
            "default",
        ),
    ] {
        assert_eq!(instance.text(tag), value, "{tag}");
    }
    let interfaces = bench.state.inventory.interfaces.values();
    assert!(interfaces.clone().all(|it| it.tags["Name"] == "eth"));
    assert_eq!(interfaces.count(), 2);
}

#[test]
fn the_same_call_again_launches_nothing() {
    let mut bench = Bench::new();
    let first = one(&mut bench, "&ClientToken=t");
    assert_eq!(one(&mut bench, "&ClientToken=t"), first);
    assert_eq!(bench.state.instances.len(), 1);
    let (code, _) = refused(&mut bench, "&MinCount=1&MaxCount=2&ClientToken=t");
    assert_eq!(code, "IdempotentParameterMismatch");
}

#[test]
fn groups_come_by_id_or_by_name_in_the_default_vpc() {
    let mut bench = Bench::new();
    let (web, db) = (group(&mut bench, "web"), group(&mut bench, "db"));
    let answer = launch(
        &mut bench,
        &format!("&MinCount=1&MaxCount=1&SecurityGroupId.1={db}&SecurityGroup.1=web"),
    );
    let groups = answer.texts("instancesSet/item/groupSet", "groupId");
    assert_eq!(groups, [db.as_str(), &web]);
    let one = "&MinCount=1&MaxCount=1";
    let (code, message) = refused(&mut bench, &format!("{one}&SecurityGroup.1=none"));
    assert_eq!(code, "InvalidGroup.NotFound");
    let vpc = bench.vpc();
    assert_eq!(
        message,
        format!("The security group 'none' does not exist in default VPC '{vpc}'")
    );
    let subnet = bench.subnet();
    let (code, message) = refused(
        &mut bench,
        &format!("{one}&SubnetId={subnet}&SecurityGroup.1=web"),
    );
    assert_eq!(code, "InvalidParameterCombination");
    assert_eq!(
        message,
        "The parameter groupName cannot be used with the parameter subnet"
    );
}

#[test]
fn as_many_are_launched_as_there_are_addresses_for() {
    let mut bench = Bench::new();
    let subnet = SubnetId::new(&bench.subnet());
    drop(bench.edit(|edit| {
        // 16 addresses, of which five are reserved (E60).
        let range = "172.31.0.0/28".parse().unwrap();
        edit.get_mut::<Subnet>(&subnet).unwrap().cidr = Some(range);
    }));
    let at = format!("&SubnetId={subnet}");
    let (code, _) = refused(&mut bench, &format!("&MinCount=12&MaxCount=20{at}"));
    assert_eq!(code, "InsufficientFreeAddressesInSubnet");
    let answer = launch(&mut bench, &format!("&MinCount=2&MaxCount=20{at}"));
    assert_eq!(answer.items("instancesSet").len(), 11);
    assert_eq!(bench.state.inventory.interfaces.len(), 11);
    assert_eq!(bench.state.attachments.len(), 11);
}

#[test]
fn numbers_have_to_make_sense() {
    let mut bench = Bench::new();
    for (more, code) in [
        ("", "MissingParameter"),
        ("&MinCount=1", "MissingParameter"),
        ("&MinCount=0&MaxCount=1", "InvalidParameterValue"),
        ("&MinCount=2&MaxCount=1", "InvalidParameterValue"),
        ("&MinCount=-1&MaxCount=1", "InvalidParameterValue"),
        ("&MinCount=1&MaxCount=501", "InstanceLimitExceeded"),
        (
            "&MinCount=1&MaxCount=2&PrivateIpAddress=172.31.0.9",
            "InvalidParameterCombination",
        ),
        (
            "&MinCount=1&MaxCount=1&PrivateIpAddress=172.31.0.1",
            "InvalidParameterValue",
        ),
        (
            "&MinCount=1&MaxCount=1&Placement.AvailabilityZone=us-east-1x",
            "MissingInput",
        ),
        (
            "&MinCount=1&MaxCount=1&SubnetId=subnet-00000000000000bad",
            "InvalidSubnetID.NotFound",
        ),
        (
            "&MinCount=1&MaxCount=1&LaunchTemplate.LaunchTemplateName=x",
            "UnsupportedOperation",
        ),
        (
            "&MinCount=1&MaxCount=1&DisableApiTermination=true",
            "UnsupportedOperation",
        ),
        ("&MinCount=1&MaxCount=1&Colour=red", "UnknownParameter"),
        ("&MinCount=1&MaxCount=1&DryRun=true", "DryRunOperation"),
    ] {
        assert_eq!(refused(&mut bench, more).0, code, "{more}");
    }
    let no_image = bench.fails("Action=RunInstances&MinCount=1&MaxCount=1");
    assert_eq!(
        no_image,
        (
            "MissingParameter",
            "The request must contain the parameter ImageId".to_owned()
        )
    );
}

#[test]
fn interfaces_are_made_or_taken_as_they_are_listed() {
    let mut bench = Bench::new();
    let (known, web, subnet) = (
        interface(&mut bench),
        group(&mut bench, "web"),
        bench.subnet(),
    );
    let answer = launch(
        &mut bench,
        &format!(
            "&MinCount=1&MaxCount=1&NetworkInterface.1.DeviceIndex=1&NetworkInterface.1.NetworkInterfaceId={known}\
             &NetworkInterface.2.DeviceIndex=0&NetworkInterface.2.SubnetId={subnet}&NetworkInterface.2.SecurityGroupId.1={web}\
             &NetworkInterface.2.PrivateIpAddress=172.31.0.77&NetworkInterface.2.Description=first\
             &NetworkInterface.2.AssociatePublicIpAddress=true&NetworkInterface.2.DeleteOnTermination=false"
        ),
    );
    let instance = &answer.items("instancesSet")[0];
    assert_eq!(instance.text("privateIpAddress"), "172.31.0.77");
    let interfaces = instance.items("networkInterfaceSet");
    let texts = |path: &str| {
        interfaces
            .iter()
            .map(|it| it.text(path))
            .collect::<Vec<_>>()
    };
    assert_eq!(texts("attachment/deviceIndex"), ["0", "1"]);
    // One that was there before outlives the instance; the other was told to.
    assert_eq!(texts("attachment/deleteOnTermination"), ["false", "false"]);
    assert_eq!(texts("description"), ["first", ""]);
    assert_eq!(texts("networkInterfaceId")[1], known);
    assert_eq!(texts("groupSet/item/groupName"), ["web", "default"]);
}

#[test]
fn listed_interfaces_have_places_and_exclude_what_the_instance_says() {
    let mut bench = Bench::new();
    let (known, subnet) = (interface(&mut bench), bench.subnet());
    let first = "&MinCount=1&MaxCount=1&NetworkInterface.1.DeviceIndex=0";
    for (more, code) in [
        (
            "&MinCount=1&MaxCount=1&NetworkInterface.1.Description=x".to_owned(),
            "InvalidParameterValue",
        ),
        (
            "&MinCount=1&MaxCount=1&NetworkInterface.1.DeviceIndex=1".to_owned(),
            "InvalidParameterCombination",
        ),
        (
            format!("{first}&NetworkInterface.2.DeviceIndex=0"),
            "InvalidParameterValue",
        ),
        (
            format!("{first}&NetworkInterface.2.DeviceIndex=99"),
            "InvalidParameterValue",
        ),
        (
            format!("{first}&SubnetId={subnet}"),
            "InvalidParameterCombination",
        ),
        (
            format!("{first}&SecurityGroup.1=default"),
            "InvalidParameterCombination",
        ),
        (
            format!("{first}&PrivateIpAddress=172.31.0.9"),
            "InvalidParameterCombination",
        ),
        (
            format!(
                "{first}&NetworkInterface.1.NetworkInterfaceId={known}&NetworkInterface.1.SubnetId={subnet}"
            ),
            "InvalidParameterCombination",
        ),
        (
            format!(
                "&MinCount=1&MaxCount=2&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.NetworkInterfaceId={known}"
            ),
            "InvalidParameterCombination",
        ),
        (
            format!("{first}&NetworkInterface.1.NetworkInterfaceId=eni-00000000000000bad"),
            "InvalidNetworkInterfaceID.NotFound",
        ),
        (
            format!("{first}&NetworkInterface.1.PrimaryIpv6=true"),
            "UnsupportedOperation",
        ),
        (
            format!("{first}&NetworkInterface.1.Colour=red"),
            "UnknownParameter",
        ),
    ] {
        assert_eq!(refused(&mut bench, &more).0, code, "{more}");
    }
    let taken = format!("{first}&NetworkInterface.1.NetworkInterfaceId={known}");
    launch(&mut bench, &taken);
    assert_eq!(
        refused(&mut bench, &taken).0,
        "InvalidNetworkInterface.InUse"
    );
    // All in one zone.
    let far = bench.state.inventory.subnets.values();
    let mut far = far.filter(|it| it.availability_zone.as_deref() == Some("us-east-1b"));
    let far = far
        .find(|it| it.vpc.as_str() == bench.vpc())
        .unwrap()
        .id
        .clone();
    let zones =
        format!("{first}&NetworkInterface.2.DeviceIndex=1&NetworkInterface.2.SubnetId={far}");
    assert_eq!(refused(&mut bench, &zones).0, "InvalidParameterCombination");
}

mod addresses;
mod attributes;
mod describe;

use secgroup_ec2::State;
use secgroup_model::{NetworkInterfaceId, Subnet, SubnetId, Vpc, VpcId};

use crate::testing::{Bench, OTHER_ACCOUNT};

/// Creates an interface in the first subnet, 172.31.0.0/20, with further parameters, and answers with its id.
fn create(bench: &mut Bench, more: &str) -> String {
    let subnet = bench.subnet();
    let form = format!("Action=CreateNetworkInterface&SubnetId={subnet}{more}");
    bench
        .ok(&form)
        .text("networkInterface/networkInterfaceId")
        .to_owned()
}

/// The error of a creation.
fn refused(bench: &mut Bench, more: &str) -> (&'static str, String) {
    let subnet = bench.subnet();
    bench.fails(&format!(
        "Action=CreateNetworkInterface&SubnetId={subnet}{more}"
    ))
}

/// Creates a group in the default VPC.
fn group(bench: &mut Bench, name: &str) -> String {
    let form = format!("Action=CreateSecurityGroup&GroupName={name}&GroupDescription=x");
    bench.ok(&form).text("groupId").to_owned()
}

/// Launches an instance.
fn launch(bench: &mut Bench) -> String {
    let form = "Action=RunInstances&ImageId=ami-1&MinCount=1&MaxCount=1";
    bench
        .ok(form)
        .text("instancesSet/item/instanceId")
        .to_owned()
}

/// Gives the first subnet 2001:db8::/64.
fn add_ipv6(bench: &mut Bench) {
    let (vpc, subnet) = (VpcId::new(&bench.vpc()), SubnetId::new(&bench.subnet()));
    drop(bench.edit(|edit| {
        let range = "2001:db8::/56".parse().unwrap();
        edit.get_mut::<Vpc>(&vpc).unwrap().ipv6_cidrs = vec![range];
        let range = "2001:db8::/64".parse().unwrap();
        edit.get_mut::<Subnet>(&subnet).unwrap().ipv6_cidr = Some(range);
    }));
}

fn addresses(state: &State, id: &str) -> Vec<String> {
    let interface = &state.inventory.interfaces[&NetworkInterfaceId::new(id)];
    interface
        .addresses
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn an_interface_gets_the_default_group_and_the_first_free_address() {
    let mut bench = Bench::new();
    let (subnet, vpc) = (bench.subnet(), bench.vpc());
    let form = format!(
        "Action=CreateNetworkInterface&SubnetId={subnet}&Description=web&ClientToken=t\
         &TagSpecification.1.ResourceType=network-interface&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=w"
    );
    let answer = bench.ok(&form);
    assert_eq!(answer.text("clientToken"), "t");
    let interface = answer.at("networkInterface").unwrap();
    for (tag, value) in [
        ("subnetId", subnet.as_str()),
        ("vpcId", &vpc),
        ("availabilityZone", "us-east-1a"),
        ("description", "web"),
        ("ownerId", crate::testing::ACCOUNT),
        ("requesterManaged", "false"),
        ("status", "available"),
        ("interfaceType", "interface"),
        ("sourceDestCheck", "true"),
        // B11, E60.
        ("groupSet/item/groupName", "default"),
        ("privateIpAddress", "172.31.0.4"),
        ("privateDnsName", "ip-172-31-0-4.ec2.internal"),
        ("privateIpAddressesSet/item/privateIpAddress", "172.31.0.4"),
        ("privateIpAddressesSet/item/primary", "true"),
        ("tagSet/item/value", "w"),
    ] {
        assert_eq!(interface.text(tag), value, "{tag}");
    }
    // Empty wrappers, so that clients read empty lists (E9).
    for list in ["ipv6AddressesSet", "ipv4PrefixSet", "ipv6PrefixSet"] {
        assert!(interface.items(list).is_empty(), "{list}");
    }
    assert!(interface.at("attachment").is_none());
    let mac = u8::from_str_radix(&interface.text("macAddress")[..2], 16).unwrap();
    assert!(mac == 2 || mac == 6, "{mac:02x} is not local and unicast");
}

#[test]
fn elsewhere_names_have_the_region_in_them() {
    let mut bench = Bench::new();
    bench.site.region = "eu-west-1".into();
    let id = create(&mut bench, "");
    let answer = bench.ok(&format!(
        "Action=DescribeNetworkInterfaces&NetworkInterfaceId.1={id}"
    ));
    assert_eq!(
        answer.text("networkInterfaceSet/item/privateDnsName"),
        "ip-172-31-0-4.eu-west-1.compute.internal"
    );
}

#[test]
fn the_same_call_again_creates_nothing() {
    let mut bench = Bench::new();
    let first = create(&mut bench, "&ClientToken=t&Description=a");
    assert_eq!(create(&mut bench, "&ClientToken=t&Description=a"), first);
    let (code, _) = refused(&mut bench, "&ClientToken=t&Description=b");
    assert_eq!(code, "IdempotentParameterMismatch");
    bench.ok(&format!(
        "Action=DeleteNetworkInterface&NetworkInterfaceId={first}"
    ));
    let (code, _) = refused(&mut bench, "&ClientToken=t&Description=a");
    assert_eq!(code, "InvalidNetworkInterfaceID.NotFound");
}

#[test]
fn groups_are_known_of_the_vpc_and_not_too_many() {
    let mut bench = Bench::new();
    let groups: Vec<_> = (0..6)
        .map(|n| group(&mut bench, &format!("g{n}")))
        .collect();
    let list = |count| {
        let groups = groups.iter().take(count).enumerate();
        groups
            .map(|(n, id)| format!("&SecurityGroupId.{n}={id}"))
            .collect::<String>()
    };
    create(&mut bench, &list(5));
    // B21.
    let (code, message) = refused(&mut bench, &list(6));
    assert_eq!(code, "SecurityGroupsPerInterfaceLimitExceeded");
    assert_eq!(
        message,
        "The maximum number of security groups per interface has been reached."
    );
    let (code, message) = refused(&mut bench, "&SecurityGroupId.1=sg-00000000000000bad");
    assert_eq!(code, "InvalidGroup.NotFound");
    assert_eq!(
        message,
        "The security group 'sg-00000000000000bad' does not exist"
    );
    let (code, _) = refused(&mut bench, "&SecurityGroupId.1=web");
    assert_eq!(code, "InvalidGroupId.Malformed");
    // B12: another VPC of the same account, and somebody else's group.
    let vpc = bench
        .ok("Action=CreateVpc&CidrBlock=10.0.0.0/16")
        .text("vpc/vpcId")
        .to_owned();
    let form = format!("Action=CreateSecurityGroup&GroupName=x&GroupDescription=x&VpcId={vpc}");
    let far = bench.ok(&form).text("groupId").to_owned();
    let (code, message) = refused(&mut bench, &format!("&SecurityGroupId.1={far}"));
    assert_eq!(code, "InvalidGroup.NotFound");
    assert_eq!(
        message,
        "You have specified two resources that belong to different networks."
    );
    bench.log_in(OTHER_ACCOUNT);
    let (_, message) = refused(&mut bench, &format!("&SecurityGroupId.1={}", groups[0]));
    assert_eq!(
        message,
        format!("The security group '{}' does not exist", groups[0])
    );
}

#[test]
fn an_interface_is_made_in_a_subnet_of_the_caller() {
    let mut bench = Bench::new();
    let form = "Action=CreateNetworkInterface";
    assert_eq!(bench.fails(form).0, "MissingParameter");
    assert_eq!(
        bench.fails(&format!("{form}&SubnetId=x")).0,
        "InvalidSubnetID.Malformed"
    );
    let subnet = bench.subnet();
    bench.log_in(OTHER_ACCOUNT);
    let (code, message) = bench.fails(&format!("{form}&SubnetId={subnet}"));
    assert_eq!(code, "InvalidSubnetID.NotFound");
    assert_eq!(message, format!("The subnet ID '{subnet}' does not exist"));
}

#[test]
fn what_cannot_be_is_refused_and_not_forgotten() {
    let mut bench = Bench::new();
    for (more, code) in [
        ("&InterfaceType=efa".to_owned(), "UnsupportedOperation"),
        ("&EnablePrimaryIpv6=true".to_owned(), "UnsupportedOperation"),
        (
            format!("&Description={}", "x".repeat(256)),
            "InvalidParameterValue",
        ),
        (
            "&ConnectionTrackingSpecification.TcpEstablishedTimeout=59".to_owned(),
            "InvalidParameterValue",
        ),
        (
            "&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=a".to_owned(),
            "InvalidParameterValue",
        ),
        ("&Colour=red".to_owned(), "UnknownParameter"),
        ("&DryRun=true".to_owned(), "DryRunOperation"),
    ] {
        assert_eq!(refused(&mut bench, &more).0, code, "{more}");
    }
    create(
        &mut bench,
        "&InterfaceType=interface&EnablePrimaryIpv6=false",
    );
}

#[test]
fn an_attached_interface_is_detached_before_it_is_deleted() {
    let mut bench = Bench::new();
    let (id, instance) = (create(&mut bench, ""), launch(&mut bench));
    let attach =
        format!("Action=AttachNetworkInterface&NetworkInterfaceId={id}&InstanceId={instance}");
    let (code, message) = bench.fails(&format!("{attach}&DeviceIndex=0"));
    assert_eq!(code, "InvalidParameterValue");
    assert_eq!(
        message,
        format!("Instance '{instance}' already has an interface attached at device index '0'.")
    );
    assert_eq!(bench.fails(&attach).0, "MissingParameter");
    assert_eq!(
        bench.fails(&format!("{attach}&DeviceIndex=32")).0,
        "InvalidParameterValue"
    );
    let card = format!("{attach}&DeviceIndex=1&NetworkCardIndex=1");
    assert_eq!(bench.fails(&card).0, "InvalidParameterValue");
    let answer = bench.ok(&format!("{attach}&DeviceIndex=1"));
    let attachment = answer.text("attachmentId").to_owned();
    assert!(attachment.starts_with("eni-attach-"));
    let (code, message) = bench.fails(&format!("{attach}&DeviceIndex=2"));
    assert_eq!(code, "InvalidNetworkInterface.InUse");
    assert_eq!(message, format!("Interface: [{id}] in use."));
    let delete = format!("Action=DeleteNetworkInterface&NetworkInterfaceId={id}");
    let (code, message) = bench.fails(&delete);
    assert_eq!(code, "InvalidNetworkInterface.InUse");
    assert_eq!(
        message,
        format!("Network interface '{id}' is currently in use.")
    );
    let detach = format!("Action=DetachNetworkInterface&AttachmentId={attachment}");
    assert_eq!(
        bench.ok(&format!("{detach}&Force=true")).text("return"),
        "true"
    );
    let (code, message) = bench.fails(&detach);
    assert_eq!(code, "InvalidAttachmentID.NotFound");
    assert_eq!(
        message,
        format!("The attachment ID '{attachment}' does not exist")
    );
    assert_eq!(bench.ok(&delete).text("return"), "true");
    assert_eq!(bench.fails(&delete).0, "InvalidNetworkInterfaceID.NotFound");
}

#[test]
fn the_primary_interface_stays() {
    let mut bench = Bench::new();
    launch(&mut bench);
    let attachment = bench.state.attachments.values().next().unwrap().id.clone();
    let detach = format!("Action=DetachNetworkInterface&AttachmentId={attachment}");
    assert_eq!(bench.fails(&detach).0, "OperationNotPermitted");
    bench.log_in(OTHER_ACCOUNT);
    assert_eq!(bench.fails(&detach).0, "InvalidAttachmentID.NotFound");
}

#[test]
fn only_what_is_near_and_alive_is_attached_to() {
    let mut bench = Bench::new();
    let (id, instance) = (create(&mut bench, ""), launch(&mut bench));
    let zone_b = "Action=RunInstances&ImageId=ami-1&MinCount=1&MaxCount=1&Placement.AvailabilityZone=us-east-1b";
    let far = bench
        .ok(zone_b)
        .text("instancesSet/item/instanceId")
        .to_owned();
    let attach = |instance: &str| {
        format!(
            "Action=AttachNetworkInterface&NetworkInterfaceId={id}&DeviceIndex=1&InstanceId={instance}"
        )
    };
    assert_eq!(bench.fails(&attach(&far)).0, "InvalidParameterCombination");
    bench.ok(&format!(
        "Action=TerminateInstances&InstanceId.1={instance}"
    ));
    assert_eq!(bench.fails(&attach(&instance)).0, "IncorrectInstanceState");
    let unknown = "i-00000000000000bad";
    let (code, message) = bench.fails(&attach(unknown));
    assert_eq!(code, "InvalidInstanceID.NotFound");
    assert_eq!(
        message,
        format!("The instance ID '{unknown}' does not exist")
    );
}

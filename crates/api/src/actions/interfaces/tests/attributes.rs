//! E42, E43, E59.

use super::{create, group, launch};
use crate::testing::{Bench, Element, OTHER_ACCOUNT};

fn modify(id: &str, more: &str) -> String {
    format!("Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId={id}{more}")
}

fn attribute(bench: &mut Bench, id: &str, name: &str) -> Element {
    bench.ok(&format!(
        "Action=DescribeNetworkInterfaceAttribute&NetworkInterfaceId={id}&Attribute={name}"
    ))
}

#[test]
fn groups_replace_the_ones_before() {
    let mut bench = Bench::new();
    let id = create(&mut bench, "");
    let (one, other) = (group(&mut bench, "one"), group(&mut bench, "other"));
    let both =
        format!("&SecurityGroupId.1={one}&SecurityGroupId.2={other}&SecurityGroupId.3={one}");
    assert_eq!(bench.ok(&modify(&id, &both)).text("return"), "true");
    let answer = attribute(&mut bench, &id, "groupSet");
    assert_eq!(answer.texts("groupSet", "groupName"), ["one", "other"]);
    bench.ok(&modify(&id, &format!("&SecurityGroupId.1={other}")));
    let answer = attribute(&mut bench, &id, "groupSet");
    assert_eq!(answer.texts("groupSet", "groupId"), [other.as_str()]);
    // H36: ids only; and the default group is not put in where the list is empty.
    let (code, _) = bench.fails(&modify(&id, "&SecurityGroupId.1="));
    assert_eq!(code, "InvalidGroupId.Malformed");
    let (code, _) = bench.fails(&modify(&id, "&SecurityGroupId.1=sg-00000000000000bad"));
    assert_eq!(code, "InvalidGroup.NotFound");
}

#[test]
fn one_attribute_is_changed_at_a_time() {
    let mut bench = Bench::new();
    let id = create(&mut bench, "");
    let (code, message) = bench.fails(&modify(&id, ""));
    assert_eq!(code, "InvalidParameterCombination");
    assert_eq!(message, "No attributes specified.");
    let both = modify(&id, "&Description.Value=x&SourceDestCheck.Value=false");
    let (code, message) = bench.fails(&both);
    assert_eq!(code, "InvalidParameterCombination");
    assert_eq!(
        message,
        "Fields for multiple attribute types specified: Description, SourceDestCheck"
    );
}

#[test]
fn description_and_check_are_shown_as_they_were_set() {
    let mut bench = Bench::new();
    let id = create(&mut bench, "");
    bench.ok(&modify(&id, "&Description.Value=a+%3Cb%3E"));
    assert_eq!(
        attribute(&mut bench, &id, "description").text("description/value"),
        "a <b>"
    );
    bench.ok(&modify(&id, "&SourceDestCheck.Value=false"));
    let check = |bench: &mut Bench| {
        let answer = attribute(bench, &id, "sourceDestCheck");
        assert_eq!(answer.text("networkInterfaceId"), id);
        answer.text("sourceDestCheck/value").to_owned()
    };
    assert_eq!(check(&mut bench), "false");
    let reset = format!("Action=ResetNetworkInterfaceAttribute&NetworkInterfaceId={id}");
    assert_eq!(bench.fails(&reset).0, "MissingParameter");
    bench.ok(&format!("{reset}&SourceDestCheck=x"));
    assert_eq!(check(&mut bench), "true");
    let long = format!("&Description.Value={}", "x".repeat(256));
    assert_eq!(bench.fails(&modify(&id, &long)).0, "InvalidParameterValue");
    assert_eq!(
        bench.fails(&modify(&id, "&SourceDestCheck.Value=no")).0,
        "InvalidParameterValue"
    );
    assert_eq!(
        bench.fails(&modify(&id, "&SourceDestCheck.X=true")).0,
        "MissingParameter"
    );
}

#[test]
fn timeouts_that_are_left_out_stay() {
    let mut bench = Bench::new();
    let id = create(&mut bench, "&ConnectionTrackingSpecification.UdpTimeout=45");
    bench.ok(&modify(
        &id,
        "&ConnectionTrackingSpecification.TcpEstablishedTimeout=600",
    ));
    let answer = bench.ok("Action=DescribeNetworkInterfaces");
    let timeouts = answer
        .at("networkInterfaceSet/item/connectionTrackingConfiguration")
        .unwrap();
    assert_eq!(timeouts.text("tcpEstablishedTimeout"), "600");
    assert_eq!(timeouts.text("udpTimeout"), "45");
    assert!(timeouts.at("udpStreamTimeout").is_none());
    // D29.
    for bad in [
        "TcpEstablishedTimeout=432001",
        "UdpStreamTimeout=59",
        "UdpTimeout=61",
    ] {
        let form = modify(&id, &format!("&ConnectionTrackingSpecification.{bad}"));
        assert_eq!(bench.fails(&form).0, "InvalidParameterValue", "{bad}");
    }
}

#[test]
fn whether_it_goes_with_its_instance_is_an_attribute_of_the_attachment() {
    let mut bench = Bench::new();
    let (id, instance) = (create(&mut bench, ""), launch(&mut bench));
    assert!(
        attribute(&mut bench, &id, "attachment")
            .at("attachment")
            .is_none()
    );
    let attach = format!(
        "Action=AttachNetworkInterface&NetworkInterfaceId={id}&InstanceId={instance}&DeviceIndex=1"
    );
    let attachment = bench.ok(&attach).text("attachmentId").to_owned();
    let change =
        format!("&Attachment.AttachmentId={attachment}&Attachment.DeleteOnTermination=true");
    bench.ok(&modify(&id, &change));
    let answer = attribute(&mut bench, &id, "attachment");
    for (tag, value) in [
        ("attachmentId", attachment.as_str()),
        ("instanceId", &instance),
        ("deviceIndex", "1"),
        ("status", "attached"),
        ("attachTime", "2025-01-01T00:00:00.000Z"),
        ("deleteOnTermination", "true"),
    ] {
        assert_eq!(answer.text(&format!("attachment/{tag}")), value, "{tag}");
    }
    // Another's attachment is none of this interface.
    let primary = bench
        .state
        .attachments
        .values()
        .find(|it| it.device_index == 0);
    let foreign = format!(
        "&Attachment.AttachmentId={}&Attachment.DeleteOnTermination=true",
        primary.unwrap().id
    );
    assert_eq!(
        bench.fails(&modify(&id, &foreign)).0,
        "InvalidAttachmentID.NotFound"
    );
    let half = format!("&Attachment.AttachmentId={attachment}");
    assert_eq!(bench.fails(&modify(&id, &half)).0, "MissingParameter");
}

#[test]
fn what_is_not_known_is_said() {
    let mut bench = Bench::new();
    let id = create(&mut bench, "");
    let describe = format!("Action=DescribeNetworkInterfaceAttribute&NetworkInterfaceId={id}");
    assert_eq!(bench.fails(&describe).0, "MissingParameter");
    assert_eq!(
        bench.fails(&format!("{describe}&Attribute=x")).0,
        "InvalidParameterValue"
    );
    assert_eq!(
        bench.fails(&modify(&id, "&EnablePrimaryIpv6=true")).0,
        "UnsupportedOperation"
    );
    bench.log_in(OTHER_ACCOUNT);
    for form in [
        format!("{describe}&Attribute=description"),
        modify(&id, "&Description.Value=x"),
        format!("Action=DeleteNetworkInterface&NetworkInterfaceId={id}"),
        format!("Action=AssignPrivateIpAddresses&NetworkInterfaceId={id}&Ipv4PrefixCount=1"),
    ] {
        let (code, message) = bench.fails(&form);
        assert_eq!(code, "InvalidNetworkInterfaceID.NotFound", "{form}");
        assert_eq!(
            message,
            format!("The networkInterface ID '{id}' does not exist")
        );
    }
}

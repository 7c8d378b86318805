mod describe;
mod run;

use jiff::SignedDuration;

use crate::testing::{Bench, Element, OTHER_ACCOUNT};

/// Launches instances with further parameters.
fn launch(bench: &mut Bench, more: &str) -> Element {
    bench.ok(&format!("Action=RunInstances&ImageId=ami-1{more}"))
}

/// Launches one, and answers with its id.
fn one(bench: &mut Bench, more: &str) -> String {
    let answer = launch(bench, &format!("&MinCount=1&MaxCount=1{more}"));
    answer.text("instancesSet/item/instanceId").to_owned()
}

/// The error of a launch.
fn refused(bench: &mut Bench, more: &str) -> (&'static str, String) {
    bench.fails(&format!("Action=RunInstances&ImageId=ami-1{more}"))
}

/// Creates an interface in the first subnet.
fn interface(bench: &mut Bench) -> String {
    let subnet = bench.subnet();
    let form = format!("Action=CreateNetworkInterface&SubnetId={subnet}");
    bench
        .ok(&form)
        .text("networkInterface/networkInterfaceId")
        .to_owned()
}

/// Creates a group in the default VPC.
fn group(bench: &mut Bench, name: &str) -> String {
    let form = format!("Action=CreateSecurityGroup&GroupName={name}&GroupDescription=x");
    bench.ok(&form).text("groupId").to_owned()
}

/// The state before and after a call on an instance.
fn change(bench: &mut Bench, action: &str, id: &str) -> (String, String) {
    let answer = bench.ok(&format!(
        "Action={action}&InstanceId.1={id}&InstanceId.2={id}"
    ));
    assert_eq!(answer.items("instancesSet").len(), 1);
    let name = |state: &str| {
        answer
            .text(&format!("instancesSet/item/{state}/name"))
            .to_owned()
    };
    (name("previousState"), name("currentState"))
}

#[test]
fn states_change_at_once() {
    let mut bench = Bench::new();
    let id = one(&mut bench, "");
    for (action, before, after) in [
        ("StartInstances", "running", "running"),
        ("StopInstances", "running", "stopped"),
        ("StopInstances", "stopped", "stopped"),
        ("StartInstances", "stopped", "running"),
        ("TerminateInstances", "running", "terminated"),
        ("TerminateInstances", "terminated", "terminated"),
    ] {
        let states = change(&mut bench, action, &id);
        assert_eq!(states, (before.to_owned(), after.to_owned()), "{action}");
    }
    for action in ["StartInstances", "StopInstances"] {
        let (code, _) = bench.fails(&format!("Action={action}&InstanceId.1={id}"));
        assert_eq!(code, "IncorrectInstanceState");
    }
}

#[test]
fn a_call_on_several_is_done_for_all_or_none() {
    let mut bench = Bench::new();
    let id = one(&mut bench, "");
    for action in ["StartInstances", "StopInstances", "TerminateInstances"] {
        let both = format!("Action={action}&InstanceId.1={id}&InstanceId.2=i-00000000000000bad");
        let (code, message) = bench.fails(&both);
        assert_eq!(code, "InvalidInstanceID.NotFound");
        assert_eq!(
            message,
            "The instance ID 'i-00000000000000bad' does not exist"
        );
        assert_eq!(
            bench.fails(&format!("Action={action}")).0,
            "MissingParameter"
        );
        let malformed = format!("Action={action}&InstanceId.1=x");
        assert_eq!(bench.fails(&malformed).0, "InvalidInstanceID.Malformed");
    }
    bench.log_in(OTHER_ACCOUNT);
    let form = format!("Action=TerminateInstances&InstanceId.1={id}");
    assert_eq!(bench.fails(&form).0, "InvalidInstanceID.NotFound");
}

#[test]
fn interfaces_go_or_stay_as_they_were_told() {
    let mut bench = Bench::new();
    let kept = interface(&mut bench);
    let id = one(&mut bench, "");
    bench.ok(&format!(
        "Action=AttachNetworkInterface&NetworkInterfaceId={kept}&InstanceId={id}&DeviceIndex=1"
    ));
    assert_eq!(bench.state.inventory.interfaces.len(), 2);
    change(&mut bench, "TerminateInstances", &id);
    let left: Vec<_> = bench.state.inventory.interfaces.values().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(
        (left[0].id.as_str(), &left[0].instance),
        (kept.as_str(), &None)
    );
    assert!(bench.state.attachments.is_empty());
}

#[test]
fn a_terminated_instance_is_listed_for_an_hour() {
    let mut bench = Bench::new();
    let id = one(&mut bench, "");
    change(&mut bench, "TerminateInstances", &id);
    let describe = format!("Action=DescribeInstances&InstanceId.1={id}");
    let answer = bench.ok(&describe);
    let instance = answer.at("reservationSet/item/instancesSet/item").unwrap();
    assert_eq!(instance.text("instanceState/name"), "terminated");
    assert_eq!(instance.text("instanceState/code"), "48");
    assert_eq!(
        instance.text("reason"),
        "User initiated (2025-01-01 00:00:00 GMT)"
    );
    assert!(instance.items("networkInterfaceSet").is_empty());
    bench.now += SignedDuration::from_mins(59);
    bench.ok(&describe);
    bench.now += SignedDuration::from_mins(1);
    assert_eq!(bench.fails(&describe).0, "InvalidInstanceID.NotFound");
    one(&mut bench, "");
    assert_eq!(bench.state.instances.len(), 1);
}

#[test]
fn the_groups_of_an_instance_are_those_of_its_one_interface() {
    let mut bench = Bench::new();
    let (id, web) = (one(&mut bench, ""), group(&mut bench, "web"));
    let modify = format!("Action=ModifyInstanceAttribute&InstanceId={id}");
    bench.ok(&format!("{modify}&GroupId.1={web}"));
    let describe = format!("Action=DescribeInstanceAttribute&InstanceId={id}&Attribute=");
    let answer = bench.ok(&format!("{describe}groupSet"));
    assert_eq!(answer.texts("groupSet", "groupId"), [web.as_str()]);
    bench.ok(&format!("{modify}&SourceDestCheck.Value=false"));
    let answer = bench.ok(&format!("{describe}sourceDestCheck"));
    assert_eq!(answer.text("sourceDestCheck/value"), "false");
    bench.ok(&format!("{modify}&Attribute=sourceDestCheck&Value=true"));
    let answer = bench.ok(&format!("{describe}sourceDestCheck"));
    assert_eq!(answer.text("sourceDestCheck/value"), "true");
    // E44, H36.
    assert_eq!(bench.fails(&modify).0, "InvalidParameterCombination");
    let two = format!("{modify}&GroupId.1={web}&SourceDestCheck.Value=true");
    assert_eq!(bench.fails(&two).0, "InvalidParameterCombination");
    let unknown = format!("{modify}&GroupId.1=sg-00000000000000bad");
    assert_eq!(bench.fails(&unknown).0, "InvalidGroup.NotFound");
    let protection = format!("{modify}&DisableApiTermination.Value=true");
    assert_eq!(bench.fails(&protection).0, "UnsupportedOperation");

    // B13.
    let second = interface(&mut bench);
    bench.ok(&format!(
        "Action=AttachNetworkInterface&NetworkInterfaceId={second}&InstanceId={id}&DeviceIndex=1"
    ));
    for change in [
        format!("&GroupId.1={web}"),
        "&SourceDestCheck.Value=true".to_owned(),
    ] {
        let (code, message) = bench.fails(&format!("{modify}{change}"));
        assert_eq!(code, "InvalidInstanceID");
        assert_eq!(
            message,
            format!(
                "There are multiple interfaces attached to instance '{id}'. Please specify an \
                 interface ID for the operation instead."
            )
        );
    }
    change(&mut bench, "TerminateInstances", &id);
    let late = format!("{modify}&GroupId.1={web}");
    assert_eq!(bench.fails(&late).0, "IncorrectInstanceState");
}

#[test]
fn the_type_changes_while_an_instance_is_stopped() {
    let mut bench = Bench::new();
    let id = one(&mut bench, "&InstanceType=t3.micro");
    let modify =
        format!("Action=ModifyInstanceAttribute&InstanceId={id}&InstanceType.Value=t3.large");
    assert_eq!(bench.fails(&modify).0, "IncorrectInstanceState");
    change(&mut bench, "StopInstances", &id);
    bench.ok(&modify);
    let describe = format!("Action=DescribeInstanceAttribute&InstanceId={id}&Attribute=");
    let answer = bench.ok(&format!("{describe}instanceType"));
    assert_eq!(answer.text("instanceType/value"), "t3.large");
    let answer = bench.ok(&format!("{describe}disableApiTermination"));
    assert_eq!(answer.text("disableApiTermination/value"), "false");
    assert_eq!(
        bench.fails(&format!("{describe}colour")).0,
        "InvalidParameterValue"
    );
}

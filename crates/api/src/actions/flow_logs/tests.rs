use crate::testing::{ACCOUNT, Bench, Element, OTHER_ACCOUNT};

const TO_S3: &str = "LogDestinationType=s3&LogDestination=arn:aws:s3:::logs/vpc/";
const DEFAULT_FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

fn of_vpc(vpc: &str) -> String {
    format!("Action=CreateFlowLogs&ResourceType=VPC&ResourceId.1={vpc}&TrafficType=ALL&")
}

fn describe(bench: &mut Bench, id: &str) -> Element {
    let answer = bench.ok(&format!("Action=DescribeFlowLogs&FlowLogId.1={id}"));
    answer.items("flowLogSet")[0].clone()
}

/// A flow log of the default VPC: its id.
fn create(bench: &mut Bench, more: &str) -> String {
    let form = of_vpc(&bench.vpc()) + more;
    let answer = bench.ok(&form);
    assert_eq!(answer.items("unsuccessful"), [], "{form}");
    answer.text("flowLogIdSet/item").to_owned()
}

#[test]
fn a_flow_log_is_what_was_asked_for() {
    let mut bench = Bench::new();
    let id = create(
        &mut bench,
        &format!(
            "{TO_S3}&LogFormat=%24%7Bsrcaddr%7D+%24%7Btcp-flags%7D&MaxAggregationInterval=60&DestinationOptions.FileFormat=parquet\
             &DestinationOptions.PerHourPartition=true&TagSpecification.1.ResourceType=vpc-flow-log\
             &TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=x"
        ),
    );
    let log = describe(&mut bench, &id);
    for (member, value) in [
        ("flowLogId", id.as_str()),
        ("flowLogStatus", "ACTIVE"),
        ("deliverLogsStatus", "SUCCESS"),
        ("creationTime", "2025-01-01T00:00:00.000Z"),
        ("resourceId", &bench.vpc()),
        ("trafficType", "ALL"),
        ("logDestinationType", "s3"),
        ("logDestination", "arn:aws:s3:::logs/vpc/"),
        ("logFormat", "${srcaddr} ${tcp-flags}"),
        ("maxAggregationInterval", "60"),
        ("destinationOptions/fileFormat", "parquet"),
        ("destinationOptions/hiveCompatiblePartitions", "false"),
        ("destinationOptions/perHourPartition", "true"),
        ("tagSet/item/value", "x"),
    ] {
        assert_eq!(log.text(member), value, "{member}");
    }
}

#[test]
fn what_is_not_said_is_as_the_documents_say() {
    let mut bench = Bench::new();
    let id = create(
        &mut bench,
        "LogGroupName=flows&DeliverLogsPermissionArn=arn:aws:iam::123456789012:role/flows",
    );
    let log = describe(&mut bench, &id);
    assert_eq!(log.text("logDestinationType"), "cloud-watch-logs");
    assert_eq!(log.text("logGroupName"), "flows");
    assert_eq!(
        log.text("deliverLogsPermissionArn"),
        "arn:aws:iam::123456789012:role/flows"
    );
    assert_eq!(log.text("logFormat"), DEFAULT_FORMAT); // G1
    assert_eq!(log.text("maxAggregationInterval"), "600"); // G18
    assert!(log.at("destinationOptions").is_none());
    let id = create(&mut bench, TO_S3);
    let log = describe(&mut bench, &id);
    assert_eq!(log.text("destinationOptions/fileFormat"), "plain-text"); // G23
}

#[test]
fn what_is_wrong_for_all_resources_is_an_error() {
    let mut bench = Bench::new();
    let vpc = bench.vpc();
    let role = "DeliverLogsPermissionArn=arn:aws:iam::123456789012:role/flows";
    for (form, code, message) in [
        (
            TO_S3.to_owned() + "&MaxAggregationInterval=61",
            "InvalidParameter",
            "Invalid Flow Log Max Aggregation Interval",
        ),
        (
            TO_S3.to_owned() + "&LogFormat=%24%7Bnose%7D",
            "InvalidParameter",
            "Unknown fields provided: nose",
        ),
        (
            TO_S3.to_owned() + "&LogFormat=",
            "InvalidParameter",
            "The log format must include at least one field",
        ),
        (
            TO_S3.to_owned() + "&DestinationOptions.FileFormat=csv",
            "InvalidParameterValue",
            "Invalid value for parameter FileFormat: 'csv' is none of plain-text, parquet",
        ),
        (
            "LogDestinationType=s3".to_owned(),
            "InvalidParameter",
            "LogDestination can't be empty if LogDestinationType is s3.",
        ),
        (
            "LogDestinationType=s3&LogDestination=arn:aws:sns:::x".to_owned(),
            "InvalidParameter",
            "LogDestination 'arn:aws:sns:::x' is no ARN of a destination of type s3.",
        ),
        (
            "LogDestinationType=s3&LogDestination=arn:aws:s3:::x/AWSLogs/".to_owned(),
            "InvalidParameter",
            "LogDestination: AWSLogs is a reserved term and cannot be used as a subfolder name",
        ),
        (
            TO_S3.to_owned() + "&LogGroupName=x",
            "InvalidParameter",
            "LogDestination type must be cloud-watch-logs if LogGroupName is provided.",
        ),
        (
            "LogDestinationType=tape".to_owned(),
            "InvalidParameterValue",
            "Invalid value for parameter LogDestinationType: 'tape' is none of cloud-watch-logs, s3, kinesis-data-firehose",
        ),
        (
            role.to_owned(),
            "InvalidParameter",
            "LogGroupName can't be empty if LogDestinationType is cloud-watch-logs.",
        ),
        (
            "LogGroupName=x".to_owned(),
            "InvalidParameter",
            "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.",
        ),
        (
            format!(
                "{role}&LogGroupName=x&LogDestination=arn:aws:logs:us-east-1:123456789012:log-group:x"
            ),
            "InvalidParameter",
            "Please only provide LogGroupName or only provide LogDestination.",
        ),
        (
            format!("{role}&LogGroupName=x&DestinationOptions.FileFormat=parquet"),
            "InvalidParameter",
            "DestinationOptions can only be provided if LogDestinationType is s3.",
        ),
        (
            format!("{role}&LogGroupName=a%3Ab"),
            "InvalidParameter",
            "LogGroupName 'a:b' is invalid.",
        ),
    ] {
        let found = bench.fails(&(of_vpc(&vpc) + &form));
        assert_eq!(found, (code, message.to_owned()), "{form}");
    }
    for (form, code) in [
        (
            format!("ResourceType=VPC&TrafficType=ALL&{TO_S3}"),
            "MissingParameter",
        ),
        (
            format!("ResourceId.1={vpc}&TrafficType=ALL&{TO_S3}"),
            "MissingParameter",
        ),
        (
            format!("ResourceId.1={vpc}&ResourceType=VPC&{TO_S3}"),
            "MissingParameter",
        ),
        (
            format!("ResourceId.1={vpc}&ResourceType=VPC&TrafficType=SOME&{TO_S3}"),
            "InvalidParameterValue",
        ),
        (
            format!("ResourceId.1={vpc}&ResourceType=Nose&TrafficType=ALL&{TO_S3}"),
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(
            bench.fails(&format!("Action=CreateFlowLogs&{form}")).0,
            code,
            "{form}"
        );
    }
}

#[test]
fn destinations_of_every_kind_are_taken() {
    let mut bench = Bench::new();
    for more in [
        "LogDestinationType=kinesis-data-firehose&LogDestination=arn:aws:firehose:us-east-1:123456789012:deliverystream/x",
        "LogDestinationType=kinesis-data-firehose&LogDestination=arn:aws:firehose:us-east-1:123456789012:deliverystream:x",
        "LogDestination=arn:aws:logs:us-east-1:123456789012:log-group:x:*&DeliverLogsPermissionArn=arn:aws:iam::1:role/r",
        "LogDestinationType=s3&LogDestination=arn:aws-us-gov:s3:::bucket",
    ] {
        let id = create(&mut bench, more);
        bench.ok(&format!("Action=DeleteFlowLogs&FlowLogId.1={id}"));
    }
}

#[test]
fn a_resource_that_cannot_have_one_does_not_keep_others_from_theirs() {
    let mut bench = Bench::new();
    let vpc = bench.vpc();
    bench.log_in(OTHER_ACCOUNT);
    let foreign = bench.vpc();
    bench.log_in(ACCOUNT);
    let form = format!(
        "{}ResourceId.2=vpc-x&ResourceId.3={foreign}&{TO_S3}",
        of_vpc(&vpc)
    );
    let answer = bench.ok(&form);
    assert_eq!(answer.items("flowLogIdSet").len(), 1);
    let failed = answer.items("unsuccessful");
    assert_eq!(failed[0].text("resourceId"), "vpc-x");
    assert_eq!(failed[0].text("error/code"), "InvalidVpcId.Malformed");
    assert_eq!(failed[1].text("resourceId"), foreign);
    assert_eq!(failed[1].text("error/code"), "InvalidVpcID.NotFound");
    let again = bench.ok(&(of_vpc(&vpc) + TO_S3));
    assert_eq!(again.items("flowLogIdSet"), []);
    assert_eq!(
        again.text("unsuccessful/item/error/code"),
        "FlowLogAlreadyExists"
    );
    assert_eq!(
        again.text("unsuccessful/item/error/message"),
        "Error. There is an existing Flow Log with the same configuration and log destination."
    );
    create(
        &mut bench,
        "LogDestinationType=s3&LogDestination=arn:aws:s3:::other",
    );
    let third =
        bench.ok(&(of_vpc(&vpc) + "LogDestinationType=s3&LogDestination=arn:aws:s3:::third"));
    assert_eq!(
        third.text("unsuccessful/item/error/code"),
        "FlowLogsLimitExceeded"
    );
}

#[test]
fn subnets_have_flow_logs_and_take_them_along() {
    let mut bench = Bench::new();
    let subnet = bench.subnet();
    let form = |kind: &str, id: &str| {
        format!(
            "Action=CreateFlowLogs&ResourceType={kind}&ResourceId.1={id}&TrafficType=REJECT&{TO_S3}"
        )
    };
    bench.ok(&form("Subnet", &subnet));
    let wrong = bench.ok(&form("NetworkInterface", &subnet));
    assert_eq!(
        wrong.text("unsuccessful/item/error/code"),
        "InvalidNetworkInterfaceId.Malformed"
    );
    let unknown = bench.ok(&form("NetworkInterface", "eni-01234567"));
    assert_eq!(
        unknown.text("unsuccessful/item/error/code"),
        "InvalidNetworkInterfaceID.NotFound"
    );
    let unknown = bench.ok(&form("Subnet", "subnet-01234567"));
    assert_eq!(
        unknown.text("unsuccessful/item/error/code"),
        "InvalidSubnetID.NotFound"
    );
    bench.ok(&format!("Action=DeleteSubnet&SubnetId={subnet}"));
    assert_eq!(bench.ok("Action=DescribeFlowLogs").items("flowLogSet"), []);
}

#[test]
fn the_same_call_creates_once() {
    let mut bench = Bench::new();
    let form = of_vpc(&bench.vpc()) + TO_S3 + "&ClientToken=once";
    let first = bench.ok(&form);
    assert_eq!(first.text("clientToken"), "once");
    let again = bench.ok(&form);
    assert_eq!(
        again.text("flowLogIdSet/item"),
        first.text("flowLogIdSet/item")
    );
    assert_eq!(again.items("unsuccessful"), []);
    // What came to nothing is not remembered.
    let other = bench.ok(&form.replace("once", "twice"));
    assert_eq!(other.items("unsuccessful").len(), 1);
    bench.ok(&format!(
        "Action=DeleteFlowLogs&FlowLogId.1={}",
        first.text("flowLogIdSet/item")
    ));
    let other = bench.ok(&form.replace("once", "twice"));
    assert_eq!(other.items("flowLogIdSet").len(), 1);
}

#[test]
fn deletion_is_all_or_none() {
    let mut bench = Bench::new();
    let id = create(&mut bench, TO_S3);
    let form = format!("Action=DeleteFlowLogs&FlowLogId.1={id}");
    let (code, message) = bench.fails(&format!("{form}&FlowLogId.2=fl-01234567890abcdef"));
    assert_eq!(code, "InvalidFlowLogId.NotFound");
    let expected =
        "These flow log ids in the input list are not found: [TotalCount: 1] fl-01234567890abcdef";
    assert_eq!(message, expected);
    assert_eq!(bench.fails("Action=DeleteFlowLogs").0, "MissingParameter");
    assert_eq!(
        bench.fails("Action=DeleteFlowLogs&FlowLogId.1=fl-x").0,
        "InvalidFlowLogId.Malformed"
    );
    bench.log_in(OTHER_ACCOUNT);
    assert_eq!(bench.fails(&form).0, "InvalidFlowLogId.NotFound");
    assert_eq!(bench.ok("Action=DescribeFlowLogs").items("flowLogSet"), []);
    bench.log_in(ACCOUNT);
    assert_eq!(bench.ok(&form).items("unsuccessful"), []);
    let describe = format!("Action=DescribeFlowLogs&FlowLogId.1={id}");
    assert_eq!(bench.fails(&describe).0, "InvalidFlowLogId.NotFound");
}

#[test]
fn each_filter_chooses() {
    let mut bench = Bench::new();
    let role = "DeliverLogsPermissionArn=arn:aws:iam::123456789012:role/flows";
    let id = create(
        &mut bench,
        &format!(
            "LogGroupName=flows&{role}&TagSpecification.1.ResourceType=vpc-flow-log&TagSpecification.1.Tag.1.Key=a"
        ),
    );
    let subnet = bench.subnet();
    bench.ok(&format!(
        "Action=CreateFlowLogs&ResourceType=Subnet&ResourceId.1={subnet}&TrafficType=REJECT&{TO_S3}"
    ));
    let vpc = bench.vpc();
    for (filter, value) in [
        ("flow-log-id", id.as_str()),
        ("log-destination-type", "cloud-watch-logs"),
        ("log-group-name", "flo*"),
        ("resource-id", &vpc),
        ("tag-key", "a"),
        ("traffic-type", "ALL"),
    ] {
        let form =
            format!("Action=DescribeFlowLogs&Filter.1.Name={filter}&Filter.1.Value.1={value}");
        assert_eq!(
            bench.ok(&form).texts("flowLogSet", "flowLogId"),
            [&id],
            "{filter}"
        );
    }
    let all = "Action=DescribeFlowLogs&Filter.1.Name=deliver-log-status&Filter.1.Value.1=SUCCESS";
    assert_eq!(bench.ok(all).items("flowLogSet").len(), 2);
    let page = bench.ok("Action=DescribeFlowLogs&MaxResults=1");
    assert_eq!(page.items("flowLogSet").len(), 1);
    let rest = format!(
        "Action=DescribeFlowLogs&MaxResults=1&NextToken={}",
        page.text("nextToken")
    );
    assert_eq!(bench.ok(&rest).items("flowLogSet").len(), 1);
}

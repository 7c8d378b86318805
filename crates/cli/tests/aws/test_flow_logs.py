"""Flow logs through boto3 (E51, G)."""

import pytest

TO_S3 = {"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::logs/vpc/"}
ROLE = "arn:aws:iam::123456789012:role/flows"


@pytest.fixture
def create(ec2, vpc):
    """Creates flow logs of the default VPC."""
    return lambda **more: ec2.create_flow_logs(**{"ResourceType": "VPC", "ResourceIds": [vpc], "TrafficType": "ALL", **more})


def test_a_flow_log_is_created_described_and_deleted(ec2, vpc, create, refused):
    made = create(
        **TO_S3,
        LogFormat="${srcaddr} ${tcp-flags}",
        MaxAggregationInterval=60,
        DestinationOptions={"FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": False},
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "Name", "Value": "x"}]}],
        ClientToken="once",
    )
    assert made["Unsuccessful"] == [] and made["ClientToken"] == "once"
    (log,) = ec2.describe_flow_logs(FlowLogIds=made["FlowLogIds"])["FlowLogs"]
    assert log.pop("CreationTime").tzinfo is not None
    assert log == {
        "FlowLogId": made["FlowLogIds"][0],
        "FlowLogStatus": "ACTIVE",
        "DeliverLogsStatus": "SUCCESS",
        "ResourceId": vpc,
        "TrafficType": "ALL",
        **TO_S3,
        "LogFormat": "${srcaddr} ${tcp-flags}",
        "MaxAggregationInterval": 60,
        "DestinationOptions": {"FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": False},
        "Tags": [{"Key": "Name", "Value": "x"}],
    }
    assert ec2.delete_flow_logs(FlowLogIds=made["FlowLogIds"])["Unsuccessful"] == []
    with refused("InvalidFlowLogId.NotFound"):
        ec2.delete_flow_logs(FlowLogIds=made["FlowLogIds"])
    with refused("InvalidFlowLogId.NotFound"):
        ec2.describe_flow_logs(FlowLogIds=made["FlowLogIds"])


def test_what_is_not_said_is_as_the_documents_say(ec2, create):
    create(LogGroupName="flows", DeliverLogsPermissionArn=ROLE)
    (log,) = ec2.describe_flow_logs()["FlowLogs"]
    assert log["LogDestinationType"] == "cloud-watch-logs" and log["LogGroupName"] == "flows"
    assert log["MaxAggregationInterval"] == 600 and "DestinationOptions" not in log
    assert log["LogFormat"].startswith("${version} ${account-id} ${interface-id} ")


def test_a_resource_that_cannot_have_one_is_told_of(ec2, ec2_other, vpc, create):
    foreign = ec2_other.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = create(**TO_S3, ResourceIds=[vpc, foreign])
    assert len(made["FlowLogIds"]) == 1
    (failed,) = made["Unsuccessful"]
    assert failed["ResourceId"] == foreign and failed["Error"]["Code"] == "InvalidVpcID.NotFound"
    again = create(**TO_S3)
    assert again["FlowLogIds"] == [] and again["Unsuccessful"][0]["Error"]["Code"] == "FlowLogAlreadyExists"
    for bucket, code in [("second", None), ("third", "FlowLogsLimitExceeded")]:
        made = create(LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{bucket}")
        assert [failed["Error"]["Code"] for failed in made["Unsuccessful"]] == ([code] if code else [])


@pytest.mark.parametrize(
    "change, code",
    [
        ({"MaxAggregationInterval": 61}, "InvalidParameter"),
        ({"LogFormat": "${nose}"}, "InvalidParameter"),
        ({"LogDestination": "arn:aws:sns:::x"}, "InvalidParameter"),
        ({"LogDestination": "arn:aws:s3:::x/AWSLogs/"}, "InvalidParameter"),
        ({"LogGroupName": "x"}, "InvalidParameter"),
        ({"LogDestinationType": "cloud-watch-logs"}, "InvalidParameter"),
        ({"LogDestinationType": "tape"}, "InvalidParameterValue"),
        ({"DestinationOptions": {"FileFormat": "csv"}}, "InvalidParameterValue"),
        ({"TrafficType": "SOME"}, "InvalidParameterValue"),
        ({"ResourceType": "TransitGateway"}, "InvalidParameterValue"),
        ({"ResourceIds": []}, "MissingParameter"),
        ({"TagSpecifications": [{"ResourceType": "vpc", "Tags": []}]}, "InvalidParameterValue"),
    ],
)
def test_what_cannot_be_a_flow_log_is_refused(create, refused, change, code):
    with refused(code):
        create(**{**TO_S3, **change})


def test_flow_logs_of_subnets_and_interfaces(ec2, create):
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    for kind, id in [("Subnet", subnet), ("NetworkInterface", interface)]:
        assert len(create(**TO_S3, ResourceType=kind, ResourceIds=[id])["FlowLogIds"]) == 1
    assert create(**TO_S3, ResourceType="Subnet", ResourceIds=[interface])["FlowLogIds"] == []


def test_each_filter_and_page(ec2, ec2_other, vpc, create):
    named = create(LogGroupName="flows", DeliverLogsPermissionArn=ROLE, TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "a", "Value": "b"}]}])
    create(**TO_S3, TrafficType="REJECT")
    for name, value in [
        ("flow-log-id", named["FlowLogIds"][0]),
        ("log-destination-type", "cloud-watch-logs"),
        ("log-group-name", "flows"),
        ("tag:a", "b"),
        ("tag-key", "a"),
        ("traffic-type", "ALL"),
    ]:
        found = ec2.describe_flow_logs(Filter=[{"Name": name, "Values": [value]}])["FlowLogs"]
        assert [log["FlowLogId"] for log in found] == named["FlowLogIds"], name
    for name, value in [("deliver-log-status", "SUCCESS"), ("resource-id", vpc)]:
        assert len(ec2.describe_flow_logs(Filter=[{"Name": name, "Values": [value]}])["FlowLogs"]) == 2, name
    pages = list(ec2.get_paginator("describe_flow_logs").paginate(PaginationConfig={"PageSize": 1}))
    assert [len(page["FlowLogs"]) for page in pages] == [1, 1]
    assert ec2_other.describe_flow_logs()["FlowLogs"] == []

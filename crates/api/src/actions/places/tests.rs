use crate::testing::Bench;

#[test]
fn there_is_one_region() {
    let mut bench = Bench::new();
    let answer = bench.ok("Action=DescribeRegions&AllRegions=true");
    let region = &answer.items("regionInfo")[0];
    assert_eq!(region.text("regionName"), "us-east-1");
    assert_eq!(region.text("regionEndpoint"), "ec2.us-east-1.amazonaws.com");
    assert_eq!(region.text("optInStatus"), "opt-in-not-required");
    bench.ok("Action=DescribeRegions&RegionName.1=us-east-1");
    let (code, message) = bench.fails("Action=DescribeRegions&RegionName.1=mars-1");
    assert_eq!(
        (code, message.as_str()),
        ("InvalidParameterValue", "Invalid region names: [mars-1]")
    );
    for (filter, value, count) in [
        ("region-name", "us-*", 1),
        ("region-name", "eu-*", 0),
        ("endpoint", "*us-east-1*", 1),
        ("opt-in-status", "opted-in", 0),
    ] {
        let form =
            format!("Action=DescribeRegions&Filter.1.Name={filter}&Filter.1.Value.1={value}");
        assert_eq!(bench.ok(&form).items("regionInfo").len(), count, "{filter}");
    }
}

#[test]
fn zones_have_names_and_ids() {
    let mut bench = Bench::new();
    let answer = bench.ok("Action=DescribeAvailabilityZones");
    let texts = |member| answer.texts("availabilityZoneInfo", member);
    assert_eq!(
        texts("zoneName"),
        ["us-east-1a", "us-east-1b", "us-east-1c"]
    );
    assert_eq!(texts("zoneId"), ["use1-az1", "use1-az2", "use1-az3"]);
    assert_eq!(texts("zoneState"), ["available"; 3]);
    assert_eq!(texts("regionName"), ["us-east-1"; 3]);
    for form in ["ZoneName.1=us-east-1b", "ZoneId.1=use1-az2"] {
        let answer = bench.ok(&format!("Action=DescribeAvailabilityZones&{form}"));
        assert_eq!(
            answer.texts("availabilityZoneInfo", "zoneName"),
            ["us-east-1b"]
        );
    }
    for form in ["ZoneName.1=us-east-1x", "ZoneId.1=use1-az9"] {
        let (code, _) = bench.fails(&format!("Action=DescribeAvailabilityZones&{form}"));
        assert_eq!(code, "InvalidParameterValue");
    }
    for (filter, value, count) in [
        ("group-name", "us-east-1-zg-1", 3),
        ("message", "*", 0),
        ("opt-in-status", "opt-in-not-required", 3),
        ("region-name", "us-east-1", 3),
        ("state", "available", 3),
        ("zone-id", "use1-az3", 1),
        ("zone-name", "*b", 1),
        ("zone-type", "local-zone", 0),
    ] {
        let form = format!(
            "Action=DescribeAvailabilityZones&Filter.1.Name={filter}&Filter.1.Value.1={value}"
        );
        let answer = bench.ok(&form);
        assert_eq!(
            answer.items("availabilityZoneInfo").len(),
            count,
            "{filter}"
        );
    }
}

#[test]
fn an_account_says_its_default_vpc_and_platform() {
    let mut bench = Bench::new();
    let answer = bench.ok("Action=DescribeAccountAttributes");
    let value = |name: &str| {
        let items = answer.items("accountAttributeSet").iter();
        let item = items
            .clone()
            .find(|item| item.text("attributeName") == name);
        item.unwrap()
            .text("attributeValueSet/item/attributeValue")
            .to_owned()
    };
    assert_eq!(value("default-vpc"), bench.vpc());
    assert_eq!(value("supported-platforms"), "VPC");
    assert_eq!(value("vpc-max-security-groups-per-interface"), "5"); // B15
    let one = bench.ok("Action=DescribeAccountAttributes&AttributeName.1=default-vpc");
    assert_eq!(
        one.texts("accountAttributeSet", "attributeName"),
        ["default-vpc"]
    );
    let (code, _) = bench.fails("Action=DescribeAccountAttributes&AttributeName.1=nose");
    assert_eq!(code, "InvalidParameterValue");
}

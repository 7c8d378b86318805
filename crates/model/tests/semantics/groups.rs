//! B1 to B10: ids, names, descriptions and the rules that a group is born with.

use secgroup_model::{
    AccountId, Family, GroupId, Inventory, NetworkInterfaceId, RuleId, SecurityGroup, Vpc, VpcId,
    parse_group_description, parse_group_name,
};

use crate::common::{
    OWNER, VPC, assert_one_error, group_id, inventory, rule_ids, security_group, vpc,
};

#[test]
fn b01_ids() {
    for good in ["sg-01234567", "sg-0123456789abcdef0"] {
        assert_eq!(GroupId::parse(good).unwrap().as_str(), good);
    }
    for bad in [
        "sg-0123456",
        "sg-012345678",
        "sg-0123456789ABCDEF0",
        "sg-0123456789abcdef01",
        "sg-0123456g",
        "SG-01234567",
        "sgr-01234567",
        " sg-01234567",
        "x",
    ] {
        assert_one_error(
            GroupId::parse(bad),
            "InvalidGroupId.Malformed",
            &format!("Invalid id: \"{bad}\" (expecting \"sg-...\")"),
        );
    }
    assert_one_error(
        GroupId::parse(""),
        "InvalidGroupId.Malformed",
        "The security-group ID '' is malformed",
    );
    RuleId::parse("sgr-0123456789abcdef0").unwrap();
    assert_eq!(
        RuleId::parse("sgr-01234567").unwrap_err().code(),
        "InvalidSecurityGroupRuleId.Malformed"
    );
    assert!(!GroupId::new("WebGroup").is_well_formed());
    assert!(AccountId::new(OWNER).is_well_formed() && !AccountId::new("AWS").is_well_formed());
}

#[test]
fn b01_new_ids_are_well_formed_and_distinct() {
    for bits in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
        assert!(GroupId::from_random(bits).is_well_formed());
        assert!(RuleId::from_random(bits).is_well_formed());
        assert!(NetworkInterfaceId::from_random(bits).is_well_formed());
        assert_ne!(GroupId::from_random(bits), GroupId::from_random(bits ^ 1));
    }
    assert_eq!(
        GroupId::from_random(u64::MAX).as_str(),
        "sg-0ffffffffffffffff"
    );
}

#[test]
fn b01_arns() {
    let account = AccountId::new(OWNER);
    assert_eq!(
        GroupId::new("sg-0123456789abcdef0").arn("us-east-1", &account),
        "arn:aws:ec2:us-east-1:123456789012:security-group/sg-0123456789abcdef0"
    );
    assert_eq!(
        RuleId::new("sgr-0c1d2e3f4a5b6c7d8").arn("us-east-1", &account),
        "arn:aws:ec2:us-east-1:123456789012:security-group-rule/sgr-0c1d2e3f4a5b6c7d8"
    );
}

#[test]
fn b02_no_vpc_is_the_default_vpc() {
    let default = Vpc {
        is_default: true,
        ..vpc("vpc-01111111111111111")
    };
    let mut known = Inventory::default();
    known.vpcs.insert(VpcId::new(VPC), vpc(VPC));
    assert_one_error(
        known.vpc_or_default(None),
        "VPCIdNotSpecified",
        "No default VPC for this user",
    );
    known.vpcs.insert(default.id.clone(), default.clone());
    assert_eq!(known.vpc_or_default(None).unwrap().id, default.id);
    assert_eq!(
        known
            .vpc_or_default(Some(&VpcId::new(VPC)))
            .unwrap()
            .id
            .as_str(),
        VPC
    );
    assert_one_error(
        known.vpc_or_default(Some(&VpcId::new("vpc-9"))),
        "InvalidVpcID.NotFound",
        "The vpc ID 'vpc-9' does not exist",
    );
}

#[test]
fn b03_names() {
    assert_eq!(
        parse_group_name("Test Security Group ").unwrap(),
        "Test Security Group"
    );
    for good in [
        "AZaz09._-:/()#,@[]+=&;{}!$*",
        " leading",
        &"x".repeat(255),
        "SG-1",
        "xsg-1",
    ] {
        assert_eq!(parse_group_name(good).unwrap(), good);
    }
    assert_one_error(
        parse_group_name("sg-x"),
        "InvalidParameterValue",
        "Value (sg-x) for parameter GroupName is invalid. Group names may not be in the format \
         sg-*.",
    );
    for bad in [&"x".repeat(256), "a\tb", "a\"b", "a<b", "\u{e9}"] {
        assert_eq!(
            parse_group_name(bad).unwrap_err().code(),
            "InvalidParameterValue",
            "{bad}"
        );
    }
    for empty in ["", "  "] {
        assert_eq!(
            parse_group_name(empty).unwrap_err().code(),
            "MissingParameter"
        );
    }
}

#[test]
fn b04_b05_names_are_unique_in_a_vpc_without_regard_to_case() {
    let known = inventory([security_group(1, "Abc", VPC)]);
    assert_one_error(
        known.check_group_name(&security_group(2, "ABC", VPC)),
        "InvalidGroup.Duplicate",
        &format!("The security group 'ABC' already exists for VPC '{VPC}'"),
    );
    known
        .check_group_name(&security_group(2, "ABCD", VPC))
        .unwrap();
    known
        .check_group_name(&security_group(2, "ABC", "vpc-02222222222222222"))
        .unwrap();
    known.check_group_name(&known.groups[&group_id(1)]).unwrap();
    let found = known.group_named(Some(&VpcId::new(VPC)), "aBC ").unwrap();
    assert_eq!(found.name, "Abc", "the case is preserved");
    assert_eq!(known.group_named(None, "Abc"), None);
}

#[test]
fn b05_the_name_default_is_reserved() {
    for name in ["default", "Default", "default "] {
        assert_one_error(
            parse_group_name(name),
            "InvalidParameterValue",
            "Cannot use reserved security group name: default",
        );
    }
}

#[test]
fn b06_descriptions() {
    for good in ["web tier", &"x".repeat(255)] {
        assert_eq!(parse_group_description(good).unwrap(), good);
    }
    for bad in [&"x".repeat(256), "it's"] {
        assert_one_error(
            parse_group_description(bad),
            "InvalidParameterValue",
            "Invalid security group description. Valid descriptions are strings less than 256 \
             characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        );
    }
    assert_one_error(
        parse_group_description("caf\u{e9}"),
        "InvalidParameterValue",
        "Value (caf\u{e9}) for parameter GroupDescription is invalid. Character sets beyond ASCII \
         are not supported.",
    );
    assert_one_error(
        parse_group_description(""),
        "MissingParameter",
        "The request must contain the parameter GroupDescription",
    );
}

/// The rules of a group as people say them, by direction.
fn said(group: &SecurityGroup) -> Vec<String> {
    group
        .rules
        .iter()
        .map(|rule| rule.spec.to_string())
        .collect()
}

fn with_ipv6() -> Vpc {
    Vpc {
        ipv6_cidrs: vec!["2001:db8::/56".parse().unwrap()],
        ..vpc(VPC)
    }
}

#[test]
fn b08_the_group_that_a_vpc_comes_with() {
    let group = SecurityGroup::default_of(&vpc(VPC), group_id(1), rule_ids());
    assert_eq!(group.name, "default");
    assert_eq!(group.description, "default VPC security group");
    let itself = format!("all traffic from {}", group_id(1));
    assert_eq!(said(&group), [itself.as_str(), "all traffic to 0.0.0.0/0"]);
    assert!(group.is_default());
    let group = SecurityGroup::default_of(&with_ipv6(), group_id(1), rule_ids());
    assert_eq!(
        said(&group),
        [
            itself.as_str(),
            "all traffic to 0.0.0.0/0",
            "all traffic to ::/0"
        ]
    );
    assert_eq!(group.rules.len(), 3);
    assert!(
        group
            .rules
            .iter()
            .all(|rule| group.rule(&rule.id) == Some(rule)),
        "ids differ"
    );
}

#[test]
fn b08_ipv6_egress_comes_later_unless_outbound_rules_were_changed() {
    let mut group = SecurityGroup::default_of(&vpc(VPC), group_id(1), rule_ids());
    let mut changed = group.clone();
    assert!(group.gain_ipv6_egress(RuleId::new("new")));
    assert_eq!(said(&group).last().unwrap(), "all traffic to ::/0");
    assert!(!group.gain_ipv6_egress(RuleId::new("again")));

    let egress = changed.rules.last().unwrap().spec.clone();
    changed.revoke(&[egress]).unwrap();
    assert!(!changed.gain_ipv6_egress(RuleId::new("new")));
    assert_eq!(changed.rules.len(), 1);
}

#[test]
fn b09_the_default_group_cannot_be_deleted() {
    let group = SecurityGroup::default_of(&vpc(VPC), GroupId::new("sg-51530134"), rule_ids());
    assert_one_error(
        group.check_deletable(),
        "CannotDelete",
        "the specified group: \"sg-51530134\" name: \"default\" cannot be deleted by a user",
    );
    security_group(1, "web", VPC).check_deletable().unwrap();
}

#[test]
fn b10_a_new_group_lets_everything_out_and_nothing_in() {
    let new = |families: &[Family]| {
        let mut group = security_group(1, "web", VPC);
        group.add_default_egress(families, rule_ids());
        said(&group)
    };
    assert_eq!(new(vpc(VPC).families()), ["all traffic to 0.0.0.0/0"]);
    let both = ["all traffic to 0.0.0.0/0", "all traffic to ::/0"];
    assert_eq!(new(with_ipv6().families()), both);
    assert_eq!(
        new(&Family::BOTH),
        both,
        "F4: CloudFormation takes both, whatever the VPC has"
    );
}

#[test]
fn a39_the_default_group_of_classic() {
    let owner = AccountId::new(OWNER);
    let group = SecurityGroup::default_in_classic(group_id(1), owner, rule_ids());
    let itself = group_id(1);
    assert_eq!(
        said(&group),
        [
            format!("tcp 0-65535 from {itself}"),
            format!("udp 0-65535 from {itself}"),
            format!("icmp all types from {itself}")
        ]
    );
    assert_eq!(group.vpc, None);
}

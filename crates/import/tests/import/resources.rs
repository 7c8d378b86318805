//! What a template says beside groups, and what the user says beside the template.

use secgroup_import::{Options, Severity, load_texts};
use secgroup_model::{
    AssociationStatus, Family, GroupId, InstanceId, NetworkInterface, PeeringStatus, VpcId,
};

use crate::support::{errors, good, load, rules, said, stack, template};

const EVERYTHING: &str = include_str!("../../src/template/tests/everything.yaml");

fn addresses(interface: &NetworkInterface) -> Vec<String> {
    interface
        .addresses
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn groups_of_everything() {
    let import = load(&[("stack.yaml", EVERYTHING)]);
    assert_eq!(import.diagnostics, []);
    assert_eq!(
        rules(&import, "Web"),
        [
            "Web.SecurityGroupIngress[0]: tcp 443 from 0.0.0.0/0",
            "Web.SecurityGroupIngress[1]: tcp 443 from ::/0",
            "Web.SecurityGroupIngress[2]: tcp 22 from OfficeRanges",
            // Number 3 is only there in tests; the places of the others do not move.
            "Web.SecurityGroupIngress[4]: icmp type 8 from 10.0.0.0/16",
            "WebToDatabase: tcp 5432 to Database",
        ]
    );
    assert_eq!(
        rules(&import, "Database"),
        [
            "Database.SecurityGroupIngress[0]: tcp 5432 from Web",
            "FromPeer: tcp 5432 from 000000000042/sg-0123456789abcdef0",
            "Database.DefaultEgress[0]: all traffic to 0.0.0.0/0",
            "Database.DefaultEgress[1]: all traffic to ::/0",
        ]
    );
    assert_eq!(import.inventory.groups["Web"].name, "prod-web");
    assert!(!import.inventory.groups.contains_key("OnlyInTests"));
    let key = (GroupId::new("Web"), VpcId::new("OtherVpc"));
    assert_eq!(
        import.inventory.associations[&key],
        AssociationStatus::Associated
    );
}

#[test]
fn networks_of_everything() {
    let import = load(&[("stack.yaml", EVERYTHING)]);
    let vpc = &import.inventory.vpcs["Vpc"];
    let cidrs: Vec<_> = vpc.cidrs.iter().map(ToString::to_string).collect();
    assert_eq!(cidrs, ["10.0.0.0/16", "100.64.0.0/16"]);
    assert_eq!(vpc.ipv6_cidrs[0].to_string(), "2001:db8::/56");
    assert_eq!(vpc.tags["Name"], "stack-vpc");
    let subnet = &import.inventory.subnets["Subnet"];
    assert_eq!(subnet.vpc, VpcId::new("Vpc"));
    assert_eq!(subnet.cidr.unwrap().to_string(), "10.0.1.0/24");
    assert_eq!(subnet.ipv6_cidr.unwrap().to_string(), "2001:db8:0:1::/64");
    assert_eq!(subnet.availability_zone.as_deref(), Some("us-east-1a"));
    let peering = &import.inventory.peerings["Peering"];
    assert_eq!(
        (&peering.requester, &peering.accepter),
        (&VpcId::new("Vpc"), &VpcId::new("OtherVpc"))
    );
    assert_eq!(peering.status, PeeringStatus::Active);
    let list = &import.inventory.prefix_lists["OfficeRanges"];
    assert_eq!(
        (list.name.as_str(), list.family, list.max_entries),
        ("prod-offices", Family::V4, 5)
    );
    let entries: Vec<_> = list
        .entries()
        .iter()
        .map(|entry| entry.cidr.to_string())
        .collect();
    assert_eq!(entries, ["192.0.2.0/24", "198.51.100.0/24"]);
}

#[test]
fn interfaces_of_everything() {
    let import = load(&[("stack.yaml", EVERYTHING)]);
    let interfaces = &import.inventory.interfaces;
    let ids: Vec<_> = interfaces.keys().map(|id| id.as_str()).collect();
    assert_eq!(
        ids,
        ["Interface", "Listed.eth0", "Listed.eth1", "Server.eth0"]
    );
    let interface = &interfaces["Interface"];
    // The primary address first, however they are listed (C7).
    assert_eq!(
        addresses(interface),
        ["10.0.1.10", "10.0.1.11", "2001:db8:0:1::10"]
    );
    assert_eq!(
        interface.groups,
        [GroupId::new("Web"), GroupId::new("Database")]
    );
    assert_eq!(interface.prefixes[0].to_string(), "10.0.1.32/28");
    assert_eq!(interface.vpc, Some(VpcId::new("Vpc")));
    assert_eq!(interface.instance, Some(InstanceId::new("Server")));
    assert!(!interface.source_dest_check);
    assert_eq!(interface.tracking.tcp_established.unwrap().as_secs(), 600);
    assert_eq!(interface.tracking.udp.unwrap().as_secs(), 30);
    assert_eq!(addresses(&interfaces["Server.eth0"]), ["10.0.1.20"]);
    assert_eq!(interfaces["Listed.eth0"].groups, [GroupId::new("Web")]);
    // B11: the default group of the VPC of its subnet, with the VPC's families (B8).
    let default = GroupId::new("Vpc.DefaultSecurityGroup");
    assert_eq!(interfaces["Listed.eth1"].groups, [default]);
    assert_eq!(rules(&import, "Vpc.DefaultSecurityGroup").len(), 3);
}

#[test]
fn interfaces_without_addresses_are_noted() {
    let import = good(
        "G: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: d, VpcId: vpc-1}}
I: {Type: AWS::EC2::Instance, Properties: {SubnetId: subnet-1, SecurityGroupIds: [!Ref G]}}
N:
  Type: AWS::EC2::NetworkInterface
  Properties: {SubnetId: subnet-1, GroupSet: [!Ref G], PrivateIpAddress: 10.0.0.5}",
    );
    let notes = said(&import, Severity::Note);
    assert_eq!(notes, ["3:3 instance `I` has no private address"]);
    assert!(import.diagnostics[0].help[0].contains("--attach G=ADDRESS"));
    // The VPC of an unknown subnet is that of the groups.
    assert_eq!(
        import.inventory.interfaces["N"].vpc,
        Some(VpcId::new("vpc-1"))
    );
}

#[test]
fn faults_of_interfaces() {
    for (properties, message) in [
        ("PrivateIpAddress: 10.0.0", "`10.0.0` is not an IP address"),
        (
            "SourceDestCheck: maybe",
            "`SourceDestCheck` must be true or false, not `maybe`",
        ),
        ("SourceDestCheck: yes", "must be true or false, not `yes`"),
        (
            "ConnectionTrackingSpecification: {UdpTimeout: 5}",
            "parameter UdpTimeout is invalid",
        ),
        ("GroupSet: sg-1", "`GroupSet` must be a list, not text"),
        (
            "Ipv4Prefixes: [{Ipv4Prefix: '10.0.0.0/99'}]",
            "CIDR block 10.0.0.0/99 is malformed",
        ),
    ] {
        let text = format!("N: {{Type: AWS::EC2::NetworkInterface, Properties: {{{properties}}}}}");
        let errors = errors(&stack(&text));
        assert!(
            errors.iter().any(|e| e.contains(message)),
            "{properties}: {errors:?}"
        );
    }
}

#[test]
fn faults_of_prefix_lists() {
    for (properties, message) in [
        (
            "Entries: [{Cidr: 10.0.0.0/8}, {Cidr: '::/0'}]",
            "CIDR block ::/0 is malformed",
        ),
        (
            "Entries: [{Cidr: !Ref AWS::NoValue}]",
            "entry 0 of prefix list `L` lacks `Cidr`",
        ),
        ("Entries: [{Cidr: 10.0.0.0/8}], MaxEntries: 0", "MaxEntries"),
    ] {
        let max = if properties.contains("MaxEntries") {
            ""
        } else {
            ", MaxEntries: 5"
        };
        let text = format!(
            "L:\n  Type: AWS::EC2::PrefixList\n  Properties: {{PrefixListName: l, AddressFamily: \
             IPv4, {properties}{max}}}"
        );
        let errors = errors(&stack(&text));
        assert!(
            errors.iter().any(|e| e.contains(message)),
            "{properties}: {errors:?}"
        );
    }
}

const PARAMETERS: &str = "Parameters:
  Stage: {Type: String, AllowedValues: [prod, test], ConstraintDescription: prod or test}
  Range: {Type: String, AllowedPattern: '[0-9./]+', MinLength: 9, MaxLength: 18}
  Port: {Type: Number, MinValue: 1, MaxValue: 1023}
  Ranges: {Type: CommaDelimitedList, AllowedPattern: '10\\..*'}
  Odd: {Type: String, AllowedPattern: '(?=x)x'}
";

#[test]
fn given_values_are_checked() {
    let text = format!("{PARAMETERS}{}", template("B: {Type: AWS::S3::Bucket}"));
    for (name, value, expected) in [
        ("Stage", "prod", None),
        (
            "Stage",
            "dev",
            Some("parameter `Stage` does not allow `dev`"),
        ),
        ("Range", "10.0.0.0/8", None),
        ("Range", "10.0.0.0/8 ", Some("does not allow `10.0.0.0/8 `")),
        ("Range", "1/8", Some("does not allow `1/8`")),
        ("Port", "443", None),
        ("Port", "8080", Some("does not allow `8080`")),
        ("Port", "http", Some("does not allow `http`")),
        ("Ranges", "10.0.0.0/8, 10.1.0.0/16", None),
        (
            "Ranges",
            "10.0.0.0/8, 172.16.0.0/12",
            Some("does not allow `172.16.0.0/12`"),
        ),
        // A pattern of Java's that our engine does not know is not held against the value.
        ("Odd", "y", None),
        ("Stge", "prod", Some("no template has a parameter `Stge`")),
    ] {
        let mut options = Options::default();
        options.parameters.insert(name.to_owned(), value.to_owned());
        let import = load_texts(&[("t.yaml", &text)], &options);
        let said = said(&import, Severity::Warning);
        match expected {
            None => assert_eq!(said, [""; 0], "{name}={value}"),
            Some(message) => assert!(said[0].contains(message), "{name}={value}: {said:?}"),
        }
    }
}

#[test]
fn a_list_may_be_split_out_of_one_id() {
    // As templates do that were written for a parameter that once held several ids.
    let import = good(
        "Web:
  Type: AWS::EC2::SecurityGroup
  Properties: {GroupDescription: Web}
Server:
  Type: AWS::EC2::Instance
  Properties:
    SecurityGroupIds: !Split [',', !GetAtt Web.GroupId]",
    );
    let interfaces: Vec<_> = import.inventory.interfaces.values().collect();
    assert_eq!(interfaces[0].groups, [GroupId::new("Web")]);
}

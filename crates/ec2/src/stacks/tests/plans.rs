//! What is told of every kind of change, and that it is what happens.

use ipnet::IpNet;
use secgroup_model::{
    Direction, GroupId, NetworkInterfaceId, PrefixListId, SecurityGroup, Tags, VpcId,
};

use super::bench::{Bench, fault, template, told};
use crate::groups::GroupSelector;
use crate::{Stack, groups, rules, vpcs};

/// A VPC, a subnet, two groups and an interface.
const BASE: &str = "\
Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
Web:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupName: web
    GroupDescription: Web servers
    VpcId: !Ref Vpc
    SecurityGroupIngress:
      - {IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0, Description: HTTP}
Db:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: Databases
    VpcId: !Ref Vpc
    SecurityGroupIngress:
      - {IpProtocol: tcp, FromPort: 5432, ToPort: 5432, SourceSecurityGroupId: !Ref Web}
Interface:
  Type: AWS::EC2::NetworkInterface
  Properties: {SubnetId: !Ref Subnet, PrivateIpAddress: 10.0.1.10, GroupSet: [!Ref Web]}
";

fn base() -> String {
    template(BASE)
}

#[track_caller]
fn after(change: (&str, &str)) -> (Bench, String) {
    let mut bench = Bench::new();
    bench.deploy("test", &base());
    assert!(BASE.contains(change.0), "{}", change.0);
    let changes = bench.deploy("test", &template(&BASE.replace(change.0, change.1)));
    (bench, told(&changes))
}

/// What `aws ec2 describe-security-groups --filters Name=tag:aws:cloudformation:logical-id,Values=Web` finds.
#[test]
fn resources_are_marked_as_cloudformation_marks_them() {
    const KEYS: [&str; 3] = ["logical-id", "stack-id", "stack-name"];
    fn marks(bench: &Bench) -> Vec<[String; 3]> {
        let of = |tags: &Tags| KEYS.map(|key| tags[&format!("aws:cloudformation:{key}")].clone());
        let inventory = &bench.state.inventory;
        vec![
            of(&inventory.vpcs[&VpcId::new(&bench.id("test", "Vpc"))].tags),
            of(&inventory.groups[&GroupId::new(&bench.id("test", "Web"))].tags),
            of(
                &inventory.interfaces[&NetworkInterfaceId::new(&bench.id("test", "Interface"))]
                    .tags,
            ),
        ]
    }
    let mut bench = Bench::new();
    bench.deploy("test", &base());
    let first = marks(&bench);
    let arn = &first[0][1];
    assert!(arn.starts_with("arn:aws:cloudformation:us-east-1:123456789012:stack/test/"));
    assert_eq!(arn.len(), arn.rfind('/').unwrap() + 1 + 36, "{arn}");
    for (marks, logical) in first.iter().zip(["Vpc", "Web", "Interface"]) {
        assert_eq!(marks, &[logical, arn, "test"]);
    }
    // They are no difference between template and stack, and stay where other tags change.
    let name = "GroupName: web";
    let tagged = BASE.replace(name, &format!("{name}\n    Tags: [{{Key: a, Value: b}}]"));
    let changes = bench.deploy("test", &template(&tagged));
    assert_eq!(told(&changes), "~ Web security group; + tag a = b\n");
    assert_eq!(marks(&bench), first);
    // A stack that was deployed before there were marks gets them, and another ARN for good.
    let key = (bench.caller.account.clone(), "test".to_owned());
    let web = GroupId::new(&bench.id("test", "Web"));
    bench.edit(|edit| {
        edit.get_mut::<Stack>(&key).unwrap().uuid.clear();
        edit.get_mut::<SecurityGroup>(&web).unwrap().tags.clear();
    });
    bench.deploy("test", &template(&tagged));
    let again = marks(&bench);
    assert!(again[1][1] != *arn && again.iter().all(|marks| marks[1] == again[0][1]));
    bench.deploy("test", &template(&tagged));
    assert_eq!(marks(&bench), again);
}

#[test]
fn a_new_stack_is_added_whole() {
    let mut bench = Bench::new();
    let changes = bench.deploy("test", &base());
    assert_eq!(
        told(&changes),
        "+ Vpc VPC; + 10.0.0.0/16\n\
         + Subnet subnet; + 10.0.1.0/24\n\
         + Db security group; + name test-Db; + tcp 5432 from Web; + all traffic to 0.0.0.0/0; + all traffic to ::/0\n\
         + Web security group; + name web; + tcp 80 from 0.0.0.0/0 “HTTP”; + all traffic to 0.0.0.0/0; + all traffic to ::/0\n\
         + Interface network interface; + 10.0.1.10; + group Web\n"
    );
    assert_eq!(bench.stack("test").template, base());
}

#[test]
fn the_same_template_changes_nothing() {
    let mut bench = Bench::new();
    bench.deploy("test", &base());
    let before = bench.state.clone();
    let changes = bench.deploy("test", &base());
    assert!(changes.is_empty(), "{}", told(&changes));
    assert_eq!(changes.unchanged, 5);
    assert!(bench.state == before);
}

#[test]
fn rules_change_in_place_and_keep_their_ids() {
    let mut bench = Bench::new();
    bench.deploy("test", &base());
    let id = GroupId::new(&bench.id("test", "Web"));
    let kept = bench.state.inventory.groups[&id].rules[0].id.clone();
    let changed = BASE.replace("Description: HTTP}", "Description: The web}\n      - {IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}");
    let changes = bench.deploy("test", &template(&changed));
    assert_eq!(
        told(&changes),
        "~ Web security group; ~ description of tcp 80 from 0.0.0.0/0: “HTTP” → “The web”; + tcp 443 from 0.0.0.0/0\n"
    );
    let rules = &bench.state.inventory.groups[&id].rules;
    assert_eq!(rules[0].id, kept);
    assert_eq!(rules[0].description.as_deref(), Some("The web"));
    let changes = bench.deploy("test", &base());
    assert!(
        told(&changes).contains("- tcp 443 from 0.0.0.0/0"),
        "{}",
        told(&changes)
    );
}

/// B7: what cannot be changed makes a new one; who names it names the new one, and its name is free for it.
#[test]
fn a_group_is_replaced_where_its_description_changes() {
    let mut bench = Bench::new();
    bench.deploy("test", &base());
    let old = bench.id("test", "Web");
    let changed = template(&BASE.replace("Web servers", "Servers of the web"));
    let changes = bench.deploy("test", &changed);
    let said = told(&changes);
    assert!(
        said.starts_with(
            "± Web security group; ~ description: Web servers → Servers of the web; + name web"
        ),
        "{said}"
    );
    let new = bench.id("test", "Web");
    assert_ne!(old, new);
    let inventory = &bench.state.inventory;
    assert!(!inventory.groups.contains_key(&GroupId::new(&old)));
    let interface = NetworkInterfaceId::new(&bench.id("test", "Interface"));
    assert_eq!(
        inventory.interfaces[&interface].groups,
        [GroupId::new(&new)]
    );
    let db = GroupId::new(&bench.id("test", "Db"));
    let named: Vec<_> = inventory
        .references_to(&GroupId::new(&new))
        .map(|r| &r.from.id)
        .collect();
    assert_eq!(named, [&db]);
}

#[test]
fn a_subnet_takes_its_interfaces_with_it_and_may_keep_its_range() {
    let zone = (
        "CidrBlock: 10.0.1.0/24",
        "CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1b",
    );
    let (bench, said) = after(zone);
    assert!(
        said.contains("± Subnet subnet; ~ zone: us-east-1a → us-east-1b"),
        "{said}"
    );
    assert!(
        said.contains("± Interface network interface; ~ subnet: "),
        "{said}"
    );
    let interface = NetworkInterfaceId::new(&bench.id("test", "Interface"));
    let addresses = &bench.state.inventory.interfaces[&interface].addresses;
    assert_eq!(
        addresses,
        &["10.0.1.10".parse::<std::net::IpAddr>().unwrap()]
    );
}

#[test]
fn a_vpc_with_another_range_is_another_vpc() {
    let mut bench = Bench::new();
    bench.deploy("test", &base());
    let changed = BASE.replace("10.0.", "10.9.");
    let said = told(&bench.deploy("test", &template(&changed)));
    assert_eq!(
        said.lines().filter(|line| line.starts_with('±')).count(),
        5,
        "{said}"
    );
    assert_eq!(bench.state.inventory.vpcs.len(), 2);
}

#[test]
fn a_vpc_gains_and_loses_ranges_in_place() {
    let mut bench = Bench::new();
    bench.deploy("test", &base());
    let vpc = VpcId::new(&bench.id("test", "Vpc"));
    let more = format!(
        "{BASE}More: {{Type: AWS::EC2::VPCCidrBlock, Properties: {{VpcId: !Ref Vpc, CidrBlock: 10.1.0.0/16}}}}\n\
         Other: {{Type: AWS::EC2::Subnet, Properties: {{VpcId: !Ref Vpc, CidrBlock: 10.1.1.0/24}}}}"
    );
    let said = told(&bench.deploy("test", &template(&more)));
    assert!(
        said.starts_with("~ Vpc VPC; + range 10.1.0.0/16\n+ Other subnet"),
        "{said}"
    );
    let said = told(&bench.deploy("test", &base()));
    assert_eq!(said, "- Other subnet\n~ Vpc VPC; - range 10.1.0.0/16\n");
    assert_eq!(vpc.as_str(), bench.id("test", "Vpc"));
}

#[test]
fn interfaces_change_in_place() {
    let (bench, said) = after((
        "GroupSet: [!Ref Web]",
        "GroupSet: [!Ref Db], SourceDestCheck: false, Description: one, Tags: [{Key: a, Value: b}]",
    ));
    assert_eq!(
        said,
        "~ Interface network interface; - group Web; + group Db; ~ source/destination check: on → off; ~ description: “” → “one”; + tag a = b\n"
    );
    let id = NetworkInterfaceId::new(&bench.id("test", "Interface"));
    assert_eq!(bench.state.inventory.interfaces[&id].tags["a"], "b");
    let (_, said) = after(("PrivateIpAddress: 10.0.1.10", "PrivateIpAddress: 10.0.1.11"));
    assert!(
        said.starts_with("± Interface network interface; ~ primary address: 10.0.1.10 → 10.0.1.11"),
        "{said}"
    );
}

/// B30: a change of entries is a new version.
#[test]
fn prefix_lists_change_by_versions() {
    let list = |max: u32, entries: &str| {
        template(&format!(
            "List:\n  Type: AWS::EC2::PrefixList\n  Properties: {{PrefixListName: l, AddressFamily: IPv4, MaxEntries: {max}, Entries: [{entries}]}}"
        ))
    };
    let mut bench = Bench::new();
    bench.deploy("test", &list(2, "{Cidr: 10.0.0.0/8}"));
    let id = PrefixListId::new(&bench.id("test", "List"));
    let said = told(&bench.deploy(
        "test",
        &list(
            3,
            "{Cidr: 10.0.0.0/8, Description: d}, {Cidr: 192.0.2.0/24}",
        ),
    ));
    assert_eq!(
        said,
        "~ List prefix list; ~ room for entries: 2 → 3; - 10.0.0.0/8; + 10.0.0.0/8 “d”; + 192.0.2.0/24\n"
    );
    assert_eq!(bench.state.inventory.prefix_lists[&id].version, 2);
    let said = told(&bench.deploy("test", &list(1, "{Cidr: 192.0.2.0/24}")));
    assert_eq!(
        said,
        "~ List prefix list; - 10.0.0.0/8 “d”; ~ room for entries: 3 → 1\n"
    );
    assert_eq!(bench.state.inventory.prefix_lists[&id].version, 3);
}

#[test]
fn what_was_deleted_or_changed_by_calls_is_brought_back() {
    let mut bench = Bench::new();
    bench.deploy("test", &base());
    let (web, db) = (
        GroupId::new(&bench.id("test", "Web")),
        bench.id("test", "Db"),
    );
    let caller = bench.caller.clone();
    bench.edit(|edit| {
        groups::delete(edit, &caller, &GroupSelector::Id(GroupId::new(&db))).unwrap();
        let rules = edit.inventory().groups[&web]
            .rules_of(Direction::Ingress)
            .map(|rule| rule.id.clone())
            .collect();
        let request = rules::Revoke {
            group: GroupSelector::Id(web.clone()),
            direction: Direction::Ingress,
            rules: rules::RuleSelection::Ids(rules),
        };
        rules::revoke(edit, &caller, request).unwrap();
    });
    let said = told(&bench.deploy("test", &base()));
    assert!(
        said.starts_with("+ Db security group; + name test-Db; + tcp 5432 from Web"),
        "{said}"
    );
    assert!(said.contains("(was deleted meanwhile)"), "{said}");
    assert!(
        said.ends_with("~ Web security group; + tcp 80 from 0.0.0.0/0 “HTTP”\n"),
        "{said}"
    );
}

#[test]
fn deleting_a_stack_leaves_what_was_there_before() {
    let mut bench = Bench::new();
    let before = bench.state.clone();
    bench.deploy("test", &base());
    let changes = bench.try_delete("test").unwrap();
    assert_eq!(
        told(&changes),
        "- Interface network interface\n- Db security group\n- Web security group\n- Subnet subnet\n- Vpc VPC\n"
    );
    assert!(bench.state == before);
    let faults = bench.try_delete("test").unwrap_err();
    assert_eq!(
        fault(&faults[0]),
        " InvalidParameterValue: Stack 'test' does not exist"
    );
}

#[test]
fn a_stack_that_somebody_uses_stays() {
    let mut bench = Bench::new();
    bench.deploy("test", &base());
    let vpc = bench.id("test", "Vpc");
    let caller = bench.caller.clone();
    let web = GroupId::new(&bench.id("test", "Web"));
    let other = bench.edit(|edit| {
        let request = groups::CreateGroup {
            name: "other".to_owned(),
            description: "d".to_owned(),
            vpc: Some(VpcId::new(&vpc)),
            ..Default::default()
        };
        groups::create(edit, &caller, request).unwrap()
    });
    let user = template(&format!(
        "Rule:\n  Type: AWS::EC2::SecurityGroupIngress\n  Properties: {{GroupId: {other}, IpProtocol: -1, SourceSecurityGroupId: {web}}}"
    ));
    bench.deploy("user", &user);
    let faults = bench.try_delete("test").unwrap_err();
    let said: Vec<_> = faults.iter().map(fault).collect();
    assert_eq!(
        said,
        [
            format!("Web DependencyViolation: resource {web} has a dependent object"),
            format!(
                "Vpc DependencyViolation: The vpc '{vpc}' has dependencies and cannot be deleted."
            ),
        ]
    );
    assert_eq!(
        faults[0].error.help,
        Some(format!("a rule of {other} names it"))
    );
    assert_eq!(faults[1].error.help, Some(in_order(&web, &other)));
    bench.try_delete("user").unwrap();
    bench.edit(|edit| groups::delete(edit, &caller, &GroupSelector::Id(other)).unwrap());
    bench.try_delete("test").unwrap();
}

fn in_order(a: &GroupId, b: &GroupId) -> String {
    let (first, second) = if a < b { (a, b) } else { (b, a) };
    format!("{first} is in it, {second} is in it")
}

/// Rules that a stack adds to a group of somebody else: the stack's own come and go, the others stay (F7, F4).
#[test]
fn rules_in_somebody_elses_group() {
    let mut bench = Bench::new();
    let caller = bench.caller.clone();
    let group = bench.edit(|edit| {
        let request = groups::CreateGroup {
            name: "old".to_owned(),
            description: "d".to_owned(),
            ..Default::default()
        };
        groups::create(edit, &caller, request).unwrap()
    });
    let rule = |name: &str, kind: &str, peer: &str| {
        format!(
            "{name}:\n  Type: AWS::EC2::SecurityGroup{kind}\n  Properties: {{GroupId: {group}, IpProtocol: tcp, FromPort: 22, ToPort: 22, {peer}}}\n"
        )
    };
    let (one, two) = (
        rule("One", "Ingress", "CidrIp: 192.0.2.1/32"),
        rule("Two", "Egress", "CidrIp: 192.0.2.2/32"),
    );
    let said = told(&bench.deploy("test", &template(&format!("{one}{two}"))));
    assert_eq!(
        said,
        format!(
            "~ {group} security group; - all traffic to 0.0.0.0/0\n+ One rule; + tcp 22 from 192.0.2.1/32 in {group}\n+ Two rule; + tcp 22 to 192.0.2.2/32 in {group}\n"
        )
    );
    let kept = bench.id("test", "One");
    assert!(
        bench
            .deploy("test", &template(&format!("{one}{two}")))
            .is_empty()
    );
    let faults = bench.refused("again", &template(&one));
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].starts_with("One 2 InvalidPermission.Duplicate: "),
        "{faults:?}"
    );
    let moved = two.replace("192.0.2.2", "192.0.2.3");
    let said = told(&bench.deploy("test", &template(&format!("{one}{moved}"))));
    assert_eq!(
        said,
        format!("± Two rule; + tcp 22 to 192.0.2.3/32 in {group}\n")
    );
    let said = told(&bench.deploy("test", &template(&one)));
    assert_eq!(said, "- Two rule\n");
    assert_eq!(bench.id("test", "One"), kept);
    bench.try_delete("test").unwrap();
    assert!(bench.state.inventory.groups[&group].rules.is_empty());
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_changes_nothing() {
    let mut bench = Bench::new();
    let unknown = "Group:\n  Type: AWS::EC2::SecurityGroup\n  Properties:\n    GroupDescription: d\n    SecurityGroupIngress:\n      - {IpProtocol: -1, SourceSecurityGroupId: sg-0123456789abcdef0}\n";
    assert_eq!(
        bench.refused("test", &template(unknown)),
        [
            "Group.SecurityGroupIngress[0] 7 InvalidGroup.NotFound: The security group 'sg-0123456789abcdef0' does not exist"
        ]
    );
    let outside = BASE.replace("CidrBlock: 10.0.1.0/24", "CidrBlock: 10.1.1.0/24");
    assert_eq!(
        bench.refused("test", &template(&outside)),
        ["Subnet 3 InvalidSubnet.Range: The CIDR '10.1.1.0/24' is invalid."]
    );
    let reserved = BASE.replace("10.0.1.10", "10.0.1.1");
    assert_eq!(
        bench.refused("test", &template(&reserved)),
        [
            "Interface 19 InvalidParameterValue: Address 10.0.1.1 is in subnet's reserved address range"
        ]
    );
    assert_eq!(
        bench.refused("a b", &base()),
        [" InvalidParameterValue: 'a b' cannot be the name of a stack"]
    );
    assert!(bench.state.stacks.is_empty());
}

/// The last resource breaks a quota, and nothing of the others is left.
#[test]
fn a_quota_stops_the_whole_deployment() {
    let mut bench = Bench::new();
    let rules: String = (0..=bench.site.quotas.rules_per_group)
        .map(|port| {
            format!(
                "      - {{IpProtocol: tcp, FromPort: {port}, ToPort: {port}, CidrIp: 0.0.0.0/0}}\n"
            )
        })
        .collect();
    let zebra = format!(
        "Zebra:\n  Type: AWS::EC2::SecurityGroup\n  Properties:\n    GroupDescription: d\n    SecurityGroupIngress:\n{rules}"
    );
    let faults = bench.refused("test", &template(&format!("{BASE}{zebra}")));
    assert_eq!(
        faults,
        [
            "Zebra 22 RulesPerSecurityGroupLimitExceeded: The maximum number of rules per security group has been reached."
        ]
    );
    bench.site.quotas.groups_per_region = Some(4);
    let groups = "A: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: d}}\nB: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: d}}\n";
    let faults = bench.refused("test", &template(&format!("{BASE}{groups}")));
    assert!(
        faults[0].contains("SecurityGroupLimitExceeded"),
        "{faults:?}"
    );
}

#[test]
fn what_names_no_vpc_is_in_the_default_one() {
    let mut bench = Bench::new();
    bench.deploy("test", &template("Server: {Type: AWS::EC2::Instance, Properties: {ImageId: ami-1, SecurityGroups: [default], Tags: [{Key: Name, Value: one}]}}\nGroup: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: d}}"));
    let vpc = vpcs::default_vpc(&bench.state, &bench.caller.account)
        .unwrap()
        .id
        .clone();
    let interface = NetworkInterfaceId::new(&bench.id("test", "Server.eth0"));
    let interface = &bench.state.inventory.interfaces[&interface];
    assert_eq!(interface.vpc.as_ref(), Some(&vpc));
    let default = bench.state.inventory.default_group(&vpc).unwrap();
    assert_eq!(interface.groups, std::slice::from_ref(&default.id));
    let subnet: IpNet = "172.31.0.0/20".parse().unwrap();
    assert!(subnet.contains(&interface.addresses[0]));
    let instance = interface.instance.clone().unwrap();
    assert_eq!(bench.state.instances[&instance].tags["Name"], "one");
    assert_eq!(
        bench.state.inventory.groups[&GroupId::new(&bench.id("test", "Group"))].vpc,
        Some(vpc)
    );
}

#[test]
fn instances_come_and_go_with_their_interfaces() {
    let mut bench = Bench::new();
    let before = bench.state.clone();
    let text = template(&format!(
        "{BASE}Server:\n  Type: AWS::EC2::Instance\n  Properties:\n    ImageId: ami-1\n    NetworkInterfaces:\n      - {{DeviceIndex: 0, SubnetId: !Ref Subnet, GroupSet: [!Ref Web]}}\n      - {{DeviceIndex: 1, NetworkInterfaceId: !Ref Interface}}\n"
    ));
    bench.deploy("test", &text);
    let first = bench.state.inventory.interfaces
        [&NetworkInterfaceId::new(&bench.id("test", "Server.eth0"))]
        .clone();
    assert_eq!(first.addresses.len(), 1);
    let places: Vec<_> = bench
        .state
        .attachments
        .values()
        .map(|attachment| attachment.device_index)
        .collect();
    assert_eq!(places.len(), 2);
    assert!(bench.deploy("test", &text).is_empty());
    let said = told(&bench.deploy("test", &base()));
    assert_eq!(
        said,
        "~ Interface network interface; - attached to Server\n- Server instance\n- Server.eth0 network interface\n"
    );
    bench.try_delete("test").unwrap();
    assert!(bench.forget_ended() == before);
}

/// A27, A30: rules across a peering connection that the same stack makes.
#[test]
fn peered_vpcs_and_associated_groups() {
    let mut bench = Bench::new();
    let before = bench.state.clone();
    let text = template(
        "\
A: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
B: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.1.0.0/16}}
Peering: {Type: AWS::EC2::VPCPeeringConnection, Properties: {VpcId: !Ref A, PeerVpcId: !Ref B}}
InA:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: d
    VpcId: !Ref A
    SecurityGroupIngress: [{IpProtocol: -1, SourceSecurityGroupId: !Ref InB}]
InB: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: d, VpcId: !Ref B}}
Both: {Type: AWS::EC2::SecurityGroupVpcAssociation, Properties: {GroupId: !Ref InA, VpcId: !Ref B}}
",
    );
    let said = told(&bench.deploy("test", &text));
    assert!(
        said.contains("+ Peering peering connection; + A ↔ B\n"),
        "{said}"
    );
    assert!(said.contains("+ InA in B VPC association\n"), "{said}");
    assert!(bench.deploy("test", &text).is_empty());
    let overlapping = text.replace("10.1.0.0/16", "10.0.0.0/17");
    assert!(
        bench.refused("other", &overlapping)[0]
            .starts_with("Peering InvalidParameterValue: Failed due to")
    );
    bench.try_delete("test").unwrap();
    assert!(bench.forget_ended() == before);
}

#[test]
fn a_template_makes_nothing_under_an_id_of_ec2s_own() {
    let mut bench = Bench::new();
    let dump = r#"{"Vpcs": [{"VpcId": "vpc-0123456789abcdef0", "CidrBlock": "10.0.0.0/16", "OwnerId": "123456789012"}]}"#;
    assert_eq!(
        bench.refused("test", dump),
        [
            "vpc-0123456789abcdef0 1 InvalidParameterValue: vpc-0123456789abcdef0 is an id of EC2's own, and not made by a template"
        ]
    );
}

#[test]
fn plans_of_the_same_have_the_same_digest() {
    let digest = |port: &str| {
        let mut bench = Bench::new();
        // Other random bits, hence other ids.
        bench.edit(|edit| edit.random());
        bench
            .deploy("test", &template(&BASE.replace("5432", port)))
            .digest()
    };
    assert_eq!(
        digest("5432"),
        Bench::new().deploy("test", &base()).digest()
    );
    assert_ne!(digest("5433"), digest("5432"));
}

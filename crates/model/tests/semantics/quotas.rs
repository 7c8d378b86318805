//! B15 to B23: quotas.

use secgroup_model::{
    AccountId, Direction, Family, Flavour, Peer, PrefixList, PrefixListCounting, PrefixListId,
    PrefixListQuotas, Quotas, RuleCount, RuleSpec, SecurityGroup, Tags,
};

use crate::common::{
    OWNER, VPC, assert_one_error, from_group, group_id, inventory, rules, security_group, tcp,
};

pub(crate) fn list(number: u64, family: Family, max_entries: u32) -> PrefixList {
    PrefixList {
        id: PrefixListId::from_random(number),
        name: format!("list {number}"),
        owner: AccountId::new(OWNER),
        family,
        max_entries,
        version: 1,
        versions: [(1, Vec::new())].into(),
        tags: Tags::new(),
        origin: None,
    }
}

pub(crate) fn from_list(list: &PrefixList) -> RuleSpec {
    RuleSpec {
        peer: Peer::PrefixList(list.id.clone()),
        ..tcp(443, "0.0.0.0/0")
    }
}

#[test]
fn b15_the_figures_of_every_source() {
    let figures = |q: Quotas| {
        (
            q.groups_per_region,
            q.groups_per_vpc,
            q.rules_per_group,
            q.groups_per_interface,
        )
    };
    assert_eq!(
        figures(Quotas::classic_2012()),
        (Some(500), None, 100, Some(500))
    );
    assert_eq!(figures(Quotas::vpc_2012()), (None, Some(50), 50, None));
    assert_eq!(figures(Quotas::vpc_2019()), (None, Some(500), 50, Some(5)));
    assert_eq!(figures(Quotas::today()), (Some(2_500), None, 60, Some(5)));
    assert_eq!(Quotas::default(), Quotas::today());
}

#[test]
fn b15_adjustable_up_to_a_ceiling() {
    let raised = |groups, per_interface| Quotas {
        groups_per_region: Some(groups),
        groups_per_interface: Some(per_interface),
        ..Quotas::today()
    };
    raised(10_000, 16).check().unwrap();
    assert_eq!(
        raised(10_001, 17).check().unwrap_err().len(),
        3,
        "B17 too: 60 x 17 is 1,020"
    );
    raised(10_001, 5).check().unwrap_err();
    for preset in [
        Quotas::today(),
        Quotas::vpc_2019(),
        Quotas::vpc_2012(),
        Quotas::classic_2012(),
    ] {
        preset.check().unwrap();
    }
}

#[test]
fn b17_rules_times_groups_is_a_thousand_at_most() {
    let quotas = |rules_per_group, groups| Quotas {
        rules_per_group,
        groups_per_interface: Some(groups),
        ..Quotas::today()
    };
    quotas(100, 10).check().unwrap();
    quotas(100, 11).check().unwrap_err();
    quotas(200, 5).check().unwrap();
    quotas(u32::MAX, 16).check().unwrap_err();
}

#[test]
fn b18_what_a_rule_counts() {
    let customer = list(1, Family::V4, 20);
    let aws = |number, name: &str, max_entries| PrefixList {
        name: name.to_owned(),
        owner: AccountId::new("AWS"),
        ..list(number, Family::V4, max_entries)
    };
    let count = |spec: RuleSpec, lists: &[&PrefixList], quotas: Quotas| {
        let lists = lists
            .iter()
            .map(|&list| (list.id.clone(), list.clone()))
            .collect();
        let count = quotas.count_rules([&spec], Direction::Ingress, &lists);
        (count.ipv4, count.ipv6)
    };
    assert_eq!(count(tcp(443, "10.0.0.0/8"), &[], Quotas::today()), (1, 0));
    assert_eq!(count(tcp(443, "::/0"), &[], Quotas::today()), (0, 1));
    assert_eq!(
        count(from_group(&group_id(1)), &[], Quotas::today()),
        (1, 1)
    );
    assert_eq!(
        count(from_list(&customer), &[&customer], Quotas::today()),
        (20, 0)
    );
    assert_eq!(
        count(from_list(&customer), &[&customer], Quotas::vpc_2019()),
        (20, 20)
    );
    assert_eq!(
        Quotas::vpc_2019().prefix_list_counting,
        PrefixListCounting::BothFamilies
    );
    assert_eq!(
        count(from_list(&customer), &[], Quotas::today()),
        (1, 1),
        "not known"
    );
    for (name, weight) in [
        ("com.amazonaws.global.cloudfront.origin-facing", 55),
        ("com.amazonaws.us-east-1.dynamodb", 1),
        ("com.amazonaws.us-east-1.s3", 1),
        ("com.amazonaws.us-east-1.vpc-lattice", 10),
        ("com.amazonaws.global.groundstation", 5),
        ("com.amazonaws.global.something-new", 7),
    ] {
        let list = aws(2, name, 7);
        assert_eq!(
            count(from_list(&list), &[&list], Quotas::today()),
            (weight, 0),
            "{name}"
        );
    }
    let imposter = PrefixList {
        owner: AccountId::new(OWNER),
        ..aws(3, "my.s3", 9)
    };
    assert_eq!(
        count(from_list(&imposter), &[&imposter], Quotas::today()),
        (9, 0)
    );
}

#[test]
fn b16_b19_sixty_rules_per_direction_and_family() {
    let quotas = Quotas::today();
    let none = Default::default();
    let port = |n: usize| u16::try_from(n).unwrap();
    let mut specs: Vec<_> = (0..60).map(|n| tcp(port(n), "10.0.0.0/8")).collect();
    specs.extend((0..60).map(|n| tcp(port(n), "::/0")));
    specs.extend((0..60).map(|n| RuleSpec {
        direction: Direction::Egress,
        ..tcp(port(n), "10.0.0.0/8")
    }));
    quotas.check_rules(&specs, &none).unwrap();
    assert_eq!(
        quotas.count_rules(&specs, Direction::Ingress, &none),
        RuleCount { ipv4: 60, ipv6: 60 }
    );
    let last_egress = RuleSpec {
        direction: Direction::Egress,
        ..tcp(60, "::/0")
    };
    quotas
        .check_rules(specs.iter().chain([&last_egress]), &none)
        .unwrap();
    for one_more in [
        tcp(60, "10.0.0.0/8"),
        tcp(60, "::/0"),
        RuleSpec {
            direction: Direction::Egress,
            ..from_group(&group_id(1))
        },
    ] {
        assert_one_error(
            quotas.check_rules(specs.iter().chain([&one_more]), &none),
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        );
    }
}

#[test]
fn b20_too_many_groups() {
    let few = Quotas {
        groups_per_vpc: Some(2),
        groups_per_region: Some(3),
        ..Quotas::today()
    };
    let known = inventory([
        security_group(1, "a", VPC),
        SecurityGroup {
            owner: AccountId::new("111122223333"),
            ..security_group(2, "theirs", VPC)
        },
        security_group(3, "b", VPC),
    ]);
    let full = format!("The maximum number of security groups for VPC '{VPC}' has been reached.");
    assert_one_error(
        few.check_groups(&known, &security_group(4, "c", VPC)),
        "SecurityGroupLimitExceeded",
        &full,
    );
    few.check_groups(&known, &known.groups[&group_id(3)])
        .unwrap();
    let elsewhere = security_group(4, "c", "vpc-02222222222222222");
    few.check_groups(&known, &elsewhere).unwrap();
    let known = inventory(known.groups.into_values().chain([elsewhere]));
    few.check_groups(&known, &security_group(5, "d", "vpc-03333333333333333"))
        .unwrap_err();
}

#[test]
fn b21_too_many_groups_on_an_interface() {
    let today = Quotas::today();
    today.check_groups_per_interface(5, Flavour::Vpc).unwrap();
    assert_one_error(
        today.check_groups_per_interface(6, Flavour::Vpc),
        "SecurityGroupsPerInterfaceLimitExceeded",
        "The maximum number of security groups per interface has been reached.",
    );
    let classic = Quotas::classic_2012();
    classic
        .check_groups_per_interface(500, Flavour::Classic)
        .unwrap();
    assert_eq!(
        classic
            .check_groups_per_interface(501, Flavour::Classic)
            .unwrap_err()
            .code(),
        "SecurityGroupsPerInstanceLimitExceeded"
    );
    Quotas::vpc_2012()
        .check_groups_per_interface(usize::MAX, Flavour::Vpc)
        .unwrap();
}

#[test]
fn b22_a_list_grows_only_as_far_as_every_group_has_room() {
    let mut web = security_group(1, "web", VPC);
    let small = list(1, Family::V4, 10);
    let specs = (0..30)
        .map(|port| tcp(port, "10.0.0.0/8"))
        .chain([from_list(&small)]);
    web.authorize(rules(specs)).unwrap();
    let mut known = inventory([web, security_group(2, "app", VPC)]);
    known.prefix_lists.insert(small.id.clone(), small.clone());
    let quotas = Quotas::today();
    known.check_resize(&small.id, 30, &quotas).unwrap();
    known.check_resize(&small.id, 1, &quotas).unwrap();
    assert_one_error(
        known.check_resize(&small.id, 31, &quotas),
        "RulesPerSecurityGroupLimitExceeded",
        "The maximum number of rules per security group has been reached.",
    );
    assert_one_error(
        known.check_resize(&PrefixListId::new("pl-1"), 1, &quotas),
        "InvalidPrefixListID.NotFound",
        "The prefix list ID 'pl-1' does not exist",
    );
}

#[test]
fn b23_prefix_list_quotas() {
    let PrefixListQuotas {
        lists_per_region,
        versions_per_list,
        entries_per_list,
        references_per_list,
    } = Quotas::today().prefix_lists;
    assert_eq!(
        (
            lists_per_region,
            versions_per_list,
            entries_per_list,
            references_per_list
        ),
        (100, 1_000, 1_000, 5_000)
    );
    let quotas = Quotas::today();
    let mut known = inventory([]);
    for number in 1..100 {
        let list = list(number, Family::V4, 1);
        known.prefix_lists.insert(list.id.clone(), list);
    }
    quotas
        .check_prefix_lists(&known, &list(100, Family::V4, 1))
        .unwrap();
    known
        .prefix_lists
        .insert(PrefixListId::from_random(100), list(100, Family::V4, 1));
    quotas
        .check_prefix_lists(&known, &known.prefix_lists[&PrefixListId::from_random(100)])
        .unwrap();
    let error = quotas
        .check_prefix_lists(&known, &list(101, Family::V4, 1))
        .unwrap_err();
    assert_eq!(error.code(), "ResourceCountExceeded");
    quotas.check_prefix_list_references(5_000).unwrap();
    quotas.check_prefix_list_references(5_001).unwrap_err();
}

#[test]
fn a39_classic_groups_are_counted_by_region() {
    let one = Quotas {
        groups_per_region: Some(1),
        ..Quotas::classic_2012()
    };
    let classic = |number, name| SecurityGroup {
        vpc: None,
        ..security_group(number, name, VPC)
    };
    one.check_groups(&inventory([]), &classic(1, "a")).unwrap();
    assert_one_error(
        one.check_groups(&inventory([classic(1, "a")]), &classic(2, "b")),
        "SecurityGroupLimitExceeded",
        "The maximum number of security groups has been reached.",
    );
}

use std::collections::BTreeMap;

use proptest::prelude::*;
use secgroup_model::{AccountId, PrefixListId, PrefixListQuotas, RawEntry, RawPrefixList};

use crate::testing::{Bench, Element, OTHER_ACCOUNT};

const CREATE: &str =
    "Action=CreateManagedPrefixList&PrefixListName=office&MaxEntries=3&AddressFamily=IPv4";

/// A list with two entries: its id.
fn office(bench: &mut Bench) -> String {
    let answer = bench.ok(&format!(
        "{CREATE}&Entry.1.Cidr=192.0.2.0/24&Entry.1.Description=hq&Entry.2.Cidr=198.51.100.7/24"
    ));
    answer.text("prefixList/prefixListId").to_owned()
}

/// Ranges of a version of a list.
fn entries(bench: &mut Bench, list: &str, more: &str) -> Vec<String> {
    let form = format!("Action=GetManagedPrefixListEntries&PrefixListId={list}{more}");
    let answer = bench.ok(&form);
    let ranges = answer.texts("entrySet", "cidr").into_iter();
    ranges.map(str::to_owned).collect()
}

/// A group with a rule that names the list.
fn group_with(bench: &mut Bench, list: &str) -> String {
    let group = bench.ok("Action=CreateSecurityGroup&GroupName=web&GroupDescription=web");
    let group = group.text("groupId").to_owned();
    bench.ok(&format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={group}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=22\
         &IpPermissions.1.ToPort=22&IpPermissions.1.PrefixListIds.1.PrefixListId={list}"
    ));
    group
}

/// Adds a list of an AWS service: everybody sees it.
fn list_of_aws(bench: &mut Bench) -> String {
    let id = PrefixListId::new("pl-0aaaaaaaaaaaaaaaa");
    let raw = RawPrefixList {
        name: Some("s3".to_owned()),
        family: Some("IPv4".to_owned()),
        max_entries: Some(2),
        entries: vec![RawEntry {
            cidr: "203.0.113.0/24".to_owned(),
            description: None,
        }],
    };
    let parsed = raw.parse(
        id.clone(),
        AccountId::new("AWS"),
        &PrefixListQuotas::default(),
    );
    let (mut list, _) = parsed.unwrap();
    list.name = "com.amazonaws.us-east-1.s3".to_owned();
    drop(bench.edit(|edit| edit.put(id.clone(), list)));
    id.to_string()
}

#[test]
fn a_new_list_is_in_its_first_version() {
    let mut bench = Bench::new();
    let answer = bench.ok(&format!(
        "{CREATE}&TagSpecification.1.ResourceType=prefix-list&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=x"
    ));
    let list = answer.at("prefixList").unwrap();
    let id = list.text("prefixListId").to_owned();
    for (member, value) in [
        ("addressFamily", "IPv4"),
        ("state", "create-complete"),
        ("prefixListName", "office"),
        ("maxEntries", "3"),
        ("version", "1"),
        ("ownerId", crate::testing::ACCOUNT),
        ("tagSet/item/key", "Name"),
    ] {
        assert_eq!(list.text(member), value, "{member}");
    }
    let arn = format!("arn:aws:ec2:us-east-1:123456789012:prefix-list/{id}");
    assert_eq!(list.text("prefixListArn"), arn);
    let listed = bench.ok(&format!(
        "Action=DescribeManagedPrefixLists&PrefixListId.1={id}"
    ));
    assert_eq!(listed.items("prefixListSet")[0].children, list.children);
}

/// B30.
#[test]
fn what_cannot_be_a_list_is_refused() {
    let mut bench = Bench::new();
    for (form, code) in [
        ("PrefixListName=a&MaxEntries=1", "MissingParameter"),
        ("PrefixListName=a&AddressFamily=IPv4", "MissingParameter"),
        ("MaxEntries=1&AddressFamily=IPv4", "MissingParameter"),
        (
            "PrefixListName=com.amazonaws.x&MaxEntries=1&AddressFamily=IPv4",
            "InvalidParameterValue",
        ),
        (
            "PrefixListName=a&MaxEntries=0&AddressFamily=IPv4",
            "InvalidParameterValue",
        ),
        (
            "PrefixListName=a&MaxEntries=x&AddressFamily=IPv4",
            "InvalidParameterValue",
        ),
        (
            "PrefixListName=a&MaxEntries=1&AddressFamily=IPv5",
            "InvalidParameterValue",
        ),
        (
            "PrefixListName=a&MaxEntries=1&AddressFamily=IPv4&Entry.1.Cidr=2001:db8::/32",
            "InvalidParameterValue",
        ),
        (
            "PrefixListName=a&MaxEntries=1&AddressFamily=IPv4&Entry.1.Description=x",
            "MissingParameter",
        ),
        (
            "PrefixListName=a&MaxEntries=1&AddressFamily=IPv4&Entry.1.Cidr=10.0.0.0/8&Entry.2.Cidr=11.0.0.0/8",
            "PrefixListMaxEntriesExceeded",
        ),
        (
            "PrefixListName=a&MaxEntries=2&AddressFamily=IPv4&Entry.1.Cidr=10.0.0.0/8&Entry.2.Cidr=10.0.0.0/8",
            "InvalidPrefixListModification",
        ),
    ] {
        let (found, message) = bench.fails(&format!("Action=CreateManagedPrefixList&{form}"));
        assert_eq!(found, code, "{form}: {message}");
    }
}

/// B23.
#[test]
fn an_account_has_at_most_100_lists() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        bench.ok(CREATE);
    }
    assert_eq!(bench.fails(CREATE).0, "ResourceCountExceeded");
    bench.log_in(OTHER_ACCOUNT);
    bench.ok(CREATE);
}

#[test]
fn the_same_call_creates_once() {
    let mut bench = Bench::new();
    let form = format!("{CREATE}&ClientToken=once");
    let id = |answer: &Element| answer.text("prefixList/prefixListId").to_owned();
    let first = id(&bench.ok(&form));
    assert_eq!(id(&bench.ok(&form)), first);
    let other = form.replace("office", "home");
    assert_eq!(bench.fails(&other).0, "IdempotentParameterMismatch");
    bench.ok(&format!(
        "Action=DeleteManagedPrefixList&PrefixListId={first}"
    ));
    assert_eq!(bench.fails(&form).0, "InvalidPrefixListID.NotFound");
}

#[test]
fn a_change_of_entries_makes_a_version() {
    let mut bench = Bench::new();
    let list = office(&mut bench);
    assert_eq!(
        entries(&mut bench, &list, ""),
        ["192.0.2.0/24", "198.51.100.0/24"]
    ); // A23
    let modify = |what: &str| format!("Action=ModifyManagedPrefixList&PrefixListId={list}&{what}");
    let answer = bench.ok(&modify(
        "CurrentVersion=1&RemoveEntry.1.Cidr=192.0.2.0/24&AddEntry.1.Cidr=203.0.113.0/24&AddEntry.1.Description=new",
    ));
    assert_eq!(answer.text("prefixList/version"), "2");
    assert_eq!(answer.text("prefixList/state"), "modify-complete");
    assert_eq!(
        entries(&mut bench, &list, ""),
        ["198.51.100.0/24", "203.0.113.0/24"]
    );
    let old = entries(&mut bench, &list, "&TargetVersion=1");
    assert_eq!(old, ["192.0.2.0/24", "198.51.100.0/24"]);
    let unknown = format!("Action=GetManagedPrefixListEntries&PrefixListId={list}&TargetVersion=3");
    let expected = "The prefix list has no version 3".to_owned();
    assert_eq!(bench.fails(&unknown), ("InvalidParameterValue", expected));

    let answer = bench.ok(&modify("PrefixListName=home"));
    assert_eq!(answer.text("prefixList/version"), "2");
    assert_eq!(answer.text("prefixList/prefixListName"), "home");
    let answer = bench.ok(&modify("MaxEntries=9"));
    assert_eq!(answer.text("prefixList/maxEntries"), "9");

    let answer = bench.ok(&format!(
        "Action=RestoreManagedPrefixListVersion&PrefixListId={list}&PreviousVersion=1&CurrentVersion=2"
    ));
    assert_eq!(answer.text("prefixList/version"), "3");
    assert_eq!(answer.text("prefixList/state"), "restore-complete");
    assert_eq!(entries(&mut bench, &list, ""), old);
}

/// B30, B31.
#[test]
fn changes_that_cannot_be_are_refused() {
    let mut bench = Bench::new();
    let list = office(&mut bench);
    for (what, code) in [
        ("AddEntry.1.Cidr=10.0.0.0/8", "MissingParameter"),
        (
            "CurrentVersion=2&AddEntry.1.Cidr=10.0.0.0/8",
            "PrefixListVersionMismatch",
        ),
        (
            "CurrentVersion=1&AddEntry.1.Cidr=192.0.2.9/24",
            "InvalidPrefixListModification",
        ),
        (
            "CurrentVersion=1&RemoveEntry.1.Cidr=10.0.0.0/8",
            "InvalidPrefixListModification",
        ),
        (
            "CurrentVersion=1&AddEntry.1.Cidr=10.0.0.0/8&MaxEntries=9",
            "InvalidParameterCombination",
        ),
        (
            "CurrentVersion=1&AddEntry.1.Cidr=10.0.0.0/8&AddEntry.2.Cidr=11.0.0.0/8",
            "PrefixListMaxEntriesExceeded",
        ),
        ("MaxEntries=1", "PrefixListMaxEntriesExceeded"),
        ("MaxEntries=1001", "InvalidParameterValue"),
    ] {
        let form = format!("Action=ModifyManagedPrefixList&PrefixListId={list}&{what}");
        assert_eq!(bench.fails(&form).0, code, "{what}");
    }
    let restore =
        |what: &str| format!("Action=RestoreManagedPrefixListVersion&PrefixListId={list}&{what}");
    for (what, code) in [
        ("PreviousVersion=1", "MissingParameter"),
        (
            "PreviousVersion=1&CurrentVersion=7",
            "PrefixListVersionMismatch",
        ),
        (
            "PreviousVersion=7&CurrentVersion=1",
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(bench.fails(&restore(what)).0, code, "{what}");
    }
}

/// B22: a rule with the list weighs as much as the list may hold, and a group has room for 60.
#[test]
fn a_list_grows_only_where_its_groups_have_room() {
    let mut bench = Bench::new();
    let list = office(&mut bench);
    group_with(&mut bench, &list);
    let resize = |size: u32| {
        format!(
            "Action=ModifyManagedPrefixList&PrefixListId={list}&PrefixListName=big&MaxEntries={size}"
        )
    };
    let answer = bench.ok(&resize(61));
    assert_eq!(answer.text("prefixList/state"), "modify-failed");
    assert_eq!(
        answer.text("prefixList/stateMessage"),
        "The maximum number of rules per security group has been reached."
    );
    assert_eq!(answer.text("prefixList/maxEntries"), "3");
    assert_eq!(answer.text("prefixList/prefixListName"), "office");
    let answer = bench.ok(&resize(60));
    assert_eq!(answer.text("prefixList/state"), "modify-complete");
    assert_eq!(answer.text("prefixList/maxEntries"), "60");
    assert!(answer.at("prefixList/stateMessage").is_none());
}

/// B31.
#[test]
fn a_list_that_is_referred_to_stays_and_says_by_whom() {
    let mut bench = Bench::new();
    let list = office(&mut bench);
    let group = group_with(&mut bench, &list);
    let delete = format!("Action=DeleteManagedPrefixList&PrefixListId={list}");
    let expected = format!("resource {list} has a dependent object");
    assert_eq!(bench.fails(&delete), ("DependencyViolation", expected));
    let associations = format!("Action=GetManagedPrefixListAssociations&PrefixListId={list}");
    let answer = bench.ok(&associations);
    let item = &answer.items("prefixListAssociationSet")[0];
    assert_eq!(item.text("resourceId"), group);
    assert_eq!(item.text("resourceOwner"), crate::testing::ACCOUNT);
    bench.ok(&format!("Action=DeleteSecurityGroup&GroupId={group}"));
    assert_eq!(
        bench.ok(&associations).items("prefixListAssociationSet"),
        []
    );
    let answer = bench.ok(&delete);
    assert_eq!(answer.text("prefixList/state"), "delete-complete");
    assert_eq!(bench.fails(&delete).0, "InvalidPrefixListID.NotFound");
}

#[test]
fn nobody_sees_or_changes_anothers() {
    let mut bench = Bench::new();
    let list = office(&mut bench);
    bench.log_in(OTHER_ACCOUNT);
    assert_eq!(
        bench
            .ok("Action=DescribeManagedPrefixLists")
            .items("prefixListSet"),
        []
    );
    for action in [
        "DescribeManagedPrefixLists&PrefixListId.1",
        "GetManagedPrefixListEntries&PrefixListId",
        "GetManagedPrefixListAssociations&PrefixListId",
        "ModifyManagedPrefixList&PrefixListName=x&PrefixListId",
        "RestoreManagedPrefixListVersion&PreviousVersion=1&CurrentVersion=1&PrefixListId",
        "DeleteManagedPrefixList&PrefixListId",
    ] {
        let expected = format!("The prefix list ID '{list}' does not exist");
        let found = bench.fails(&format!("Action={action}={list}"));
        assert_eq!(
            found,
            ("InvalidPrefixListID.NotFound", expected),
            "{action}"
        );
    }
    let (code, _) = bench.fails("Action=DeleteManagedPrefixList&PrefixListId=pl-x");
    assert_eq!(code, "InvalidPrefixListId.Malformed");
}

#[test]
fn lists_of_aws_are_seen_by_all_and_changed_by_nobody() {
    let mut bench = Bench::new();
    let aws = list_of_aws(&mut bench);
    let own = office(&mut bench);
    let all = bench.ok("Action=DescribeManagedPrefixLists");
    assert_eq!(all.items("prefixListSet").len(), 2);
    let services = bench.ok("Action=DescribePrefixLists");
    assert_eq!(services.texts("prefixListSet", "prefixListId"), [&aws]);
    assert_eq!(
        services.text("prefixListSet/item/cidrSet/item"),
        "203.0.113.0/24"
    );
    for (filter, value, count) in [
        ("prefix-list-name", "com.amazonaws.*", 1),
        ("prefix-list-id", own.as_str(), 0),
    ] {
        let form =
            format!("Action=DescribePrefixLists&Filter.1.Name={filter}&Filter.1.Value.1={value}");
        assert_eq!(bench.ok(&form).items("prefixListSet").len(), count);
    }
    let (code, _) = bench.fails(&format!(
        "Action=DeleteManagedPrefixList&PrefixListId={aws}"
    ));
    assert_eq!(code, "OperationNotPermitted");
}

#[test]
fn each_filter_chooses() {
    let mut bench = Bench::new();
    let aws = list_of_aws(&mut bench);
    let own = office(&mut bench);
    for (filter, value, expected) in [
        ("owner-id", "AWS", &aws),
        ("owner-id", crate::testing::ACCOUNT, &own),
        ("prefix-list-id", &own, &own),
        ("prefix-list-name", "off*", &own),
    ] {
        let form = format!(
            "Action=DescribeManagedPrefixLists&Filter.1.Name={filter}&Filter.1.Value.1={value}"
        );
        let answer = bench.ok(&form);
        assert_eq!(
            answer.texts("prefixListSet", "prefixListId"),
            [expected],
            "{filter}"
        );
    }
}

#[test]
fn pages_together_are_all_entries_in_their_order() {
    let mut bench = Bench::new();
    let entries: String = (0..250)
        .map(|n| format!("&Entry.{}.Cidr=10.{}.0.0/16", n + 1, 255 - n))
        .collect();
    let answer = bench.ok(&format!(
        "Action=CreateManagedPrefixList&PrefixListName=a&MaxEntries=250&AddressFamily=IPv4{entries}"
    ));
    let list = answer.text("prefixList/prefixListId").to_owned();
    let all = format!("Action=GetManagedPrefixListEntries&PrefixListId={list}");
    let (mut seen, mut form) = (Vec::new(), format!("{all}&MaxResults=100"));
    loop {
        let answer = bench.ok(&form);
        seen.extend(answer.items("entrySet").to_vec());
        let Some(token) = answer.at("nextToken") else {
            break;
        };
        form = format!("{all}&MaxResults=100&NextToken={}", token.text);
    }
    assert_eq!(seen, bench.ok(&all).items("entrySet"));
    assert_eq!(seen[0].text("cidr"), "10.255.0.0/16");
    assert_eq!(
        bench.fails(&format!("{all}&MaxResults=101")).0,
        "InvalidParameterValue"
    );
}

/// What a change may be: adds, removes, and the version that it says it saw, counted back from the current one.
#[derive(Debug, Clone)]
enum Change {
    Entries {
        add: Vec<u8>,
        remove: Vec<u8>,
        behind: u64,
    },
    Restore {
        back: u64,
        behind: u64,
    },
}

fn changes() -> impl Strategy<Value = Change> {
    let numbers = || prop::collection::vec(0u8..8, 0..4);
    let behind = || prop_oneof![9 => Just(0u64), 1 => 1u64..3];
    prop_oneof![
        3 => (numbers(), numbers(), behind())
            .prop_map(|(add, remove, behind)| Change::Entries { add, remove, behind }),
        1 => (0u64..4, behind()).prop_map(|(back, behind)| Change::Restore { back, behind }),
    ]
}

/// A list as a table of its versions: what every change should come to.
struct Table {
    version: u64,
    versions: BTreeMap<u64, Vec<u8>>,
}

const ROOM: usize = 5;

impl Table {
    /// Does a change if it can be, and says whether it could.
    fn change(&mut self, change: &Change) -> bool {
        let next = match change {
            Change::Entries {
                add,
                remove,
                behind,
            } => {
                if add.is_empty() && remove.is_empty() {
                    return true; // Nothing is changed, whatever version was seen.
                }
                if *behind != 0 {
                    return false;
                }
                let mut next = self.versions[&self.version].clone();
                for gone in remove {
                    let Some(place) = next.iter().position(|number| number == gone) else {
                        return false;
                    };
                    next.remove(place);
                }
                for new in add {
                    if next.contains(new) {
                        return false;
                    }
                    next.push(*new);
                }
                next
            }
            Change::Restore { back, behind } => {
                let version = self.version.checked_sub(*back);
                match version.and_then(|version| self.versions.get(&version)) {
                    Some(entries) if *behind == 0 => entries.clone(),
                    _ => return false,
                }
            }
        };
        if next.len() > ROOM {
            return false;
        }
        self.version += 1;
        self.versions.insert(self.version, next);
        true
    }

    fn form(&self, list: &str, change: &Change) -> String {
        match change {
            Change::Entries {
                add,
                remove,
                behind,
            } => {
                let entries = |name: &str, numbers: &[u8]| -> String {
                    let numbers = (1..).zip(numbers);
                    numbers
                        .map(|(n, number)| format!("&{name}.{n}.Cidr={}", range(*number)))
                        .collect()
                };
                let seen = self.version.saturating_sub(*behind);
                let (add, remove) = (entries("AddEntry", add), entries("RemoveEntry", remove));
                format!(
                    "Action=ModifyManagedPrefixList&PrefixListId={list}&CurrentVersion={seen}{add}{remove}"
                )
            }
            Change::Restore { back, behind } => {
                let (previous, seen) = (
                    self.version.saturating_sub(*back),
                    self.version.saturating_sub(*behind),
                );
                format!(
                    "Action=RestoreManagedPrefixListVersion&PrefixListId={list}&PreviousVersion={previous}&CurrentVersion={seen}"
                )
            }
        }
    }
}

fn range(number: u8) -> String {
    format!("10.{number}.0.0/16")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// After any changes, possible and impossible ones, every version has the entries that a table of versions has.
    #[test]
    fn versions_are_those_of_a_table(changes in prop::collection::vec(changes(), 1..25)) {
        let mut bench = Bench::new();
        let form = format!("Action=CreateManagedPrefixList&PrefixListName=a&MaxEntries={ROOM}&AddressFamily=IPv4");
        let list = bench.ok(&form).text("prefixList/prefixListId").to_owned();
        let mut table = Table { version: 1, versions: BTreeMap::from([(1, Vec::new())]) };
        for change in &changes {
            let form = table.form(&list, change);
            let answer = bench.call(&form);
            prop_assert_eq!(answer.is_ok(), table.change(change), "{:?}: {:?}", change, answer);
        }
        for (version, numbers) in &table.versions {
            let found = entries(&mut bench, &list, &format!("&TargetVersion={version}"));
            let expected: Vec<_> = numbers.iter().map(|number| range(*number)).collect();
            prop_assert_eq!(found, expected, "version {}", version);
        }
        let current = entries(&mut bench, &list, "");
        prop_assert_eq!(current.len(), table.versions[&table.version].len());
    }
}

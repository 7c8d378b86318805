//! B30, B31: creating, changing and restoring managed prefix lists.

use secgroup_model::{
    AccountId, ModelError, Note, Part, PrefixList, PrefixListChange, PrefixListId,
    PrefixListQuotas, RawEntry, RawPrefixList,
};

use crate::common::{OWNER, assert_error, assert_one_error};

fn entry(cidr: &str) -> RawEntry {
    RawEntry {
        cidr: cidr.to_owned(),
        description: None,
    }
}

fn raw(cidrs: &[&str]) -> RawPrefixList {
    RawPrefixList {
        name: Some("offices".to_owned()),
        family: Some("IPv4".to_owned()),
        max_entries: Some(3),
        entries: cidrs.iter().map(|cidr| entry(cidr)).collect(),
    }
}

fn quotas() -> PrefixListQuotas {
    PrefixListQuotas::default()
}

fn parse(raw: RawPrefixList) -> Result<(PrefixList, Vec<Note>), Vec<ModelError>> {
    raw.parse(
        PrefixListId::from_random(1),
        AccountId::new(OWNER),
        &quotas(),
    )
}

fn offices(cidrs: &[&str]) -> PrefixList {
    parse(raw(cidrs)).unwrap().0
}

fn cidrs(list: &PrefixList) -> Vec<String> {
    list.entries()
        .iter()
        .map(|entry| entry.cidr.to_string())
        .collect()
}

fn adding(version: u64, cidrs: &[&str]) -> PrefixListChange {
    PrefixListChange {
        current_version: Some(version),
        add: cidrs.iter().map(|cidr| entry(cidr)).collect(),
        ..PrefixListChange::default()
    }
}

#[test]
fn b30_a_new_list() {
    let (list, notes) = parse(raw(&["203.0.113.0/24", "198.51.100.7/24"])).unwrap();
    assert_eq!((list.version, list.max_entries), (1, 3));
    assert_eq!(cidrs(&list), ["203.0.113.0/24", "198.51.100.0/24"]);
    assert!(
        matches!(notes.as_slice(), [Note::HostBitsCleared { place: 1, .. }]),
        "{notes:?}"
    );
    assert_eq!(list.weight(), 3, "B18: what it may hold");
}

#[test]
fn b30_what_a_new_list_needs() {
    let errors = parse(RawPrefixList::default()).unwrap_err();
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["PrefixListName", "AddressFamily", "MaxEntries"]
            .map(|name| format!("The request must contain the parameter {name}"))
    );
    let faults = |raw: RawPrefixList| parse(raw).unwrap_err().len();
    let name = |name: &str| RawPrefixList {
        name: Some(name.to_owned()),
        ..raw(&[])
    };
    parse(name(&"x".repeat(255))).unwrap();
    for bad in ["", "com.amazonaws.us-east-1.s3", &"x".repeat(256)] {
        assert_eq!(faults(name(bad)), 1, "{bad}");
    }
    for bad in [0, -1, 1_001, i64::MAX] {
        assert_eq!(
            faults(RawPrefixList {
                max_entries: Some(bad),
                ..raw(&[])
            }),
            1,
            "{bad}"
        );
    }
    parse(RawPrefixList {
        max_entries: Some(1_000),
        ..raw(&[])
    })
    .unwrap();
    assert_eq!(
        faults(RawPrefixList {
            family: Some("IPX".to_owned()),
            ..raw(&[])
        }),
        1
    );
}

#[test]
fn b30_entries_are_of_one_family_and_appear_once() {
    assert_error(
        parse(raw(&["2001:db8::/32"])),
        "InvalidParameterValue",
        "CIDR block 2001:db8::/32 is malformed",
    );
    let twice = parse(raw(&["10.0.0.0/8", "10.1.2.3/8"])).unwrap_err();
    assert_eq!(twice[0].part, Part::Entry(1));
    let long = RawEntry {
        description: Some("x".repeat(256)),
        ..entry("10.0.0.0/8")
    };
    parse(RawPrefixList {
        entries: vec![long],
        ..raw(&[])
    })
    .unwrap_err();
    let plain = RawEntry {
        description: Some("x".repeat(255)),
        ..entry("10.0.0.0/8")
    };
    parse(RawPrefixList {
        entries: vec![plain],
        ..raw(&[])
    })
    .unwrap();
}

#[test]
fn b30_no_more_entries_than_max_entries() {
    let four = ["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"];
    assert_eq!(
        parse(raw(&four)).unwrap_err()[0].code(),
        "PrefixListMaxEntriesExceeded"
    );
    let mut list = offices(&four[..3]);
    let errors = list.modify(adding(1, &four[3..]), &quotas()).unwrap_err();
    assert_eq!(errors[0].code(), "PrefixListMaxEntriesExceeded");
}

#[test]
fn b30_each_change_of_entries_makes_a_version() {
    let mut list = offices(&["10.0.0.0/16"]);
    list.modify(adding(1, &["10.1.0.0/16"]), &quotas()).unwrap();
    assert_eq!(
        (list.version, cidrs(&list)),
        (2, vec!["10.0.0.0/16".into(), "10.1.0.0/16".into()])
    );
    let removal = PrefixListChange {
        current_version: Some(2),
        remove: vec!["10.0.0.0/16".to_owned()],
        ..PrefixListChange::default()
    };
    list.modify(removal, &quotas()).unwrap();
    assert_eq!(
        (list.version, cidrs(&list)),
        (3, vec!["10.1.0.0/16".into()])
    );
    assert_eq!(list.versions[&1].len(), 1);
    assert_eq!(list.versions[&2].len(), 2);
    let rename = PrefixListChange {
        name: Some("sites".to_owned()),
        ..PrefixListChange::default()
    };
    list.modify(rename, &quotas()).unwrap();
    let resize = PrefixListChange {
        max_entries: Some(9),
        ..PrefixListChange::default()
    };
    list.modify(resize, &quotas()).unwrap();
    assert_eq!(
        (list.name.as_str(), list.max_entries, list.version),
        ("sites", 9, 3)
    );
}

#[test]
fn b30_the_version_must_be_said_and_right() {
    let mut list = offices(&["10.0.0.0/16"]);
    let before = list.clone();
    assert_error(
        list.modify(adding(2, &["10.1.0.0/16"]), &quotas()),
        "PrefixListVersionMismatch",
        "The prefix list has the incorrect version number.",
    );
    let unsaid = PrefixListChange {
        current_version: None,
        ..adding(1, &["10.1.0.0/16"])
    };
    assert_error(
        list.modify(unsaid, &quotas()),
        "MissingParameter",
        "The request must contain the parameter CurrentVersion",
    );
    assert_eq!(list, before);
}

#[test]
fn b30_entries_and_size_do_not_change_at_once() {
    let mut list = offices(&["10.0.0.0/16"]);
    let before = list.clone();
    let both = PrefixListChange {
        max_entries: Some(9),
        ..adding(1, &["10.1.0.0/16"])
    };
    assert_eq!(
        list.modify(both, &quotas()).unwrap_err()[0].code(),
        "InvalidParameterCombination"
    );
    let small = PrefixListChange {
        max_entries: Some(0),
        ..PrefixListChange::default()
    };
    list.modify(small, &quotas()).unwrap_err();
    assert_eq!(list, before);
}

#[test]
fn b30_entries_that_are_or_are_not_there() {
    let mut list = offices(&["10.0.0.0/16"]);
    let before = list.clone();
    let removing = |cidr: &str| PrefixListChange {
        remove: vec![cidr.to_owned()],
        ..adding(1, &[])
    };
    for change in [
        removing("10.9.0.0/16"),
        adding(1, &["10.0.0.0/16"]),
        removing("nonsense"),
    ] {
        list.modify(change, &quotas()).unwrap_err();
        assert_eq!(list, before);
    }
    // Removals come first: a description is changed by replacing the entry.
    let named = RawEntry {
        description: Some("hq".to_owned()),
        ..entry("10.0.0.0/16")
    };
    let replace = PrefixListChange {
        add: vec![named],
        ..removing("10.0.0.0/16")
    };
    list.modify(replace, &quotas()).unwrap();
    assert_eq!(list.entries()[0].description.as_deref(), Some("hq"));
    assert_eq!(list.version, 2);
}

#[test]
fn b31_an_older_version_comes_back_as_a_new_one() {
    let mut list = offices(&["10.0.0.0/16"]);
    list.modify(adding(1, &["10.1.0.0/16", "10.2.0.0/16"]), &quotas())
        .unwrap();
    list.restore(1, 2, &quotas()).unwrap();
    assert_eq!(
        (list.version, cidrs(&list)),
        (3, vec!["10.0.0.0/16".into()])
    );
    assert_one_error(
        list.restore(1, 2, &quotas()),
        "PrefixListVersionMismatch",
        "The prefix list has the incorrect version number.",
    );
    list.restore(9, 3, &quotas()).unwrap_err();
    let shrink = PrefixListChange {
        max_entries: Some(1),
        ..PrefixListChange::default()
    };
    list.modify(shrink, &quotas()).unwrap();
    let error = list.restore(2, 3, &quotas()).unwrap_err();
    assert_eq!(error.code(), "PrefixListMaxEntriesExceeded");
}

#[test]
fn b23_the_oldest_versions_go() {
    let few = PrefixListQuotas {
        versions_per_list: 2,
        ..quotas()
    };
    let mut list = offices(&[]);
    list.modify(adding(1, &["10.0.0.0/16"]), &few).unwrap();
    list.modify(adding(2, &["10.1.0.0/16"]), &few).unwrap();
    assert_eq!(list.versions.keys().copied().collect::<Vec<_>>(), [2, 3]);
    assert_eq!(cidrs(&list).len(), 2);
}

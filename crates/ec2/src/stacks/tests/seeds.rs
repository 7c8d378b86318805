//! Endpoints that begin with dumps and templates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use secgroup_import::{Options, load_texts};

use super::super::seed::{STACK, Seeded, seed};
use super::super::{Deployment, Fault};
use super::bench::{ACCOUNT, Bench, fault, template};
use super::shipped::rules_of;
use crate::invariants;

fn dumps() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/dumps");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == "json"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            (
                path.display().to_string(),
                std::fs::read_to_string(path).unwrap(),
            )
        })
        .collect()
}

fn try_seed(bench: &mut Bench, texts: &[(&str, &str)]) -> Result<Seeded, Vec<Fault>> {
    let options = Options {
        account: ACCOUNT.to_owned(),
        stack_name: Some(STACK.to_owned()),
        rest_is_known: true,
        ..Options::default()
    };
    let import = load_texts(texts, &options);
    assert!(!import.has_errors(), "{:#?}", import.diagnostics);
    let deployment = Deployment {
        name: STACK,
        template: "all",
        wanted: &import.inventory,
        partial_groups: &import.partial_groups,
    };
    let caller = bench.caller.clone();
    bench.edit(|edit| seed(edit, &caller, &deployment))
}

#[test]
fn dumps_come_in_under_their_own_ids() {
    let mut bench = Bench::new();
    let dumps = dumps();
    let texts: Vec<(&str, &str)> = dumps
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    let imported = load_texts(&texts, &Options::default()).inventory;
    let seeded = try_seed(&mut bench, &texts).unwrap();
    assert!(seeded.dumped > 0 && seeded.stack.is_none());
    assert_eq!(seeded.undescribed, [""; 0]);
    assert_eq!(invariants::check(&bench.state), [""; 0]);
    let inventory = &bench.state.inventory;
    for (id, group) in &imported.groups {
        let same = |id: &str| id.to_owned();
        assert_eq!(
            rules_of(group, same),
            rules_of(&inventory.groups[id], same),
            "{id}"
        );
        assert!(
            inventory.groups[id]
                .rules
                .iter()
                .all(|rule| rule.id.is_well_formed())
        );
    }
    for (id, interface) in &imported.interfaces {
        assert_eq!(inventory.interfaces[id].addresses, interface.addresses);
    }
    let ids: BTreeSet<_> = inventory.vpcs.keys().collect();
    assert_eq!(ids, imported.vpcs.keys().collect());
}

#[test]
fn templates_beside_dumps_become_a_stack() {
    let mut bench = Bench::new();
    let dumps = dumps();
    let mut texts: Vec<(&str, &str)> = dumps
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    let own = template("Mine: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.9.0.0/16}}");
    texts.push(("own.yaml", &own));
    let seeded = try_seed(&mut bench, &texts).unwrap();
    assert_eq!(seeded.stack.unwrap().changes.len(), 1);
    assert!(bench.id(STACK, "Mine").starts_with("vpc-"));
    assert_eq!(invariants::check(&bench.state), [""; 0]);
}

#[test]
fn groups_alone_bring_their_vpc() {
    let mut bench = Bench::new();
    let groups = r#"{"SecurityGroups": [{"GroupId": "sg-0123456789abcdef0", "GroupName": "web", "Description": "d", "OwnerId": "123456789012",
        "VpcId": "vpc-0123456789abcdef0", "IpPermissions": [], "IpPermissionsEgress": []}]}"#;
    let seeded = try_seed(&mut bench, &[("groups.json", groups)]).unwrap();
    assert_eq!(seeded.undescribed, ["vpc-0123456789abcdef0"]);
    assert_eq!(invariants::check(&bench.state), [""; 0]);
    assert_eq!(bench.state.inventory.groups.len(), 2);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let group = |owner: &str, permissions: &str| {
        format!(
            r#"{{"SecurityGroups": [{{"GroupId": "sg-0123456789abcdef0", "GroupName": "web", "Description": "d", "OwnerId": "{owner}",
            "VpcId": "vpc-0123456789abcdef0", "IpPermissions": [{permissions}], "IpPermissionsEgress": []}}]}}"#
        )
    };
    let refused = |text: &str| {
        let faults = try_seed(&mut Bench::new(), &[("groups.json", text)]).unwrap_err();
        faults.iter().map(fault).collect::<Vec<_>>()
    };
    assert_eq!(
        refused(&group("210987654321", "")),
        [" InvalidParameterValue: Account 210987654321 has no access key here"]
    );
    let list =
        r#"{"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0"}]}"#;
    assert_eq!(
        refused(&group(ACCOUNT, list)),
        [" InvalidParameterValue: pl-0123456789abcdef0 is named, and no file describes it"]
    );
    let pair = r#"{"IpProtocol": "-1", "UserIdGroupPairs": [{"UserId": "123456789012", "GroupId": "sg-00000000000000009"}]}"#;
    assert!(refused(&group(ACCOUNT, pair))[0].ends_with("which does not exist"));
}

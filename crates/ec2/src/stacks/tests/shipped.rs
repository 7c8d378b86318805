//! The templates that ship with the project: each deploys, and means the same as what the importer makes of it.

use std::collections::BTreeSet;
use std::path::Path;

use secgroup_import::{Options, load_texts};
use secgroup_model::{GroupId, Peer, SecurityGroup};

use super::bench::{ACCOUNT, Bench, told};
use crate::vpcs;

/// The rules of a group, with ids as `name` has them.
pub(super) fn rules_of(group: &SecurityGroup, name: impl Fn(&str) -> String) -> BTreeSet<String> {
    let shown = |rule: &secgroup_model::Rule| {
        let peer = match &rule.spec.peer {
            Peer::Cidr(net) => net.to_string(),
            Peer::PrefixList(list) => name(list.as_str()),
            Peer::Group(reference) => name(reference.group.as_str()),
        };
        let (direction, traffic) = (rule.spec.direction, rule.spec.traffic);
        format!("{direction} {traffic} {peer} {:?}", rule.description)
    };
    group.rules.iter().map(shown).collect()
}

#[test]
fn shipped_templates_deploy_and_mean_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|found| found != "yaml") {
            continue;
        }
        compare(&path);
        count += 1;
    }
    assert!(count >= 6, "{count} templates");
}

fn compare(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let options = Options {
        account: ACCOUNT.to_owned(),
        stack_name: Some("test".to_owned()),
        ..Options::default()
    };
    let imported = load_texts(&[("stack.yaml", &text)], &options).inventory;
    let mut bench = Bench::new();
    let before = bench.state.clone();
    bench.deploy("test", &text);
    let real = |logical: &str| {
        if let Some(id) = bench.stack("test").resources.get(logical) {
            return id.clone();
        }
        let vpc = logical.strip_suffix(".DefaultSecurityGroup").unwrap();
        let vpc = secgroup_model::VpcId::new(&bench.id("test", vpc));
        bench
            .state
            .inventory
            .default_group(&vpc)
            .unwrap()
            .id
            .to_string()
    };
    let inventory = &bench.state.inventory;
    for (id, group) in &imported.groups {
        let deployed = &inventory.groups[&GroupId::new(&real(id.as_str()))];
        assert_eq!(
            rules_of(group, real),
            rules_of(deployed, |id| id.to_owned()),
            "{}: {id}",
            path.display()
        );
    }
    for (id, interface) in &imported.interfaces {
        let deployed = &inventory.interfaces[real(id.as_str()).as_str()];
        assert_eq!(interface.addresses, deployed.addresses);
        let groups: Vec<_> = interface
            .groups
            .iter()
            .map(|group| real(group.as_str()))
            .collect();
        assert_eq!(
            groups,
            deployed
                .groups
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        );
    }
    assert!(vpcs::default_vpc(&bench.state, &bench.caller.account).is_some());
    let again = bench.deploy("test", &text);
    assert!(again.is_empty(), "{}: {}", path.display(), told(&again));
    bench.try_delete("test").unwrap();
    assert!(
        bench.state == before,
        "{}: something is left",
        path.display()
    );
}

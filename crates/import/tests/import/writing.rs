//! Templates that are written are read as the same policy.

use secgroup_import::{Options, load, load_texts, write_template};
use secgroup_model::{Direction, Inventory, Peer};

/// Everything of a policy that decides about packets, in words: ids and origins aside.
fn meaning(inventory: &Inventory) -> Vec<String> {
    let logical = |id: &str| -> String { id.chars().filter(char::is_ascii_alphanumeric).collect() };
    let mut all = Vec::new();
    for group in inventory.groups.values() {
        let id = logical(group.id.as_str());
        let vpc = group.vpc.as_ref().map(|vpc| logical(vpc.as_str()));
        all.push(format!("group {id} of {vpc:?}"));
        for direction in Direction::BOTH {
            for rule in group.rules_of(direction) {
                let (spec, description) = (&rule.spec, &rule.description);
                let peer = match &spec.peer {
                    Peer::Cidr(range) if range.to_string() == "127.0.0.1/32" => continue,
                    Peer::Cidr(range) => range.to_string(),
                    Peer::PrefixList(list) => logical(list.as_str()),
                    Peer::Group(to) => logical(to.group.as_str()),
                };
                let traffic = spec.traffic;
                all.push(format!(
                    "rule {id} {direction} {traffic} {peer} {description:?}"
                ));
            }
        }
    }
    for interface in inventory.interfaces.values() {
        let groups: Vec<_> = interface
            .groups
            .iter()
            .map(|id| logical(id.as_str()))
            .collect();
        let mut addresses: Vec<_> = interface
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        addresses.extend(interface.prefixes.iter().map(ToString::to_string));
        addresses.sort();
        let (check, tracking) = (interface.source_dest_check, interface.tracking);
        let subnet = interface
            .subnet
            .as_ref()
            .and_then(|id| inventory.subnets.get(id));
        let router = subnet.and_then(secgroup_model::Subnet::router);
        let vpc = inventory
            .vpc_of(interface)
            .and_then(|id| inventory.vpcs.get(id));
        let resolver = vpc.and_then(secgroup_model::Vpc::resolver);
        let id = logical(interface.id.as_str());
        all.push(format!(
            "interface {id} {groups:?} {addresses:?} {check} {tracking:?} {router:?} {resolver:?}"
        ));
    }
    for list in inventory.prefix_lists.values() {
        let entries: Vec<_> = list.entries().iter().map(|entry| entry.cidr).collect();
        all.push(format!("list {} {entries:?}", logical(list.id.as_str())));
    }
    all.sort();
    all
}

fn written(inventory: &Inventory) -> (String, Inventory) {
    let text = write_template(inventory, &["A comment".to_owned()]);
    let read = load_texts(&[("written.yaml", &text)], &Options::default());
    assert!(!read.has_errors(), "{:?}\n{text}", read.diagnostics);
    (text, read.inventory)
}

#[test]
fn the_policies_that_ship_survive_being_written() {
    let configs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let mut seen = 0;
    for entry in std::fs::read_dir(&configs).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let import = load(std::slice::from_ref(&path), &Options::default());
            let (text, read) = written(&import.inventory);
            assert_eq!(
                meaning(&read),
                meaning(&import.inventory),
                "{}\n{text}",
                path.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 3);
    let mut dumps: Vec<_> = std::fs::read_dir(configs.join("dumps"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    dumps.sort();
    let import = load(&dumps, &Options::default());
    let (text, read) = written(&import.inventory);
    assert_eq!(meaning(&read), meaning(&import.inventory), "{text}");
}

#[test]
fn text_is_quoted_whatever_is_in_it() {
    let text = r#"
Resources:
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: "{a} [b] #c: & *d !e"
      Tags: [{Key: "a\"b\\", Value: "x\ny: !Ref Z"}]
      SecurityGroupEgress: []
"#;
    let import = load_texts(&[("odd.yaml", text)], &Options::default());
    assert!(!import.has_errors(), "{:?}", import.diagnostics);
    let (_, read) = written(&import.inventory);
    let [before, after] = [&import.inventory, &read].map(|i| i.groups.values().next().unwrap());
    assert_eq!(before.description, after.description);
    assert_eq!(before.tags, after.tags);
    let nothing = write_template(&Inventory::default(), &[]);
    assert!(nothing.ends_with("Resources: {}\n"));
}

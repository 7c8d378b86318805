//! Templates of others: 70 from public collections (../shared/policies, not part of the product).
//! Each one loads, or is refused with an error that is true.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secgroup_import::{Import, Options, Severity, load};
use secgroup_model::Inventory;

/// Templates that are refused whatever parameters are given: a part of the name of the file, how
/// many of them there are, part of the message, and why it is true.
const REFUSED: [(&str, usize, &str, &str); 6] = [
    (
        "test__fixtures__schemas__resources",
        7,
        "neither a CloudFormation template nor",
        "these are schemas of resource types",
    ),
    (
        "bad__properties_sg_ingress",
        1,
        "CIDR block 10.0.0.0 is malformed",
        "faulty on purpose",
    ),
    (
        "VSCode__VSCodeServer",
        1,
        "`NetworkVPC` is neither a parameter nor a resource",
        "the resource comes from a module that another tool expands (`!Rain::Module`)",
    ),
    (
        "GitLab__GitLabServer",
        1,
        "`NetworkVPC` is neither a parameter nor a resource",
        "the resource comes from a module that another tool expands (`!Rain::Module`)",
    ),
    (
        "aws__solutions__Elasticache-snapshot.template",
        1,
        "Missing source specification",
        "its ingress rule names no peer; the later version of the same file does",
    ),
    (
        "FindVPCResourceIds__example",
        1,
        "`Fn::Transform` is worked out by CloudFormation itself",
        "the peer of a rule is looked up by a macro",
    ),
];

/// Values for the parameters that matter to rules and have no default.
const GIVEN: [(&str, &str); 14] = [
    ("ContainerAccessCIDR", "10.1.0.0/16"),
    ("NumberOfSecurityGroups", "2"),
    ("ParentClientStack", "client"),
    ("ParentAlertStack", ""),
    ("PeerVPCCIDR", "10.9.0.0/16"),
    ("RemoteAccessCIDR", "192.0.2.0/24"),
    ("SecurityGroupIds", "sg-11111111,sg-22222222"),
    ("ServiceName", "s3"),
    ("mySecurityGroup", "sg-33333333"),
    ("mySecurity3Group", "sg-44444444"),
    ("pManagementCIDR", "10.10.0.0/16"),
    ("pProductionCIDR", "10.100.0.0/16"),
    ("pSupportsNatGateway", "true"),
    ("VpcId", "vpc-55555555"),
];

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/policies");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("note: the folder of templates is not here; nothing was tested");
    None
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().is_some_and(|name| name != "README.md"));
    files.sort();
    files
}

fn options() -> Options {
    let mut options = Options::default();
    for (name, value) in GIVEN {
        options.parameters.insert(name.to_owned(), value.to_owned());
    }
    let (name, value) = ("client-ClientSecurityGroup", "sg-66666666");
    options
        .import_values
        .insert(name.to_owned(), value.to_owned());
    options
}

fn errors(import: &Import) -> Vec<&str> {
    let errors = import
        .diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error);
    errors
        .map(|diagnostic| diagnostic.message.as_str())
        .collect()
}

#[test]
fn each_template_loads_or_is_refused_truly() {
    let Some(folder) = folder() else { return };
    let files = files(&folder);
    assert_eq!(files.len(), 70);
    let options = options();
    let mut refused: BTreeMap<usize, usize> = BTreeMap::new();
    for file in &files {
        let import = load(std::slice::from_ref(file), &options);
        let name = file.file_name().unwrap().to_string_lossy();
        let errors = errors(&import);
        match REFUSED.iter().position(|(part, ..)| name.contains(part)) {
            None => assert!(errors.is_empty(), "{name}: {errors:#?}"),
            Some(at) => {
                let (_, _, message, why) = REFUSED[at];
                let found = errors.iter().any(|error| error.contains(message));
                assert!(found, "{name}: should be refused ({why}): {errors:#?}");
                *refused.entry(at).or_default() += 1;
            }
        }
    }
    for (at, (part, count, ..)) in REFUSED.iter().enumerate() {
        assert_eq!(refused.get(&at), Some(count), "{part}");
    }
}

/// Without values for parameters, what is missing is said, and nothing else is wrong.
#[test]
fn without_values_the_errors_name_the_parameters() {
    let Some(folder) = folder() else { return };
    let mut asked = 0;
    for file in files(&folder) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if REFUSED.iter().any(|(part, ..)| name.contains(part)) {
            continue;
        }
        let import = load(&[file], &Options::default());
        for diagnostic in import
            .diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error)
        {
            assert!(
                diagnostic.message.contains("depends on"),
                "{name}: {diagnostic:#?}"
            );
            assert!(
                diagnostic.help[0].contains("--parameter"),
                "{name}: {diagnostic:#?}"
            );
            asked += 1;
        }
    }
    assert!(asked > 20, "{asked}");
}

/// Every place lies in its file, and is what it says it is.
#[test]
fn places_are_true() {
    let Some(folder) = folder() else { return };
    for file in files(&folder) {
        let import = load(std::slice::from_ref(&file), &Options::default());
        let text = std::fs::read_to_string(&file).unwrap();
        let origins = import.inventory.groups.values().flat_map(|group| {
            let rules = group.rules.iter().filter_map(|rule| rule.origin.clone());
            rules.chain(group.origin.clone())
        });
        for origin in origins {
            let line = text.lines().nth(origin.line as usize - 1).unwrap();
            assert!(
                line.chars().count() >= origin.column as usize,
                "{origin:?}: {line}"
            );
        }
        for (id, group) in &import.inventory.groups {
            let line = group.origin.as_ref().unwrap().line as usize;
            let line = text.lines().nth(line - 1).unwrap();
            assert!(line.contains(id.as_str()), "{id}: {line}");
        }
    }
}

/// The same template as JSON and, some years before, as YAML.
#[test]
fn twins_are_equal() {
    let Some(folder) = folder() else { return };
    let options = Options {
        stack_name: Some("twin".into()),
        ..options()
    };
    let [one, other] = [
        "aws-cloudformation+aws-cloudformation-templates__IoT__amzn2-greengrass-cfn.json",
        "awslabs+aws-cloudformation-templates__aws__services__IoT__amzn2-greengrass-cfn.yml",
    ]
    .map(|name| without_places(load(&[folder.join(name)], &options).inventory));
    assert!(!one.groups.is_empty());
    assert_eq!(one, other);
}

fn without_places(mut inventory: Inventory) -> Inventory {
    for group in inventory.groups.values_mut() {
        group.origin = None;
        group.rules.iter_mut().for_each(|rule| rule.origin = None);
    }
    inventory
        .interfaces
        .values_mut()
        .for_each(|interface| interface.origin = None);
    inventory
        .vpcs
        .values_mut()
        .for_each(|vpc| vpc.origin = None);
    inventory
        .subnets
        .values_mut()
        .for_each(|subnet| subnet.origin = None);
    inventory
}

/// All of them at once: nothing gets lost, whatever the order.
#[test]
fn all_at_once_in_any_order() {
    let Some(folder) = folder() else { return };
    let mut files = files(&folder);
    let options = options();
    let forward = load(&files, &options);
    files.reverse();
    let backward = load(&files, &options);
    let sorted = |import: &Import| {
        let mut messages: Vec<_> = import
            .diagnostics
            .iter()
            .map(|d| {
                (
                    d.location.as_ref().map(|l| (l.file.clone(), l.line)),
                    d.message.clone(),
                )
            })
            .collect();
        messages.sort();
        messages
    };
    assert_eq!(
        forward.inventory.groups.keys().collect::<Vec<_>>(),
        backward.inventory.groups.keys().collect::<Vec<_>>()
    );
    assert_eq!(sorted(&forward).len(), sorted(&backward).len());
    let apart: usize = files
        .iter()
        .map(|file| {
            load(std::slice::from_ref(file), &options)
                .inventory
                .groups
                .len()
        })
        .sum();
    assert!(
        forward.inventory.groups.len() >= apart,
        "{} < {apart}",
        forward.inventory.groups.len()
    );
}

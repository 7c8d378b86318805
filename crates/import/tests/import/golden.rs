//! Diagnostics as people read them, against files that were checked by hand.
//!
//! `UPDATE_GOLDEN=1 cargo test -p secgroup-import --test import golden` writes them anew; read the
//! difference before it is committed.

use std::path::{Path, PathBuf};

use crate::support::{errors, load, rules, said};
use secgroup_import::{Import, Severity, render};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[track_caller]
fn assert_golden(name: &str, import: &Import) {
    let shown = render(&import.diagnostics, &import.sources, false);
    let path = folder().join(name).with_extension("txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &shown).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(shown == expected, "{}:\n{shown}", path.display());
}

/// The text of a seed document, which is not part of the product.
fn seed(number: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seeds");
    let Ok(entries) = std::fs::read_dir(folder) else {
        println!("note: the folder of seeds is not here; nothing was tested");
        return None;
    };
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let path = paths.find(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(number))
    });
    Some(std::fs::read_to_string(path.unwrap()).unwrap())
}

/// The template of seed001, whose text has lost its indentation: resources, their attributes, their
/// properties, the items of a property.
fn template_of_seed001(text: &str) -> String {
    let start = text.find("\nEC2SecurityGroup:").unwrap();
    let indent = |line: &str| match line {
        _ if line.starts_with("- ") => 8,
        _ if line.starts_with("EC2") => 2,
        "Properties:" => 4,
        _ if line.starts_with("Type:") => 4,
        _ => 6,
    };
    let lines = text[start..].trim().lines();
    let lines = lines.map(|line| format!("{:1$}{line}\n", "", indent(line)));
    format!("Resources:\n{}", lines.collect::<String>())
}

/// F8: a message per fault.
#[test]
fn the_faulty_template_of_seed001() {
    let Some(text) = seed("001") else { return };
    let text = template_of_seed001(&text);
    let import = load(&[("seed001.yaml", &text)]);
    let errors = errors(&import);
    assert_eq!(errors.len(), 5, "{errors:#?}");
    assert_golden("seed001", &import);
}

/// F9.
#[test]
fn the_template_of_seed004_loads_cleanly() {
    let Some(text) = seed("004") else { return };
    let start = text.find("Resources:\n  DbSecurityGroup:").unwrap();
    let end = start + text[start..].find("\n\n").unwrap();
    let import = load(&[("seed004.yaml", &text[start..end])]);
    assert_eq!(said(&import, Severity::Note), [""; 0]);
    assert_eq!(
        rules(&import, "DbSecurityGroup"),
        [
            "DbSecurityGroup.SecurityGroupIngress[0]: tcp 3306 from sg-web",
            "DbSecurityGroup.DefaultEgress[0]: all traffic to 0.0.0.0/0",
            "DbSecurityGroup.DefaultEgress[1]: all traffic to ::/0",
        ]
    );
    let group = &import.inventory.groups["DbSecurityGroup"];
    assert_eq!(group.vpc.as_ref().unwrap().as_str(), "vpc-0a1b2c3d");
    assert_eq!(
        group.rules[0].description.as_deref(),
        Some("Allow web tier to DB")
    );
}

#[test]
fn typical_mistakes() {
    let mut inputs: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension != "txt"))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty());
    for path in inputs {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_golden(&name, &load(&[(&name, &text)]));
    }
}

/// Colours are there when asked for, and the words are the same.
#[test]
fn colours_change_nothing_but_colours() {
    let import = load(&[("x.yaml", "Resources: {G: {Type: AWS::EC2::SecurityGroup}}")]);
    let plain = render(&import.diagnostics, &import.sources, false);
    let coloured = render(&import.diagnostics, &import.sources, true);
    assert!(coloured.contains('\u{1b}'));
    let mut stripped = String::new();
    for (at, part) in coloured.split('\u{1b}').enumerate() {
        let text = if at == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        };
        stripped.push_str(text);
    }
    assert_eq!(stripped, plain);
}

/// A place in the middle of a very long line is shown without the rest of it.
#[test]
fn long_lines_are_cut() {
    let groups: Vec<String> = (0..2000)
        .map(|n| {
            let protocol = if n == 1000 { "tpc" } else { "-1" };
            let peer = r#""IpRanges":[{"CidrIp":"10.0.0.0/8"}]"#;
            let rule = format!(r#"{{"IpProtocol":"{protocol}",{peer}}}"#);
            format!(r#"{{"GroupId":"sg-{n}","IpPermissions":[{rule}]}}"#)
        })
        .collect();
    let text = format!("{{\"SecurityGroups\":[{}]}}", groups.join(","));
    let import = load(&[("dump.json", &text)]);
    assert_eq!(errors(&import).len(), 1);
    let location = import.diagnostics[0].location.as_ref().unwrap();
    assert_eq!(&text[location.start..location.end], "\"tpc\"");
    assert_eq!(
        (location.line, location.column as usize),
        (1, location.start + 1)
    );
    let shown = render(&import.diagnostics, &import.sources, false);
    assert!(shown.len() < 1500, "{shown}");
    assert!(
        shown.contains(&format!("dump.json:1:{}", location.column)),
        "{shown}"
    );
    assert!(shown.contains("^^^^^"), "{shown}");
}

/// Diagnostics are plain data for machines.
#[test]
fn diagnostics_serialise() {
    let import = load(&[(
        "x.yaml",
        "Resources:\n  G: {Type: AWS::EC2::SecurityGroup}\n",
    )]);
    let json = serde_json::to_value(&import.diagnostics).unwrap();
    assert_eq!(
        json,
        serde_json::json!([{
            "severity": "error",
            "message": "security group `G` lacks `GroupDescription`",
            "location": {"file": "x.yaml", "line": 2, "column": 3, "start": 13, "end": 14},
        }])
    );
}

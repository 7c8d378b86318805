//! Several files together, and files that are none of ours.

use secgroup_import::Severity;
use secgroup_model::GroupId;

use crate::dumps::{GROUPS, ID};
use crate::support::{errors, load, rules, said, template};

#[test]
fn two_templates_with_the_same_logical_ids() {
    let stack = |port: u16| {
        template(&format!(
            "Servers:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: d
    SecurityGroupIngress: [{{IpProtocol: tcp, FromPort: {port}, ToPort: {port}, CidrIp: 0.0.0.0/0}}]
Rule:
  Type: AWS::EC2::SecurityGroupIngress
  Properties: {{GroupId: !Ref Servers, IpProtocol: -1, SourceSecurityGroupId: !Ref Servers}}"
        ))
    };
    let (web, db) = (stack(80), stack(5432));
    for files in [
        [("a/web.yaml", &*web), ("b/db.yaml", &db)],
        [("b/db.yaml", &db), ("a/web.yaml", &web)],
    ] {
        let import = load(&files);
        assert_eq!(import.diagnostics, []);
        assert_eq!(
            rules(&import, "web/Servers")[..2],
            [
                "web/Servers.SecurityGroupIngress[0]: tcp 80 from 0.0.0.0/0",
                "web/Rule: all traffic from web/Servers",
            ]
        );
        assert_eq!(import.inventory.groups["db/Servers"].name, "db-Servers");
    }
    // The same name of file twice, and the same file twice.
    let import = load(&[("a/web.yaml", &web), ("b/web.yaml", &db)]);
    let ids: Vec<_> = import
        .inventory
        .groups
        .keys()
        .map(GroupId::as_str)
        .collect();
    assert_eq!(ids, ["a/web/Servers", "b/web/Servers"]);
    let import = load(&[("web.yaml", &web), ("web.yaml", &web)]);
    assert_eq!(
        import
            .inventory
            .groups
            .keys()
            .map(GroupId::as_str)
            .collect::<Vec<_>>(),
        ["Servers"]
    );
}

#[test]
fn one_template_imports_what_another_exports() {
    let network = format!(
        "{}Outputs:\n  W: {{Value: !Ref Web, Export: {{Name: !Sub '${{AWS::StackName}}-Web'}}}}\n",
        template("Web: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: d}}\n")
    );
    let service = template(
        "Db:
  Type: AWS::EC2::SecurityGroup
  Properties:
    GroupDescription: d
    SecurityGroupIngress: [{IpProtocol: -1, SourceSecurityGroupId: !ImportValue net-Web}]",
    );
    let import = load(&[("service.yaml", &service), ("net.yaml", &network)]);
    assert_eq!(import.diagnostics, []);
    assert_eq!(
        rules(&import, "Db")[0],
        "Db.SecurityGroupIngress[0]: all traffic from Web"
    );
}

#[test]
fn the_same_id_with_different_content() {
    let other = GROUPS.replace("198.51.100.0/24", "198.51.101.0/24");
    let import = load(&[("a.json", GROUPS), ("b.json", &other)]);
    assert_eq!(
        errors(&import),
        [format!(
            "22:24 security group {ID} is described twice, and differently"
        )]
    );
    assert_eq!(
        load(&[("a.json", GROUPS), ("b.json", GROUPS)]).diagnostics,
        []
    );
    // A page of several is not all there is.
    let page = GROUPS.replacen('{', "{\"NextToken\": \"x\",", 1);
    assert!(said(&load(&[("a.json", &page)]), Severity::Warning)[0].contains("only a page"));
}

#[test]
fn neither_template_nor_dump() {
    for text in ["[]", "{}", "{\"a\": 1}", "- x", "text", "[{\"x\": 1}]"] {
        let import = load(&[("x", text)]);
        assert_eq!(errors(&import).len(), 1, "{text}");
        assert!(
            errors(&import)[0].contains("neither a CloudFormation template nor"),
            "{text}"
        );
    }
    let import = load(&[
        ("x", "{\"SecurityGroups\": 5}"),
        ("y", "{\"SecurityGroups\": [5]}"),
    ]);
    assert_eq!(errors(&import).len(), 2);
}

#[test]
fn unreadable_files_are_said_too() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let paths = [
        folder.path().join("missing.json"),
        folder.path().to_owned(),
        write("powershell.json", b"\xff\xfe{\0}\0"),
        write("latin1.yaml", b"a: b\nc: \xe9\n"),
        write("groups.json", GROUPS.as_bytes()),
    ];
    let import = secgroup_import::load(&paths, &secgroup_import::Options::default());
    let errors = errors(&import);
    assert_eq!(errors.len(), 4, "{errors:?}");
    for message in ["cannot read", "is UTF-16", "line 2 is not UTF-8"] {
        assert!(
            errors.iter().any(|error| error.contains(message)),
            "{message}: {errors:?}"
        );
    }
    assert_eq!(import.inventory.groups.len(), 1);
}

/// The policies that ship with the project: each template by itself, the dumps together.
#[test]
fn shipped_policies_load() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let files = |folder: &std::path::Path, extension: &str| {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect();
        files.sort();
        files
    };
    let mut policies: Vec<_> = files(&folder, "yaml")
        .into_iter()
        .map(|file| vec![file])
        .collect();
    policies.push(files(&folder.join("dumps"), "json"));
    for files in policies {
        let import = secgroup_import::load(&files, &secgroup_import::Options::default());
        assert_eq!(errors(&import), [""; 0], "{files:?}");
        assert!(!import.inventory.groups.is_empty(), "{files:?}");
    }
}

/// Rules of a group that is somewhere else: whoever knows the group takes them, and is not warned.
#[test]
fn groups_that_no_file_describes_are_named() {
    let text = template(
        "Own:
  Type: AWS::EC2::SecurityGroup
  Properties: {GroupDescription: d}
Rule:
  Type: AWS::EC2::SecurityGroupIngress
  Properties: {GroupId: sg-0123456789abcdef0, IpProtocol: -1, SourceSecurityGroupId: !Ref Own}
Interface:
  Type: AWS::EC2::NetworkInterface
  Properties: {SubnetId: subnet-0123456789abcdef0}",
    );
    for rest_is_known in [false, true] {
        let options = secgroup_import::Options {
            rest_is_known,
            ..Default::default()
        };
        let import = secgroup_import::load_texts(&[("stack.yaml", &text)], &options);
        let partial: Vec<_> = import.partial_groups.iter().map(GroupId::as_str).collect();
        assert_eq!(partial, ["sg-0123456789abcdef0"]);
        let warnings = said(&import, Severity::Warning);
        assert_eq!(
            warnings.len(),
            if rest_is_known { 0 } else { 2 },
            "{warnings:?}"
        );
    }
}

//! The policy of a configuration, with the interfaces that only the configuration has.

use std::fs;

use secgroup_daemon::Loaded;
use secgroup_daemon::config::Config;
use secgroup_daemon::policy::load;
use secgroup_model::Inventory;

use crate::CPUS;

const WEB: &str = r#"
Resources:
  WebGroup:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: Web
      GroupName: web
  WebInterface:
    Type: AWS::EC2::NetworkInterface
    Properties:
      SubnetId: subnet-0123456789abcdef0
      PrivateIpAddress: 10.0.1.10
      GroupSet: [!Ref WebGroup]
"#;

/// Loads the policy `web.yaml` with `interfaces`, the part of a configuration that is about them.
fn policy(web: &str, interfaces: &str) -> Loaded<Inventory> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("web.yaml"), web).unwrap();
    let text = format!("policy = [\"web.yaml\"]\n{interfaces}");
    let loaded = Config::parse(&text, &folder.path().join("secgroup.toml"), CPUS);
    let (config, _) = loaded.accept(false).unwrap_or_else(|said| panic!("{said}"));
    load(&config)
}

/// A section about an interface on a host's device.
fn interface(name: &str, more: &str) -> String {
    format!("[[interface]]\nname = \"{name}\"\nmode = \"host\"\ndevices = [\"{name}\"]\n{more}\n")
}

/// All that is wrong.
fn fault(web: &str, interfaces: &str) -> String {
    let loaded = policy(web, interfaces);
    assert!(
        loaded.value.is_none(),
        "a policy with errors is not to be used"
    );
    loaded.render(false)
}

#[test]
fn interfaces_of_the_configuration_are_in_the_policy_by_their_names() {
    let attached = "groups = [\"web\"]\naddresses = [\"10.0.1.11\", \"2001:db8::11\"]";
    let text = interface("WebInterface", "") + &interface("new", attached);
    let loaded = policy(WEB, &text);
    let inventory = loaded.value.expect("no errors");
    let of_policy = &inventory.interfaces["WebInterface"];
    assert_eq!(of_policy.groups[0].as_str(), "WebGroup");
    let new = &inventory.interfaces["new"];
    assert_eq!(new.id.as_str(), "new");
    assert_eq!(
        new.addresses,
        [
            "10.0.1.11".parse::<std::net::IpAddr>().unwrap(),
            "2001:db8::11".parse().unwrap()
        ]
    );
    let groups: Vec<_> = new.groups.iter().map(|group| group.as_str()).collect();
    assert_eq!(groups, ["WebGroup"], "the group of that name");
    assert_eq!(inventory.interfaces.len(), 2);
}

#[test]
fn without_a_word_the_check_is_as_the_policy_has_it() {
    let inventory = policy(WEB, &interface("WebInterface", ""))
        .value
        .expect("no errors");
    assert!(inventory.interfaces["WebInterface"].source_dest_check);
}

#[test]
fn an_interface_that_the_policy_does_not_have_is_refused() {
    let said = fault(WEB, &interface("WebInterfase", ""));
    assert!(
        said.contains("the policy has no interface \"WebInterfase\""),
        "{said}"
    );
    assert!(said.contains("did you mean \"WebInterface\"?"), "{said}");
    let said = fault(WEB, &interface("db", ""));
    assert!(
        said.contains("the policy has WebInterface; or give it `groups` and `addresses`"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_attached_is_refused_and_all_of_it_is_said() {
    let text = interface(
        "WebInterface",
        "groups = [\"web\"]\naddresses = [\"10.0.1.12\"]",
    ) + &interface("taken", "groups = [\"web\"]\naddresses = [\"10.0.1.10\"]")
        + &interface("nobody", "groups = [\"db\"]\naddresses = [\"10.0.1.13\"]");
    let said = fault(WEB, &text);
    for expected in [
        "the policy has an interface \"WebInterface\" already",
        "interface \"taken\": 10.0.1.10 is an address of WebInterface already",
        "interface \"nobody\": no security group has the id or name 'db'; there are: WebGroup",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    assert_eq!(said.matches("error: ").count(), 3, "each once\n{said}");
}

#[test]
fn a_broken_policy_is_shown_at_its_place_and_the_configuration_is_not_blamed() {
    let rule = "SecurityGroupIngress: [{IpProtocol: tpc, CidrIp: 0.0.0.0/0}]";
    let said = fault(&WEB.replace("GroupName: web", rule), &interface("db", ""));
    assert!(!said.contains("the policy has no interface"), "{said}");
    assert!(said.contains("web.yaml:"), "{said}");
}

#[test]
fn a_policy_file_that_is_not_there_is_an_error() {
    let loaded = Config::parse(
        "policy = [\"none.yaml\"]\n",
        std::path::Path::new("/nowhere/secgroup.toml"),
        CPUS,
    );
    let policy = load(&loaded.value.unwrap());
    assert!(policy.value.is_none());
    assert!(
        policy
            .render(false)
            .starts_with("error: cannot read /nowhere/none.yaml: "),
        "{}",
        policy.render(false)
    );
}

//! Which network interface of the policy each interface of the configuration is, at the moment.
//!
//! A configuration may name what is not there yet: with an endpoint, network interfaces come and go, and what a tag stands for changes. An
//! interface that is bound to nothing has no devices open, and nothing passes.

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{Inventory, NetworkInterfaceId};

use crate::config::Config;

/// What is bound to what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Bindings {
    bound: BTreeMap<String, NetworkInterfaceId>,
    unbound: Vec<String>,
}

impl Bindings {
    /// Looks up every interface of the configuration: with an endpoint, those of its own account.
    pub(super) fn of(config: &Config, inventory: &Inventory) -> Self {
        let mut bindings = Self::default();
        let managed = config.api.is_some();
        let account = managed.then_some(config.policy.options.account.as_str());
        let mut taken: BTreeMap<&NetworkInterfaceId, &str> = BTreeMap::new();
        for interface in &config.interfaces {
            let (name, binding) = (interface.name.as_str(), &interface.binding);
            let why = match binding.find(inventory, account) {
                Ok(Some(eni)) => match taken.get(&eni.id) {
                    None => {
                        taken.insert(&eni.id, name);
                        bindings.bound.insert(name.to_owned(), eni.id.clone());
                        continue;
                    }
                    Some(other) => format!("{name} is closed: {} is {other} already", eni.id),
                },
                Ok(None) => format!("{name} waits for {binding}"),
                Err(several) => {
                    let ids: Vec<_> = several.iter().map(|id| id.as_str()).collect();
                    format!(
                        "{name} is closed: several are {binding}: {}",
                        ids.join(", ")
                    )
                }
            };
            bindings.unbound.push(why);
        }
        bindings
    }

    /// The network interface that an interface of the configuration is.
    pub(super) fn get(&self, name: &str) -> Option<&NetworkInterfaceId> {
        self.bound.get(name)
    }

    /// All that are bound.
    pub(super) fn ids(&self) -> BTreeSet<NetworkInterfaceId> {
        self.bound.values().cloned().collect()
    }

    /// What is not bound, and why: a line each.
    pub(super) fn unbound(&self) -> &[String] {
        &self.unbound
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use secgroup_model::{AccountId, MacAddress, NetworkInterface, Tags, Vpc, VpcId};

    use super::*;

    const TEXT: &str = r#"
[api]
[[interface]]
name = "eni-00000000000000001"
mode = "host"
devices = ["eth1"]
[[interface]]
name = "web"
tag = "Name=web"
mode = "host"
devices = ["eth2"]
[[interface]]
name = "db"
mac = "02:00:00:00:00:03"
mode = "host"
devices = ["eth3"]
"#;

    fn config() -> Config {
        let loaded = Config::parse(TEXT, Path::new("secgroup.toml"), 2);
        let (config, _) = loaded.accept(false).unwrap_or_else(|said| panic!("{said}"));
        config
    }

    /// A network interface of the endpoint's own account.
    fn eni<'a>(inventory: &'a mut Inventory, id: &str) -> &'a mut NetworkInterface {
        eni_of(inventory, id, "123456789012")
    }

    /// A network interface in the VPC of an account.
    fn eni_of<'a>(
        inventory: &'a mut Inventory,
        id: &str,
        account: &str,
    ) -> &'a mut NetworkInterface {
        let vpc = Vpc {
            id: VpcId::new(&format!("vpc-{account}")),
            owner: AccountId::new(account),
            cidrs: Vec::new(),
            ipv6_cidrs: Vec::new(),
            is_default: true,
            tags: Tags::new(),
            origin: None,
        };
        let id = NetworkInterfaceId::new(id);
        let new = NetworkInterface {
            vpc: Some(vpc.id.clone()),
            ..NetworkInterface::new(id.clone(), Vec::new(), Vec::new())
        };
        inventory.vpcs.insert(vpc.id.clone(), vpc);
        inventory.interfaces.entry(id).or_insert(new)
    }

    #[test]
    fn what_another_account_calls_so_is_not_meant() {
        let mut inventory = Inventory::default();
        let theirs = eni_of(&mut inventory, "eni-00000000000000001", "210987654321");
        theirs.tags.insert("Name".to_owned(), "web".to_owned());
        let id = "eni-00000000000000002";
        assert_eq!(Bindings::of(&config(), &inventory).get("web"), None);
        let own = eni(&mut inventory, id);
        own.tags.insert("Name".to_owned(), "web".to_owned());
        let bindings = Bindings::of(&config(), &inventory);
        assert_eq!(bindings.get("web").unwrap().as_str(), id);
    }

    #[test]
    fn what_is_not_there_is_waited_for() {
        let bindings = Bindings::of(&config(), &Inventory::default());
        assert_eq!(
            bindings.unbound(),
            [
                "eni-00000000000000001 waits for eni-00000000000000001",
                "web waits for a network interface with the tag Name=web",
                "db waits for a network interface with the MAC address 02:00:00:00:00:03",
            ]
        );
    }

    #[test]
    fn each_kind_of_binding_finds_its_own() {
        let mut inventory = Inventory::default();
        eni(&mut inventory, "eni-00000000000000001");
        let web = eni(&mut inventory, "eni-00000000000000002");
        web.tags.insert("Name".to_owned(), "web".to_owned());
        eni(&mut inventory, "eni-00000000000000003").mac = Some(MacAddress([2, 0, 0, 0, 0, 3]));
        let bindings = Bindings::of(&config(), &inventory);
        assert_eq!(bindings.unbound(), [""; 0]);
        assert_eq!(
            bindings.get("web").unwrap().as_str(),
            "eni-00000000000000002"
        );
        assert_eq!(
            bindings.get("db").unwrap().as_str(),
            "eni-00000000000000003"
        );
        assert_eq!(bindings.ids().len(), 3);
    }

    #[test]
    fn two_that_are_meant_are_none() {
        let mut inventory = Inventory::default();
        for id in ["eni-00000000000000001", "eni-00000000000000002"] {
            let eni = eni(&mut inventory, id);
            eni.tags.insert("Name".to_owned(), "web".to_owned());
        }
        let bindings = Bindings::of(&config(), &inventory);
        assert_eq!(bindings.get("web"), None);
        assert!(bindings.unbound()[0].contains("several"), "{bindings:?}");
        // And one that two mean belongs to the first.
        inventory.interfaces.pop_last();
        let bindings = Bindings::of(&config(), &inventory);
        assert_eq!(bindings.get("web"), None);
        assert!(bindings.unbound()[0].contains("already"), "{bindings:?}");
    }
}

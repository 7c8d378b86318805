//! Configuration and policy: read, checked against each other, lowered.

use std::collections::BTreeSet;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use secgroup_control::{Lowering, Touched};
use secgroup_datapath::Snapshot;
use secgroup_model::{Inventory, NetworkInterfaceId};
use secgroup_packet::InterfaceIndex;
use tracing::warn;

use super::bindings::Bindings;
use crate::config::Config;
use crate::{policy, trust};

/// What was read, valid and trusted.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) config: Config,
    pub(super) policy: Policy,
    /// What there is to say about them, for a terminal; may be empty.
    pub(super) said: String,
}

impl Accepted {
    /// Says in the log what there is to say.
    pub(super) fn tell(&self) {
        if !self.said.is_empty() {
            warn!("{}", self.said.trim_end());
        }
    }
}

/// A policy as it was read.
#[derive(Debug)]
pub(super) struct Policy {
    /// What the files say; with an endpoint, what an empty store begins with.
    pub(super) inventory: Inventory,
    pub(super) files: Vec<PathBuf>,
    pub(super) loaded_at: SystemTime,
}

/// Reads everything that the configuration at `path` names.
///
/// # Errors
/// All that is wrong with it, for a terminal.
pub(super) fn load(path: &Path, audit: bool) -> Result<Accepted, String> {
    let (config, mut said) = configuration(path, audit)?;
    let files = &config.policy.files;
    for file in files {
        trust::check(file).map_err(|error| format!("error: {error}\n"))?;
    }
    let (inventory, text) = policy::load(&config).accept(stderr().is_terminal())?;
    said.push_str(&text);
    let policy = Policy {
        inventory,
        files: files.clone(),
        loaded_at: SystemTime::now(),
    };
    Ok(Accepted {
        config,
        policy,
        said,
    })
}

/// Reads the configuration alone, and what there is to say about it.
///
/// # Errors
/// All that is wrong with it, for a terminal.
pub(super) fn configuration(path: &Path, audit: bool) -> Result<(Config, String), String> {
    trust::check(path).map_err(|error| format!("error: {error}\n"))?;
    let path = std::path::absolute(path).map_err(|error| format!("error: {error}\n"))?;
    let (mut config, text) = Config::load(&path).accept(stderr().is_terminal())?;
    if audit {
        for interface in &mut config.interfaces {
            interface.audit = true;
        }
    }
    Ok((config, text))
}

/// Lowers a policy whole.
pub(super) fn lower(
    lowering: &mut Lowering,
    config: &Config,
    bindings: &Bindings,
    inventory: &Inventory,
) -> Arc<Snapshot> {
    lowering.set_defaults(config.defaults.clone());
    lowering.set_scope(Some(bindings.ids()));
    let snapshot = lowering.lower(inventory);
    configured(snapshot, lowering, config, bindings)
}

/// Lowers what was touched of a policy, under the same configuration and bindings.
pub(super) fn update(
    lowering: &mut Lowering,
    config: &Config,
    bindings: &Bindings,
    inventory: &Inventory,
    touched: &Touched,
) -> Arc<Snapshot> {
    let snapshot = lowering.update(inventory, touched);
    configured(snapshot, lowering, config, bindings)
}

/// A policy with what the configuration says of its interfaces.
fn configured(
    mut snapshot: Snapshot,
    lowering: &Lowering,
    config: &Config,
    bindings: &Bindings,
) -> Arc<Snapshot> {
    for interface in &config.interfaces {
        let index = index_of(lowering, bindings, &interface.name);
        let lowered = index.and_then(|InterfaceIndex(index)| {
            snapshot.interfaces.get_mut(index as usize)?.as_mut()
        });
        let Some(lowered) = lowered else { continue };
        lowered.allowance = interface.allowance.or(lowered.allowance);
        let check = interface.source_dest_check;
        lowered.source_dest_check = check.unwrap_or(lowered.source_dest_check);
    }
    Arc::new(snapshot)
}

/// The number of an interface: by the name that the configuration gives it, or by its id.
pub(super) fn index_of(
    lowering: &Lowering,
    bindings: &Bindings,
    name: &str,
) -> Option<InterfaceIndex> {
    let by_id = || NetworkInterfaceId::new(name);
    let id = bindings.get(name).cloned().unwrap_or_else(by_id);
    lowering.registry().interface_index(&id)
}

/// Rules that are attached to anything, each counted once.
pub(super) fn rules(inventory: &Inventory) -> u64 {
    let interfaces = inventory.interfaces.values();
    let attached: BTreeSet<_> = interfaces.flat_map(|interface| &interface.groups).collect();
    let groups = attached
        .into_iter()
        .filter_map(|id| inventory.groups.get(id));
    groups.map(|group| group.rules.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use secgroup_model::NetworkInterface;

    use super::*;

    #[test]
    fn what_the_configuration_says_of_an_interface_comes_first() {
        let text = "policy = [\"web.yaml\"]\n[[interface]]\nname = \"web\"\neni = \"eni-1\"\nmode = \"host\"\n\
                    devices = [\"eth1\"]\nallowance = 7\nsource_dest_check = false\n";
        let loaded = Config::parse(text, Path::new("secgroup.toml"), 2);
        let (config, _) = loaded.accept(false).unwrap_or_else(|said| panic!("{said}"));
        let mut inventory = Inventory::default();
        for id in ["eni-1", "eni-2"].map(NetworkInterfaceId::new) {
            let eni = NetworkInterface::new(id.clone(), Vec::new(), Vec::new());
            inventory.interfaces.insert(id, eni);
        }
        let bindings = Bindings::of(&config, &inventory);
        let mut lowering = Lowering::new(config.defaults.clone());
        let whole = lower(&mut lowering, &config, &bindings, &inventory);
        let touched = Touched {
            interfaces: bindings.ids(),
            ..Touched::default()
        };
        let updated = update(&mut lowering, &config, &bindings, &inventory, &touched);
        let index = index_of(&lowering, &bindings, "web").unwrap();
        for snapshot in [whole, updated] {
            let web = snapshot.interface(index).unwrap();
            assert_eq!((web.allowance, web.source_dest_check), (Some(7), false));
            let judged = snapshot.interfaces.iter().flatten().count();
            assert_eq!(judged, 1, "what has no devices is not judged");
        }
    }
}

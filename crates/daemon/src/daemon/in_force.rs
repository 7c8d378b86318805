//! Configuration and policy: read, checked against each other, lowered.

use std::collections::BTreeSet;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use secgroup_control::Lowering;
use secgroup_datapath::Snapshot;
use secgroup_model::{Inventory, NetworkInterfaceId};
use secgroup_packet::InterfaceIndex;
use tracing::warn;

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

/// Lowers a policy, with what the configuration says of its interfaces.
pub(super) fn lower(
    lowering: &mut Lowering,
    config: &Config,
    inventory: &Inventory,
) -> Arc<Snapshot> {
    lowering.set_defaults(config.defaults.clone());
    let mut snapshot = lowering.lower(inventory);
    for interface in &config.interfaces {
        let index = index_of(lowering, &interface.name);
        let lowered = index.and_then(|InterfaceIndex(index)| {
            snapshot.interfaces.get_mut(index as usize)?.as_mut()
        });
        if let (Some(lowered), Some(allowance)) = (lowered, interface.allowance) {
            lowered.allowance = Some(allowance);
        }
    }
    Arc::new(snapshot)
}

/// The number of an interface.
pub(super) fn index_of(lowering: &Lowering, name: &str) -> Option<InterfaceIndex> {
    lowering
        .registry()
        .interface_index(&NetworkInterfaceId::new(name))
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

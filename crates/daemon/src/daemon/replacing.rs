//! Another configuration, or another policy, in the place of those in force: by a reload, or by a call of the endpoint.

use std::time::Instant;

use secgroup_control::Touched;
use secgroup_model::Inventory;
use secgroup_packet::InterfaceIndex;
use secgroup_runtime::Runtime;
use tracing::warn;

use super::bindings::Bindings;
use super::host::Change;
use super::in_force::{self, Accepted, index_of, lower, update};
use super::links::Link;
use super::state::State;
use crate::config::{Config, Interface};
use crate::protocol::ReloadOutcome;

impl State {
    /// Refuses interfaces that need more workers than there are: how many there are cannot change while they run.
    pub(super) fn fits(&self, accepted: Accepted) -> Result<Accepted, String> {
        let workers = self.config.workers.count;
        let too_many = |interface: &&Interface| {
            interface.shards > workers || interface.worker.is_some_and(|worker| worker >= workers)
        };
        match accepted.config.interfaces.iter().find(too_many) {
            Some(interface) => Err(format!(
                "error: interface '{}' needs more workers than the {workers} that run; more of them take a restart\n",
                interface.name
            )),
            None => Ok(accepted),
        }
    }

    /// Brings what was read into force. The new policy is there before an interface that it brings, and an interface
    /// that it takes away is closed before its rules go. Interfaces of which nothing changed but whether they are enforced keep their
    /// devices; they are enforced by the new policy, never by the old one.
    ///
    /// `managed` is the policy where an endpoint has it, and not the files.
    pub(super) fn replace(
        &mut self,
        runtime: &Runtime,
        accepted: Accepted,
        managed: Option<&Inventory>,
    ) -> (ReloadOutcome, Change) {
        let begun = Instant::now();
        let Accepted {
            config,
            policy,
            said,
        } = accepted;
        let change = self.config.changes(&config);
        let inventory = managed.unwrap_or(&policy.inventory);
        let bindings = Bindings::of(&config, inventory);
        let snapshot = lower(&mut self.lowering, &config, &bindings, inventory);
        let compiled = begun.elapsed();
        let (rules, interfaces) = (in_force::rules(inventory), inventory.interfaces.len());
        self.detach_unwanted(runtime, &config, &bindings);
        self.bindings = bindings;
        self.audit(runtime, &config, true);
        let published = runtime.publish(snapshot);
        self.generation = published.generation;
        self.timing.add(compiled, published.took);
        self.unsure = false;
        self.audit(runtime, &config, false);
        let mut warnings: Vec<_> = said.lines().map(str::to_owned).collect();
        warnings.extend(self.attach_missing(runtime, &config.interfaces));
        let rules_change = self.host.change(&config.interfaces);
        let later = |what: &&str| format!("{what} changed; it takes effect at the next start");
        warnings.extend(change.needs_restart.iter().map(later));
        self.config = config.keeping(&self.config);
        self.policy = policy;
        let in_force = ReloadOutcome::InForce {
            generation: self.generation,
            rules,
            interfaces: interfaces as u64,
            took_micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            warnings,
        };
        (in_force, rules_change)
    }

    /// Brings a change of the managed policy into force: `touched`, or everything where that is not known. Interfaces follow what they are
    /// bound to.
    pub(super) fn amend(
        &mut self,
        runtime: &Runtime,
        inventory: &Inventory,
        touched: Option<&Touched>,
    ) -> Change {
        let begun = Instant::now();
        let bindings = match touched {
            Some(touched) if touched.interfaces.is_empty() => self.bindings.clone(),
            _ => Bindings::of(&self.config, inventory),
        };
        let moves = bindings != self.bindings;
        let config = &self.config;
        // Until this is done, nobody knows what of it is.
        let is_sure = !std::mem::replace(&mut self.unsure, true);
        let snapshot = match touched {
            Some(touched) if is_sure && !moves => {
                update(&mut self.lowering, config, &bindings, inventory, touched)
            }
            _ => lower(&mut self.lowering, config, &bindings, inventory),
        };
        let compiled = begun.elapsed();
        if moves {
            self.detach_unwanted(runtime, &self.config.clone(), &bindings);
            for why in bindings.unbound() {
                if !self.bindings.unbound().contains(why) {
                    warn!("{why}");
                }
            }
            self.bindings = bindings;
        }
        let published = runtime.publish(snapshot);
        self.generation = published.generation;
        self.timing.add(compiled, published.took);
        if moves || self.links.len() < self.bindings.ids().len() {
            for why in self.attach_missing(runtime, &self.config.interfaces.clone()) {
                warn!("{why}");
            }
        }
        self.unsure = false;
        self.host.policy_changed()
    }

    /// Attaches interfaces that are bound and have no devices open; what cannot be is answered.
    fn attach_missing(&mut self, runtime: &Runtime, interfaces: &[Interface]) -> Vec<String> {
        let mut warnings = Vec::new();
        for interface in interfaces {
            let is_there = self.links.values().any(|link| link.is_for(interface));
            if self.bindings.get(&interface.name).is_some()
                && !is_there
                && let Err(why) = self.attach(runtime, interface.clone())
            {
                warnings.push(why);
            }
        }
        self.keep_closed(interfaces);
        self.former.values().for_each(Link::release);
        self.former.clear();
        warnings
    }

    /// Takes interfaces away that are configured no more, or otherwise, or are bound to something else.
    fn detach_unwanted(&mut self, runtime: &Runtime, config: &Config, bindings: &Bindings) {
        let stays = |index: InterfaceIndex, link: &Link| {
            let name = &link.interface.name;
            config.interface(name).is_some_and(|new| link.is_for(new))
                && index_of(&self.lowering, bindings, name) == Some(index)
                && bindings.get(name).is_some()
        };
        let gone: Vec<_> = self
            .links
            .iter()
            .filter(|(index, link)| !stays(**index, link))
            .map(|(index, _)| *index)
            .collect();
        for index in gone {
            runtime.detach(index);
            self.former.extend(self.links.remove_entry(&index));
        }
    }

    /// Lets the interfaces that are to be audited now, or that are to be so no more, know.
    fn audit(&mut self, runtime: &Runtime, config: &Config, audit: bool) {
        for (index, link) in &mut self.links {
            let is_meant = config
                .interface(&link.interface.name)
                .is_some_and(|new| new.audit == audit);
            if is_meant && link.interface.audit != audit {
                runtime.set_audit(*index, audit);
                link.interface.audit = audit;
            }
        }
    }
}

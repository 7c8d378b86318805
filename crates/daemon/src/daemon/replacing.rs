//! A reload: another configuration and another policy in the place of those in force.

use std::time::Instant;

use secgroup_runtime::Runtime;

use super::in_force::{self, Accepted, lower};
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
    pub(super) fn replace(&mut self, runtime: &Runtime, accepted: Accepted) -> ReloadOutcome {
        let begun = Instant::now();
        let Accepted {
            config,
            policy,
            said,
        } = accepted;
        let change = self.config.changes(&config);
        let snapshot = lower(&mut self.lowering, &config, &policy.inventory);
        self.detach_unwanted(runtime, &config);
        self.audit(runtime, &config, true);
        self.generation = runtime.publish(snapshot).generation;
        self.audit(runtime, &config, false);
        self.host.policy_changed();
        let mut warnings: Vec<_> = said.lines().map(str::to_owned).collect();
        for interface in &config.interfaces {
            if !self.links.values().any(|link| link.is_for(interface))
                && let Err(why) = self.attach(runtime, interface.clone())
            {
                warnings.push(why);
            }
        }
        self.former.values().for_each(Link::release);
        self.former.clear();
        if let Err(why) = self.host.install(&config.interfaces) {
            warnings.push(why);
        }
        let later = |what: &&str| format!("{what} changed; it takes effect at the next start");
        warnings.extend(change.needs_restart.iter().map(later));
        self.config = config.keeping(&self.config);
        self.policy = policy;
        ReloadOutcome::InForce {
            generation: self.generation,
            rules: in_force::rules(&self.policy.inventory),
            interfaces: self.policy.inventory.interfaces.len() as u64,
            took_micros: u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            warnings,
        }
    }

    /// Takes interfaces away that are configured no more, or otherwise.
    fn detach_unwanted(&mut self, runtime: &Runtime, config: &Config) {
        let stays = |link: &Link| {
            config
                .interface(&link.interface.name)
                .is_some_and(|new| link.is_for(new))
        };
        let gone: Vec<_> = self
            .links
            .iter()
            .filter(|(_, link)| !stays(link))
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

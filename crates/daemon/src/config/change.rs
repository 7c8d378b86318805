//! What differs between the configuration in force and a new one, sorted by what it takes to get there.

use super::{Config, FlowLogs, Interface};

/// What a new configuration changes, by what it takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigChange {
    /// Interfaces that are new, by name: attach them.
    pub added: Vec<String>,
    /// Interfaces that are gone: detach them.
    pub removed: Vec<String>,
    /// Interfaces whose devices, shards or worker changed: detach them, and attach them again.
    pub reopened: Vec<String>,
    /// Interfaces of which nothing changed but whether they are enforced.
    pub audit: Vec<String>,
    /// The policy has to be loaded and lowered again: files or options, groups and addresses of interfaces, what holds for all.
    pub policy: bool,
    /// Policy files are watched from now on, or no longer; or others than before.
    pub watch: bool,
    /// What is logged.
    pub log: bool,
    /// Flow logs: which, and the folder of buckets.
    pub flow_logs: bool,
    /// Keys that a running daemon cannot change, as `section.key`; they are in force after the next start.
    pub needs_restart: Vec<&'static str>,
}

impl ConfigChange {
    /// Whether the two are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Config {
    /// What it takes to get from this configuration to `new`.
    #[must_use]
    pub fn changes(&self, new: &Self) -> ConfigChange {
        let mut change = ConfigChange {
            policy: self.policy != new.policy || self.defaults != new.defaults,
            watch: self.watch != new.watch || (new.watch && self.policy.files != new.policy.files),
            log: self.log != new.log,
            flow_logs: (&self.flow_logs.buckets, &self.flow_logs.logs)
                != (&new.flow_logs.buckets, &new.flow_logs.logs),
            needs_restart: self.needs_restart(new),
            ..ConfigChange::default()
        };
        for interface in &new.interfaces {
            let name = || interface.name.clone();
            let Some(old) = self.interface(&interface.name) else {
                change.added.push(name());
                change.policy |= says_policy(interface);
                continue;
            };
            if old.mode != interface.mode
                || old.binding != interface.binding
                || old.shards != interface.shards
                || old.worker != interface.worker
            {
                change.reopened.push(name());
            } else if old.audit != interface.audit {
                change.audit.push(name());
            }
            change.policy |= old.attachment != interface.attachment
                || old.allowance != interface.allowance
                || old.source_dest_check != interface.source_dest_check;
        }
        for interface in &self.interfaces {
            if new.interface(&interface.name).is_none() {
                change.removed.push(interface.name.clone());
                change.policy |= says_policy(interface);
            }
        }
        change
    }

    /// The interface of this name.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces
            .iter()
            .find(|interface| interface.name == name)
    }

    /// This configuration, but with what a running daemon cannot change as it is `in_force`.
    #[must_use]
    pub fn keeping(self, in_force: &Self) -> Self {
        Self {
            api: in_force.api.clone(),
            metrics: in_force.metrics.clone(),
            page: in_force.page.clone(),
            daemon: in_force.daemon.clone(),
            workers: in_force.workers.clone(),
            engine: in_force.engine.clone(),
            host: in_force.host,
            flow_logs: FlowLogs {
                flows: in_force.flow_logs.flows,
                ..self.flow_logs
            },
            ..self
        }
    }

    fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        let (daemon, workers) = (&self.daemon, &self.workers);
        let (engine, host) = (&self.engine, &self.host);
        let keys = [
            ("api", self.api != new.api),
            ("metrics", self.metrics != new.metrics),
            ("page", self.page != new.page),
            ("daemon.socket", daemon.socket != new.daemon.socket),
            ("daemon.state", daemon.state != new.daemon.state),
            ("daemon.handover", daemon.handover != new.daemon.handover),
            ("workers.count", workers.count != new.workers.count),
            ("workers.pin", workers.pin != new.workers.pin),
            (
                "workers.busy_poll",
                workers.busy_poll != new.workers.busy_poll,
            ),
            (
                "workers.handoff_frames",
                workers.handoff != new.workers.handoff,
            ),
            (
                "tracking.connections",
                engine.capacity != new.engine.capacity,
            ),
            (
                "tracking.connections_v6",
                engine.capacity_v6 != new.engine.capacity_v6,
            ),
            (
                "tracking.fragments",
                engine.fragment_capacity != new.engine.fragment_capacity,
            ),
            ("tracking.tcp", engine.tcp != new.engine.tcp),
            (
                "tracking.start_grace_seconds",
                engine.start_grace != new.engine.start_grace,
            ),
            (
                "tracking.change_grace_seconds",
                engine.change_grace != new.engine.change_grace,
            ),
            (
                "tracking.icmp_related",
                engine.icmp_related != new.engine.icmp_related,
            ),
            (
                "tracking.verify_checksums",
                engine.verify_checksums != new.engine.verify_checksums,
            ),
            (
                "flow_logs.flows",
                self.flow_logs.flows != new.flow_logs.flows,
            ),
            ("host.firewall", host.firewall != new.host.firewall),
            (
                "host.flow_marks",
                host.mark_mask.is_some() != new.host.mark_mask.is_some(),
            ),
            (
                "host.mark_mask",
                host.mark_mask
                    .zip(new.host.mark_mask)
                    .is_some_and(|(old, new)| old != new),
            ),
            ("host.copy_bytes", host.copy_bytes != new.host.copy_bytes),
        ];
        keys.into_iter()
            .filter(|(_, differs)| *differs)
            .map(|(key, _)| key)
            .collect()
    }
}

/// Whether an interface says something that the policy files do not.
const fn says_policy(interface: &Interface) -> bool {
    interface.attachment.is_some()
        || interface.allowance.is_some()
        || interface.source_dest_check.is_some()
}

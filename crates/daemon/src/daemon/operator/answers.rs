//! What the firewall answers: to the control socket and the live page, and to Prometheus.
//!
//! The state is locked for as long as it takes to put a document together. A reload and a stop are left to the main loop: whoever asks for one
//! gives it the order, and waits.

use std::time::{SystemTime, UNIX_EPOCH};

use crossbeam_channel::bounded;
use secgroup_analysis::Explained;
use secgroup_flowlog::RuleNames;
use secgroup_model::Inventory;
use secgroup_policy::RuleNumber;
use secgroup_runtime::{Census, Status};

use super::super::state::State;
use super::super::{Order, explaining, in_force, looking};
use super::{Operator, RELOAD_PATIENCE};
use crate::control::{Following, Operate};
use crate::metrics::{Measure, Measured, RuleHits};
use crate::protocol::{
    DenialPage, DenialsRequest, ExplainRequest, FlowLogReport, FlowPage, FlowQuery, FlowsRequest,
    InterfaceReport, PolicyReport, ReloadOutcome, RulePage, RulesRequest, StatusDocument,
    TrafficPage, TrafficRequest, WorkerReport,
};

impl Operate for Operator {
    fn status(&self) -> StatusDocument {
        self.describe(&self.runtime.status())
    }

    fn flows(&self, request: &FlowsRequest) -> Result<FlowPage, String> {
        let filter = self.lock().filter(&request.filter)?;
        let limit = if request.count_only { 0 } else { request.limit };
        let (connections, matched) = self.runtime.connections(&filter, limit as usize);
        let state = self.lock();
        let flows = connections.iter().map(|connection| state.line(connection));
        Ok(FlowPage {
            matched,
            flows: flows.collect(),
        })
    }

    fn traffic(&self, request: &TrafficRequest) -> Result<TrafficPage, String> {
        let passing = self.flow_logs.look(looking::look(request)).ok_or(
            "whoever watches traffic does not answer: a flow log is being written, and takes long",
        )?;
        let connections = looking::connection_states(&self.runtime, &passing);
        Ok(looking::traffic(&self.lock(), &passing, &connections))
    }

    fn denials(&self, request: &DenialsRequest) -> DenialPage {
        let denials = self.denials();
        let state = self.lock();
        denials.page(request.limit, |interface| state.interface_name(interface))
    }

    fn rules(&self, request: &RulesRequest) -> RulePage {
        let status = self.runtime.status();
        let list = |inventory: &Inventory, state: &State| {
            looking::rules(state, inventory, &status, request)
        };
        match &self.managed {
            Some(service) => service.read(|known| list(&known.inventory, &self.lock())),
            None => {
                let state = self.lock();
                list(&state.policy.inventory, &state)
            }
        }
    }

    fn explain(&self, request: &ExplainRequest) -> Result<Explained, String> {
        let explain = |managed: Option<&Inventory>| {
            let state = self.lock();
            let policy = managed.unwrap_or(&state.policy.inventory);
            explaining::explain(&state, &self.runtime, policy, request)
        };
        match &self.managed {
            Some(service) => service.read(|known| explain(Some(&known.inventory))),
            None => explain(None),
        }
    }

    fn follow(&self, filter: &FlowQuery) -> Following {
        let following = self.followers.add(filter.clone());
        // Where the queue is full, the main loop is about to look around anyway.
        let _ = self.orders.try_send(Order::Follow);
        following
    }

    fn delete(&self, filter: &FlowQuery) -> Result<u64, String> {
        let filter = self.lock().filter(filter)?;
        let deleted = self.runtime.delete(&filter);
        // What the kernel carries on by itself comes back, too.
        let change = self.lock().host.policy_changed();
        let waited = change.wait(RELOAD_PATIENCE);
        waited.map_err(|why| {
            format!("{deleted} were forgotten, but the kernel may still carry them: {why}")
        })?;
        Ok(deleted)
    }

    fn reload(&self) -> ReloadOutcome {
        let (tell, told) = bounded(1);
        let asked = self
            .orders
            .send_timeout(Order::Reload(Some(tell)), RELOAD_PATIENCE);
        let outcome = asked
            .ok()
            .and_then(|()| told.recv_timeout(RELOAD_PATIENCE).ok());
        outcome.unwrap_or_else(|| ReloadOutcome::Refused {
            generation: self.lock().generation,
            errors: vec![
                "error: the daemon did not get to it in a minute; look at its log".to_owned(),
            ],
        })
    }

    fn stop(&self, handover: bool) -> Result<(), String> {
        if handover && !self.lock().config.daemon.handover {
            return Err("connections are not saved: set daemon.handover = true in the configuration, or stop without handover".to_owned());
        }
        self.orders
            .send_timeout(Order::Stop, RELOAD_PATIENCE)
            .map_err(|_| "the daemon is busy; look at its log".to_owned())
    }
}

impl Measure for Operator {
    fn measure(&self) -> Measured {
        let status = self.runtime.status();
        let document = self.describe(&status);
        let calls = self.managed.as_ref();
        let calls = calls.map_or_else(Vec::new, |service| service.counters().read());
        let state = self.lock();
        let registry = state.lowering.registry();
        let hits = (0..)
            .zip(&status.rules)
            .filter(|(_, hits)| hits.packets > 0);
        let rules = hits.map(|(number, hits)| RuleHits {
            names: RuleNames::rule(registry, RuleNumber::new(number)),
            packets: hits.packets,
            bytes: hits.bytes,
        });
        Measured {
            rules: rules.collect(),
            timing: state.timing,
            last_reload_failed: state.last_error.is_some(),
            calls,
            document,
            workers: status.workers,
        }
    }

    fn census(&self) -> Census {
        self.runtime.census()
    }
}

impl Operator {
    /// What the runtime says, for people.
    fn describe(&self, status: &Status) -> StatusDocument {
        let flow_logs = self.flow_logs.status();
        let (rules, policy_interfaces) = self.extent();
        let state = self.lock();
        let interfaces = status.links.iter().filter_map(|link| {
            let of = state.links.get(&link.interface)?;
            let ports = of.port_names();
            let ports: Vec<_> = ports.iter().map(String::as_str).collect();
            Some(InterfaceReport::new(
                link,
                &of.interface.name,
                of.mode(),
                &ports,
            ))
        });
        let interfaces: Vec<_> = interfaces.collect();
        StatusDocument {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_at: seconds(self.started),
            uptime_seconds: self.started.elapsed().map_or(0, |up| up.as_secs()),
            audit: !interfaces.is_empty() && interfaces.iter().all(|interface| interface.audit),
            policy: PolicyReport {
                generation: status.generation,
                files: state
                    .policy
                    .files
                    .iter()
                    .map(|file| file.display().to_string())
                    .collect(),
                loaded_at: seconds(state.policy.loaded_at),
                last_error: state.last_error.clone(),
                rules,
                interfaces: policy_interfaces,
            },
            reloads: state.reloads,
            workers: (0..)
                .zip(&status.workers)
                .map(|(number, worker)| WorkerReport::new(number, worker))
                .collect(),
            interfaces,
            flow_logs: flow_logs.logs.iter().map(FlowLogReport::new).collect(),
            flow_log_packets_lost: flow_logs.packets_lost,
            warnings: state.warnings(),
        }
    }

    /// How many rules are attached to anything, and how many interfaces the policy has.
    fn extent(&self) -> (u64, u64) {
        let extent = |inventory: &Inventory| {
            let interfaces = inventory.interfaces.len() as u64;
            (in_force::rules(inventory), interfaces)
        };
        match &self.managed {
            Some(service) => service.read(|state| extent(&state.inventory)),
            None => extent(&self.lock().policy.inventory),
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

//! What the running firewall is made of: configuration, policy, links; and what can be said about it.
//!
//! A reload replaces it piece by piece ([`replacing`](super::replacing)); whoever holds it holds the lock of the
//! [`Operator`](super::operator::Operator).

use std::collections::BTreeMap;

use secgroup_conntrack::Connection;
use secgroup_control::Lowering;
use secgroup_packet::InterfaceIndex;
use secgroup_runtime::{FlowFilter, LinkState, Runtime};

use super::bindings::Bindings;
use super::host::HostSide;
use super::in_force::{Policy, index_of};
use super::links::{Link, Surroundings};
use super::standing::Standing;
use super::{names, saving};
use crate::config::{Config, Interface};
use crate::metrics::Timing;
use crate::protocol::{FlowLine, FlowQuery, FlowState, Reloads};

/// What a reload replaces.
pub(super) struct State {
    pub(super) config: Config,
    pub(super) policy: Policy,
    pub(super) bindings: Bindings,
    pub(super) lowering: Lowering,
    pub(super) generation: u64,
    pub(super) timing: Timing,
    pub(super) reloads: Reloads,
    pub(super) last_error: Option<String>,
    pub(super) around: Surroundings,
    pub(super) links: BTreeMap<InterfaceIndex, Link>,
    /// Links that were closed, until those in their place are there.
    pub(super) former: BTreeMap<InterfaceIndex, Link>,
    /// Interfaces of the configuration that are attached to nothing: their devices are kept closed, and off the host's own network stack.
    pub(super) waiting: Vec<Link>,
    /// The policy in force may be neither the former nor the next one: a change of it was broken off.
    pub(super) unsure: bool,
    pub(super) host: HostSide,
}

impl State {
    /// Nothing is attached yet.
    pub(super) fn new(
        config: Config,
        policy: Policy,
        bindings: Bindings,
        lowering: Lowering,
        generation: u64,
        around: Surroundings,
        host: HostSide,
    ) -> Self {
        Self {
            config,
            policy,
            bindings,
            lowering,
            generation,
            timing: Timing::default(),
            reloads: Reloads::default(),
            last_error: None,
            around,
            links: BTreeMap::new(),
            former: BTreeMap::new(),
            waiting: Vec::new(),
            unsure: false,
            host,
        }
    }

    pub(super) fn begin(&mut self, runtime: &Runtime) -> Result<(), String> {
        for interface in self.config.interfaces.clone() {
            if self.bindings.get(&interface.name).is_some() {
                self.attach(runtime, interface)?;
            }
        }
        self.keep_closed(&self.config.interfaces.clone());
        self.host.install(&self.config.interfaces)
    }

    pub(super) fn attach(&mut self, runtime: &Runtime, interface: Interface) -> Result<(), String> {
        let name = interface.name.clone();
        let index = index_of(&self.lowering, &self.bindings, &name)
            .ok_or_else(|| format!("the policy has no network interface '{name}'"))?;
        let link = Link::new(interface, self.around.clone());
        for former in self.former.values().chain(&self.waiting) {
            link.take_shields(former);
        }
        runtime
            .attach(link.settings(index))
            .map_err(|error| format!("{name}: {error}"))?;
        self.links.insert(index, link);
        Ok(())
    }

    /// Keeps the devices of `interfaces` that are attached to nothing off the host's own network stack: what is configured is enforced or closed, and a
    /// workload does not reach the host past its rules because these are not there yet, or no longer.
    pub(super) fn keep_closed(&mut self, interfaces: &[Interface]) {
        let before = std::mem::take(&mut self.waiting);
        for interface in interfaces {
            if self.links.values().any(|link| link.is_for(interface)) {
                continue;
            }
            let link = Link::new(interface.clone(), self.around.clone());
            for former in self.former.values().chain(&before) {
                link.take_shields(former);
            }
            link.raise_shields();
            self.waiting.push(link);
        }
        before.iter().for_each(Link::release);
    }

    /// A connection, for people.
    pub(super) fn line(&self, connection: &Connection) -> FlowLine {
        let interface = self.interface_name(connection.key.interface());
        let rule = names::rule(self.lowering.registry(), connection.rule);
        FlowLine::new(connection, &interface, rule, saving::now())
    }

    /// What a query means to workers.
    ///
    /// # Errors
    /// It names an interface that there is not.
    pub(super) fn filter(&self, query: &FlowQuery) -> Result<FlowFilter, String> {
        let interface = query.interface.as_deref().map(|name| {
            index_of(&self.lowering, &self.bindings, name).ok_or_else(|| {
                format!("there is no interface '{name}'; 'secgroup status' lists them")
            })
        });
        Ok(FlowFilter {
            interface: interface.transpose()?,
            address: query.address,
            port: query.port,
            protocol: query.protocol,
            states: query.state.map(FlowState::states),
        })
    }

    pub(super) fn interface_name(&self, index: InterfaceIndex) -> String {
        let registered = || self.lowering.registry().interface(index);
        self.links
            .get(&index)
            .map(|link| link.interface.name.clone())
            .or_else(|| registered().map(|id| id.as_str().to_owned()))
            .unwrap_or_else(|| format!("interface {}", index.0))
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let links = self.links.values().chain(&self.waiting);
        let mut warnings: Vec<_> = links.flat_map(Link::warnings).collect();
        warnings.extend(self.host.warning());
        warnings.extend_from_slice(self.bindings.unbound());
        warnings
    }

    /// How many interfaces carry frames, and what the others lack.
    pub(super) fn standing(&self, runtime: &Runtime) -> Standing {
        let links = self.links.values();
        let mut standing = Standing {
            interfaces: self.config.interfaces.len(),
            generation: self.generation,
            audit: !self.links.is_empty() && links.clone().all(|link| link.interface.audit),
            ..Standing::default()
        };
        standing.closed.extend_from_slice(self.bindings.unbound());
        for (index, state) in runtime.links() {
            match (state, self.links.get(&index)) {
                (LinkState::Open, _) => standing.attached += 1,
                (LinkState::Closed(why), Some(link)) => {
                    let missing = link.missing();
                    if missing.is_empty() {
                        let name = &link.interface.name;
                        standing.closed.push(format!("{name} is closed ({why})"));
                    }
                    standing.waits_for.extend(missing);
                }
                (LinkState::Closed(_), None) => {}
            }
        }
        standing
    }

    /// Leaves all devices as they were before; when they are closed.
    pub(super) fn release(&self) {
        let links = self.links.values().chain(&self.waiting);
        links.for_each(Link::release);
    }
}

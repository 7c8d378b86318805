//! Flow logs of a running daemon: those of the configuration and those of the endpoint, as one list for the thread that writes them.
//!
//! The list is made anew whenever the policy changes, because what a log covers (a subnet, all interfaces of a VPC) does; a log whose settings are the same goes on.
//! Only interfaces that are bound to devices are judged here, so only those have records.

mod wanted;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use secgroup_datapath::{Crossing, Verdict};
use secgroup_ec2::flow_logs::{Deliveries, DeliveryFault};
use secgroup_flowlog::{Feed, Interface, Logger, LoggerStatus, Look, Passing, RuleNames};
use secgroup_model::{FlowLogId, Inventory};
use secgroup_packet::InterfaceIndex;
use secgroup_policy::RuleNumber;
use secgroup_runtime::{Observe, Observers};
use tracing::{error, warn};

use self::wanted::{of_configuration, of_endpoint};
use super::operator::Operator;
use super::state::State;
use crate::config::Config;

/// How long a stop waits for the last records to be written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

/// The thread, and what is known of its logs.
#[derive(Debug)]
pub(super) struct FlowLogging {
    logger: Arc<Logger>,
    rules: Names,
    /// Tells those who describe flow logs what becomes of them.
    deliveries: Deliveries,
}

/// Names of rules, once there is somebody who knows them.
#[derive(Debug, Clone, Default)]
struct Names(Arc<OnceLock<Weak<Operator>>>);

impl RuleNames for Names {
    fn rule(&self, number: RuleNumber) -> Option<(String, String)> {
        self.0.get()?.upgrade()?.rule_names(number)
    }
}

/// The end of a worker, as the runtime knows it.
#[derive(Debug)]
struct Observer(Feed);

impl Observe for Observer {
    #[inline]
    fn burst(&mut self, crossings: &[Crossing<'_>], verdicts: &[Verdict]) {
        self.0.burst(crossings, verdicts);
    }

    #[inline]
    fn idle(&mut self) {
        self.0.idle();
    }
}

impl FlowLogging {
    /// Starts the thread, without logs.
    ///
    /// # Errors
    /// In one line: the kernel gives no more threads.
    pub(super) fn start(config: &Config, deliveries: Deliveries) -> Result<Self, String> {
        let rules = Names::default();
        let logger = Logger::start(config.flow_logs.flows, Arc::new(rules.clone()))
            .map_err(|error| format!("the thread of flow logs cannot be started: {error}"))?;
        Ok(Self {
            logger: Arc::new(logger),
            rules,
            deliveries,
        })
    }

    /// What workers are given.
    pub(super) fn observers(&self) -> Observers {
        let logger = Arc::clone(&self.logger);
        Observers::new(move |worker| Box::new(Observer(logger.feed(worker))))
    }

    /// From now on there is somebody who knows the names of rules.
    pub(super) fn begin(&self, operator: &Arc<Operator>) {
        // It is begun once.
        let _ = self.rules.0.set(Arc::downgrade(operator));
    }

    /// Logs what there is to log under the policy of `inventory`.
    pub(super) fn configure(
        &self,
        state: &State,
        inventory: &Inventory,
        known: Option<&secgroup_ec2::State>,
    ) {
        let mut logs = of_configuration(&state.config, &state.bindings);
        if let Some(known) = known {
            logs.extend(of_endpoint(&state.config, known).0);
        }
        let interfaces = if logs.is_empty() {
            BTreeMap::new()
        } else {
            interfaces(state, inventory)
        };
        self.logger.configure(logs, interfaces);
    }

    /// Says which flow logs of the endpoint are not delivered.
    pub(super) fn tell(&self, config: &Config, known: &secgroup_ec2::State) {
        let mut faults: BTreeMap<FlowLogId, DeliveryFault> = of_endpoint(config, known)
            .1
            .into_iter()
            .map(|id| (id, DeliveryFault::Access))
            .collect();
        for log in self.logger.status().logs {
            if log.failure.is_some() {
                faults.insert(FlowLogId::new(&log.id), DeliveryFault::Unknown);
            }
        }
        self.deliveries.fail(faults);
    }

    /// What passes now, whether or not it is logged; `None` where the thread is held up.
    pub(super) fn look(&self, look: Look) -> Option<Passing> {
        self.logger.look(look)
    }

    pub(super) fn status(&self) -> LoggerStatus {
        self.logger.status()
    }

    /// Writes what is left.
    pub(super) fn finish(&self) {
        if !self.logger.stop(WRITTEN_WITHIN) {
            error!("the last records of flow logs were not written in {WRITTEN_WITHIN:?}");
        }
        for log in self.logger.status().logs {
            if let Some(failure) = log.failure {
                warn!("flow log {}: {failure}", log.id);
            }
        }
    }
}

/// The interfaces that are bound to devices, by their numbers.
fn interfaces(state: &State, inventory: &Inventory) -> BTreeMap<InterfaceIndex, Arc<Interface>> {
    let options = &state.config.policy.options;
    let registry = state.lowering.registry();
    let bound = state.bindings.ids();
    let bound = bound.iter().filter_map(|id| {
        let index = registry.interface_index(id)?;
        let interface = inventory.interfaces.get(id)?;
        let known = Interface::of(interface, inventory, &options.account, &options.region);
        Some((index, Arc::new(known)))
    });
    bound.collect()
}

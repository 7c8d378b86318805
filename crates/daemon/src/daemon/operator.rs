//! The running firewall, as it is operated: by the control socket, by signals, by changes of files and devices.
//!
//! What changes is behind one lock, held while something is changed and while a document is put together; packets never
//! wait for it. The main loop changes things (a reload, a device that comes back, a round), and calls of the endpoint do: one after the other.

mod answers;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crossbeam_channel::Receiver;
use secgroup_conntrack::Connection;
use secgroup_control::Lowering;
use secgroup_ec2::Changes;
use secgroup_endpoint::{Service, Settle};
use secgroup_flowlog::RuleNames;
use secgroup_io::live::nfqueue::CurrentFlowMark;
use secgroup_io::live::tap::Netns;
use secgroup_model::Inventory;
use secgroup_packet::{InterfaceIndex, Steering};
use secgroup_policy::RuleNumber;
use secgroup_runtime::{Clock, Denied, Event, Runtime, RuntimeSettings};
use tracing::error;

use super::bindings::Bindings;
use super::denials::Denials;
use super::flow_logs::FlowLogging;
use super::following::Told;
use super::host::{Change, HostSide};
use super::in_force::{self, Accepted, lower};
use super::links::{Link, Surroundings};
use super::managing::{self, Reach};
use super::names::Names;
use super::state::State;
use super::{Orders, RunOptions, saving};
use crate::config::Config;
use crate::control::Followers;
use crate::protocol::ReloadOutcome;

/// How long whoever asks for a reload waits for it: more than any policy takes.
const RELOAD_PATIENCE: Duration = Duration::from_secs(60);

/// The running firewall.
pub(super) struct Operator {
    file: PathBuf,
    audit: bool,
    started: SystemTime,
    runtime: Runtime,
    /// Since before the first device was opened.
    events: Receiver<Event>,
    orders: Orders,
    followers: Followers,
    /// Who has the policy, where it is not the files. It is asked before `state` is locked, never after: its changes lock `state` themselves.
    managed: Option<Arc<Service>>,
    /// It asks for the names of rules, which locks `state`: nobody waits for it who holds that.
    flow_logs: FlowLogging,
    /// Locked before `state`, never after.
    denials: Mutex<Denials>,
    state: Mutex<State>,
}

impl Operator {
    /// Starts workers, gives them the connections of the last run, and opens devices.
    pub(super) fn start(
        accepted: Accepted,
        options: &RunOptions,
        namespace: Option<Netns>,
        orders: Orders,
        managed: Option<Arc<Service>>,
        flow_logs: FlowLogging,
    ) -> Result<Arc<Self>, String> {
        let Accepted { config, policy, .. } = accepted;
        let mut lowering = Lowering::new(config.defaults.clone());
        let mut begin = |inventory: &Inventory| {
            let bindings = Bindings::of(&config, inventory);
            let snapshot = lower(&mut lowering, &config, &bindings, inventory);
            (bindings, snapshot)
        };
        let (bindings, snapshot) = match &managed {
            Some(service) => service.read(|state| begin(&state.inventory)),
            None => begin(&policy.inventory),
        };
        let generation = snapshot.generation;
        let seed = random();
        let settings = RuntimeSettings {
            workers: config.workers.count,
            pin: config.workers.pin.clone(),
            busy_poll: config.workers.busy_poll,
            engine: secgroup_datapath::Settings {
                seed,
                ..config.engine.clone()
            },
            handoff: config.workers.handoff,
            clock: Clock::System,
            observers: Some(flow_logs.observers()),
            metered: config.metrics.is_some(),
        };
        let runtime = Runtime::start(settings, snapshot).map_err(|error| error.to_string())?;
        let events = runtime.events();
        saving::prepare(&config)?;
        saving::restore(&config, &Names::new(lowering.registry()), &runtime);
        let mark = CurrentFlowMark::default();
        let host = HostSide::new(&config, mark.clone())?;
        let around = Surroundings {
            steering: Steering::new(seed),
            mark,
            copy_bytes: u16::try_from(config.host.copy_bytes).unwrap_or(u16::MAX),
            namespace,
        };
        let mut state = State::new(config, policy, bindings, lowering, generation, around, host);
        if let Err(why) = state.begin(&runtime) {
            runtime.stop();
            state.release();
            if let Err(left) = state.host.end().wait() {
                error!("{left}");
            }
            return Err(why);
        }
        let operator = Arc::new(Self {
            file: options.config.clone(),
            audit: options.audit,
            started: SystemTime::now(),
            runtime,
            events,
            orders,
            followers: Followers::default(),
            managed,
            flow_logs,
            denials: Mutex::default(),
            state: Mutex::new(state),
        });
        operator.flow_logs.begin(&operator);
        match &operator.managed {
            Some(service) => service.read(|known| operator.log_flows(Some(known))),
            None => operator.log_flows(None),
        }
        Ok(operator)
    }

    /// Logs the flows of what is in force; `known` is what the endpoint knows, where there is one.
    fn log_flows(&self, known: Option<&secgroup_ec2::State>) {
        let state = self.lock();
        let inventory = known.map_or(&state.policy.inventory, |known| &known.inventory);
        self.flow_logs.configure(&state, inventory, known);
        if let Some(known) = known {
            self.flow_logs.tell(&state.config, known);
        }
    }

    /// Says to those who describe flow logs what becomes of them.
    pub(super) fn tell_of_flow_logs(&self) {
        if let Some(service) = &self.managed {
            service.read(|known| self.flow_logs.tell(&self.lock().config, known));
        }
    }

    /// The ids of a rule and its group.
    pub(super) fn rule_names(&self, number: RuleNumber) -> Option<(String, String)> {
        RuleNames::rule(self.lock().lowering.registry(), number)
    }

    /// It runs: nothing that can fail is left.
    pub(super) fn is_up(&self) {
        saving::use_up(&self.lock().config);
    }

    /// The configuration in force.
    pub(super) fn config(&self) -> Config {
        self.lock().config.clone()
    }

    /// What happens, but for connections.
    pub(super) fn events(&self) -> Receiver<Event> {
        self.events.clone()
    }

    /// Where packets are judged.
    pub(super) const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Those who follow connections.
    pub(super) const fn followers(&self) -> &Followers {
        &self.followers
    }

    /// Tells those who follow what became of a connection.
    pub(super) fn tell_followers(&self, connection: &Connection, what: Told) {
        let state = self.lock();
        let name = state.interface_name(connection.key.interface());
        let line = || what.event(state.line(connection));
        self.followers.tell(connection, &[&name], line);
    }

    /// A worker told of a denied packet.
    pub(super) fn note_denied(&self, denied: &Denied) {
        self.denials().note(denied);
    }

    fn denials(&self) -> MutexGuard<'_, Denials> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One line for a service manager.
    pub(super) fn summary(&self) -> String {
        self.lock().standing(&self.runtime).to_string()
    }

    /// Devices appeared, went or changed.
    pub(super) fn devices_changed(&self) {
        self.lock().waiting.iter().for_each(Link::raise_shields);
        self.runtime.devices_changed();
    }

    /// Whether every worker still does what it is asked to.
    pub(super) fn workers_answer(&self) -> bool {
        !self
            .runtime
            .status()
            .workers
            .iter()
            .any(|worker| worker.stuck)
    }

    /// Says so whenever rules of host mode were changed.
    pub(super) fn rules(&self) -> Receiver<()> {
        self.lock().host.told()
    }

    /// The names of an interface and of a rule, for people.
    pub(super) fn interface_name(&self, index: InterfaceIndex) -> String {
        self.lock().interface_name(index)
    }

    /// Reads configuration and policy again, and brings both into force on every worker, or neither; for the kernel of host mode that is
    /// begun.
    pub(super) fn read_again(&self) -> (ReloadOutcome, Change) {
        let loaded = in_force::load(&self.file, self.audit);
        match &self.managed {
            Some(service) => service.read(|known| {
                let outcome = self.bring(loaded, Some(&known.inventory));
                self.log_flows(Some(known));
                outcome
            }),
            None => {
                let outcome = self.bring(loaded, None);
                self.log_flows(None);
                outcome
            }
        }
    }

    /// Brings what was read into force, or keeps why not.
    fn bring(
        &self,
        loaded: Result<Accepted, String>,
        managed: Option<&Inventory>,
    ) -> (ReloadOutcome, Change) {
        let mut state = self.lock();
        match loaded.and_then(|accepted| state.fits(accepted)) {
            Ok(accepted) => {
                let outcome = state.replace(&self.runtime, accepted, managed);
                state.reloads.ok += 1;
                state.last_error = None;
                outcome
            }
            Err(errors) => {
                state.reloads.refused += 1;
                state.last_error = Some(errors.clone());
                let refused = ReloadOutcome::Refused {
                    generation: state.generation,
                    errors: vec![errors],
                };
                (refused, Change::nothing())
            }
        }
    }

    /// Brings a change of the managed policy into force. Every worker goes by it when this returns; what the kernel does in host mode is
    /// begun, and waited for by what is answered.
    pub(super) fn edited(&self, known: &secgroup_ec2::State, changes: &Changes) -> Settle {
        let inventory = &known.inventory;
        let change = match managing::reach(inventory, changes) {
            Reach::Nothing => None,
            Reach::These(touched) => {
                Some(self.lock().amend(&self.runtime, inventory, Some(&touched)))
            }
            Reach::Everything => Some(self.lock().amend(&self.runtime, inventory, None)),
        };
        if managing::concerns_flow_logs(changes) {
            self.log_flows(Some(known));
        }
        let change = change?;
        Some(Box::new(move || {
            if let Err(why) = change.wait(RELOAD_PATIENCE) {
                error!("flows that the kernel carries may go by the former policy: {why}");
            }
        }))
    }

    /// Ends: devices are closed, connections saved, rules taken out.
    pub(super) fn finish(&self) {
        let state = self.lock();
        let connections = self.runtime.stop();
        let end = state.host.end();
        saving::save(
            &state.config,
            &Names::new(state.lowering.registry()),
            connections,
        );
        state.release();
        drop(state);
        self.flow_logs.finish();
        if let Err(why) = end.wait() {
            error!("{why}");
        }
    }

    /// The state is whole even where a thread panicked while it held the lock: it is changed by whole values.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number that nobody can guess.
fn random() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0)
}

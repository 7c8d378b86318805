//! `secgroup run`: everything put together, and the one loop that waits for something to change.
//!
//! ```text
//!   configuration ─► trust ─► policy files ─► inventory ─► Lowering ─► Snapshot ─► Runtime (workers)
//!        ▲                        ▲                                                  ▲      │
//!        └── SIGHUP, reload ──────┴── file watch                 device watch ───────┘      ▼
//!                                                            control socket ◄──── status, connections, events
//! ```
//!
//! The order of the start is the order of what can fail: what people wrote is read and checked first, then privileges, then
//! workers (with connections of the last run, before the first packet), then devices, then the kernel's rules of
//! host mode, then the control socket; ready is said last, also where a device is still missing: its interface is
//! closed until then, and the [status line](standing) says so. The stop is the reverse, and devices and rules are afterwards as they were.
//!
//! Privileges are dropped on the main thread before it starts another one: capabilities are a property of threads, which
//! inherit them. What is kept is what a device that comes back needs to be opened again.
//!
//! Nothing here touches a packet. A reload is made whole beside the running policy and swapped in, or refused whole.

mod acknowledging;
mod bindings;
mod denials;
mod endpoint;
mod events;
mod explaining;
mod flow_logs;
mod following;
mod host;
mod in_force;
mod links;
mod looking;
mod managing;
mod names;
mod operator;
mod program;
mod replacing;
mod saving;
mod standing;
mod state;
mod viewers;
mod watching;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select, tick};
use secgroup_endpoint::{Gate, PageServer};
use secgroup_report::words::counted;
use secgroup_runtime::Event;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::{info, warn};

use self::acknowledging::Acknowledging;
use self::endpoint::Prepared;
use self::events::EventLog;
use self::flow_logs::FlowLogging;
use self::following::Follow;
use self::host::Change;
use self::in_force::{Accepted, load};
use self::operator::Operator;
use self::program::{Program, Running};
use self::watching::Watches;
use crate::control::{ControlSocket, Operate, Server};
use crate::logs::log_to_stderr;
use crate::metrics::{self, Measure};
use crate::page;
use crate::privileges::Needs;
use crate::protocol::ReloadOutcome;
use crate::service::ServiceManager;
use crate::user::Account;

/// How often the main loop looks around although nothing happened: links that wait, flow marks, the watchdog.
const ROUND: Duration = Duration::from_secs(1);

/// What was asked of `secgroup run`.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The configuration file.
    pub config: PathBuf,
    /// Decide and count on every interface, but let everything pass.
    pub audit: bool,
    /// A program to be started behind its own security groups, and its arguments.
    pub program: Option<Vec<OsString>>,
    /// As whom the program is started, `NAME|UID[:GROUP]`; as who this is by default.
    pub user: Option<String>,
}

/// How it ended.
#[derive(Debug)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// The program ended.
    Program(ExitStatus),
}

/// Why it could not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration or the policy has errors: text for a terminal, of several lines.
    #[error("{0}")]
    Faulty(String),
    /// Anything else, in one line that says what to do.
    #[error("{0}")]
    Failed(String),
}

/// What the main loop is told to do by other threads.
#[derive(Debug)]
enum Order {
    /// End.
    Stop,
    /// Somebody began to follow connections.
    Follow,
    /// Read configuration and policy again, and tell whoever waits for it what became of that.
    Reload(Option<Sender<ReloadOutcome>>),
}

/// Whoever tells it.
type Orders = Sender<Order>;

/// Reads and checks the configuration and the policy, and says what there is to say about them, without starting anything.
///
/// # Errors
/// [`RunError::Faulty`].
pub fn check(options: &RunOptions) -> Result<String, RunError> {
    let Accepted {
        config,
        policy,
        said,
    } = load(&options.config, options.audit).map_err(RunError::Faulty)?;
    let interfaces = counted(config.interfaces.len() as u64, "interface");
    let groups = counted(policy.inventory.groups.len() as u64, "security group");
    let file = options.config.display();
    Ok(format!("{said}{file} is valid: {interfaces}, {groups}.\n"))
}

/// Runs until it is told to stop, or the program ends.
///
/// # Errors
/// Where it cannot start. Once it runs, it only ends when it is told to.
pub fn run(options: &RunOptions) -> Result<Ended, RunError> {
    let loaded = load(&options.config, options.audit).map_err(RunError::Faulty)?;
    log_to_stderr(loaded.config.log.format, loaded.config.log.level.as_str()).map_err(failed)?;
    loaded.tell();
    let account = options.user.as_deref().map(Account::find).transpose();
    let account = account.map_err(failed)?;
    let needs = Needs {
        other_user: account.is_some(),
        ..Needs::of(&loaded.config, options.program.is_some())
    };
    needs.check().map_err(failed)?;
    let service = ServiceManager::from_environment().map_err(failed)?;
    // Before anything of the last run is touched: another daemon may be alive.
    let socket = ControlSocket::listen(&loaded.config.daemon.socket).map_err(failed)?;
    let program = options
        .program
        .as_deref()
        .map(|words| Program::prepare(words, account, &loaded.config, needs))
        .transpose()
        .map_err(RunError::Failed)?;
    // From here on threads are started; each has what the main thread has now.
    needs.drop_others().map_err(failed)?;
    let (orders, ordered) = bounded(16);
    let signals = SignalThread::start(&orders).map_err(failed)?;
    let namespace = program.as_ref().map(Program::namespace);
    let prepared = Prepared::open(&loaded.config).map_err(RunError::Failed)?;
    let managed = prepared.as_ref().map(Prepared::service);
    let deliveries = prepared.as_ref().map(Prepared::deliveries);
    let gate = viewers::gate(&loaded.config, prepared.as_ref().map(Prepared::keys))
        .map_err(RunError::Failed)?;
    let flow_logs = FlowLogging::start(&loaded.config, deliveries.unwrap_or_default())
        .map_err(RunError::Failed)?;
    let operator = Operator::start(
        loaded,
        options,
        namespace,
        orders.clone(),
        managed,
        flow_logs,
    )
    .map_err(RunError::Failed)?;
    // Devices are open and rules are in force: whatever fails now has to leave them as they were.
    let begun = Server::start(socket, Arc::clone(&operator) as Arc<dyn Operate>)
        .map_err(failed)
        .and_then(|server| {
            let child = program.map(|program| program.start(&orders)).transpose();
            let endpoint = prepared
                .map(|prepared| prepared.listen(&operator))
                .transpose();
            let endpoint = endpoint.map_err(RunError::Failed)?;
            let pages = serve_pages(&operator, gate)?;
            let child = child.map_err(RunError::Failed)?;
            Ok((server, child, endpoint, pages))
        });
    let (server, child, endpoint, pages) = begun.inspect_err(|_| operator.finish())?;
    // What changes from here on is seen.
    let watches = Watches::new(&operator);
    operator.is_up();
    service.ready(&operator.summary());
    info!("ready: {}", operator.summary());
    for warning in operator.status().warnings {
        warn!("{warning}");
    }

    serve(&operator, &ordered, &service, watches);

    service.stopping();
    // What is still called is answered, and in force, before the workers go.
    drop(endpoint);
    drop(pages);
    let ended = child.and_then(Running::finish);
    operator.finish();
    signals.stop();
    info!("stopped");
    // Last: whoever asked for the end takes the end of his connection for it.
    server.stop();
    Ok(ended.map_or(Ended::Stopped, Ended::Program))
}

/// Listens for Prometheus and for browsers, where that is wanted; the latter through `gate`, if there is one.
fn serve_pages(
    operator: &Arc<Operator>,
    gate: Option<Arc<Gate>>,
) -> Result<Vec<PageServer>, RunError> {
    let config = operator.config();
    let mut servers = Vec::new();
    if let Some(wanted) = config.metrics {
        let measure = Arc::clone(operator) as Arc<dyn Measure>;
        let pages = metrics::of_daemon(measure, wanted.rules, gate.clone());
        servers.push(metrics::serve(wanted.listen, pages).map_err(failed)?);
    }
    if let Some(wanted) = config.page {
        let operate = Arc::clone(operator) as Arc<dyn Operate>;
        servers.push(page::serve(wanted.listen, operate, gate).map_err(failed)?);
    }
    Ok(servers)
}

fn failed(error: impl std::fmt::Display) -> RunError {
    RunError::Failed(error.to_string())
}

/// Signals become orders on a thread of their own.
struct SignalThread {
    handle: signal_hook::iterator::Handle,
    thread: std::thread::JoinHandle<()>,
}

impl SignalThread {
    fn start(orders: &Orders) -> std::io::Result<Self> {
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let handle = signals.handle();
        let orders = orders.clone();
        let thread = std::thread::spawn(move || {
            for signal in signals.forever() {
                let order = match signal {
                    SIGHUP => Order::Reload(None),
                    _ => Order::Stop,
                };
                if orders.send(order).is_err() {
                    return; // The daemon is ending.
                }
            }
        });
        Ok(Self { handle, thread })
    }

    fn stop(self) {
        self.handle.close();
        if self.thread.join().is_err() {
            warn!("the thread that waits for signals had failed");
        }
    }
}

/// The loop: until somebody says stop.
fn serve(
    operator: &Arc<Operator>,
    ordered: &Receiver<Order>,
    service: &ServiceManager,
    mut watches: Watches,
) {
    let mut log = EventLog::new(operator.config().log.denied_per_second);
    let mut follow = Follow::new();
    let mut acknowledging = Acknowledging::default();
    let (events, rules) = (operator.events(), operator.rules());
    let round = tick(
        service
            .alive_every()
            .map_or(ROUND, |every| ROUND.min(every)),
    );
    loop {
        select! {
            recv(ordered) -> order => match order {
                Ok(Order::Follow) => follow.look(operator.followers(), operator.runtime()),
                Ok(Order::Reload(asker)) => {
                    let begun = reload(operator, service, &mut watches);
                    log.limit(operator.config().log.denied_per_second);
                    acknowledging.add(begun, asker);
                }
                Ok(Order::Stop) | Err(_) => return,
            },
            recv(watches.policy()) -> _ => {
                info!("a policy file changed");
                acknowledging.add(reload(operator, service, &mut watches), None);
            },
            recv(watches.devices()) -> _ => operator.devices_changed(),
            recv(events) -> event => if let Ok(event) = event {
                if let Event::Denied(denied) = &event {
                    operator.note_denied(denied);
                }
                log.tell(&event, operator);
                if matches!(event, Event::LinkOpened { .. } | Event::LinkClosed { .. }) {
                    service.status(|| operator.summary());
                }
            },
            recv(follow.events()) -> event => if let Ok(Event::Admitted(admitted)) = event {
                follow.admitted(&admitted, &|connection, what| operator.tell_followers(connection, what));
            },
            recv(rules) -> _ => {} // A reload may be in force now.
            recv(round) -> _ => {
                // Whatever an event did not tell: those may be lost.
                service.status(|| operator.summary());
                operator.tell_of_flow_logs();
                follow.look(operator.followers(), operator.runtime());
                follow.round(operator.runtime(), &|connection, what| operator.tell_followers(connection, what));
                if service.alive_every().is_some() && operator.workers_answer() {
                    service.alive();
                }
            },
        }
        if acknowledging.look() && acknowledging.is_empty() {
            service.ready(&operator.summary());
        }
    }
}

/// Has every worker go by what is written now. What the kernel does in host mode may take longer.
fn reload(
    operator: &Arc<Operator>,
    service: &ServiceManager,
    watches: &mut Watches,
) -> (ReloadOutcome, Change) {
    service.reloading();
    let begun = operator.read_again();
    if matches!(begun.0, ReloadOutcome::InForce { .. }) {
        watches.again(operator);
    }
    begun
}

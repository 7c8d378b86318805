//! `secgroup run ... -- PROGRAM`: a program behind its own security groups.
//!
//! It runs in a network namespace of its own, whose only way out is the TAP device that secgroup made for it, and
//! knows nothing of it. It has no capabilities, whoever started it: with the daemon's it could take its device apart, or leave
//! the namespace. What programs use them for most, ports below 1024 and ping, the namespace allows everybody.
//!
//! Without `--user` it is the daemon's own user all the same: it can talk to the control socket, and write what that user may write. With it,
//! the right to become another user is needed once. The thread that will start the program therefore begins before the daemon drops its
//! privileges; it drops all others at once, waits until devices are ready, starts the program, and is gone.
//!
//! The daemon ends when the program does, with its exit code, and ends the program when it is told to stop itself.

use std::ffi::OsString;
use std::fs;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::process::{Pid, Signal, kill_process};
use secgroup_io::live::identity::spawn_as;
use secgroup_io::live::tap::Netns;
use tracing::{info, warn};

use super::{Order, Orders};
use crate::config::{Backend, Config, Device, Interface, Mode, Port};
use crate::privileges::Needs;
use crate::user::Account;

/// How long the program may take to end when it is asked to; the daemon has promised to be gone within a second.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often it is looked whether it has.
const PAUSE: Duration = Duration::from_millis(10);

/// A program to be started, and where.
pub(super) struct Program {
    name: String,
    namespace: Netns,
    /// Has it started; dropped, it never is.
    go: Sender<()>,
    started: Receiver<Result<Child, String>>,
}

/// A program that runs.
pub(super) struct Running {
    name: String,
    pid: Pid,
    /// Gives the exit status.
    waiter: thread::JoinHandle<std::io::Result<ExitStatus>>,
}

impl Program {
    /// Makes the namespace for the program, and sees that the configuration has one device for it. `needs` is what the thread that
    /// starts it keeps.
    ///
    /// # Errors
    /// In one line, what is missing.
    pub(super) fn prepare(
        words: &[OsString],
        account: Option<Account>,
        config: &Config,
        needs: Needs,
    ) -> Result<Self, String> {
        let Some((program, arguments)) = words.split_first() else {
            return Err("there is no program behind '--'".to_owned());
        };
        let name = program.to_string_lossy().into_owned();
        let homes = config
            .interfaces
            .iter()
            .filter(|interface| is_home(interface));
        match homes.count() {
            1 => {}
            0 => {
                return Err(
                    "a program needs an interface of mode inline whose inside is made for it: \
                     inside = { backend = \"tap\", device = \"eth0\", addresses = [\"10.0.1.10/24\"] }, without netns"
                        .to_owned(),
                );
            }
            several => {
                return Err(format!(
                    "{several} interfaces have a tap without netns inside, and the program can have one: name the \
                     namespaces of the others"
                ));
            }
        }
        let namespace = Netns::create_anonymous()
            .map_err(|error| format!("the program's network namespace cannot be made: {error}"))?;
        let allowed = namespace.enter(allow_common_things);
        if let Ok(Err(error)) = allowed {
            warn!("ports below 1024 and ping may not work for the program: {error}");
        }
        if account.is_none() {
            tell_what_it_reaches(&name, config);
        }
        let mut command = Command::new(program);
        command.args(arguments);
        let (go, gone) = bounded(1);
        let (tell, started) = bounded(1);
        let starter = Starter {
            command,
            account,
            gone,
            tell,
        };
        starter.wait_in(namespace.clone(), needs)?;
        Ok(Self {
            name,
            namespace,
            go,
            started,
        })
    }

    /// Where its device is to be made.
    pub(super) fn namespace(&self) -> Netns {
        self.namespace.clone()
    }

    /// Starts it, and orders a stop when it ends.
    ///
    /// # Errors
    /// In one line, why it does not start.
    pub(super) fn start(self, orders: &Orders) -> Result<Running, String> {
        let name = self.name;
        let told = self.go.send(()).ok();
        let started = told.and_then(|()| self.started.recv().ok());
        let child = started
            .unwrap_or_else(|| Err("the thread that starts it failed".to_owned()))
            .map_err(|why| format!("{name}: {why}"))?;
        let pid = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| format!("{name}: it has no process id"))?;
        info!(pid = child.id(), "started {name}");
        let orders = orders.clone();
        let waiter = thread::spawn(move || wait(child, &orders));
        Ok(Running { name, pid, waiter })
    }
}

/// Lets everybody in the namespace of this thread listen on any port and ping: it is all theirs.
fn allow_common_things() -> std::io::Result<()> {
    fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")?;
    fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647")
}

/// What a program that is the daemon's own user can do to the firewall that it is behind.
fn tell_what_it_reaches(name: &str, config: &Config) {
    warn!(
        "{name} runs as the firewall's own user: it can command the firewall at {}, and write the policy files that this user may \
         write; --user NAME starts it as somebody else",
        config.daemon.socket.display()
    );
}

/// The thread that starts the program when it is told to.
struct Starter {
    command: Command,
    account: Option<Account>,
    /// Cut where the program is not to be started.
    gone: Receiver<()>,
    tell: Sender<Result<Child, String>>,
}

impl Starter {
    /// Enters the namespace, drops what it does not need, and waits; returns when it has.
    ///
    /// # Errors
    /// In one line.
    fn wait_in(mut self, namespace: Netns, needs: Needs) -> Result<(), String> {
        let (tell, ready) = bounded(1);
        let failed = tell.clone();
        let work = move || {
            let entered = namespace.enter(|| {
                let dropped = needs.keep_to_start_program();
                let is_ready = dropped.is_ok();
                // Whoever waits for it is there.
                let _ = tell.send(dropped.map_err(|error| error.to_string()));
                if is_ready && self.gone.recv().is_ok() {
                    let started = self.start();
                    let _ = self.tell.send(started);
                }
            });
            if let Err(error) = entered {
                let _ = failed.send(Err(error.to_string()));
            }
        };
        let thread = thread::Builder::new().name("starter".to_owned());
        thread.spawn(work).map_err(|error| error.to_string())?;
        ready
            .recv()
            .unwrap_or_else(|_| Err("the thread that starts the program failed".to_owned()))
    }

    fn start(&mut self) -> Result<Child, String> {
        let account = self.account.as_ref();
        if let Some(account) = account {
            self.command.envs(account.environment.iter().cloned());
        }
        let identity = account.map(|account| &account.identity);
        spawn_as(&mut self.command, identity).map_err(|error| error.to_string())
    }
}

/// Whether the program's device is to be made for this interface.
fn is_home(interface: &Interface) -> bool {
    let Mode::Inline { inside, .. } = &interface.mode else {
        return false;
    };
    matches!(inside, Port::Device(Device { backend: Backend::Tap(tap), .. }) if tap.netns.is_none())
}

fn wait(mut child: Child, orders: &Orders) -> std::io::Result<ExitStatus> {
    let status = child.wait();
    // Where the order cannot be given, the daemon is ending already.
    let _ = orders.try_send(Order::Stop);
    status
}

impl Running {
    /// Its exit status; one that still runs is asked to end, and made to.
    pub(super) fn finish(self) -> Option<ExitStatus> {
        if !self.waiter.is_finished() {
            self.send(Signal::TERM);
            let patience = Instant::now() + PATIENCE;
            while !self.waiter.is_finished() && Instant::now() < patience {
                thread::sleep(PAUSE);
            }
            if !self.waiter.is_finished() {
                warn!("{} does not end when asked to: killed", self.name);
                self.send(Signal::KILL);
            }
        }
        let Self { name, waiter, .. } = self;
        match waiter.join() {
            Ok(Ok(status)) => Some(status),
            Ok(Err(error)) => {
                warn!("{name}: its exit status is lost: {error}");
                None
            }
            Err(_) => None,
        }
    }

    fn send(&self, signal: Signal) {
        // Where it is gone meanwhile, it is what was wanted. Its id is not another's: nobody has waited for it yet, or
        // the waiter would have finished.
        let _ = kill_process(self.pid, signal);
    }
}

//! `secgroup run ... -- PROGRAM`: a program behind its own security groups.
//!
//! It runs in a network namespace of its own, whose only way out is the TAP device that secgroup made for it, and
//! knows nothing of it. It has no capabilities, whoever started it: with the daemon's it could take its device apart, or leave
//! the namespace. What programs use them for most, ports below 1024 and ping, the namespace allows everybody.
//!
//! The daemon ends when the program does, with its exit code, and ends the program when it is told to stop itself.

use std::ffi::OsString;
use std::fs;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use secgroup_io::live::tap::Netns;
use tracing::{info, warn};

use super::{Order, Orders};
use crate::config::{Backend, Config, Device, Interface, Mode, Port};
use crate::privileges::give_up_all;

/// How long the program may take to end when it is asked to; the daemon has promised to be gone within a second.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often it is looked whether it has.
const PAUSE: Duration = Duration::from_millis(10);

/// A program to be started, and where.
pub(super) struct Program {
    words: Vec<OsString>,
    namespace: Netns,
}

/// A program that runs.
pub(super) struct Running {
    name: String,
    pid: Pid,
    /// Gives the exit status.
    waiter: thread::JoinHandle<std::io::Result<ExitStatus>>,
}

impl Program {
    /// Makes the namespace for the program, and sees that the configuration has one device for it.
    ///
    /// # Errors
    /// In one line, what is missing.
    pub(super) fn prepare(words: &[OsString], config: &Config) -> Result<Self, String> {
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
        let words = words.to_vec();
        Ok(Self { words, namespace })
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
        let Some((program, arguments)) = self.words.split_first() else {
            return Err("there is no program behind '--'".to_owned());
        };
        let name = program.to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command.args(arguments);
        let child = self
            .namespace
            .enter(|| confined(&mut command))
            .map_err(|error| format!("{name}: {error}"))?
            .map_err(|error| format!("{name}: {error}"))?;
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

/// Starts a program from a thread that has no capabilities any more.
fn confined(command: &mut Command) -> Result<Child, String> {
    give_up_all().map_err(|error| error.to_string())?;
    command.spawn().map_err(|error| error.to_string())
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

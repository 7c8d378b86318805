//! Hosts with a firewall between them.
//!
//! ```text
//!   instance              firewall             network                outside
//!   10.0.0.10 ──────── ia0 [ I ] ib0 ──────── pi ┐
//!   2001:db8::10                                 ├ br0 ┄ router ──── 203.0.113.10
//!   10.0.0.20 ──────── ja0 [ J ] jb0 ──────── pj ┘  10.0.0.254       2001:db8:1::10
//!   second
//! ```
//!
//! Each is a network namespace; the firewall's own devices have no addresses, and all offloads are left on. With
//! [`Ends::Stations`] the network is the bare end of the cable. At most three labs stand at a time: what a test waits
//! for should not have to wait for other tests.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use rustix::process::Signal;
use secgroup_testkit::netns::Namespace;

use super::assert_permitted;
use super::config::{self, Backend, Ends, LINK_I, LINK_J, Link, Setup};
use super::daemon::Daemon;
use super::policy::Policy;
use super::wire::Wire;

/// Labs that may stand at a time.
const LABS_MAX: u32 = 3;

/// Hosts with a firewall between them. What is declared first goes first: the daemon before the devices it works on.
#[derive(Debug)]
pub(crate) struct Lab {
    daemon: Option<Daemon>,
    pub(crate) instance: Namespace,
    pub(crate) second: Option<Namespace>,
    pub(crate) firewall: Namespace,
    pub(crate) network: Namespace,
    pub(crate) outside: Namespace,
    pub(crate) backend: Backend,
    folder: tempfile::TempDir,
    _turn: Turn,
}

impl Lab {
    /// A lab with its daemon running.
    #[track_caller]
    pub(crate) fn new(setup: &Setup<'_>) -> Self {
        let mut lab = Self::prepare(setup);
        if setup.backend != Backend::Bridge {
            lab.start();
        }
        lab
    }

    /// A lab whose daemon is not started yet.
    #[track_caller]
    pub(crate) fn prepare(setup: &Setup<'_>) -> Self {
        assert_permitted();
        let turn = Turn::take();
        let lab = Self {
            daemon: None,
            instance: Namespace::new("i"),
            second: setup.second.then(|| Namespace::new("j")),
            firewall: Namespace::new("fw"),
            network: Namespace::new("n"),
            outside: Namespace::new("o"),
            backend: setup.backend,
            folder: tempfile::tempdir().expect("a folder"),
            _turn: turn,
        };
        if setup.ends == Ends::Stations {
            for host in [&lab.instance, &lab.network].into_iter().chain(&lab.second) {
                host.quiet();
            }
        }
        if setup.ends == Ends::Hosts {
            lab.network(setup);
        }
        for (link, host) in lab.links() {
            lab.cables(setup, link, host);
        }
        lab.write("policy.yaml", &setup.policy.yaml());
        let names: Vec<_> = lab
            .links()
            .into_iter()
            .map(|(link, host)| (link, host.name()))
            .collect();
        lab.write("secgroup.toml", &config::toml(setup, &names));
        lab
    }

    fn links(&self) -> Vec<(&'static Link, &Namespace)> {
        let second = self.second.iter().map(|host| (&LINK_J, host));
        [(&LINK_I, &self.instance)]
            .into_iter()
            .chain(second)
            .collect()
    }

    /// The router, and the host outside behind it.
    fn network(&self, setup: &Setup<'_>) {
        for setting in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
            self.network.sysctl(setting, "1");
        }
        for host in [&self.network, &self.outside, &self.instance] {
            // Addresses are unique here: nobody has to wait until that is checked.
            host.sysctl("net.ipv6.conf.default.accept_dad", "0");
        }
        let outside = self.outside.name();
        let mtu = setup.mtu[1];
        self.network.ip_batch(&format!(
            "link add br0 mtu {mtu} address 02:00:00:00:00:fe type bridge mcast_snooping 0
             addr add 10.0.0.254/24 dev br0
             addr add 2001:db8::fe/64 dev br0 nodad
             link set br0 up
             link add out0 type veth peer name eth0 netns {outside}
             addr add 203.0.113.1/24 dev out0
             addr add 2001:db8:1::1/64 dev out0 nodad
             link set out0 up
            "
        ));
        self.outside.ip_batch(
            "addr add 203.0.113.10/24 dev eth0
             addr add 2001:db8:1::10/64 dev eth0 nodad
             link set eth0 up
             route add default via 203.0.113.1
             route add default via 2001:db8:1::1
            ",
        );
    }

    /// The cables of one instance: to the firewall, and from there to the network.
    fn cables(&self, setup: &Setup<'_>, link: &Link, host: &Namespace) {
        let near = link.outside.replace('b', "n"); // in0, jn0
        let [inner, outer] = setup.mtu;
        let network = self.network.name();
        let (inside, outside) = (link.inside, link.outside);
        if setup.backend.is_host() {
            host.ip(&format!(
                "link add eth0 mtu {outer} type veth peer name {near} mtu {outer} netns {network}"
            ));
        } else {
            self.firewall.ip_batch(&format!(
                "link add {outside} mtu {outer} type veth peer name {near} mtu {outer} netns {network}
                 link set {outside} up
                "
            ));
            if setup.backend != Backend::Tap {
                self.firewall.ip_batch(&format!(
                    "link add {inside} mtu {inner} type veth peer name eth0 mtu {inner} netns {}
                     link set {inside} up
                    ",
                    host.name()
                ));
            }
        }
        if setup.ends == Ends::Hosts {
            self.network.ip(&format!("link set {near} master br0"));
        }
        self.network.ip(&format!("link set {near} up"));
        if setup.backend != Backend::Tap {
            addresses(setup, link, host);
        }
        if setup.backend == Backend::AfXdpGeneric {
            // Behind the driver it gets frames of many segments, which no XDP socket can take; in the driver the kernel
            // keeps the other end of the cable from sending them.
            for (host, device) in [(host, "eth0"), (&self.network, near.as_str())] {
                let off = host.sh(&format!(
                    "ethtool -K {device} tso off gso off tx-udp-segmentation off"
                ));
                assert!(off.status.success(), "{off:?}");
            }
        }
        if setup.backend == Backend::Bridge {
            self.firewall.ip_batch(&format!(
                "link add br-{inside} type bridge mcast_snooping 0
                 link set {inside} master br-{inside}
                 link set {outside} master br-{inside}
                 link set br-{inside} up
                "
            ));
        }
    }

    /// Starts the daemon, and returns when it is ready.
    #[track_caller]
    pub(crate) fn start(&mut self) {
        let host = match self.backend {
            Backend::Host | Backend::HostSharded => &self.instance,
            _ => &self.firewall,
        };
        self.daemon = Some(Daemon::start(host, self.folder.path()));
    }

    /// Takes a daemon that was started otherwise.
    pub(crate) fn adopt(&mut self, daemon: Daemon) {
        self.daemon = Some(daemon);
    }

    #[track_caller]
    pub(crate) fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("it was started")
    }

    #[track_caller]
    pub(crate) fn daemon_mut(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("it was started")
    }

    /// Ends the daemon by a signal; its exit code.
    #[track_caller]
    pub(crate) fn end(&mut self, signal: Signal) -> i32 {
        let mut daemon = self.daemon.take().expect("it was started");
        daemon.end(signal)
    }

    /// The folder of configuration, policy, socket and state.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file there.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("the folder is ours");
        path
    }

    /// Changes the text of the configuration.
    pub(crate) fn edit_config(&self, edit: impl FnOnce(String) -> String) {
        let path = self.folder.path().join("secgroup.toml");
        let text = std::fs::read_to_string(path).expect("it was written");
        self.write("secgroup.toml", &edit(text));
    }

    /// Puts another policy into force.
    #[track_caller]
    pub(crate) fn policy(&self, policy: &Policy) {
        self.write("policy.yaml", &policy.yaml());
        self.daemon().reload();
    }

    /// The two ends of the instance's way, for built frames.
    #[track_caller]
    pub(crate) fn wire(&self) -> Wire {
        Wire::open((&self.instance, "eth0"), (&self.network, "in0"))
    }
}

/// The instance's own end of its cable.
fn addresses(setup: &Setup<'_>, link: &Link, host: &Namespace) {
    let [v4, v6] = link.addresses;
    if setup.ends == Ends::Hosts {
        host.ip_batch(&format!(
            "addr add {v4}/24 dev eth0
             addr add {v6}/64 dev eth0 nodad
             link set eth0 up
             route add default via 10.0.0.254
             route add default via 2001:db8::fe
            "
        ));
    } else {
        host.ip("link set eth0 up");
    }
}

/// The right to have a lab, given back when it is dropped.
#[derive(Debug)]
struct Turn;

static TAKEN: Mutex<u32> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = FREED
            .wait_while(taken, |taken| *taken >= LABS_MAX)
            .unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}

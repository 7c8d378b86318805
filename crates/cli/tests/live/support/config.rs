//! What a test asks for, and the configuration file that says it to the daemon. This is the one place that knows the file's format.

use std::fmt::Write as _;

use super::policy::Policy;
use super::{I, I6, J, J6, ROUTER, ROUTER6};

/// What stands between the instance and the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    AfPacketV2,
    AfPacketV3,
    Pnet,
    Tap,
    AfXdpNative,
    AfXdpGeneric,
    /// Each device on several workers.
    AfPacketSharded,
    /// The daemon runs on the instance itself, in front of its own packets.
    Host,
    /// So do several queues and workers.
    HostSharded,
    /// No firewall but a bridge of the kernel: shows that the lab carries the traffic of a test.
    Bridge,
}

impl Backend {
    /// Whether the daemon runs on the instance itself.
    pub(crate) const fn is_host(self) -> bool {
        matches!(self, Self::Host | Self::HostSharded)
    }

    /// Workers, and shards of each interface.
    const fn workers(self) -> u16 {
        match self {
            Self::AfPacketSharded | Self::HostSharded => 3,
            _ => 1,
        }
    }
}

/// What stands at the ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Hosts with addresses and routes, and a router between the instance's network and the host outside.
    Hosts,
    /// Devices without addresses, for built frames.
    Stations,
}

/// What a test asks for.
#[derive(Debug, Clone)]
pub(crate) struct Setup<'a> {
    pub(crate) backend: Backend,
    pub(crate) ends: Ends,
    pub(crate) policy: Policy,
    /// The second instance is there, too.
    pub(crate) second: bool,
    /// Top-level keys of the configuration.
    pub(crate) top: &'a str,
    /// Keys of `[tracking]`.
    pub(crate) tracking: &'a str,
    /// Keys of each `[[interface]]`.
    pub(crate) interface: &'a str,
    /// MTU of the cable at the instance's side and of the one at the network's side.
    pub(crate) mtu: [u32; 2],
}

impl Setup<'_> {
    /// Hosts with the default backend between them.
    pub(crate) fn hosts(policy: Policy) -> Self {
        Self {
            backend: Backend::AfPacketV2,
            ends: Ends::Hosts,
            policy,
            second: false,
            top: "",
            tracking: "",
            interface: "",
            mtu: [1500; 2],
        }
    }

    /// Stations with the default backend between them.
    pub(crate) fn stations(policy: Policy) -> Self {
        Self {
            ends: Ends::Stations,
            ..Self::hosts(policy)
        }
    }

    pub(crate) fn backend(self, backend: Backend) -> Self {
        Self { backend, ..self }
    }
}

/// An interface of the policy and its devices in the lab: inside and outside port.
pub(crate) struct Link {
    pub(crate) name: &'static str,
    pub(crate) inside: &'static str,
    pub(crate) outside: &'static str,
    pub(crate) addresses: [&'static str; 2],
}

pub(crate) const LINK_I: Link = Link {
    name: "I",
    inside: "ia0",
    outside: "ib0",
    addresses: [I, I6],
};

pub(crate) const LINK_J: Link = Link {
    name: "J",
    inside: "ja0",
    outside: "jb0",
    addresses: [J, J6],
};

/// The configuration of the daemon, whose links end at instances in these namespaces.
pub(crate) fn toml(setup: &Setup<'_>, links: &[(&Link, &str)]) -> String {
    let mut out = String::new();
    let line = |out: &mut String, text: &str| {
        writeln!(out, "{text}").expect("a String takes all that is written");
    };
    line(&mut out, "policy = [\"policy.yaml\"]");
    // Tests reload when they are ready to; one of them watches.
    line(&mut out, "watch = false");
    line(&mut out, setup.top);
    let workers = setup.backend.workers();
    line(&mut out, &format!("[workers]\ncount = {workers}"));
    line(
        &mut out,
        "[daemon]\nsocket = \"control.sock\"\nstate = \"state\"",
    );
    line(&mut out, "[log]\nlevel = \"debug\"");
    line(&mut out, "[tracking]");
    // Connections that were there before are another matter; the tests about them set it.
    if !setup.tracking.contains("start_grace_seconds") {
        line(&mut out, "start_grace_seconds = 0");
    }
    line(&mut out, setup.tracking);
    for (link, namespace) in links {
        line(&mut out, "[[interface]]");
        line(&mut out, &format!("name = \"{}\"", link.name));
        line(&mut out, &devices(setup, link, namespace));
        // Queues of the host are as many as there are workers.
        if !setup.backend.is_host() {
            line(&mut out, &format!("shards = {workers}"));
        }
        line(&mut out, setup.interface);
    }
    out
}

fn devices(setup: &Setup<'_>, link: &Link, namespace: &str) -> String {
    let port = match setup.backend {
        Backend::AfPacketV2 | Backend::AfPacketSharded | Backend::Tap => {
            "backend = \"af-packet\", ring = \"v2\""
        }
        Backend::AfPacketV3 => "backend = \"af-packet\", ring = \"v3\"",
        Backend::Pnet => "backend = \"pnet\"",
        Backend::AfXdpNative => "backend = \"af-xdp\", attach = \"native\"",
        Backend::AfXdpGeneric => "backend = \"af-xdp\", attach = \"generic\"",
        Backend::Host | Backend::HostSharded => {
            return "mode = \"host\"\ndevices = [\"eth0\"]".to_owned();
        }
        Backend::Bridge => "", // There is no daemon.
    };
    let device = |name: &str| format!("{{ device = \"{name}\", {port} }}");
    let inside = match setup.backend {
        Backend::Tap => tap(setup, link, namespace),
        _ => device(link.inside),
    };
    let outside = device(link.outside);
    format!("mode = \"inline\"\ninside = {inside}\noutside = {outside}")
}

fn tap(setup: &Setup<'_>, link: &Link, namespace: &str) -> String {
    let [v4, v6] = link.addresses;
    let addresses = match setup.ends {
        Ends::Hosts => format!(
            ", addresses = [\"{v4}/24\", \"{v6}/64\"], gateways = [\"{ROUTER}\", \"{ROUTER6}\"]"
        ),
        Ends::Stations => String::new(),
    };
    format!("{{ device = \"eth0\", backend = \"tap\", netns = \"{namespace}\"{addresses} }}")
}

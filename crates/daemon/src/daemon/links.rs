//! From an interface of the configuration to open devices.
//!
//! A [`Link`] is what the daemon knows of one interface: what it was made of, what can be said about its devices. They are opened
//! by its [`LinkOpener`].

mod opener;

use std::sync::Arc;

use secgroup_io::live::device;
use secgroup_io::live::nfqueue::CurrentFlowMark;
use secgroup_io::live::tap::{Netns, TapSettings};
use secgroup_packet::{InterfaceIndex, Steering};
use secgroup_runtime::{LinkSettings, Open};
use tracing::warn;

use self::opener::LinkOpener;
use crate::config::{Backend, CaptureFiles, Interface, Mode, Port};

/// A link of the configuration.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// What it was made of.
    pub(super) interface: Interface,
    opener: Arc<LinkOpener>,
}

/// What all links of a daemon share.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// Which shard a packet belongs to, for kernels that can be told.
    pub(super) steering: Steering,
    /// The mark of flows that the kernel carries on by itself.
    pub(super) mark: CurrentFlowMark,
    /// Bytes of a queued packet that are looked at.
    pub(super) copy_bytes: u16,
    /// Where the program that runs behind its own groups has its device.
    pub(super) namespace: Option<Netns>,
}

impl Link {
    pub(super) fn new(interface: Interface, around: Surroundings) -> Self {
        let opener = LinkOpener::new(interface.mode.clone(), around);
        let opener = Arc::new(opener);
        Self { interface, opener }
    }

    /// Takes over the shields of a link that was closed for this one, or that waited: devices that stay are not without one for a moment.
    pub(super) fn take_shields(&self, former: &Self) {
        if !matches!(self.interface.mode, Mode::Inline { shield: true, .. }) {
            return;
        }
        let mut theirs = former.opener.shields();
        let mut own = self.opener.shields();
        let ports = self.interface.ports();
        for device in ports.iter().filter_map(|port| port.device()) {
            own.extend(theirs.remove_entry(device));
        }
    }

    /// Keeps its devices off the host's own network stack while it is open nowhere: as long as it is configured, nothing passes it.
    pub(super) fn raise_shields(&self) {
        if let Err(error) = self.opener.raise_all() {
            warn!("{}: {error}", self.interface.name);
        }
    }

    /// Whether it is what `interface` asks for; allowance and groups are the policy's, and whether it is enforced can change while its devices are open.
    pub(super) fn is_for(&self, interface: &Interface) -> bool {
        let own = &self.interface;
        own.name == interface.name
            && own.mode == interface.mode
            && own.shards == interface.shards
            && own.worker == interface.worker
    }

    /// What the runtime has to know of it.
    pub(super) fn settings(&self, index: InterfaceIndex) -> LinkSettings {
        let interface = &self.interface;
        let ethertypes = match &interface.mode {
            Mode::Inline { ethertypes, .. } => ethertypes.clone(),
            Mode::Host { .. } | Mode::Watch { .. } => Vec::new(),
        };
        LinkSettings {
            interface: index,
            name: interface.name.clone(),
            shards: interface.shards,
            worker: interface.worker,
            audit: interface.audit,
            ethertypes,
            open: Arc::clone(&self.opener) as Arc<dyn Open>,
        }
    }

    /// Leaves its devices as they were before; when they are closed, and before others need them.
    pub(super) fn release(&self) {
        self.opener.shields().clear();
    }

    /// How it stands in the traffic, in a word.
    pub(super) const fn mode(&self) -> &'static str {
        match self.interface.mode {
            Mode::Inline { .. } => "inline",
            Mode::Host { .. } => "host",
            Mode::Watch { .. } => "watch",
        }
    }

    /// What stands for its ports, in their order: names of devices and files, numbers of queues.
    pub(super) fn port_names(&self) -> Vec<String> {
        match &self.interface.mode {
            Mode::Inline {
                inside, outside, ..
            } => vec![port_name(inside), port_name(outside)],
            Mode::Host { devices, queues } => {
                let last = queues.first + (queues.count - 1);
                let queues = match queues.count {
                    1 => queues.first.to_string(),
                    _ => format!("{}-{last}", queues.first),
                };
                vec![format!("{} (queue {queues})", devices.join(", "))]
            }
            Mode::Watch { port, .. } => vec![port_name(port)],
        }
    }

    /// Devices that it needs and that are not there.
    pub(super) fn missing(&self) -> Vec<String> {
        let mut devices = self.opener.devices();
        devices.retain(|device| matches!(device::Device::find(device), Ok(None)));
        devices
    }

    /// What a person should do something about, one line each.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = self.opener.shield_warnings();
        if let Mode::Inline {
            inside, outside, ..
        } = &self.interface.mode
        {
            warnings.extend(unequal_mtus(&self.interface.name, inside, outside));
        }
        warnings
    }
}

fn port_name(port: &Port) -> String {
    match port {
        Port::Device(device) => device.name.clone(),
        Port::Capture(CaptureFiles { read, write, .. }) => {
            let files = [read, write].into_iter().flatten();
            let names: Vec<_> = files.map(|file| file.display().to_string()).collect();
            names.join(", ")
        }
    }
}

/// That a frame which one side may send is too large for the other. Each gets its ICMP error, but a person can do better.
fn unequal_mtus(link: &str, inside: &Port, outside: &Port) -> Option<String> {
    let ports = [inside, outside].map(|port| Some((port.device()?, mtu_of(port)?)));
    let [Some((a, mtu_a)), Some((b, mtu_b))] = ports else {
        return None;
    };
    let (large, small, mtu) = match mtu_a.cmp(&mtu_b) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Less => (b, a, mtu_a),
        std::cmp::Ordering::Greater => (a, b, mtu_b),
    };
    Some(format!(
        "{link}: {a} has an MTU of {mtu_a} bytes, {b} of {mtu_b}: larger packets are dropped, and their senders told; \
         make them equal with `ip link set {large} mtu {mtu}` (or raise that of {small})"
    ))
}

fn mtu_of(port: &Port) -> Option<u32> {
    let Port::Device(device) = port else {
        return None;
    };
    match &device.backend {
        Backend::Tap(tap) => Some(tap.mtu.unwrap_or_else(|| TapSettings::named("").mtu)),
        Backend::AfPacket { .. } | Backend::Pnet | Backend::AfXdp(_) => {
            Some(device::Device::find(&device.name).ok()??.mtu)
        }
    }
}

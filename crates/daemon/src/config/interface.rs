//! A network interface of the policy, and the devices that carry its traffic.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use secgroup_control::Attachment;
use secgroup_model::{Inventory, MacAddress, NetworkInterface, NetworkInterfaceId, Tags};
use secgroup_runtime::Sees;

use super::choices::{BackendName, Ring, XdpAttach, XdpMode};

/// A network interface of the policy, and how it stands in the traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// What people call it, here and in reports.
    pub name: String,
    /// Which network interface of the policy it is.
    pub binding: Binding,
    /// What the policy does not say: its groups and addresses.
    pub attachment: Option<Attachment>,
    /// How it stands in the traffic.
    pub mode: Mode,
    /// How many shards; 1 to the number of workers.
    pub shards: u16,
    /// The worker of the first shard; `None` for the one with the fewest links.
    pub worker: Option<u16>,
    /// Decide and count, but let everything pass.
    pub audit: bool,
    /// Connections that it may have at once; `None` for what holds for all.
    pub allowance: Option<u32>,
    /// Whether packets that are neither from nor to its addresses are dropped; `None` for what the policy says.
    pub source_dest_check: Option<bool>,
}

/// Which network interface of the policy is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// The one with this id.
    Id(NetworkInterfaceId),
    /// The one with this tag.
    Tag {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// The one with this MAC address.
    Mac(MacAddress),
}

impl Binding {
    /// The network interface that is meant, if it is there. A tag or a MAC address means one of `account`, where that is given: what others
    /// create must not be taken for it. An id means itself.
    ///
    /// # Errors
    /// Several are: their ids.
    pub fn find<'a>(
        &self,
        inventory: &'a Inventory,
        account: Option<&str>,
    ) -> Result<Option<&'a NetworkInterface>, Vec<&'a NetworkInterfaceId>> {
        let is_theirs = |eni: &&NetworkInterface| {
            let vpc = || inventory.vpcs.get(inventory.vpc_of(eni)?);
            account.is_none_or(|account| vpc().is_some_and(|vpc| vpc.owner.as_str() == account))
        };
        let found: Vec<_> = match self {
            Self::Id(id) => inventory.interfaces.get(id).into_iter().collect(),
            Self::Tag { key, value } => {
                let has = |tags: &Tags| tags.get(key) == Some(value);
                let interfaces = inventory.interfaces.values();
                let tagged = interfaces.filter(|eni| has(&eni.tags));
                tagged.filter(is_theirs).collect()
            }
            Self::Mac(mac) => {
                let interfaces = inventory.interfaces.values();
                let found = interfaces.filter(|eni| eni.mac == Some(*mac));
                found.filter(is_theirs).collect()
            }
        };
        match found[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            ref several => Err(several.iter().map(|eni| &eni.id).collect()),
        }
    }
}

/// "the network interface ...": as the log and errors call what is meant.
impl std::fmt::Display for Binding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Tag { key, value } => write!(f, "a network interface with the tag {key}={value}"),
            Self::Mac(mac) => write!(f, "a network interface with the MAC address {mac}"),
        }
    }
}

/// How an interface stands in the traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Between two devices.
    Inline {
        /// The instance's side: what comes in here is egress.
        inside: Port,
        /// The network's side: what comes in here is ingress.
        outside: Port,
        /// EtherTypes, beside IPv4, IPv6 and ARP, that pass; sorted, none twice.
        ethertypes: Vec<u16>,
        /// Keep the host's own network stack off the devices.
        shield: bool,
    },
    /// In front of the host itself.
    Host {
        /// The devices whose own packets are judged; none twice.
        devices: Vec<String>,
        /// The queues that the kernel holds their packets in, one for each shard.
        queues: QueueRange,
    },
    /// Beside the traffic.
    Watch {
        /// Where packets are heard.
        port: Port,
        /// What tells ingress from egress.
        sees: Sees,
    },
}

/// Queue numbers of the kernel that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueRange {
    /// The first.
    pub first: u16,
    /// How many; at least 1.
    pub count: u16,
}

/// Where frames come from and go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port {
    /// A network device.
    Device(Device),
    /// Files.
    Capture(CaptureFiles),
}

/// A network device, and what carries its frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// What carries its frames.
    pub backend: Backend,
}

/// What carries the frames of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// A packet socket with a receive ring.
    AfPacket {
        /// Its kind.
        ring: Ring,
        /// Frames that it has room for; `None` for what suits.
        ring_frames: Option<u32>,
    },
    /// A TAP device that secgroup makes and owns.
    Tap(Tap),
    /// The portable one.
    Pnet,
    /// An XDP socket.
    AfXdp(AfXdp),
}

/// A TAP device to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tap {
    /// The network namespace it is made in, by name; `None` for our own.
    pub netns: Option<String>,
    /// Its hardware address; `None` for a random one.
    pub mac: Option<MacAddress>,
    /// Its MTU in bytes; `None` for the kernel's default.
    pub mtu: Option<u32>,
    /// Its addresses.
    pub addresses: Vec<IpNet>,
    /// Default gateways, at most one of each family, each in reach of an address.
    pub gateways: Vec<IpAddr>,
}

/// Settings of an XDP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AfXdp {
    /// Whether frames are copied.
    pub mode: XdpMode,
    /// Where in the kernel its program runs.
    pub attach: XdpAttach,
    /// Frames that its rings have room for; `None` for what suits.
    pub ring_frames: Option<u32>,
}

/// Capture files in place of a device; at least one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureFiles {
    /// The file whose frames are received.
    pub read: Option<PathBuf>,
    /// The file that frames are sent to.
    pub write: Option<PathBuf>,
    /// Receive frames at the pace at which they were captured.
    pub pace: bool,
}

impl Interface {
    /// Its ports: inside and outside, the watched one, or none.
    #[must_use]
    pub fn ports(&self) -> Vec<&Port> {
        match &self.mode {
            Mode::Inline {
                inside, outside, ..
            } => vec![inside, outside],
            Mode::Host { .. } => Vec::new(),
            Mode::Watch { port, .. } => vec![port],
        }
    }
}

impl Port {
    /// The device's name, if it is one.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        match self {
            Self::Device(device) => Some(&device.name),
            Self::Capture(_) => None,
        }
    }

    /// What carries its frames.
    #[must_use]
    pub const fn backend(&self) -> BackendName {
        match self {
            Self::Device(device) => match device.backend {
                Backend::AfPacket { .. } => BackendName::AfPacket,
                Backend::Tap(_) => BackendName::Tap,
                Backend::Pnet => BackendName::Pnet,
                Backend::AfXdp(_) => BackendName::AfXdp,
            },
            Self::Capture(_) => BackendName::Capture,
        }
    }
}

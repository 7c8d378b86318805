//! `[[interface]]`: a network interface of the policy, and the devices that carry its traffic.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list;
use crate::config::choices::{BackendName, Ring, XdpAttach, XdpMode};

/// `[[interface]]`
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Interface {
    /// The id or logical id of a network interface of the policy; with `groups` and `addresses`, a new one's; with `eni`, `tag` or `mac` any name.
    #[schemars(length(min = 1, max = 255), example = &"WebInterface")]
    pub(crate) name: String,
    /// The id of the network interface of the policy, where `name` is not it.
    #[schemars(example = &"eni-0123456789abcdef0")]
    pub(crate) eni: Option<String>,
    /// The network interface of the policy with this tag, as `KEY=VALUE`; with `[api]`, of `account`'s.
    #[schemars(example = &"Name=web-1")]
    pub(crate) tag: Option<String>,
    /// The network interface of the policy with this MAC address; with `[api]`, of `account`'s.
    #[schemars(example = &"02:00:5e:10:00:01")]
    pub(crate) mac: Option<String>,
    /// Security groups, by id or name, of an interface that the policy does not have.
    #[schemars(length(min = 1, max = 16), example = list("WebGroup"))]
    pub(crate) groups: Option<Vec<String>>,
    /// The addresses of that interface, the primary first.
    #[schemars(length(min = 1, max = 1000), example = list("10.0.1.10"))]
    pub(crate) addresses: Option<Vec<String>>,
    /// How it stands in the traffic.
    #[schemars(example = &"inline")]
    pub(crate) mode: ModeName,
    /// `inline`: the instance's side; what comes in here is egress. A device, or a table about one.
    #[schemars(example = &"tap0")]
    pub(crate) inside: Option<Port>,
    /// `inline`: the network's side; what comes in here is ingress. A device, or a table about one.
    #[schemars(example = &"uplink0")]
    pub(crate) outside: Option<Port>,
    /// `host`: the devices whose own packets are judged.
    #[schemars(length(min = 1, max = 64), example = list("eth0"))]
    pub(crate) devices: Option<Vec<String>>,
    /// `watch`: where packets are heard. A device, or a table about one.
    #[schemars(example = &"eth0")]
    pub(crate) device: Option<Port>,
    /// `watch`: what tells ingress from egress; `"host"` by default.
    #[schemars(example = &"host")]
    pub(crate) sees: Option<Sees>,
    /// What carries frames, where `inside`, `outside` and `device` do not say; `"af-packet"` by default.
    #[schemars(example = &"af-packet")]
    pub(crate) backend: Option<BackendName>,
    /// `inline`, `watch`: over how many workers its connections are spread, at most as many as there are; 1 by default.
    #[schemars(range(min = 1, max = 64), example = 1)]
    pub(crate) shards: Option<u16>,
    /// The worker of its first shard, from 0; the one with the fewest interfaces by default.
    #[schemars(range(max = 63), example = 0)]
    pub(crate) worker: Option<u16>,
    /// `inline`, `host`: only count and log what would be denied, and let it pass; as the `audit` of the file by default.
    #[schemars(example = true)]
    pub(crate) audit: Option<bool>,
    /// Connections that it may have at once; `tracking.allowance` by default.
    #[schemars(range(min = 1), example = 10_000)]
    pub(crate) allowance: Option<u32>,
    /// `inline`: EtherTypes, beside IPv4, IPv6 and ARP, that pass; such as `0x88cc` for LLDP.
    #[schemars(length(max = 64), example = list("0x88cc"))]
    pub(crate) ethertypes: Option<Vec<EtherType>>,
    /// Whether packets that are neither from nor to one of its addresses are dropped; as the policy says by default.
    #[schemars(example = true)]
    pub(crate) source_dest_check: Option<bool>,
    /// `inline`: keep the host's own network stack off its devices, which it would hear along with us; true by default.
    #[schemars(example = true)]
    pub(crate) shield: Option<bool>,
}

/// How an interface stands in the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ModeName {
    /// Between two devices, forwarding what is allowed.
    Inline,
    /// In front of the host itself.
    Host,
    /// Beside the traffic, only counting.
    Watch,
}

impl ModeName {
    /// As it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Host => "host",
            Self::Watch => "watch",
        }
    }
}

/// From where a watched device sees the interface.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sees {
    /// The device is the interface: what arrives is ingress.
    Host,
    /// The device is the other end of the instance's cable: what arrives is egress.
    Instance,
    /// The device carries the traffic of many: the interface's addresses tell.
    Addresses,
}

/// An EtherType as a number, or as text.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum EtherType {
    /// `0x88cc`
    Number(u16),
    /// `"0x88cc"`
    Text(String),
}

/// A device, or a table about one.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum Port {
    /// A device with default settings.
    Device(String),
    /// Everything about it.
    Settings(Box<PortSettings>),
}

/// `inside = { ... }`
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PortSettings {
    /// The device's name; every backend but `capture` has one.
    #[schemars(example = &"tap0")]
    pub(crate) device: Option<String>,
    /// What carries frames; the interface's `backend` by default.
    #[schemars(example = &"af-packet")]
    pub(crate) backend: Option<BackendName>,
    /// `af-packet`: the receive ring; `"v2"` by default.
    #[schemars(example = &"v2")]
    pub(crate) ring: Option<Ring>,
    /// `af-packet`, `af-xdp`: frames that the receive ring has room for; what suits the backend by default.
    #[schemars(range(min = 64, max = 65_536), example = 1024)]
    pub(crate) ring_frames: Option<u32>,
    /// `af-xdp`: whether frames are copied; `"auto"` by default.
    #[schemars(example = &"auto")]
    pub(crate) mode: Option<XdpMode>,
    /// `af-xdp`: where in the kernel the program runs; `"auto"` by default.
    #[schemars(example = &"auto")]
    pub(crate) attach: Option<XdpAttach>,
    /// `tap`: the network namespace, by name, that the device is made in; the daemon's own by default.
    #[schemars(example = &"blue")]
    pub(crate) netns: Option<String>,
    /// `tap`: the device's hardware address; a random one by default.
    #[schemars(example = &"02:00:5e:10:00:01")]
    pub(crate) mac: Option<String>,
    /// `tap`: the device's MTU in bytes; the kernel's default (1500) by default.
    #[schemars(range(min = 576, max = 65_535), example = 1500)]
    pub(crate) mtu: Option<u32>,
    /// `tap`: the device's addresses, with prefix lengths.
    #[schemars(length(max = 64), example = list("10.0.1.10/24"))]
    pub(crate) addresses: Option<Vec<String>>,
    /// `tap`: default gateways, at most one of each address family.
    #[schemars(length(max = 2), example = list("10.0.1.1"))]
    pub(crate) gateways: Option<Vec<String>>,
    /// `capture`: the file whose frames are received.
    #[schemars(example = &"in.pcap")]
    pub(crate) read: Option<String>,
    /// `capture`: the file that frames are sent to.
    #[schemars(example = &"out.pcap")]
    pub(crate) write: Option<String>,
    /// `capture`: receive frames at the pace at which they were captured; true by default.
    #[schemars(example = true)]
    pub(crate) pace: Option<bool>,
}

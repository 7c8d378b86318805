//! A network interface of the policy, and the devices that carry its traffic.

use std::fmt::Debug;
use std::sync::Arc;

use secgroup_io::live::{Port, Queue, Receiver};
use secgroup_packet::InterfaceIndex;

/// What a link is made of.
#[derive(Debug, Clone)]
pub struct LinkSettings {
    /// The interface whose rules decide.
    pub interface: InterfaceIndex,
    /// What people call it: the name in the configuration.
    pub name: String,
    /// How many shards, each on a worker of its own; 1 to the number of workers.
    pub shards: u16,
    /// The worker of the first shard; `None` for the one with the fewest links.
    pub worker: Option<u16>,
    /// Decide and count, but let everything through.
    pub audit: bool,
    /// EtherTypes, beside IPv4, IPv6 and ARP, that are let through.
    pub ethertypes: Vec<u16>,
    /// Opens the devices, at the start and whenever they come back.
    pub open: Arc<dyn Open>,
}

/// One of the shards of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 0.
    pub index: u16,
    /// Of how many.
    pub count: u16,
}

/// Opens what a link is made of.
pub trait Open: Send + Sync + Debug {
    /// Opens one shard. Called again after a device was gone or a worker panicked.
    ///
    /// # Errors
    /// In one line: what is missing, and what to do about it.
    fn open(&self, shard: Shard) -> Result<Attached, OpenError>;

    /// The names of the devices that the link needs, for waiting until they are there.
    fn devices(&self) -> Vec<String>;
}

/// Why a link cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A device is not there yet; the link waits for it.
    #[error("there is no device '{0}'")]
    NoDevice(String),
    /// It cannot work as it is; the link is tried again when a device changes.
    #[error("{0}")]
    Refused(String),
}

/// The open devices of one shard of a link.
#[derive(Debug)]
pub enum Attached {
    /// Between the instance and the network.
    Inline {
        /// The instance's side: what comes in here is egress.
        inside: Box<dyn Port>,
        /// The network's side: what comes in here is ingress.
        outside: Box<dyn Port>,
    },
    /// Packets of the host itself, held by the kernel until they are decided: arriving is ingress,
    /// leaving is egress.
    Host(Box<dyn Queue>),
    /// Only watched.
    Watch {
        /// Where frames are heard.
        receiver: Box<dyn Receiver>,
        /// How to tell ingress from egress.
        sees: Sees,
    },
}

/// From where a watched device sees the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sees {
    /// The device is the interface: what arrives is ingress.
    Host,
    /// The device is the other end of the instance's cable (a tap, the host's end of a veth): what arrives is egress.
    Instance,
    /// The device carries the traffic of others (a mirror port, a bridge, a capture file): the interface's addresses tell.
    Addresses,
}

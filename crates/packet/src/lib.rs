#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod checksum;
mod error;
mod flow;
mod frame;
mod mac;
mod packet;
mod parse;
mod steer;
mod view;
mod vocabulary;

pub use crate::error::{Layer, ParseError, ParseErrorKind};
pub use crate::flow::{FlowKey, FlowKey4, FlowKey6, IcmpExchange, InterfaceIndex};
pub use crate::frame::{Frame, LinkType};
pub use crate::mac::{MacAddress, MacPair};
pub use crate::packet::{AddressPair, Fragment, L4, Packet, Parsed, Reading, TcpFlags};
pub use crate::parse::{MAX_EXTENSIONS, MAX_VLAN_TAGS};
pub use crate::steer::Steering;
pub use crate::vocabulary::{Direction, Family, PortRange, Protocol, Timestamp};

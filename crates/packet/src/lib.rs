#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod flow;
mod frame;
mod packet;
mod vocabulary;

pub use crate::flow::{FlowKey, FlowKey4, FlowKey6, IcmpExchange, InterfaceIndex};
pub use crate::frame::{Frame, LinkType};
pub use crate::packet::{AddressPair, Fragment, L4, Packet, Parsed, TcpFlags};
pub use crate::vocabulary::{Direction, Family, PortRange, Protocol, Timestamp};

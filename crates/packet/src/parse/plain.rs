//! The short way for the plain packet: Ethernet without a tag, IPv4 without options, a whole TCP segment or UDP datagram, with nothing
//! wrong.
//!
//! Nearly every packet is one of those, and of the questions that the files beside this one ask of it one by one, most have the
//! same answer each time. So they are asked together: a few words are read from fixed places and compared. What has any other answer
//! is `None` and goes the long way, which alone says what is wrong with a frame. A property test holds the two against each
//! other (`tests/packet/same_reading.rs`).

use std::net::Ipv4Addr;

use crate::view::be16;
use crate::{AddressPair, Frame, L4, Packet, Protocol, TcpFlags};

/// Where IPv4 begins.
const L3: usize = 14;
/// Where the upper layer begins.
const L4_AT: usize = L3 + 20;
/// As far as a verdict reads: the flags of TCP are the last.
const READ: usize = L4_AT + 14;

/// Reads the packet in `frame`, an Ethernet frame, into `packet`, if it is a plain one; whether it is.
#[inline(always)]
pub(super) fn read(frame: &Frame<'_>, packet: &mut Packet) -> bool {
    let Some(head) = frame.data.first_chunk::<READ>() else {
        return false;
    };
    // EtherType 0x0800; version 4, five words of header.
    let is_ipv4 = head[12..15] == [0x08, 0x00, 0x45];
    let is_whole = be16(head[20], head[21]) & 0x3FFF == 0;
    let total = be16(head[16], head[17]);
    let end = L3 + usize::from(total);
    // No shorter than what is read below, and all of it captured.
    let is_there = end <= frame.data.len() && frame.data.len() <= frame.wire_len as usize;
    let Some(payload) = end.checked_sub(L4_AT) else {
        return false;
    };
    if !(is_ipv4 && is_whole && is_there) {
        return false;
    }
    let protocol = Protocol(head[23]);
    let (sport, dport) = (be16(head[34], head[35]), be16(head[36], head[37]));
    packet.l4 = match protocol {
        Protocol::TCP => {
            let header = usize::from(head[46] >> 4) * 4;
            if !(20..=payload).contains(&header) {
                return false;
            }
            let flags = TcpFlags(head[47]);
            L4::Tcp {
                sport,
                dport,
                flags,
            }
        }
        Protocol::UDP => {
            let stated = usize::from(be16(head[38], head[39]));
            if !(8..=payload).contains(&stated) {
                return false;
            }
            L4::Udp { sport, dport }
        }
        _ => return false,
    };
    packet.addresses = AddressPair::V4 {
        src: Ipv4Addr::new(head[26], head[27], head[28], head[29]),
        dst: Ipv4Addr::new(head[30], head[31], head[32], head[33]),
    };
    packet.protocol = protocol;
    packet.fragment = None;
    packet.hop_limit = head[22];
    packet.ip_len = u32::from(total);
    packet.l3_offset = 14;
    packet.l4_offset = 34;
    true
}

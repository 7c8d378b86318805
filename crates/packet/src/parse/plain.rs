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

/// The packet in `frame`, an Ethernet frame, if it is a plain one.
#[inline(always)]
pub(super) fn parse(frame: &Frame<'_>) -> Option<Packet> {
    let head: &[u8; READ] = frame.data.first_chunk()?;
    // EtherType 0x0800; version 4, five words of header.
    let is_ipv4 = head[12..15] == [0x08, 0x00, 0x45];
    let is_whole = be16(head[20], head[21]) & 0x3FFF == 0;
    let total = be16(head[16], head[17]);
    let end = L3 + usize::from(total);
    // No shorter than what is read below, and all of it captured.
    let is_there = end <= frame.data.len() && frame.data.len() <= frame.wire_len as usize;
    if !(is_ipv4 && is_whole && is_there) {
        return None;
    }
    let protocol = Protocol(head[23]);
    let payload = end.checked_sub(L4_AT)?;
    let (sport, dport) = (be16(head[34], head[35]), be16(head[36], head[37]));
    let l4 = match protocol {
        Protocol::TCP => {
            let header = usize::from(head[46] >> 4) * 4;
            let fits = (20..=payload).contains(&header);
            let flags = TcpFlags(head[47]);
            fits.then_some(L4::Tcp {
                sport,
                dport,
                flags,
            })?
        }
        Protocol::UDP => {
            let stated = usize::from(be16(head[38], head[39]));
            let fits = (8..=payload).contains(&stated);
            fits.then_some(L4::Udp { sport, dport })?
        }
        _ => return None,
    };
    let &[.., s0, s1, s2, s3, d0, d1, d2, d3] = head.first_chunk::<L4_AT>()?;
    Some(Packet {
        addresses: AddressPair::V4 {
            src: Ipv4Addr::new(s0, s1, s2, s3),
            dst: Ipv4Addr::new(d0, d1, d2, d3),
        },
        protocol,
        l4,
        fragment: None,
        hop_limit: head[22],
        ip_len: u32::from(total),
        l3_offset: 14,
        l4_offset: 34,
    })
}

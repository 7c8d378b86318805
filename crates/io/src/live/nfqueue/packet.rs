//! What the kernel says about a packet that it holds.

use super::message::{Attributes, array};
use crate::live::{Heard, VnetHeader};

/// Attributes of a packet message (`enum nfqnl_attr_type`).
const PACKET_HEADER: u16 = 1;
const MARK: u16 = 3;
const PAYLOAD: u16 = 10;
const CAP_LEN: u16 = 13;
const SKB_INFO: u16 = 14;

/// Bits of the packet's state (`enum nfqnl_skb_info`).
const CHECKSUM_NOT_READY: u32 = 1;
const SEGMENTED_LATER: u32 = 2;
const CHECKSUM_NOT_VERIFIED: u32 = 4;

/// Hooks on the way in to a local process, and before that is known (`enum nf_inet_hooks`).
const PRE_ROUTING: u8 = 0;
const LOCAL_IN: u8 = 1;

/// Segmentation types of the virtio-net header.
const GSO_TCP4: u8 = 1;
const GSO_TCP6: u8 = 4;
const GSO_UDP: u8 = 5;

/// A packet that the kernel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet {
    /// The kernel's number of it, in this queue.
    pub(super) id: u32,
    /// Which way it was going.
    pub(super) heard: Heard,
    /// Where its first bytes start in the datagram.
    pub(super) at: usize,
    /// How many of its bytes are there.
    pub(super) len: usize,
    /// How many bytes it has.
    pub(super) wire_len: u32,
    /// What is still to be done with it.
    pub(super) vnet: VnetHeader,
    /// The mark that it carries.
    pub(super) mark: u32,
}

impl Packet {
    /// The packet that `attributes` describe; nothing where one that is needed is missing or too short, and
    /// no verdict could name the packet.
    pub(super) fn parse(attributes: Attributes<'_>) -> Option<Self> {
        let mut named = None;
        let mut payload = (0, &[][..]);
        let (mut cap_len, mut state, mut mark) = (None, 0, 0);
        for attribute in attributes {
            let number = array(attribute.value, 0).map(u32::from_be_bytes);
            match attribute.kind {
                PACKET_HEADER => named = number.zip(attribute.value.get(6).copied()),
                PAYLOAD => payload = (attribute.at, attribute.value),
                CAP_LEN => cap_len = number,
                SKB_INFO => state = number.unwrap_or(0),
                MARK => mark = number.unwrap_or(0),
                _ => {}
            }
        }
        let (id, hook) = named?;
        let (at, data) = payload;
        let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        Some(Self {
            id,
            heard: heard_at(hook),
            at,
            len: data.len(),
            // Said only where the packet was cut short.
            wire_len: cap_len.unwrap_or(len).max(len),
            vnet: vnet(state, data),
            mark,
        })
    }
}

/// Which way a packet goes that is held at `hook`.
const fn heard_at(hook: u8) -> Heard {
    match hook {
        PRE_ROUTING | LOCAL_IN => Heard::Arriving,
        _ => Heard::Leaving,
    }
}

/// What the packet's state comes to. The kernel does the work itself when the packet goes on, so that
/// it says what there is to do but not where: the offsets stay zero.
fn vnet(state: u32, data: &[u8]) -> VnetHeader {
    let mut vnet = VnetHeader::default();
    if state & CHECKSUM_NOT_READY != 0 {
        vnet.flags = VnetHeader::NEEDS_CSUM;
    } else if state & CHECKSUM_NOT_VERIFIED == 0 {
        vnet.flags = VnetHeader::DATA_VALID;
    }
    if state & SEGMENTED_LATER != 0 {
        vnet.gso_type = gso_type(data);
    }
    vnet
}

/// The segmentation that a packet can be meant for.
fn gso_type(data: &[u8]) -> u8 {
    const TCP: Option<&u8> = Some(&6);
    match data.first().map(|first| first >> 4) {
        Some(4) if data.get(9) == TCP => GSO_TCP4,
        Some(6) if data.get(6) == TCP => GSO_TCP6,
        _ => GSO_UDP,
    }
}

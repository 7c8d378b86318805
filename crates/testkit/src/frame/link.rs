//! The same packet on other links: VLAN tags, padding, and link layers other than Ethernet.

use super::layers;

/// IEEE 802.1Q customer tag and 802.1ad service tag.
const TPID_8021Q: u16 = 0x8100;
const TPID_8021AD: u16 = 0x88a8;

/// The frame with an 802.1Q tag of this VLAN, outside any tags that it has.
///
/// # Panics
/// Where `vid` is beyond 4095.
#[must_use]
#[track_caller]
pub fn with_vlan(frame: Vec<u8>, vid: u16) -> Vec<u8> {
    with_tag(frame, TPID_8021Q, vid)
}

/// The frame with an 802.1ad service tag around an 802.1Q customer tag.
///
/// # Panics
/// Where a VLAN id is beyond 4095.
#[must_use]
#[track_caller]
pub fn with_qinq(frame: Vec<u8>, outer: u16, inner: u16) -> Vec<u8> {
    with_tag(with_tag(frame, TPID_8021Q, inner), TPID_8021AD, outer)
}

#[track_caller]
fn with_tag(mut frame: Vec<u8>, tpid: u16, vid: u16) -> Vec<u8> {
    assert!(vid <= 4095, "a VLAN id has 12 bits, {vid} has more");
    let [[a, b], [c, d]] = [tpid, vid].map(u16::to_be_bytes);
    frame.splice(12..12, [a, b, c, d]);
    frame
}

/// The frame filled up with zeros to `length` bytes: a sender pads to 60, a receiver must ignore
/// what lies behind the IP packet.
#[must_use]
pub fn padded(mut frame: Vec<u8>, length: usize) -> Vec<u8> {
    frame.resize(frame.len().max(length), 0);
    frame
}

/// Link type "raw IP": the packet and nothing before it.
///
/// # Panics
/// Where the frame holds no IP packet.
#[must_use]
#[track_caller]
pub fn without_ethernet(frame: &[u8]) -> Vec<u8> {
    frame[layers(frame).l3..].to_vec()
}

/// Linux "cooked" capture v1 (LINKTYPE_LINUX_SLL, 113). Unicast to us, from an Ethernet device.
#[must_use]
pub fn to_sll(frame: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 1, 0, 6];
    out.extend(&frame[6..12]);
    out.extend([0, 0]);
    out.extend(&frame[12..]);
    out
}

/// Linux "cooked" capture v2 (LINKTYPE_LINUX_SLL2, 276). Unicast to us, from Ethernet device 2.
#[must_use]
pub fn to_sll2(frame: &[u8]) -> Vec<u8> {
    let mut out = frame[12..14].to_vec();
    out.extend([0, 0, 0, 0, 0, 2, 0, 1, 0, 6]);
    out.extend(&frame[6..12]);
    out.extend([0, 0]);
    out.extend(&frame[14..]);
    out
}

/// BSD loopback (LINKTYPE_NULL, 0) as a little-endian host writes it.
///
/// # Panics
/// Where the frame holds no IP packet.
#[must_use]
#[track_caller]
pub fn to_null_little_endian(frame: &[u8]) -> Vec<u8> {
    [&family(frame).to_le_bytes()[..], &frame[layers(frame).l3..]].concat()
}

/// BSD loopback (LINKTYPE_NULL, 0) as a big-endian host writes it.
///
/// # Panics
/// Where the frame holds no IP packet.
#[must_use]
#[track_caller]
pub fn to_null_big_endian(frame: &[u8]) -> Vec<u8> {
    [&family(frame).to_be_bytes()[..], &frame[layers(frame).l3..]].concat()
}

/// OpenBSD loopback (LINKTYPE_LOOP, 108): always network byte order.
///
/// # Panics
/// Where the frame holds no IP packet.
#[must_use]
#[track_caller]
pub fn to_loop(frame: &[u8]) -> Vec<u8> {
    to_null_big_endian(frame)
}

/// The address family as BSD numbers it: AF_INET is 2 everywhere, AF_INET6 is 30 on Darwin (24 and
/// 28 on others).
#[track_caller]
fn family(frame: &[u8]) -> u32 {
    if layers(frame).is_ipv4() { 2 } else { 30 }
}

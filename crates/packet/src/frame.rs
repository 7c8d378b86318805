//! One captured frame and the link layer it was captured on.

/// The link layer of a frame (the link types of tcpdump.org/linktypes.html that secgroup reads).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// Ethernet (1), with any number of VLAN tags up to the parser's limit.
    Ethernet,
    /// Raw IP (101; also 12 and 14 as some systems write it), IPv4 or IPv6 by the version nibble.
    RawIp,
    /// Raw IPv4 (228).
    Ipv4,
    /// Raw IPv6 (229).
    Ipv6,
    /// Linux "cooked" capture v1 (113).
    LinuxSll,
    /// Linux "cooked" capture v2 (276).
    LinuxSll2,
    /// BSD loopback (0): a 4-byte family in the byte order of the capturing host.
    Null,
    /// OpenBSD loopback (108): a 4-byte family in network byte order.
    Loop,
}

/// The bytes of one frame as captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The link layer that `data` starts with.
    pub link: LinkType,
    /// What was captured, from the first byte of the link-layer header.
    pub data: &'a [u8],
    /// How long the frame was on the wire, in bytes: more than `data.len()` where it was snapped.
    /// Bytes of `data` beyond it are ignored.
    pub wire_len: u32,
}

//! A frame on its way through the host, and what its sender left undone.

use secgroup_packet::{Frame, LinkType};

/// The virtio-net header (virtio 1.2, section 5.1.6) as Linux sockets and TAP devices pass it, in
/// the byte order of the host: what a frame still needs before it may go onto a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VnetHeader {
    /// [`NEEDS_CSUM`](Self::NEEDS_CSUM), [`DATA_VALID`](Self::DATA_VALID).
    pub flags: u8,
    /// Kind of segmentation that is still to be done; 0 for none.
    pub gso_type: u8,
    /// Length of all headers, in bytes.
    pub hdr_len: u16,
    /// Payload bytes of each segment.
    pub gso_size: u16,
    /// Where summing starts, in bytes from the start of the frame.
    pub csum_start: u16,
    /// Where the sum goes, in bytes from `csum_start`.
    pub csum_offset: u16,
}

/// How far a frame's upper-layer checksum is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Only the pseudo-header is summed; whoever puts the frame onto a wire has to finish it.
    Partial,
    /// Somebody checked it.
    Valid,
    /// Nobody said; what is in the frame is what its sender wrote.
    Unknown,
}

impl VnetHeader {
    /// Length in bytes.
    pub const LEN: usize = 10;
    /// Flag: the checksum is partial.
    pub const NEEDS_CSUM: u8 = 1;
    /// Flag: the checksum was checked.
    pub const DATA_VALID: u8 = 2;

    /// The header in `bytes`.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [flags, gso_type, a, b, c, d, e, f, g, h] = bytes;
        Self {
            flags,
            gso_type,
            hdr_len: u16::from_ne_bytes([a, b]),
            gso_size: u16::from_ne_bytes([c, d]),
            csum_start: u16::from_ne_bytes([e, f]),
            csum_offset: u16::from_ne_bytes([g, h]),
        }
    }

    /// The header as bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let [a, b] = self.hdr_len.to_ne_bytes();
        let [c, d] = self.gso_size.to_ne_bytes();
        let [e, f] = self.csum_start.to_ne_bytes();
        let [g, h] = self.csum_offset.to_ne_bytes();
        [self.flags, self.gso_type, a, b, c, d, e, f, g, h]
    }

    /// How far the checksum is.
    #[must_use]
    pub const fn checksum(self) -> Checksum {
        if self.flags & Self::NEEDS_CSUM != 0 {
            Checksum::Partial
        } else if self.flags & Self::DATA_VALID != 0 {
            Checksum::Valid
        } else {
            Checksum::Unknown
        }
    }

    /// Whether the frame is several packets in one, to be cut apart by whoever sends it.
    #[must_use]
    pub const fn is_segmented_later(self) -> bool {
        self.gso_type != 0
    }

    /// The header of the same frame with `bytes` more bytes before what the offsets point at, as
    /// after a VLAN tag was put back. Offsets that mean nothing stay zero.
    #[must_use]
    pub const fn moved_by(self, bytes: u16) -> Self {
        let mut moved = self;
        if self.flags & Self::NEEDS_CSUM != 0 {
            moved.csum_start = self.csum_start.saturating_add(bytes);
        }
        if self.hdr_len != 0 {
            moved.hdr_len = self.hdr_len.saturating_add(bytes);
        }
        moved
    }
}

/// Which way a frame was going when it was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It came in at the device.
    Arriving,
    /// The host sent it out of the device.
    Leaving,
}

/// One frame, where it lies.
#[derive(Debug, Clone, Copy)]
pub struct LiveFrame<'a> {
    /// The bytes, from the link-layer header on, VLAN tags included.
    pub data: &'a [u8],
    /// What `data` starts with.
    pub link: LinkType,
    /// The length of the whole frame, in bytes: more than `data.len()` only where the kernel was asked
    /// for headers alone.
    pub wire_len: u32,
    /// What is still to be done with it.
    pub vnet: VnetHeader,
    /// Which way it was going.
    pub heard: Heard,
}

impl<'a> LiveFrame<'a> {
    /// The frame, for the parser.
    #[must_use]
    pub const fn frame(&self) -> Frame<'a> {
        Frame {
            link: self.link,
            data: self.data,
            wire_len: self.wire_len,
        }
    }

    /// A whole Ethernet frame that needs nothing done.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a frame is far shorter than 4 GiB"
    )]
    pub const fn whole(data: &'a [u8]) -> Self {
        Self {
            data,
            link: LinkType::Ethernet,
            wire_len: data.len() as u32,
            vnet: VnetHeader {
                flags: 0,
                gso_type: 0,
                hdr_len: 0,
                gso_size: 0,
                csum_start: 0,
                csum_offset: 0,
            },
            heard: Heard::Arriving,
        }
    }
}

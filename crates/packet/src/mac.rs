//! The link-layer addresses of a frame. No verdict depends on them; they say which host's frame it
//! was.

use std::fmt;

use crate::view::View;
use crate::{Frame, LinkType};

/// An EUI-48 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

/// `02:00:5e:10:00:01`, as EC2 writes it.
impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Sender and receiver of a frame on its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MacPair {
    /// Who sent the frame.
    pub src: MacAddress,
    /// Whom it was sent to; a "cooked" capture does not say.
    pub dst: Option<MacAddress>,
}

impl Frame<'_> {
    /// The link-layer addresses, where the link type has them and they were captured.
    #[must_use]
    pub fn macs(&self) -> Option<MacPair> {
        let data = View::of(self).data();
        match self.link {
            LinkType::Ethernet => {
                let (dst, rest) = data.split_first_chunk()?;
                let src = rest.first_chunk()?;
                Some(MacPair {
                    src: MacAddress(*src),
                    dst: Some(MacAddress(*dst)),
                })
            }
            // Offsets of the length and the address: see the layouts in `parse/link.rs`.
            LinkType::LinuxSll => sender(data.get(4..6)?, data.get(6..)?),
            LinkType::LinuxSll2 => sender(data.get(11..12)?, data.get(12..)?),
            LinkType::RawIp | LinkType::Ipv4 | LinkType::Ipv6 | LinkType::Null | LinkType::Loop => {
                None
            }
        }
    }
}

/// The sender's address of a "cooked" capture, whose `len` says how many bytes of `address` count.
fn sender(len: &[u8], address: &[u8]) -> Option<MacPair> {
    let is_mac = matches!(len, [0, 6] | [6]);
    let src = address.first_chunk().filter(|_| is_mac)?;
    Some(MacPair {
        src: MacAddress(*src),
        dst: None,
    })
}

//! From a frame to its [`Packet`](crate::Packet): one pass over the headers, outermost first,
//! straight to the fields that matter.
//!
//! `secgroup-datapath` says in words which frames are malformed; the files below this one say it in
//! code, a layer each. The first thing wrong with a frame is the error. Nothing here looks at a
//! checksum: see [`Frame::verify_checksums`].
//!
//! What every packet goes through is inlined by force: a header's outcome that is passed on through
//! memory, written in bytes and read in words, costs more than to read the header.

mod extensions;
mod ipv4;
mod ipv6;
mod l4;
mod link;
mod plain;
mod quote;

pub use self::extensions::MAX_EXTENSIONS;
pub use self::link::MAX_VLAN_TAGS;

use crate::view::View;
use crate::{Frame, LinkType, ParseError, Parsed};

/// EtherType of IPv4.
const IPV4: u16 = 0x0800;
/// EtherType of IPv6.
const IPV6: u16 = 0x86DD;

impl Frame<'_> {
    /// What the frame says.
    ///
    /// Match on a reference to the result where you can: it is large, and to copy what was just
    /// written in small pieces takes longer than to write it.
    ///
    /// # Errors
    ///
    /// Where a header is not there, contradicts another, or was snapped before the fields that a
    /// verdict depends on.
    #[inline(always)]
    pub fn parse(&self) -> Result<Parsed, ParseError> {
        if self.link == LinkType::Ethernet
            && let Some(packet) = plain::parse(self)
        {
            return Ok(Parsed::Ip(packet));
        }
        let LongWay(result) = header_by_header(self);
        result
    }
}

/// What came out of the long way. A type of its own, so that it is written somewhere else than what the short way finds: that
/// stays in registers until the caller stores it where it wants it.
struct LongWay(Result<Parsed, ParseError>);

/// The long way, which is everything but a short cut.
#[inline(never)]
fn header_by_header(frame: &Frame<'_>) -> LongWay {
    LongWay(link::parse(frame.link, View::of(frame)))
}

/// What follows the link layer. Every link layer ends with this call, so that the result is written
/// once, where the caller wants it.
fn network(ethertype: u16, payload: View<'_>) -> Result<Parsed, ParseError> {
    match ethertype {
        IPV4 => ipv4::parse(payload),
        IPV6 => ipv6::parse(payload),
        other => Ok(Parsed::NotIp(other)),
    }
}

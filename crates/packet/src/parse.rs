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
use crate::{Frame, LinkType, Packet, ParseError, Parsed, Reading};

/// EtherType of IPv4.
const IPV4: u16 = 0x0800;
/// EtherType of IPv6.
const IPV6: u16 = 0x86DD;

impl Frame<'_> {
    /// What the frame says.
    ///
    /// Where many frames are read one after the other, [`read`](Self::read) is faster.
    ///
    /// # Errors
    ///
    /// Where a header is not there, contradicts another, or was snapped before the fields that a
    /// verdict depends on.
    #[inline(always)]
    pub fn parse(&self) -> Result<Parsed, ParseError> {
        if let Some(packet) = self.plain() {
            return Ok(Parsed::Ip(packet));
        }
        let LongWay(result) = header_by_header(self);
        result
    }

    /// The same, with the packet written where it is wanted: to put it anywhere else afterwards would cost as much as to read it. Of a
    /// frame in which there is none nothing is written, and of a malformed one [`parse`](Self::parse) says what is wrong.
    #[inline(always)]
    pub fn read(&self, place: &mut Packet) -> Reading {
        if let Some(packet) = self.plain() {
            *place = packet;
            return Reading::Ip;
        }
        self.read_header_by_header(place)
    }

    /// The short way.
    #[inline(always)]
    fn plain(&self) -> Option<Packet> {
        if self.link == LinkType::Ethernet {
            plain::parse(self)
        } else {
            None
        }
    }

    /// The long way, which is everything but a short cut.
    #[inline(never)]
    fn read_header_by_header(&self, place: &mut Packet) -> Reading {
        match link::parse(self.link, View::of(self)) {
            Ok(Parsed::Ip(packet)) => {
                *place = packet;
                Reading::Ip
            }
            Ok(Parsed::NotIp(ethertype)) => Reading::NotIp(ethertype),
            Err(_) => Reading::Malformed,
        }
    }
}

/// What came out of the long way. A type of its own, so that it is written somewhere else than what the short way finds: that
/// stays in registers until the caller stores it where it wants it.
struct LongWay(Result<Parsed, ParseError>);

/// The long way, for [`Frame::parse`].
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

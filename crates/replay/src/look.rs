//! What a record is and which interfaces it crosses: the half of judging that remembers nothing, so that any thread may do it
//! for any record.

use secgroup_io::Record;
use secgroup_packet::{Frame, Packet, ParseError, Parsed};

use crate::select::{Crossed, Selector};

/// What one record turned out to be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// An IP packet.
    Ip(Packet),
    /// Another EtherType.
    NotIp(u16),
    /// A frame of a link type that is not read.
    UnsupportedLink(u16),
    /// A frame that contradicts itself.
    Malformed(ParseError),
}

/// How records are looked at under one policy.
#[derive(Debug, Clone)]
pub(crate) struct Lookout {
    pub(crate) selector: Selector,
    /// Whether wrong checksums of what crosses something are malformed (D54).
    pub(crate) verify_checksums: bool,
}

impl Lookout {
    /// Gives `put` what a record is, and what it crosses. Each arm hands over its own result, to be written where it stays:
    /// to move a packet from one variable to the next costs as much as to parse it.
    #[inline(always)]
    pub(crate) fn look(&self, record: &Record<'_>, put: impl FnOnce(Kind, Crossed)) {
        let Some(frame) = record.frame() else {
            let kind = Kind::UnsupportedLink(record.link.number());
            return put(kind, Crossed::default());
        };
        let error = match &frame.parse() {
            Ok(Parsed::Ip(packet)) => {
                let crossed = self.selector.crossed(&packet.addresses, &frame);
                match self.verified(&frame, packet, crossed) {
                    Ok(()) => return put(Kind::Ip(*packet), crossed),
                    Err(error) => error,
                }
            }
            Ok(Parsed::NotIp(ethertype)) => {
                return put(Kind::NotIp(*ethertype), Crossed::default());
            }
            Err(error) => *error,
        };
        put(Kind::Malformed(error), self.crossed_by(&frame, error));
    }

    #[inline]
    fn verified(
        &self,
        frame: &Frame<'_>,
        packet: &Packet,
        crossed: Crossed,
    ) -> Result<(), ParseError> {
        if self.verify_checksums && crossed != Crossed::default() {
            frame.verify_checksums(packet)
        } else {
            Ok(())
        }
    }

    /// What a frame that contradicts itself crosses, as far as it says.
    #[cold]
    fn crossed_by(&self, frame: &Frame<'_>, error: ParseError) -> Crossed {
        let addresses = error.addresses();
        addresses.map_or_else(Crossed::default, |addresses| {
            self.selector.crossed(&addresses, frame)
        })
    }
}

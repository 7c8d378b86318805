//! The walk over IPv6 extension headers to the upper layer (RFC 8200 section 4; semantics D53).
//!
//! A port rule that could be passed by putting a header in front of the ports would be no rule
//! (semantics H21). So every extension header that has the common layout is walked, and a chain
//! that cannot be walked to its end is malformed. ESP (50) and "no next header" (59) are upper
//! layers: nothing behind them can be read. An unknown number is one too, and matches only rules
//! for all protocols or for that number.

use crate::error::Fault;
use crate::view::{View, be16};
use crate::{Layer, ParseErrorKind, Protocol};

use super::l4::FragmentField;

/// Extension headers that are walked. RFC 8200 section 4.1 has use for seven; the bound keeps
/// hostile chains cheap.
pub const MAX_EXTENSIONS: usize = 16;

/// Hop-by-hop options (RFC 8200 section 4.3).
const HOP_BY_HOP: u8 = 0;
/// Routing (RFC 8200 section 4.4).
const ROUTING: u8 = 43;
/// Fragment (RFC 8200 section 4.5).
const FRAGMENT: u8 = 44;
/// Authentication (RFC 4302).
const AUTHENTICATION: u8 = 51;
/// Destination options (RFC 8200 section 4.6).
const DESTINATION: u8 = 60;
/// Mobility (RFC 6275).
const MOBILITY: u8 = 135;
/// Host identity (RFC 7401).
const HIP: u8 = 139;
/// Shim6 (RFC 5533).
const SHIM6: u8 = 140;

/// Where a walk ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Upper<'a> {
    /// The upper-layer protocol; in a later fragment, what its fragment header says follows.
    pub(crate) protocol: Protocol,
    /// The upper-layer header and what follows.
    pub(crate) payload: View<'a>,
    /// In a fragment, its position, and the part of the datagram that it carries: all that follows
    /// the fragment header.
    pub(crate) fragment: Option<(FragmentField, View<'a>)>,
}

/// Walks from the header numbered `next`, which `payload` starts with, to the upper layer.
#[inline(always)]
pub(crate) fn walk(next: u8, payload: View<'_>) -> Result<Upper<'_>, Fault> {
    if is_extension(next) {
        walk_chain(next, payload)
    } else {
        Ok(Upper {
            protocol: Protocol(next),
            payload,
            fragment: None,
        })
    }
}

const fn is_extension(next: u8) -> bool {
    matches!(
        next,
        HOP_BY_HOP | ROUTING | FRAGMENT | AUTHENTICATION | DESTINATION | MOBILITY | HIP | SHIM6
    )
}

fn walk_chain(mut next: u8, mut payload: View<'_>) -> Result<Upper<'_>, Fault> {
    let mut seen_fragment_header = false;
    let mut fragment = None;
    for _ in 0..MAX_EXTENSIONS {
        if next == FRAGMENT {
            // A fragment of a fragment has two positions, and nobody sends one; Linux drops it too
            // (ipv6_frag_rcv).
            if seen_fragment_header {
                return Err(payload.fault(Layer::Fragment, ParseErrorKind::NestedFragment));
            }
            seen_fragment_header = true;
            // Next header (1), reserved (1), offset and flags (2), identification (4).
            let &[after, _, high, low, ref id @ ..] = payload.header::<8>(Layer::Fragment)?;
            payload = payload.skip(Layer::Fragment, 8)?;
            next = after;
            fragment = position(be16(high, low), *id).map(|field| (field, payload));
            if fragment.is_some_and(|(field, _)| field.offset != 0) {
                break;
            }
        } else {
            // Next header (1), length (1): every extension header but the fragment header begins
            // so.
            let &[after, len] = payload.header::<2>(Layer::Ipv6Extension)?;
            payload = payload.skip(Layer::Ipv6Extension, extension_len(next, len))?;
            next = after;
        }
        if !is_extension(next) {
            break;
        }
    }
    let is_later = fragment.is_some_and(|(field, _)| field.offset != 0);
    if is_extension(next) && !is_later {
        return Err(payload.fault(Layer::Ipv6Extension, ParseErrorKind::TooManyExtensions));
    }
    Ok(Upper {
        protocol: Protocol(next),
        payload,
        fragment,
    })
}

/// The fields of a fragment header. An "atomic" fragment, all of a datagram in one piece, is none
/// (RFC 6946).
const fn position(field: u16, id: [u8; 4]) -> Option<FragmentField> {
    // 13 bits of offset in units of 8 bytes, 2 reserved, 1 of "more": the offset in bytes is the
    // field without the rest.
    let (offset, more) = (field & 0xFFF8, field & 1 != 0);
    if offset == 0 && !more {
        return None;
    }
    Some(FragmentField {
        id: u32::from_be_bytes(id),
        offset,
        more,
    })
}

/// The length in bytes of an extension header whose length field is `len`.
fn extension_len(kind: u8, len: u8) -> u16 {
    match kind {
        // RFC 4302 section 2.2: in words of 4 bytes, less 2.
        AUTHENTICATION => (u16::from(len) + 2) * 4,
        // RFC 8200 section 4: in words of 8 bytes, less 1.
        _ => (u16::from(len) + 1) * 8,
    }
}

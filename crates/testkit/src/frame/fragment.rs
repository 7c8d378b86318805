//! Fragments of a datagram, cut where a test wants them (RFC 791 section 3.2, RFC 8200 section
//! 4.5).

use std::ops::Range;

use super::layers;
use super::layers::set_length;
use crate::checksum;

/// The identification of [`fragments`].
pub const FRAGMENT_ID: u32 = 0x5ec6;

/// Cuts the datagram in `frame` at the given byte offsets of its payload, which is what follows the
/// IPv4 header, or the IPv6 header with its hop-by-hop and routing headers. `&[8, 16]` makes three
/// fragments.
///
/// # Panics
/// Where the frame is a fragment itself, or the cuts are not ascending multiples of 8 inside the
/// payload.
#[must_use]
#[track_caller]
pub fn fragments(frame: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    fragments_with_id(frame, FRAGMENT_ID, cuts)
}

/// [`fragments`] with an identification; IPv4 takes its low 16 bits.
///
/// # Panics
/// As [`fragments`].
#[must_use]
#[track_caller]
pub fn fragments_with_id(frame: &[u8], id: u32, cuts: &[usize]) -> Vec<Vec<u8>> {
    let at = layers(frame);
    assert!(!at.fragment, "the frame is a fragment already");
    let total = at.end - at.fragmentable;
    let edges: Vec<usize> = [0]
        .into_iter()
        .chain(cuts.iter().copied())
        .chain([total])
        .collect();
    assert!(
        edges.is_sorted_by(|a, b| a < b),
        "cuts {cuts:?} are not ascending and inside a payload of {total} bytes"
    );
    edges
        .windows(2)
        .map(|edge| piece(frame, id, edge[0]..edge[1], edge[1] < total))
        .collect()
}

/// One fragment of the datagram in `frame`: the bytes `range` of its payload, and whether more
/// follow. What lies beyond the payload is zeros, so that a piece may overlap, leave a hole, or lie
/// past the end.
///
/// # Panics
/// Where the range begins at no multiple of 8 or beyond what 13 bits can state.
#[must_use]
#[track_caller]
pub fn piece(frame: &[u8], id: u32, range: Range<usize>, more: bool) -> Vec<u8> {
    assert!(
        range.start.is_multiple_of(8),
        "a fragment begins at a multiple of 8, not at {}",
        range.start
    );
    let at = layers(frame);
    let offset = u16::try_from(range.start).expect("a fragment begins before byte 65536");
    let payload = &frame[at.fragmentable..at.end];
    let data = range.map(|index| payload.get(index).copied().unwrap_or(0));
    let mut out = frame[..at.fragmentable].to_vec();
    if at.is_ipv4() {
        let word = (offset / 8) | if more { 0x2000 } else { 0 };
        out.extend(data);
        let [.., high, low] = id.to_be_bytes();
        out[at.l3 + 4..at.l3 + 6].copy_from_slice(&[high, low]);
        out[at.l3 + 6..at.l3 + 8].copy_from_slice(&word.to_be_bytes());
        let length = out.len() - at.l3;
        set_length(&mut out, at.l3 + 2, length);
        checksum::refreshed_header(out)
    } else {
        let inner = out[at.fragmentable_field];
        out[at.fragmentable_field] = 44;
        out.extend([inner, 0]);
        out.extend((offset | u16::from(more)).to_be_bytes());
        out.extend(id.to_be_bytes());
        out.extend(data);
        let length = out.len() - at.l3 - layers::IPV6_HEADER;
        set_length(&mut out, at.l3 + 4, length);
        out
    }
}

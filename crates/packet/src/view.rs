//! Bytes of a frame from some header on: what was captured of them, and how many there were on the
//! wire.
//!
//! Every header is taken off the front of a [`View`]; a view is cut to the length that the header
//! around it states. So a header that is not there is told apart once, here: *truncated* where the
//! wire had no more, *snapped* where only the capture has not.

use crate::error::Fault;
use crate::{Frame, Layer, ParseErrorKind};

/// The bytes of a frame from one header on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// What was captured. Never longer than `wire`.
    data: &'a [u8],
    /// How many bytes the wire had.
    wire: usize,
    /// Where `data` starts in the frame.
    offset: u16,
}

impl<'a> View<'a> {
    /// The whole of a frame. Bytes beyond the length it had on the wire were never sent.
    #[inline]
    pub(crate) fn of(frame: &Frame<'a>) -> Self {
        let wire = frame.wire_len as usize;
        let data = frame.data.get(..wire).unwrap_or(frame.data);
        Self {
            data,
            wire,
            offset: 0,
        }
    }

    /// What was captured.
    #[inline]
    pub(crate) const fn data(self) -> &'a [u8] {
        self.data
    }

    /// How many bytes there were on the wire.
    #[inline]
    pub(crate) const fn wire(self) -> usize {
        self.wire
    }

    /// Where the view starts, in bytes into the frame.
    #[inline]
    pub(crate) const fn offset(self) -> u16 {
        self.offset
    }

    /// Whether some of the bytes on the wire were not captured.
    pub(crate) const fn is_snapped(self) -> bool {
        self.data.len() < self.wire
    }

    /// The first `N` bytes, which stay in the view.
    #[inline]
    pub(crate) fn header<const N: usize>(self, layer: Layer) -> Result<&'a [u8; N], Fault> {
        match self.data.first_chunk() {
            Some(header) => Ok(header),
            None => Err(self.lacks(layer, N)),
        }
    }

    /// The view behind the first `len` bytes.
    #[inline]
    pub(crate) fn skip(self, layer: Layer, len: u16) -> Result<Self, Fault> {
        match self.data.get(usize::from(len)..) {
            Some(data) => Ok(Self {
                data,
                // No underflow: `data` was at least `len` long, and `wire` is never shorter.
                wire: self.wire - usize::from(len),
                // A packet's own headers end before byte 46 + 40 + 16 * 2048 (eight tags, sixteen
                // extension headers). Only a chain quoted behind such a chain could saturate, and
                // no offset in a quote is ever used.
                offset: self.offset.saturating_add(len),
            }),
            None => Err(self.lacks(layer, usize::from(len))),
        }
    }

    /// The view without what lies behind its first `len` bytes on the wire.
    #[inline]
    pub(crate) fn cut(self, len: usize) -> Self {
        Self {
            data: self.data.get(..len).unwrap_or(self.data),
            wire: self.wire.min(len),
            ..self
        }
    }

    /// The view has `needed` bytes on the wire, whatever was captured of them.
    #[inline]
    pub(crate) fn require(self, layer: Layer, needed: usize) -> Result<(), Fault> {
        if self.wire < needed {
            Err(self.lacks(layer, needed))
        } else {
            Ok(())
        }
    }

    /// The fault of a view that has not got `needed` bytes.
    #[cold]
    pub(crate) fn lacks(self, layer: Layer, needed: usize) -> Fault {
        let kind = if self.wire < needed {
            ParseErrorKind::Truncated {
                needed: count(needed),
                had: count(self.wire),
            }
        } else {
            ParseErrorKind::Snapped {
                needed: count(needed),
                had: count(self.data.len()),
            }
        };
        self.fault(layer, kind)
    }

    /// A fault of the header that the view starts with.
    #[cold]
    pub(crate) fn fault(self, layer: Layer, kind: ParseErrorKind) -> Fault {
        Fault::new(layer, self.offset, kind)
    }
}

/// A number of bytes as errors give it.
#[cold]
pub(crate) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// The big-endian number in two bytes of a header.
#[inline]
pub(crate) const fn be16(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

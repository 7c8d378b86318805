//! The blocks of a pcapng file that we write, little-endian and with nanoseconds (draft-ietf-opsawg-pcapng section 4).
//!
//! Options (section 3.5) are a code, a length and a value, padded to four bytes. A value is cut at [`OPTION_MAX`] bytes, on a boundary of
//! a character: it is said to people, and a block stays shorter than any reader's limit.

use std::io::{self, Write};

use crate::capture::{MAX_CAPTURED_LEN, Record};

/// Longest value of an option, in bytes.
const OPTION_MAX: usize = 1024;
/// Most options of one block: more are left out.
const OPTIONS_MAX: usize = 16;

/// `opt_comment`, in any block.
const COMMENT: u16 = 1;
/// `if_name`, of an interface.
const NAME: u16 = 2;
/// `if_description`.
const DESCRIPTION: u16 = 3;
/// `if_tsresol`.
const RESOLUTION: u16 = 9;

/// A section of unknown length; version 1.0.
pub(in crate::capture) fn section(out: &mut impl Write) -> io::Result<()> {
    let mut block = [0; 28];
    block[0..4].copy_from_slice(&super::SECTION.to_le_bytes());
    block[4..8].copy_from_slice(&28_u32.to_le_bytes());
    block[8..12].copy_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
    block[12..16].copy_from_slice(&[1, 0, 0, 0]);
    block[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    block[24..28].copy_from_slice(&28_u32.to_le_bytes());
    out.write_all(&block)
}

/// An interface of this link type; what it is called and what it is, where that is known.
pub(in crate::capture) fn interface(
    out: &mut impl Write,
    link: u16,
    name: &str,
    description: &str,
) -> io::Result<()> {
    let mut options = Vec::new();
    for (code, text) in [(NAME, name), (DESCRIPTION, description)] {
        if !text.is_empty() {
            option(&mut options, code, cut(text));
        }
    }
    option(&mut options, RESOLUTION, &[9]); // 10 to the power of -9.
    end(&mut options);
    let mut head = [0; 8];
    head[0..2].copy_from_slice(&link.to_le_bytes());
    head[4..8].copy_from_slice(&MAX_CAPTURED_LEN.to_le_bytes());
    block(out, super::INTERFACE, &[&head, &options])
}

/// A packet of `len` captured bytes, with what is to be said of it.
pub(in crate::capture) fn packet<'a>(
    out: &mut impl Write,
    interface: u32,
    record: &Record<'_>,
    len: u32,
    comments: impl IntoIterator<Item = &'a str>,
) -> io::Result<()> {
    let nanos = record.time.as_nanos().to_le_bytes();
    let mut head = [0; 20];
    head[0..4].copy_from_slice(&interface.to_le_bytes());
    // The upper half of the time comes first.
    head[4..8].copy_from_slice(&nanos[4..8]);
    head[8..12].copy_from_slice(&nanos[0..4]);
    head[12..16].copy_from_slice(&len.to_le_bytes());
    head[16..20].copy_from_slice(&record.wire_len.max(len).to_le_bytes());
    let padding = record.data.len().next_multiple_of(4) - record.data.len();
    let mut options = Vec::new();
    for comment in comments.into_iter().take(OPTIONS_MAX) {
        option(&mut options, COMMENT, cut(comment));
    }
    if !options.is_empty() {
        end(&mut options);
    }
    let padding = &[0; 3][..padding];
    block(
        out,
        super::ENHANCED_PACKET,
        &[&head, record.data, padding, &options],
    )
}

/// A block of these parts, which are a multiple of four bytes together.
fn block(out: &mut impl Write, kind: u32, parts: &[&[u8]]) -> io::Result<()> {
    let body: usize = parts.iter().map(|part| part.len()).sum();
    // The longest packet and its options are far below.
    let len = u32::try_from(12 + body).map_err(io::Error::other)?;
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&len.to_le_bytes())?;
    for part in parts {
        out.write_all(part)?;
    }
    out.write_all(&len.to_le_bytes())
}

fn option(options: &mut Vec<u8>, code: u16, value: &[u8]) {
    let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
    options.extend(code.to_le_bytes());
    options.extend(len.to_le_bytes());
    options.extend(value);
    options.resize(options.len().next_multiple_of(4), 0);
}

/// The end of all options.
fn end(options: &mut Vec<u8>) {
    options.extend([0; 4]);
}

/// As much of a text as an option may hold.
fn cut(text: &str) -> &[u8] {
    let mut ends = (0..=OPTION_MAX.min(text.len())).rev();
    let end = ends.find(|&end| text.is_char_boundary(end));
    &text.as_bytes()[..end.unwrap_or(0)]
}

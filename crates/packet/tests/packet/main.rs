//! Tests of the frame parser, the flow keys and the checksums, through the public API alone.
//!
//! Truth comes from outside: well-formed frames are built by `etherparse` and by the testkit,
//! `reference` reads frames again with the header slices of `etherparse`, and tables quote the
//! RFCs.

// Helpers count as tests to the lints that spare tests.
#![cfg(test)]

mod build;
mod checksums;
mod hostile;
mod keys;
mod links;
mod malformed;
mod quotes;
mod reference;
mod same_reading;
mod snapped;

use secgroup_packet::{Frame, LinkType, Packet, ParseError, Parsed};

/// The frame of these bytes, all of which were captured.
fn whole(link: LinkType, data: &[u8]) -> Frame<'_> {
    let wire_len = u32::try_from(data.len()).unwrap();
    Frame {
        link,
        data,
        wire_len,
    }
}

/// An Ethernet frame, all of it captured.
fn ethernet(data: &[u8]) -> Frame<'_> {
    whole(LinkType::Ethernet, data)
}

/// The IP packet of a well-formed frame.
#[track_caller]
fn packet(frame: Frame<'_>) -> Packet {
    match frame.parse() {
        Ok(Parsed::Ip(packet)) => packet,
        other => panic!("{other:?} is no packet"),
    }
}

/// Why an Ethernet frame is malformed.
#[track_caller]
fn error(data: &[u8]) -> ParseError {
    match ethernet(data).parse() {
        Err(error) => error,
        Ok(parsed) => panic!("{parsed:?} is well-formed"),
    }
}

//! Truncated and damaged captures give every whole record before the place, then say where it is.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::GzEncoder;
use proptest::prelude::*;
use proptest::sample::Index;

use super::build::{self, Interface, MICRO, Order, block, packet_body, section_header};
use super::{Outcome, drain, drain_bytes};
use crate::capture::{CaptureErrorKind, MAX_CAPTURED_LEN};

proptest! {
    #[test]
    fn a_truncated_capture_gives_every_whole_record(
        written in build::capture(),
        cut in any::<Index>(),
        block_len in 1_usize..500,
    ) {
        let cut = cut.index(written.bytes.len());
        let outcome = drain(io::Cursor::new(written.bytes[..cut].to_vec()), block_len);
        let whole = written.record_ends.iter().filter(|&&end| end <= cut).count();
        prop_assert_eq!(&outcome.records, &written.records[..whole]);
        match outcome.error.map(|error| error.kind) {
            None => prop_assert!(written.ends.contains(&cut), "no error at {}", cut),
            Some(CaptureErrorKind::Truncated { offset, packets, needed, had, .. }) => {
                prop_assert!(!written.ends.contains(&cut));
                prop_assert_eq!(packets, whole as u64);
                prop_assert_eq!(offset + had as u64, cut as u64);
                prop_assert!(had < needed);
            }
            Some(CaptureErrorKind::Empty) => prop_assert_eq!(cut, 0),
            Some(CaptureErrorKind::NotACapture { .. }) => prop_assert!((1..4).contains(&cut)),
            Some(kind) => prop_assert!(false, "unexpected: {}", kind),
        }
    }

    #[test]
    fn a_flipped_bit_leaves_the_records_before_it_alone(
        written in build::capture(),
        at in any::<Index>(),
        bit in 0..8_u32,
        block_len in 1_usize..500,
    ) {
        let mut bytes = written.bytes;
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let outcome = drain(io::Cursor::new(bytes), block_len);
        let before = written.record_ends.iter().filter(|&&end| end <= at).count();
        prop_assert!(outcome.records.starts_with(&written.records[..before]));
    }

    #[test]
    fn damage_under_compression_is_an_error_or_harmless(
        written in build::capture(),
        at in any::<Index>(),
        bit in 0..8_u32,
        is_zstd in any::<bool>(),
    ) {
        let mut bytes = if is_zstd { zstd(&written.bytes) } else { gzip(&written.bytes) };
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // The check sequence comes last: wrong records may come before the error, but not without.
        let outcome = drain(io::Cursor::new(bytes), 4096);
        prop_assert!(outcome.error.is_some() || outcome.records == written.records);
    }

    #[test]
    fn noise_is_refused_or_read_but_never_panics(
        magic in prop_oneof![
            Just(MICRO.magic), Just(build::NANO.magic), Just(build::KUZNETZOV.magic),
            Just(0x0a0d_0d0a), any::<u32>(),
        ],
        noise in proptest::collection::vec(any::<u8>(), 0..400),
        block_len in 1_usize..100,
    ) {
        let mut bytes = magic.to_le_bytes().to_vec();
        bytes.extend(noise);
        let len = bytes.len();
        let outcome = drain(io::Cursor::new(bytes), block_len);
        let given: usize = outcome.records.iter().map(|record| record.data.len() + 12).sum();
        prop_assert!(given <= len, "more was given than there was");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::fast())
        .read_to_end(&mut packed)
        .unwrap();
    packed
}

/// zstd with a check sequence, as the command writes it.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A reader that breaks after some bytes, as a network file system does.
struct Breaking(io::Cursor<Vec<u8>>);

impl Read for Breaking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the cable is out")),
            len => Ok(len),
        }
    }
}

/// Two Ethernet records of 10 bytes: the header is 24 bytes, each record 26.
fn two_records() -> Vec<u8> {
    let mut bytes = build::pcap_header(Order::Little, MICRO, 1);
    bytes.extend(build::pcap_record(
        Order::Little,
        MICRO,
        (1, 0),
        &[1; 10],
        10,
    ));
    bytes.extend(build::pcap_record(
        Order::Little,
        MICRO,
        (2, 0),
        &[2; 10],
        10,
    ));
    bytes
}

#[test]
fn a_reader_that_breaks_is_told_after_the_records_before() {
    let mut bytes = two_records();
    bytes.truncate(24 + 26 + 5);
    for block_len in [1, 30, 4096] {
        let outcome = drain(Breaking(io::Cursor::new(bytes.clone())), block_len);
        assert_eq!(outcome.records.len(), 1);
        assert_eq!(
            outcome.message(),
            "test: byte 55, after 1 packets: cannot read on: the cable is out"
        );
    }
}

#[test]
fn a_truncated_record_is_told_with_its_place() {
    let mut bytes = two_records();
    bytes.truncate(24 + 26 + 20);
    assert_eq!(
        drain_bytes(&bytes).message(),
        "test: byte 50, after 1 packets: the file is truncated: \
         a packet needs 26 bytes, 20 are left"
    );
    bytes.truncate(24 + 26 + 3);
    assert_eq!(
        drain_bytes(&bytes).message(),
        "test: byte 50, after 1 packets: the file is truncated: \
         the header of a packet needs 16 bytes, 3 are left"
    );
    bytes.truncate(23);
    assert_eq!(
        drain_bytes(&bytes).message(),
        "test: byte 0, after 0 packets: the file is truncated: \
         the file header needs 24 bytes, 23 are left"
    );
}

#[test]
fn offsets_count_decompressed_bytes() {
    let mut bytes = two_records();
    bytes.truncate(24 + 26 + 20);
    let packed = zstd::encode_all(&bytes[..], 1).unwrap();
    assert!(
        drain_bytes(&packed)
            .message()
            .starts_with("test: byte 50, after 1 packets:")
    );
}

#[test]
fn a_truncated_gzip_gives_what_came_out_of_it() {
    let mut packed = Vec::new();
    // Stored, not deflated: what is behind the cut is not in front of it.
    let bytes = two_records();
    GzEncoder::new(&bytes[..], Compression::none())
        .read_to_end(&mut packed)
        .unwrap();
    packed.truncate(packed.len() - 8 - 10);
    let outcome = drain_bytes(&packed);
    assert_eq!(outcome.records.len(), 1);
    assert!(
        outcome
            .message()
            .contains("after 1 packets: cannot read on: "),
        "{outcome:?}"
    );
}

#[test]
fn the_longest_believable_frame_is_read_and_a_longer_one_is_damage() {
    let frame = vec![9; MAX_CAPTURED_LEN as usize];
    let mut bytes = build::pcap_header(Order::Big, MICRO, 1);
    bytes.extend(build::pcap_record(Order::Big, MICRO, (0, 0), &frame, 0));
    bytes.extend(build::pcap_record(
        Order::Big,
        MICRO,
        (0, 0),
        &[&frame[..], &[1]].concat(),
        0,
    ));
    let outcome = drain_bytes(&bytes);
    assert_eq!(outcome.records.len(), 1);
    assert_eq!(outcome.records[0].wire_len, MAX_CAPTURED_LEN);
    assert_eq!(
        outcome.message(),
        "test: byte 262184, after 1 packets: the file is damaged: \
         a packet claims 262145 captured bytes, expected at most 262144"
    );
}

/// What comes of a section with one Ethernet interface, a good packet and then `rest`.
fn after_one_packet(rest: &[u8]) -> Outcome {
    let order = Order::Little;
    let mut bytes = section_header(order, &[]);
    bytes.extend(Interface::ETHERNET.block(order));
    bytes.extend(block(
        order,
        6,
        &packet_body(order, [0; 4], 5, &[1, 2, 3, 4], 4),
    ));
    // 28 + 20 + 36 bytes.
    assert_eq!(bytes.len(), 84);
    bytes.extend(rest);
    let outcome = drain_bytes(&bytes);
    assert_eq!(outcome.records.len(), 1);
    outcome
}

/// What is wrong with `rest`, said to be at its start.
fn damage_of(rest: &[u8]) -> String {
    let message = after_one_packet(rest).message();
    let prefix = "test: byte 84, after 1 packets: the file is damaged: ";
    message.strip_prefix(prefix).unwrap_or(&message).to_owned()
}

#[test]
fn blocks_with_lengths_that_cannot_be_are_damage() {
    let order = Order::Little;
    let mut wrong = block(order, 6, &packet_body(order, [0; 4], 5, &[1; 8], 8));
    wrong[36] = 44;
    assert_eq!(
        damage_of(&wrong),
        "a block of 40 bytes ends with the length 44, expected 40 again"
    );
    wrong[4] = 41;
    assert_eq!(
        damage_of(&wrong),
        "a block of type 0x00000006 claims 41 bytes, expected a multiple of 4 from 12"
    );
    wrong[4] = 8;
    assert_eq!(
        damage_of(&wrong),
        "a block of type 0x00000006 claims 8 bytes, expected a multiple of 4 from 12"
    );
    assert_eq!(
        damage_of(&block(order, 6, &[0; 8])),
        "a block of type 0x00000006 claims 20 bytes, expected a multiple of 4 from 32"
    );
    wrong[4..8].copy_from_slice(&0x0100_0004_u32.to_le_bytes());
    assert_eq!(
        damage_of(&wrong),
        "a block of type 0x00000006 claims 16777220 bytes, expected at most 16777216"
    );
}

#[test]
fn packets_that_do_not_fit_are_damage() {
    let order = Order::Little;
    let mut body = packet_body(order, [0; 4], 5, &[1; 8], 8);
    body[12] = 9;
    assert_eq!(
        damage_of(&block(order, 6, &body)),
        "a packet claims 9 captured bytes, its block has room for 8"
    );
    assert_eq!(
        damage_of(&block(order, 3, &[9, 0, 0, 0, 1, 2, 3, 4])),
        "a packet claims 9 captured bytes, its block has room for 4"
    );
    let body = packet_body(order, [1, 0, 0, 0], 5, &[1; 8], 8);
    assert_eq!(
        damage_of(&block(order, 6, &body)),
        "a packet names interface 1, the section has described 1 so far"
    );
}

#[test]
fn a_block_that_is_skipped_has_to_be_complete() {
    let order = Order::Little;
    let mut other = block(order, 0xbad, &[0; 40_000]);
    assert_eq!(after_one_packet(&other).message(), "");
    other.truncate(30_008);
    assert_eq!(
        after_one_packet(&other).message(),
        "test: byte 30092, after 1 packets: the file is truncated: \
         the rest of a block that is skipped needs 10004 bytes, 0 are left"
    );
    // The longest there is takes neither memory nor patience.
    other[4..8].copy_from_slice(&0xffff_fffc_u32.to_le_bytes());
    assert!(
        after_one_packet(&other)
            .message()
            .contains("needs 4294937284 bytes")
    );
}

#[test]
fn a_new_section_forgets_the_interfaces_before() {
    let order = Order::Big;
    let mut rest = section_header(order, &[]);
    rest.extend(block(order, 6, &packet_body(order, [0; 4], 5, &[1; 8], 8)));
    assert_eq!(
        after_one_packet(&rest).message(),
        "test: byte 112, after 1 packets: the file is damaged: \
         a packet names interface 0, the section has described 0 so far"
    );
    rest[8] = 0;
    assert_eq!(
        damage_of(&rest),
        "a section header has the byte-order magic 0x002b3c4d, expected 0x1a2b3c4d"
    );
    let mut newer = section_header(order, &[]);
    newer[13] = 2;
    assert_eq!(damage_of(&newer), "a section has version 2.0, expected 1.0");
}

#[test]
fn interface_options_that_cannot_be_are_damage() {
    let order = Order::Little;
    let description =
        |options: &[u8]| block(order, 1, &[&[1, 0, 0, 0, 0, 0, 0, 0], options].concat());
    assert_eq!(
        damage_of(&description(&build::option(order, 9, &[6, 6]))),
        "option 9 of an interface description has 2 bytes, expected 1"
    );
    assert_eq!(
        damage_of(&description(&build::option(order, 14, &[0; 4]))),
        "option 14 of an interface description has 4 bytes, expected 8"
    );
    assert_eq!(
        damage_of(&description(&[2, 0, 200, 0, b'e', b't', b'h', b'0'])),
        "option 2 of an interface description has 200 bytes, expected that it ends within its block"
    );
    // Behind the end of options there may be anything.
    assert_eq!(
        after_one_packet(&description(&[0, 0, 0, 0, 9, 0, 200, 0])).message(),
        ""
    );
}

#[test]
fn interfaces_without_end_are_damage() {
    let order = Order::Little;
    let rest = Interface::ETHERNET.block(order).repeat(65_536);
    assert!(
        after_one_packet(&rest)
            .message()
            .ends_with("more than 65536 interfaces")
    );
    assert_eq!(after_one_packet(&rest[20..]).message(), "");
}

//! What is no capture is refused with a reason; what is odd but readable is read with a warning.

use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use secgroup_packet::{Frame, LinkType};

use super::build::{self, Interface, MICRO, Order, block, packet_body, section_header};
use super::drain_bytes;
use crate::capture::{BATCH_MAX, Capture, CaptureErrorKind, Link, MAX_WARNINGS, Warning};

#[test]
fn files_that_are_no_captures_say_what_they_start_with() {
    let message = |bytes: &[u8]| drain_bytes(bytes).message();
    assert_eq!(
        message(b""),
        "test: the file is empty; a capture has at least a header"
    );
    assert_eq!(
        message(b"#!/bin/sh\necho hello world\n"),
        "test: not a capture (pcap or pcapng): starts with \"#!/bin/sh\\necho h\""
    );
    assert_eq!(
        message(b"\x7fELF\x02\x01"),
        "test: not a capture (pcap or pcapng): starts with the bytes 7f 45 4c 46 02 01"
    );
    assert_eq!(
        message(b"ab"),
        "test: not a capture (pcap or pcapng): starts with \"ab\""
    );
}

#[test]
fn other_compressions_name_the_command() {
    let message = |bytes: &[u8]| drain_bytes(bytes).message();
    assert_eq!(
        message(b"BZh91AY&SY"),
        "test: compressed with bzip2, which is not read directly; decompress it first: \
         bunzip2 -c, in the pipe before this"
    );
    assert!(message(b"\xfd7zXZ\0\0").contains("decompress it first: unxz -c, "));
    assert!(message(b"\x04\x22\x4d\x18").contains("decompress it first: unlz4 -c, "));
    let file = Capture::from_bytes("a.pcap.bz2", b"BZh9".to_vec()).unwrap_err();
    assert!(
        file.to_string()
            .ends_with("decompress it first: bunzip2 -k a.pcap.bz2")
    );
}

#[test]
fn five_layers_of_compression_are_refused() {
    let mut bytes = build::pcap_header(Order::Little, MICRO, 1);
    for layer in 1..=5 {
        assert_eq!(drain_bytes(&bytes).message(), "", "layer {layer}");
        bytes = zstd::encode_all(&bytes[..], 1).unwrap();
    }
    assert_eq!(
        drain_bytes(&bytes).message(),
        "test: compressed more than 4 times over; decompress it first"
    );
}

#[test]
fn an_empty_or_broken_gzip_is_refused() {
    let nothing = GzEncoder::new(Vec::new(), Compression::fast())
        .finish()
        .unwrap();
    assert!(
        drain_bytes(&nothing)
            .message()
            .starts_with("test: the file is empty")
    );
    let message = drain_bytes(&[0x1f, 0x8b, 8]).message();
    assert!(
        message.starts_with("test: byte 0, after 0 packets: cannot read on: "),
        "{message}"
    );
}

#[test]
fn relatives_and_versions_that_are_not_read_are_named() {
    let modified = build::pcap_header(
        Order::Big,
        build::PcapKind {
            magic: 0xa1b2_34cd,
            ..MICRO
        },
        1,
    );
    assert_eq!(
        drain_bytes(&modified).message(),
        "test: the modified pcap format with the magic number 0xa1b234cd is not read; \
         convert it first, for example with editcap -F pcapng"
    );
    let mut later = build::pcap_header(Order::Big, MICRO, 1);
    later[7] = 5;
    assert!(
        drain_bytes(&later)
            .message()
            .starts_with("test: pcap version 2.5 is not read")
    );
    let mut section = section_header(Order::Little, &[]);
    section[14] = 1;
    assert!(
        drain_bytes(&section)
            .message()
            .starts_with("test: pcapng version 1.1 is not read")
    );
    let reserved = build::pcap_header(Order::Big, MICRO, 0x0001_0001);
    assert!(
        drain_bytes(&reserved)
            .message()
            .contains("reserved bits in its link type")
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Capture::open(Path::new("no-such-folder/lan.pcap")).unwrap_err();
    assert!(matches!(error.kind, CaptureErrorKind::Open(_)));
    assert!(
        error
            .to_string()
            .starts_with("no-such-folder/lan.pcap: cannot open: ")
    );
}

#[test]
fn a_header_alone_is_a_capture_without_packets() {
    for bytes in [
        build::pcap_header(Order::Big, MICRO, 1),
        section_header(Order::Big, &[]),
    ] {
        let outcome = drain_bytes(&bytes);
        assert_eq!((outcome.message().as_str(), outcome.records.len()), ("", 0));
    }
}

/// Before version 2.3 the original length came first; in 2.3 either may have.
#[test]
fn old_versions_have_their_lengths_in_their_own_order() {
    for (minor, first, second) in [(2, 60, 4), (3, 60, 4), (3, 4, 60), (4, 4, 60)] {
        let mut bytes = build::pcap_header(Order::Big, MICRO, 1);
        bytes[7] = minor;
        bytes.extend([1_u32, 2, first, second].map(u32::to_be_bytes).concat());
        bytes.extend([1, 2, 3, 4]);
        let outcome = drain_bytes(&bytes);
        assert_eq!(outcome.message(), "");
        assert_eq!(outcome.records[0].data, [1, 2, 3, 4], "version 2.{minor}");
        assert_eq!(outcome.records[0].wire_len, 60, "version 2.{minor}");
    }
}

#[test]
fn unsupported_links_are_delivered_with_one_warning_each() {
    let order = Order::Little;
    let packet = |interface| {
        block(
            order,
            6,
            &packet_body(order, [interface, 0, 0, 0], 5, &[1; 4], 4),
        )
    };
    let wifi = Interface {
        number: 127,
        ..Interface::ETHERNET
    };
    let mut bytes = section_header(order, &[]);
    for interface in [&wifi, &Interface::ETHERNET, &wifi, &wifi] {
        bytes.extend(interface.block(order));
    }
    for interface in [0, 1, 0, 2] {
        bytes.extend(packet(interface));
    }
    bytes.extend(section_header(order, &[]));
    bytes.extend(wifi.block(order));
    bytes.extend([packet(0), packet(0)].concat());

    let outcome = drain_bytes(&bytes);
    assert_eq!(outcome.message(), "");
    let links: Vec<u16> = outcome
        .records
        .iter()
        .map(|record| record.link.number())
        .collect();
    assert_eq!(links, [127, 1, 127, 127, 127, 127]);
    // Interface 3 of section 1 has no packets: nobody needs to know.
    let warning = |section, interface| Warning::UnsupportedLink {
        section,
        interface,
        link: 127,
    };
    assert_eq!(
        outcome.warnings,
        [warning(1, 0), warning(1, 2), warning(2, 0)]
    );
    assert_eq!(
        outcome.warnings[1].to_string(),
        "interface 2 of section 1 has link type 127, which is not supported: \
         its packets are counted, not judged"
    );

    let mut bytes = build::pcap_header(order, MICRO, 127);
    bytes.extend(build::pcap_record(order, MICRO, (0, 0), &[], 0).repeat(BATCH_MAX + 1));
    assert_eq!(drain_bytes(&bytes).warnings, [warning(1, 0)]);
}

#[test]
fn warnings_are_bounded() {
    let order = Order::Little;
    let mut section = section_header(order, &[]);
    section.extend(
        Interface {
            number: 127,
            ..Interface::ETHERNET
        }
        .block(order),
    );
    section.extend(block(order, 3, &[0; 4]));
    let outcome = drain_bytes(&section.repeat(1000));
    assert_eq!(outcome.records.len(), 1000);
    assert_eq!(outcome.warnings.len(), MAX_WARNINGS);
    assert_eq!(outcome.warnings[0], Warning::Untimed { section: 1 });
}

#[test]
fn a_supported_record_is_a_frame_for_the_parser() {
    let mut bytes = build::pcap_header(Order::Little, MICRO, 228);
    bytes.extend(build::pcap_record(
        Order::Little,
        MICRO,
        (0, 0),
        &[0x45, 0],
        40,
    ));
    let mut capture = Capture::from_bytes("test", bytes).unwrap();
    let frame = capture.next().unwrap().unwrap().frame();
    assert_eq!(
        frame,
        Some(Frame {
            link: LinkType::Ipv4,
            data: &[0x45, 0],
            wire_len: 40
        })
    );

    let mut bytes = build::pcap_header(Order::Little, MICRO, 127);
    bytes.extend(build::pcap_record(Order::Little, MICRO, (0, 0), &[1], 1));
    let mut capture = Capture::from_bytes("test", bytes).unwrap();
    let record = capture.next().unwrap().unwrap();
    assert_eq!(
        (record.link, record.frame()),
        (Link::Unsupported(127), None)
    );
}

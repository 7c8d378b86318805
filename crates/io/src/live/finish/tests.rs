//! Against another reader of checksums: the parser's own.

use super::*;

/// An Ethernet frame that holds an IPv4 or IPv6 packet of one protocol, its checksum left to the device.
fn unfinished(v6: bool, protocol: u8, tags: &[u16], payload: &[u8]) -> Vec<u8> {
    let (header, field): (&[u8], usize) = match protocol {
        6 => (
            &[
                0, 80, 1, 187, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 1, 0, 0, 0, 0, 0,
            ],
            16,
        ),
        _ => (&[0, 53, 1, 187, 0, 0, 0, 0], 6),
    };
    let mut l4 = [header, payload].concat();
    let len = u16::try_from(l4.len()).unwrap();
    if protocol == 17 {
        l4[4..6].copy_from_slice(&len.to_be_bytes());
    }
    let (addresses, kind): (Vec<u8>, [u8; 2]) = if v6 {
        ([[0x20; 16], [0xfe; 16]].concat(), [0x86, 0xdd])
    } else {
        (vec![10, 0, 0, 1, 192, 0, 2, 255], [8, 0])
    };
    // The pseudo-header's sum, two bytes at a time, as the RFC has it.
    let mut sum = u32::from(protocol) + u32::from(len);
    for pair in addresses.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    l4[field..field + 2].copy_from_slice(&u16::try_from(sum).unwrap().to_be_bytes());
    let ip = if v6 {
        let [high, low] = len.to_be_bytes();
        [&[0x60, 0, 0, 0, high, low, protocol, 64], &addresses[..]].concat()
    } else {
        let [high, low] = (len + 20).to_be_bytes();
        let mut ip = [
            &[0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0, 0],
            &addresses[..],
        ]
        .concat();
        let sum: u32 = ip
            .chunks(2)
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
            .sum();
        let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        ip
    };
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    for tag in tags {
        frame.extend([0x81, 0]);
        frame.extend(tag.to_be_bytes());
    }
    frame.extend(kind);
    frame.extend(ip);
    frame.extend(l4);
    frame
}

fn is_right(data: &[u8]) -> bool {
    let frame = Frame {
        link: LinkType::Ethernet,
        data,
        wire_len: u32::try_from(data.len()).unwrap(),
    };
    let Ok(Parsed::Ip(packet)) = frame.parse() else {
        panic!("not an IP packet");
    };
    frame.verify_checksums(&packet).is_ok()
}

#[test]
fn what_a_sender_left_is_found_and_finished() {
    for v6 in [false, true] {
        for protocol in [6, 17] {
            for tags in [&[][..], &[100], &[100, 200]] {
                for len in [0_u16, 1, 2, 3, 1400] {
                    let payload: Vec<u8> = (0..len).map(|byte| byte.to_be_bytes()[1]).collect();
                    let mut frame = unfinished(v6, protocol, tags, &payload);
                    assert!(!is_right(&frame));
                    let vnet = detect(&frame);
                    assert_eq!(vnet.flags, VnetHeader::NEEDS_CSUM);
                    assert!(finish(&mut frame, vnet));
                    assert!(
                        is_right(&frame),
                        "v6 {v6} protocol {protocol} {tags:?} {len}"
                    );
                    assert_eq!(detect(&frame), VnetHeader::default(), "it is complete");
                }
            }
        }
    }
}

#[test]
fn padding_of_zeros_is_no_obstacle_and_other_padding_is() {
    let mut frame = unfinished(false, 17, &[], b"x");
    frame.resize(60, 0);
    let vnet = detect(&frame);
    assert_eq!(vnet.flags, VnetHeader::NEEDS_CSUM);
    let mut finished = frame.clone();
    assert!(finish(&mut finished, vnet));
    assert!(is_right(&finished));
    frame[59] = 1;
    assert_eq!(detect(&frame), VnetHeader::default());
}

#[test]
fn a_datagram_without_a_checksum_and_a_fragment_are_left_alone() {
    let mut none = unfinished(false, 17, &[], b"data");
    none[14 + 20 + 6..14 + 20 + 8].fill(0);
    assert_eq!(detect(&none), VnetHeader::default());
    let mut fragment = unfinished(false, 17, &[], b"data");
    fragment[14 + 6] = 0x20;
    assert_eq!(detect(&fragment), VnetHeader::default());
}

#[test]
fn a_sum_of_zero_is_written_as_its_other_form() {
    // The 16 bits of this payload are what makes the whole sum up to all ones.
    let mut frame = unfinished(false, 17, &[], &[0, 0]);
    let vnet = detect(&frame);
    let mut probe = frame.clone();
    assert!(finish(&mut probe, vnet));
    let sum = [probe[40], probe[41]];
    frame[42..44].copy_from_slice(&sum);
    assert!(finish(&mut frame, vnet));
    assert_eq!(frame[40..42], [0xff, 0xff]);
    assert!(is_right(&frame));
}

#[test]
fn a_header_that_points_outside_is_refused_and_changes_nothing() {
    let frame = unfinished(false, 6, &[], b"data");
    for (csum_start, csum_offset) in [(u16::MAX, 0), (34, u16::MAX), (34, 23), (58, 0)] {
        let vnet = VnetHeader {
            flags: VnetHeader::NEEDS_CSUM,
            csum_start,
            csum_offset,
            ..VnetHeader::default()
        };
        let mut copy = frame.clone();
        assert!(!finish(&mut copy, vnet), "{csum_start} {csum_offset}");
        assert_eq!(copy, frame);
    }
    for len in 0..frame.len() {
        assert_eq!(detect(&frame[..len]), VnetHeader::default());
    }
}

//! VLAN tags: what comes in with a tag goes out with it.

use secgroup_io::live::VnetHeader;
use secgroup_testkit::{frame, netns};

use super::{RINGS, bump};
use crate::support::{Row, Wire};

#[test]
fn tagged_frames_come_out_tagged() {
    if netns::skip("tagged_frames_come_out_tagged") {
        return;
    }
    let plain = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"payload");
    let priority = frame::with_vlan(plain.clone(), 0);
    let tagged = frame::with_vlan(plain.clone(), 100);
    let stacked = frame::with_qinq(plain.clone(), 5, 100);
    let three = frame::with_vlan(stacked.clone(), 7);
    for ring in RINGS {
        let row = Row::new();
        let forwarder = bump(&row, ring);
        let mut left = Wire::at(&row.left, "eth0");
        let right = Wire::at(&row.right, "eth0");
        for sent in [&priority, &tagged, &stacked, &three, &plain] {
            left.send(sent);
            assert_eq!(&right.hear().frame, sent, "{ring:?}");
        }
        forwarder.stop();
    }
}

/// The offsets of the header count from the start of the frame, which has become longer. Whether
/// they are right is for the kernel of the receiving host to say: the header that it makes for
/// somebody who listens there is its own.
#[test]
fn the_checksum_of_a_tagged_frame_stays_where_it_was() {
    if netns::skip("the_checksum_of_a_tagged_frame_stays_where_it_was") {
        return;
    }
    let partial = |start: u16| VnetHeader {
        flags: VnetHeader::NEEDS_CSUM,
        csum_start: start,
        csum_offset: 6,
        ..VnetHeader::default()
    };
    let plain = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"payload");
    for ring in RINGS {
        let row = Row::new();
        let forwarder = bump(&row, ring);
        let mut left = Wire::at(&row.left, "eth0");
        let right = Wire::at(&row.right, "eth0");
        for (sent, tags) in [
            (plain.clone(), 0),
            (frame::with_vlan(plain.clone(), 100), 1),
            (frame::with_qinq(plain.clone(), 5, 100), 2),
        ] {
            left.send_with(partial(14 + 20 + 4 * tags), &sent, 1);
            let heard = right.hear();
            assert_eq!(heard.frame, sent);
            assert_eq!(heard.vnet.flags, VnetHeader::NEEDS_CSUM);
            // The listener's kernel took the outer tag out once more, and counts without it.
            let outer = if tags == 0 { 0 } else { 4 };
            assert_eq!(heard.vnet.csum_start, 14 + 20 + 4 * tags - outer);
            assert_eq!(heard.vnet.csum_offset, 6);
        }
        forwarder.stop();
    }
}

#[test]
fn a_tagged_frame_of_many_segments_stays_one() {
    if netns::skip("a_tagged_frame_of_many_segments_stays_one") {
        return;
    }
    let whole = frame::tcp("192.0.2.1:1", "192.0.2.2:2", "A", &[7; 20_000]);
    let headers = 14 + 20 + 20;
    let segments = |tag: u16| VnetHeader {
        flags: VnetHeader::NEEDS_CSUM,
        gso_type: 1, // VIRTIO_NET_HDR_GSO_TCPV4
        hdr_len: headers + tag,
        gso_size: 1448,
        csum_start: 14 + 20 + tag,
        csum_offset: 16,
    };
    for ring in RINGS {
        let row = Row::new();
        let forwarder = bump(&row, ring);
        let mut left = Wire::at(&row.left, "eth0");
        let right = Wire::at(&row.right, "eth0");
        for (sent, tag) in [
            (whole.clone(), 0),
            (frame::with_vlan(whole.clone(), 100), 4),
        ] {
            left.send_with(segments(tag), &sent, 1);
            let heard = right.hear();
            assert_eq!(heard.frame.len(), sent.len(), "{ring:?}");
            assert_eq!((heard.vnet.gso_type, heard.vnet.gso_size), (1, 1448));
            assert_eq!(heard.vnet.csum_start, 14 + 20);
            assert_eq!(
                heard.frame[headers as usize + usize::from(tag)..],
                sent[headers as usize + usize::from(tag)..]
            );
            assert_eq!(heard.frame[12..18], sent[12..18], "the tag");
        }
        forwarder.stop();
    }
}

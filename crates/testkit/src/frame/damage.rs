//! Frames that are wrong in one known way.

use super::{fragments_with_id, icmp6, ip, layers, piece, ping, quote_bytes, tcp, udp};
use super::{with_extensions, with_ipv4_options};

/// Overwrites bytes of the IP header at `offset` in it and leaves the checksums as they are.
///
/// # Panics
/// Where the frame holds no IP packet or ends before.
#[must_use]
#[track_caller]
pub fn patch_ip(mut frame: Vec<u8>, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let at = layers(&frame).l3 + offset;
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame
}

/// Overwrites bytes of the upper-layer header at `offset` in it and leaves the checksums as they
/// are.
///
/// # Panics
/// As [`patch_ip`].
#[must_use]
#[track_caller]
pub fn patch_l4(mut frame: Vec<u8>, offset: usize, bytes: &[u8]) -> Vec<u8> {
    let at = layers(&frame).l4 + offset;
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame
}

/// The first `length` bytes: a frame that ended early on the wire.
///
/// # Panics
/// Where it is not longer than that.
#[must_use]
#[track_caller]
pub fn truncated(mut frame: Vec<u8>, length: usize) -> Vec<u8> {
    assert!(
        length < frame.len(),
        "a frame of {} bytes has no {length} to keep",
        frame.len()
    );
    frame.truncate(length);
    frame
}

/// A malformed frame and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong, in a few words.
    pub what: &'static str,
    /// The frame, all of it captured.
    pub frame: Vec<u8>,
}

/// Frames of which a filter must say that they are malformed, one for each way of being so that
/// needs no checksum looked at. All are Ethernet, from 203.0.113.7 to 10.0.1.10 or 2001:db8:1::7 to
/// 2001:db8:a::10, wherever that can be read.
#[must_use]
pub fn malformed() -> Vec<Malformed> {
    let mut all = Vec::new();
    let mut add = |what, frame| all.push(Malformed { what, frame });
    ipv4(&mut add);
    ipv6(&mut add);
    upper(&mut add);
    pieces(&mut add);
    quotes(&mut add);
    all
}

const CLIENT: &str = "203.0.113.7:40000";
const SERVER: &str = "10.0.1.10:22";
const CLIENT6: &str = "[2001:db8:1::7]:40000";
const SERVER6: &str = "[2001:db8:a::10]:22";

fn ipv4(add: &mut impl FnMut(&'static str, Vec<u8>)) {
    let syn = || tcp(CLIENT, SERVER, "S", b"");
    add("ethernet header cut", truncated(syn(), 13));
    add("ipv4 header cut", truncated(syn(), 14 + 19));
    add("ipv4 version 5", patch_ip(syn(), 0, &[0x55]));
    add("ipv4 header of 4 words", patch_ip(syn(), 0, &[0x44]));
    add(
        "ipv4 header longer than its total length",
        patch_ip(syn(), 2, &[0, 19]),
    );
    add(
        "ipv4 header of 15 words in 40 bytes",
        patch_ip(syn(), 0, &[0x4f]),
    );
    add(
        "ipv4 total length beyond the wire",
        patch_ip(syn(), 2, &[0, 41]),
    );
    let options = with_ipv4_options(syn(), &[1, 1, 1, 0]);
    add("ipv4 options cut", truncated(options, 14 + 22));
    add("vlan tag cut", truncated(super::with_vlan(syn(), 7), 16));
}

fn ipv6(add: &mut impl FnMut(&'static str, Vec<u8>)) {
    let syn = || tcp(CLIENT6, SERVER6, "S", b"");
    add("ipv6 header cut", truncated(syn(), 14 + 39));
    add(
        "ipv6 version 4 under EtherType ipv6",
        patch_ip(syn(), 0, &[0x40]),
    );
    add(
        "ipv6 payload length beyond the wire",
        patch_ip(syn(), 4, &[0, 21]),
    );
    let hop_by_hop = || with_extensions(syn(), &[(0, 8)]);
    add("ipv6 jumbogram", patch_ip(hop_by_hop(), 4, &[0, 0]));
    add(
        "ipv6 payload ends inside an extension header",
        patch_ip(hop_by_hop(), 4, &[0, 4]),
    );
    add(
        "ipv6 extension header longer than the payload",
        patch_ip(hop_by_hop(), 41, &[9]),
    );
    add(
        "ipv6 chain of 17 extension headers",
        with_extensions(syn(), &[(60, 8); 17]),
    );
    let fragment = with_extensions(syn(), &[(44, 8)]);
    add(
        "ipv6 payload ends inside a fragment header",
        patch_ip(fragment, 4, &[0, 7]),
    );
}

fn upper(add: &mut impl FnMut(&'static str, Vec<u8>)) {
    let short = |frame: Vec<u8>, payload: usize| {
        let end = layers(&frame).l4 + payload;
        let total = u16::try_from(end - 14).expect("a short packet");
        patch_ip(truncated(frame, end), 2, &total.to_be_bytes())
    };
    let syn = || tcp(CLIENT, SERVER, "S", b"");
    let datagram = || udp("203.0.113.7:40000", "10.0.1.10:53", b"payload");
    add("tcp header of 19 bytes", short(syn(), 19));
    add("tcp data offset of 4 words", patch_l4(syn(), 12, &[0x40]));
    add(
        "tcp data offset beyond the packet",
        patch_l4(syn(), 12, &[0x60]),
    );
    add("udp without a header", short(datagram(), 0));
    add("udp header of 7 bytes", short(datagram(), 7));
    add("udp length of 7", patch_l4(datagram(), 4, &[0, 7]));
    add(
        "udp length beyond the packet",
        patch_l4(datagram(), 4, &[0, 16]),
    );
    add(
        "icmp of 7 bytes",
        short(ping("203.0.113.7", "10.0.1.10", 1, 1), 7),
    );
    let ping6 = icmp6("2001:db8:1::7", "2001:db8:a::10", 128, 0, [0; 4], b"");
    let cut = truncated(ping6, 14 + 40 + 3);
    add("icmpv6 of 3 bytes", patch_ip(cut, 4, &[0, 3]));
}

fn pieces(add: &mut impl FnMut(&'static str, Vec<u8>)) {
    let datagram = udp("203.0.113.7:40000", "10.0.1.10:53", &[0; 100]);
    let datagram6 = udp("[2001:db8:1::7]:40000", "[2001:db8:a::10]:53", &[0; 100]);
    add(
        "ipv4 fragment with more and 20 bytes",
        piece(&datagram, 1, 16..36, true),
    );
    add(
        "ipv6 fragment with more and 20 bytes",
        piece(&datagram6, 1, 16..36, true),
    );
    add(
        "ipv4 fragment with more and no bytes",
        piece(&datagram, 1, 16..16, true),
    );
    add(
        "ipv4 fragment that ends beyond 65535",
        piece(&datagram, 1, 65_528..65_544, false),
    );
    add(
        "ipv6 fragment that ends beyond 65535",
        piece(&datagram6, 1, 65_528..65_544, false),
    );
    let segment = tcp(CLIENT, SERVER, "S", &[0; 100]);
    let tiny = fragments_with_id(&segment, 1, &[16]).swap_remove(0);
    add("ipv4 first fragment with 16 bytes of tcp", tiny);
    let segment = tcp(CLIENT6, SERVER6, "S", &[0; 100]);
    let tiny = fragments_with_id(&segment, 1, &[16]).swap_remove(0);
    add("ipv6 first fragment with 16 bytes of tcp", tiny);
}

fn quotes(add: &mut impl FnMut(&'static str, Vec<u8>)) {
    let sent = udp("10.0.1.10:53", "203.0.113.7:40000", b"payload");
    let error = |quoted: &[u8]| quote_bytes(quoted, 3, 3, "203.0.113.7", "10.0.1.10");
    let whole = ip(&sent);
    add("icmp error that quotes nothing", error(&[]));
    add("icmp error that quotes 19 bytes", error(&whole[..19]));
    add(
        "icmp error that quotes 7 bytes of the payload",
        error(&whole[..27]),
    );
    add(
        "icmp error that quotes ip version 6",
        error(&[&[0x65], &whole[1..]].concat()),
    );
    add(
        "icmp error that quotes a header of 4 words",
        error(&[&[0x44], &whole[1..]].concat()),
    );
    add(
        "icmp error that quotes a header of 15 words",
        error(&[&[0x4f], &whole[1..]].concat()),
    );
    let sent6 = udp("[2001:db8:a::10]:53", "[2001:db8:1::7]:40000", b"payload");
    let error6 = |quoted: &[u8]| quote_bytes(quoted, 1, 4, "2001:db8:1::7", "2001:db8:a::10");
    let whole = ip(&sent6);
    add("icmpv6 error that quotes 39 bytes", error6(&whole[..39]));
    add(
        "icmpv6 error that quotes ip version 4",
        error6(&[&[0x45], &whole[1..]].concat()),
    );
}

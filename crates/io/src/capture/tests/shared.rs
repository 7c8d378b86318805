//! Real, odd and damaged captures of other projects' test suites: none panics, each is read or
//! refused in words, and where pcap-parser can read one, both say the same.
//!
//! The captures are not part of this project; without them these tests say so and pass.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::reference::{self, Packet};
use super::{Outcome, Owned, drain, drain_capture};
use crate::capture::{Capture, CaptureErrorKind};

/// The folder of captures, if it is there.
fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    if !folder.is_dir() {
        println!("no shared captures here: nothing was read");
        return None;
    }
    Some(folder)
}

/// The files of a folder and of those in it, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
        .into_iter()
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn read(path: &Path) -> Outcome {
    match Capture::open(path) {
        Ok(capture) => drain_capture(capture),
        Err(error) => Outcome {
            records: Vec::new(),
            error: Some(error),
            warnings: Vec::new(),
        },
    }
}

/// The bytes of a file, decompressed if it is gzip.
fn bytes_of(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes;
    }
    let mut plain = Vec::new();
    MultiGzDecoder::new(&bytes[..])
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

/// The files that are not whole captures, and what is said of them. The last two are damaged: a
/// stray byte behind the last packet, and a block whose two lengths differ.
const FAULTY: [(&str, &str); 14] = [
    (
        "libpcap/tests__linktype-reserved-field-not-zero.pcap",
        "reserved bits in its link type",
    ),
    (
        "libpcap/tests__pcap-invalid-version-1.pcap",
        "pcap version 1.4 is not read",
    ),
    (
        "libpcap/tests__pcap-invalid-version-2.pcap",
        "pcap version 2.5 is not read",
    ),
    (
        "libpcap/tests__pcapng-invalid-vers-1.pcapng",
        "pcapng version 0.1 is not read",
    ),
    (
        "libpcap/tests__pcapng-invalid-vers-2.pcapng",
        "pcapng version 1.1 is not read",
    ),
    ("libtrace/test__traces__100_packets.erf", "not a capture"),
    ("libtrace/test__traces__5_packets.erf", "not a capture"),
    (
        "libtrace/test__traces__5_packets.erf.bz2",
        "decompress it first: bunzip2 -k ",
    ),
    ("libtrace/test__traces__5_packets.erf.gz", "not a capture"),
    (
        "libtrace/test__traces__5_packets.erf.xz",
        "decompress it first: unxz -k ",
    ),
    ("libtrace/test__traces__fragtest.erf.gz", "not a capture"),
    ("libtrace/test__traces__provenance.erf", "not a capture"),
    (
        "scapy/test__pcaps__bad_rsn_parsing_overrides_ssid.pcap",
        "byte 359, after 1 packets: the file is truncated",
    ),
    (
        "libpcap/tests__shb-option-too-long.pcapng",
        "byte 48, after 0 packets: the file is damaged: a block of 52 bytes ends with the length",
    ),
];

#[test]
fn every_shared_capture_is_read_or_refused() {
    let Some(folder) = folder() else { return };
    let (mut whole, mut in_part, mut refused, mut compared, mut packets) = (0, 0, 0, 0, 0);
    for path in files(&folder)
        .into_iter()
        .filter(|path| !path.ends_with("README.md"))
    {
        let outcome = read(&path);
        packets += outcome.records.len();
        match outcome.error.as_ref().map(|error| &error.kind) {
            None => whole += 1,
            Some(CaptureErrorKind::Truncated { .. } | CaptureErrorKind::Damaged { .. }) => {
                in_part += 1;
            }
            Some(_) => refused += 1,
        }
        let fault = FAULTY
            .iter()
            .find(|(name, _)| path.ends_with(name))
            .map_or("", |fault| fault.1);
        let message = outcome.message();
        assert_eq!(
            message.is_empty(),
            fault.is_empty(),
            "{}: {message}",
            path.display()
        );
        assert!(message.contains(fault), "{message}: not {fault}");

        let bytes = bytes_of(&path);
        let cut = drain(io::Cursor::new(bytes.clone()), 61);
        assert_eq!(
            cut.records,
            outcome.records,
            "{}: small blocks",
            path.display()
        );
        if let Some(reference) = reference::packets(&bytes).filter(|_| fault.is_empty()) {
            compared += 1;
            assert_same(&path, &reference, &outcome.records);
        }
    }
    println!(
        "{whole} read, {in_part} read in part, {refused} refused; \
         {packets} packets; {compared} files compared with pcap-parser"
    );
    assert!(
        compared > whole / 10 * 9,
        "only {compared} of {whole} files were compared"
    );
}

fn assert_same(path: &Path, reference: &[Packet], records: &[Owned]) {
    assert_eq!(reference.len(), records.len(), "{}", path.display());
    for (number, (theirs, ours)) in reference.iter().zip(records).enumerate() {
        assert!(
            theirs.agrees_with(ours),
            "{} packet {}: {theirs:?} is not {ours:?}",
            path.display(),
            number + 1
        );
    }
}

/// libtrace's suite keeps the same 100 packets in several formats.
#[test]
fn the_same_packets_in_several_formats_are_the_same() {
    let Some(folder) = folder() else { return };
    let trace = |name| read(&folder.join("libtrace").join(name));
    let reference = trace("test__traces__100_packets.pcap");
    assert_eq!(
        (reference.message().as_str(), reference.records.len()),
        ("", 100)
    );

    let nanos = trace("test__traces__100_packetsns.pcap");
    assert!(nanos.records.iter().all(|record| record.time_digits == 9));
    let pcapng = trace("test__traces__100_packets.pcapng");
    for other in [nanos, pcapng] {
        assert_eq!(other.message(), "");
        for (ours, theirs) in reference.records.iter().zip(&other.records) {
            assert_eq!((&ours.data, ours.wire_len), (&theirs.data, theirs.wire_len));
            assert_eq!(ours.time / 1000, theirs.time / 1000, "the same microsecond");
        }
        assert_eq!(other.records.len(), 100);
    }
}

//! What is written reads back equal, here and elsewhere; what cannot be written is said.

use std::io::{self, Write};
use std::path::Path;
use std::slice;
use std::sync::{Arc, Mutex};

use proptest::collection::vec;
use proptest::prelude::*;
use secgroup_packet::Timestamp;

use super::build::LINKS;
use super::{drain_bytes, reference};
use crate::capture::{
    AnnotatedWriter, CaptureWriter, Link, MAX_CAPTURED_LEN, Record, WriteError, WriteFormat,
};

/// A file that can be looked at after the writer is done with it.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A disk with room for so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Time, link type, frame and original length.
type Written = (u64, Link, Vec<u8>, u32);

fn record((time, link, data, wire_len): &Written) -> Record<'_> {
    Record {
        number: 99,
        time: Timestamp::from_nanos(*time),
        time_digits: 3,
        link: *link,
        data,
        wire_len: *wire_len,
        interface: 7,
    }
}

fn write(format: WriteFormat, records: &[Written]) -> Result<Vec<u8>, WriteError> {
    let file = Shared::default();
    let mut writer = CaptureWriter::new("out", format, file.clone());
    for written in records {
        writer.write(&record(written))?;
    }
    assert_eq!(writer.finish()?, records.len() as u64);
    Ok(Arc::into_inner(file.0).unwrap().into_inner().unwrap())
}

/// What comes back when it is read: raw IP has one number, lengths are put right.
fn expected(records: &[Written]) -> Vec<Written> {
    let mut records = records.to_vec();
    for (_, _, data, wire_len) in &mut records {
        *wire_len = (*wire_len).max(u32::try_from(data.len()).unwrap());
    }
    records
}

fn read(bytes: &[u8]) -> Vec<Written> {
    let outcome = drain_bytes(bytes);
    assert_eq!(outcome.message(), "");
    let written = |record: super::Owned| (record.time, record.link, record.data, record.wire_len);
    outcome.records.into_iter().map(written).collect()
}

/// Whether pcap-parser reads the same.
fn assert_reference_agrees(bytes: &[u8]) {
    let ours = drain_bytes(bytes).records;
    let theirs = reference::packets(bytes).unwrap();
    assert_eq!(theirs.len(), ours.len());
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert!(theirs.agrees_with(ours), "{theirs:?} is not {ours:?}");
    }
}

fn written() -> impl Strategy<Value = Written> {
    let link = (0..LINKS.len()).prop_map(|index| LINKS[index].1);
    (any::<u64>(), link, vec(any::<u8>(), 0..100), 0_u32..2000)
}

proptest! {
    #[test]
    fn pcapng_reads_back_equal(records in vec(written(), 0..30)) {
        let bytes = write(WriteFormat::Pcapng, &records).unwrap();
        prop_assert_eq!(read(&bytes), expected(&records));
        assert_reference_agrees(&bytes);
    }

    /// Here and for pcap-parser; that others see the comments is tested with the command.
    #[test]
    fn annotations_leave_packets_as_they_are(
        records in vec((written(), vec(".{0,20}|x{2000}", 0..20)), 0..20),
        names in vec(".{0,10}", 1..4),
    ) {
        let file = Shared::default();
        let mut writer = AnnotatedWriter::new("out", file.clone()).unwrap();
        for (number, (written, comments)) in records.iter().enumerate() {
            let name = &names[number % names.len()];
            let interface = writer.interface(written.1, name, "described").unwrap();
            prop_assert_eq!(interface as usize, number);
            let comments = comments.iter().map(String::as_str);
            writer.packet(interface, &record(written), comments).unwrap();
        }
        prop_assert_eq!(writer.finish().unwrap(), records.len() as u64);
        let bytes = Arc::into_inner(file.0).unwrap().into_inner().unwrap();
        let records: Vec<_> = records.into_iter().map(|(written, _)| written).collect();
        prop_assert_eq!(read(&bytes), expected(&records));
        assert_reference_agrees(&bytes);
    }

    #[test]
    fn pcap_reads_back_equal(mut records in vec(written(), 0..30), link in 0..LINKS.len()) {
        for (time, its_link, ..) in &mut records {
            *its_link = LINKS[link].1;
            // The last second of pcap is 2^32 - 1.
            *time %= 1_000_000_000 << 32;
        }
        let bytes = write(WriteFormat::Pcap, &records).unwrap();
        prop_assert_eq!(read(&bytes), expected(&records));
        assert_reference_agrees(&bytes);
    }
}

#[test]
fn the_extension_decides() {
    let format = |name| WriteFormat::of(Path::new(name));
    assert_eq!(format("a/denied.pcap"), WriteFormat::Pcap);
    assert_eq!(format("DENIED.PCAP"), WriteFormat::Pcap);
    assert_eq!(format("denied.pcapng"), WriteFormat::Pcapng);
    assert_eq!(format("denied"), WriteFormat::Pcapng);
    assert_eq!(format(".pcap"), WriteFormat::Pcapng);
}

#[test]
fn a_pcap_file_says_what_it_cannot_hold() {
    let ethernet = (0, Link::from_number(1), vec![1], 1);
    let cooked = (0, Link::from_number(113), vec![1], 1);
    let error = write(WriteFormat::Pcap, &[ethernet.clone(), cooked]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "out: a .pcap file holds one link type: it has link type 1 (Ethernet), \
         this packet has link type 113 (Linux cooked v1); name the file .pcapng"
    );
    let late = (1_000_000_000 << 32, Link::from_number(1), vec![1], 1);
    let error = write(WriteFormat::Pcap, &[ethernet, late.clone()]).unwrap_err();
    assert!(error.to_string().contains("no time after the year 2106"));
    assert!(write(WriteFormat::Pcapng, &[late]).is_ok());
}

#[test]
fn a_frame_that_no_reader_would_believe_is_not_written() {
    let longest = (
        0,
        Link::from_number(1),
        vec![1; MAX_CAPTURED_LEN as usize],
        1,
    );
    let longer = (
        0,
        Link::from_number(1),
        vec![1; MAX_CAPTURED_LEN as usize + 1],
        1,
    );
    for format in [WriteFormat::Pcap, WriteFormat::Pcapng] {
        assert!(write(format, slice::from_ref(&longest)).is_ok());
        let error = write(format, slice::from_ref(&longer)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "out: a packet of 262145 bytes, expected at most 262144"
        );
    }
}

#[test]
fn an_original_length_that_cannot_be_is_put_right() {
    let frame = (0, Link::from_number(1), vec![1; 5], 4);
    // The field lies behind the headers: 24 + 12 bytes, 28 + 32 + 24 bytes.
    for (format, at) in [(WriteFormat::Pcap, 36), (WriteFormat::Pcapng, 84)] {
        let bytes = write(format, slice::from_ref(&frame)).unwrap();
        assert_eq!(bytes[at..at + 4], [5, 0, 0, 0]);
    }
}

#[test]
fn a_full_disk_is_told_at_the_latest_when_finished() {
    let frame = (0, Link::from_number(1), vec![1; 100], 100);
    for format in [WriteFormat::Pcap, WriteFormat::Pcapng] {
        let mut writer = CaptureWriter::new("out", format, Full(100));
        writer.write(&record(&frame)).unwrap();
        let error = writer.finish().unwrap_err();
        assert!(
            error.to_string().starts_with("out: cannot write: "),
            "{error}"
        );
    }
    let error = CaptureWriter::create(Path::new("no-such-folder/a.pcap")).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("no-such-folder/a.pcap: cannot create: ")
    );
}

#[test]
fn a_file_without_packets_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    for (name, len) in [("a.pcap", 24), ("a.pcapng", 28)] {
        let path = folder.path().join(name);
        assert_eq!(CaptureWriter::create(&path).unwrap().finish().unwrap(), 0);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), len);
        assert_eq!(read(&bytes), []);
    }
}

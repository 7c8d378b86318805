//! Intact captures give what was written into them, however they are compressed and cut.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Owned, Trickle, drain, drain_capture, open};
use super::{build, reference};
use crate::capture::{BATCH_MAX, Block, Capture};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// gzip as `cat a.gz b.gz` makes it: several members, one stream.
fn gzip_members(bytes: &[u8]) -> Vec<u8> {
    let (front, back) = bytes.split_at(bytes.len() / 2);
    [gzip(front), gzip(back)].concat()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn packed(bytes: &[u8], how: u8) -> Vec<u8> {
    match how {
        0 => bytes.to_vec(),
        1 => gzip(bytes),
        2 => gzip_members(bytes),
        3 => zstd(bytes),
        4 => gzip(&zstd(bytes)),
        // A frame to skip in front, of two bytes.
        5 => [
            &[0x53, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7],
            &zstd(bytes)[..],
        ]
        .concat(),
        _ => zstd(&gzip(&zstd(&gzip(bytes)))),
    }
}

/// Block lengths from where nothing fits to where everything does.
fn block_len() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(1_usize),
        2..40_usize,
        40..300_usize,
        300..5000_usize,
        Just(1 << 20)
    ]
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        written in build::capture(),
        how in 0_u8..7,
        lens in vec(0_usize..200, 0..8),
        block_len in block_len(),
    ) {
        let outcome = drain(Trickle::new(packed(&written.bytes, how), lens), block_len);
        prop_assert_eq!(outcome.message(), "");
        prop_assert_eq!(outcome.records, written.records);
    }

    #[test]
    fn memory_and_stream_agree(written in build::capture(), how in 0_u8..7) {
        let bytes = packed(&written.bytes, how);
        let len = bytes.len() as u64;
        let capture = Capture::from_bytes("test", bytes).unwrap();
        prop_assert_eq!(capture.total_bytes(), Some(len));
        let outcome = drain_capture(capture);
        prop_assert_eq!(outcome.message(), "");
        prop_assert_eq!(outcome.records, written.records);
    }

    #[test]
    fn single_records_and_batches_mix(
        written in build::capture(),
        maxima in vec(0_usize..7, 1..20),
        block_len in block_len(),
    ) {
        let mut capture = open(io::Cursor::new(written.bytes), block_len).unwrap();
        let mut block = Block::new(block_len);
        let mut records: Vec<Owned> = Vec::new();
        for &max in maxima.iter().cycle() {
            let before = records.len() as u64;
            prop_assert_eq!(capture.packets(), before);
            // 0 stands for a single record.
            if max == 0 {
                let Some(record) = capture.next().unwrap() else { break };
                prop_assert_eq!(record.number, before + 1);
                records.push(record.into());
                continue;
            }
            // 6 stands for a block.
            if max == 6 {
                if !capture.next_block(&mut block).unwrap() {
                    break;
                }
                prop_assert_eq!(capture.packets(), before + block.len() as u64);
                for (number, record) in (before + 1..).zip(block.iter()) {
                    prop_assert_eq!(record.number, number);
                    records.push(record.into());
                }
                continue;
            }
            let Some(batch) = capture.next_batch(max).unwrap() else { break };
            prop_assert!((1..=max).contains(&batch.len()));
            prop_assert_eq!(batch.iter().len(), batch.len());
            for (index, record) in batch.iter().enumerate() {
                prop_assert_eq!(record.number, before + index as u64 + 1);
                prop_assert_eq!(batch.get(index), Some(record));
                records.push(record.into());
            }
            prop_assert_eq!(batch.get(batch.len()), None);
        }
        prop_assert_eq!(records, written.records);
    }

    #[test]
    fn blocks_end_as_records_do(
        written in build::capture(),
        cut in 0_usize..200,
        lens in vec(0_usize..200, 0..8),
        block_len in block_len(),
    ) {
        let bytes = &written.bytes[..written.bytes.len().saturating_sub(cut)];
        let one_by_one = drain(io::Cursor::new(bytes.to_vec()), 4096);
        let Ok(mut capture) = open(Trickle::new(bytes.to_vec(), lens), block_len) else {
            prop_assert!(one_by_one.error.is_some());
            return Ok(());
        };
        let mut block = Block::new(block_len);
        let mut records: Vec<Owned> = Vec::new();
        let message = loop {
            match capture.next_block(&mut block) {
                Ok(true) => records.extend(block.iter().map(Owned::from)),
                Ok(false) => break String::new(),
                Err(error) => break error.to_string(),
            }
        };
        prop_assert!(block.is_empty());
        prop_assert_eq!(&records, &one_by_one.records);
        prop_assert_eq!(message, one_by_one.message());
        prop_assert_eq!(capture.warnings(), &*one_by_one.warnings);
    }

    #[test]
    fn pcap_parser_reads_the_same(written in build::plain_capture()) {
        let reference = reference::packets(&written.bytes).unwrap();
        prop_assert_eq!(reference.len(), written.records.len());
        for (theirs, ours) in reference.iter().zip(&written.records) {
            prop_assert!(theirs.agrees_with(ours), "{:?} is not {:?}", theirs, ours);
        }
    }
}

#[test]
fn reading_neither_grows_nor_moves_the_buffers() {
    let mut bytes = build::pcap_header(build::Order::Little, build::NANO, 1);
    for second in 0..10_000 {
        let frame = vec![7; second as usize % 1500];
        bytes.extend(build::pcap_record(
            build::Order::Little,
            build::NANO,
            (second, 0),
            &frame,
            0,
        ));
    }
    let mut capture = open(io::Cursor::new(bytes), 1 << 16).unwrap();
    let at_start = (
        capture.window.buffer().as_ptr_range(),
        capture.slots.as_ptr(),
    );
    let mut packets = 0;
    while let Some(batch) = capture.next_batch(BATCH_MAX).unwrap() {
        packets += batch.len();
    }
    assert_eq!(packets, 10_000);
    assert_eq!(
        (
            capture.window.buffer().as_ptr_range(),
            capture.slots.as_ptr()
        ),
        at_start
    );
}

#[test]
fn progress_counts_the_bytes_of_the_file() {
    let mut bytes = build::pcap_header(build::Order::Big, build::MICRO, 101);
    let record = build::pcap_record(build::Order::Big, build::MICRO, (1, 2), &[3; 100], 100);
    for _ in 0..1000 {
        bytes.extend(&record);
    }
    for bytes in [gzip(&bytes), zstd(&bytes), bytes] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let mut capture = Capture::open(file.path()).unwrap();
        assert_eq!(capture.name(), file.path().to_str().unwrap());
        assert_eq!(capture.total_bytes(), Some(bytes.len() as u64));
        while capture.next().unwrap().is_some() {}
        assert_eq!(capture.bytes_read(), bytes.len() as u64);
        assert_eq!(capture.packets(), 1000);
    }
}

/// Found by `blocks_end_as_records_do`: what was said depended on how the bytes came in.
#[test]
fn a_longer_record_header_is_missed_as_a_header() {
    let mut bytes = vec![0; 24 + 23];
    bytes[..4].copy_from_slice(&0xa1b2_cd34_u32.to_le_bytes());
    bytes[4..8].copy_from_slice(&[2, 0, 4, 0]);
    bytes[20] = 1;
    let told = drain(io::Cursor::new(bytes), 4096).message();
    assert!(
        told.contains("the header of a packet needs 24 bytes, 23 are left"),
        "{told}"
    );
}

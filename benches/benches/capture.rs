//! What is the next packet of a capture? Our readers against pcap-parser's, on bytes in memory.

use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{Block, LegacyPcapReader, PcapBlockOwned, PcapError, PcapNGReader};
use secgroup_benches::captures::{Sizes, pcap, pcapng, web_traffic};
use secgroup_benches::harness::{criterion, slow_group};
use secgroup_io::Capture;

/// Packets in a capture.
const PACKETS: usize = 500_000;

/// The buffer that pcap-parser reads into; ours reads a mebibyte at a time.
const BUFFER: usize = 1 << 20;

/// Packets, and bytes captured: what both must find.
type Found = (usize, usize);

fn readers(c: &mut Criterion) {
    let mut group = slow_group(c, "capture readers");
    for (what, sizes) in [("64 B", Sizes::Small), ("IMIX", Sizes::Imix)] {
        let frames = web_traffic(PACKETS, 10_000, sizes);
        let expected = (frames.len(), frames.iter().map(<[u8]>::len).sum());
        group.throughput(Throughput::Elements(frames.len() as u64));
        for (format, bytes) in [("pcap", pcap(&frames)), ("pcapng", pcapng(&frames))] {
            let (id, param) = (BenchmarkId::new::<&str, &str>, format!("{format} {what}"));
            let bytes: Arc<[u8]> = bytes.into();
            assert_eq!(ours(&bytes, 256), expected);
            group.bench_function(id("secgroup", &param), |bencher| {
                bencher.iter(|| ours(black_box(&bytes), 256));
            });
            group.bench_function(id("secgroup, one at a time", &param), |bencher| {
                bencher.iter(|| ours(black_box(&bytes), 1));
            });
            let theirs = if format == "pcap" {
                legacy
            } else {
                next_generation
            };
            assert_eq!(theirs(&bytes), expected);
            group.bench_function(id("pcap-parser", &param), |bencher| {
                bencher.iter(|| theirs(black_box(&bytes)));
            });
        }
    }
    group.finish();
}

/// Through a reader, as from a file or a pipe, so that both copy once.
fn ours(bytes: &Arc<[u8]>, batch: usize) -> Found {
    let cursor = Cursor::new(Arc::clone(bytes));
    let mut capture = Capture::from_reader("bench", cursor).expect("a capture just made");
    let (mut packets, mut sum) = (0, 0);
    while let Some(batch) = capture.next_batch(batch).expect("a sound capture") {
        packets += batch.len();
        sum += batch
            .iter()
            .map(|record| black_box(record).data.len())
            .sum::<usize>();
    }
    (packets, sum)
}

fn legacy(bytes: &Arc<[u8]>) -> Found {
    let cursor = Cursor::new(Arc::clone(bytes));
    walk(LegacyPcapReader::new(BUFFER, cursor).expect("a capture just made"))
}

fn next_generation(bytes: &Arc<[u8]>) -> Found {
    let cursor = Cursor::new(Arc::clone(bytes));
    walk(PcapNGReader::new(BUFFER, cursor).expect("a capture just made"))
}

fn walk(mut reader: impl PcapReaderIterator) -> Found {
    let (mut packets, mut sum) = (0, 0);
    loop {
        match reader.next() {
            Ok((len, block)) => {
                let data = match black_box(&block) {
                    PcapBlockOwned::Legacy(packet) => Some(packet.data.len()),
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        Some(packet.packet_data().len())
                    }
                    _ => None,
                };
                packets += usize::from(data.is_some());
                sum += data.unwrap_or(0);
                reader.consume(len);
            }
            Err(PcapError::Eof) => return (packets, sum),
            Err(PcapError::Incomplete(_)) => reader.refill().expect("memory can be read"),
            Err(error) => unreachable!("a sound capture is read to its end: {error:?}"),
        }
    }
}

criterion_group! { name = benches; config = criterion(); targets = readers }
criterion_main!(benches);

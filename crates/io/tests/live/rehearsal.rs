//! Captures in the place of a device: what goes in comes out, and what cannot is counted.

use std::path::Path;
use std::time::{Duration, Instant};

use secgroup_io::live::rehearsal::{Rehearsal, RehearsalSettings};
use secgroup_io::live::{
    BURST, Gone, LiveFrame, Port, PortDrops, ReceiveError, Receiver, VnetHeader,
};
use secgroup_io::{Capture, CaptureWriter, Link, Record};
use secgroup_packet::{LinkType, Timestamp};
use secgroup_testkit::frame;
use tempfile::TempDir;

use crate::pump::{is_readable, wait_for};

const ETHERNET: Link = Link::Supported(LinkType::Ethernet);

fn write(path: &Path, records: &[(u64, Link, &[u8], usize)]) {
    let mut writer = CaptureWriter::create(path).unwrap();
    for &(nanos, link, data, wire_len) in records {
        let record = Record {
            number: 0,
            time: Timestamp::from_nanos(nanos),
            time_digits: 9,
            link,
            data,
            wire_len: u32::try_from(wire_len).unwrap(),
            interface: 0,
        };
        writer.write(&record).unwrap();
    }
    writer.finish().unwrap();
}

fn read(path: &Path) -> Vec<Vec<u8>> {
    let mut capture = Capture::open(path).unwrap();
    let mut frames = Vec::new();
    while let Some(record) = capture.next().unwrap() {
        assert_eq!(record.link, ETHERNET);
        frames.push(record.data.to_vec());
    }
    frames
}

/// Everything that a port receives until its end, `limit` frames at a time.
fn receive_all(port: &mut dyn Receiver, limit: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    loop {
        wait_for(port);
        match port.receive(limit) {
            Ok(count) => {
                assert!(count <= limit);
                frames.extend((0..count).map(|index| port.frame(index).data.to_vec()));
            }
            Err(ReceiveError::Gone(Gone::End)) => return frames,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn what_is_received_and_sent_on_is_the_same_capture() {
    let folder = TempDir::new().unwrap();
    let long = frame::udp("192.0.2.1:1", "192.0.2.2:2", &[7; 60_000]);
    let tagged = frame::with_vlan(frame::udp("192.0.2.1:1", "192.0.2.2:2", b"tagged"), 100);
    let frames: Vec<&[u8]> = [&long[..], &tagged].into_iter().cycle().take(700).collect();
    let records: Vec<_> = frames
        .iter()
        .enumerate()
        .map(|(at, data)| (at as u64 * 3_600_000_000_000, ETHERNET, *data, data.len()))
        .collect();
    for (extension, limit) in [("pcap", BURST), ("pcapng", 7)] {
        let heard = folder.path().join(format!("heard.{extension}"));
        let sent = folder.path().join(format!("sent.{extension}"));
        write(&heard, &records);
        let mut inside = Rehearsal::open(&RehearsalSettings {
            received: Some(heard.clone()),
            ..RehearsalSettings::default()
        })
        .unwrap();
        let mut outside = Rehearsal::open(&RehearsalSettings {
            received: Some(heard),
            sent: Some(sent.clone()),
            ..RehearsalSettings::default()
        })
        .unwrap();
        assert_eq!((inside.backend(), inside.mtu()), ("rehearsal", None));
        for frame in receive_all(&mut inside, limit) {
            assert_eq!(outside.transmit(&[LiveFrame::whole(&frame)]).sent, 1);
        }
        assert_eq!(outside.finish().unwrap(), 700);
        assert!(read(&sent) == frames, "{extension}");
        // It stays at its end.
        assert!(matches!(
            inside.receive(1),
            Err(ReceiveError::Gone(Gone::End))
        ));
    }
}

#[test]
fn unfinished_frames_are_written_as_they_are_now_and_completed_when_dropped() {
    let folder = TempDir::new().unwrap();
    let (heard, sent) = (folder.path().join("a.pcap"), folder.path().join("b.pcap"));
    write(&heard, &[]);
    let settings = RehearsalSettings {
        received: Some(heard),
        sent: Some(sent.clone()),
        ..RehearsalSettings::default()
    };
    let before = Timestamp::from_nanos(
        u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos()).unwrap(),
    );
    let mut port = Rehearsal::open(&settings).unwrap();
    let vnet = VnetHeader {
        flags: VnetHeader::NEEDS_CSUM,
        gso_type: 1,
        ..VnetHeader::default()
    };
    let unfinished = LiveFrame {
        vnet,
        ..LiveFrame::whole(&[9; 40_000])
    };
    assert_eq!(port.transmit(&[unfinished]).sent, 1);
    drop(port);
    let mut capture = Capture::open(&sent).unwrap();
    let record = capture.next().unwrap().unwrap();
    assert_eq!(record.data, [9; 40_000]);
    assert!(record.time >= before);
    drop(Rehearsal::open(&settings).unwrap());
    assert!(
        read(&sent).is_empty(),
        "a capture without frames is one, too"
    );
}

#[test]
fn what_a_device_cannot_carry_is_left_out_and_counted() {
    let folder = TempDir::new().unwrap();
    let heard = folder.path().join("heard.pcapng");
    let whole = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"whole");
    let raw = Link::Supported(LinkType::RawIp);
    let whole_len = whole.len();
    let huge = vec![0; 70_000];
    write(
        &heard,
        &[
            (0, ETHERNET, &whole, 1500),
            (1, raw, &whole[14..], whole_len - 14),
            (2, Link::Unsupported(127), &whole, whole_len),
            (3, ETHERNET, &huge, 70_000),
            (4, ETHERNET, &whole, whole_len),
        ],
    );
    let mut settings = RehearsalSettings {
        received: Some(heard),
        ..RehearsalSettings::default()
    };
    let mut port = Rehearsal::open(&settings).unwrap();
    assert_eq!(port.receive(BURST).unwrap(), 1);
    assert_eq!(port.frame(0).wire_len as usize, whole_len);
    assert_eq!((port.drops().truncated, port.other_links()), (2, 2));

    settings.keep_snapped = true;
    let mut watch = Rehearsal::open(&settings).unwrap();
    assert_eq!(watch.receive(BURST).unwrap(), 2);
    assert_eq!(watch.frame(0).wire_len, 1500);
    assert_eq!(watch.frame(0).data, whole);
    assert_eq!((watch.drops().truncated, watch.other_links()), (1, 2));
}

#[test]
fn a_paced_capture_is_readable_when_a_frame_is_due() {
    let folder = TempDir::new().unwrap();
    let heard = folder.path().join("heard.pcap");
    let frame = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"paced");
    let len = frame.len();
    let times = [
        5_000_000_000,
        5_000_000_000,
        5_200_000_000,
        5_000_000_001,
        5_400_000_000,
    ];
    write(&heard, &times.map(|time| (time, ETHERNET, &frame[..], len)));
    let settings = RehearsalSettings {
        received: Some(heard),
        pace: true,
        ..RehearsalSettings::default()
    };
    let mut port = Rehearsal::open(&settings).unwrap();
    let start = Instant::now();
    // However slow this machine is, none comes before its time.
    let mut due = [0, 0, 200, 200, 400].map(Duration::from_millis).into_iter();
    loop {
        wait_for(&port);
        match port.receive(BURST) {
            Ok(count) => {
                for due in due.by_ref().take(count) {
                    assert!(start.elapsed() >= due, "{due:?}");
                }
            }
            Err(ReceiveError::Gone(Gone::End)) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(due.next(), None, "all have come");
}

#[test]
fn damage_is_told_after_the_frames_before_it() {
    let folder = TempDir::new().unwrap();
    let heard = folder.path().join("heard.pcap");
    let frame = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"before");
    write(&heard, &[(0, ETHERNET, &frame[..], frame.len()); 3]);
    let mut bytes = std::fs::read(&heard).unwrap();
    bytes.truncate(bytes.len() - 5);
    std::fs::write(&heard, bytes).unwrap();
    let mut port = Rehearsal::open(&RehearsalSettings {
        received: Some(heard),
        ..RehearsalSettings::default()
    })
    .unwrap();
    assert_eq!(port.receive(BURST).unwrap(), 2);
    wait_for(&port);
    let damage = port.receive(BURST).unwrap_err();
    assert!(
        matches!(damage, ReceiveError::Gone(Gone::Failed(_))),
        "{damage}"
    );
    assert!(damage.to_string().contains("heard.pcap"), "{damage}");
}

#[test]
fn a_capture_that_is_not_there_is_named_in_one_line() {
    let folder = TempDir::new().unwrap();
    let missing = Rehearsal::open(&RehearsalSettings {
        received: Some(folder.path().join("missing.pcap")),
        ..RehearsalSettings::default()
    });
    let said = missing.unwrap_err().to_string();
    assert!(
        said.contains("missing.pcap") && !said.contains('\n'),
        "{said}"
    );
}

#[test]
fn a_port_without_a_capture_only_writes_what_it_is_sent() {
    let folder = TempDir::new().unwrap();
    let sent = folder.path().join("sent.pcapng");
    let frame = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"sent");
    for pace in [false, true] {
        let mut port = Rehearsal::open(&RehearsalSettings {
            sent: Some(sent.clone()),
            pace,
            ..RehearsalSettings::default()
        })
        .unwrap();
        for _ in 0..3 {
            assert_eq!(port.receive(BURST).unwrap(), 0);
            assert_eq!(port.transmit(&[LiveFrame::whole(&frame); 2]).sent, 2);
            assert!(!is_readable(&port), "it has nothing to say");
        }
        assert_eq!(port.drops(), PortDrops::default());
        assert_eq!(port.finish().unwrap(), 6);
        assert!(read(&sent) == [&frame[..]; 6]);
    }
}

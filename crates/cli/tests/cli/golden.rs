//! Every verdict on every capture that ships, held to files that were checked by hand
//! (`tests/golden/README.md`), and to the reference evaluator, which shares nothing with the
//! engine.
//!
//! After a change that is meant: `SECGROUP_BLESS=1 cargo test -p secgroup golden`, and look over
//! what differs.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use secgroup_import::{Options, load};
use secgroup_io::{Capture, Link, Record};
use secgroup_model::{Direction, Inventory, NetworkInterfaceId};
use secgroup_oracle::{Addresses, LinkKind, Oracle, Settings};
use secgroup_packet::LinkType;
use serde_json::Value;

use crate::support::{CAPTURES, LAB, root, verdicts};

/// A verdict line as the golden files have it.
fn golden_line(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
    let end = |address: &str, port: &str| {
        let address = text(address);
        match line[port].as_u64() {
            Some(port) if address.contains(':') => format!("[{address}]:{port}"),
            Some(port) => format!("{address}:{port}"),
            None => address,
        }
    };
    let message = match (line["icmp_type"].as_u64(), line["icmp_code"].as_u64()) {
        (Some(kind), Some(code)) => format!(" {kind}/{code}"),
        _ => String::new(),
    };
    let flow = match line["protocol"].as_str() {
        Some(protocol) => format!(
            "{protocol}{message} {} > {}",
            end("src", "sport"),
            end("dst", "dport")
        ),
        None => text("detail"),
    };
    let place = match line["interface"].as_str() {
        Some(interface) => format!("{interface} {}", text("direction")),
        None => "-".to_owned(),
    };
    let (number, verdict) = (&line["packet"], text("verdict"));
    let (reason, rule) = (text("reason"), text("rule"));
    format!("{number} | {place} | {flow} | {verdict} {reason} | {rule}")
}

fn golden_file(capture: &str) -> PathBuf {
    root().join(format!("crates/cli/tests/golden/{capture}.txt"))
}

#[test]
fn golden_verdicts_of_the_captures_that_ship() {
    let bless = std::env::var_os("SECGROUP_BLESS").is_some();
    for capture in CAPTURES {
        let lines = verdicts(&["--policy", LAB, &format!("configs/captures/{capture}")]);
        let lines: Vec<_> = lines.iter().map(golden_line).collect();
        let path = golden_file(capture);
        if bless {
            fs::write(&path, lines.join("\n") + "\n").unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap();
        let golden: Vec<_> = golden.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let expected = golden.get(index).copied().unwrap_or("(nothing)");
            assert_eq!(line, expected, "{capture}, line {}", index + 1);
        }
        assert_eq!(lines.len(), golden.len(), "{capture}: verdicts are missing");
    }
}

#[test]
fn every_golden_file_is_of_a_capture_that_ships_and_the_other_way_round() {
    let names = |folder: &str, not: &str| {
        let mut names: Vec<_> = fs::read_dir(root().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != not)
            .collect();
        names.sort();
        names
    };
    let mut known = CAPTURES;
    known.sort_unstable();
    assert_eq!(names("configs/captures", "README.md"), known);
    let golden = names("crates/cli/tests/golden", "README.md");
    assert_eq!(golden, known.map(|name| format!("{name}.txt")));
}

/// The two captures of one traffic, at the router and on its `any` device, differ in link type and
/// compression only.
#[test]
fn the_same_traffic_has_the_same_verdicts_whatever_the_format() {
    let read = |capture| fs::read_to_string(golden_file(capture)).unwrap();
    assert_eq!(read("three-tier.pcapng"), read("router-any.pcap.gz"));
}

#[test]
fn the_reference_evaluator_says_the_same() {
    let import = load(&[root().join(LAB)], &Options::default());
    for name in CAPTURES {
        let path = format!("configs/captures/{name}");
        let engine: Vec<_> = verdicts(&["--policy", LAB, &path])
            .iter()
            .map(|line| {
                let text = |field: &str| line[field].as_str().unwrap_or("-").to_owned();
                let fields = ["interface", "direction", "reason", "group", "rule"].map(text);
                format!("{} {}", line["packet"], fields.join(" "))
            })
            .collect();
        let mut capture = Capture::open(&root().join(&path)).unwrap();
        let oracle = by_oracle(&import.inventory, &mut capture);
        assert_eq!(engine, oracle, "{name}");
    }
}

/// The oracle's lines: it reads the frames, and interfaces are chosen by the addresses that it
/// says.
fn by_oracle(inventory: &Inventory, capture: &mut Capture) -> Vec<String> {
    let mut oracle: Option<Oracle> = None;
    let mut lines = Vec::new();
    let mut number = 0;
    while let Some(record) = capture.next().unwrap() {
        number += 1;
        let now = record.time.as_nanos();
        let oracle = oracle.get_or_insert_with(|| Oracle::new(inventory, Settings::default(), now));
        let before = lines.len();
        let (src, dst) =
            match secgroup_oracle::addresses(kind(&record), record.data, record.wire_len) {
                Addresses::Ip(src, dst) => (src, dst),
                Addresses::NotIp => {
                    lines.push(format!("{number} - - not-ip - -"));
                    continue;
                }
                Addresses::Malformed(_) => panic!("packet {number} of a real capture is malformed"),
            };
        for (address, direction) in [(src, Direction::Egress), (dst, Direction::Ingress)] {
            let Some(interface) = owner(inventory, address) else {
                continue;
            };
            let (data, wire_len) = (record.data, record.wire_len);
            let said = oracle.judge(kind(&record), data, wire_len, &interface, direction, now);
            let (group, rule) = match said.rule {
                Some((group, rule)) => (group.to_string(), rule.to_string()),
                None => ("-".to_owned(), "-".to_owned()),
            };
            let (direction, reason) = (direction.as_str(), said.outcome.as_str());
            lines.push(format!(
                "{number} {interface} {direction} {reason} {group} {rule}"
            ));
        }
        if lines.len() == before {
            lines.push(format!("{number} - - no-interface - -"));
        }
    }
    lines
}

fn kind(record: &Record<'_>) -> LinkKind {
    match record.link {
        Link::Supported(LinkType::Ethernet) => LinkKind::Ethernet,
        Link::Supported(LinkType::LinuxSll2) => LinkKind::LinuxSll2,
        other => panic!("no capture that ships has the link type {other:?}"),
    }
}

fn owner(inventory: &Inventory, address: IpAddr) -> Option<NetworkInterfaceId> {
    let mut interfaces = inventory.interfaces.values();
    let owner = interfaces.find(|interface| interface.addresses.contains(&address));
    owner.map(|interface| interface.id.clone())
}

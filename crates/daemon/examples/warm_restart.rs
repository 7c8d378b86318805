//! How long a restart takes for a million connections (goal M13: 150 ms to save and restore them):
//!
//! ```sh
//! cargo run --release -p secgroup-daemon --example warm_restart -- /var/lib
//! ```
//!
//! The folder is where the file goes, and with it the disk that is waited for.

use std::path::PathBuf;
use std::time::Instant;

use secgroup_conntrack::{Connection, State};
use secgroup_daemon::saved::{SavedConnections, save};
use secgroup_packet::{Direction, FlowKey, FlowKey4, InterfaceIndex, Protocol, Timestamp};

const CONNECTIONS: u32 = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let path = folder
        .unwrap_or_else(std::env::temp_dir)
        .join(format!("secgroup-warm-restart-{}", std::process::id()));
    let now = Timestamp::from_secs(1_700_000_000);
    let connections: Vec<_> = (0..CONNECTIONS).map(connection).collect();
    // The connection table, which is where they go, has its memory already.
    let mut back = connections.clone();
    for round in 1..=5 {
        let begin = Instant::now();
        let name = |number| Some(format!("sgr-{number:017x}"));
        let interface_name = |InterfaceIndex(number)| Some(format!("eni-{number:017x}"));
        let counted = save(
            &path,
            now,
            connections.iter().copied(),
            interface_name,
            name,
        )?;
        let saved = begin.elapsed();
        let begin = Instant::now();
        let file = SavedConnections::load(&path)?;
        let loaded = begin.elapsed();
        let begin = Instant::now();
        let number = |name: &str| u32::from_str_radix(name.get(4..)?, 16).ok();
        let interface = |name: &str| number(name).map(InterfaceIndex);
        back.clear();
        let restored = file.restore(now, interface, number, |connection| back.push(connection));
        let handed_out = begin.elapsed();
        assert_eq!(counted.saved, u64::from(CONNECTIONS));
        assert_eq!(restored.restored, counted.saved);
        assert!(back == connections, "they are the same");
        println!(
            "round {round}: save {saved:.1?}, load {loaded:.1?}, hand out {handed_out:.1?}; together {:.1?}",
            saved + loaded + handed_out
        );
    }
    std::fs::remove_file(&path)?;
    Ok(())
}

/// A connection of a busy server: many clients, some hundred rules, four interfaces.
fn connection(number: u32) -> Connection {
    let [high, low, ..] = number.to_be_bytes();
    Connection {
        key: FlowKey::V4(FlowKey4 {
            local: [10, 0, 1, 10].into(),
            remote: (0x6440_0000 | number).into(),
            local_port: 443,
            remote_port: u16::from_be_bytes([high, low]) | 0x8000,
            interface: InterfaceIndex(number % 4),
            protocol: Protocol::TCP,
        }),
        originator: Direction::Ingress,
        state: State::Established,
        expires: Timestamp::from_secs(1_700_000_000 + u64::from(number % 400_000) + 1),
        rule: number % 300,
        packets: [number, 17],
        bytes: [u64::from(number) * 1500, 1_000_000],
    }
}

//! Connections as files for `rte_hash.c`, and our table with the same ones.

use std::hint::black_box;
use std::path::Path;

use secgroup_benches::flows::{DRAWS, Draw, Flow, SERVICE, flows, low16, low32};
use secgroup_benches::policy::START;
use secgroup_conntrack::{Config, Lifetimes, Opening, Passage, Probe, State, Step, Table};
use secgroup_packet::{Direction, FlowKey, FlowKey4, L4, TcpFlags};

use crate::{BURST, Figures, nanoseconds};

/// The bytes of a packet.
const LEN: u32 = 46;

const PASSAGE: Passage<'_> = Passage {
    sender: Direction::Ingress,
    l4: &L4::Tcp {
        sport: 0,
        dport: 0,
        flags: TcpFlags::ACK,
    },
    len: LEN,
};

/// Writes `keys`, 16 bytes each, and `draws`: which of them the packets are of, four bytes each, in this machine's order.
pub(crate) fn write(count: usize, folder: &Path) -> std::io::Result<()> {
    let keys: Vec<u8> = flows(count, SERVICE)
        .iter()
        .flat_map(|flow| bytes(&flow.key()))
        .collect();
    let draws = draws(count).into_iter();
    let draws: Vec<u8> = draws
        .flat_map(|index| low32(index as u64).to_ne_bytes())
        .collect();
    std::fs::write(folder.join("keys"), keys)?;
    std::fs::write(folder.join("draws"), draws)
}

fn bytes(key: &FlowKey4) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&key.local.octets());
    bytes[4..8].copy_from_slice(&key.remote.octets());
    bytes[8..10].copy_from_slice(&key.local_port.to_be_bytes());
    bytes[10..12].copy_from_slice(&key.remote_port.to_be_bytes());
    bytes[12..14].copy_from_slice(&low16(u64::from(key.interface.0)).to_be_bytes());
    bytes[14] = key.protocol.0;
    bytes
}

fn draws(count: usize) -> Vec<usize> {
    Draw::Uniform.indices(count, DRAWS)
}

/// To find a connection, and to write besides what a packet changes, in bursts and one at a time.
pub(crate) fn measure(count: usize) -> Figures {
    let flows = flows(count, SERVICE);
    let packets: Vec<FlowKey> = draws(count)
        .into_iter()
        .map(|index| flows[index].flow_key())
        .collect();
    let mut table = filled(&flows);
    let lifetimes = Lifetimes::default();
    let mut seen = 0;
    let mut advance = |table: &mut Table, keys: &[FlowKey]| {
        seen += keys.len() as u64;
        probed(table, keys, |table, probe| {
            let step = table.follow(probe, &PASSAGE, START, &lifetimes);
            assert!(matches!(step, Step::Pass { .. }));
        });
    };
    let mut figures = Figures::new();
    for (burst, found, advanced) in [
        (BURST, "find, burst 32", "update, burst 32"),
        (1, "find, single", "update, single"),
    ] {
        let found_in = nanoseconds(DRAWS, || {
            for keys in packets.chunks_exact(burst) {
                probed(&mut table, keys, |table, probe| {
                    black_box(table.find(probe).expect("every connection is there"));
                });
            }
        });
        let advanced_in = nanoseconds(DRAWS, || {
            for keys in packets.chunks_exact(burst) {
                advance(&mut table, keys);
            }
        });
        figures.extend([(found, found_in), (advanced, advanced_in)]);
    }
    let counted: u64 = table
        .iter()
        .map(|connection| u64::from(connection.packets[0]))
        .sum();
    assert_eq!(counted, count as u64 + seen, "each packet was counted once");
    figures
}

/// The look-up of a burst, as the datapath does it.
#[inline]
fn probed(table: &mut Table, keys: &[FlowKey], mut each: impl FnMut(&mut Table, &Probe)) {
    if let [key] = keys {
        let mut probe = table.probe_key(key);
        table.aim(&mut probe);
        return each(table, &probe);
    }
    let mut probes = [Probe::NONE; BURST];
    for (probe, key) in probes.iter_mut().zip(keys) {
        *probe = table.probe_key(key);
    }
    for probe in probes.iter_mut().take(keys.len()) {
        table.aim(probe);
    }
    for probe in probes.iter().take(keys.len()) {
        each(table, probe);
    }
}

/// A table at its capacity, in which every key finds its own connection.
fn filled(flows: &[Flow]) -> Table {
    let mut table = Table::new(Config {
        capacity: low32(flows.len() as u64),
        capacity_v6: 64,
        seed: 0x5eed,
    });
    let lifetimes = Lifetimes::default();
    let opening = Opening {
        originator: Direction::Ingress,
        state: State::Established,
        rule: 7,
        sender: Direction::Ingress,
        len: LEN,
    };
    for key in flows.iter().map(Flow::flow_key) {
        let hash = table.hash(&key);
        let opened = table.insert(&key, hash, opening, START, &lifetimes, None);
        opened.expect("there is room for each");
    }
    for key in flows.iter().map(Flow::flow_key) {
        let found = table.lookup(&key, table.hash(&key), START);
        assert_eq!(found.map(|handle| table.connection(handle).key), Some(key));
    }
    table
}

//! Flows, and in which order their packets come: the same on every run and machine.

use std::net::Ipv4Addr;

use fastrand::Rng;
use secgroup_packet::{FlowKey, FlowKey4, InterfaceIndex, Protocol};

/// The one interface of every benchmark.
pub const LOCAL: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);

/// Where clients live: 2^22 addresses, which the last rule of every rule set admits to port 443.
pub const CLIENTS: (Ipv4Addr, u8) = (Ipv4Addr::new(100, 64, 0, 0), 10);

/// Where the networks lie that the other rules of a rule set admit, to other ports.
pub const RULED: (Ipv4Addr, u8) = (Ipv4Addr::new(172, 0, 0, 0), 10);

/// Where everybody else comes from.
pub const STRANGERS: (Ipv4Addr, u8) = (Ipv4Addr::new(198, 0, 0, 0), 8);

/// The port that clients come to.
pub const SERVICE: u16 = 443;

/// One client's connection to the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The client's address.
    pub remote: Ipv4Addr,
    /// The client's port.
    pub remote_port: u16,
    /// The interface's port.
    pub local_port: u16,
}

impl Flow {
    /// Its key at the interface.
    #[must_use]
    pub const fn key(&self) -> FlowKey4 {
        FlowKey4 {
            local: LOCAL,
            remote: self.remote,
            local_port: self.local_port,
            remote_port: self.remote_port,
            interface: InterfaceIndex(0),
            protocol: Protocol::TCP,
        }
    }

    /// The same as the connection table takes it.
    #[must_use]
    pub const fn flow_key(&self) -> FlowKey {
        FlowKey::V4(self.key())
    }
}

/// `count` different flows from clients to `port`, at most 2^24: a client each until there are no more clients,
/// in scattered order.
#[must_use]
pub fn flows(count: usize, port: u16) -> Vec<Flow> {
    from_network(CLIENTS, count, port)
}

/// `count` different flows from [`STRANGERS`]: a flood, or visitors that no rule admits.
#[must_use]
pub fn strangers(count: usize, port: u16) -> Vec<Flow> {
    from_network(STRANGERS, count, port)
}

/// `count` different flows from [`RULED`]: on their way through the rules they meet the most.
#[must_use]
pub fn ruled(count: usize, port: u16) -> Vec<Flow> {
    from_network(RULED, count, port)
}

/// The address of the client with this number; those of [`flows`] are numbered from 0.
#[must_use]
pub fn client(number: u64) -> Ipv4Addr {
    address(CLIENTS, number)
}

fn from_network(network: (Ipv4Addr, u8), count: usize, port: u16) -> Vec<Flow> {
    let hosts = 1_u64 << (32 - u32::from(network.1));
    assert!(
        (count as u64).div_ceil(hosts) <= ROUNDS,
        "more flows than ends"
    );
    let mut rng = Rng::with_seed(0xf10e ^ SEED);
    (0..count as u64)
        .map(|index| Flow {
            remote: address(network, index),
            // A client that comes a second time has a port that it had not the first time.
            remote_port: low16(1024 + ROUNDS * rng.u64(0..15_000) + index / hosts),
            local_port: port,
        })
        .collect()
}

/// How many flows may have the same two addresses.
const ROUNDS: u64 = 4;

/// An address of the network: different ones for numbers below its size.
fn address((network, prefix): (Ipv4Addr, u8), number: u64) -> Ipv4Addr {
    let hosts = 1_u64 << (32 - u32::from(prefix));
    // An odd factor permutes the addresses.
    let host = low32(number.wrapping_mul(0x9e37_79b9) % hosts);
    Ipv4Addr::from_bits(network.to_bits() | host)
}

/// How often the flows of a set come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Draw {
    /// All equally often.
    Uniform,
    /// By Zipf's law with this exponent: the flow of rank k in proportion to k^-exponent.
    Zipf(f64),
}

impl Draw {
    /// The exponent that caches and tables are usually measured with, as in YCSB.
    pub const ZIPF: Self = Self::Zipf(0.99);

    /// Both that are usual.
    pub const BOTH: [Self; 2] = [Self::Uniform, Self::ZIPF];

    /// `uniform` or `zipf`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf(_) => "zipf",
        }
    }

    /// `count` draws from `flows` flows, as indices. Exact: by inversion of the cumulated weights.
    #[must_use]
    pub fn indices(self, flows: usize, count: usize) -> Vec<usize> {
        let mut rng = Rng::with_seed(0xd4a3 ^ SEED);
        match self {
            Self::Uniform => (0..count).map(|_| rng.usize(0..flows)).collect(),
            Self::Zipf(exponent) => {
                let mut sum = 0.0;
                let cumulated: Vec<f64> = (1..=flows)
                    .map(|rank| {
                        sum += (rank as f64).powf(-exponent);
                        sum
                    })
                    .collect();
                let mut draw = || {
                    let point = rng.f64() * sum;
                    cumulated.partition_point(|below| *below <= point)
                };
                (0..count).map(|_| draw().min(flows - 1)).collect()
            }
        }
    }
}

/// Draws per benchmark: so many that going through them touches each of a million flows again only
/// after the caches have turned over.
pub const DRAWS: usize = 1 << 20;

/// What all randomness of the workload is derived from.
pub const SEED: u64 = 0x5eed;

/// A number below 2^32, as one.
#[must_use]
pub fn low32(number: u64) -> u32 {
    u32::try_from(number).expect("the caller keeps it below 2^32")
}

/// A number below 2^16, as one.
#[must_use]
pub fn low16(number: u64) -> u16 {
    u16::try_from(number).expect("the caller keeps it below 2^16")
}

/// `1000` as `1k`, `1000000` as `1M`, for names.
#[must_use]
pub fn short(number: usize) -> String {
    match number {
        n if n >= 1_000_000 && n.is_multiple_of(1_000_000) => format!("{}M", n / 1_000_000),
        n if n >= 1000 && n.is_multiple_of(1000) => format!("{}k", n / 1000),
        n => n.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn flows_differ_and_strangers_are_others() {
        let set: HashSet<Flow> = flows(100_000, SERVICE)
            .into_iter()
            .chain(strangers(100_000, SERVICE))
            .collect();
        assert_eq!(set.len(), 200_000);
    }

    #[test]
    fn there_are_more_flows_than_clients() {
        let count = 5_000_000;
        let clients = 1 << 22;
        let flows = flows(count, SERVICE);
        assert_eq!(flows[0].remote, client(0));
        assert_eq!(flows[clients].remote, flows[0].remote);
        let set: HashSet<Flow> = flows.into_iter().collect();
        assert_eq!(set.len(), count);
    }

    #[test]
    fn zipf_prefers_low_ranks_by_its_law() {
        let draws = Draw::ZIPF.indices(1000, 200_000);
        let of = |rank: usize| draws.iter().filter(|draw| **draw == rank).count() as f64;
        // Rank 1 against rank 10: 10^0.99 = 9.8 times as often.
        let ratio = of(0) / of(9);
        assert!((8.5..11.0).contains(&ratio), "{ratio}");
        let uniform = Draw::Uniform.indices(10, 100_000);
        let first = uniform.iter().filter(|draw| **draw == 0).count();
        assert!((9_000..11_000).contains(&first), "{first}");
    }
}

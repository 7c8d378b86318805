//! Flows, and in which order their packets come: the same on every run and machine.

use std::net::Ipv4Addr;

use secgroup_packet::{FlowKey, FlowKey4, InterfaceIndex, Protocol};
use secgroup_testkit::rng::Rng;

/// The one interface of every benchmark.
pub const LOCAL: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);

/// Where clients live: 2^22 addresses, which the last rule of every rule set admits to port 443.
pub const CLIENTS: (Ipv4Addr, u8) = (Ipv4Addr::new(100, 64, 0, 0), 10);

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

/// `count` different flows from clients to `port`, at most 2^22: a client each, in scattered order.
#[must_use]
pub fn flows(count: usize, port: u16) -> Vec<Flow> {
    from_network(CLIENTS, count, port)
}

/// `count` different flows from [`STRANGERS`]: a flood, or visitors that no rule admits.
#[must_use]
pub fn strangers(count: usize, port: u16) -> Vec<Flow> {
    from_network(STRANGERS, count, port)
}

fn from_network((network, prefix): (Ipv4Addr, u8), count: usize, port: u16) -> Vec<Flow> {
    let hosts = 1_u64 << (32 - u32::from(prefix));
    assert!(count as u64 <= hosts, "more flows than addresses");
    let mut rng = Rng::new(0xf10e);
    (0..count as u64)
        .map(|index| {
            // An odd factor permutes the addresses, so that no two flows are equal.
            let host = low32(index.wrapping_mul(0x9e37_79b9) % hosts);
            Flow {
                remote: Ipv4Addr::from_bits(network.to_bits() | host),
                remote_port: 1024 + low16(rng.below(60_000)),
                local_port: port,
            }
        })
        .collect()
}

/// How often the flows of a set come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draw {
    /// All equally often.
    Uniform,
    /// Zipf with exponent 0.99: the flow of rank k in proportion to k^-0.99, as in YCSB.
    Zipf,
}

impl Draw {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Uniform, Self::Zipf];

    /// `uniform` or `zipf`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "zipf",
        }
    }

    /// `count` draws from `flows` flows, as indices.
    #[must_use]
    pub fn indices(self, flows: usize, count: usize) -> Vec<usize> {
        let mut rng = Rng::new(0xd4a3);
        match self {
            Self::Uniform => {
                let mut one = || usize::try_from(rng.below(flows as u64));
                (0..count).map(|_| one().expect("below a usize")).collect()
            }
            Self::Zipf => {
                let mut sum = 0.0;
                let cumulated: Vec<f64> = (1..=flows)
                    .map(|rank| {
                        sum += (rank as f64).powf(-ZIPF_EXPONENT);
                        sum
                    })
                    .collect();
                // 53 bits: a double's worth.
                let mut unit = || (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
                (0..count)
                    .map(|_| {
                        let point = unit() * sum;
                        cumulated
                            .partition_point(|below| *below <= point)
                            .min(flows - 1)
                    })
                    .collect()
            }
        }
    }
}

/// The exponent of the Zipf distribution that caches and tables are usually measured with.
const ZIPF_EXPONENT: f64 = 0.99;

/// Draws per benchmark: so many that going through them touches each of a million flows again only
/// after the caches have turned over.
pub const DRAWS: usize = 1 << 20;

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
    fn zipf_prefers_low_ranks_by_its_law() {
        let draws = Draw::Zipf.indices(1000, 200_000);
        let of = |rank: usize| draws.iter().filter(|draw| **draw == rank).count() as f64;
        // Rank 1 against rank 10: 10^0.99 = 9.8 times as often.
        let ratio = of(0) / of(9);
        assert!((8.5..11.0).contains(&ratio), "{ratio}");
        let uniform = Draw::Uniform.indices(10, 100_000);
        let first = uniform.iter().filter(|draw| **draw == 0).count();
        assert!((9_000..11_000).contains(&first), "{first}");
    }
}

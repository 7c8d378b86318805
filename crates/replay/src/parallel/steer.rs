//! Which worker judges a packet.
//!
//! All that the engine remembers between packets, it remembers of a connection, of a datagram in pieces or of an
//! interface. What belongs together has to come to one worker:
//!
//! - the packets of a connection: by [`Steering`], which is the same for both directions, and at both interfaces that one
//!   crosses;
//! - an ICMP error: to the connection that it quotes a packet of;
//! - fragments: see [`Router`];
//! - packets to and from link-local services, of which an interface may send so many a second (semantics C20): to the first worker.
//!
//! Where two of these pull in two directions, or one could not be kept up, the answer is [`Alone`]: one worker has to replay
//! this capture.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::RandomState;
use secgroup_datapath::FRAGMENT_LIFE;
use secgroup_io::Record;
use secgroup_model::Inventory;
use secgroup_packet::{AddressPair, Family, L4, Packet, Protocol, Steering, Timestamp};

use crate::parallel::block::Alone;
use crate::select::{Addresses, Crossed};
use crate::session::SessionSettings;

/// Stands for no worker.
pub(super) const NOBODY: u8 = u8::MAX;

/// The most workers that there are numbers for.
pub(crate) const MAX_WORKERS: usize = 64;

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Steer {
    steering: Steering,
    workers: u32,
    /// Whether packets to services are counted at all.
    counts_services: bool,
    /// The resolvers of all VPCs under any policy to come.
    resolvers: Addresses,
}

impl Steer {
    pub(super) fn new<'a>(
        workers: usize,
        settings: &SessionSettings,
        policies: impl Iterator<Item = &'a Inventory>,
    ) -> Self {
        let resolvers =
            policies.flat_map(|policy| policy.vpcs.values().filter_map(|v| v.resolver()));
        Self {
            steering: Steering::new(settings.engine.seed),
            workers: u32::try_from(workers.clamp(1, MAX_WORKERS)).unwrap_or(1),
            counts_services: settings.defaults.exemptions
                && settings.defaults.link_local_pps.is_some(),
            resolvers: Addresses::of(resolvers),
        }
    }

    /// The worker of a packet that is no fragment.
    #[inline(always)]
    pub(super) fn packet(
        &self,
        packet: &Packet,
        record: &Record<'_>,
        crossed: Crossed,
    ) -> Result<u8, Alone> {
        if packet.is_icmp_error() {
            return self.icmp_error(packet, record, crossed);
        }
        if self.is_of_service(&packet.addresses) {
            return Ok(0);
        }
        Ok(self.worker(self.steering.of_packet(packet)))
    }

    /// The worker of the connection that the first piece of a datagram belongs to.
    fn first_piece(
        &self,
        packet: &Packet,
        record: &Record<'_>,
        crossed: Crossed,
    ) -> Result<u8, Alone> {
        let whole = Packet {
            fragment: None,
            ..*packet
        };
        self.packet(&whole, record, crossed)
    }

    /// An ICMP error is judged where the connection is that it quotes a packet of.
    #[cold]
    fn icmp_error(
        &self,
        packet: &Packet,
        record: &Record<'_>,
        crossed: Crossed,
    ) -> Result<u8, Alone> {
        let own = self.is_of_service(&packet.addresses).then_some(0);
        // Which of the interfaces makes no difference to the sum.
        let place = crossed.places().next();
        let quoted = place.and_then(|(interface, direction)| {
            packet.quoted_flow_key(&record.frame()?, interface, direction)
        });
        let quoted = quoted.map(|key| {
            let (local, remote) = match &key {
                secgroup_packet::FlowKey::V4(key) => {
                    (IpAddr::V4(key.local), IpAddr::V4(key.remote))
                }
                secgroup_packet::FlowKey::V6(key) => {
                    (IpAddr::V6(key.local), IpAddr::V6(key.remote))
                }
            };
            if self.is_service(local) || self.is_service(remote) {
                0
            } else {
                self.worker(self.steering.of_flow(&key))
            }
        });
        match (own, quoted) {
            (Some(own), Some(quoted)) if own != quoted => Err(Alone::Service),
            (own, quoted) => Ok(quoted
                .or(own)
                .unwrap_or_else(|| self.worker(self.steering.of_packet(packet)))),
        }
    }

    #[inline]
    fn worker(&self, hash: u32) -> u8 {
        // The hash has 16 bits; this spreads it over the workers without a division.
        u8::try_from((hash * self.workers) >> 16).unwrap_or(0)
    }

    #[inline]
    fn is_of_service(&self, addresses: &AddressPair) -> bool {
        self.counts_services
            && match addresses {
                AddressPair::V4 { src, dst } => {
                    self.is_service_v4(*src) || self.is_service_v4(*dst)
                }
                AddressPair::V6 { src, dst } => is_service_v6(*src) || is_service_v6(*dst),
            }
    }

    fn is_service(&self, address: IpAddr) -> bool {
        self.counts_services
            && match address {
                IpAddr::V4(address) => self.is_service_v4(address),
                IpAddr::V6(address) => is_service_v6(address),
            }
    }

    /// All of 169.254.0.0/16, and the resolvers: more than the services, which does no harm.
    #[inline]
    fn is_service_v4(&self, address: Ipv4Addr) -> bool {
        address.is_link_local() || self.resolvers.find(address).is_some()
    }
}

/// All of `fd00:ec2::/32`.
#[inline]
fn is_service_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    first == 0xfd00 && second == 0xec2
}

/// Which datagram a piece is of, at whatever interface.
type Datagram = (AddressPair, Protocol, u32);

/// Sends the pieces of a datagram after its first.
///
/// Only the first piece says which connection it belongs to, and an engine has a datagram on record for 30 s from its first piece on
/// (semantics D52). So does this, for all engines together, a piece after the other in the order of the capture: a later piece goes where the first went, and
/// one without a first is denied by whoever gets it.
#[derive(Debug, Default)]
pub(super) struct Router {
    on_record: HashMap<Datagram, (u8, Timestamp), RandomState>,
    /// In the order of running out.
    due: VecDeque<(Timestamp, Datagram)>,
}

impl Router {
    /// The worker of a fragment that comes at `now`. `capacity` is how many datagrams one engine follows.
    pub(super) fn route(
        &mut self,
        steer: &Steer,
        packet: &Packet,
        record: &Record<'_>,
        crossed: Crossed,
        now: Timestamp,
        capacity: u32,
    ) -> Result<u8, Alone> {
        self.run_out(now);
        let protocol = match packet.family() {
            Family::V4 => packet.protocol,
            Family::V6 => Protocol(44), // As the engine does: only the first piece says it for sure.
        };
        let id = packet.fragment.map_or(0, |fragment| fragment.id);
        let datagram = (packet.addresses, protocol, id);
        let known = self.on_record.get(&datagram).map(|(worker, _)| *worker);
        if packet.l4 == L4::LaterFragment {
            return Ok(known.unwrap_or(0)); // Whoever gets one without a first denies it.
        }
        let worker = steer.first_piece(packet, record, crossed)?;
        if known.is_some_and(|known| known != worker) {
            return Err(Alone::FragmentsMixed);
        }
        let until = now.saturating_add(FRAGMENT_LIFE);
        self.on_record.insert(datagram, (worker, until));
        self.due.push_back((until, datagram));
        // A datagram is on record at each interface that it crosses.
        if self.due.len() * 2 > capacity as usize {
            return Err(Alone::FragmentsFull);
        }
        Ok(worker)
    }

    fn run_out(&mut self, now: Timestamp) {
        while let Some(&(until, datagram)) = self.due.front()
            && until < now
        {
            self.due.pop_front();
            if let std::collections::hash_map::Entry::Occupied(entry) =
                self.on_record.entry(datagram)
                && entry.get().1 == until
            {
                entry.remove();
            }
        }
    }
}

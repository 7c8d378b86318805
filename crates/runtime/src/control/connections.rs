//! Connections, asked for and changed from outside: in pieces, so that no worker keeps its frames waiting.

use std::sync::Arc;

use secgroup_datapath::{Connection, Excerpt};
use secgroup_packet::{Direction, InterfaceIndex, Packet};

use super::{Control, lock};
use crate::mailbox::{Command, Mailbox, Visit};
use crate::owner::Owners;
use crate::worker::LinkSpec;
use crate::{Census, FlowFilter};

/// Connections that a worker takes back between two bursts.
const RESTORED_AT_ONCE: usize = 512;

impl Control {
    /// Up to `limit` of the connections that `filter` means, and how many there are.
    pub(crate) fn connections(&self, filter: &FlowFilter, limit: usize) -> (Vec<Connection>, u64) {
        let (mut found, mut matched) = (Vec::new(), 0);
        for mailbox in &self.mailboxes {
            matched += walk(mailbox, filter, limit, false, &mut found);
        }
        (found, matched)
    }

    /// What a decision about this packet looks at, from the worker whose it would be; `None` where no link carries the interface, or its worker does
    /// not answer.
    pub(crate) fn excerpt(
        &self,
        packet: Packet,
        interface: InterfaceIndex,
        direction: Direction,
    ) -> Option<Excerpt> {
        let spec = lock(&self.links)
            .attached
            .get(&interface)
            .map(|link| Arc::clone(&link.spec))?;
        let owner = |key| Owners::of_flow(self.steering, &key, spec.count());
        let shard = packet.flow_key(interface, direction).map_or(0, owner);
        let worker = spec.workers.get(usize::from(shard))?;
        self.mailbox(*worker)?.answer(|reply| Command::Excerpt {
            packet,
            interface,
            direction,
            reply,
        })
    }

    /// How many there are in each state.
    pub(crate) fn census(&self) -> Census {
        let mut census = Census::default();
        for mailbox in &self.mailboxes {
            let mut from = Some(0);
            while let Some(place) = from {
                // A worker that fails on the way has no more.
                let piece = mailbox.answer(|reply| Command::Census { from: place, reply });
                from = piece.and_then(|piece| {
                    census += piece.counts;
                    piece.next
                });
            }
        }
        census
    }

    /// Ends the connections that `filter` means; how many there were.
    pub(crate) fn delete(&self, filter: &FlowFilter) -> u64 {
        let walks = self
            .mailboxes
            .iter()
            .map(|mailbox| walk(mailbox, filter, 0, true, &mut Vec::new()));
        walks.sum()
    }

    /// All connections, with those of interfaces that no link carries.
    pub(crate) fn save(&self) -> Vec<Connection> {
        let (mut all, _) = self.connections(&FlowFilter::default(), usize::MAX);
        all.extend(self.parked());
        all
    }

    /// Takes connections back: those of attached links to the shards that own them, the others when their link is attached.
    pub(crate) fn restore(&self, connections: Vec<Connection>) -> u64 {
        let _one_at_a_time = lock(&self.changes);
        let policy = self.policy();
        let now = self.clock.now();
        let mut taken = 0;
        let mut by_link: Vec<(Arc<LinkSpec>, Vec<Connection>)> = Vec::new();
        {
            let mut links = lock(&self.links);
            for connection in connections {
                let interface = connection.key.interface();
                if connection.expires < now || policy.interface(interface).is_none() {
                    continue;
                }
                let Some(link) = links.attached.get(&interface) else {
                    links.parked.entry(interface).or_default().push(connection);
                    taken += 1;
                    continue;
                };
                match by_link
                    .iter_mut()
                    .find(|(spec, _)| spec.interface == interface)
                {
                    Some((_, of_link)) => of_link.push(connection),
                    None => by_link.push((Arc::clone(&link.spec), vec![connection])),
                }
            }
        }
        for (spec, of_link) in by_link {
            taken += self.restore_to(&spec, &of_link);
        }
        taken
    }

    /// Gives connections of a link to the workers of its shards; how many these took.
    pub(super) fn restore_to(&self, spec: &LinkSpec, connections: &[Connection]) -> u64 {
        let count = spec.count();
        let mut by_shard: Vec<Vec<Connection>> = spec.workers.iter().map(|_| Vec::new()).collect();
        for connection in connections {
            let shard = Owners::of_flow(self.steering, &connection.key, count);
            if let Some(of_shard) = by_shard.get_mut(usize::from(shard)) {
                of_shard.push(*connection);
            }
        }
        let mut taken = 0;
        for (worker, of_shard) in spec.workers.iter().zip(by_shard) {
            let Some(mailbox) = self.mailbox(*worker) else {
                continue;
            };
            for some in of_shard.chunks(RESTORED_AT_ONCE) {
                let connections = some.to_vec();
                let answer = mailbox.answer(|reply| Command::Restore { connections, reply });
                taken += answer.unwrap_or(0);
            }
        }
        taken
    }

    /// Takes the connections of a link from its workers and keeps them, for when it is attached again, perhaps elsewhere.
    pub(super) fn park(&self, spec: &LinkSpec) {
        let filter = FlowFilter {
            interface: Some(spec.interface),
            ..FlowFilter::default()
        };
        let mut parked = Vec::new();
        for worker in &spec.workers {
            if let Some(mailbox) = self.mailbox(*worker) {
                walk(mailbox, &filter, usize::MAX, true, &mut parked);
            }
        }
        let is_known = self.policy().interface(spec.interface).is_some();
        if is_known && !parked.is_empty() {
            lock(&self.links).parked.insert(spec.interface, parked);
        }
    }

    /// Connections that wait for their link, as far as they are alive.
    pub(super) fn parked(&self) -> Vec<Connection> {
        let now = self.clock.now();
        let links = lock(&self.links);
        let parked = links.parked.values().flatten();
        parked
            .filter(|connection| connection.expires >= now)
            .copied()
            .collect()
    }

    /// How many connections wait for the link of this interface.
    #[cfg(test)]
    pub(crate) fn parked_of(&self, interface: InterfaceIndex) -> usize {
        lock(&self.links).parked.get(&interface).map_or(0, Vec::len)
    }
}

/// Walks a worker's table, piece by piece; how many were meant. A worker that fails on the way has no more.
fn walk(
    mailbox: &Mailbox,
    filter: &FlowFilter,
    limit: usize,
    remove: bool,
    found: &mut Vec<Connection>,
) -> u64 {
    let (mut matched, mut from) = (0, 0);
    loop {
        let visit = Visit {
            from,
            filter: *filter,
            limit: limit.saturating_sub(found.len()),
            remove,
        };
        let Some(piece) = mailbox.answer(|reply| Command::Visit { visit, reply }) else {
            return matched;
        };
        matched += piece.matched;
        found.extend(piece.connections);
        match piece.next {
            Some(next) => from = next,
            None => return matched,
        }
    }
}

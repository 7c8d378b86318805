//! What a worker does when it is asked, between two bursts.

use std::io;
use std::sync::Arc;

use rustix::event::epoll;
use secgroup_datapath::{Connection, Crossing, Excerpt, Snapshot};
use secgroup_packet::{Direction, FlowKey, Frame, InterfaceIndex, LinkType, Packet};

use super::link::{Devices, Link, LinkSpec};
use super::{Token, Turn, Worker};
use crate::Attached;
use crate::handoff::Side;
use crate::mailbox::{CensusPiece, Command, Piece, Visit};

/// Places of the connection table that are looked at for one question: some 100 µs.
pub(crate) const PLACES: usize = 8192;

impl Worker {
    /// Does as it is asked. Whoever asked and went away is not waited for.
    pub(super) fn obey(&mut self, command: Command) -> io::Result<Turn> {
        match command {
            Command::Install {
                spec,
                shard,
                audit,
                done,
            } => {
                self.install(spec, shard, audit);
                let _ = done.send(());
            }
            Command::Uninstall { interface, done } => {
                self.uninstall(interface);
                let _ = done.send(());
            }
            Command::Settler {
                interface,
                from,
                epoch,
                settler,
            } => {
                if let Some((_, link)) = self.link(interface)
                    && let Some(place) = link.settlers.get_mut(usize::from(from))
                {
                    *place = Some((epoch, settler));
                }
            }
            Command::Open {
                interface,
                epoch,
                devices,
                done,
            } => {
                let _ = done.send(self.open(interface, epoch, devices));
            }
            Command::Listen { interface, epoch } => self.listen(interface, epoch)?,
            Command::Close { interface, done } => {
                if let Some((place, _)) = self.link(interface) {
                    self.close(place);
                }
                let _ = done.send(());
            }
            Command::Audit {
                interface,
                audit,
                done,
            } => {
                if let Some((_, link)) = self.link(interface) {
                    link.audit = audit;
                }
                let _ = done.send(());
            }
            Command::Publish { snapshot, done } => {
                self.put_in_force(snapshot);
                let _ = done.send(());
            }
            Command::Report { reply } => {
                let _ = reply.send(self.report());
            }
            Command::Visit { visit, reply } => {
                let _ = reply.send(self.visit(&visit));
            }
            Command::Excerpt {
                packet,
                interface,
                direction,
                reply,
            } => {
                let _ = reply.send(self.excerpt(packet, interface, direction));
            }
            Command::Census { from, reply } => {
                let _ = reply.send(self.census(from));
            }
            Command::Restore { connections, reply } => {
                let _ = reply.send(self.restore(&connections));
            }
            Command::Retry => {
                self.rouse_all()?;
                // One that is down and does not rest any more says nothing by itself when it is deleted, too.
                self.heat_all();
            }
            Command::Stop { reply } => {
                (0..self.links.len()).for_each(|place| self.close(place));
                let _ = reply.send(self.judge.datapath.connections().collect());
                return Ok(Turn::Stopped);
            }
        }
        Ok(Turn::Busy)
    }

    fn install(&mut self, spec: Arc<LinkSpec>, shard: u16, audit: bool) {
        self.uninstall(spec.interface);
        if let Some(pool) = &spec.pool {
            let datapath = &mut self.judge.datapath;
            datapath.share_allowance(spec.interface, Arc::clone(pool));
        }
        let link = Link::new(spec, shard, audit, self.judge.now);
        match self.links.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(link),
            None => self.links.push(Some(link)),
        }
    }

    fn uninstall(&mut self, interface: InterfaceIndex) {
        if let Some((place, _)) = self.link(interface) {
            self.close(place);
            self.links[place] = None;
        }
    }

    fn open(&mut self, interface: InterfaceIndex, epoch: u64, devices: Attached) -> bool {
        let Some((place, _)) = self.link(interface) else {
            return false;
        };
        self.close(place);
        if let Some(link) = &mut self.links[place] {
            link.epoch = epoch;
            link.devices = Some(Devices::new(devices));
        }
        true
    }

    fn listen(&mut self, interface: InterfaceIndex, epoch: u64) -> io::Result<()> {
        let Some((place, link)) = self.link(interface) else {
            return Ok(());
        };
        if link.epoch != epoch {
            return Ok(());
        }
        for side in [Side::First, Side::Second] {
            self.attend(Token { place, side })?;
        }
        Ok(())
    }

    /// Closes the devices of a link.
    pub(super) fn close(&mut self, place: usize) {
        for side in [Side::First, Side::Second] {
            // A descriptor may outlive its device where another holds it, too: it has to be taken out. It fails where it is not in.
            let _ = self.ignore(Token { place, side });
            if let Some(gate) = self.gate(Token { place, side })
                && gate.rests_until.take().is_some()
            {
                self.resting -= 1;
            }
        }
        if let Some(Some(link)) = self.links.get_mut(place) {
            drop(link.take_devices());
            link.epoch = 0;
        }
    }

    /// Lets `epoll` name a device, and asks it in the next turn.
    fn attend(&mut self, token: Token) -> io::Result<()> {
        let Some(gate) = self.gate(token) else {
            return Ok(());
        };
        if gate.is_watched || gate.is_at_end {
            return Ok(());
        }
        if self.let_name(token, true)? {
            if let Some(gate) = self.gate(token) {
                gate.is_watched = true;
            }
            self.heat(token);
        }
        Ok(())
    }

    /// Puts a device on `epoll`'s list, or takes it off, where it is not so already; whether there is such a device. What it has when it is put on, `epoll`
    /// names at once.
    pub(super) fn let_name(&mut self, token: Token, named: bool) -> io::Result<bool> {
        let Some(Some(link)) = self.links.get_mut(token.place) else {
            return Ok(false);
        };
        let Some(devices) = &mut link.devices else {
            return Ok(false);
        };
        let is_named = devices.gates[token.side as usize].is_named;
        let Some(receiver) = devices.receiver(token.side) else {
            return Ok(false);
        };
        match (is_named, named) {
            (false, true) => {
                let wanted = epoll::EventFlags::IN;
                epoll::add(&self.epoll, receiver.fd(), token.data(), wanted)?;
            }
            (true, false) => epoll::delete(&self.epoll, receiver.fd())?,
            _ => {}
        }
        devices.gates[token.side as usize].is_named = named;
        Ok(true)
    }

    /// Keeps `epoll` from naming a device; counts it among those that rest where it does.
    pub(super) fn ignore(&mut self, token: Token) -> io::Result<()> {
        if !self.gate(token).is_some_and(|gate| gate.is_watched) {
            return Ok(());
        }
        self.let_name(token, false)?;
        if let Some(gate) = self.gate(token) {
            gate.is_watched = false;
            self.resting += usize::from(gate.rests_until.is_some());
        }
        Ok(())
    }

    /// Asks the devices again that have rested long enough.
    pub(super) fn rouse(&mut self) -> io::Result<()> {
        let now = self.judge.now;
        self.rouse_where(|until| until <= now)
    }

    fn rouse_all(&mut self) -> io::Result<()> {
        self.rouse_where(|_| true)
    }

    fn rouse_where(
        &mut self,
        is_over: impl Fn(secgroup_packet::Timestamp) -> bool,
    ) -> io::Result<()> {
        for place in 0..self.links.len() {
            for side in [Side::First, Side::Second] {
                let token = Token { place, side };
                if let Some(gate) = self.gate(token)
                    && gate.rests_until.is_some_and(&is_over)
                {
                    gate.rests_until = None;
                    self.resting -= 1;
                    self.attend(token)?;
                }
            }
        }
        Ok(())
    }

    fn put_in_force(&mut self, snapshot: Arc<Snapshot>) {
        // A worker that came back after a panic has it already.
        if !Arc::ptr_eq(self.judge.datapath.snapshot(), &snapshot) {
            self.judge.datapath.swap(snapshot, self.judge.now);
        }
    }

    fn visit(&mut self, visit: &Visit) -> Piece {
        let mut piece = Piece::default();
        let mut to_remove: Vec<FlowKey> = Vec::new();
        let datapath = &mut self.judge.datapath;
        datapath.tick(self.judge.now);
        piece.next = datapath.visit(visit.from, PLACES, |connection| {
            if visit.filter.matches(connection) {
                piece.matched += 1;
                if piece.connections.len() < visit.limit {
                    piece.connections.push(*connection);
                }
                if visit.remove {
                    to_remove.push(connection.key);
                }
            }
        });
        for key in &to_remove {
            datapath.remove(key);
        }
        piece
    }

    /// Microseconds, as a burst is: a copy of one or two connections, whatever the size of the table.
    fn excerpt(
        &mut self,
        packet: Packet,
        interface: InterfaceIndex,
        direction: Direction,
    ) -> Excerpt {
        let datapath = &mut self.judge.datapath;
        datapath.tick(self.judge.now);
        let frame = Frame {
            link: LinkType::RawIp,
            data: &[],
            wire_len: packet.ip_len,
        };
        datapath.excerpt(&Crossing {
            frame,
            packet,
            interface,
            direction,
            at: self.judge.now,
        })
    }

    fn census(&mut self, from: usize) -> CensusPiece {
        let mut piece = CensusPiece::default();
        let datapath = &mut self.judge.datapath;
        datapath.tick(self.judge.now);
        piece.next = datapath.visit(from, PLACES, |connection| {
            piece.counts.add(connection.state);
        });
        piece
    }

    fn restore(&mut self, connections: &[Connection]) -> u64 {
        let datapath = &mut self.judge.datapath;
        datapath.tick(self.judge.now);
        let taken = connections
            .iter()
            .filter(|connection| datapath.restore(connection));
        taken.count() as u64
    }
}

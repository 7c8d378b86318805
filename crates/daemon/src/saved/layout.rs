//! The bytes of a record, both ways in one place.

use std::net::{Ipv4Addr, Ipv6Addr};

use secgroup_conntrack::State;
use secgroup_packet::{Direction, Protocol};

/// What a file begins with.
pub(super) const MAGIC: [u8; 8] = *b"SGSAVED\n";

/// The version of what follows.
pub(super) const VERSION: u32 = 1;

/// Bytes before the first record.
pub(super) const HEAD: usize = 24;

/// Bytes behind the last name, up to the checksum.
pub(super) const FOOT: usize = 16;

/// Bytes of the checksum at the end.
pub(super) const TAIL: usize = 4;

/// Bytes of the longest record.
pub(super) const LONGEST: usize = Record::<Ipv6Addr>::LEN;

/// Where in a record its family stands.
pub(super) const FAMILY_AT: usize = 3;

/// The number that says that a connection has no rule any more.
pub(super) const NO_RULE: u32 = u32::MAX;

/// Every state, each at the index of its number.
pub(super) const STATES: [State; 15] = [
    State::SynSent,
    State::SynSent2,
    State::SynRecv,
    State::Established,
    State::FinWaitOriginator,
    State::FinWaitResponder,
    State::CloseWaitOriginator,
    State::CloseWaitResponder,
    State::LastAck,
    State::TimeWait,
    State::Close,
    State::Udp,
    State::UdpStream,
    State::Icmp,
    State::Other,
];

/// An address in a record.
pub(super) trait Address: Copy {
    /// What says that records have addresses of this family.
    const FAMILY: u8;

    /// Its bytes.
    const LEN: usize;

    /// Into exactly [`LEN`](Self::LEN) bytes.
    fn put(self, to: &mut [u8]);

    /// From exactly [`LEN`](Self::LEN) bytes; `None` for any other number.
    fn get(from: &[u8]) -> Option<Self>;
}

impl Address for Ipv4Addr {
    const FAMILY: u8 = 4;
    const LEN: usize = 4;

    fn put(self, to: &mut [u8]) {
        to.copy_from_slice(&self.octets());
    }

    fn get(from: &[u8]) -> Option<Self> {
        <[u8; 4]>::try_from(from).ok().map(Into::into)
    }
}

impl Address for Ipv6Addr {
    const FAMILY: u8 = 6;
    const LEN: usize = 16;

    fn put(self, to: &mut [u8]) {
        to.copy_from_slice(&self.octets());
    }

    fn get(from: &[u8]) -> Option<Self> {
        <[u8; 16]>::try_from(from).ok().map(Into::into)
    }
}

/// One connection, with numbers of the file's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<A> {
    pub(super) local: A,
    pub(super) remote: A,
    pub(super) local_port: u16,
    pub(super) remote_port: u16,
    pub(super) protocol: Protocol,
    pub(super) originator: Direction,
    pub(super) state: State,
    pub(super) interface: u32,
    pub(super) rule: u32,
    /// Milliseconds: five days, the longest timeout, are a tenth of what fits.
    pub(super) left_ms: u32,
    pub(super) packets: [u32; 2],
    pub(super) bytes: [u64; 2],
}

impl<A: Address> Record<A> {
    /// Bytes of a record.
    pub(super) const LEN: usize = 44 + 2 * A::LEN;

    /// Its bytes, at the beginning of as many as any record has.
    pub(super) fn bytes(&self) -> [u8; LONGEST] {
        let mut bytes = [0; LONGEST];
        bytes[0] = self.protocol.0;
        bytes[1] = self.originator as u8;
        bytes[2] = self.state as u8;
        bytes[FAMILY_AT] = A::FAMILY;
        bytes[4..6].copy_from_slice(&self.local_port.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.remote_port.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.interface.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.rule.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.left_ms.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.packets[0].to_le_bytes());
        bytes[24..28].copy_from_slice(&self.packets[1].to_le_bytes());
        bytes[28..36].copy_from_slice(&self.bytes[0].to_le_bytes());
        bytes[36..44].copy_from_slice(&self.bytes[1].to_le_bytes());
        self.local.put(&mut bytes[44..44 + A::LEN]);
        self.remote.put(&mut bytes[44 + A::LEN..Self::LEN]);
        bytes
    }

    /// The record of these bytes; `None` where no daemon would have written them.
    pub(super) fn get(from: &[u8]) -> Option<Self> {
        let mut rest = Bytes(from);
        let [protocol, originator, state, _family] = rest.array()?;
        let protocol = Protocol(protocol);
        let record = Self {
            protocol,
            originator: *Direction::BOTH.get(usize::from(originator))?,
            state: *STATES.get(usize::from(state))?,
            local_port: u16::from_le_bytes(rest.array()?),
            remote_port: u16::from_le_bytes(rest.array()?),
            interface: rest.u32()?,
            rule: rest.u32()?,
            left_ms: rest.u32()?,
            packets: [rest.u32()?, rest.u32()?],
            bytes: [rest.u64()?, rest.u64()?],
            local: A::get(rest.take(A::LEN)?)?,
            remote: A::get(rest.take(A::LEN)?)?,
        };
        is_state_of(record.state, protocol).then_some(record)
    }
}

/// Whether a connection of `protocol` can be in `state`.
fn is_state_of(state: State, protocol: Protocol) -> bool {
    let owner = match state {
        State::Udp | State::UdpStream => matches!(protocol, Protocol::UDP),
        State::Icmp => matches!(protocol, Protocol::ICMP | Protocol::ICMPV6),
        State::Other => true,
        _ => matches!(protocol, Protocol::TCP),
    };
    let has_own = matches!(
        protocol,
        Protocol::TCP | Protocol::UDP | Protocol::ICMP | Protocol::ICMPV6
    );
    owner && (state != State::Other || !has_own)
}

/// Bytes from which values are taken, each only where there are enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

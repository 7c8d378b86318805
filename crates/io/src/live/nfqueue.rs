//! Packets of the host itself, held by the kernel until they are decided (`NFNETLINK_QUEUE`).
//!
//! Rules (see [`host_rules`](crate::live::host_rules)) send packets to a numbered queue; whoever has
//! opened the queue is sent a message about each, and answers with a verdict. The packet stays in the kernel, with
//! everything that is known of it: its route, its checksum and segmentation state, its VLAN. Only its first bytes are
//! copied out, so that a packet of 64 KiB, which is what TCP makes of a fast connection inside a host, costs as much as
//! one of 64 bytes.
//!
//! The messages are our own, a page of code: what there is in libraries can neither be polled together
//! with anything else nor give several verdicts at once.
//!
//! What can go wrong, goes wrong closed: nobody has opened the queue, it is full, this program dies: packets
//! are dropped. What is still held when the queue is closed is dropped as well, also where
//! another thread's [`Settle`] lives on.
//!
//! The kernel looks at the capability `CAP_NET_ADMIN` at every verdict, not only when the queue is opened:
//! a program that drops it stops all traffic. [`Receiver::receive`] then says so.

mod drops;
mod error;
mod flow_mark;
mod held;
mod message;
mod open;
mod packet;
mod verdict;

#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};

use secgroup_packet::LinkType;

pub use self::error::NfQueueError;
pub use self::flow_mark::{BadMask, CurrentFlowMark, FlowMark};

use self::drops::Drops;
use self::held::{Held, HeldPacket};
use self::message::Message;
use self::packet::Packet;
use self::verdict::{Settler, lock};
use super::sys::nfnetlink::{Datagram, MANY, receive_many};
use super::{
    BURST, Gone, LiveFrame, PacketId, PortDrops, Queue, QueueVerdict, ReceiveError, Receiver,
    Settle,
};

/// Room in a message for everything but the packet's own bytes, in bytes: more than all attributes that the
/// kernel can add come to.
const MESSAGE_OVERHEAD: usize = 512;

/// How a queue is opened.
#[derive(Debug, Clone)]
pub struct NfQueueSettings {
    /// Its number; one program may have it open at a time.
    pub number: u16,
    /// How many bytes of each packet are looked at, from the IP header on: 128 to 65535.
    ///
    /// 256 are enough for the longest IPv4 and TCP headers, for IPv6 with extension headers of a sensible length, and for
    /// the packet that an ICMP error quotes. What does not fit is a packet cut short, which cannot be decided by ports and is dropped.
    pub copy_range: u16,
    /// How many packets may wait for their verdict; beyond, the kernel drops them. At least 1.
    pub max_len: u32,
    /// The receive buffer, in bytes. A packet that waits takes about a kilobyte of it.
    pub receive_buffer: usize,
    /// The mark with which [`QueueVerdict::AcceptFlow`] accepts, shared with whoever installs the rules.
    pub flow_mark: CurrentFlowMark,
}

impl NfQueueSettings {
    /// A queue of this number, with what is right for most: 256 bytes of each packet, 4096 packets that wait,
    /// 16 MiB, no flow mark.
    #[must_use]
    pub fn new(number: u16) -> Self {
        Self {
            number,
            copy_range: 256,
            max_len: 4096,
            receive_buffer: 16 * 1024 * 1024,
            flow_mark: CurrentFlowMark::default(),
        }
    }
}

/// An open queue.
#[derive(Debug)]
pub struct NfQueue {
    number: u16,
    socket: OwnedFd,
    /// Where datagrams are received, each in a slot of its own.
    buffer: Vec<u8>,
    slot: usize,
    datagrams: [Datagram; MANY],
    /// The packets of the last burst; where their bytes are counts from the start of `buffer`.
    burst: Vec<Packet>,
    held: Arc<Mutex<Held>>,
    settler: Settler,
    flow_mark: CurrentFlowMark,
    drops: Drops,
    /// Packets whose message did not fit into a slot.
    truncated: u64,
    /// What went wrong while packets came: said when those are settled.
    trouble: Option<ReceiveError>,
}

impl NfQueue {
    /// Opens a queue in the network namespace of the calling thread. It can be used from any thread, of any
    /// namespace.
    ///
    /// # Errors
    /// Each says in one line what to do.
    pub fn open(settings: &NfQueueSettings) -> Result<Self, NfQueueError> {
        let number = settings.number;
        let drops = Drops::new(number);
        let socket = open::open(settings)?;
        let duplicate = socket.try_clone().map_err(|error| NfQueueError::Failed {
            number,
            step: "duplicating the socket",
            error,
        })?;
        let held = Arc::default();
        let flow_mark = settings.flow_mark.clone();
        let settler = Settler::new(duplicate, number, Arc::clone(&held), flow_mark.clone());
        let slot = usize::from(open::copy_range(settings)) + MESSAGE_OVERHEAD;
        Ok(Self {
            number,
            socket,
            buffer: vec![0; slot * BURST],
            slot,
            datagrams: [Datagram::default(); MANY],
            burst: Vec::with_capacity(BURST),
            held,
            settler,
            flow_mark,
            drops,
            truncated: 0,
            trouble: None,
        })
    }

    /// From here on, [`QueueVerdict::AcceptFlow`] lets flows through with this mark; with none, packets.
    /// The same as [`CurrentFlowMark::set`] on what the queue was opened with.
    pub fn mark_flows(&self, mark: Option<FlowMark>) {
        self.flow_mark.set(mark);
    }

    /// Receives up to `limit` datagrams into the slots of `buffer`.
    fn fill(&mut self, limit: usize) -> Result<(), ReceiveError> {
        let mut slots = 0;
        while slots < limit {
            let free = self.buffer.get_mut(slots * self.slot..).unwrap_or_default();
            let wanted = MANY.min(limit - slots);
            let into = self.datagrams.get_mut(..wanted).unwrap_or_default();
            let count = receive_many(self.socket.as_fd(), free, self.slot, into)?;
            self.take_in(slots, count)?;
            slots += count;
            if count < wanted {
                break;
            }
        }
        Ok(())
    }

    /// Takes what the last call received apart; its slots start with number `first`.
    fn take_in(&mut self, first: usize, count: usize) -> Result<(), ReceiveError> {
        let mut held = lock(&self.held);
        let mut refused = Ok(());
        let slots = self.buffer.chunks_exact(self.slot).enumerate().skip(first);
        for ((index, slot), datagram) in slots.zip(self.datagrams.iter().take(count)) {
            let bytes = slot.get(..datagram.len).unwrap_or(slot);
            match message::first(bytes) {
                Some(Message::Packet(attributes)) => {
                    let Some(mut packet) = Packet::parse(attributes) else {
                        self.truncated += 1;
                        continue;
                    };
                    packet.at += index * self.slot;
                    let (id, mark) = (packet.id, packet.mark);
                    self.drops.saw(id);
                    held.add(HeldPacket { id, mark });
                    self.burst.push(packet);
                }
                Some(Message::Answer { code, .. }) => refused = verdict_refused(code).and(refused),
                Some(Message::Other) => {}
                None => self.truncated += 1,
            }
        }
        refused
    }
}

/// What it means that the kernel refused a verdict.
fn verdict_refused(code: i32) -> Result<(), ReceiveError> {
    let error = io::Error::from_raw_os_error(code.saturating_neg());
    match error.kind() {
        // The packet is no more: its device went down meanwhile, and the kernel dropped it.
        io::ErrorKind::NotFound => Ok(()),
        // Without the right to speak for the queue, or the queue itself, no packet can pass any more.
        io::ErrorKind::PermissionDenied => Err(ReceiveError::Gone(Gone::Failed(io::Error::new(
            error.kind(),
            "the kernel takes no verdicts from a program without CAP_NET_ADMIN; keep it for as long as the queue is open",
        )))),
        _ if code == 0 => Ok(()),
        _ if error.raw_os_error() == Some(libc::ENODEV) => {
            Err(ReceiveError::Gone(Gone::Failed(error)))
        }
        _ => Err(ReceiveError::Io(error)),
    }
}

impl Receiver for NfQueue {
    fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn receive(&mut self, limit: usize) -> Result<usize, ReceiveError> {
        self.burst.clear();
        let filled = match self.trouble.take() {
            Some(trouble) => Err(trouble),
            None => self.fill(limit.min(BURST)),
        };
        match filled {
            // What came before the trouble has to be settled all the same.
            Err(trouble) if !self.burst.is_empty() => self.trouble = Some(trouble),
            other => other?,
        }
        Ok(self.burst.len())
    }

    fn frame(&self, index: usize) -> LiveFrame<'_> {
        let packet = &self.burst[index];
        LiveFrame {
            data: &self.buffer[packet.at..packet.at + packet.len],
            link: LinkType::RawIp,
            wire_len: packet.wire_len,
            vnet: packet.vnet,
            heard: packet.heard,
        }
    }

    fn drops(&mut self) -> PortDrops {
        PortDrops {
            ring: self.drops.count(),
            truncated: self.truncated,
            ..PortDrops::default()
        }
    }

    fn backend(&self) -> &'static str {
        "nfqueue"
    }
}

impl Queue for NfQueue {
    fn id(&self, index: usize) -> PacketId {
        PacketId(self.burst[index].id)
    }

    fn settle(&mut self, verdicts: &[(PacketId, QueueVerdict)]) -> io::Result<()> {
        self.settler.settle(verdicts)
    }

    fn settler(&self) -> io::Result<Box<dyn Settle>> {
        Ok(Box::new(self.settler.duplicate()?))
    }
}

impl Drop for NfQueue {
    fn drop(&mut self) {
        // Others may have duplicates of the socket, and would keep the queue open, with nobody to hear it.
        open::close(&self.socket, self.number);
    }
}

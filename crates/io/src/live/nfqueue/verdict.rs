//! Telling the kernel what becomes of packets: as few messages as are right, as few calls as messages
//! allow.
//!
//! Verdicts are put in the order of the packets' numbers. A run of equal ones becomes one message that
//! says it of *all packets up to* the last, but only as long as nothing older is still undecided (see
//! [`held`](super::held)); every other verdict is a message of its own. All messages of a burst go to the
//! kernel in one call, in which it also does what they say.
//!
//! Several threads may do this for one queue, each through a duplicate of the same socket (the kernel
//! takes verdicts only from the socket that receives the packets). Packets stay in the list until the kernel was told,
//! so that what one thread is just telling counts as undecided for the others; the list is not locked
//! meanwhile, as the kernel carries the packets to their end within the call. What the kernel could not be told stays
//! in the list for good: a later message about all packets up to another must not speak for it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::net::{SendFlags, send};

use super::flow_mark::{CurrentFlowMark, FlowMark};
use super::held::{Held, HeldPacket};
use super::message::{Request, Writer};
use crate::live::{PacketId, QueueVerdict, Settle};

/// Attributes of a verdict message (`enum nfqnl_attr_type`).
const VERDICT_HEADER: u16 = 2;
const MARK: u16 = 3;

/// Most bytes of messages in one call: far below the least send buffer that a socket may have.
const CALL_BYTES: usize = 32 * 1024;

/// The verdict as the kernel has it (`linux/netfilter.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Verdict {
    Drop = 0,
    Accept = 1,
    /// Back to the rules from which it came.
    Repeat = 4,
}

/// What the kernel is told about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Say {
    verdict: Verdict,
    /// Its mark from now on; none for the one it has.
    mark: Option<u32>,
}

impl Say {
    fn about(packet: HeldPacket, verdict: QueueVerdict, mark: Option<FlowMark>) -> Self {
        let (verdict, mark) = match (verdict, mark) {
            (QueueVerdict::Drop, _) => (Verdict::Drop, None),
            // It was sent back before, with a mark that is no longer the current one, and would come here
            // for ever if the rules and we did not agree on the next one either.
            (_, Some(flow)) if packet.mark & flow.mask() != 0 => {
                (Verdict::Accept, Some(packet.mark & !flow.mask()))
            }
            (QueueVerdict::AcceptFlow, Some(flow)) => {
                (Verdict::Repeat, Some(packet.mark | flow.value()))
            }
            (QueueVerdict::Accept | QueueVerdict::AcceptFlow, _) => (Verdict::Accept, None),
        };
        Self { verdict, mark }
    }

    fn write(self, request: Request, queue: u16, id: u32, to: &mut Writer) {
        let mut header = [0; 8];
        header[..4].copy_from_slice(&(self.verdict as u32).to_be_bytes());
        header[4..].copy_from_slice(&id.to_be_bytes());
        to.begin(request, queue).attribute(VERDICT_HEADER, &header);
        if let Some(mark) = self.mark {
            to.attribute(MARK, &mark.to_be_bytes());
        }
    }
}

/// Gives the verdicts of one queue; each thread has its own.
#[derive(Debug)]
pub(super) struct Settler {
    socket: OwnedFd,
    queue: u16,
    held: Arc<Mutex<Held>>,
    mark: CurrentFlowMark,
    /// What is being told, kept for its memory.
    told: Vec<(u32, Say)>,
    messages: Writer,
    /// By message: where it ends in the bytes of all, and how many of `told` are said by then.
    ends: Vec<(usize, usize)>,
}

impl Settler {
    pub(super) fn new(
        socket: OwnedFd,
        queue: u16,
        held: Arc<Mutex<Held>>,
        mark: CurrentFlowMark,
    ) -> Self {
        Self {
            socket,
            queue,
            held,
            mark,
            told: Vec::new(),
            messages: Writer::default(),
            ends: Vec::new(),
        }
    }

    /// Another one, for another thread.
    pub(super) fn duplicate(&self) -> io::Result<Self> {
        let socket = self.socket.try_clone()?;
        let (held, mark) = (Arc::clone(&self.held), self.mark.clone());
        Ok(Self::new(socket, self.queue, held, mark))
    }

    /// Writes down what to tell.
    fn plan(&mut self, verdicts: &[(PacketId, QueueVerdict)]) {
        let mark = self.mark.get();
        let held = lock(&self.held);
        self.told.clear();
        for &(PacketId(id), verdict) in verdicts {
            // One that is not held was settled before: there is nothing more to tell.
            if let Some(packet) = held.get(id) {
                self.told.push((id, Say::about(packet, verdict, mark)));
            }
        }
        let first = held.oldest().unwrap_or(0);
        self.told.sort_by_key(|&(id, _)| id.wrapping_sub(first));
        self.told.dedup_by_key(|&mut (id, _)| id);
        // As long as the packets told are the oldest held, without a gap, nothing older is undecided.
        let mut told = self.told.iter();
        let oldest = held
            .iter()
            .take_while(|held| told.next().is_some_and(|&(id, _)| id == held.id))
            .count();
        drop(held);
        self.write(oldest);
    }

    /// Writes the messages about what is to be told, of which the first `oldest` are the oldest packets held.
    fn write(&mut self, oldest: usize) {
        self.messages.clear();
        self.ends.clear();
        let (oldest, others) = self.told.split_at(oldest);
        let runs = oldest.chunk_by(|a, b| a.1 == b.1);
        let mut said = 0;
        for run in runs.chain(others.chunks(1)) {
            let Some(&(last, say)) = run.last() else {
                continue;
            };
            let request = match run.len() {
                1 => Request::Verdict,
                _ => Request::VerdictBatch,
            };
            say.write(request, self.queue, last, &mut self.messages);
            said += run.len();
            self.ends.push((self.messages.bytes().len(), said));
        }
    }

    /// How many packets the first `bytes` of the messages tell about.
    fn said_by(&self, bytes: usize) -> usize {
        let messages = self.ends.partition_point(|&(end, _)| end <= bytes);
        let last = messages.checked_sub(1);
        last.and_then(|last| self.ends.get(last))
            .map_or(0, |&(_, said)| said)
    }
}

impl Settle for Settler {
    fn settle(&mut self, verdicts: &[(PacketId, QueueVerdict)]) -> io::Result<()> {
        self.plan(verdicts);
        let (sent, outcome) = send_messages(&self.socket, self.messages.bytes());
        let said = self.said_by(sent);
        let mut held = lock(&self.held);
        for &(id, _) in self.told.iter().take(said) {
            held.remove(id);
        }
        outcome
    }
}

/// Writes that all packets up to `id` are dropped.
pub(super) fn drop_up_to(id: u32, queue: u16, to: &mut Writer) {
    let say = Say {
        verdict: Verdict::Drop,
        mark: None,
    };
    say.write(Request::VerdictBatch, queue, id, to);
}

/// Sends whole messages, in as few calls as is sensible. How many bytes the kernel took, and what went wrong with the others.
fn send_messages(socket: impl AsFd, messages: &[u8]) -> (usize, io::Result<()>) {
    let mut rest = messages;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(whole_messages(rest));
        if let Err(error) = send(&socket, now, SendFlags::DONTWAIT) {
            return (messages.len() - rest.len(), Err(error.into()));
        }
        rest = later;
    }
    (messages.len(), Ok(()))
}

/// How many bytes the messages are that one call takes.
fn whole_messages(messages: &[u8]) -> usize {
    let mut bytes = 0;
    while let Some(len) = messages.get(bytes..).and_then(<[u8]>::first_chunk) {
        let next = bytes + u32::from_ne_bytes(*len) as usize;
        if next > CALL_BYTES || next == bytes {
            break;
        }
        bytes = next;
    }
    if bytes == 0 { messages.len() } else { bytes }
}

/// The list; whoever panicked with it left it whole.
pub(super) fn lock(held: &Mutex<Held>) -> std::sync::MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    /// What is told, read back from the messages: the type, the id, the verdict, the mark.
    fn read(mut messages: &[u8]) -> Vec<(u16, u32, u32, Option<u32>)> {
        let mut said = Vec::new();
        while !messages.is_empty() {
            let len = u32::from_ne_bytes(messages[..4].try_into().unwrap()) as usize;
            let (message, rest) = messages.split_at(len);
            let word = |at: usize| u32::from_be_bytes(message[at..at + 4].try_into().unwrap());
            assert_eq!(message[18..20], 7_u16.to_be_bytes(), "the queue");
            let kind = u16::from_ne_bytes(message[4..6].try_into().unwrap()) & 0xff;
            let mark = (len > 32).then(|| word(36));
            said.push((kind, word(28), word(24), mark));
            messages = rest;
        }
        said
    }

    fn settler(ids: impl IntoIterator<Item = u32>) -> Settler {
        let mut held = Held::default();
        for id in ids {
            held.add(HeldPacket { id, mark: 0 });
        }
        let socket = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        Settler::new(
            socket,
            7,
            Arc::new(Mutex::new(held)),
            CurrentFlowMark::default(),
        )
    }

    fn plan(settler: &mut Settler, verdicts: &[(u32, QueueVerdict)]) -> Vec<(u16, u32, u32)> {
        let verdicts: Vec<_> = verdicts
            .iter()
            .map(|&(id, say)| (PacketId(id), say))
            .collect();
        settler.plan(&verdicts);
        let said = read(settler.messages.bytes());
        said.into_iter()
            .map(|(kind, id, say, _)| (kind, id, say))
            .collect()
    }

    const SINGLE: u16 = 1;
    const BATCH: u16 = 3;
    use QueueVerdict::{Accept, AcceptFlow, Drop};

    #[test]
    fn runs_of_the_oldest_packets_are_told_at_once() {
        let verdicts = [
            (1, Accept),
            (2, Accept),
            (3, Drop),
            (4, Accept),
            (5, Accept),
            (6, Accept),
        ];
        let said = plan(&mut settler(1..=6), &verdicts);
        assert_eq!(said, [(BATCH, 2, 1), (SINGLE, 3, 0), (BATCH, 6, 1)]);
    }

    #[test]
    fn an_undecided_packet_is_not_told_about_by_those_behind_it() {
        let said = plan(
            &mut settler(1..=5),
            &[(1, Drop), (2, Drop), (4, Drop), (5, Drop)],
        );
        assert_eq!(said, [(BATCH, 2, 0), (SINGLE, 4, 0), (SINGLE, 5, 0)]);
        let said = plan(&mut settler(1..=3), &[(2, Accept), (3, Accept)]);
        assert_eq!(said, [(SINGLE, 2, 1), (SINGLE, 3, 1)]);
    }

    #[test]
    fn the_order_of_the_verdicts_does_not_matter_and_numbers_go_round() {
        let ids = [u32::MAX - 1, u32::MAX, 1, 2]; // 0 was lost on the way.
        let verdicts = [
            (1, Accept),
            (u32::MAX, Accept),
            (2, Accept),
            (u32::MAX - 1, Accept),
        ];
        assert_eq!(plan(&mut settler(ids), &verdicts), [(BATCH, 2, 1)]);
    }

    #[test]
    fn what_is_not_held_or_said_twice_is_passed_over() {
        let verdicts = [(9, Accept), (1, Accept), (1, Drop), (0, Drop)];
        assert_eq!(plan(&mut settler([1, 2]), &verdicts), [(SINGLE, 1, 1)]);
        assert_eq!(plan(&mut settler([]), &verdicts), []);
    }

    #[test]
    fn a_flow_is_sent_back_with_its_mark_and_the_bits_of_others_stay() {
        let mut settler = settler([]);
        for (id, mark) in [(1, 0), (2, 0x12), (3, 0xabcd_0012)] {
            lock(&settler.held).add(HeldPacket { id, mark });
        }
        let flows = [1, 2, 3].map(|id| (PacketId(id), AcceptFlow));
        settler.plan(&flows);
        assert_eq!(
            read(settler.messages.bytes()),
            [(3, 3, 1, None)],
            "no marks are set up"
        );

        let flow = FlowMark::fresh(0xffff_0000).unwrap();
        settler.mark.set(Some(flow));
        settler.plan(&flows);
        assert_eq!(
            read(settler.messages.bytes()),
            [
                (1, 1, 4, Some(flow.value())),
                (1, 2, 4, Some(flow.value() | 0x12)),
                (1, 3, 1, Some(0x12)), // It came round already: accepted, without our bits.
            ]
        );
        settler.plan(&[1, 2, 3].map(|id| (PacketId(id), Drop)));
        assert_eq!(read(settler.messages.bytes()), [(3, 3, 0, None)]);
    }

    #[test]
    fn many_messages_are_cut_between_messages() {
        let mut settler = settler(0..=1500); // The first stays undecided.
        let verdicts: Vec<_> = (1..=1500).map(|id| (PacketId(id), Accept)).collect();
        settler.plan(&verdicts);
        let mut rest = settler.messages.bytes();
        let mut count = 0;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(whole_messages(rest));
            assert!(now.len() <= CALL_BYTES);
            count += read(now).len();
            rest = later;
        }
        assert_eq!(count, 1500);
    }

    fn held(settler: &Settler) -> Vec<u32> {
        lock(&settler.held).iter().map(|held| held.id).collect()
    }

    #[test]
    fn what_could_not_be_told_stays_undecided() {
        let mut settler = settler(1..=4); // Its socket is none: nothing can be told.
        let drops = [(PacketId(1), Drop), (PacketId(2), Drop)];
        settler.settle(&drops).unwrap_err();
        assert_eq!(held(&settler), [1, 2, 3, 4]);
        let said = plan(&mut settler, &[(3, Accept), (4, Accept)]);
        assert_eq!(
            said,
            [(SINGLE, 3, 1), (SINGLE, 4, 1)],
            "those to be dropped are not accepted with them"
        );
    }

    #[test]
    fn of_many_messages_those_told_before_an_error_are_settled() {
        const COUNT: u32 = 100_000; // Far more than the buffer of a socket holds.
        let (ours, kernel) = UnixDatagram::pair().unwrap();
        kernel.set_nonblocking(true).unwrap();
        let mut settler = settler(0..COUNT);
        settler.socket = ours.into();
        // The oldest two in one message, then one that stays undecided, then one message each.
        let told = (0..2).chain(3..COUNT);
        let verdicts: Vec<_> = told.map(|id| (PacketId(id), Drop)).collect();
        let error = settler.settle(&verdicts).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);

        let mut last = None;
        let mut buffer = vec![0; CALL_BYTES];
        while let Ok(len) = kernel.recv(&mut buffer) {
            last = read(&buffer[..len]).last().map(|&(_, id, ..)| id);
        }
        let last = last.expect("the first call reaches the other side");
        assert!((3..COUNT - 1).contains(&last), "{last}");
        let expected: Vec<_> = std::iter::once(2).chain(last + 1..COUNT).collect();
        assert_eq!(held(&settler), expected);
    }
}

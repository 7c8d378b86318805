//! Netlink messages of the queue subsystem: written, and taken apart without trust.
//!
//! A message is a header of 16 bytes, a queue header of 4 and attributes, each a length, a type and a
//! value, padded to 4 bytes. The netlink headers are in the byte order of the host, everything inside
//! attributes is in network order. Constants are those of `linux/netfilter/nfnetlink_queue.h`.

/// Length of a netlink header.
const HEADER: usize = 16;
/// Length of the queue header behind it.
const QUEUE_HEADER: usize = 4;
/// Length of an attribute's header.
const ATTRIBUTE: usize = 4;

/// The subsystem of a message, in the high byte of its type.
const SUBSYSTEM: u16 = 3 << 8;
/// Type of the kernel's answer to a request.
const ERROR: u16 = 2;
/// Flag: this is a request.
const REQUEST: u16 = 1;
/// Flag: answer even if all is well.
const ACKNOWLEDGE: u16 = 4;
/// The bits of an attribute's type that are flags.
const TYPE_FLAGS: u16 = 0xc000;

/// What a message to the kernel asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Request {
    /// What becomes of one packet.
    Verdict = 1,
    /// Set up the queue.
    Configure = 2,
    /// What becomes of every packet up to an id.
    VerdictBatch = 3,
}

/// Writes messages, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// Where the message being written starts.
    start: usize,
}

impl Writer {
    /// Begins a message about `queue`.
    pub(super) fn begin(&mut self, request: Request, queue: u16) -> &mut Self {
        self.start(request, queue, REQUEST, 0)
    }

    /// Begins a message about `queue` that is answered under `sequence`.
    pub(super) fn begin_acknowledged(&mut self, queue: u16, sequence: u32) -> &mut Self {
        self.start(Request::Configure, queue, REQUEST | ACKNOWLEDGE, sequence)
    }

    fn start(&mut self, request: Request, queue: u16, flags: u16, sequence: u32) -> &mut Self {
        self.start = self.bytes.len();
        self.bytes.extend([0; 4]); // The length: set as attributes are added.
        self.bytes
            .extend((SUBSYSTEM | request as u16).to_ne_bytes());
        self.bytes.extend(flags.to_ne_bytes());
        self.bytes.extend(sequence.to_ne_bytes());
        self.bytes.extend([0; 4]); // The sender: the kernel knows.
        self.bytes.extend([0, 0]); // Any family, version 0.
        self.bytes.extend(queue.to_be_bytes());
        self.set_length();
        self
    }

    /// Adds an attribute to the message; at most 64 bytes.
    pub(super) fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        debug_assert!(value.len() <= 64);
        #[allow(clippy::cast_possible_truncation, reason = "at most 64 bytes")]
        let len = (ATTRIBUTE + value.len()) as u16;
        self.bytes.extend(len.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.set_length();
        self
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "a message is a few attributes long"
    )]
    fn set_length(&mut self) {
        let len = (self.bytes.len() - self.start) as u32;
        if let Some(place) = self.bytes.get_mut(self.start..self.start + 4) {
            place.copy_from_slice(&len.to_ne_bytes());
        }
    }

    /// The messages so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets the messages so far and keeps their memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// A message from the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// A packet: its attributes, and where in the datagram they begin.
    Packet(Attributes<'a>),
    /// The answer to the request with this sequence number: 0 or a negated error number.
    Answer {
        /// The request's sequence number.
        sequence: u32,
        /// 0, or an error number below zero.
        code: i32,
    },
    /// Something else; nothing here asks for it.
    Other,
}

/// The first message of a datagram; nothing where it is damaged. The queue sends each in one of its own.
pub(super) fn first(datagram: &[u8]) -> Option<Message<'_>> {
    let len = u32::from_ne_bytes(array(datagram, 0)?) as usize;
    let message = datagram.get(..len)?;
    let kind = u16::from_ne_bytes(array(message, 4)?);
    Some(match kind {
        ERROR => Message::Answer {
            sequence: u32::from_ne_bytes(array(message, 8)?),
            code: i32::from_ne_bytes(array(message, HEADER)?),
        },
        SUBSYSTEM => {
            let at = HEADER + QUEUE_HEADER;
            Message::Packet(Attributes {
                rest: message.get(at..)?,
                at,
            })
        }
        _ => Message::Other,
    })
}

/// The attributes of a message, one after the other; ends at the first that is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attributes<'a> {
    rest: &'a [u8],
    /// Where in the datagram `rest` starts.
    at: usize,
}

/// One attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attribute<'a> {
    /// What it is.
    pub(super) kind: u16,
    /// Its value.
    pub(super) value: &'a [u8],
    /// Where in the datagram the value starts.
    pub(super) at: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let len = usize::from(u16::from_ne_bytes(array(self.rest, 0)?));
        let kind = u16::from_ne_bytes(array(self.rest, 2)?) & !TYPE_FLAGS;
        let value = self.rest.get(ATTRIBUTE..len)?;
        let at = self.at + ATTRIBUTE;
        // The last one may come without its padding.
        let whole = len.next_multiple_of(4).min(self.rest.len());
        self.rest = self.rest.get(whole..)?;
        self.at += whole;
        Some(Attribute { kind, value, at })
    }
}

/// `N` bytes of `bytes` from `at` on, where there are as many.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

//! Random traffic between few hosts and ports, much of it in answer to what went before.

use proptest::prelude::*;
use secgroup_testkit::frame;

const SECOND: u64 = 1_000_000_000;

/// IPv4 hosts: interfaces, a delegated address, strangers, services, resolver, router, everybody.
const V4: [&str; 12] = [
    "10.0.1.10",
    "10.0.1.11",
    "10.0.2.10",
    "10.0.2.70",
    "172.16.0.5",
    "203.0.113.7",
    "198.51.100.9",
    "8.8.8.8",
    "169.254.169.254",
    "10.0.0.2",
    "10.0.1.1",
    "255.255.255.255",
];

const V6: [&str; 7] = [
    "2001:db8:a::10",
    "2001:db8:b::10",
    "2001:db8:c::7",
    "2001:db8:1::7",
    "fd00:ec2::254",
    "fe80::1",
    "ff02::1",
];

const PORTS: [u16; 8] = [22, 53, 80, 40000, 40001, 67, 68, 547];

/// Flag sets that occur, and some that must not.
const FLAGS: [&str; 14] = [
    "S", "S", "S", "SA", "SA", "A", "A", "PA", "FA", "FA", "R", "RA", "F", "SF",
];

/// IPv6 extension headers in the order of RFC 8200 and out of it, as many as are walked, and one more.
const CHAINS: [&[(u8, usize)]; 8] = [
    &[(60, 8)],
    &[(0, 8), (43, 24)],
    &[(44, 8), (60, 8)],
    &[(51, 16), (135, 8)],
    &[(139, 8), (140, 8)],
    &[(60, 8); 16],
    &[(60, 8); 17],
    &[(43, 8), (44, 8), (44, 8)],
];

/// Pauses in milliseconds around the timeouts of the decision; negative: the clock steps back.
const PAUSES: [i64; 27] = [
    0,
    0,
    0,
    0,
    0,
    1,
    1,
    300,
    1000,
    1000,
    5000,
    5001,
    10_000,
    10_001,
    29_000,
    30_000,
    30_001,
    59_999,
    60_001,
    119_000,
    120_001,
    180_000,
    180_001,
    600_000,
    600_001,
    432_000_001,
    -10_000,
];

/// What a packet is, apart from its ends.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Tcp(usize),
    Udp,
    Ping(u16),
    Pong(u16),
    Icmp(u8, u8),
    Protocol(u8),
    /// A datagram of UDP in two pieces, which of them, and how far the second is moved (in units of 8 bytes).
    Pieces {
        id: u32,
        order: u8,
        shift: i8,
    },
}

/// One thing that happens, after a pause.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pause: usize,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// A packet between two hosts: indexes into hosts and ports.
    Packet {
        v6: bool,
        hosts: (usize, usize),
        ports: (usize, usize),
        kind: Kind,
    },
    /// The ends of an earlier packet the other way round, with flags of its own for TCP.
    Answer {
        back: usize,
        flags: usize,
    },
    /// The same ends again.
    Again {
        back: usize,
        flags: usize,
    },
    /// An ICMP error about an earlier frame, from one of the hosts.
    Error {
        back: usize,
        kind: u8,
        code: u8,
        from: usize,
    },
    /// An earlier frame with one byte changed.
    Damaged {
        back: usize,
        at: usize,
        to: u8,
    },
    /// An earlier frame cut short on the wire, or by the capture.
    Cut {
        back: usize,
        keep: usize,
        snapped: bool,
    },
    /// An earlier frame behind VLAN tags, IPv6 extension headers, or with another hop limit.
    Dressed {
        back: usize,
        how: u8,
    },
    /// Any piece of an earlier frame, which may be a piece itself.
    Piece {
        back: usize,
        id: u32,
        from: usize,
        len: usize,
        more: bool,
    },
    /// An earlier IPv6 packet behind one of `CHAINS`.
    Chained {
        back: usize,
        chain: usize,
    },
    Arp,
    Policy(usize),
}

pub(crate) fn steps() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        8 => (0..FLAGS.len()).prop_map(Kind::Tcp),
        5 => Just(Kind::Udp),
        3 => (1..3_u16).prop_map(Kind::Ping),
        1 => (1..3_u16).prop_map(Kind::Pong),
        2 => (prop::sample::select(vec![8, 13, 0, 3, 5, 133, 135, 143, 128]), 0..2_u8)
            .prop_map(|(kind, code)| Kind::Icmp(kind, code)),
        2 => prop::sample::select(vec![47, 132, 1, 58, 4]).prop_map(Kind::Protocol),
        3 => (1..3_u32, 0..6_u8, -2..2_i8)
            .prop_map(|(id, order, shift)| Kind::Pieces { id, order, shift }),
    ];
    let hosts = (hosts(), hosts());
    let ports = (0..PORTS.len(), 0..PORTS.len());
    let packet =
        (prop::bool::weighted(0.3), hosts, ports, kind).prop_map(|(v6, hosts, ports, kind)| {
            What::Packet {
                v6,
                hosts,
                ports,
                kind,
            }
        });
    let back = || 0..6_usize;
    let what = prop_oneof![
        12 => packet,
        14 => (back(), 0..FLAGS.len()).prop_map(|(back, flags)| What::Answer { back, flags }),
        6 => (back(), 0..FLAGS.len()).prop_map(|(back, flags)| What::Again { back, flags }),
        4 => (back(), prop::sample::select(vec![3, 3, 11, 1, 2, 4, 12, 5]), 0..5_u8, 0..12_usize)
            .prop_map(|(back, kind, code, from)| What::Error { back, kind, code, from }),
        1 => (back(), 12..80_usize, any::<u8>())
            .prop_map(|(back, at, to)| What::Damaged { back, at, to }),
        1 => (back(), 10..70_usize, any::<bool>())
            .prop_map(|(back, keep, snapped)| What::Cut { back, keep, snapped }),
        1 => (back(), 0..6_u8).prop_map(|(back, how)| What::Dressed { back, how }),
        5 => pieces_of_all_kinds(),
        2 => (back(), 0..CHAINS.len()).prop_map(|(back, chain)| What::Chained { back, chain }),
        1 => Just(What::Arp),
        2 => (0..4_usize).prop_map(What::Policy),
    ];
    (0..PAUSES.len(), what).prop_map(|(pause, what)| Step { pause, what })
}

/// Pieces that fit together, overlap, leave gaps, or end where the datagram must.
fn pieces_of_all_kinds() -> impl Strategy<Value = What> {
    let lengths = prop::sample::select(vec![0, 7, 8, 8, 16, 24, 40, 64]);
    let places = prop_oneof![12 => (0..8_usize).prop_map(|from| from * 8), 1 => Just(65_528)];
    let more = prop::bool::weighted(0.7);
    (0..6_usize, 1..3_u32, places, lengths, more).prop_map(|(back, id, from, len, more)| {
        What::Piece {
            back,
            id,
            from,
            len,
            more,
        }
    })
}

/// Mostly interfaces and strangers; services, routers and everybody now and then. The lists are indexed modulo their length.
fn hosts() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => prop::sample::select(vec![0_usize, 0, 0, 1, 2, 3]),
        6 => prop::sample::select(vec![5_usize, 5, 3, 6, 7, 4]),
        1 => 0..84_usize,
    ]
}

/// What a step comes to.
#[derive(Debug)]
pub(crate) enum Made {
    Frames(Vec<(u64, Vec<u8>)>),
    Snapped(u64, Vec<u8>, usize),
    Policy(u64, usize),
}

/// A packet to be answered: its ends, and what it was.
#[derive(Debug, Clone)]
struct Sent {
    src: &'static str,
    dst: &'static str,
    ports: (u16, u16),
    kind: Kind,
}

/// Turns steps into frames; it remembers what went before.
#[derive(Debug)]
pub(crate) struct Maker {
    now: u64,
    sent: Vec<Sent>,
    frames: Vec<Vec<u8>>,
}

impl Maker {
    pub(crate) const fn new(start: u64) -> Self {
        Self {
            now: start,
            sent: Vec::new(),
            frames: Vec::new(),
        }
    }

    pub(crate) fn make(&mut self, step: &Step) -> Made {
        let pause = PAUSES[step.pause];
        let nanos = pause.unsigned_abs() * (SECOND / 1000);
        self.now = if pause < 0 {
            self.now.saturating_sub(nanos)
        } else {
            self.now.saturating_add(nanos)
        };
        let frames = match &step.what {
            What::Policy(number) => return Made::Policy(self.now, *number),
            What::Cut {
                back,
                keep,
                snapped: true,
            } => {
                return Made::Snapped(self.now, self.frame(*back), *keep);
            }
            what => match self.odd(what) {
                Some(frames) => frames,
                None => {
                    let frames = self.sound(what);
                    self.frames.extend(frames.iter().cloned());
                    frames
                }
            },
        };
        Made::Frames(frames.into_iter().map(|frame| (self.now, frame)).collect())
    }

    /// Frames that nothing later is made of, because they may not hold what their headers say.
    fn odd(&self, what: &What) -> Option<Vec<Vec<u8>>> {
        Some(match what {
            What::Damaged { back, at, to } => {
                let mut frame = self.frame(*back);
                let at = at % frame.len();
                frame[at] = *to;
                vec![frame]
            }
            What::Cut { back, keep, .. } => {
                let mut frame = self.frame(*back);
                frame.truncate(*keep);
                vec![frame]
            }
            What::Piece {
                back,
                id,
                from,
                len,
                more,
            } => {
                let frame = self.frame(*back);
                let layers = frame::layers(&frame);
                if layers.src.is_ipv6() && layers.fragment {
                    Vec::new()
                } else {
                    vec![frame::piece(&frame, *id, *from..from + len, *more)]
                }
            }
            What::Arp => vec![frame::arp(V4[0], V4[10])],
            _ => return None,
        })
    }

    /// Frames that later ones may be made of.
    fn sound(&mut self, what: &What) -> Vec<Vec<u8>> {
        match what {
            What::Packet {
                v6,
                hosts,
                ports,
                kind,
            } => {
                let all: &[_] = if *v6 { &V6 } else { &V4 };
                self.send(Sent {
                    src: all[hosts.0 % all.len()],
                    dst: all[hosts.1 % all.len()],
                    ports: (PORTS[ports.0], PORTS[ports.1]),
                    kind: kind.clone(),
                })
            }
            What::Answer { back, flags } => self.follow(*back, *flags, true),
            What::Again { back, flags } => self.follow(*back, *flags, false),
            What::Error {
                back,
                kind,
                code,
                from,
            } => {
                let about = self.frame(*back);
                let layers = frame::layers(&about);
                let from = if layers.src.is_ipv4() {
                    V4[*from]
                } else {
                    V6[*from % V6.len()]
                };
                vec![frame::quote(&about, *kind, *code, from)]
            }
            What::Dressed { back, how } => vec![dressed(self.frame(*back), *how)],
            What::Chained { back, chain } => {
                let frame = self.frame(*back);
                let layers = frame::layers(&frame);
                if layers.src.is_ipv4() || layers.fragment {
                    Vec::new()
                } else {
                    vec![frame::with_extensions(frame, CHAINS[*chain])]
                }
            }
            _ => Vec::new(),
        }
    }

    /// One of the latest frames; a ping where there is none yet.
    fn frame(&self, back: usize) -> Vec<u8> {
        self.frames
            .iter()
            .rev()
            .nth(back)
            .or_else(|| self.frames.first())
            .cloned()
            .unwrap_or_else(|| frame::ping(V4[5], V4[0], 1, 1))
    }

    fn follow(&mut self, back: usize, flags: usize, answer: bool) -> Vec<Vec<u8>> {
        let Some(before) = self
            .sent
            .iter()
            .rev()
            .nth(back)
            .or_else(|| self.sent.first())
        else {
            return Vec::new();
        };
        let mut sent = before.clone();
        if answer {
            std::mem::swap(&mut sent.src, &mut sent.dst);
            sent.ports = (sent.ports.1, sent.ports.0);
        }
        sent.kind = match (sent.kind, answer) {
            (Kind::Tcp(_), _) => Kind::Tcp(flags),
            (Kind::Ping(id), true) => Kind::Pong(id),
            (Kind::Pong(id), true) => Kind::Ping(id),
            (kind, _) => kind,
        };
        self.send(sent)
    }

    fn send(&mut self, sent: Sent) -> Vec<Vec<u8>> {
        let frames = built(&sent);
        self.sent.push(sent);
        frames
    }
}

fn built(sent: &Sent) -> Vec<Vec<u8>> {
    let (src, dst) = (sent.src, sent.dst);
    let is_v6 = src.contains(':');
    let end = |host: &str, port: u16| {
        if is_v6 {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    };
    let (from, to) = (end(src, sent.ports.0), end(dst, sent.ports.1));
    match &sent.kind {
        Kind::Tcp(flags) => vec![frame::tcp(&from, &to, FLAGS[*flags], b"")],
        Kind::Udp => vec![frame::udp(&from, &to, b"secgroup")],
        Kind::Ping(id) => vec![frame::ping(src, dst, *id, 1)],
        Kind::Pong(id) => vec![frame::pong(src, dst, *id, 1)],
        Kind::Icmp(kind, code) if is_v6 => {
            let frame = frame::icmp6(src, dst, *kind, *code, [0, 1, 0, 1], &[0; 64]);
            vec![frame::with_hop_limit(
                frame,
                if *kind == 143 { 1 } else { 255 },
            )]
        }
        Kind::Icmp(kind, code) => {
            vec![frame::icmp(src, dst, *kind, *code, [0, 1, 0, 1], &[0; 64])]
        }
        Kind::Protocol(number) => vec![frame::raw_proto(src, dst, *number, &[0x11; 40])],
        Kind::Pieces { id, order, shift } => pieces(&from, &to, *id, *order, *shift),
    }
}

/// Both pieces of a datagram in some order, or one of them, perhaps with a gap or an overlap.
fn pieces(from: &str, to: &str, id: u32, order: u8, shift: i8) -> Vec<Vec<u8>> {
    let whole = frame::udp(from, to, &[0x55; 56]);
    let moved = usize::try_from(32 + i32::from(shift) * 8).unwrap();
    let first = frame::piece(&whole, id, 0..32, true);
    let second = frame::piece(&whole, id, moved..64, false);
    match order {
        0 | 1 => vec![first, second],
        2 => vec![second, first],
        3 => vec![first],
        4 => vec![second],
        _ => vec![
            first,
            frame::piece(&whole, id, moved..moved + 8, true),
            second,
        ],
    }
}

fn dressed(frame: Vec<u8>, how: u8) -> Vec<u8> {
    let layers = frame::layers(&frame);
    match how {
        0 => frame::with_vlan(frame, 100),
        1 => frame::with_qinq(frame, 100, 200),
        2 => frame::with_hop_limit(frame, 255),
        3 => frame::padded(frame, 90),
        4 if layers.src.is_ipv4() && !layers.fragment => {
            frame::with_ipv4_options(frame, &[1, 1, 1, 1])
        }
        5 if layers.src.is_ipv6() && !layers.fragment => {
            frame::with_extensions(frame, &[(0, 8), (60, 16), (44, 8)])
        }
        _ => frame,
    }
}

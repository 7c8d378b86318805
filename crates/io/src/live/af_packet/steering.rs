//! The steering function as a program for the kernel.
//!
//! A group of packet sockets shares frames by a classic BPF program (`PACKET_FANOUT_CBPF`): what it
//! returns, modulo the number of sockets, is the socket's place in the group. This one returns what
//! [`Steering::of_packet`] says, modulo the number of shards, so that the kernel gives a frame to
//! the worker that its connection is on.
//!
//! ```text
//! EtherType?  IPv4 ─► sum of 2 words ─┐
//!             IPv6 ─► sum of 8 words ─┴► TCP or UDP, and no fragment? + ports ─► * multiplier >> 16 % shards
//!             tag  ─► EtherType behind it: the same again, 4 bytes on
//!             else ─► 0
//! ```
//!
//! Offsets count from the network header (`SKF_NET_OFF`), as the kernel sees it: it has taken out the
//! outer VLAN tag. The program looks through [`INNER_TAGS`] more; behind that, and behind IPv6
//! extension headers, it knows less than the parser, and the worker that gets the frame hands it over.
//! What a load finds behind the end of a frame is 0 for the whole program: the first shard's, too.

use secgroup_packet::Steering;

use crate::live::sys::socket::Instruction;

/// VLAN tags that the program looks through, beside the one that the kernel took out.
const INNER_TAGS: u32 = 2;

/// Where the network header begins, as loads say it.
const NETWORK: u32 = libc::SKF_NET_OFF.cast_unsigned();
/// The frame's EtherType, as loads say it.
const ETHERTYPE: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PROTOCOL).cast_unsigned();

/// EtherTypes.
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86DD;
const TAGS: [u32; 3] = [0x8100, 0x88A8, 0x9100];

/// Protocols that have ports where the parser looks for them.
const TCP: u32 = 6;
const UDP: u32 = 17;

/// The instructions in use (linux/bpf_common.h, linux/filter.h): A is the accumulator, X the index register, M a memory of words.
mod code {
    /// A = 32, 16, 8 bits of the frame at a constant offset.
    pub(super) const LOAD_WORD: u16 = 0x20;
    pub(super) const LOAD_HALF: u16 = 0x28;
    pub(super) const LOAD_BYTE: u16 = 0x30;
    /// A = 16 bits of the frame at a constant offset from X.
    pub(super) const LOAD_HALF_AT_X: u16 = 0x48;
    /// X = four times the lower half of a byte of the frame.
    pub(super) const LOAD_X_HEADER_LENGTH: u16 = 0xB1;
    /// A = M[k], X = M[k], M[k] = A.
    pub(super) const LOAD_MEMORY: u16 = 0x60;
    pub(super) const LOAD_X_MEMORY: u16 = 0x61;
    pub(super) const STORE: u16 = 0x02;
    /// X = A.
    pub(super) const A_TO_X: u16 = 0x07;
    /// A = A + X, A * k, A >> k, A modulo k.
    pub(super) const ADD_X: u16 = 0x0C;
    pub(super) const MULTIPLY: u16 = 0x24;
    pub(super) const SHIFT_RIGHT: u16 = 0x74;
    pub(super) const MODULO: u16 = 0x94;
    /// Skips `jt` instructions where A equals k, where A has a bit of k; otherwise `jf`.
    pub(super) const JUMP_EQUAL: u16 = 0x15;
    pub(super) const JUMP_ANY_BIT: u16 = 0x45;
    /// Ends with k, with A.
    pub(super) const RETURN: u16 = 0x06;
    pub(super) const RETURN_A: u16 = 0x16;
}

/// Places of the program's memory.
const SUM: u32 = 0;
const PORT: u32 = 1;

/// The program for one function and number of shards, which is not 0.
pub(super) fn program(steering: Steering, shards: u16) -> Vec<Instruction> {
    let mut program = vec![plain(code::LOAD_WORD, ETHERTYPE)];
    let finish = finish(steering, shards);
    for tags in 0..=INNER_TAGS {
        let network = NETWORK.wrapping_add(tags * 4);
        let (ipv4, ipv6) = (ipv4(network, &finish), ipv6(network, &finish));
        program.extend(dispatch(ipv4.len(), ipv6.len(), tags < INNER_TAGS));
        program.extend(ipv4);
        program.extend(ipv6);
        if tags < INNER_TAGS {
            // A tag goes on here: behind its own two bytes is the next EtherType.
            program.push(plain(code::LOAD_HALF, network.wrapping_add(2)));
        }
    }
    program
}

/// Where to go by the EtherType in A: `ipv4` instructions follow, then `ipv6`, then what a tag does.
fn dispatch(ipv4: usize, ipv6: usize, tags: bool) -> Vec<Instruction> {
    // Targets count from the end of these instructions, the last of which ends with 0.
    let mut jumps = vec![(IPV4, 0), (IPV6, ipv4)];
    if tags {
        jumps.extend(TAGS.map(|tag| (tag, ipv4 + ipv6)));
    }
    let count = jumps.len();
    let mut dispatch: Vec<_> = jumps
        .into_iter()
        .enumerate()
        .map(|(place, (ethertype, target))| {
            let between = count - place; // the jumps behind this one, and the end
            jump(code::JUMP_EQUAL, ethertype, between + target, 0)
        })
        .collect();
    dispatch.push(plain(code::RETURN, 0));
    dispatch
}

/// What an IPv4 packet at `network` returns.
fn ipv4(network: u32, finish: &[Instruction]) -> Vec<Instruction> {
    let at = |offset| network.wrapping_add(offset);
    let ports = vec![
        plain(code::LOAD_X_HEADER_LENGTH, network),
        plain(code::LOAD_HALF_AT_X, network),
        plain(code::STORE, PORT),
        plain(code::LOAD_HALF_AT_X, at(2)),
        plain(code::LOAD_X_MEMORY, PORT),
        plain(code::ADD_X, 0),
        plain(code::LOAD_X_MEMORY, SUM),
        plain(code::ADD_X, 0),
        plain(code::STORE, SUM),
    ];
    let mut program = sum_of_words(at(12), 2);
    program.extend(unless_ports(at(9), ports.len() + 2));
    // More fragments, or an offset: the first fragment goes with the others.
    program.push(plain(code::LOAD_HALF, at(6)));
    program.push(jump(code::JUMP_ANY_BIT, 0x3FFF, ports.len(), 0));
    program.extend(ports);
    program.extend_from_slice(finish);
    program
}

/// What an IPv6 packet at `network` returns.
fn ipv6(network: u32, finish: &[Instruction]) -> Vec<Instruction> {
    let at = |offset| network.wrapping_add(offset);
    let ports = vec![
        plain(code::LOAD_HALF, at(40)),
        plain(code::A_TO_X, 0),
        plain(code::LOAD_HALF, at(42)),
        plain(code::ADD_X, 0),
        plain(code::LOAD_X_MEMORY, SUM),
        plain(code::ADD_X, 0),
        plain(code::STORE, SUM),
    ];
    let mut program = sum_of_words(at(8), 8);
    program.extend(unless_ports(at(6), ports.len()));
    program.extend(ports);
    program.extend_from_slice(finish);
    program
}

/// M[SUM] = the sum of `count` words from `offset` on.
fn sum_of_words(offset: u32, count: u32) -> Vec<Instruction> {
    let mut program = vec![plain(code::LOAD_WORD, offset)];
    for word in 1..count {
        program.push(plain(code::A_TO_X, 0));
        program.push(plain(code::LOAD_WORD, offset.wrapping_add(word * 4)));
        program.push(plain(code::ADD_X, 0));
    }
    program.push(plain(code::STORE, SUM));
    program
}

/// Skips `skipped` instructions unless the protocol at `offset` has ports.
fn unless_ports(offset: u32, skipped: usize) -> [Instruction; 3] {
    [
        plain(code::LOAD_BYTE, offset),
        jump(code::JUMP_EQUAL, TCP, 1, 0),
        jump(code::JUMP_EQUAL, UDP, 0, skipped),
    ]
}

/// Returns the shard of M[SUM].
fn finish(steering: Steering, shards: u16) -> [Instruction; 5] {
    [
        plain(code::LOAD_MEMORY, SUM),
        plain(code::MULTIPLY, steering.multiplier()),
        plain(code::SHIFT_RIGHT, 16),
        plain(code::MODULO, u32::from(shards)),
        plain(code::RETURN_A, 0),
    ]
}

const fn plain(code: u16, k: u32) -> Instruction {
    Instruction {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

/// A jump. The program is short: its jumps fit, as the tests show by running every one of them.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the longest jump, over both families, is below 100 instructions"
)]
const fn jump(code: u16, k: u32, jt: usize, jf: usize) -> Instruction {
    Instruction {
        code,
        jt: jt as u8,
        jf: jf as u8,
        k,
    }
}

#[cfg(test)]
mod tests;

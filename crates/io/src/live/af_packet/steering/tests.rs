//! The program against the function that it stands for, on an interpreter of its instructions that
//! knows nothing of either (linux/Documentation/networking/filter.rst).

use secgroup_packet::{Frame, LinkType, Parsed};
use secgroup_testkit::frame;
use secgroup_testkit::rng::Rng;

use super::*;

/// Runs a program over a frame as the kernel shows it to a socket: network header at `network`,
/// `ethertype` of what begins there. A load from behind the end ends with 0.
fn run(program: &[Instruction], ethertype: u16, network: &[u8]) -> u32 {
    let (mut a, mut x, mut memory) = (0_u32, 0_u32, [0_u32; 16]);
    let mut at = 0;
    let load = |offset: u32, len: usize| -> Option<u32> {
        if offset == (-0x1000_i32).cast_unsigned() {
            return Some(u32::from(ethertype));
        }
        let start = usize::try_from(offset.wrapping_add(0x10_0000)).unwrap();
        let bytes = network.get(start..start + len)?;
        Some(
            bytes
                .iter()
                .fold(0, |sum, &byte| sum << 8 | u32::from(byte)),
        )
    };
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        let loaded = match code {
            0x20 => load(k, 4).map(|value| a = value),
            0x28 => load(k, 2).map(|value| a = value),
            0x30 => load(k, 1).map(|value| a = value),
            0x48 => load(k.wrapping_add(x), 2).map(|value| a = value),
            0xB1 => load(k, 1).map(|value| x = (value & 15) * 4),
            _ => Some(()),
        };
        if loaded.is_none() {
            return 0;
        }
        let jump = |taken: bool| usize::from(if taken { jt } else { jf });
        match code {
            0x20 | 0x28 | 0x30 | 0x48 | 0xB1 => {}
            0x60 => a = memory[k as usize],
            0x61 => x = memory[k as usize],
            0x02 => memory[k as usize] = a,
            0x07 => x = a,
            0x0C => a = a.wrapping_add(x),
            0x24 => a = a.wrapping_mul(k),
            0x74 => a >>= k,
            0x94 => a %= k,
            0x15 => at += jump(a == k),
            0x45 => at += jump(a & k != 0),
            0x06 => return k,
            0x16 => return a,
            other => panic!("no instruction {other:#x}"),
        }
    }
}

/// What the program makes of a frame whose outer tag, if it has one, the kernel took out.
fn steer(program: &[Instruction], frame: &[u8]) -> u32 {
    let ethertype = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let tag = if matches!(ethertype(12), 0x8100 | 0x88A8) {
        4
    } else {
        0
    };
    run(program, ethertype(12 + tag), &frame[14 + tag..])
}

fn shard_of(steering: Steering, shards: u16, bytes: &[u8]) -> u32 {
    let frame = Frame {
        link: LinkType::Ethernet,
        data: bytes,
        wire_len: u32::try_from(bytes.len()).unwrap(),
    };
    let Ok(Parsed::Ip(packet)) = frame.parse() else {
        panic!("the frame was made to be read");
    };
    steering.of_packet(&packet) % u32::from(shards)
}

/// A packet of any kind for which both know all that there is to know.
fn any_frame(rng: &mut Rng) -> Vec<u8> {
    let v6 = rng.chance(1, 2);
    let mut address = || {
        if v6 {
            std::net::Ipv6Addr::from(rng.bytes(16).try_into().map(u128::from_be_bytes).unwrap())
                .to_string()
        } else {
            std::net::Ipv4Addr::from(rng.bytes(4).try_into().map(u32::from_be_bytes).unwrap())
                .to_string()
        }
    };
    let (from, to) = (address(), address());
    let mut end = |address: &str| {
        let port = rng.below(65_536);
        if v6 {
            format!("[{address}]:{port}")
        } else {
            format!("{address}:{port}")
        }
    };
    let (src, dst) = (end(&from), end(&to));
    let kind = rng.below(4);
    let mut made = match kind {
        0 => frame::tcp(&src, &dst, "A", b"segment of some length"),
        1 => frame::ping(&from, &to, 7, 1),
        2 => frame::raw_proto(&from, &to, 132, &rng.bytes(30)),
        _ => frame::udp(&src, &dst, b"datagram of some length"),
    };
    if !v6 && rng.chance(1, 3) {
        made = frame::with_ipv4_options(made, &[1, 1, 1, 1, 1, 1, 1, 0]);
    }
    if kind != 1 && rng.chance(1, 4) {
        made = rng.pick(&frame::fragments(&made, &[24])).clone();
    }
    match rng.below(4) {
        0 => frame::with_vlan(made, 9),
        1 => frame::with_qinq(made, 9, 10),
        _ => made,
    }
}

#[test]
fn the_program_is_the_function() {
    let seed = 0x57ee_5eed;
    println!("seed {seed:#x}");
    let mut rng = Rng::new(seed);
    for round in 0..40 {
        let steering = Steering::new(rng.next_u64());
        let shards = u16::try_from(1 + rng.below(64)).unwrap();
        let program = program(steering, shards);
        for _ in 0..250 {
            let made = any_frame(&mut rng);
            assert_eq!(
                steer(&program, &made),
                shard_of(steering, shards, &made),
                "round {round}: {made:02x?}"
            );
        }
    }
}

#[test]
fn what_it_does_not_know_is_the_first_shards() {
    let program = program(Steering::new(1), 4);
    assert_eq!(steer(&program, &frame::arp("192.0.2.1", "192.0.2.2")), 0);
    let cut = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"");
    assert_eq!(steer(&program, &cut[..20]), 0);
    let five = (0..5).fold(cut, |frame, tag| frame::with_vlan(frame, tag));
    assert_eq!(steer(&program, &five), 0);
}

#[test]
fn behind_an_extension_header_addresses_decide() {
    let steering = Steering::new(3);
    let program = program(steering, 64);
    let (src, dst) = ("[2001:db8::1]:40000", "[2001:db8::2]:443");
    let plain = frame::tcp(src, dst, "S", b"");
    let hidden = frame::with_extensions(plain.clone(), &[(60, 8)]);
    let ping = frame::ping("2001:db8::1", "2001:db8::2", 1, 1);
    assert_eq!(steer(&program, &hidden), steer(&program, &ping));
    assert_ne!(steer(&program, &hidden), steer(&program, &plain));
}

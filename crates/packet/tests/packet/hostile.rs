//! No bytes whatever make the parser panic, and what it says of them lies within them.

use proptest::collection::vec;
use proptest::prelude::*;
use secgroup_packet::{Direction, Frame, InterfaceIndex, LinkType, Packet, Parsed};

use crate::build::{damage, damaged, ipv4, ipv6};

const LINKS: [LinkType; 8] = [
    LinkType::Ethernet,
    LinkType::RawIp,
    LinkType::Ipv4,
    LinkType::Ipv6,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
    LinkType::Null,
    LinkType::Loop,
];

/// Asks a frame everything that it can be asked.
fn interrogate(frame: Frame<'_>, stranger: Option<&Packet>) -> Result<(), TestCaseError> {
    let _ = frame.macs();
    if let Some(packet) = stranger {
        let _ = frame.verify_checksums(packet);
        let _ = packet.quoted_flow_key(&frame, InterfaceIndex(0), Direction::Egress);
    }
    match frame.parse() {
        Ok(Parsed::Ip(packet)) => {
            let l3 = u32::from(packet.l3_offset);
            let l4 = u32::from(packet.l4_offset);
            prop_assert!(l3 + 20 <= l4 && l4 <= l3 + packet.ip_len);
            prop_assert!(l3 + packet.ip_len <= frame.wire_len);
            prop_assert!(usize::from(packet.l4_offset) <= frame.data.len());
            if let Some(fragment) = packet.fragment {
                prop_assert!(fragment.offset.checked_add(fragment.len).is_some());
                prop_assert!(fragment.more || fragment.offset > 0);
            }
            for direction in Direction::BOTH {
                let _ = packet.flow_key(InterfaceIndex(0), direction);
                let _ = packet.quoted_flow_key(&frame, InterfaceIndex(0), direction);
            }
            let _ = frame.verify_checksums(&packet);
        }
        Ok(Parsed::NotIp(ethertype)) => prop_assert!(!matches!(ethertype, 0x0800 | 0x86DD)),
        Err(error) => {
            prop_assert!(error.offset() <= frame.wire_len);
            prop_assert!(!error.to_string().is_empty());
        }
    }
    Ok(())
}

/// How much longer the frame was on the wire.
fn unseen() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), 0..2_000_u32, any::<u32>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_bytes(data in vec(any::<u8>(), 0..300), unseen in unseen()) {
        let wire_len = u32::try_from(data.len()).unwrap().saturating_add(unseen);
        for link in LINKS {
            interrogate(Frame { link, data: &data, wire_len }, None)?;
        }
    }

    #[test]
    fn damaged_packets(
        packet in prop_oneof![ipv4(), ipv6()],
        damage in damage(),
        link in prop::sample::select(LINKS.as_slice()),
        header in vec(prop_oneof![Just(8), Just(0), Just(0x81), any::<u8>()], 0..24),
        unseen in unseen(),
        other in prop_oneof![ipv4(), ipv6()],
    ) {
        let data = [header, damaged(packet, &damage)].concat();
        let wire_len = u32::try_from(data.len()).unwrap().saturating_add(unseen);
        let stranger = crate::whole(LinkType::RawIp, &other).parse();
        let stranger = match &stranger {
            Ok(Parsed::Ip(packet)) => Some(packet),
            _ => None,
        };
        interrogate(Frame { link, data: &data, wire_len }, stranger)?;
    }

    #[test]
    fn long_chains_of_extension_headers(lens in vec(any::<u8>(), 0..20), quoted in any::<bool>()) {
        // Sixteen headers of 2048 bytes, alone or quoted by an error behind sixteen others: as
        // far into a frame as a header can lie.
        let mut chain = vec![];
        for &len in &lens {
            chain.extend([60, len]);
            chain.resize(chain.len() + 6 + 8 * usize::from(len), 0);
        }
        let header = |next: u8, len: usize| {
            let mut header = vec![0; 40];
            header[0] = 0x60;
            header[4..6].copy_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
            header[6] = next;
            header
        };
        let mut data = [header(60, chain.len()), chain.clone()].concat();
        if quoted && !lens.is_empty() {
            let mut outer = chain;
            let last = outer.len() - 8 * (usize::from(lens[lens.len() - 1]) + 1);
            outer[last] = 58;
            outer.extend([1, 0, 0, 0, 0, 0, 0, 0]);
            outer.extend(data);
            data = [header(60, outer.len()), outer].concat();
        }
        interrogate(crate::whole(LinkType::Ipv6, &data), None)?;
    }
}

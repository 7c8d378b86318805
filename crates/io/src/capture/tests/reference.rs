//! The same capture as read by the pcap-parser crate, which is not our reader's word for it.

use std::io;

use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{
    Block, InterfaceDescriptionBlock, Linktype, PcapBlockOwned, PcapError, create_reader,
};

use super::Owned;

/// What pcap-parser says of one packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// In nanoseconds; `None` where it cannot tell: no time, an offset, or a resolution other than
    /// microseconds and nanoseconds.
    time: Option<u64>,
    link: u16,
    data: Vec<u8>,
    wire_len: u32,
}

impl Packet {
    /// Whether this is what our reader says.
    pub(super) fn agrees_with(&self, record: &Owned) -> bool {
        let Self {
            time,
            link,
            data,
            wire_len,
        } = self;
        let number = match *link {
            // The numbers of raw IP are one to us.
            12 | 14 => 101,
            number => number,
        };
        time.is_none_or(|time| time == record.time)
            && number == record.link.number()
            && *data == record.data
            && *wire_len.max(&u32::try_from(data.len()).unwrap()) == record.wire_len
    }
}

struct Interface {
    link: u16,
    snap_len: usize,
    /// How many nanoseconds a tick is, if that is 1 or 1000.
    tick: Option<u64>,
}

impl Interface {
    fn of(description: &InterfaceDescriptionBlock<'_>) -> Self {
        let tick = match (description.if_tsresol, description.if_tsoffset) {
            (6, 0) => Some(1000),
            (9, 0) => Some(1),
            _ => None,
        };
        let snap_len = match description.snaplen {
            0 => usize::MAX,
            len => len as usize,
        };
        Self {
            link: number(description.linktype),
            snap_len,
            tick,
        }
    }
}

/// A link type; the upper bits of pcap describe the check sequence.
fn number(link: Linktype) -> u16 {
    u16::try_from(link.0 & 0xffff).unwrap()
}

/// The packets of a capture that pcap-parser can read to the end, else `None`. It knows neither the
/// obsolete packet block of pcapng nor Kuznetzov's modified pcap.
pub(super) fn packets(bytes: &[u8]) -> Option<Vec<Packet>> {
    let is_modified = |magic: [u8; 4]| bytes.starts_with(&magic);
    if is_modified(0xa1b2_cd34_u32.to_le_bytes()) || is_modified(0xa1b2_cd34_u32.to_be_bytes()) {
        return None;
    }
    let mut reader = create_reader(1 << 20, io::Cursor::new(bytes.to_vec())).ok()?;
    let (mut interfaces, mut packets) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok((len, block)) => {
                if !note(&block, &mut interfaces, &mut packets) {
                    return None;
                }
                reader.consume(len);
            }
            Err(PcapError::Eof) => return Some(packets),
            Err(PcapError::Incomplete(_)) => reader.refill().ok()?,
            Err(_) => return None,
        }
    }
}

/// Notes what a block says; `false` where the reference does not know.
fn note(
    block: &PcapBlockOwned<'_>,
    interfaces: &mut Vec<Interface>,
    packets: &mut Vec<Packet>,
) -> bool {
    match block {
        PcapBlockOwned::LegacyHeader(header) => interfaces.push(Interface {
            link: number(header.network),
            snap_len: usize::MAX,
            tick: Some(if header.is_nanosecond_precision() {
                1
            } else {
                1000
            }),
        }),
        PcapBlockOwned::Legacy(record) => {
            let Interface { link, tick, .. } = interfaces[0];
            let fraction = tick.map(|tick| u64::from(record.ts_usec) * tick);
            packets.push(Packet {
                time: fraction.map(|nanos| u64::from(record.ts_sec) * 1_000_000_000 + nanos),
                link,
                data: record.data.to_vec(),
                wire_len: record.origlen,
            });
        }
        PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
        PcapBlockOwned::NG(Block::InterfaceDescription(description)) => {
            interfaces.push(Interface::of(description));
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let Interface { link, tick, .. } = interfaces[packet.if_id as usize];
            let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
            packets.push(Packet {
                time: tick.map(|tick| ticks.saturating_mul(tick)),
                link,
                data: packet.packet_data().to_vec(),
                wire_len: packet.origlen,
            });
        }
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            let Interface { link, snap_len, .. } = interfaces[0];
            let mut data = packet.packet_data().to_vec();
            data.truncate(snap_len);
            packets.push(Packet {
                time: None,
                link,
                data,
                wire_len: packet.origlen,
            });
        }
        // The type is given as it lies in the file, in either byte order.
        PcapBlockOwned::NG(Block::Unknown(unknown)) => {
            return !matches!(unknown.block_type, 2 | 0x0200_0000);
        }
        PcapBlockOwned::NG(_) => {}
    }
    true
}

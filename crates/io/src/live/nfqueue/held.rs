//! The packets that the kernel holds for us, oldest first.
//!
//! The kernel can be told about one packet, or about *all up to* one. The second saves most of the work,
//! and is wrong as soon as an older packet is still undecided: it was handed to another worker, which
//! may say something else. So it is known here which packets wait, for all that settle packets of a
//! queue; and with each the mark that it came with, which a verdict that sets a mark has to preserve.
//!
//! The kernel numbers packets in the order in which they are received, and holds no more than the length of the
//! queue; neither can this list be longer.

use std::collections::VecDeque;

/// A packet that waits for its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeldPacket {
    /// The kernel's number of it.
    pub(super) id: u32,
    /// The mark that it came with.
    pub(super) mark: u32,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Held {
    packets: VecDeque<HeldPacket>,
}

impl Held {
    /// Adds a packet that was received just now.
    pub(super) fn add(&mut self, packet: HeldPacket) {
        self.packets.push_back(packet);
    }

    /// The oldest.
    pub(super) fn oldest(&self) -> Option<u32> {
        self.packets.front().map(|packet| packet.id)
    }

    /// All, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &HeldPacket> {
        self.packets.iter()
    }

    /// The packet of this id, if it waits.
    pub(super) fn get(&self, id: u32) -> Option<HeldPacket> {
        let place = self.place(id)?;
        self.packets.get(place).copied()
    }

    /// Takes a packet out.
    pub(super) fn remove(&mut self, id: u32) {
        if let Some(place) = self.place(id) {
            self.packets.remove(place); // Moves the shorter side; most often there is none.
        }
    }

    fn place(&self, id: u32) -> Option<usize> {
        let first = self.oldest()?;
        // Numbers go round; counted from the oldest they only rise.
        let age = id.wrapping_sub(first);
        self.packets
            .binary_search_by_key(&age, |packet| packet.id.wrapping_sub(first))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_and_removed_in_any_order_and_across_the_end_of_the_numbers() {
        let mut held = Held::default();
        let ids = [u32::MAX - 3, u32::MAX - 1, u32::MAX, 2, 3];
        for id in ids {
            held.add(HeldPacket { id, mark: id / 2 });
        }
        for id in ids {
            assert_eq!(held.get(id), Some(HeldPacket { id, mark: id / 2 }));
        }
        for absent in [0, 1, 4, u32::MAX - 2, u32::MAX - 4] {
            assert_eq!(held.get(absent), None, "{absent}");
            held.remove(absent);
        }
        held.remove(u32::MAX);
        held.remove(u32::MAX - 3);
        assert_eq!(held.oldest(), Some(u32::MAX - 1));
        held.remove(u32::MAX - 1);
        assert_eq!(held.oldest(), Some(2));
        assert_eq!(
            held.iter().map(|packet| packet.id).collect::<Vec<_>>(),
            [2, 3]
        );
    }
}

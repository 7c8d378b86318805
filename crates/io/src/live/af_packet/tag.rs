//! Putting a VLAN tag back to where it was on the wire.

/// Length of a tag, in bytes: its protocol, then priority and VLAN identifier.
pub(super) const LEN: usize = 4;
/// The same, as offsets count.
pub(super) const LEN_U16: u16 = 4;
/// Destination and source address, which go before the tag.
const ADDRESSES: usize = 12;

/// Puts `tag` behind the addresses of the frame that begins [`LEN`] bytes into `bytes`; it then
/// begins at the first.
pub(super) fn put_back(bytes: &mut [u8], [protocol, tag]: [u16; 2]) {
    // What is shorter has no tag that could have been taken out; there is nothing to be done for it.
    if bytes.len() < LEN + ADDRESSES {
        return;
    }
    bytes.copy_within(LEN..LEN + ADDRESSES, 0);
    bytes[ADDRESSES..ADDRESSES + 2].copy_from_slice(&protocol.to_be_bytes());
    bytes[ADDRESSES + 2..ADDRESSES + 4].copy_from_slice(&tag.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use secgroup_testkit::frame;

    use super::*;

    #[test]
    fn a_tag_goes_back_to_where_it_was() {
        let plain = frame::udp("192.0.2.1:1", "192.0.2.2:2", b"payload");
        let mut bytes = [&[0xEE; LEN], plain.as_slice()].concat();
        put_back(&mut bytes, [0x8100, 100]);
        assert_eq!(bytes, frame::with_vlan(plain.clone(), 100));

        let inner = frame::with_vlan(plain.clone(), 7);
        let mut bytes = [&[0xEE; LEN], inner.as_slice()].concat();
        put_back(&mut bytes, [0x88A8, 5]);
        assert_eq!(bytes, frame::with_qinq(plain, 5, 7));
    }

    #[test]
    fn what_is_too_short_to_have_had_one_is_left_alone() {
        let mut bytes = [1; LEN + ADDRESSES - 1];
        put_back(&mut bytes, [0x8100, 100]);
        assert_eq!(bytes, [1; LEN + ADDRESSES - 1]);
    }
}

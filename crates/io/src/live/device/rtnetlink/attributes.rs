//! Attributes: length (2, with these four bytes), type (2), value, padding to four bytes.

/// Bits of a type that are flags.
const FLAGS: u16 = 0xC000;

/// Walks over attributes; ends where one does not fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (header, _) = self.0.split_first_chunk::<4>()?;
        let [len_0, len_1, kind_0, kind_1] = *header;
        let len = usize::from(u16::from_ne_bytes([len_0, len_1]));
        let kind = u16::from_ne_bytes([kind_0, kind_1]) & !FLAGS;
        let value = self.0.get(4..len)?;
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// Appends an attribute.
pub(super) fn push(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let Ok(len) = u16::try_from(value.len() + 4) else {
        return; // names have at most 15 bytes
    };
    message.extend_from_slice(&len.to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// A number.
pub(super) fn number(value: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*value.first_chunk()?))
}

/// Text that ends with a zero byte.
pub(super) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|&byte| byte == 0);
    String::from_utf8_lossy(&value[..end.unwrap_or(value.len())]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_read() {
        let mut bytes = Vec::new();
        push(&mut bytes, 3, b"eth0\0");
        push(&mut bytes, 4 | 0x8000, &1500_u32.to_ne_bytes());
        assert_eq!(bytes.len(), 12 + 8);
        let read: Vec<_> = Attributes(&bytes).collect();
        assert_eq!(read, [(3, &b"eth0\0"[..]), (4, &1500_u32.to_ne_bytes())]);
        assert_eq!(text(read[0].1), "eth0");
        assert_eq!(number(read[1].1), Some(1500));
    }

    #[test]
    fn lengths_that_lie_end_the_walk() {
        for len in [0_u16, 3, 9, u16::MAX] {
            let mut bytes = len.to_ne_bytes().to_vec();
            bytes.extend([1, 0, 1, 2, 3, 4]);
            assert_eq!(Attributes(&bytes).next(), None, "{len}");
        }
        assert_eq!(Attributes(&[4, 0, 1]).next(), None);
        assert_eq!(number(&[1, 2, 3]), None);
    }
}

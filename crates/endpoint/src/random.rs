//! Numbers that nobody can guess: ids, secrets and the names of requests are made of them.
//!
//! The operating system is asked once, when the program starts, and only then can fail. From the 512 bits that it gave, HMAC-SHA-256 makes as many
//! more as are wanted: the n-th draw is the MAC of n, which says nothing of any other draw to whoever does not have the key.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Length of the key: a block of SHA-256, in bytes.
const KEY: usize = 64;

/// A source of numbers that nobody can guess. Several threads draw at a time, and no two get the same draw.
pub struct Random {
    keyed: Hmac<Sha256>,
    drawn: AtomicU64,
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random numbers: {0}")]
pub struct NoRandomness(getrandom::Error);

impl Random {
    /// Begins with what the operating system gives.
    ///
    /// # Errors
    /// It has none.
    pub fn new() -> Result<Self, NoRandomness> {
        let mut key = [0; KEY];
        getrandom::fill(&mut key).map_err(NoRandomness)?;
        Ok(Self::from_key(&key))
    }

    fn from_key(key: &[u8; KEY]) -> Self {
        Self {
            keyed: <Hmac<Sha256> as KeyInit>::new(&(*key).into()),
            drawn: AtomicU64::new(0),
        }
    }

    /// 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> [u8; 32] {
        let draw = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut mac = self.keyed.clone();
        mac.update(&draw.to_be_bytes());
        mac.finalize().into_bytes().into()
    }

    /// 64 bits.
    #[must_use]
    pub fn bits(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// A UUID of version 4 (RFC 9562, 5.4): what a request is called.
    #[must_use]
    pub fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.bytes()[..16]);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = String::with_capacity(36);
        for (place, byte) in bytes.iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push_str(&format!("{byte:02x}"));
        }
        text
    }

    /// `length` characters of `alphabet`, each as likely as any other. The alphabet has 1 to 256 of them.
    #[must_use]
    pub fn text(&self, length: usize, alphabet: &[u8]) -> String {
        // Bytes from this one on would make the first characters likelier than the last ones.
        let fair = 256 - 256 % alphabet.len().max(1);
        let mut text = String::with_capacity(length);
        while text.len() < length && !alphabet.is_empty() {
            let usable = self.bytes();
            let usable = usable.iter().filter(|byte| usize::from(**byte) < fair);
            text.extend(
                usable
                    .take(length - text.len())
                    .map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])),
            );
        }
        text
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn draws_differ() {
        let random = Random::new().unwrap();
        let drawn: BTreeSet<_> = (0..1000).map(|_| random.bits()).collect();
        assert_eq!(drawn.len(), 1000);
        assert_ne!(
            Random::new().unwrap().bytes(),
            Random::new().unwrap().bytes()
        );
    }

    #[test]
    fn a_uuid_is_one_of_version_4() {
        let uuid = Random::from_key(&[7; KEY]).uuid();
        let parts: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    }

    #[test]
    fn texts_use_the_whole_alphabet_fairly() {
        let random = Random::from_key(&[7; KEY]);
        let text = random.text(30_000, b"abc");
        assert_eq!(text.len(), 30_000);
        for letter in ["a", "b", "c"] {
            let count = text.matches(letter).count();
            assert!((9_500..10_500).contains(&count), "{letter}: {count}");
        }
        assert_eq!(random.text(3, b""), "");
    }
}

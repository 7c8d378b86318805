//! What is to be measured, and how large it may be.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::Error;
use crate::workload::flows::Draw;
use crate::workload::frames::{IMIX, SMALL};

/// Most flows.
pub const FLOWS_MAX: u32 = 10_000_000;

/// Most rules: a hundred times what AWS lets an interface have.
pub const RULES_MAX: u32 = 100_000;

/// Most members of the group.
pub const MEMBERS_MAX: u32 = 100_000;

/// Most packets in a burst; the engine takes more in several.
pub const BURST_MAX: u32 = 256;

/// Bytes of the smallest Ethernet frame, with its check sequence.
pub const FRAME_MIN: u16 = 64;

/// Bytes of the largest frame: a jumbo frame of 9000 bytes, its header, a tag, its check sequence.
pub const FRAME_MAX: u16 = 9022;

/// Bytes of a check sequence, which captures and sockets do not show.
const CHECK_SEQUENCE: usize = 4;

/// What is to be measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Connections that are open, 1 to [`FLOWS_MAX`].
    pub flows: u32,
    /// Rules of the security group, 1 to [`RULES_MAX`].
    pub rules: u32,
    /// Interfaces in a group that one more rule refers to, 0 to [`MEMBERS_MAX`]; for 0 there is no such rule.
    pub members: u32,
    /// How long frames are.
    pub size: Size,
    /// Which flow a packet is of.
    pub draw: Draw,
    /// Threads that work at once in the last figure, at least 1; no more than there are CPUs.
    pub workers: u16,
    /// How long each figure is measured, in all its rounds.
    pub time: Duration,
    /// Packets in a burst, 1 to [`BURST_MAX`].
    pub burst: u32,
    /// What else is measured, at several sizes.
    pub sweeps: Vec<Sweep>,
}

impl Default for Plan {
    /// A busy host: a million flows, 60 rules (the default quota of a group), small frames.
    fn default() -> Self {
        Self {
            flows: 1_000_000,
            rules: 60,
            members: 0,
            size: Size::Bytes(FRAME_MIN),
            draw: Draw::Uniform,
            workers: 1,
            time: Duration::from_secs(1),
            burst: 32,
            sweeps: Vec::new(),
        }
    }
}

impl Plan {
    /// Whether every number is in its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let workers = u32::from(self.workers);
        for (what, least, most, found) in [
            ("flows", 1, FLOWS_MAX, self.flows),
            ("rules", 1, RULES_MAX, self.rules),
            ("members", 0, MEMBERS_MAX, self.members),
            ("burst", 1, BURST_MAX, self.burst),
            ("workers", 1, u32::from(u16::MAX), workers),
        ] {
            if !(least..=most).contains(&found) {
                return Err(Error::Range {
                    what,
                    least,
                    most,
                    found,
                });
            }
        }
        Ok(())
    }
}

/// What grows while all else stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sweep {
    /// Connections, 1k to 10M.
    Flows,
    /// Rules, 1 to 100k.
    Rules,
    /// Members of a group, 1 to 100k.
    Members,
}

impl Sweep {
    /// All.
    pub const ALL: [Self; 3] = [Self::Flows, Self::Rules, Self::Members];

    /// `flows`, `rules` or `members`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Rules => "rules",
            Self::Members => "members",
        }
    }
}

/// How long frames are, with their check sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// All alike, [`FRAME_MIN`] to [`FRAME_MAX`] bytes.
    Bytes(u16),
    /// Of twelve frames seven have 64 bytes, four 594 and one 1518.
    Imix,
}

impl Size {
    /// The bytes of the frame at `place` as a socket shows it.
    #[must_use]
    pub fn at(self, place: usize) -> usize {
        match self {
            Self::Bytes(bytes) => usize::from(bytes).saturating_sub(CHECK_SEQUENCE).max(SMALL),
            Self::Imix => IMIX[place % IMIX.len()],
        }
    }

    /// The mean of [`at`](Self::at), rounded up.
    #[must_use]
    pub fn mean(self) -> usize {
        (0..IMIX.len())
            .map(|place| self.at(place))
            .sum::<usize>()
            .div_ceil(IMIX.len())
    }
}

/// Not a size of frames.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not a size of frames: write imix, or bytes from {FRAME_MIN} to {FRAME_MAX}")]
pub struct SizeError(String);

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        if text == "imix" {
            return Ok(Self::Imix);
        }
        let bytes = text.parse().ok();
        bytes
            .filter(|bytes| (FRAME_MIN..=FRAME_MAX).contains(bytes))
            .map(Self::Bytes)
            .ok_or_else(|| SizeError(text.to_owned()))
    }
}

/// `imix`, or the bytes.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => fmt::Display::fmt(bytes, f),
            Self::Imix => f.pad("imix"),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_shown() {
        for text in ["64", "1518", "9022", "imix"] {
            let size: Size = text.parse().unwrap();
            assert_eq!(size.to_string(), text);
        }
        for text in ["63", "9023", "", "-64", "IMIX", "64B", "70000"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn frames_lack_their_check_sequence() {
        assert_eq!(Size::Bytes(64).at(7), 60);
        assert_eq!(Size::Bytes(1518).mean(), 1514);
        // 7 x 60, 4 x 590, 1514.
        assert_eq!(Size::Imix.mean(), (420_usize + 2360 + 1514).div_ceil(12));
    }
}

//! The clock of one interface: what its counts of ticks mean in nanoseconds since the epoch.

use secgroup_packet::Timestamp;

use crate::capture::error::Damage;
use crate::capture::walk::ByteOrder;

/// Option numbers of an interface description block.
const END_OF_OPTIONS: u16 = 0;
const TIMESTAMP_RESOLUTION: u16 = 9;
const TIMESTAMP_OFFSET: u16 = 14;

/// How many decimal digits of a second a nanosecond count keeps.
const NANO_DIGITS: u8 = 9;

/// Unit and offset of an interface's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    tick: Tick,
    digits: u8,
    /// What to add, in seconds.
    offset: i64,
}

/// The length of one tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tick {
    /// So many nanoseconds.
    Nanos(u64),
    /// One nanosecond holds so many.
    PerNano(u64),
    /// Two to the power of minus this, in seconds.
    Binary(u8),
}

impl Clock {
    /// The clock that the options of an interface description give; microseconds since the epoch
    /// without them.
    ///
    /// An option that runs past the block, or has not the length that it has to have, is damage:
    /// times would be wrong.
    pub(super) fn from_options(order: ByteOrder, options: &[u8]) -> Result<Self, Damage> {
        let mut clock = Self::with_resolution(6);
        let mut rest = options;
        while let Some((head, behind)) = rest.split_first_chunk::<4>() {
            let (code, len) = (order.u16(head, 0), order.u16(head, 2));
            if code == END_OF_OPTIONS {
                break;
            }
            let damage = |expected| Damage::InterfaceOption {
                code,
                len,
                expected,
            };
            let value = behind
                .get(..usize::from(len))
                .ok_or_else(|| damage("that it ends within its block"))?;
            match code {
                TIMESTAMP_RESOLUTION => {
                    let &[resolution] = value else {
                        return Err(damage("1"));
                    };
                    clock = Self {
                        offset: clock.offset,
                        ..Self::with_resolution(resolution)
                    };
                }
                TIMESTAMP_OFFSET => {
                    clock.offset = order.i64(value.try_into().map_err(|_| damage("8"))?);
                }
                _ => {}
            }
            rest = behind
                .get(usize::from(len).next_multiple_of(4)..)
                .unwrap_or_default();
        }
        Ok(clock)
    }

    /// The clock of an `if_tsresol` octet: a power of two where the top bit is set, else of ten,
    /// negated.
    fn with_resolution(resolution: u8) -> Self {
        let power = resolution & 0x7f;
        let (tick, digits) = if resolution & 0x80 != 0 {
            // As many digits as a power of two has, which is log10(2) = 0.30103 of its exponent.
            let digits = (u32::from(power) * 30_103).div_ceil(100_000);
            (Tick::Binary(power), u8::try_from(digits).unwrap_or(u8::MAX))
        } else if power <= NANO_DIGITS {
            let nanos = 10_u64.pow(u32::from(NANO_DIGITS - power));
            (Tick::Nanos(nanos), power)
        } else {
            // Where that overflows, 64 bits of ticks never make a nanosecond.
            let per_nano = 10_u64.checked_pow(u32::from(power - NANO_DIGITS));
            (per_nano.map_or(Tick::Nanos(0), Tick::PerNano), power)
        };
        Self {
            tick,
            digits: digits.min(NANO_DIGITS),
            offset: 0,
        }
    }

    /// The time of a count of ticks, cut to whole nanoseconds; saturates at the epoch and in the
    /// year 2554.
    #[inline]
    pub(super) fn time(&self, ticks: u64) -> Timestamp {
        let nanos = match self.tick {
            Tick::Nanos(nanos) => u128::from(ticks) * u128::from(nanos),
            Tick::PerNano(ticks_per_nano) => u128::from(ticks / ticks_per_nano),
            Tick::Binary(power) => (u128::from(ticks) * 1_000_000_000) >> power,
        };
        if self.offset == 0 {
            return Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        }
        let offset = u128::from(self.offset.unsigned_abs()) * 1_000_000_000;
        let shifted = if self.offset < 0 {
            nanos.saturating_sub(offset)
        } else {
            nanos.saturating_add(offset)
        };
        Timestamp::from_nanos(u64::try_from(shifted).unwrap_or(u64::MAX))
    }

    /// How many decimal digits of a second a tick distinguishes, at most 9.
    pub(super) const fn digits(&self) -> u8 {
        self.digits
    }
}

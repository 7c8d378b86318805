//! Which connections the kernel carries on by itself, and until when.
//!
//! Rules that let marked connections through would do so for as long as they are there: also when whoever decides was
//! killed, or cannot change them because another program holds the lock of the tables. So they have an end of their own, a time
//! of day that the kernel compares with its clock (`xt_time`, `meta time`): whoever decides renews them, and where nobody
//! does, every connection comes back to the queues, which drop what nobody listens to.
//!
//! The clock is the one that people set. One that is set back prolongs what is carried by as much, until the next
//! renewal; one that is set forward ends it early, which costs nothing but speed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::live::nfqueue::FlowMark;

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// What rules say of marked connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) mark: FlowMark,
    /// The last second in which they are carried; none where nothing is.
    pub(super) until: Option<SystemTime>,
}

impl Carried {
    /// Nothing, until the [`next`](Self::next): connections of an earlier run may have this mark.
    pub(super) const fn nothing(mark: FlowMark) -> Self {
        Self { mark, until: None }
    }

    /// Another generation for so long, or nothing where it is too early for one.
    pub(super) fn next(self, carry_for: Duration) -> Self {
        self.mark.next().map_or_else(
            || Self::nothing(self.mark),
            |mark| Self {
                mark,
                until: SystemTime::now().checked_add(carry_for),
            },
        )
    }

    /// The mark that connections may be given.
    pub(super) fn usable(self) -> Option<FlowMark> {
        self.until.map(|_| self.mark)
    }

    /// The last second in seconds since 1970; that was over long ago where nothing is carried.
    pub(super) fn last_second(self) -> u64 {
        let since = self.until.map(|until| until.duration_since(UNIX_EPOCH));
        since
            .and_then(Result::ok)
            .map_or(0, |since| since.as_secs())
    }
}

/// A time as `iptables` reads it, in UTC: `2026-11-21T18:55:00`.
pub(super) fn utc(since_1970: u64) -> String {
    let (mut days, second) = (since_1970 / DAY, since_1970 % DAY);
    let mut year = 1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while days >= days_of_month(year, month) {
        days -= days_of_month(year, month);
        month += 1;
    }
    let (day, hour, minute) = (days + 1, second / 3600, second / 60 % 60);
    let second = second % 60;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of_year(year: u64) -> u64 {
    365 + is_leap(year) as u64
}

const fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + is_leap(year) as u64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn times_are_those_of_date() {
        for second in [
            0,
            DAY - 1,
            951_782_399,   // 28 February 2000, which had a 29th
            951_868_799,   // that one
            1_709_251_199, // 29 February 2024
            1_795_287_305,
            2_147_483_647,
            4_107_542_399, // 28 February 2100, which will have no 29th
            4_107_542_400,
        ] {
            let output = Command::new("date")
                .args(["-u", "-d", &format!("@{second}"), "+%Y-%m-%dT%H:%M:%S"])
                .output()
                .unwrap();
            let date = String::from_utf8(output.stdout).unwrap();
            assert_eq!(utc(second), date.trim_end(), "{second}");
        }
    }

    #[test]
    fn what_is_carried_has_an_end_and_at_first_nothing_is() {
        let nothing = Carried::nothing(FlowMark::fresh(0xffff_ffff).unwrap());
        assert_eq!((nothing.usable(), nothing.last_second()), (None, 0));
        let before = SystemTime::now();
        let mut next = nothing;
        while next.usable().is_none() {
            next = next.next(Duration::from_secs(30)); // within a tenth of a millisecond
        }
        assert_ne!(next.usable(), Some(nothing.mark));
        assert!(next.until >= before.checked_add(Duration::from_secs(30)));
        assert!(next.last_second() > 0);
    }
}

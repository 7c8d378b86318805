//! So many a second, and some at once: the limit on what we send or say of our own accord.

use std::time::Duration;

use secgroup_packet::Timestamp;

/// A token bucket (RFC 2697 calls its parts rate and burst size) over a clock that is an argument.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    interval: Duration,
    burst: u32,
    tokens: u32,
    filled: Timestamp,
}

impl Bucket {
    /// Lets `burst` pass at once and then `per_second` in each second; both at least 1.
    pub(crate) fn new(per_second: u32, burst: u32, now: Timestamp) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.max(1),
            burst: burst.max(1),
            tokens: burst.max(1),
            filled: now,
        }
    }

    /// Whether one more may pass at `now`.
    pub(crate) fn take(&mut self, now: Timestamp) -> bool {
        let elapsed = now.saturating_since(self.filled).as_nanos();
        let new = u32::try_from(elapsed / self.interval.as_nanos()).unwrap_or(u32::MAX);
        if new >= self.burst {
            self.tokens = self.burst;
            self.filled = now;
        } else if new > 0 {
            self.tokens = self.tokens.saturating_add(new).min(self.burst);
            self.filled = self.filled.saturating_add(self.interval * new);
        }
        let passes = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let start = Timestamp::from_secs(100);
        let mut bucket = Bucket::new(10, 3, start);
        let passed = |bucket: &mut Bucket, now| (0..20).filter(|_| bucket.take(now)).count();
        assert_eq!(passed(&mut bucket, start), 3);
        let after = |millis| start.saturating_add(Duration::from_millis(millis));
        assert_eq!(passed(&mut bucket, after(99)), 0);
        assert_eq!(
            passed(&mut bucket, after(250)),
            2,
            "250 ms are two and a half"
        );
        assert_eq!(passed(&mut bucket, after(300)), 1, "the half is not lost");
        assert_eq!(
            passed(&mut bucket, after(60_000)),
            3,
            "never more than a burst"
        );
        assert_eq!(
            passed(&mut bucket, start),
            0,
            "a clock that steps back gives nothing"
        );
    }
}

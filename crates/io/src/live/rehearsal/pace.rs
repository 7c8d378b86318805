//! When the next frame of a rehearsal is due.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use secgroup_packet::Timestamp;

/// The timer that says so.
#[derive(Debug)]
pub(super) struct Pace {
    /// Readable when a frame is due: a timer that ran out, and that nobody reads.
    pub(super) timer: OwnedFd,
    paced: bool,
    /// When the first frame was given, and when it was captured.
    start: Option<(Instant, Timestamp)>,
}

impl Pace {
    /// The pace of the capture, or none at all: then every frame is due.
    pub(super) fn new(paced: bool) -> io::Result<Self> {
        let pace = Self {
            paced,
            ..Self::never()?
        };
        pace.set(AT_ONCE)?;
        Ok(pace)
    }

    /// A timer that never runs out, as there are no frames.
    pub(super) fn never() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self {
            timer: timerfd_create(TimerfdClockId::Monotonic, flags)?,
            paced: false,
            start: None,
        })
    }

    /// How long until a frame captured at `time` is due; `None` where it is. The first frame asked
    /// about is.
    pub(super) fn until(&mut self, time: Timestamp) -> Option<Duration> {
        if !self.paced {
            return None;
        }
        let &mut (began, first) = self.start.get_or_insert_with(|| (Instant::now(), time));
        // A capture may go back in time: such a frame comes at once.
        let after = time.saturating_since(first);
        let wait = after.saturating_sub(began.elapsed());
        (!wait.is_zero()).then_some(wait)
    }

    /// Lets the timer run out in `wait`, which is not zero.
    pub(super) fn wake_in(&self, wait: Duration) -> io::Result<()> {
        self.set(wait)
    }

    /// Lets the timer have run out.
    pub(super) fn wake_now(&self) -> io::Result<()> {
        // Without a pace it ran out at the start, and stays so.
        if self.paced {
            self.set(AT_ONCE)
        } else {
            Ok(())
        }
    }

    fn set(&self, wait: Duration) -> io::Result<()> {
        let zero = Timespec::default();
        let value = Timespec::try_from(wait).unwrap_or(Timespec {
            tv_sec: i64::MAX,
            ..zero
        });
        let setting = Itimerspec {
            it_interval: zero,
            it_value: value,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting)?;
        Ok(())
    }
}

/// The shortest time that a timer knows; zero would stop it.
const AT_ONCE: Duration = Duration::from_nanos(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_far_apart_as_they_were() {
        let mut pace = Pace::new(true).unwrap();
        let at = Timestamp::from_nanos;
        assert_eq!(pace.until(at(5_000_000_000)), None, "the first is due");
        let hour = pace.until(at(3_605_000_000_000)).unwrap();
        assert!(hour <= Duration::from_secs(3600) && hour > Duration::from_secs(3500));
        assert_eq!(pace.until(at(1)), None, "before the first");
        assert_eq!(Pace::new(false).unwrap().until(at(u64::MAX)), None);
    }
}

//! One file descriptor for all that a port waits for: frames, news of its device, and an alarm.
//!
//! An AF_XDP socket says nothing when its device goes down or away, so that waiting for it alone would be for
//! ever. An epoll instance is itself something that can be waited for.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

/// When a device that was full is tried again: time enough to send a hundred frames at 1 Gbit/s.
const AGAIN: Duration = Duration::from_millis(1);

/// What may be readable.
const FRAMES: u64 = 0;
const FAULT: u64 = 1;
const NEWS: u64 = 2;
const ALARM: u64 = 3;

/// All of them in one.
#[derive(Debug)]
pub(super) struct Wake {
    epoll: OwnedFd,
    alarm: OwnedFd,
    is_set: bool,
}

/// What is readable, frames apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Woken {
    /// The socket that hears of the device has an error.
    pub(super) fault: bool,
    /// Some device of the namespace has changed.
    pub(super) news: bool,
    /// The [alarm](Wake::set_alarm) is due.
    pub(super) alarm: bool,
}

impl Wake {
    /// Waits for `frames`, for errors of `fault`, and for `news`.
    pub(super) fn new(
        frames: BorrowedFd<'_>,
        fault: BorrowedFd<'_>,
        news: BorrowedFd<'_>,
    ) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let alarm = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let add = |fd, what, events| epoll::add(&epoll, fd, EventData::new_u64(what), events);
        add(frames, FRAMES, EventFlags::IN)?;
        // Errors are always reported.
        add(fault, FAULT, EventFlags::empty())?;
        add(news, NEWS, EventFlags::IN)?;
        add(alarm.as_fd(), ALARM, EventFlags::IN)?;
        Ok(Self {
            epoll,
            alarm,
            is_set: false,
        })
    }

    /// What is readable now.
    pub(super) fn woken(&self) -> io::Result<Woken> {
        let mut events: Vec<Event> = Vec::with_capacity(4);
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&at_once))?;
        let is = |what| events.iter().any(|event| event.data.u64() == what);
        Ok(Woken {
            fault: is(FAULT),
            news: is(NEWS),
            alarm: is(ALARM),
        })
    }

    /// Wakes in a millisecond, or not at all.
    pub(super) fn set_alarm(&mut self, on: bool) {
        if !on && !self.is_set {
            return;
        }
        let nanoseconds = if on { AGAIN.subsec_nanos() } else { 0 };
        let none = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let once = Itimerspec {
            it_interval: none,
            it_value: Timespec {
                tv_nsec: nanoseconds.into(),
                ..none
            },
        };
        // It fails for values out of range, and these are in it.
        if timerfd_settime(&self.alarm, TimerfdTimerFlags::empty(), &once).is_ok() {
            self.is_set = on;
        }
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

//! Waiting for something to come true, never for time to pass.
//!
//! A test that sleeps is either slow or wrong; one that asks again and again until a bounded deadline is as fast as what
//! it waits for, and says what it was that did not happen.

use std::time::{Duration, Instant};

/// Between two questions: short beside a process that starts, long beside a system call.
const PAUSE: Duration = Duration::from_millis(2);

/// How long anything in a test may take that is not meant to fail: generous, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What `ask` gives as soon as it gives something; asked at least once, and until `within` has passed.
#[must_use]
pub fn maybe<T>(within: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

/// What `ask` gives as soon as it gives something.
///
/// # Panics
/// Where it gives nothing within [`PATIENCE`]; `what` says for what it was waited.
#[track_caller]
pub fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    maybe(PATIENCE, ask).unwrap_or_else(|| panic!("waited in vain for {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_until_there_is_an_answer() {
        let mut asked = 0;
        let answer = until("the third question", || {
            asked += 1;
            (asked == 3).then_some("yes")
        });
        assert_eq!((answer, asked), ("yes", 3));
    }

    #[test]
    fn it_asks_once_where_there_is_no_time_at_all() {
        assert_eq!(maybe(Duration::ZERO, || Some(1)), Some(1));
        assert_eq!(maybe(Duration::ZERO, || None::<u8>), None);
    }
}

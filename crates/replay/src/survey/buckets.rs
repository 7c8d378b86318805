//! Time in stretches of equal length, of which there are never more than [`MOST`]: where they would not reach, each two become one. So a
//! second and a year take the same memory, and either has a hundred stretches and more.

use std::time::Duration;

use secgroup_packet::Timestamp;

/// Most stretches; an even number.
pub(crate) const MOST: usize = 240;

/// How long the first ones are, in nanoseconds: 1/512 s. Every later length is a power of two of it, so whole seconds come out.
const FIRST: u64 = 1_000_000_000 / 512;

/// What one stretch holds.
pub(crate) trait Stretch: Default {
    /// Takes in the stretch that follows.
    fn join(&mut self, next: Self);
}

/// See the top of this file.
#[derive(Debug, Clone)]
pub(crate) struct Buckets<T> {
    start: Timestamp,
    /// In nanoseconds. As a wider type than times are: that of the last doubling may lie beyond them.
    width: u128,
    stretches: Vec<T>,
}

impl<T: Stretch> Buckets<T> {
    /// None yet; time begins at `start`.
    pub(crate) const fn new(start: Timestamp) -> Self {
        Self {
            start,
            width: FIRST as u128,
            stretches: Vec::new(),
        }
    }

    /// The stretch that `time` lies in; the first for what lies before it.
    pub(crate) fn at(&mut self, time: Timestamp) -> &mut T {
        let index = self.index(time);
        let index = index.unwrap_or_else(|| self.widen(time));
        if self.stretches.len() <= index {
            self.stretches.resize_with(index + 1, T::default);
        }
        &mut self.stretches[index]
    }

    /// Where the stretch ends that `time` lies in, or would after a call of [`at`](Self::at); `None` where no time reaches.
    pub(crate) fn end_of(&self, time: Timestamp) -> Option<Timestamp> {
        let since = u128::from(time.as_nanos().saturating_sub(self.start.as_nanos()));
        let end = u128::from(self.start.as_nanos()) + (since / self.width + 1) * self.width;
        u64::try_from(end).ok().map(Timestamp::from_nanos)
    }

    /// How long a stretch is.
    pub(crate) fn width(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.width).unwrap_or(u64::MAX))
    }

    /// When the first stretch begins.
    pub(crate) const fn start(&self) -> Timestamp {
        self.start
    }

    /// All of them, from the first to the last that something lies in.
    pub(crate) fn into_stretches(self) -> Vec<T> {
        self.stretches
    }

    fn index(&self, time: Timestamp) -> Option<usize> {
        let since = u128::from(time.as_nanos().saturating_sub(self.start.as_nanos()));
        let index = usize::try_from(since / self.width).ok();
        index.filter(|index| *index < MOST)
    }

    /// Doubles the length until `time` lies in one of them; in which.
    fn widen(&mut self, time: Timestamp) -> usize {
        loop {
            self.width *= 2;
            let mut old = std::mem::take(&mut self.stretches).into_iter();
            while let Some(mut one) = old.next() {
                if let Some(next) = old.next() {
                    one.join(next);
                }
                self.stretches.push(one);
            }
            if let Some(index) = self.index(time) {
                return index;
            }
        }
    }
}

#[cfg(test)]
mod tests;

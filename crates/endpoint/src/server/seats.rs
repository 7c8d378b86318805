//! Who has how many connections: one source must not take those of everybody.
//!
//! A source is an IPv4 address, or the /64 of an IPv6 one, since whoever has one address of a /64 can have them all. Loopback is a source like
//! others: what runs on this host can be as hostile, and what is behind a proxy on it gets its connections from the proxy.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bits of an IPv6 address that say whose it is.
const OWNER: u128 = u128::MAX << 64;

/// The connections that may be had.
#[derive(Debug)]
pub(super) struct Seats {
    free: Arc<Semaphore>,
    per_source: usize,
    /// No more entries than connections: one that falls to zero is taken away.
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection that is had; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    _permit: OwnedSemaphorePermit,
    source: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Seats {
    pub(super) fn new(all: usize, per_source: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(all)),
            per_source,
            taken: Arc::default(),
        }
    }

    /// A connection for `address`, unless its source or all together have too many.
    pub(super) fn take(&self, address: IpAddr) -> Option<Seat> {
        let source = source_of(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.get(&source).copied().unwrap_or_default() >= self.per_source {
            return None;
        }
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        *taken.entry(source).or_default() += 1;
        Some(Seat {
            _permit: permit,
            source,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & OWNER).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn sources_are_counted_apart_and_together() {
        let seats = Seats::new(3, 2);
        let first = seats.take(address("192.0.2.1")).unwrap();
        let _second = seats.take(address("::ffff:192.0.2.1")).unwrap();
        assert!(seats.take(address("192.0.2.1")).is_none());
        drop(first);
        let _again = seats.take(address("192.0.2.1")).unwrap();
        let other = seats.take(address("2001:db8::1")).unwrap();
        assert!(seats.take(address("192.0.2.2")).is_none(), "three are had");
        drop(other);
        assert_eq!(seats.taken.lock().unwrap().len(), 1);
    }

    #[test]
    fn an_ipv6_network_of_64_bits_is_one_source() {
        let seats = Seats::new(9, 1);
        let _first = seats.take(address("2001:db8:0:1::1")).unwrap();
        assert!(seats.take(address("2001:db8:0:1:ffff::2")).is_none());
        assert!(seats.take(address("2001:db8:0:2::1")).is_some());
    }
}

//! How often the code under test asks for memory, for tests that show that a packet costs none.
//!
//! Only the one who makes a program can choose its allocator, so a test has to:
//!
//! ```
//! use secgroup_testkit::allocations::{Counting, during};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//!
//! assert_eq!(during(|| drop(std::hint::black_box(Box::new(1)))), 1);
//! ```
//!
//! It counts by thread: other tests of the harness do not disturb, and a thread that is watched from inside the code
//! under test (by a port that it asks for frames) reads its own count with [`so_far`].
//!
//! An allocator is an unsafe trait, and this is the one implementation that our tests have.
#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Without a destructor, and made without running code: touching it allocates nothing, at any time of a thread's life.
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, and a count of how often each thread asked it for memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counting;

/// How often this thread has asked for memory, to make a block or to change the size of one; 0 for ever where [`Counting`] is not the
/// allocator of the program.
#[must_use]
pub fn so_far() -> u64 {
    ASKED.get()
}

/// How often this thread asks for memory during `work`.
pub fn during(work: impl FnOnce()) -> u64 {
    let before = so_far();
    work();
    so_far() - before
}

fn count() {
    ASKED.set(ASKED.get() + 1);
}

// SAFETY: every call is passed on to the system's allocator with the same arguments; nothing else happens but counting, which
// neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: what the caller promises of `layout` is what `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: `place` came from here with this layout, and so from `System`.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as for `dealloc`, and what the caller promises of `size` is what `System` asks for.
        unsafe { System.realloc(place, layout, size) }
    }
}

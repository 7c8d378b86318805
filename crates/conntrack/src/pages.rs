//! Memory for a table: in huge pages, where the system has them.
//!
//! A table of a million connections is 75 MB, of which a packet reads 64 bytes anywhere. With pages of 4 KiB nearly every
//! such read also walks the page table; with pages of 2 MiB the processor has the whole table's translations at hand, and a
//! prefetched read takes half the time. Linux gives huge pages to whoever asks (`madvise(2)`, `MADV_HUGEPAGE`) before the memory is
//! touched for the first time. Where it has none, or they are switched off, the memory is as it would have been.
#![allow(unsafe_code)] // The other fence of this crate: one system call.

use std::mem::MaybeUninit;

/// The size of a huge page on every architecture that matters here, in bytes.
const HUGE: usize = 2 << 20;

/// `len` copies of `blank`. All pages are touched now, so that no packet pays for a page fault.
pub(crate) fn filled<T: Copy>(blank: T, len: usize) -> Box<[T]> {
    let mut memory = Vec::with_capacity(len);
    ask_for_huge_pages(memory.spare_capacity_mut());
    memory.resize(len, blank);
    memory.into_boxed_slice()
}

/// Says that the huge pages which lie wholly in `memory` may be that.
fn ask_for_huge_pages<T>(memory: &mut [MaybeUninit<T>]) {
    let start = memory.as_mut_ptr().cast::<u8>();
    let skipped = start.align_offset(HUGE);
    let bytes = size_of_val(memory).saturating_sub(skipped) / HUGE * HUGE;
    if bytes == 0 {
        return;
    }
    // SAFETY: the advice changes how memory is backed and not what is in it; and the range, from the first multiple of 2 MiB in `memory`
    // on and no longer than what is left of it, is memory that only we have. Whether it is taken does not matter.
    let _ = unsafe {
        rustix::mm::madvise(
            start.wrapping_add(skipped).cast(),
            bytes,
            rustix::mm::Advice::LinuxHugepage,
        )
    };
}

#[cfg(test)]
mod tests {
    use super::{HUGE, filled};

    #[test]
    fn memory_is_filled_whether_it_holds_huge_pages_or_not() {
        for bytes in [0, 1, 4096, HUGE - 1, HUGE, 3 * HUGE + 1] {
            let memory = filled(7_u8, bytes);
            assert_eq!(memory.len(), bytes);
            assert!(memory.iter().all(|&byte| byte == 7));
        }
        let words = filled([u64::MAX; 8], HUGE / 16);
        assert!(words.iter().flatten().all(|&word| word == u64::MAX));
    }
}

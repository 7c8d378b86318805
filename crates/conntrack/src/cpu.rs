//! The two things that need an instruction the language has no word for: a prefetch, and sixteen
//! compares at once. The only `unsafe` of this crate.
//!
//! Why: `performance.md` measures 9x between loads that wait for each other and loads that were
//! prefetched; and a bucket of 64 tags is compared in 17 instructions with SSE2, about 110 without.
//! Both functions are safe to call with any argument and have a portable twin of the same meaning.
#![allow(unsafe_code)] // The fence: the rest of the crate denies it.

/// Tags of one bucket: one cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Tags(pub(crate) [u8; 64]);

/// Asks for the cache line that `target` starts in; has no effect that a program could see.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn prefetch<T>(target: &T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing and faults on nothing, whatever the address; and this one is
    // that of a live reference. SSE, which has the instruction, is part of every x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(target).cast()) }
}

/// Asks for the cache line that `target` starts in; this architecture has to do without.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn prefetch<T>(_target: &T) {}

impl Tags {
    /// Bit `i` is set where tag `i` is `tag`.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(crate) fn matches(&self, tag: u8) -> u64 {
        // SAFETY: SSE2 is part of every x86-64.
        unsafe { self.matches_sse2(tag) }
    }

    /// Bit `i` is set where tag `i` is `tag`.
    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    pub(crate) fn matches(&self, tag: u8) -> u64 {
        self.matches_portable(tag)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "sse2")]
    fn matches_sse2(&self, tag: u8) -> u64 {
        use std::arch::x86_64::{
            __m128i, _mm_cmpeq_epi8, _mm_load_si128, _mm_movemask_epi8, _mm_set1_epi8,
        };
        let wanted = _mm_set1_epi8(tag.cast_signed());
        let mut mask = 0;
        for (i, sixteen) in self.0.as_chunks::<16>().0.iter().enumerate() {
            // SAFETY: the chunk is 16 readable bytes, at a multiple of 16 from an address that is
            // a multiple of 64 (`repr(align(64))`), which is the alignment this load asks for.
            let tags = unsafe { _mm_load_si128(sixteen.as_ptr().cast::<__m128i>()) };
            let bits = _mm_movemask_epi8(_mm_cmpeq_epi8(tags, wanted)).cast_unsigned();
            mask |= u64::from(bits) << (16 * i);
        }
        mask
    }

    #[cfg(any(test, not(target_arch = "x86_64")))]
    fn matches_portable(&self, tag: u8) -> u64 {
        let tags = self.0.iter().enumerate();
        tags.fold(0, |mask, (i, &other)| mask | u64::from(other == tag) << i)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Tags;

    proptest! {
        #[test]
        fn both_ways_to_match_tags_agree(
            tags: [u8; 32],
            more: [u8; 32],
            tag: u8,
            at in 0..64_usize,
        ) {
            let mut all = [0; 64];
            all[..32].copy_from_slice(&tags);
            all[32..].copy_from_slice(&more);
            all[at] = tag; // Two random bytes are seldom the same.
            let tags = Tags(all);
            prop_assert!(tags.matches(tag) >> at & 1 == 1);
            prop_assert_eq!(tags.matches(tag), tags.matches_portable(tag));
        }
    }
}

//! What is known of the machine without asking more than its files: CPUs, clock, memory.

use std::hint::black_box;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// The machine that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// The name of the processor, where the kernel tells.
    pub cpu: Option<String>,
    /// CPUs that this process may use.
    pub cpus: usize,
    /// The CPU that one worker stayed on; `null` where it could not be made to stay.
    pub pinned_to: Option<usize>,
    /// Cycles a second, by a chain of additions of which each needs the last one's result.
    pub clock_hz: f64,
    /// Which share of the CPU's time was this process's while it measured, 0 to 1: less than 1 where others ran beside it.
    pub cpu_share: f64,
    /// The release of the kernel.
    pub kernel: Option<String>,
    /// Whether large pages are given to who asks: `always`, `madvise` or `never`.
    pub huge_pages: Option<String>,
    /// Bytes of memory that were available at the start.
    pub available_bytes: Option<u64>,
}

impl Machine {
    /// This machine, seen from a thread that is pinned to `pinned_to`.
    pub(crate) fn this(cpus: usize, pinned_to: Option<usize>) -> Self {
        let huge_pages = file("/sys/kernel/mm/transparent_hugepage/enabled");
        let chosen = huge_pages.as_deref().and_then(|text| {
            let (_, rest) = text.split_once('[')?;
            Some(rest.split_once(']')?.0.to_owned())
        });
        Self {
            cpu: field("/proc/cpuinfo", "model name"),
            cpus,
            pinned_to,
            clock_hz: clock_hz(),
            cpu_share: 1.0,
            kernel: file("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned()),
            huge_pages: chosen,
            available_bytes: available_bytes(),
        }
    }
}

/// The CPUs that this process may use, the highest first: the lowest usually has the interrupts.
pub(crate) fn cpus() -> Vec<usize> {
    let allowed = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    let mut cpus: Vec<_> = (0..CpuSet::MAX_CPU)
        .rev()
        .filter(|cpu| allowed.is_set(*cpu))
        .collect();
    if cpus.is_empty() {
        cpus.push(0);
    }
    cpus
}

/// Makes this thread stay on a CPU; the CPU where that is possible.
pub(crate) fn pin(cpu: usize) -> Option<usize> {
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).ok().map(|()| cpu)
}

/// Pairs of operations between two looks at the clock.
const CHAIN: u64 = 4_000_000;

/// Looks at the clock; the fastest counts.
const LOOKS: u32 = 10;

/// Cycles a second of the CPU that this thread is on.
///
/// A processor's own counter of cycles counts those of a nominal clock, and to read it takes an instruction that safe code does not have. But an addition and an
/// exclusive or take a cycle each on every processor that secgroup is likely to run on, and where each needs the result of the one before, there is nothing to be done at
/// once. So the clock is how many of them fit into a second.
fn clock_hz() -> f64 {
    let mut least = Duration::MAX;
    for _ in 0..LOOKS {
        let (mut a, mut b) = (black_box(1_u64), black_box(2_u64));
        let start = cpu_time();
        for _ in 0..CHAIN {
            a = a.wrapping_add(b);
            b ^= a;
        }
        let elapsed = cpu_time().saturating_sub(start);
        black_box((a, b));
        least = least.min(elapsed);
    }
    2.0 * CHAIN as f64 / least.as_secs_f64()
}

/// For how long this thread has been on a CPU.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanoseconds)
}

/// Bytes that may be taken without harm: what the kernel says is available, and what the control group leaves.
pub(crate) fn available_bytes() -> Option<u64> {
    let free = kilobytes("/proc/meminfo", "MemAvailable");
    free.into_iter().chain(left_in_group()).min()
}

/// What is left of the memory limit of this process's control group; `None` where it has none.
fn left_in_group() -> Option<u64> {
    let groups = file("/proc/self/cgroup")?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let number = |name| -> Option<u64> {
        file(&format!("/sys/fs/cgroup{path}/{name}"))?
            .trim()
            .parse()
            .ok()
    };
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

fn kilobytes(path: &str, name: &str) -> Option<u64> {
    let number = field(path, name)?;
    let kilobytes: u64 = number.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// What stands behind `name:` in a file of the kernel.
fn field(path: &str, name: &str) -> Option<String> {
    file(path)?.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim().to_owned())
    })
}

fn file(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_where_it_is_put() {
        let cpu = cpus()[0];
        let pinned = std::thread::spawn(move || (pin(cpu), cpus()))
            .join()
            .unwrap();
        assert_eq!(pinned, (Some(cpu), vec![cpu]));
    }

    #[test]
    fn the_kernel_tells_of_memory() {
        assert!(available_bytes().unwrap() > 1_000_000);
        assert_eq!(field("/proc/meminfo", "NoSuchField"), None);
    }
}

//! How long criterion looks: short, so that the whole is done in minutes.

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};

/// criterion with short times. What an operation costs here is far above what more samples would
/// still tell, on a machine that is not quiet.
#[must_use]
pub fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .nresamples(2000)
        .configure_from_args()
}

/// A group whose operations take nanoseconds.
pub fn group<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    group
}

/// A group whose iterations take a good part of a second each.
pub fn slow_group<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group
}

/// Measures `routine` on one burst after the other of `items`, round and round; figures are per
/// item.
pub fn bursts<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    items: &[T],
    burst: usize,
    mut routine: impl FnMut(&[T]),
) {
    assert!(items.len() >= burst, "at least one burst");
    group.throughput(Throughput::Elements(burst as u64));
    let mut at = 0;
    group.bench_function(id, |bencher| {
        bencher.iter(|| {
            if at + burst > items.len() {
                at = 0;
            }
            routine(&items[at..at + burst]);
            at += burst;
        });
    });
}

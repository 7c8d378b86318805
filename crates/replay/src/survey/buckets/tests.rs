use proptest::prelude::*;

use super::*;

/// A sum, and the last time that was put in.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Sum(u64);

impl Stretch for Sum {
    fn join(&mut self, next: Self) {
        self.0 += next.0;
    }
}

fn nanos(nanos: u64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

#[test]
fn a_day_fits_in_as_many_stretches_as_a_second() {
    let start = Timestamp::from_secs(1_700_000_000);
    for (seconds, width) in [(1_u64, 1.0 / 128.0), (60, 0.25), (86_400, 512.0)] {
        let mut buckets: Buckets<Sum> = Buckets::new(start);
        for step in 0..1000 {
            let after = Duration::from_secs(seconds) * step / 1000;
            buckets.at(start.saturating_add(after)).0 += 1;
        }
        assert!(
            (buckets.width().as_secs_f64() - width).abs() < 1e-6,
            "{seconds} s: {:?}",
            buckets.width()
        );
        let sums = buckets.into_stretches();
        assert!((MOST / 2..=MOST).contains(&sums.len()), "{}", sums.len());
        assert_eq!(sums.iter().map(|sum| sum.0).sum::<u64>(), 1000);
    }
}

#[test]
fn hostile_times_neither_stop_nor_grow_it() {
    let mut buckets: Buckets<Sum> = Buckets::new(nanos(5));
    for time in [5, 0, u64::MAX, 7, u64::MAX - 1, 1 << 40] {
        buckets.at(nanos(time)).0 += 1;
        assert!(
            buckets
                .end_of(nanos(time))
                .is_none_or(|end| end > nanos(time))
        );
    }
    let sums = buckets.into_stretches();
    assert!(sums.len() <= MOST);
    assert_eq!(
        sums[0].0, 4,
        "5, 0, 7 and 2^40 are next to nothing beside 2^64"
    );
}

proptest! {
    /// However often lengths double, what lies in a stretch is what came in its time.
    #[test]
    fn everything_lies_where_its_time_is(start in 0_u64..1 << 62, mut afters in prop::collection::vec(0_u64..1 << 45, 1..60)) {
        let mut buckets: Buckets<Sum> = Buckets::new(nanos(start));
        for after in &afters {
            buckets.at(nanos(start + after)).0 += 1;
        }
        let width = u64::try_from(buckets.width().as_nanos()).unwrap();
        let sums = buckets.into_stretches();
        prop_assert!(sums.len() <= MOST);
        afters.sort_unstable();
        for (index, sum) in (0_u64..).zip(&sums) {
            let within = |after: &&u64| **after / width == index;
            prop_assert_eq!(sum.0, afters.iter().filter(within).count() as u64);
        }
    }
}

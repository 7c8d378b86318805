//! Families of series, written one after the other in the format of OpenMetrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

/// What all names begin with.
const PREFIX: &str = "secgroup";

/// Names and values of the labels of a series.
pub(super) type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

/// The text of what a collector tells.
pub(super) fn text(collector: impl Collector) -> String {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(collector));
    let mut text = String::new();
    // A String takes all that is written.
    let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
    text
}

/// Where families are written.
pub(super) struct Sheet<'e>(DescriptorEncoder<'e>);

impl<'e> Sheet<'e> {
    pub(super) const fn new(encoder: DescriptorEncoder<'e>) -> Self {
        Self(encoder)
    }

    /// Numbers that only grow. No two rows have the same labels.
    pub(super) fn counters<'a, const N: usize, V: EncodeCounterValue>(
        &mut self,
        name: &str,
        unit: Option<&Unit>,
        help: &str,
        rows: impl IntoIterator<Item = (Labels<'a, N>, V)>,
    ) -> fmt::Result {
        let kind = MetricType::Counter;
        self.family(name, unit, help, kind, rows, ConstCounter::new)
    }

    /// Numbers that rise and fall. No two rows have the same labels.
    pub(super) fn gauges<'a, const N: usize, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        unit: Option<&Unit>,
        help: &str,
        rows: impl IntoIterator<Item = (Labels<'a, N>, V)>,
    ) -> fmt::Result {
        let kind = MetricType::Gauge;
        self.family(name, unit, help, kind, rows, ConstGauge::new)
    }

    /// What does not change, in labels.
    pub(super) fn info(&mut self, name: &str, help: &str, labels: Labels<'_, 1>) -> fmt::Result {
        let mut family = self
            .0
            .encode_descriptor(name, help, None, MetricType::Info)?;
        family.encode_info(&labels)
    }

    /// How often what took how long: by the upper bounds of buckets, in seconds.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        help: &str,
        sum: f64,
        buckets: &[(f64, u64)],
    ) -> fmt::Result {
        let count = buckets.iter().map(|(_, count)| count).sum();
        let unit = Unit::Seconds;
        let kind = MetricType::Histogram;
        let mut family = self.0.encode_descriptor(name, help, Some(&unit), kind)?;
        family.encode_histogram::<NoLabelSet>(sum, count, buckets, None)
    }

    fn family<'a, const N: usize, V, M: EncodeMetric>(
        &mut self,
        name: &str,
        unit: Option<&Unit>,
        help: &str,
        kind: MetricType,
        rows: impl IntoIterator<Item = (Labels<'a, N>, V)>,
        series: impl Fn(V) -> M,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, kind)?;
        for (labels, value) in rows {
            series(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// The unit of shares, 0 to 1.
pub(super) fn ratio() -> Unit {
    Unit::Other("ratio".to_owned())
}

//! A chart: what each colour is, the drawing, and what is said under the pointer.
//!
//! It is drawn twice, for wide and for narrow screens, and the style sheet shows one: a drawing that shrinks takes its numbers with
//! it until nobody can read them.

mod draw;

use maud::{Markup, PreEscaped, html};

use self::draw::{Drawing, draw};
use crate::data::{Chart, Series, Shape};
use crate::words::{duration, grouped};

/// Sizes of a drawing: width and height of what it is for, in CSS pixels.
const WIDE: (u32, u32) = (1080, 200);
const NARROW: (u32, u32) = (360, 190);

/// The chart as HTML.
pub(crate) fn chart(chart: &Chart) -> Markup {
    let narrow = chart.coarser();
    html! {
        div.block.chart-block {
            div.block-head { h3 { (chart.title) } output.readout.scripted-only {} }
            (legend(chart))
            figure.chart-box {
                (drawing("chart wide", chart, WIDE))
                (drawing("chart narrow", &narrow, NARROW))
            }
        }
    }
}

fn legend(chart: &Chart) -> Markup {
    let swatch = match chart.shape {
        Shape::Stacked => "swatch",
        Shape::Lines => "swatch line",
    };
    let figure = |series: &Series| match chart.shape {
        Shape::Stacked => grouped(series.values.iter().flatten().sum()),
        Shape::Lines => format!("{} at most", grouped(series.peak())),
    };
    html! {
        ul.legend {
            @for series in &chart.series {
                li {
                    span class={ (swatch) " " (series.tone.name()) "-mark" } {}
                    b { (series.name) } " " (figure(series))
                }
            }
            @if let Some(limit) = &chart.limit {
                li { span class="swatch dashed warn-mark" {} b { (limit.name) } " " (grouped(limit.value)) }
            }
            @for (seconds, what) in &chart.moments {
                li { span class="swatch dashed other-mark" {} b { (what) } " after " (duration(*seconds)) }
            }
        }
    }
}

fn drawing(class: &str, chart: &Chart, (width, height): (u32, u32)) -> Markup {
    let label = format!(
        "{}: {} per {}",
        chart.title,
        chart.unit,
        duration(chart.seconds)
    );
    let Some(Drawing {
        body,
        size,
        plot,
        places,
    }) = draw(chart, width, height)
    else {
        return html! {};
    };
    html! {
        svg class=(class) viewBox={ "0 0 " (size.0) " " (size.1) } role="img" aria-label=(label) {
            // Nothing but shapes, and numbers of our own making.
            (PreEscaped(body))
            @for (index, (from, until)) in (0..).zip(&places) {
                rect.hit x=(from) y=(plot.0) width=(until - from) height=(plot.1 - plot.0) {
                    title { (chart.says(index)) }
                }
            }
        }
    }
}

impl Chart {
    /// What happened in one stretch, in words.
    fn says(&self, index: usize) -> String {
        let from = self.seconds * index as f64;
        let mut text = match self.shape {
            Shape::Stacked => format!("{} to {}", duration(from), duration(from + self.seconds)),
            Shape::Lines => format!("after {}", duration(from + self.seconds)),
        };
        for (place, series) in self.series.iter().enumerate() {
            let mark = if place == 0 { ": " } else { ", " };
            let value = series.values.get(index).copied().flatten();
            let value = match (value, self.shape) {
                (Some(value), _) => grouped(value),
                (None, Shape::Stacked) => "0".to_owned(),
                (None, Shape::Lines) => "not known".to_owned(),
            };
            text.push_str(&format!("{mark}{} {value}", series.name));
        }
        text
    }

    /// The same with half as many stretches.
    fn coarser(&self) -> Self {
        let merged = |pair: &[Option<u64>]| match self.shape {
            Shape::Stacked => pair.iter().flatten().copied().reduce(u64::saturating_add),
            Shape::Lines => pair.iter().rev().flatten().copied().next(),
        };
        let series = self.series.iter().map(|series| Series {
            values: series.values.chunks(2).map(merged).collect(),
            ..series.clone()
        });
        Self {
            seconds: self.seconds * 2.0,
            series: series.collect(),
            ..self.clone()
        }
    }

    /// How many stretches there are.
    fn len(&self) -> usize {
        self.series
            .iter()
            .map(|series| series.values.len())
            .max()
            .unwrap_or(0)
    }

    /// The most that is drawn in one place.
    fn peak(&self) -> u64 {
        let most = match self.shape {
            Shape::Lines => self.series.iter().map(Series::peak).max(),
            Shape::Stacked => (0..self.len())
                .map(|index| self.sum(index, self.series.len()))
                .max(),
        };
        most.unwrap_or(0)
    }

    /// What the first `count` series have in one stretch.
    fn sum(&self, index: usize, count: usize) -> u64 {
        let values = self
            .series
            .iter()
            .take(count)
            .filter_map(|series| *series.values.get(index)?);
        values.fold(0, u64::saturating_add)
    }
}

impl Series {
    fn peak(&self) -> u64 {
        self.values.iter().flatten().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;

//! One panel: axes, lines, and what each line is.

use plotters::chart::{ChartBuilder, ChartContext, SeriesLabelPosition};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::combinators::IntoLogRange;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::drawing::DrawingArea;
use plotters::element::{Circle, PathElement};
use plotters::prelude::SVGBackend;
use plotters::series::LineSeries;
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, TextStyle};

/// Of what is read first.
pub(super) const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);

/// Of what is read beside.
pub(super) const MUTED: RGBColor = RGBColor(0x57, 0x60, 0x6a);

/// Of what should hardly be seen.
const GRID: RGBColor = RGBColor(0xd8, 0xde, 0xe4);

/// Of the lines, in their order.
const LINES: [RGBColor; 3] = [
    RGBColor(0x05, 0x50, 0xae),
    RGBColor(0xbc, 0x4c, 0x00),
    RGBColor(0x11, 0x63, 0x29),
];

/// Cost by size.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) x: &'static str,
    pub(super) y: &'static str,
    /// Whether the cost goes by powers of ten, too.
    pub(super) is_log: bool,
    pub(super) series: Vec<Series>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

impl Series {
    pub(super) fn new(name: String, points: impl Iterator<Item = (u32, f64)>) -> Self {
        let points = points.map(|(x, y)| (f64::from(x), y)).collect();
        Self { name, points }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Panel {
    /// Draws it; `None` where the back end fails.
    pub(super) fn draw(&self, area: &Area<'_>) -> Option<()> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let least = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::MAX, f64::min);
        let most = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(0.0, f64::max);
        let sizes = (least(|p| p.0)..most(|p| p.0) * 1.02).log_scale();
        let mut builder = ChartBuilder::on(area);
        builder
            .margin(12)
            .margin_right(24)
            .caption(&self.title, text(15, &INK))
            .x_label_area_size(44)
            .y_label_area_size(64);
        if self.is_log {
            let costs = (least(|p| p.1) / 1.5..most(|p| p.1) * 1.5).log_scale();
            self.fill(builder.build_cartesian_2d(sizes, costs).ok()?)
        } else {
            let costs = 0.0..most(|p| p.1) * 1.12;
            self.fill(builder.build_cartesian_2d(sizes, costs).ok()?)
        }
    }

    fn fill<'a, X, Y>(
        &self,
        mut chart: ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>,
    ) -> Option<()>
    where
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        chart
            .configure_mesh()
            .light_line_style(RGBColor(255, 255, 255).mix(0.0))
            .bold_line_style(GRID)
            .axis_style(MUTED)
            .x_desc(self.x)
            .y_desc(self.y)
            .x_labels(12)
            .y_labels(7)
            .x_label_formatter(&|size| size_label(*size))
            .y_label_formatter(&|cost| cost_label(*cost))
            .label_style(text(12, &MUTED))
            .axis_desc_style(text(13, &INK))
            .draw()
            .ok()?;
        for (series, color) in self.series.iter().zip(LINES) {
            let style = ShapeStyle::from(color).stroke_width(2);
            chart
                .draw_series(LineSeries::new(series.points.iter().copied(), style))
                .ok()?
                .label(&series.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
            let dots = series.points.iter();
            chart
                .draw_series(dots.map(|point| Circle::new(*point, 3, color.filled())))
                .ok()?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .margin(8)
            .label_font(text(13, &INK))
            .draw()
            .ok()
    }
}

fn text(size: u32, color: &'static RGBColor) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font()).color(color)
}

/// A power of ten, in the unit that fits.
fn size_label(size: f64) -> String {
    if size >= 1e6 {
        format!("{:.0}M", size / 1e6)
    } else if size >= 1e3 {
        format!("{:.0}k", size / 1e3)
    } else {
        format!("{size:.0}")
    }
}

/// A number with no more digits than it needs.
fn cost_label(cost: f64) -> String {
    if cost >= 10.0 || cost == 0.0 {
        format!("{cost:.0}")
    } else {
        format!("{cost}")
    }
}

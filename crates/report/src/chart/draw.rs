//! The drawing itself, by plotters, in colours of the page.
//!
//! plotters knows colours and no variables, so what is drawn has colours of no meaning, which are exchanged for variables of the palette
//! when the drawing is done: it follows the reader's theme like everything else. Its coordinates are whole numbers: a unit is a quarter of
//! a pixel here, that edges lie where they should.

use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{DashedPathElement, Polygon};
use plotters::prelude::SVGBackend;
use plotters::series::LineSeries;
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, TextStyle};

use crate::data::{Chart, Shape, Tone};
use crate::words::{short, unit_of_time};

/// Units of a pixel.
const FINE: u32 = 4;

/// A drawing, in quarters of pixels.
pub(super) struct Drawing {
    /// What is in the svg element.
    pub(super) body: String,
    /// Width and height.
    pub(super) size: (u32, u32),
    /// Where the plot begins and ends from above.
    pub(super) plot: (i32, i32),
    /// Where each stretch of time begins and ends from the left.
    pub(super) places: Vec<(i32, i32)>,
}

/// The colours of no meaning, and what they stand for.
const COLORS: [(RGBColor, &str); 13] = [
    (RGBColor(0xFE, 0x01, 0x01), "muted"),
    (RGBColor(0xFE, 0x01, 0x02), "line"),
    (RGBColor(0xFE, 0x01, 0x03), "ink"),
    (RGBColor(0xFE, 0x01, 0x04), "allow"),
    (RGBColor(0xFE, 0x01, 0x05), "deny"),
    (RGBColor(0xFE, 0x01, 0x06), "warn"),
    (RGBColor(0xFE, 0x01, 0x07), "other"),
    (RGBColor(0xFE, 0x01, 0x08), "series-1"),
    (RGBColor(0xFE, 0x01, 0x09), "series-2"),
    (RGBColor(0xFE, 0x01, 0x0A), "series-3"),
    (RGBColor(0xFE, 0x01, 0x0B), "series-4"),
    (RGBColor(0xFE, 0x01, 0x0C), "series-5"),
    (RGBColor(0xFE, 0x01, 0x0D), "series-6"),
];
const MUTED: RGBColor = COLORS[0].0;
const LINE: RGBColor = COLORS[1].0;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plot<'a, 'b> =
    plotters::chart::ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws a chart that is `width` by `height` pixels large; `None` where there is nothing to draw.
pub(super) fn draw(chart: &Chart, width: u32, height: u32) -> Option<Drawing> {
    let size = (width * FINE, height * FINE);
    let (len, is_long) = (chart.len(), chart.seconds > 0.0);
    if len == 0 || !is_long {
        return None;
    }
    let mut picture = String::new();
    let mut drawing = {
        let area = SVGBackend::with_string(&mut picture, size).into_drawing_area();
        let drawing = fill(chart, &area, width)?;
        area.present().ok()?;
        drawing
    };
    // Only what is within the root element.
    let (_, body) = picture.split_once('>')?;
    let body = body.trim_end().strip_suffix("</svg>")?;
    drawing.body = in_variables(body);
    drawing.size = size;
    Some(drawing)
}

fn fill(chart: &Chart, area: &Area<'_>, width: u32) -> Option<Drawing> {
    let (_, unit) = unit_of_time(chart.seconds * chart.len() as f64);
    let step = chart.seconds / unit;
    let end = step * chart.len() as f64;
    let peak = chart.peak();
    let top = match &chart.limit {
        Some(limit) => peak.max(limit.value),
        None => peak,
    };
    // A little air above; an empty chart has an axis, too.
    let top = (top as f64 * 1.08).max(1.0);
    let mut plot = ChartBuilder::on(area)
        .margin_top(10 * FINE)
        .margin_right(14 * FINE)
        .x_label_area_size(22 * FINE)
        .y_label_area_size(44 * FINE)
        .build_cartesian_2d(0.0..end, 0.0..top)
        .ok()?;
    mesh(&mut plot, chart, width, (end, top))?;
    match chart.shape {
        Shape::Stacked => areas(&mut plot, chart, step)?,
        Shape::Lines => lines(&mut plot, chart, step)?,
    }
    if let Some(limit) = &chart.limit {
        let value = limit.value as f64;
        dashed(&mut plot, Tone::Warn, [(0.0, value), (end, value)])?;
    }
    for (seconds, _) in &chart.moments {
        let at = seconds / unit;
        if at <= end {
            dashed(&mut plot, Tone::Other, [(at, 0.0), (at, top)])?;
        }
    }
    let x = |index: usize| plot.backend_coord(&(step * index as f64, 0.0)).0;
    Some(Drawing {
        body: String::new(),
        size: (0, 0),
        plot: (
            plot.backend_coord(&(0.0, top)).1,
            plot.backend_coord(&(0.0, 0.0)).1,
        ),
        places: (0..chart.len())
            .map(|index| (x(index), x(index + 1)))
            .collect(),
    })
}

/// Axes and grid.
fn mesh(plot: &mut Plot<'_, '_>, chart: &Chart, width: u32, (end, top): (f64, f64)) -> Option<()> {
    let (unit, _) = unit_of_time(chart.seconds * chart.len() as f64);
    let small = TextStyle::from(("sans-serif", 14 * FINE).into_font()).color(&MUTED);
    let digits = match end {
        e if e >= 10.0 => 0,
        e if e >= 1.0 => 1,
        e if e >= 0.1 => 2,
        e if e >= 0.01 => 3,
        _ => 6,
    };
    plot.configure_mesh()
        .disable_x_mesh()
        .light_line_style(LINE.mix(0.0))
        .bold_line_style(ShapeStyle::from(LINE).stroke_width(FINE))
        .axis_style(ShapeStyle::from(LINE).stroke_width(FINE))
        .set_all_tick_mark_size(3 * FINE)
        .x_labels(if width > 600 { 10 } else { 4 })
        .y_labels(if top > 3.0 { 5 } else { 2 })
        .x_label_formatter(&|at| format!("{at:.digits$} {unit}"))
        .y_label_formatter(&|value| whole(*value).map(short).unwrap_or_default())
        .label_style(small)
        .draw()
        .ok()
}

/// The number, if it is one of things that are not cut up.
fn whole(value: f64) -> Option<u64> {
    let rounded = value.round();
    let is_whole = (value - rounded).abs() < 1e-6 && (0.0..1e18).contains(&rounded);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "just checked"
    )]
    is_whole.then_some(rounded as u64)
}

/// The highest first: each covers all but its own part of those before.
fn areas(plot: &mut Plot<'_, '_>, chart: &Chart, step: f64) -> Option<()> {
    for count in (1..=chart.series.len()).rev() {
        let mut outline = vec![(0.0, 0.0)];
        for index in 0..chart.len() {
            let height = chart.sum(index, count) as f64;
            outline.push((step * index as f64, height));
            outline.push((step * (index + 1) as f64, height));
        }
        outline.push((step * chart.len() as f64, 0.0));
        let color = color(chart.series[count - 1].tone);
        let area = Polygon::new(without_runs(outline), color.filled());
        plot.draw_series(std::iter::once(area)).ok()?;
    }
    Some(())
}

/// Without points between two others of the same height.
fn without_runs(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::with_capacity(points.len());
    for point in points {
        if let [.., one, two] = &*kept
            && one.1.total_cmp(&two.1).is_eq()
            && two.1.total_cmp(&point.1).is_eq()
        {
            kept.pop();
        }
        kept.push(point);
    }
    kept
}

/// As steps: what there was at the end of a stretch holds until it is known anew.
fn lines(plot: &mut Plot<'_, '_>, chart: &Chart, step: f64) -> Option<()> {
    for series in &chart.series {
        let mut points = vec![(0.0, 0.0)];
        let mut last = 0.0;
        for (index, value) in series.values.iter().enumerate() {
            let Some(value) = *value else { continue };
            let end = step * (index + 1) as f64;
            points.extend([(end, last), (end, value as f64)]);
            last = value as f64;
        }
        let style = ShapeStyle::from(color(series.tone)).stroke_width(2 * FINE);
        plot.draw_series(LineSeries::new(without_runs(points), style))
            .ok()?;
    }
    Some(())
}

fn dashed(plot: &mut Plot<'_, '_>, tone: Tone, points: [(f64, f64); 2]) -> Option<()> {
    let style = ShapeStyle::from(color(tone)).stroke_width(FINE + FINE / 2);
    let line = DashedPathElement::new(points, 6 * FINE, 4 * FINE, style);
    plot.draw_series(std::iter::once(line)).ok()?;
    Some(())
}

/// The colour that stands for a tone.
fn color(tone: Tone) -> RGBColor {
    let known = COLORS.iter().find(|(_, name)| *name == tone.name());
    known.map_or(MUTED, |(color, _)| *color)
}

/// The drawing with variables in the place of colours.
fn in_variables(drawing: &str) -> String {
    let mut text = drawing.to_owned();
    for (RGBColor(red, green, blue), name) in COLORS {
        let color = format!("\"#{red:02X}{green:02X}{blue:02X}\"");
        text = text.replace(&color, &format!("\"var(--{name})\""));
    }
    text
}

//! Cost against size, drawn: one picture (SVG), a panel for each question.
//!
//! The picture is read in light and dark surroundings: it has its own paper, and a style sheet that exchanges all colours where the reader's system is
//! dark. Sizes go by powers of ten, so do compile times; nanoseconds a packet are linear and begin at zero.

mod panel;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::prelude::SVGBackend;
use plotters::style::{IntoFont, TextStyle};

use self::panel::{INK, MUTED, Panel, Series};
use crate::workload::flows::short;
use crate::{Figure, LeftOut, Report};

/// Width of the picture, in units of its own.
const WIDTH: u32 = 820;

/// Height of a panel.
const PANEL: u32 = 320;

/// Height of what stands above the panels.
const HEAD: u32 = 66;

/// What a dark system exchanges. The light colours are those of `panel`.
const STYLE: &str = "<style>
svg{background:#ffffff}
text{font-family:system-ui,sans-serif}
@media (prefers-color-scheme:dark){
svg{background:#0d1117}
[fill=\"#24292F\"]{fill:#e6edf3}
[fill=\"#57606A\"]{fill:#9198a1}
[stroke=\"#24292F\"]{stroke:#8b949e}
[stroke=\"#57606A\"]{stroke:#6e7681}
[stroke=\"#D8DEE4\"]{stroke:#262c36}
[fill=\"#0550AE\"]{fill:#79c0ff}[stroke=\"#0550AE\"]{stroke:#79c0ff}
[fill=\"#BC4C00\"]{fill:#ffa657}[stroke=\"#BC4C00\"]{stroke:#ffa657}
[fill=\"#116329\"]{fill:#7ee787}[stroke=\"#116329\"]{stroke:#7ee787}
}
</style>";

/// The sweeps of a report as a picture; `None` where it has no sweeps.
#[must_use]
pub fn plot(report: &Report) -> Option<String> {
    let panels = panels(report);
    if panels.is_empty() {
        return None;
    }
    let height = HEAD + PANEL * u32::try_from(panels.len()).ok()?;
    let mut picture = String::new();
    {
        let area = SVGBackend::with_string(&mut picture, (WIDTH, height)).into_drawing_area();
        draw(&area, report, &panels)?;
    }
    let (before, after) = picture.split_once('>')?;
    let titled = "Cost by size, measured by secgroup bench";
    Some(format!(
        "{before}>\n<title>{titled}</title>\n{STYLE}{after}"
    ))
}

/// `None` where the back end fails, which one that writes to a string does not.
fn draw(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    report: &Report,
    panels: &[Panel],
) -> Option<()> {
    let title = TextStyle::from(("sans-serif", 18).into_font()).color(&INK);
    area.draw_text("secgroup bench: cost by size", &title, (24, 14))
        .ok()?;
    let small = TextStyle::from(("sans-serif", 13).into_font()).color(&MUTED);
    area.draw_text(&caption(report), &small, (24, 40)).ok()?;
    let (_, below) = area.split_vertically(HEAD);
    let areas = below.split_evenly((panels.len(), 1));
    for (panel, area) in panels.iter().zip(&areas) {
        panel.draw(area)?;
    }
    area.present().ok()
}

/// The machine and the workload, in a line.
fn caption(report: &Report) -> String {
    let cpu = report.machine.cpu.as_deref().unwrap_or("unknown CPU");
    let clock = report.machine.clock_hz / 1e9;
    let workload = &report.workload;
    let size = match workload.size {
        crate::Size::Bytes(bytes) => format!("{bytes} B"),
        crate::Size::Imix => "IMIX".to_owned(),
    };
    format!(
        "{cpu}, {clock:.1} GHz, one core; frames of {size}, bursts of {}; best of {} rounds",
        workload.burst, report.connections.established.rounds
    )
}

/// Which sizes are not in the picture, and why; nothing where all are.
fn left_out(sizes: &[LeftOut]) -> String {
    if sizes.is_empty() {
        return String::new();
    }
    let sizes: Vec<_> = sizes.iter().map(|out| short(out.size as usize)).collect();
    format!(" ({} left out for lack of memory)", sizes.join(", "))
}

/// What there is to see.
fn panels(report: &Report) -> Vec<Panel> {
    let workload = &report.workload;
    let mut panels = Vec::new();
    if let Some(sweep) = &report.sweeps.flows {
        let of = |name: String, figure: fn(&crate::FlowsPoint) -> Figure| {
            let points = sweep.points.iter();
            Series::new(name, points.map(|p| (p.flows, figure(p).best)))
        };
        panels.push(Panel {
            title: format!(
                "Packet of an open connection, {} rules{}",
                workload.rules,
                left_out(&sweep.left_out)
            ),
            x: "open connections",
            y: "ns a packet",
            is_log: false,
            series: vec![
                of("drawn evenly".to_owned(), |p| p.uniform),
                of(format!("by Zipf {}", sweep.zipf), |p| p.zipf),
            ],
        });
    }
    if let Some(points) = &report.sweeps.rules {
        let of = |name: &str, unit: f64, figure: fn(&crate::RulesPoint) -> Figure| {
            let points = points.iter();
            Series::new(
                name.to_owned(),
                points.map(|p| (p.rules, figure(p).best / unit)),
            )
        };
        panels.push(Panel {
            title: "First packets, by rules".to_owned(),
            x: "rules",
            y: "ns a packet",
            is_log: false,
            series: vec![
                of("opens a connection", 1.0, |p| p.new),
                of("denied", 1.0, |p| p.denied),
                of("rule match alone", 1.0, |p| p.matching),
            ],
        });
        panels.push(Panel {
            title: "Policy changes, by rules".to_owned(),
            x: "rules",
            y: "ms",
            is_log: true,
            series: vec![
                of("a rule changes, until in force", 1e6, |p| p.update),
                of("compile alone", 1e6, |p| p.compile),
            ],
        });
    }
    if let Some(points) = &report.sweeps.members {
        let of = |name: &str, figure: fn(&crate::MembersPoint) -> Figure| {
            let points = points.iter();
            Series::new(name.to_owned(), points.map(|p| (p.members, figure(p).best)))
        };
        panels.push(Panel {
            title: format!(
                "First packets, by members of a group that a rule refers to, {} rules",
                workload.rules
            ),
            x: "members",
            y: "ns a packet",
            is_log: false,
            series: vec![
                of("opens a connection", |p| p.new),
                of("denied", |p| p.denied),
                of("rule match alone", |p| p.matching),
            ],
        });
    }
    panels.retain(|panel| panel.series.iter().all(|series| !series.is_empty()));
    panels
}

#[cfg(test)]
mod tests;

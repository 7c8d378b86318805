use super::*;
use crate::data::{Limit, Tone};

fn series(name: &str, tone: Tone, values: &[u64]) -> Series {
    Series {
        name: name.to_owned(),
        tone,
        values: values.iter().copied().map(Some).collect(),
    }
}

fn traffic() -> Chart {
    Chart {
        title: "Packets".to_owned(),
        unit: "packets".to_owned(),
        seconds: 0.5,
        series: vec![
            series("allowed", Tone::Allow, &[1, 0, 7]),
            series("denied", Tone::Deny, &[2, 0, 1]),
        ],
        ..Chart::default()
    }
}

/// The corners of the polygons of a drawing.
fn outlines(markup: &str) -> Vec<Vec<(i32, i32)>> {
    let polygons = markup.split("<polygon ").skip(1);
    let points = polygons.map(|polygon| {
        let points = polygon
            .split("points=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let point = |text: &str| {
            let (x, y) = text.split_once(',').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        };
        points.split_whitespace().map(point).collect()
    });
    points.collect()
}

#[test]
fn areas_lie_on_top_of_each_other_in_their_proportions() {
    let drawing = drawing("chart wide", &traffic(), WIDE).into_string();
    let [all, allowed] = outlines(&drawing).try_into().unwrap();
    let bottom = all.iter().map(|point| point.1).max().unwrap();
    let top = |outline: &[(i32, i32)]| bottom - outline.iter().map(|point| point.1).min().unwrap();
    // 8 packets in the last stretch, 7 of them allowed: to a unit of a quarter pixel.
    let (all, allowed) = (f64::from(top(&all)), f64::from(top(&allowed)));
    assert!(
        (allowed / all - 7.0 / 8.0).abs() < 0.01,
        "{allowed} of {all}"
    );
}

#[test]
fn colours_are_those_of_the_page() {
    let mut chart = traffic();
    chart.limit = Some(Limit {
        name: "most".to_owned(),
        value: 9,
    });
    chart.moments = vec![(0.7, "the policy changes".to_owned())];
    let drawing = drawing("chart wide", &chart, WIDE).into_string();
    for name in ["allow", "deny", "warn", "other", "muted", "line"] {
        assert!(drawing.contains(&format!("var(--{name})")), "{name}");
    }
    assert!(!drawing.contains('#'), "a colour of its own in {drawing}");
}

#[test]
fn every_stretch_says_what_happened() {
    let drawing = drawing("chart wide", &traffic(), WIDE).into_string();
    assert_eq!(drawing.matches("class=\"hit\"").count(), 3);
    assert!(
        drawing.contains("<title>0 s to 0.5 s: allowed 1, denied 2</title>"),
        "{drawing}"
    );
    assert!(
        drawing.contains("<title>1 s to 1.5 s: allowed 7, denied 1</title>"),
        "{drawing}"
    );
}

#[test]
fn a_coarser_chart_has_the_same_sums() {
    let coarser = traffic().coarser();
    assert!((coarser.seconds - 1.0).abs() < f64::EPSILON);
    assert_eq!(coarser.series[0].values, [Some(1), Some(7)]);
    assert_eq!(coarser.series[1].values, [Some(2), Some(1)]);
    let lines = Chart {
        shape: Shape::Lines,
        ..traffic()
    }
    .coarser();
    assert_eq!(lines.series[0].values, [Some(0), Some(7)]);
}

#[test]
fn what_cannot_be_drawn_is_left_out() {
    for chart in [
        Chart::default(),
        Chart {
            seconds: 0.0,
            ..traffic()
        },
        Chart {
            seconds: f64::NAN,
            ..traffic()
        },
    ] {
        assert_eq!(drawing("chart wide", &chart, WIDE).into_string(), "");
    }
}

#[test]
fn extremes_are_drawn() {
    for values in [&[0, 0, 0][..], &[u64::MAX, u64::MAX, 1], &[1], &[0; 500]] {
        for shape in [Shape::Stacked, Shape::Lines] {
            for seconds in [1e-9, 1.0, 1e9] {
                let series = vec![
                    series("a", Tone::Series(0), values),
                    series("b", Tone::Series(7), values),
                ];
                let chart = Chart {
                    shape,
                    seconds,
                    series,
                    ..traffic()
                };
                let drawing = drawing("chart", &chart, NARROW).into_string();
                assert_eq!(drawing.matches("class=\"hit\"").count(), values.len());
            }
        }
    }
}

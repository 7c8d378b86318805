//! The palette against the contrast that people need to read (WCAG 2.2, success criteria 1.4.3 and 1.4.11).

use std::collections::BTreeMap;

use secgroup_report::PALETTE;

/// Red, green and blue, of 0 to 1.
type Color = [f64; 3];

/// By name: the light colour and the dark one.
fn colors() -> BTreeMap<String, [Color; 2]> {
    let lines = PALETTE
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--"));
    let colors = lines.map(|line| {
        let (name, value) = line
            .split_once(": light-dark(")
            .expect("a light and a dark colour");
        let both = value.strip_suffix(");").expect("an end");
        let (light, dark) = both.split_once(", ").expect("two colours");
        (name.to_owned(), [color(light), color(dark)])
    });
    colors.collect()
}

fn color(text: &str) -> Color {
    let digits = text.strip_prefix('#').expect("a hash");
    assert_eq!(digits.len(), 6, "{text}");
    let part = |at: usize| {
        f64::from(u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits")) / 255.0
    };
    [part(0), part(2), part(4)]
}

/// Relative luminance as WCAG defines it.
fn luminance(color: Color) -> f64 {
    let linear = color.map(|part| {
        if part <= 0.040_45 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

fn contrast(one: Color, other: Color) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[track_caller]
fn holds(what: &str, on: &str, least: f64) {
    let colors = colors();
    let (what_of, on_of) = (&colors[what], &colors[on]);
    for (theme, (what_color, on_color)) in ["light", "dark"].iter().zip(what_of.iter().zip(on_of)) {
        let found = contrast(*what_color, *on_color);
        assert!(
            found >= least,
            "{what} on {on}, {theme}: {found:.2} is less than {least}"
        );
    }
}

#[test]
fn contrast_is_computed_as_wcag_does() {
    let found = contrast(color("#000000"), color("#ffffff"));
    assert!((found - 21.0).abs() < 1e-9, "{found}");
    // An example of the W3C: #777777 on white just fails.
    let found = contrast(color("#777777"), color("#ffffff"));
    assert!((found - 4.48).abs() < 0.01, "{found}");
}

#[test]
fn texts_can_be_read() {
    for on in ["paper", "card", "sunken"] {
        for text in ["ink", "muted", "accent"] {
            holds(text, on, 4.5);
        }
    }
    for text in ["allow", "deny", "warn"] {
        holds(text, "card", 4.5);
        holds(text, &format!("{text}-soft"), 4.5);
    }
    holds("ink", "warn-soft", 4.5);
    holds("ink", "allow-soft", 4.5);
}

#[test]
fn marks_and_lines_can_be_seen() {
    let marks = ["allow", "deny", "warn", "other", "accent"].map(str::to_owned);
    let series = (1..=6).map(|number| format!("series-{number}"));
    for mark in marks.into_iter().chain(series) {
        holds(&mark, "card", 3.0);
    }
}

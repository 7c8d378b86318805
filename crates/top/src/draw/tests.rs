//! Screens of paper, of all sizes.

use ratatui::style::{Color, Modifier};

use crate::asking::Update;
use crate::testing::{after, buffer, busy, press, quiet, screen};
use crate::views::View;

#[track_caller]
fn assert_shown(text: &str, words: &[&str]) {
    for shown in words {
        assert!(text.contains(shown), "'{shown}' is not in\n{text}");
    }
}

#[test]
fn the_overview_on_a_screen_of_80_by_24() {
    let app = after([busy(9), busy(10)]);
    let text = screen(&app, 80, 24);
    assert_shown(
        &text,
        &[
            "secgroup  policy 7  3 rules  2 connections  up 10s  pid 42  0.1.0",
            " 1 Overview  2 Flows  3 Denials  4 Rules",
            "INTERFACE▲ STATE",
            "800k",
            "2 of 100",
            "── web",
            "in   deny     no-rule         10      100",
            "in, bit/s: 800k, at most 800k",
            "█",
            "q quit  ? help",
        ],
    );
}

#[test]
fn flows_on_a_screen_of_80_by_24() {
    let mut app = after([busy(10)]);
    press(&mut app, "2");
    let text = screen(&app, 80, 24);
    assert_shown(
        &text,
        &[
            "PROTO  LOCAL",
            "▼bit/s",
            "tcp    10.0.1.10:443",
            "established",
            "untracked",
            "5.5M",
        ],
    );
}

#[test]
fn what_matters_most_is_there_at_40_by_10() {
    let mut app = after([busy(9), busy(10)]);
    for (key, shown) in [
        ("1", ["web", "800k", "400k"]),
        ("2", ["10.0.1.10", "203.0.113.7:", "5.5M"]),
        ("3", ["198.51.100.9", "10.0.1.10:22", "17"]),
        ("4", ["tcp 443 from 0.0", "1,500", "150"]),
    ] {
        press(&mut app, key);
        let text = screen(&app, 40, 10);
        assert_shown(&text, &shown);
        assert!(text.contains("q quit"), "{text}");
    }
}

/// Whatever is shown, on whatever there is: no panic, no line that is too long.
#[test]
fn every_size_is_survived() {
    let mut full = busy(10);
    full.status.warnings = vec!["w".repeat(300)];
    full.rules.rules[0].description = Some("日本語 ".repeat(50));
    for (place, name) in ["a", "日本語の名前", "\x1b[31mred"].into_iter().enumerate() {
        let mut interface = full.status.interfaces[0].clone();
        interface.name = name.to_owned();
        full.status.interfaces.insert(place, interface);
    }
    let mut app = after([busy(9), full]);
    let mut empty = after([quiet(1)]);
    let mut nothing = after([]);
    nothing.take(Update::Lost("gone ".repeat(100)));
    for app in [&mut app, &mut empty, &mut nothing] {
        for keys in ["1", "2", "3", "4", "?", " 2\n", " 3\n", " /web", "\x1b2"] {
            press(app, keys);
            for width in (1..=90).step_by(7).chain([80, 200]) {
                for height in [1, 2, 4, 5, 6, 7, 10, 24, 60] {
                    let text = screen(app, width, height);
                    assert!(!text.contains('\x1b'), "{text}");
                }
            }
        }
    }
}

#[test]
fn a_screen_that_is_too_small_says_so() {
    let app = after([busy(10)]);
    assert_eq!(screen(&app, 14, 3).lines().next(), Some("make me larger"));
}

#[test]
fn the_help_names_every_key() {
    let mut app = after([busy(10)]);
    press(&mut app, "?");
    let text = screen(&app, 80, 24);
    for (key, what) in crate::app::KEYS {
        assert!(text.contains(key) && text.contains(what), "{key}: {text}");
    }
    press(&mut app, "x");
    assert!(!screen(&app, 80, 24).contains("Ctrl-Z"));
}

#[test]
fn details_say_what_there_was_no_room_for() {
    let mut app = after([busy(10)]);
    press(&mut app, "3\n");
    let text = screen(&app, 40, 16);
    assert_shown(&text, &["no rule allows it", "secgroup explain --live"]);
}

#[test]
fn a_filter_is_shown_with_what_it_hides() {
    let mut app = after([busy(10)]);
    press(&mut app, "4/443");
    let text = screen(&app, 80, 24);
    assert!(text.contains("/443_ (2 rows hidden)"), "{text}");
    press(&mut app, "x");
    let text = screen(&app, 80, 24);
    assert!(text.contains("nothing fits the filter"), "{text}");
}

/// <https://no-color.org>
#[test]
fn without_colours_there_are_none() {
    let mut app = after([busy(9), busy(10)]);
    let is_coloured = |app: &_, has_colours| {
        let buffer = buffer(app, 80, 24, has_colours);
        buffer
            .content
            .iter()
            .any(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset))
    };
    for view in View::ALL {
        press(&mut app, "\t");
        assert!(!is_coloured(&app, false), "{view:?}");
    }
    assert!(is_coloured(&app, true));
    // What is chosen is seen all the same.
    let buffer = buffer(&app, 80, 24, false);
    let reversed = |cell: &&ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED);
    assert!(buffer.content.iter().filter(reversed).count() > 80);
}

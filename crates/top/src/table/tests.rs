//! Sorting, filtering and fitting, without a terminal.

use super::*;

const COLUMNS: [Column; 4] = [
    Column {
        title: "NAME",
        rank: 0,
        shape: Shape::Text(4),
    },
    Column {
        title: "RATE",
        rank: 0,
        shape: Shape::Number,
    },
    Column {
        title: "STATE",
        rank: 1,
        shape: Shape::Word,
    },
    Column {
        title: "NOTE",
        rank: 2,
        shape: Shape::Text(6),
    },
];

fn row(name: &str, rate: f64) -> Row {
    Row {
        id: name.to_owned(),
        cells: vec![
            Cell::text(name),
            Cell::number(format!("{rate}"), rate),
            Cell::text("open"),
            Cell::text("from 0.0.0.0/0"),
        ],
        details: vec![("rule", "sgr-17".to_owned())],
    }
}

fn names(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.id.as_str()).collect()
}

#[test]
fn numbers_are_sorted_as_numbers_and_ties_by_name() {
    let mut rows = [row("b", 9.0), row("a", 9.0), row("c", 10.0)];
    let by_rate = Sorting {
        column: 1,
        descending: true,
    };
    by_rate.sort(&mut rows);
    assert_eq!(names(&rows), ["c", "a", "b"]);
    by_rate.reversed().sort(&mut rows);
    assert_eq!(names(&rows), ["a", "b", "c"]);
}

#[test]
fn the_next_column_begins_with_what_is_looked_for() {
    let mut sorting = Sorting {
        column: 0,
        descending: false,
    };
    let mut seen = Vec::new();
    for _ in 0..4 {
        sorting = sorting.next(&COLUMNS);
        seen.push((sorting.column, sorting.descending));
    }
    assert_eq!(seen, [(1, true), (2, false), (3, false), (0, false)]);
}

#[test]
fn a_filter_is_words_in_any_text_in_any_case() {
    let row = row("Web", 17.0);
    for fits in ["", "  ", "web", "WEB open", "0.0.0.0/0 web"] {
        assert!(matches(&row, fits), "{fits}");
    }
    for misfit in ["webx", "web closed", "rule", "17"] {
        assert!(!matches(&row, misfit), "{misfit}");
    }
}

#[test]
fn columns_give_way_by_rank_and_texts_are_cut_before() {
    let rows = [row("a-long-name", 1.0)];
    // Whole: 11 + 5 + 6 + 14 and three gaps.
    let fitted = |width| fit(&COLUMNS, &rows, width);
    assert_eq!(fitted(39), [(0, 11), (1, 5), (2, 6), (3, 14)]);
    assert_eq!(fitted(99), fitted(39), "no wider than what is in it");
    assert_eq!(fitted(38), [(0, 11), (1, 5), (2, 6), (3, 13)]);
    assert_eq!(fitted(24), [(0, 4), (1, 5), (2, 6), (3, 6)]);
    assert_eq!(fitted(23), [(0, 10), (1, 5), (2, 6)]);
    assert_eq!(fitted(16), [(0, 10), (1, 5)]);
    assert_eq!(fitted(3), [(0, 4), (1, 5)], "these stay, whatever happens");
}

#[test]
fn text_is_cut_by_columns_of_the_screen() {
    assert_eq!(cut("abcdef", 6), "abcdef");
    assert_eq!(cut("abcdef", 5), "abcd…");
    assert_eq!(cut("abcdef", 1), "…");
    assert_eq!(cut("abcdef", 0), "");
    // Two columns each.
    assert_eq!(cut("日本語", 5), "日本…");
    assert_eq!(cut("日本語", 4), "日…");
    assert_eq!(padded("7", Shape::Number, 3), "  7");
    assert_eq!(padded("a", Shape::Word, 3), "a  ");
    assert_eq!(padded("日本語", Shape::Word, 4), "日… ");
}

#[test]
fn what_a_terminal_would_obey_is_shown() {
    assert_eq!(Cell::text("a\x1b[2Jb\n").text, "a\u{fffd}[2Jb\u{fffd}");
}

use super::*;
use crate::data::{Cell, Chart, Column, Matrix, Pair, Series, Table, Tone};

const HOSTILE: &str = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&";

/// A page with the same text in every place that has one.
fn page_with(text: &str) -> Page {
    let t = || text.to_owned();
    let cells = [
        Cell::Text(t()),
        Cell::Below(t(), t()),
        Cell::Code(t()),
        Cell::Marks(vec![(Tone::Warn, t())]),
        Cell::Lines(vec![t()]),
        Cell::Count(1),
        Cell::Bytes(1),
    ];
    Page {
        title: t(),
        lead: t(),
        made_by: t(),
        warnings: vec![t()],
        figures: vec![Figure {
            name: t(),
            value: t(),
            beside: t(),
            tone: Tone::Deny,
        }],
        sections: vec![Section {
            id: t(),
            title: t(),
            note: t(),
            blocks: vec![
                Block::Chart(Chart {
                    title: t(),
                    unit: t(),
                    seconds: 1.0,
                    series: vec![Series {
                        name: t(),
                        tone: Tone::Allow,
                        values: vec![Some(1)],
                    }],
                    limit: Some(crate::Limit {
                        name: t(),
                        value: 1,
                    }),
                    moments: vec![(0.5, t())],
                    ..Chart::default()
                }),
                Block::Matrix(Matrix {
                    title: t(),
                    rows: vec![t()],
                    columns: vec![t()],
                    pairs: vec![vec![Pair {
                        allowed: 1,
                        denied: 1,
                    }]],
                }),
                Block::Table(Table {
                    title: t(),
                    columns: cells.iter().map(|_| Column::text(text)).collect(),
                    rows: vec![cells.into()],
                    empty: t(),
                    left_out: t(),
                }),
                Block::Table(Table {
                    title: t(),
                    empty: t(),
                    ..Table::default()
                }),
                Block::Facts(vec![(t(), vec![t()])]),
                Block::Note(t()),
            ],
        }],
    }
}

#[test]
fn a_text_is_never_more_than_text() {
    let page = html(&page_with(HOSTILE));
    // One script and one style sheet, ours; each place has the text, escaped.
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</script").count(), 1);
    assert_eq!(page.matches("<style").count(), 1);
    assert!(!page.contains("<img"));
    let escaped = "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;";
    let plain = html(&page_with("plainly")).matches("plainly").count();
    assert_eq!(page.matches(escaped).count(), plain);
    assert!(plain > 30, "{plain}");
    // An attribute is left by its quote alone.
    assert!(!page.contains("\"'>"));
}

#[test]
fn the_policy_permits_no_network() {
    let page = html(&Page::default());
    let policy = page
        .split("http-equiv=\"Content-Security-Policy\" content=\"")
        .nth(1)
        .unwrap();
    let policy = policy.split('"').next().unwrap().replace("&#39;", "'");
    let directives: Vec<_> = policy.split("; ").collect();
    assert_eq!(directives[0], "default-src 'none'");
    for directive in &directives[1..] {
        let (name, value) = directive.split_once(' ').unwrap();
        let is_closed = value == "'none'"
            || value.starts_with("'sha256-")
            || (name, value) == ("img-src", "data:");
        assert!(is_closed, "{directive}");
    }
    assert!(
        !page.contains("http:") && !page.contains("https:"),
        "an address in the page"
    );
    // What a hash does not cover must not be there.
    for attribute in [" style=", " onclick=", " onload=", "javascript:"] {
        assert!(
            !html(&page_with("plainly")).contains(attribute),
            "{attribute}"
        );
    }
}

#[test]
fn data_comes_back_from_json() {
    let page = page_with("plainly");
    let json = serde_json::to_string(&page).unwrap();
    let again: Page = serde_json::from_str(&json).unwrap();
    assert_eq!(page, again);
    assert_eq!(html(&page), html(&again));
}

#[test]
fn rows_that_are_not_there_are_told_of() {
    let table = Table {
        title: "Denied".to_owned(),
        columns: vec![Column::number("packets")],
        rows: vec![vec![Cell::Count(12_345)]],
        left_out: "3 more are not listed".to_owned(),
        ..Table::default()
    };
    let page = table::table(&table).into_string();
    assert!(page.contains("data-value=\"12345\""), "{page}");
    assert!(page.contains("12,345"), "{page}");
    assert!(page.contains("3 more are not listed"), "{page}");
}

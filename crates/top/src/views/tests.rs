//! What rows say, from samples of paper.

use super::*;
use crate::table::Tone;
use crate::testing::{busy, quiet};

fn rows(view: View, samples: &[Sample]) -> Vec<Row> {
    let mut meter = Meter::default();
    samples.iter().for_each(|sample| meter.take(sample));
    let last = samples.last().expect("a sample");
    let mut rows = view.rows(last, &meter);
    view.sorting().sort(&mut rows);
    rows
}

/// The cells of a row by the titles of their columns.
fn cell<'a>(view: View, row: &'a Row, title: &str) -> &'a str {
    let mut columns = view.columns().iter();
    let place = columns.position(|column| column.title == title);
    &row.cells[place.expect("a title")].text
}

/// Whether all these words are somewhere in a row, or in what there is to say beside it.
fn says(row: &Row, words: &str) -> bool {
    let text = format!("{row:?}");
    words.split_whitespace().all(|word| text.contains(word))
}

#[test]
fn every_row_has_a_cell_for_every_column_and_an_id_of_its_own() {
    for view in View::ALL {
        let rows = rows(view, &[busy(9), busy(10)]);
        assert!(!rows.is_empty(), "{view:?}");
        for row in &rows {
            assert_eq!(row.cells.len(), view.columns().len(), "{view:?}");
        }
        let ids: std::collections::BTreeSet<_> = rows.iter().map(|row| &row.id).collect();
        assert_eq!(ids.len(), rows.len(), "{view:?}");
        assert!(view.sorting().column < view.columns().len());
    }
}

#[test]
fn nothing_is_no_rows() {
    for view in [View::Flows, View::Denials, View::Rules] {
        assert_eq!(rows(view, &[quiet(1)]), [], "{view:?}");
        assert!(!view.nothing().is_empty());
    }
}

#[test]
fn flows_that_pass_come_before_connections_that_are_idle() {
    let rows = rows(View::Flows, &[busy(10)]);
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            let of = |title| cell(View::Flows, row, title);
            [
                of("REMOTE"),
                of("STATE"),
                of("bit/s"),
                of("pkt/s"),
                of("RULE"),
            ]
        })
        .collect();
    assert_eq!(
        shown,
        [
            ["203.0.113.7:50000", "established", "5.5M", "600", "web[0]"],
            ["[2001:db8::7]:50000", "untracked", "960k", "2k", "web[1]"],
            ["192.0.2.1:50000", "established", "0", "0", "web[2]"],
        ]
    );
    // The rate, and what there was of it in all.
    assert!(says(&rows[0], "1,234,000"), "{:?}", rows[0].details);
    // Rules of both directions admit an untracked flow.
    assert!(says(&rows[1], "web[1] web[9]"), "{:?}", rows[1].details);
}

#[test]
fn denials_say_when_who_where_and_why() {
    let rows = rows(View::Denials, &[busy(40)]);
    let ssh = &rows[0];
    let of = |row, title| cell(View::Denials, row, title);
    assert_eq!(of(ssh, "AGO"), "0s");
    assert_eq!(of(ssh, "TO"), "10.0.1.10:22");
    assert_eq!(of(ssh, "PACKETS"), "17");
    assert!(says(ssh, "secgroup explain --live 198.51.100.9:40000"));
    let ping = &rows[1];
    assert_eq!(of(ping, "AGO"), "30s");
    assert_eq!(of(ping, "TO"), "10.0.1.10 type 8/0");
    let tone = |row: &Row| row.cells[2].tone;
    assert_eq!((tone(ssh), tone(ping)), (Tone::Bad, Tone::Plain));
}

#[test]
fn rules_say_what_passes_by_them_now_and_in_all() {
    let rows = rows(View::Rules, &[busy(9), busy(10)]);
    let of = |row, title| cell(View::Rules, row, title);
    assert_eq!(of(&rows[0], "PACKETS"), "1,500");
    assert_eq!(of(&rows[0], "pkt/s"), "150");
    assert_eq!(of(&rows[0], "bit/s"), "1.2M");
    assert_eq!(of(&rows[2], "PACKETS"), "0");
    assert!(says(&rows[2], "since the start"));
}

#[test]
fn an_interface_that_needs_somebody_stands_out() {
    let mut sample = busy(10);
    sample.status.interfaces[0].connections = 80;
    let row = &rows(View::Overview, &[busy(9), sample.clone()])[0];
    let connections = &row.cells[7];
    assert_eq!(connections.text, "80 of 100");
    assert_eq!(connections.tone, Tone::Warning);
    assert_eq!(cell(View::Overview, row, "IN bit/s"), "800k");
    assert_eq!(cell(View::Overview, row, "DENIED/s"), "10");

    sample.status.interfaces[0].state = secgroup_daemon::protocol::InterfaceState::Closed;
    sample.status.interfaces[0].why = Some("there is no device eth1".to_owned());
    let row = &rows(View::Overview, &[sample])[0];
    assert_eq!(row.cells[1].tone, Tone::Bad);
    assert!(says(row, "closed no device"));
}

#[test]
fn a_cut_is_of_the_port_that_only_one_connection_has() {
    let mut sample = busy(10);
    // Opened from here: the other end has the port that others have, too.
    let outward = &mut sample.connections.flows[1];
    (outward.local_port, outward.remote_port) = (Some(40_000), Some(443));
    let rows = rows(View::Flows, &[sample.clone()]);
    let cut_of = |row: &Row| cut(&sample, &row.id);
    assert_eq!(
        cut_of(&rows[0]).map(|cut| cut.filter.port),
        Ok(Some(50_000))
    );
    assert!(cut_of(&rows[1]).is_err_and(|why| why.contains("untracked")));
    assert_eq!(
        cut_of(&rows[2]).map(|cut| cut.filter.port),
        Ok(Some(40_000))
    );
    assert!(cut(&sample, "web tcp nobody").is_err_and(|why| why.contains("gone")));
}

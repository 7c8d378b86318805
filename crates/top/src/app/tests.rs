//! Keys, one after the other, and what they come to.

use secgroup_daemon::protocol::TrafficOrder;

use super::*;
use crate::testing::{after, busy, press, quiet, screen};

fn ids(app: &App) -> Vec<&str> {
    app.rows().iter().map(|row| row.id.as_str()).collect()
}

#[test]
fn numbers_and_tab_choose_the_view() {
    let mut app = after([busy(10)]);
    let mut seen = Vec::new();
    for key in ["2", "3", "4", "1", "\t", "\t", "\t", "\t"] {
        assert_eq!(press(&mut app, key), None);
        seen.push(app.view);
    }
    use View::{Denials, Flows, Overview, Rules};
    assert_eq!(
        seen,
        [
            Flows, Denials, Rules, Overview, Flows, Denials, Rules, Overview
        ]
    );
}

#[test]
fn each_view_remembers_its_sorting_and_filter() {
    let mut app = after([busy(10)]);
    press(&mut app, "4/22\n");
    assert_eq!(ids(&app), ["sg-web web[2]"]);
    press(&mut app, "3");
    assert_eq!(app.rows().len(), 2);
    press(&mut app, "4");
    assert_eq!(ids(&app), ["sg-web web[2]"]);
    assert_eq!(app.filtered_out, 2);
    press(&mut app, "\x1b");
    assert_eq!(app.rows().len(), 3);
}

#[test]
fn a_filter_works_while_it_is_written() {
    let mut app = after([busy(10)]);
    press(&mut app, "3/pin");
    assert_eq!(app.rows().len(), 0, "no cell has these letters in a row");
    press(&mut app, "\x08\x08\x08icmp");
    assert_eq!(app.rows().len(), 1);
    // These are letters here, no keys.
    press(&mut app, "qps");
    assert_eq!(app.list().filter, "icmpqps");
    press(&mut app, "\x1b");
    assert_eq!((app.rows().len(), &app.mode), (2, &Mode::Browse));
}

#[test]
fn an_escape_and_a_key_that_come_as_one_are_two() {
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    let mut app = after([busy(10)]);
    press(&mut app, "3/icmp\n\n");
    assert_eq!(app.mode, Mode::Details);
    app.key(KeyEvent::new(KeyCode::Char('4'), KeyModifiers::ALT));
    assert_eq!((&app.mode, app.view), (&Mode::Browse, View::Rules));
}

#[test]
fn a_filter_has_an_end() {
    let mut app = after([busy(10)]);
    press(&mut app, &format!("/{}", "x".repeat(10_000)));
    assert_eq!(app.list().filter.len(), 200);
}

#[test]
fn rows_are_sorted_by_the_next_column_and_back() {
    let mut app = after([busy(9), busy(10)]);
    press(&mut app, "4");
    assert_eq!(
        ids(&app),
        ["sg-web web[0]", "sg-web web[1]", "sg-web web[2]"]
    );
    press(&mut app, "S");
    assert_eq!(
        ids(&app),
        ["sg-web web[2]", "sg-web web[1]", "sg-web web[0]"]
    );
    // Rate, bits, way, and what is allowed: the first word first.
    press(&mut app, "ssss");
    assert_eq!(app.list().sorting.column, 4);
    assert_eq!(
        ids(&app),
        ["sg-web web[2]", "sg-web web[0]", "sg-web web[1]"]
    );
}

#[test]
fn flows_by_packets_are_asked_for_as_such() {
    let mut app = after([busy(10)]);
    press(&mut app, "2");
    assert!(app.rows()[0].id.contains("203.0.113.7"), "most bits");
    let asked = press(&mut app, "s");
    let by = |by| Some(Action::Order(Order::By(by)));
    assert_eq!(asked, by(TrafficOrder::Packets));
    assert!(app.rows()[0].id.contains("2001:db8::7"), "most packets");
    assert_eq!(press(&mut app, "s"), by(TrafficOrder::Bytes));
}

#[test]
fn the_chosen_row_stays_chosen_wherever_it_goes() {
    let mut app = after([busy(10)]);
    press(&mut app, "4j");
    assert_eq!(app.chosen().unwrap().id, "sg-web web[1]");
    press(&mut app, "S");
    assert_eq!(app.chosen().unwrap().id, "sg-web web[1]");
    let mut next = busy(11);
    next.rules.rules[1].packets = 1_000_000;
    app.take(Update::Sample(Box::new(next)));
    assert_eq!(app.chosen().unwrap().id, "sg-web web[1]");
    assert_eq!(app.chosen_place(), 2);
    // One that is gone hands over to the first.
    app.take(Update::Sample(Box::new(quiet(12))));
    assert_eq!(app.chosen(), None);
    press(&mut app, "jjkG");
    assert_eq!(app.chosen(), None);
}

#[test]
fn choosing_ends_at_the_ends() {
    let mut app = after([busy(10)]);
    press(&mut app, "4kkk");
    assert_eq!(app.chosen_place(), 0);
    press(&mut app, "jjjjjjjj");
    assert_eq!(app.chosen_place(), 2);
    press(&mut app, "g");
    assert_eq!(app.chosen_place(), 0);
    press(&mut app, "G");
    assert_eq!(app.chosen_place(), 2);
}

#[test]
fn a_pause_keeps_the_screen_and_not_the_rates() {
    let mut app = after([busy(9), busy(10)]);
    press(&mut app, "p");
    let before = screen(&app, 80, 24);
    assert!(before.contains("paused"), "{before}");
    for second in 11..15 {
        app.take(Update::Sample(Box::new(busy(second))));
    }
    assert_eq!(screen(&app, 80, 24), before);
    press(&mut app, "p");
    app.take(Update::Sample(Box::new(busy(15))));
    let shown = app.shown().unwrap();
    assert_eq!(shown.meter.history("web").count(), 6);
    assert_eq!(shown.meter.interface("web").allowed[0].packets, 100.0);
}

#[test]
fn a_connection_is_forgotten_when_it_was_counted_and_confirmed() {
    let mut app = after([busy(10)]);
    // The second row: the untracked one is third by bits, the idle one last.
    press(&mut app, "2/192.0.2.1\n");
    let Some(Action::Order(Order::Count(cut))) = press(&mut app, "d") else {
        panic!("{:?}", app.message)
    };
    let filter = serde_json::to_value(&cut.filter).unwrap();
    let expected = serde_json::json!({
        "interface": "web", "address": "192.0.2.1/32", "port": 50_000, "protocol": "tcp",
    });
    assert_eq!(filter, expected);
    app.take(Update::Counted(cut.clone(), 1));
    assert!(screen(&app, 80, 24).contains("Forget 1 connection?"));
    // Anything but y leaves it.
    assert_eq!(press(&mut app, "n"), None);
    assert_eq!(app.mode, Mode::Browse);
    app.take(Update::Counted(cut.clone(), 1));
    let order = press(&mut app, "y");
    assert_eq!(order, Some(Action::Order(Order::Delete(cut.clone()))));
    app.take(Update::Deleted(cut, 1));
    assert!(screen(&app, 80, 24).contains("1 connection forgotten"));
}

#[test]
fn what_cannot_be_forgotten_says_why() {
    let mut app = after([busy(10)]);
    assert_eq!(press(&mut app, "d"), None);
    assert!(app.message.as_ref().unwrap().contains("flows"));
    press(&mut app, "2/untracked\n");
    assert_eq!(press(&mut app, "d"), None);
    let why = app.message.as_ref().unwrap();
    assert!(why.contains("revoke"), "{why}");
    // The next key takes the message away.
    press(&mut app, "j");
    assert_eq!(app.message, None);
}

#[test]
fn a_daemon_that_is_gone_is_told_of_until_it_is_back() {
    let mut app = after([busy(10)]);
    app.take(Update::Lost("secgroup is not running".to_owned()));
    let gone = screen(&app, 80, 24);
    assert!(
        gone.starts_with("trying again: secgroup is not running"),
        "{gone}"
    );
    assert!(gone.contains("established"), "what was known stays");
    app.take(Update::Sample(Box::new(busy(11))));
    assert!(!screen(&app, 80, 24).contains("trying again"));
}

#[test]
fn quitting_and_suspending_are_asked_of_others() {
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    let mut app = after([]);
    assert_eq!(press(&mut app, "q"), Some(Action::Quit));
    for (char, action) in [('c', Action::Quit), ('z', Action::Suspend)] {
        // Also while something else is open.
        for mode in [Mode::Browse, Mode::Filter, Mode::Help] {
            app.mode = mode;
            let key = KeyEvent::new(KeyCode::Char(char), KeyModifiers::CONTROL);
            assert_eq!(app.key(key), Some(action.clone()));
        }
    }
}

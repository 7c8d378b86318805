//! What each key does. The help says the same.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{Action, App, Mode};
use crate::asking::Order;
use crate::views::{View, cut, order_of};

/// Keys and what they do, as the help shows them.
pub(crate) const KEYS: [(&str, &str); 12] = [
    ("1-4, Tab", "overview, flows, denials, rules"),
    ("Up Down j k", "choose a row; PgUp, PgDn, Home, End"),
    ("Enter", "all there is to say about it"),
    ("s", "sort by the next column"),
    ("S", "sort the other way round"),
    ("/", "filter: rows with all these words"),
    ("Esc", "no filter; leave what is open"),
    ("d", "flows: forget the connection"),
    ("p", "pause: keep what is shown"),
    ("?", "this help"),
    ("Ctrl-Z", "back to the shell; 'fg' returns"),
    ("q", "quit"),
];

/// Characters that a filter may have.
const FILTER_MAX: usize = 200;
/// Rows that a page has; a terminal of any size shows some of the rows before.
const PAGE: isize = 10;

impl App {
    /// Does what a key says.
    pub(crate) fn key(&mut self, key: KeyEvent) -> Option<Action> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        self.message = None;
        if key.modifiers.contains(KeyModifiers::ALT) {
            // On a terminal Alt is an Esc before the key, and who types both fast means both.
            let _ = self.key(KeyCode::Esc.into());
            return self.key(KeyEvent {
                modifiers: key.modifiers.difference(KeyModifiers::ALT),
                ..key
            });
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return self.control(key.code);
        }
        match &self.mode {
            Mode::Browse => self.browse(key.code),
            Mode::Filter => {
                self.write_filter(key.code);
                None
            }
            Mode::Help | Mode::Details => {
                self.mode = Mode::Browse;
                None
            }
            Mode::Confirm(cut, _) => {
                let order = Order::Delete(cut.clone());
                self.mode = Mode::Browse;
                let is_yes = matches!(key.code, KeyCode::Char('y' | 'Y'));
                is_yes.then_some(Action::Order(order))
            }
        }
    }

    fn control(&mut self, code: KeyCode) -> Option<Action> {
        match code {
            KeyCode::Char('c') => Some(Action::Quit),
            KeyCode::Char('z') => Some(Action::Suspend),
            KeyCode::Char('u') if self.mode == Mode::Filter => {
                self.filter(String::new());
                None
            }
            _ => None,
        }
    }

    fn browse(&mut self, code: KeyCode) -> Option<Action> {
        match code {
            KeyCode::Char('q') => return Some(Action::Quit),
            KeyCode::Char('1') => return self.look_at(View::Overview),
            KeyCode::Char('2') => return self.look_at(View::Flows),
            KeyCode::Char('3') => return self.look_at(View::Denials),
            KeyCode::Char('4') => return self.look_at(View::Rules),
            KeyCode::Tab | KeyCode::Right => return self.look_at(self.neighbour(1)),
            KeyCode::BackTab | KeyCode::Left => {
                return self.look_at(self.neighbour(View::ALL.len() - 1));
            }
            KeyCode::Char('s') => return self.sort_by_next(),
            KeyCode::Char('d') => return self.ask_to_delete(),
            KeyCode::Char('S') => {
                let list = self.list_mut();
                list.sorting = list.sorting.reversed();
                self.refresh();
            }
            KeyCode::Char('p') => self.pause(),
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Esc => self.filter(String::new()),
            KeyCode::Enter if self.chosen().is_some() => self.mode = Mode::Details,
            KeyCode::Down | KeyCode::Char('j') => self.choose(1),
            KeyCode::Up | KeyCode::Char('k') => self.choose(-1),
            KeyCode::PageDown => self.choose(PAGE),
            KeyCode::PageUp => self.choose(-PAGE),
            KeyCode::Home | KeyCode::Char('g') => self.list_mut().chosen = None,
            KeyCode::End | KeyCode::Char('G') => self.choose(isize::MAX),
            _ => {}
        }
        None
    }

    fn look_at(&mut self, view: View) -> Option<Action> {
        self.view = view;
        self.refresh();
        None
    }

    fn neighbour(&self, steps: usize) -> View {
        View::ALL[(self.view as usize + steps) % View::ALL.len()]
    }

    fn sort_by_next(&mut self) -> Option<Action> {
        let columns = self.view.columns();
        let list = self.list_mut();
        list.sorting = list.sorting.next(columns);
        let by = order_of(list.sorting.column);
        self.refresh();
        (self.view == View::Flows).then_some(Action::Order(Order::By(by)))
    }

    fn pause(&mut self) {
        self.is_paused = !self.is_paused;
    }

    /// Keys while the filter is written: it works at once.
    fn write_filter(&mut self, code: KeyCode) {
        let mut filter = self.list().filter.clone();
        match code {
            KeyCode::Enter => self.mode = Mode::Browse,
            KeyCode::Esc => {
                self.mode = Mode::Browse;
                self.filter(String::new());
            }
            KeyCode::Backspace => {
                filter.pop();
                self.filter(filter);
            }
            KeyCode::Char(char) if filter.chars().count() < FILTER_MAX => {
                filter.push(char);
                self.filter(filter);
            }
            _ => {}
        }
    }

    fn filter(&mut self, filter: String) {
        self.list_mut().filter = filter;
        self.refresh();
    }

    /// Asks first how many connections it would be.
    fn ask_to_delete(&mut self) -> Option<Action> {
        if self.view != View::Flows {
            self.message = Some("connections are forgotten in the view of flows: 2".to_owned());
            return None;
        }
        let (shown, row) = (self.shown()?, self.chosen()?);
        match cut(&shown.sample, &row.id) {
            Ok(cut) => Some(Action::Order(Order::Count(cut))),
            Err(why) => {
                self.message = Some(why);
                None
            }
        }
    }
}

//! What is shown, and what keys do to it. No terminal, no clock, no socket: samples and keys come in, orders go out, and drawing reads.

mod keys;

pub(crate) use self::keys::KEYS;
use crate::asking::{Order, Update};
use crate::meter::Meter;
use crate::sample::Sample;
use crate::table::{Row, Sorting, matches};
use crate::views::{Cut, View};

/// Everything that is shown.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) view: View,
    /// By view.
    lists: [List; View::ALL.len()],
    pub(crate) mode: Mode,
    /// What is on the screen stays; rates are taken all the same.
    pub(crate) is_paused: bool,
    /// Why there is nothing new.
    pub(crate) lost: Option<String>,
    /// What came of the last order, until the next key.
    pub(crate) message: Option<String>,
    /// As of the last sample.
    live: Meter,
    /// What is on the screen.
    shown: Option<Shown>,
    rows: Vec<Row>,
    /// Rows that the filter keeps out.
    pub(crate) filtered_out: usize,
}

/// What is on the screen: a sample, and rates as they were then.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) sample: Sample,
    pub(crate) meter: Meter,
}

/// How one view is looked at.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) sorting: Sorting,
    pub(crate) filter: String,
    /// What the chosen row is about; the first one where nobody chose any.
    chosen: Option<String>,
}

/// What keys are for at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To look around.
    Browse,
    /// To write the filter.
    Filter,
    /// To leave the help.
    Help,
    /// To leave what there is to say about the chosen row.
    Details,
    /// To say whether so many connections are to be forgotten.
    Confirm(Cut, u64),
}

/// What a key asks of whoever owns the terminal and the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// End.
    Quit,
    /// Stop, as other programs do, until the shell goes on.
    Suspend,
    /// To the daemon.
    Order(Order),
}

impl App {
    pub(crate) fn new() -> Self {
        let lists = View::ALL.map(|view| List {
            sorting: view.sorting(),
            filter: String::new(),
            chosen: None,
        });
        Self {
            view: View::Overview,
            lists,
            mode: Mode::Browse,
            is_paused: false,
            lost: None,
            message: None,
            live: Meter::default(),
            shown: None,
            rows: Vec::new(),
            filtered_out: 0,
        }
    }

    /// Takes in what the daemon said.
    pub(crate) fn take(&mut self, update: Update) {
        match update {
            Update::Sample(sample) => self.take_sample(*sample),
            Update::Lost(why) => self.lost = Some(why),
            Update::Counted(_, 0) => self.message = Some("it is gone already".to_owned()),
            Update::Counted(cut, count) => self.mode = Mode::Confirm(cut, count),
            Update::Deleted(cut, count) => {
                self.message = Some(format!("{} forgotten: {}", connections(count), cut.what));
            }
            Update::Failed(why) => self.message = Some(why),
        }
    }

    fn take_sample(&mut self, sample: Sample) {
        self.lost = None;
        self.live.take(&sample);
        if !self.is_paused || self.shown.is_none() {
            let meter = self.live.clone();
            self.shown = Some(Shown { sample, meter });
            self.refresh();
        }
    }

    /// Makes the rows of the view anew.
    fn refresh(&mut self) {
        let Some(Shown { sample, meter }) = &self.shown else {
            return;
        };
        let mut rows = self.view.rows(sample, meter);
        let list = &self.lists[self.view as usize];
        let all = rows.len();
        rows.retain(|row| matches(row, &list.filter));
        list.sorting.sort(&mut rows);
        self.filtered_out = all - rows.len();
        self.rows = rows;
    }

    /// What is on the screen; `None` before the first sample.
    pub(crate) const fn shown(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// The rows of the view, filtered and sorted.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How the view is looked at.
    pub(crate) const fn list(&self) -> &List {
        &self.lists[self.view as usize]
    }

    const fn list_mut(&mut self) -> &mut List {
        &mut self.lists[self.view as usize]
    }

    /// The place of the chosen row. One that is gone hands over to the first.
    pub(crate) fn chosen_place(&self) -> usize {
        let chosen = self.list().chosen.as_deref();
        let place = chosen.and_then(|id| self.rows.iter().position(|row| row.id == id));
        place.unwrap_or(0)
    }

    /// The chosen row.
    pub(crate) fn chosen(&self) -> Option<&Row> {
        self.rows.get(self.chosen_place())
    }

    /// Chooses the row so many places below, or above; the first or the last where there are not so many.
    fn choose(&mut self, by: isize) {
        let last = self.rows.len().saturating_sub(1);
        let place = self.chosen_place().saturating_add_signed(by).min(last);
        let id = self.rows.get(place).map(|row| row.id.clone());
        self.list_mut().chosen = id;
    }
}

/// `1 connection`, `2 connections`.
pub(crate) fn connections(count: u64) -> String {
    secgroup_report::words::counted(count, "connection")
}

#[cfg(test)]
mod tests;

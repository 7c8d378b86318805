//! Tables that are sorted, filtered, and cut to the width there is. All views are such tables, so that keys mean the same in each.

use std::cmp::Ordering;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::units::cells;

/// Between two columns.
pub(crate) const GAP: u16 = 1;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// Its title.
    pub(crate) title: &'static str,
    /// How soon it is left out where there is no room: those of rank 0 never are.
    pub(crate) rank: u8,
    /// What is in it.
    pub(crate) shape: Shape,
}

/// A column of this title, rank and shape.
pub(crate) const fn column(title: &'static str, rank: u8, shape: Shape) -> Column {
    Column { title, rank, shape }
}

/// What is in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// To the right, whole.
    Number,
    /// To the left, whole.
    Word,
    /// To the left, and cut where there is no room, to no less than this.
    Text(u16),
}

/// How a cell is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// All is well.
    Good,
    /// It is not.
    Bad,
    /// Somebody should look.
    Warning,
    /// Of little weight.
    Faint,
}

/// By what a cell is sorted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    Number(f64),
    Text,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) key: Key,
    pub(crate) tone: Tone,
}

impl Cell {
    /// Text, sorted as such. What a terminal would obey is made visible: names and descriptions are anybody's.
    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self {
            text: printable(text.as_ref()),
            key: Key::Text,
            tone: Tone::Plain,
        }
    }

    /// Text that stands for a number.
    pub(crate) fn number(text: impl Into<String>, number: f64) -> Self {
        Self {
            text: text.into(),
            key: Key::Number(number),
            tone: Tone::Plain,
        }
    }

    /// The same in another tone.
    pub(crate) fn tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (&self.key, &other.key) {
            (Key::Number(a), Key::Number(b)) => a.total_cmp(b),
            _ => self.text.cmp(&other.text),
        }
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// What it is about: the same from one sample to the next.
    pub(crate) id: String,
    /// A cell for each column.
    pub(crate) cells: Vec<Cell>,
    /// All there is to say about it, under names.
    pub(crate) details: Vec<(&'static str, String)>,
}

/// By which column rows are sorted, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sorting {
    pub(crate) column: usize,
    pub(crate) descending: bool,
}

impl Sorting {
    /// By the next column, in the direction that is looked for there: the largest number, the first word.
    pub(crate) fn next(self, columns: &[Column]) -> Self {
        let column = (self.column + 1) % columns.len().max(1);
        let is_number = |column: &Column| column.shape == Shape::Number;
        Self {
            column,
            descending: columns.get(column).is_some_and(is_number),
        }
    }

    /// The other way round.
    pub(crate) const fn reversed(self) -> Self {
        Self {
            column: self.column,
            descending: !self.descending,
        }
    }

    /// Sorts rows; those that are equal by what they are about, so that they keep their places from one sample to the next.
    pub(crate) fn sort(self, rows: &mut [Row]) {
        rows.sort_by(|a, b| {
            let cells = a.cells.get(self.column).zip(b.cells.get(self.column));
            let order = cells.map_or(Ordering::Equal, |(a, b)| a.compare(b));
            let order = if self.descending {
                order.reverse()
            } else {
                order
            };
            order.then_with(|| a.id.cmp(&b.id))
        });
    }
}

/// Whether every word of `filter` is in one of the row's texts, whatever its case; also in one that there is no room for. Numbers change all the time: they are
/// for sorting.
pub(crate) fn matches(row: &Row, filter: &str) -> bool {
    let filter = filter.to_lowercase();
    filter.split_whitespace().all(|word| {
        let mut texts = row.cells.iter().filter(|cell| cell.key == Key::Text);
        texts.any(|cell| cell.text.to_lowercase().contains(word))
    })
}

/// Which columns there is room for, by their place, and how wide they are.
pub(crate) fn fit(columns: &[Column], rows: &[Row], width: u16) -> Vec<(usize, u16)> {
    let wanted: Vec<u16> = (0..columns.len())
        .map(|place| wanted(columns, rows, place))
        .collect();
    let mut rank = columns.iter().map(|column| column.rank).max().unwrap_or(0);
    loop {
        let shown: Vec<usize> = (0..columns.len())
            .filter(|place| columns[*place].rank <= rank)
            .collect();
        let gaps = GAP * cells(shown.len().saturating_sub(1));
        let least: u16 = shown
            .iter()
            .map(|place| least(&columns[*place], wanted[*place]))
            .fold(gaps, u16::saturating_add);
        if least <= width || rank == 0 {
            return share(columns, &shown, &wanted, width.saturating_sub(least));
        }
        rank -= 1;
    }
}

/// Gives what is `spare` to the columns that were cut, one after the other.
fn share(columns: &[Column], shown: &[usize], wanted: &[u16], mut spare: u16) -> Vec<(usize, u16)> {
    let widths = shown.iter().map(|&place| {
        let least = least(&columns[place], wanted[place]);
        let more = spare.min(wanted[place] - least);
        spare -= more;
        (place, least + more)
    });
    widths.collect()
}

fn wanted(columns: &[Column], rows: &[Row], place: usize) -> u16 {
    let cells_of = rows.iter().filter_map(|row| row.cells.get(place));
    let widest = cells_of.map(|cell| cell.text.width()).max().unwrap_or(0);
    // One more, for the arrow of the column that is sorted by.
    cells(widest.max(columns[place].title.width() + 1))
}

fn least(column: &Column, wanted: u16) -> u16 {
    match column.shape {
        Shape::Number | Shape::Word => wanted,
        Shape::Text(least) => wanted.min(least),
    }
}

/// `text` in exactly `width` columns: cut with `…`, or filled up on the side that its shape says.
pub(crate) fn padded(text: &str, shape: Shape, width: u16) -> String {
    let text = cut(text, width);
    let fill = " ".repeat(usize::from(width).saturating_sub(text.width()));
    match shape {
        Shape::Number => fill + &text,
        Shape::Word | Shape::Text(_) => text + &fill,
    }
}

/// `text` in at most `width` columns.
pub(crate) fn cut(text: &str, width: u16) -> String {
    let width = usize::from(width);
    if text.width() <= width {
        return text.to_owned();
    }
    let (mut kept, mut used) = (String::new(), 0);
    for char in text.chars() {
        used += char.width().unwrap_or(0);
        if used + 1 > width {
            break;
        }
        kept.push(char);
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

/// Text without anything that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    let visible = |char: char| if char.is_control() { '\u{fffd}' } else { char };
    text.chars().map(visible).collect()
}

#[cfg(test)]
mod tests;

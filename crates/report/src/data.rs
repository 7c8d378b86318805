//! What a page shows: plain data, without a word of HTML. Whoever found something says it with this.
//!
//! Texts may come from anywhere (names and descriptions of rules, file names, what was typed): they are escaped when the page is made.

use serde::{Deserialize, Serialize};

/// A page.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Page {
    /// What it is about, in a few words.
    pub title: String,
    /// One or two sentences below the title.
    pub lead: String,
    /// What made it: a program and its version.
    pub made_by: String,
    /// What a reader has to know before anything else.
    pub warnings: Vec<String>,
    /// The numbers at a glance.
    pub figures: Vec<Figure>,
    /// The rest, in order.
    pub sections: Vec<Section>,
}

/// A number at a glance.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Figure {
    /// What it counts.
    pub name: String,
    /// The number, as it is shown.
    pub value: String,
    /// What stands below: a share, a unit, what it is part of.
    pub beside: String,
    /// Its colour.
    pub tone: Tone,
}

/// A part of the page with a title.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Section {
    /// What links to it use: letters, digits and hyphens.
    pub id: String,
    /// The title.
    pub title: String,
    /// How to read it; may be empty.
    pub note: String,
    /// What is in it.
    pub blocks: Vec<Block>,
}

/// Something that is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Block {
    /// Something over time.
    Chart(Chart),
    /// Something between each two of several.
    Matrix(Matrix),
    /// Rows to sort and search.
    Table(Table),
    /// Names with one or several values each.
    Facts(Vec<(String, Vec<String>)>),
    /// A sentence.
    Note(String),
}

/// What a thing means: its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Tone {
    /// Nothing in particular.
    #[default]
    Plain,
    /// It passes.
    Allow,
    /// It does not.
    Deny,
    /// Somebody should look at it.
    Warn,
    /// It is beside the point.
    Other,
    /// One of several of a kind: 0 to 5, and then again from 0.
    Series(u8),
}

impl Tone {
    /// The name of its variable in the palette, without the hyphens; of its class, too.
    #[must_use]
    pub const fn name(self) -> &'static str {
        const SERIES: [&str; 6] = [
            "series-1", "series-2", "series-3", "series-4", "series-5", "series-6",
        ];
        match self {
            Self::Plain => "ink",
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Warn => "warn",
            Self::Other => "other",
            Self::Series(number) => SERIES[number as usize % SERIES.len()],
        }
    }
}

/// Something over time, in stretches of equal length.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Chart {
    /// What is drawn.
    pub title: String,
    /// What one stretch counts, in the plural: `packets`.
    pub unit: String,
    /// How long a stretch is, in seconds; more than 0.
    pub seconds: f64,
    /// How it is drawn.
    pub shape: Shape,
    /// What is drawn, from the bottom up where it is stacked; each has as many values.
    pub series: Vec<Series>,
    /// What none may exceed.
    pub limit: Option<Limit>,
    /// Moments to tell: seconds from the beginning, and what happened.
    pub moments: Vec<(f64, String)>,
}

/// How a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Shape {
    /// Areas on top of each other: what happened in each stretch.
    #[default]
    Stacked,
    /// A line each: how much there was at the end of each stretch.
    Lines,
}

/// One of the things in a chart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// Its colour.
    pub tone: Tone,
    /// One for each stretch of time; `None` where nothing is known.
    pub values: Vec<Option<u64>>,
}

/// What a chart's values may not exceed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limit {
    /// What it is.
    pub name: String,
    /// How much.
    pub value: u64,
}

/// Something between each two of several.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Matrix {
    /// What it shows.
    pub title: String,
    /// Where it comes from.
    pub rows: Vec<String>,
    /// Where it goes to.
    pub columns: Vec<String>,
    /// A row for each of `rows`, with a pair for each of `columns`.
    pub pairs: Vec<Vec<Pair>>,
}

/// What went from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pair {
    /// How much passed.
    pub allowed: u64,
    /// How much did not.
    pub denied: u64,
}

/// Rows to sort and search.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Table {
    /// What the rows are.
    pub title: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, each with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// What is said where there are no rows.
    pub empty: String,
    /// What is said of rows that are not here; empty where all are.
    pub left_out: String,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Column {
    /// What stands in it.
    pub name: String,
    /// Whether that are numbers.
    pub is_number: bool,
}

impl Column {
    /// A column of texts.
    #[must_use]
    pub fn text(name: &str) -> Self {
        let name = name.to_owned();
        Self {
            name,
            is_number: false,
        }
    }

    /// A column of numbers.
    #[must_use]
    pub fn number(name: &str) -> Self {
        let name = name.to_owned();
        Self {
            name,
            is_number: true,
        }
    }
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A text, and a smaller one below.
    Below(String, String),
    /// Something that a program reads: an address, an id.
    Code(String),
    /// How many.
    Count(u64),
    /// How many bytes.
    Bytes(u64),
    /// Words that stand out, each with its colour.
    Marks(Vec<(Tone, String)>),
    /// Several texts, one below the other.
    Lines(Vec<String>),
}

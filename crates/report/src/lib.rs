#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod chart;
mod data;
mod page;
mod policy;
pub mod words;

pub use crate::data::{
    Block, Cell, Chart, Column, Figure, Limit, Matrix, Page, Pair, Section, Series, Shape, Table,
    Tone,
};
pub use crate::page::{STYLE, html};
pub use crate::policy::content_security_policy;

/// The colours of a page as CSS: variables on the root, light and dark, with a switch (`data-theme` on the root: `light` or `dark`;
/// without it the reader's system chooses). Whoever else shows what secgroup found shows it in these.
pub const PALETTE: &str = include_str!("assets/palette.css");

#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod collect;
mod common;
mod diagnostic;
mod dump;
mod load;
mod merge;
mod node;
mod options;
mod reader;
mod render;
mod source;
mod template;
mod value;
mod write;

pub use crate::diagnostic::{Diagnostic, Label, Severity, nearest};
pub use crate::load::{Import, load, load_texts};
pub use crate::options::Options;
pub use crate::render::render;
pub use crate::source::{Location, SourceId, Sources};
pub use crate::write::write_template;

//! Stacks of templates as people write them, read by the importer.

mod bench;
mod plans;
mod property;
mod seeds;
mod shipped;

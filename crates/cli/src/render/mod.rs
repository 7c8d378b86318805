//! What a person sees.

mod check;
mod explain;
mod replay;
mod table;

pub(crate) use self::check::findings;
pub(crate) use self::explain::explanation;
pub(crate) use self::replay::report;
pub(crate) use self::table::{counted, rounded};

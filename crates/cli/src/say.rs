//! The two ways out. What was asked for goes to standard output, and whoever stopped reading it (`|
//! head`) ends the command quietly; what is said beside goes to standard error, and is lost without
//! harm where nobody listens.

use std::io::{self, Write, stderr, stdout};

use serde::Serialize;

use crate::Failure;

/// Prints what was asked for.
pub(crate) fn show(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| {
            // The kind stays: a closed pipe is no error.
            let said = format!("cannot write to standard output: {error}");
            io::Error::new(error.kind(), said)
        })?;
    Ok(())
}

/// Prints what was asked for as one JSON document.
pub(crate) fn show_json(document: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    show(&text)
}

/// The same in one line: for programs that wait for it while this one goes on.
pub(crate) fn show_json_line(document: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string(document)?;
    text.push('\n');
    show(&text)
}

/// Says something beside.
pub(crate) fn tell(text: &str) {
    // Nobody is left to tell that nobody listens.
    let _ = stderr().lock().write_all(text.as_bytes());
}

/// Says what went wrong.
pub(crate) fn tell_error(error: &dyn std::fmt::Display) {
    tell(&format!("error: {error}\n"));
}

//! What was read, for people: the first lines of every report about captures.

use std::fmt::Write;

use secgroup_replay::CaptureReport;

use crate::render::table::counted;

/// One line a capture.
pub(crate) fn read(text: &mut String, captures: &[CaptureReport]) -> std::fmt::Result {
    for capture in captures {
        let ended = match (&capture.error, capture.packets) {
            (None, _) => "",
            (Some(_), 0) => " (not read, see the error)",
            (Some(_), _) => " (ended early, see the error)",
        };
        let packets = counted(capture.packets, "packet");
        writeln!(text, "{}: {packets}{ended}", capture.file)?;
    }
    Ok(())
}

/// One line a warning.
pub(crate) fn warnings(text: &mut String, warnings: &[String]) -> std::fmt::Result {
    for warning in warnings {
        writeln!(text, "warning: {warning}")?;
    }
    Ok(())
}

//! What is said of a capture when it is over.

use std::path::Path;

use secgroup_io::{Capture, CaptureError};

use crate::report::CaptureReport;

/// A capture that came to its end, or to an error.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) report: CaptureReport,
    pub(crate) warnings: Vec<String>,
}

impl Ended {
    /// One that was read, to its end or to an error.
    pub(crate) fn read(capture: &Capture, error: Option<&CaptureError>) -> Self {
        let file = capture.name().to_owned();
        let warnings = capture.warnings().iter();
        Self {
            warnings: warnings.map(|said| format!("{file}: {said}")).collect(),
            report: CaptureReport {
                file,
                packets: capture.packets(),
                error: error.map(ToString::to_string),
            },
        }
    }

    /// One that could not be opened.
    pub(crate) fn unread(path: &Path, error: &CaptureError) -> Self {
        Self {
            warnings: Vec::new(),
            report: CaptureReport {
                file: path.display().to_string(),
                packets: 0,
                error: Some(error.to_string()),
            },
        }
    }
}

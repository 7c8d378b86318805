//! What was made of files, with all there is to say about them: of a configuration, of a policy.

use secgroup_import::{Diagnostic, Sources, render};

/// A value that was read from files, and what there is to say about it.
#[derive(Debug)]
pub struct Loaded<T> {
    /// `None` where there are errors.
    pub value: Option<T>,
    /// Errors and warnings, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that they quote.
    pub sources: Sources,
}

impl<T> Loaded<T> {
    /// The diagnostics as text for a terminal; `color` adds ANSI colours.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        render(&self.diagnostics, &self.sources, color)
    }

    /// The value, and what there is to say about it although it is valid.
    ///
    /// # Errors
    /// All that is wrong, as [`render`](Self::render) has it.
    pub fn accept(self, color: bool) -> Result<(T, String), String> {
        let said = self.render(color);
        match self.value {
            Some(value) => Ok((value, said)),
            None => Err(said),
        }
    }
}

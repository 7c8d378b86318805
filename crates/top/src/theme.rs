//! Colours, or none (<https://no-color.org>).

use ratatui::style::{Color, Modifier, Style};

use crate::table::Tone;

/// How things look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Theme {
    has_colours: bool,
}

impl Theme {
    /// With colours or without.
    pub(crate) const fn new(has_colours: bool) -> Self {
        Self { has_colours }
    }

    /// As a cell is meant.
    pub(crate) fn tone(self, tone: Tone) -> Style {
        match tone {
            Tone::Plain => Style::new(),
            Tone::Good => self.coloured(Color::Green),
            Tone::Bad => self.coloured(Color::Red),
            Tone::Warning => self.coloured(Color::Yellow),
            Tone::Faint => Style::new().add_modifier(Modifier::DIM),
        }
    }

    /// Titles of columns.
    pub(crate) fn title(self) -> Style {
        self.coloured(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// What is chosen.
    pub(crate) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// What is out of order, and said once.
    pub(crate) fn alarm(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// A key to press.
    pub(crate) fn key(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn coloured(self, colour: Color) -> Style {
        if self.has_colours {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }
}

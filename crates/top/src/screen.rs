//! The terminal while it is ours, and as it was before however we end: by a key, a signal, an error, a panic.

use std::io::{self, Stdout, stdout};
use std::panic;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use crate::app::App;
use crate::draw::draw;
use crate::theme::Theme;

/// The terminal, in raw mode and on its other screen.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    theme: Theme,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It does not obey.
    pub(crate) fn enter(theme: Theme) -> io::Result<Self> {
        restore_where_something_panics();
        let terminal = take()?;
        Ok(Self { terminal, theme })
    }

    /// Draws what has changed.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn draw(&mut self, app: &App) -> io::Result<()> {
        let theme = self.theme;
        self.terminal.draw(|frame| draw(frame, app, theme))?;
        Ok(())
    }

    /// Gives the terminal back while `away` lasts, and takes it again.
    ///
    /// # Errors
    /// It does not obey.
    pub(crate) fn leave_while(&mut self, away: impl FnOnce()) -> io::Result<()> {
        restore();
        away();
        self.terminal = take()?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Nobody knows what is on it: it is cleared, and the first picture is drawn whole. (`Terminal::clear` is not for us: it asks where the cursor is,
/// and the thread that reads keys takes the answer.)
fn take() -> io::Result<Terminal<CrosstermBackend<Stdout>>> {
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen, Clear(ClearType::All))
        .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())))
        .inspect_err(|_| restore())
}

/// As it was. Where the terminal does not listen there is nobody to tell.
fn restore() {
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// A panic's message belongs on the screen that stays.
fn restore_where_something_panics() {
    let former = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        restore();
        former(panic);
    }));
}

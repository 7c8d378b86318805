//! The loop: what the daemon says, keys and signals change what is shown; it is drawn; nothing else happens here.

use std::io::{self, IsTerminal, stdin, stdout};
use std::path::PathBuf;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use ratatui::crossterm::event::{Event, read};
use secgroup_daemon::control::{Client, ClientError};

use crate::app::{Action, App};
use crate::asking::{Asking, Order, Update};
use crate::sample::Sampler;
use crate::screen::Screen;
use crate::signals::{Signal, hear, stop};
use crate::theme::Theme;

/// Messages that may wait: keys of somebody who leans on them.
const WAITING: usize = 256;

/// What is shown, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The daemon's control socket.
    pub socket: PathBuf,
    /// How often it is asked, and what for.
    pub sampler: Sampler,
    /// Whether there may be colours.
    pub has_colours: bool,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By a key.
    Quit,
    /// By this signal; the terminal is as it was, and what the signal does is still to be done.
    Signal(i32),
}

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is nobody to look.
    #[error(
        "'secgroup top' needs a terminal; 'secgroup top --json' and 'secgroup status --json' print what it shows"
    )]
    NoTerminal,
    /// The daemon is not there, at the beginning. Later it is waited for.
    #[error(transparent)]
    Daemon(#[from] ClientError),
    /// The terminal does not do as it is told.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
}

/// What the loop waits for.
enum Message {
    Daemon(Update),
    Terminal(io::Result<Event>),
    Signal(Signal),
}

/// Shows what the daemon says until somebody quits.
///
/// # Errors
/// [`RunError`].
pub fn run(settings: Settings) -> Result<Ended, RunError> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err(RunError::NoTerminal);
    }
    let client = Client::connect(&settings.socket)?;
    let (tell, messages) = bounded(WAITING);
    let (orders, ordered) = unbounded();
    hear(tell.clone(), Message::Signal)?;
    forward(&tell, |tell| {
        loop {
            let event = read();
            let is_over = event.is_err();
            if tell.send(Message::Terminal(event)).is_err() || is_over {
                return;
            }
        }
    })?;
    let (update, updates) = bounded(1);
    Asking::new(settings.socket, settings.sampler, client, update).start(ordered)?;
    forward(&tell, move |tell| {
        for update in updates {
            if tell.send(Message::Daemon(update)).is_err() {
                return;
            }
        }
    })?;
    let mut screen = Screen::enter(Theme::new(settings.has_colours))?;
    follow(&mut screen, &messages, &orders)
}

/// Does `work` on a thread that ends with the process, or when nobody listens to it.
fn forward(
    tell: &Sender<Message>,
    work: impl FnOnce(Sender<Message>) + Send + 'static,
) -> io::Result<()> {
    let tell = tell.clone();
    thread::Builder::new().spawn(move || work(tell)).map(drop)
}

fn follow(
    screen: &mut Screen,
    messages: &Receiver<Message>,
    orders: &Sender<Order>,
) -> Result<Ended, RunError> {
    let mut app = App::new();
    loop {
        screen.draw(&app)?;
        let Ok(first) = messages.recv() else {
            return Ok(Ended::Quit);
        };
        // What has come meanwhile is drawn once.
        for message in std::iter::once(first).chain(messages.try_iter()) {
            let action = match message {
                Message::Daemon(update) => {
                    app.take(update);
                    None
                }
                Message::Terminal(event) => match event? {
                    Event::Key(key) => app.key(key),
                    _ => None,
                },
                Message::Signal(Signal::End(signal)) => return Ok(Ended::Signal(signal)),
                Message::Signal(Signal::Suspend) => Some(Action::Suspend),
                Message::Signal(Signal::Continued) => {
                    screen.leave_while(|| ())?;
                    None
                }
            };
            match action {
                None => {}
                Some(Action::Quit) => return Ok(Ended::Quit),
                Some(Action::Suspend) => screen.leave_while(stop)?,
                // Where nobody takes it, the next message says why.
                Some(Action::Order(order)) => drop(orders.send(order)),
            }
        }
    }
}

//! Signals as messages: the terminal is given back before any of them does what it does.

use std::io;
use std::thread;

use crossbeam_channel::Sender;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// End, by this signal.
    End(i32),
    /// Stop until the shell goes on.
    Suspend,
    /// Somebody stopped us without asking, and has let us go on.
    Continued,
}

/// Hears signals from now on.
///
/// # Errors
/// The kernel gives no more threads or descriptors.
pub(crate) fn hear<T: Send + 'static>(
    to: Sender<T>,
    message: impl Fn(Signal) -> T + Send + 'static,
) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGCONT])?;
    let thread = thread::Builder::new().name("signals".to_owned());
    let work = move || {
        for signal in signals.forever() {
            let signal = match signal {
                SIGTSTP => Signal::Suspend,
                SIGCONT => Signal::Continued,
                other => Signal::End(other),
            };
            if to.send(message(signal)).is_err() {
                return;
            }
        }
    };
    thread.spawn(work).map(drop)
}

/// Stops, as a program does that does not mind the signal; returns when somebody lets it go on.
pub(crate) fn stop() {
    // It fails for signals that there are not.
    let _ = emulate_default_handler(SIGTSTP);
}

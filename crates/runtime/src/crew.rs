//! What workers are made of before they run, and the ends by which the others reach them and hear from them.
//!
//! Here and nowhere else channels are made, and each is given to both who hold an end of it: a worker has a mailbox of its own, a place in the mesh by
//! which workers hand over frames, and, as all others do, a way to give notice to the supervisor and to tell of events.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::RuntimeSettings;
use crate::events::{Event, Hub};
use crate::handoff::Mesh;
use crate::mailbox::Mailbox;
use crate::settings::Ticking;
use crate::supervisor::Notice;
use crate::worker::Parts;

/// Events that may wait for the supervisor to hand them on.
const EVENTS_WAITING: usize = 4096;

/// Workers that do not run yet, and whatever reaches them.
#[derive(Debug)]
pub(crate) struct Crew {
    /// By worker.
    pub(crate) parts: Vec<Parts>,
    /// By worker.
    pub(crate) mailboxes: Vec<Mailbox>,
    pub(crate) hub: Arc<Hub>,
    /// One for all, so that they agree.
    pub(crate) clock: Ticking,
    pub(crate) notices: Sender<Notice>,
    /// What workers notice, for the supervisor.
    pub(crate) noticed: Receiver<Notice>,
    /// What workers tell of, for the supervisor.
    pub(crate) happened: Receiver<Event>,
}

impl Crew {
    /// As many as the settings say.
    ///
    /// # Errors
    /// The kernel has no more file descriptors for us.
    pub(crate) fn new(settings: &RuntimeSettings) -> io::Result<Self> {
        let (notices, noticed) = unbounded();
        let (events, happened) = bounded(EVENTS_WAITING);
        let hub = Arc::new(Hub::default());
        let clock = settings.clock.start();
        let mailboxes: io::Result<Vec<_>> = (0..settings.workers).map(|_| Mailbox::new()).collect();
        let (mailboxes, commands): (Vec<_>, Vec<_>) = mailboxes?.into_iter().unzip();
        let wakers = mailboxes
            .iter()
            .map(|mailbox| Arc::clone(mailbox.waker()))
            .collect();
        let (mesh, inboxes) = Mesh::new(wakers, settings.handoff);
        let ends = mailboxes.iter().zip(commands).zip(inboxes);
        let parts = (0..)
            .zip(ends)
            .map(|(index, ((mailbox, commands), inbox))| Parts {
                index,
                engine: settings.engine.clone(),
                busy_poll: settings.busy_poll,
                clock: clock.clone(),
                commands,
                waker: Arc::clone(mailbox.waker()),
                mesh: Arc::clone(&mesh),
                inbox,
                notices: notices.clone(),
                events: events.clone(),
                hub: Arc::clone(&hub),
                observers: settings.observers.clone(),
                metered: settings.metered,
            });
        Ok(Self {
            parts: parts.collect(),
            mailboxes,
            hub,
            clock,
            notices,
            noticed,
            happened,
        })
    }
}

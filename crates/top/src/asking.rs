//! The thread that asks the daemon, so that keys are answered while the daemon is not.
//!
//! It samples, does what it is ordered to, and where the daemon is gone says so and tries again, for as long as it takes.

use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, at, never, select};
use secgroup_daemon::control::{Client, ClientError};
use secgroup_daemon::protocol::{DeleteRequest, FlowsRequest, TrafficOrder};

use crate::sample::{Sample, Sampler};
use crate::views::Cut;

/// What it is ordered to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Prefer flows with most of these.
    By(TrafficOrder),
    /// How many connections would this forget?
    Count(Cut),
    /// Forget them.
    Delete(Cut),
}

/// What it says.
#[derive(Debug)]
pub(crate) enum Update {
    /// How things are.
    Sample(Box<Sample>),
    /// The daemon is gone, or does not answer as it should.
    Lost(String),
    /// So many would be forgotten.
    Counted(Cut, u64),
    /// So many were forgotten.
    Deleted(Cut, u64),
    /// What was ordered could not be done.
    Failed(String),
}

/// The thread's own.
pub(crate) struct Asking {
    socket: PathBuf,
    sampler: Sampler,
    client: Option<Client>,
    began: Instant,
    updates: Sender<Update>,
}

impl Asking {
    /// Over `client` at first, and over new connections to `socket` where that breaks.
    pub(crate) fn new(
        socket: PathBuf,
        sampler: Sampler,
        client: Client,
        updates: Sender<Update>,
    ) -> Self {
        Self {
            socket,
            sampler,
            client: Some(client),
            began: Instant::now(),
            updates,
        }
    }

    /// Begins. The thread ends when nobody listens any more, or gives orders.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(crate) fn start(self, orders: Receiver<Order>) -> std::io::Result<()> {
        let thread = thread::Builder::new().name("asking".to_owned());
        thread.spawn(move || self.run(&orders)).map(drop)
    }

    fn run(mut self, orders: &Receiver<Order>) {
        let mut due = Instant::now();
        loop {
            let tick = if Instant::now() < due {
                at(due)
            } else {
                never()
            };
            let is_due = Instant::now() >= due;
            let update = if is_due {
                due = Instant::now() + self.sampler.interval;
                self.sample()
            } else {
                select! {
                    recv(orders) -> order => match order {
                        Ok(Order::By(by)) => {
                            self.sampler.by = by;
                            continue;
                        }
                        Ok(order) => self.obey(order),
                        Err(_) => return,
                    },
                    recv(tick) -> _ => continue,
                }
            };
            if self.updates.send(update).is_err() {
                return;
            }
        }
    }

    fn sample(&mut self) -> Update {
        let (sampler, began) = (self.sampler, self.began);
        match self.ask(|client| sampler.sample(client, began.elapsed())) {
            Ok(sample) => Update::Sample(Box::new(sample)),
            Err(error) => Update::Lost(error.to_string()),
        }
    }

    fn obey(&mut self, order: Order) -> Update {
        let done = match order {
            Order::Count(cut) => {
                let request = FlowsRequest {
                    filter: cut.filter.clone(),
                    count_only: true,
                    ..FlowsRequest::default()
                };
                let counted = self.ask(|client| client.flows(request));
                counted.map(|page| Update::Counted(cut, page.matched))
            }
            Order::Delete(cut) => {
                let request = DeleteRequest {
                    filter: cut.filter.clone(),
                    all: false,
                };
                let deleted = self.ask(|client| client.delete(request));
                deleted.map(|count| Update::Deleted(cut, count))
            }
            Order::By(_) => return Update::Failed("nothing was ordered".to_owned()),
        };
        done.unwrap_or_else(|error| Update::Failed(error.to_string()))
    }

    /// Asks over the connection there is, or a new one. One on which something went wrong is not used again.
    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut Client) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => Client::connect(&self.socket)?,
        };
        let answer = question(&mut client)?;
        self.client = Some(client);
        Ok(answer)
    }
}

//! The threads of a server, from their start until the last connection is gone.

use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio::sync::watch;

use super::listen::{self, Desk};
use super::{Limits, StartError};

/// How long answers that are under way may take to end.
const ENDING: Duration = Duration::from_secs(10);

/// Threads, and the word that ends them.
#[derive(Debug)]
pub(super) struct Threads {
    /// `true` when all is to end.
    stop: watch::Sender<bool>,
    /// None when it has ended.
    runtime: Option<Runtime>,
}

impl Threads {
    /// `moving` threads that move bytes, and up to `blocking` that may wait.
    ///
    /// # Errors
    /// The kernel gives no more threads.
    pub(super) fn start(
        name: &'static str,
        moving: usize,
        blocking: usize,
    ) -> Result<Self, StartError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(moving)
            .max_blocking_threads(blocking)
            .thread_name(name)
            .enable_io()
            .enable_time()
            .build()
            .map_err(StartError::Threads)?;
        Ok(Self {
            stop: watch::Sender::new(false),
            runtime: Some(runtime),
        })
    }

    /// Lets `desk` answer those who connect.
    ///
    /// # Errors
    /// The listener cannot be waited for.
    pub(super) fn listen(
        &self,
        listener: TcpListener,
        limits: Limits,
        desk: Arc<impl Desk>,
    ) -> std::io::Result<()> {
        let listener = {
            let _inside = self.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        self.spawn(|stopped| listen::serve(listener, limits, stopped, desk));
        Ok(())
    }

    /// What is made inside belongs to these threads.
    pub(super) fn enter(&self) -> Option<EnterGuard<'_>> {
        self.runtime.as_ref().map(Runtime::enter)
    }

    /// Runs a task, which is told when it is to end.
    pub(super) fn spawn<F>(&self, task: impl FnOnce(watch::Receiver<bool>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(task(self.stop.subscribe()));
        }
    }

    /// Stops listening; what is under way goes on.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for what is under way, for a while.
    pub(super) fn join(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Connections hold a receiver each; the sender hears when the last one is gone.
            let closed = self.stop.closed();
            let _ = runtime.block_on(async { tokio::time::timeout(ENDING, closed).await });
            runtime.shutdown_timeout(ENDING);
        }
    }
}

//! The thread that logs: it takes what workers left, closes windows by the clock, and writes. Nobody waits for it but whoever stops it.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select, unbounded};
use secgroup_packet::{InterfaceIndex, Timestamp};

use crate::feed::{Feed, LOGS, Shared, Slot, WATCHERS};
use crate::interface::Interface;
use crate::log::{LogSettings, LogStatus};
use crate::observation::Observation;
use crate::recorder::Recorder;
use crate::row::RuleNames;
use crate::watch::{Look, Passing, WATCHED_MAX, Watch};

/// How often it looks what was left.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Looks between two accounts of itself.
const TELL_EVERY: u32 = 10;
/// How long whoever watches waits for an answer: a file that is being written goes first.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Names of rules, for another thread.
pub type SharedRuleNames = Arc<dyn RuleNames + Send + Sync>;

/// Running flow logs; when it is dropped they end.
#[derive(Debug)]
pub struct Logger {
    shared: Arc<Shared>,
    slots: Arc<Slots>,
    wake: Sender<()>,
    orders: Sender<Order>,
    told: Arc<Mutex<Vec<LogStatus>>>,
    thread: Mutex<Option<(JoinHandle<()>, Receiver<()>)>>,
}

/// By worker.
type Slots = Mutex<BTreeMap<u16, Arc<Slot>>>;

/// What it is asked to do.
enum Order {
    Configure {
        logs: Vec<LogSettings>,
        interfaces: BTreeMap<InterfaceIndex, Arc<Interface>>,
    },
    Look {
        look: Look,
        reply: Sender<Passing>,
    },
    Stop,
}

/// How all logs are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoggerStatus {
    /// Each of them; no more than a second old.
    pub logs: Vec<LogStatus>,
    /// Packets that workers saw and could not hand over.
    pub packets_lost: u64,
}

impl Logger {
    /// Starts the thread, without logs.
    ///
    /// # Errors
    /// The kernel gives no more threads.
    pub fn start(flows_max: usize, rules: SharedRuleNames) -> io::Result<Self> {
        let (wake, woken) = bounded(1);
        let (orders, ordered) = unbounded();
        let (alive, ended) = bounded::<()>(0);
        let logger = Self {
            shared: Arc::default(),
            slots: Arc::default(),
            wake,
            orders,
            told: Arc::default(),
            thread: Mutex::new(None),
        };
        let clock = Clock::start();
        let work = Work {
            // Never 0: this run's files are no other's.
            recorder: Recorder::new(flows_max, clock.start.as_nanos() | 1),
            watch: None,
            clock,
            shared: Arc::clone(&logger.shared),
            slots: Arc::clone(&logger.slots),
            told: Arc::clone(&logger.told),
            rules,
            spare: Vec::new(),
        };
        let thread = Builder::new()
            .name("secgroup-flows".to_owned())
            .spawn(move || {
                let _alive = alive;
                work.run(&woken, &ordered);
            })?;
        *lock(&logger.thread) = Some((thread, ended));
        Ok(logger)
    }

    /// The end of a worker. A worker that comes back after a panic has the same slot.
    #[must_use]
    pub fn feed(&self, worker: u16) -> Feed {
        let slot = Arc::clone(lock(&self.slots).entry(worker).or_default());
        Feed::new(Arc::clone(&self.shared), slot, self.wake.clone())
    }

    /// These are the logs and the interfaces from now on. Logs that were there with the same settings go on.
    pub fn configure(
        &self,
        logs: Vec<LogSettings>,
        interfaces: BTreeMap<InterfaceIndex, Arc<Interface>>,
    ) {
        let is_wanted = !logs.is_empty();
        // Where the thread is gone nobody takes anything either.
        let _ = self.orders.send(Order::Configure { logs, interfaces });
        self.shared.want(LOGS, is_wanted);
    }

    /// What passes now, whether or not there are logs. Watching begins with the first question, whose answer is empty therefore, and ends 15 s after the last one. `None`
    /// where the thread does not answer within 5 s.
    #[must_use]
    pub fn look(&self, look: Look) -> Option<Passing> {
        let (reply, answer) = bounded(1);
        self.orders.send(Order::Look { look, reply }).ok()?;
        let _ = self.wake.try_send(());
        answer.recv_timeout(ANSWERS_WITHIN).ok()
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> LoggerStatus {
        LoggerStatus {
            logs: lock(&self.told).clone(),
            packets_lost: self.shared.lost.load(Ordering::Relaxed),
        }
    }

    /// Writes what is left and ends; `false` where that takes longer than `within`, and goes on by itself.
    pub fn stop(&self, within: Duration) -> bool {
        let Some((thread, ended)) = lock(&self.thread).take() else {
            return true;
        };
        let _ = self.orders.send(Order::Stop);
        if ended.recv_timeout(within) == Err(RecvTimeoutError::Timeout) {
            return false;
        }
        thread.join().is_ok()
    }
}

impl Drop for Logger {
    fn drop(&mut self) {
        self.stop(Duration::from_secs(1));
    }
}

/// Wall-clock time at the start, monotonic from there on, as workers have it.
struct Clock {
    start: Timestamp,
    started: Instant,
}

impl Clock {
    fn start() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            start: Timestamp::ZERO.saturating_add(since_epoch),
            started: Instant::now(),
        }
    }

    fn now(&self) -> Timestamp {
        self.start.saturating_add(self.started.elapsed())
    }
}

/// What the thread owns.
struct Work {
    recorder: Recorder,
    /// While somebody watches.
    watch: Option<Watch>,
    clock: Clock,
    shared: Arc<Shared>,
    slots: Arc<Slots>,
    told: Arc<Mutex<Vec<LogStatus>>>,
    rules: SharedRuleNames,
    /// An emptied vector, for the next slot.
    spare: Vec<Observation>,
}

impl Work {
    fn run(mut self, woken: &Receiver<()>, ordered: &Receiver<Order>) {
        let mut looks = 0_u32;
        loop {
            let order = select! {
                recv(ordered) -> order => Some(order.unwrap_or(Order::Stop)),
                recv(woken) -> _ => None,
                default(LOOK_EVERY) => None,
            };
            self.take();
            match order {
                Some(Order::Configure { logs, interfaces }) => {
                    let now = self.clock.now();
                    self.recorder
                        .configure(&logs, interfaces, now, self.rules.as_ref());
                    self.tell();
                }
                Some(Order::Look { look, reply }) => {
                    // Whoever went away meanwhile wants no answer.
                    let _ = reply.send(self.look(look));
                }
                Some(Order::Stop) => break,
                None => {}
            }
            self.pass_watch();
            self.recorder.tick(self.clock.now(), self.rules.as_ref());
            looks += 1;
            if looks.is_multiple_of(TELL_EVERY) {
                self.tell();
            }
        }
        self.shared.want(LOGS | WATCHERS, false);
        let rules = Arc::clone(&self.rules);
        let status = self.recorder.end(rules.as_ref());
        *lock(&self.told) = status;
    }

    /// Takes what workers left. Each slot is locked for the moment of a swap.
    fn take(&mut self) {
        let slots: Vec<_> = lock(&self.slots).values().cloned().collect();
        for slot in slots {
            let mut left = lock(&slot.0);
            let lost = std::mem::take(&mut left.lost);
            let mut observations = std::mem::take(&mut self.spare);
            std::mem::swap(&mut left.observations, &mut observations);
            drop(left);
            for observation in observations.drain(..) {
                if let Some(watch) = &mut self.watch {
                    let flow = self.recorder.flow_of(&observation);
                    watch.observe(&flow, observation.verdict, &observation.sums);
                }
                self.recorder.observe(&observation, self.rules.as_ref());
            }
            for (interface, packets) in lost {
                self.recorder.skip(interface, packets);
            }
            self.spare = observations;
        }
    }

    fn look(&mut self, look: Look) -> Passing {
        let now = self.clock.now();
        let watch = self.watch.get_or_insert_with(|| {
            self.shared.want(WATCHERS, true);
            Watch::begin(WATCHED_MAX, now)
        });
        watch.look(look, now)
    }

    /// Forgets what is over of what is watched, and all of it where nobody watches any more.
    fn pass_watch(&mut self) {
        let now = self.clock.now();
        match &mut self.watch {
            Some(watch) if watch.is_over(now) => {
                self.shared.want(WATCHERS, false);
                self.watch = None;
            }
            Some(watch) => watch.tick(now),
            None => {}
        }
    }

    fn tell(&self) {
        *lock(&self.told) = self.recorder.status();
    }
}

/// What is behind a lock is whole also where somebody panicked who held it: it is changed by whole values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What Prometheus reads: everything that is counted, as text, when it asks.
//!
//! ```text
//!  Prometheus ──GET /metrics──► PageServer (limits) ──► Measured (one look, as `secgroup status`) ──► text
//! ```
//!
//! Pulled, not pushed: nothing is kept for anybody who does not ask, nothing waits for a receiver that is away, and whoever asks decides how often. The
//! numbers are those of [`StatusDocument`], looked at once; packets are counted by what is there anyway, and workers answer between two
//! bursts. Only what [`Metered`](secgroup_runtime::Metered) tells is measured for this alone, and only where `[metrics]` is configured.
//!
//! # What is bounded
//!
//! A series costs memory in Prometheus for as long as it is kept, so what grows with traffic is never a label. Interfaces, workers, devices and flow logs
//! are as many as are configured; directions, verdicts, reasons, states, actions and codes are words of the program. Rules may be many: the first so
//! many that are hit have series of their own for good, the others are summed, so that no counter ever falls.
//!
//! # A worker that does not answer
//!
//! Sums without its part would fall, and rise again when it is back: to Prometheus that is a restart, and all that it ever counted would be counted twice. So
//! such a text has no sums, only what says that the worker is stuck.

mod families;
mod format;
mod rules;
mod sheet;
mod traffic;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use secgroup_endpoint::{Asked, Count, Gate, Page, PageServer, Pages, Service, StartError};
use secgroup_runtime::{Census, WorkerStatus};

use self::families::{Calls, Families};
use self::rules::RuleSeats;
use crate::protocol::StatusDocument;

/// Where it is asked for.
const PATH: &str = "/metrics";
/// How old a count of connections by state may be: it looks at whole tables.
const CENSUS_EVERY: Duration = Duration::from_secs(10);

/// Somebody who knows how the firewall is.
pub trait Measure: Send + Sync {
    /// One look at everything that is counted.
    fn measure(&self) -> Measured;

    /// Connections by state: takes longer.
    fn census(&self) -> Census;
}

/// Everything that is counted, at one moment.
#[derive(Debug)]
pub struct Measured {
    /// What people are told.
    pub document: StatusDocument,
    /// By worker.
    pub workers: Vec<WorkerStatus>,
    /// Rules that anything passed by, in the order of their numbers.
    pub rules: Vec<RuleHits>,
    /// How long policies took.
    pub timing: Timing,
    /// The last reload was refused.
    pub last_reload_failed: bool,
    /// Calls of the EC2 endpoint.
    pub calls: Vec<Count>,
}

/// What passed by a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleHits {
    /// The ids of the rule and its group; none of a rule that is forgotten.
    pub names: Option<(String, String)>,
    /// Packets.
    pub packets: u64,
    /// Bytes of IP packets.
    pub bytes: u64,
}

/// How long policies took to come into force, those of the start left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// How many.
    pub changes: u64,
    /// Until they were compiled, all together.
    pub compile: Duration,
    /// From there until the last worker had them, all together.
    pub publish: Duration,
}

impl Timing {
    /// One more policy.
    pub(crate) fn add(&mut self, compile: Duration, publish: Duration) {
        self.changes += 1;
        self.compile = self.compile.saturating_add(compile);
        self.publish = self.publish.saturating_add(publish);
    }
}

/// The metrics of a running firewall, with at most so many rules by themselves; and those of the gate in front of its live page, if it has one.
#[must_use]
pub fn of_daemon(
    measure: Arc<dyn Measure>,
    rules: usize,
    gate: Option<Arc<Gate>>,
) -> Arc<dyn Pages> {
    Arc::new(Firewall {
        measure,
        gate,
        kept: Mutex::new(Kept {
            seats: RuleSeats::new(rules),
            census: None,
        }),
    })
}

/// The metrics of an endpoint that enforces nothing: its calls.
#[must_use]
pub fn of_endpoint(service: Arc<Service>) -> Arc<dyn Pages> {
    let started = SystemTime::now();
    Arc::new(Endpoint { service, started })
}

/// Serves metrics at this address.
///
/// # Errors
/// In one line: it cannot be listened to.
pub fn serve(address: SocketAddr, pages: Arc<dyn Pages>) -> Result<PageServer, StartError> {
    let server = PageServer::start(address, PageServer::limits(), pages, None)?;
    tracing::info!("metrics are at {}", url(server.address()));
    Ok(server)
}

/// Where metrics are, for people.
#[must_use]
pub fn url(address: SocketAddr) -> String {
    format!("http://{address}{PATH}")
}

/// A firewall, as pages.
struct Firewall {
    measure: Arc<dyn Measure>,
    gate: Option<Arc<Gate>>,
    kept: Mutex<Kept>,
}

/// What is kept from one text to the next.
#[derive(Debug)]
struct Kept {
    seats: RuleSeats,
    census: Option<(Instant, Census)>,
}

impl Firewall {
    fn families(&self) -> Families {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let measured = self.measure.measure();
        let census = match kept.census {
            Some((at, census)) if at.elapsed() < CENSUS_EVERY => census,
            _ => {
                let census = self.measure.census();
                kept.census = Some((Instant::now(), census));
                census
            }
        };
        let rules = kept.seats.place(&measured.rules);
        Families {
            measured,
            rules,
            census,
            refusals: self.gate.as_ref().map(|gate| gate.refusals()),
        }
    }
}

impl Pages for Firewall {
    fn page(&self, asked: &Asked) -> Option<Page> {
        (asked.path == PATH).then(|| format::page(&asked.accept, self.families()))
    }
}

/// An endpoint by itself, as pages.
struct Endpoint {
    service: Arc<Service>,
    started: SystemTime,
}

impl Pages for Endpoint {
    fn page(&self, asked: &Asked) -> Option<Page> {
        (asked.path == PATH).then(|| {
            let calls = Calls {
                started_at: seconds(self.started),
                counts: self.service.counters().read(),
            };
            format::page(&asked.accept, calls)
        })
    }
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;

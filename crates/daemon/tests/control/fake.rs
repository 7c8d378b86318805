//! A daemon of three connections, for its socket.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use secgroup_analysis::{Explained, explain_unjudged};
use secgroup_conntrack::{Connection, State};
use secgroup_daemon::control::{Client, ControlSocket, Followers, Following, Operate, Server};
use secgroup_daemon::protocol::{
    DenialPage, DenialsRequest, ExplainRequest, FlowEvent, FlowLine, FlowPage, FlowQuery,
    FlowsRequest, PolicyReport, ReloadOutcome, Reloads, RulePage, RulesRequest, StatusDocument,
    TrafficPage, TrafficRequest,
};
use secgroup_packet::{Direction, FlowKey, FlowKey4, InterfaceIndex, Protocol, Timestamp};

pub(crate) const NO_PLACE: &str = "the configuration has no state folder to save connections in";

#[derive(Default)]
pub(crate) struct Fake {
    /// Ports of connections that were deleted.
    deleted: Mutex<Vec<u16>>,
    stopped: Mutex<Vec<bool>>,
    pub(crate) followers: Followers,
}

impl Fake {
    pub(crate) fn stopped(&self) -> Vec<bool> {
        self.stopped.lock().expect("no test panics with it").clone()
    }

    /// A connection to this port opens.
    pub(crate) fn open(&self, port: u16) {
        let connection = connection(port);
        let flow = || line(&connection);
        self.followers
            .tell(&connection, &["web"], || FlowEvent::Opened { flow: flow() });
    }

    fn matching(&self, filter: &FlowQuery) -> Vec<Connection> {
        let deleted = self.deleted.lock().expect("no test panics with it");
        [22, 80, 443]
            .into_iter()
            .filter(|port| !deleted.contains(port))
            .map(connection)
            .filter(|connection| filter.matches(connection, &["web"]))
            .collect()
    }
}

impl Operate for Fake {
    fn status(&self) -> StatusDocument {
        status()
    }

    fn flows(&self, request: &FlowsRequest) -> Result<FlowPage, String> {
        let all = self.matching(&request.filter);
        let limit = if request.count_only { 0 } else { request.limit };
        Ok(FlowPage {
            matched: all.len() as u64,
            flows: all.iter().map(line).take(limit as usize).collect(),
        })
    }

    fn traffic(&self, request: &TrafficRequest) -> Result<TrafficPage, String> {
        Ok(TrafficPage {
            flows: request.limit.into(),
            ..TrafficPage::default()
        })
    }

    fn denials(&self, request: &DenialsRequest) -> DenialPage {
        DenialPage {
            told: request.limit.into(),
            ..DenialPage::default()
        }
    }

    fn rules(&self, request: &RulesRequest) -> RulePage {
        RulePage {
            matched: request.limit.into(),
            ..RulePage::default()
        }
    }

    fn explain(&self, request: &ExplainRequest) -> Result<Explained, String> {
        Ok(explain_unjudged(request.flow.clone()))
    }

    fn follow(&self, filter: &FlowQuery) -> Following {
        self.followers.add(filter.clone())
    }

    fn delete(&self, filter: &FlowQuery) -> Result<u64, String> {
        let all = self.matching(filter);
        let port = |connection: &Connection| line(connection).local_port.expect("it is TCP");
        self.deleted
            .lock()
            .expect("no test panics with it")
            .extend(all.iter().map(port));
        Ok(all.len() as u64)
    }

    fn reload(&self) -> ReloadOutcome {
        ReloadOutcome::Refused {
            generation: 7,
            errors: vec!["web.yaml:3: no such group".to_owned()],
        }
    }

    fn stop(&self, handover: bool) -> Result<(), String> {
        if handover {
            return Err(NO_PLACE.to_owned());
        }
        self.stopped
            .lock()
            .expect("no test panics with it")
            .push(handover);
        Ok(())
    }
}

pub(crate) fn status() -> StatusDocument {
    StatusDocument {
        version: "0.1.0".to_owned(),
        pid: 42,
        started_at: 1_700_000_000,
        uptime_seconds: 61,
        audit: false,
        policy: PolicyReport {
            generation: 7,
            files: vec!["web.yaml".to_owned()],
            ..PolicyReport::default()
        },
        reloads: Reloads { ok: 6, refused: 1 },
        workers: Vec::new(),
        interfaces: Vec::new(),
        flow_logs: Vec::new(),
        flow_log_packets_lost: 0,
        warnings: vec!["the shield is incomplete".to_owned()],
    }
}

/// A connection from outside to this port of the interface `web`.
pub(crate) fn connection(port: u16) -> Connection {
    Connection {
        key: FlowKey::V4(FlowKey4 {
            local: [10, 0, 1, 10].into(),
            remote: [192, 0, 2, 1].into(),
            local_port: port,
            remote_port: 50_000,
            interface: InterfaceIndex(0),
            protocol: Protocol::TCP,
        }),
        originator: Direction::Ingress,
        state: State::Established,
        expires: Timestamp::from_secs(10),
        rule: 0,
        packets: [2, 1],
        bytes: [120, 60],
    }
}

/// As people have it.
pub(crate) fn line(connection: &Connection) -> FlowLine {
    FlowLine::new(connection, "web", Some("web[0]"), Timestamp::ZERO)
}

/// The fake behind a socket of its own.
pub(crate) struct Running {
    pub(crate) fake: Arc<Fake>,
    pub(crate) path: PathBuf,
    server: Server,
    _folder: tempfile::TempDir,
}

impl Running {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a socket of our own");
        let path = folder.path().join("run/secgroup/control.sock");
        let fake = Arc::new(Fake::default());
        let socket = ControlSocket::listen(&path).expect("a socket of our own");
        let operate: Arc<dyn Operate> = Arc::clone(&fake) as _;
        let server = Server::start(socket, operate).expect("a socket of our own");
        Self {
            fake,
            path,
            server,
            _folder: folder,
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.path).expect("a socket of our own")
    }

    pub(crate) fn stop(self) {
        self.server.stop();
    }
}

/// Waits for `condition`, for no more than half a minute.
#[track_caller]
pub(crate) fn eventually(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "it did not come true");
        std::thread::sleep(Duration::from_millis(2));
    }
}

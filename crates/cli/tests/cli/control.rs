//! The commands to a daemon, against one of paper: what it is asked, what is printed, how they end.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use secgroup_analysis::{Explained, explain_unjudged};
use secgroup_daemon::control::{ControlSocket, Followers, Following, Operate, Server};
use secgroup_daemon::protocol::{
    ByFamily, DenialPage, DenialsRequest, ExplainRequest, FlowLine, FlowPage, FlowQuery, FlowState,
    FlowsRequest, InterfaceReport, InterfaceState, PolicyReport, PortReport, ReloadOutcome,
    Reloads, RulePage, RulesRequest, StatusDocument, TrafficPage, TrafficRequest, VerdictReport,
    WorkerReport,
};
use secgroup_packet::Direction;
use serde_json::Value;

use crate::support::{Run, secgroup};

#[derive(Default)]
struct Paper {
    faulty: bool,
    filters: Mutex<Vec<FlowQuery>>,
    followers: Followers,
}

impl Operate for Paper {
    fn status(&self) -> StatusDocument {
        status()
    }

    fn flows(&self, request: &FlowsRequest) -> Result<FlowPage, String> {
        self.filters
            .lock()
            .expect("no test panics with it")
            .push(request.filter.clone());
        if self.faulty {
            return Err("worker 1 does not answer".to_owned());
        }
        let shown = if request.count_only { 0 } else { request.limit };
        Ok(FlowPage {
            matched: 12_345,
            flows: [ssh(), ping()].into_iter().take(shown as usize).collect(),
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
        if self.faulty {
            return Err("worker 1 does not answer".to_owned());
        }
        Ok(explain_unjudged(request.flow.clone()))
    }

    fn follow(&self, filter: &FlowQuery) -> Following {
        self.followers.add(filter.clone())
    }

    fn delete(&self, filter: &FlowQuery) -> Result<u64, String> {
        self.filters
            .lock()
            .expect("no test panics with it")
            .push(filter.clone());
        Ok(1)
    }

    fn reload(&self) -> ReloadOutcome {
        if self.faulty {
            let errors = vec!["error: no such group\n --> web.yaml:3\n".to_owned()];
            let generation = 7;
            return ReloadOutcome::Refused { generation, errors };
        }
        ReloadOutcome::InForce {
            generation: 8,
            rules: 12,
            interfaces: 1,
            took_micros: 400,
            warnings: vec!["group db is attached to nothing".to_owned()],
        }
    }

    fn stop(&self, handover: bool) -> Result<(), String> {
        assert!(handover, "the daemon of these tests does not end");
        Err("there is no state folder to save connections in".to_owned())
    }
}

fn status() -> StatusDocument {
    let verdict = |direction, verdict: &str, reason: &str, packets| VerdictReport {
        direction,
        verdict: verdict.to_owned(),
        reason: reason.to_owned(),
        packets,
        bytes: packets * 100,
    };
    let port = |side: &str, device: &str, ring_drops| PortReport {
        side: side.to_owned(),
        device: device.to_owned(),
        backend: "af-packet".to_owned(),
        received: 1_234_567,
        ring_drops,
        ..PortReport::default()
    };
    StatusDocument {
        version: "0.1.0".to_owned(),
        pid: 42,
        started_at: 1_700_000_000,
        uptime_seconds: 3_725,
        audit: false,
        policy: PolicyReport {
            generation: 7,
            files: vec!["web.yaml".to_owned()],
            loaded_at: 1_700_003_665,
            last_error: Some("web.yaml:3: no such group".to_owned()),
            rules: 12,
            interfaces: 1,
        },
        reloads: Reloads { ok: 6, refused: 1 },
        workers: vec![WorkerReport {
            frames: 2_000_000,
            connections: ByFamily {
                ipv4: 1000,
                ipv6: 7,
            },
            capacity: ByFamily::from([262_144, 262_144]),
            ..WorkerReport::default()
        }],
        interfaces: vec![InterfaceReport {
            name: "web".to_owned(),
            id: "eni-1".to_owned(),
            mode: "inline".to_owned(),
            state: InterfaceState::Closed,
            why: Some("there is no device 'tap0'".to_owned()),
            audit: false,
            workers: vec![0],
            connections: 1007,
            allowance: Some(5000),
            verdicts: vec![
                verdict(Direction::Ingress, "allow", "established", 1_200_000),
                verdict(Direction::Ingress, "deny", "no-rule", 34_567),
            ],
            ports: vec![port("inside", "tap0", 0), port("outside", "eth1", 17)],
            not_ip_passed: 0,
            not_ip_dropped: 0,
            oversize: 3,
            oversize_told: 3,
        }],
        flow_logs: Vec::new(),
        flow_log_packets_lost: 0,
        warnings: vec!["eth1 has an address; the host hears what passes".to_owned()],
    }
}

fn ssh() -> FlowLine {
    FlowLine {
        interface: "web".to_owned(),
        protocol: "tcp".to_owned(),
        local: [10, 0, 1, 10].into(),
        local_port: Some(22),
        remote: [192, 0, 2, 66].into(),
        remote_port: Some(50_000),
        icmp_id: None,
        opened: Direction::Ingress,
        state: FlowState::Established,
        rule: Some("sgr-ssh".to_owned()),
        ingress_packets: 10,
        ingress_bytes: 1_500,
        egress_packets: 8,
        egress_bytes: 2_000_000,
        expires_in_seconds: 431_990,
    }
}

fn ping() -> FlowLine {
    FlowLine {
        protocol: "icmp".to_owned(),
        local_port: None,
        remote_port: None,
        icmp_id: Some(77),
        opened: Direction::Egress,
        state: FlowState::Icmp,
        rule: None,
        expires_in_seconds: 29,
        ..ssh()
    }
}

struct Daemon {
    paper: Arc<Paper>,
    path: PathBuf,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Daemon {
    fn new(faulty: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("control.sock");
        let paper = Arc::new(Paper {
            faulty,
            ..Paper::default()
        });
        let operate: Arc<dyn Operate> = Arc::clone(&paper) as _;
        let server = Server::start(
            ControlSocket::listen(&path).expect("a socket of our own"),
            operate,
        )
        .expect("a socket of our own");
        Self {
            paper,
            path,
            _server: server,
            _folder: folder,
        }
    }

    fn run(&self, line: &str) -> Run {
        let mut words: Vec<_> = line.split_whitespace().collect();
        words.extend(["--socket", self.path.to_str().expect("UTF-8")]);
        secgroup(&words)
    }
}

#[track_caller]
fn has_rows(text: &str, rows: &[&str]) {
    let squeezed: Vec<_> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for row in rows {
        assert!(squeezed.iter().any(|line| line == row), "{row}\nin\n{text}");
    }
}

#[test]
fn status_is_for_people() {
    let text = Daemon::new(false).run("status").code(0).stdout;
    has_rows(
        &text,
        &[
            "secgroup 0.1.0, pid 42, up 1 h 2 min",
            "policy 7 of web.yaml: 12 rules, 1 interface, loaded 1 min 0 s ago",
            "6 reloads, 1 refused",
            "the last reload was refused: web.yaml:3: no such group",
            "warning: eth1 has an address; the host hears what passes",
            "web eni-1 inline closed 0 1,007 of 5,000 1,200,000 34,567",
            "web is closed: there is no device 'tap0'",
            "web ingress deny no-rule 34,567 3.4 MB",
            "web - drop larger than the MTU 3 -",
            "web inside tap0 af-packet 1,234,567 0 -",
            "web outside eth1 af-packet 1,234,567 0 ring full 17",
            "0 2,000,000 1,000 of 262,144 7 of 262,144 0 0 0 0",
        ],
    );
}

#[test]
fn status_is_for_programs() {
    let document = Daemon::new(false).run("status --json").code(0).json();
    assert_eq!(document, serde_json::to_value(status()).unwrap());
}

#[test]
fn top_is_for_a_terminal_and_for_programs() {
    let daemon = Daemon::new(false);
    let run = daemon.run("top").code(2);
    assert!(run.stderr.contains("needs a terminal"), "{run:?}");
    assert!(run.stderr.contains("status --json"), "{run:?}");
    let document = daemon.run("top --json --interval 0.2").code(0).json();
    assert_eq!(document["status"], serde_json::to_value(status()).unwrap());
    assert_eq!(document["connections"]["matched"], 12_345);
    for part in ["traffic", "denials", "rules"] {
        assert!(document[part].is_object(), "{document:#}");
    }
    for interval in ["0", "0.1", "11", "soon", "-1", "nan"] {
        daemon.run(&format!("top --interval={interval}")).code(2);
    }
    let run = Daemon::new(true).run("top --json").code(1);
    assert!(run.stderr.contains("worker 1"), "{run:?}");
}

#[test]
fn flows_are_listed_and_counted() {
    let daemon = Daemon::new(false);
    let text = daemon.run("flows").code(0).stdout;
    has_rows(
        &text,
        &[
            "web tcp 10.0.1.10:22 < 192.0.2.66:50000 established 4 d 23 h 10 1.5 kB 8 2.0 MB sgr-ssh",
            "web icmp id 77 10.0.1.10 > 192.0.2.66 icmp 29 s 10 1.5 kB 8 2.0 MB -",
            "2 of 12,345 connections; --limit shows more, a filter fewer",
        ],
    );
    let page = daemon.run("flows --json --limit 1").code(0).json();
    assert_eq!(page["flows"][0], serde_json::to_value(ssh()).unwrap());
    assert_eq!(page["flows"].as_array().map(Vec::len), Some(1));
    assert_eq!(daemon.run("flows --count").code(0).stdout, "12345\n");
    let counted = daemon.run("flows --count --json").code(0).json();
    assert_eq!(counted["matched"], 12_345);
}

#[test]
fn filters_reach_the_daemon() {
    let daemon = Daemon::new(false);
    daemon
        .run("flows --interface web --address 192.0.2.0/24 --port 22 --protocol tcp --state established")
        .code(0);
    let deleted = daemon.run("flows --address 2001:db8::1 --delete").code(0);
    assert_eq!(deleted.stdout, "1 connection deleted\n");
    let deleted = daemon.run("flows --delete-all --json").code(0).json();
    assert_eq!(deleted["deleted"], 1);
    let filters = daemon.paper.filters.lock().unwrap();
    assert_eq!(
        serde_json::to_value(&*filters).unwrap(),
        serde_json::json!([
            {
                "interface": "web", "address": "192.0.2.0/24", "port": 22, "protocol": "tcp",
                "state": "established"
            },
            {"address": "2001:db8::1/128"},
            {}
        ])
    );
}

#[test]
fn what_is_deleted_must_be_said() {
    let daemon = Daemon::new(false);
    for words in [
        "flows --delete",
        "flows --delete-all --port 22",
        "flows --count --follow",
        "flows --delete --delete-all --port 22",
        "flows --count --limit 3",
        "flows --address web",
        "flows --protocol tpc",
        "flows --state open",
        "flows --limit 0",
        "flows --port 65536",
    ] {
        daemon.run(words).code(2);
    }
    assert!(daemon.paper.filters.lock().unwrap().is_empty());
}

#[test]
fn an_explanation_is_asked_for_and_shown() {
    let daemon = Daemon::new(false);
    let flow = "tcp ack 203.0.113.7:1 > 10.0.1.10:22";
    let text = daemon.run(&format!("explain --live {flow}")).code(0).stdout;
    assert!(text.starts_with(&format!("{flow}: none\n")), "{text}");
    let run = daemon.run(&format!("explain --live --json --interface web {flow}"));
    assert_eq!(run.code(0).json()["packet"]["flow"], flow);
    // What is no flow does not get as far as the daemon.
    daemon
        .run("explain --live tcp 203.0.113.7 > 10.0.1.10")
        .code(2);
    let run = Daemon::new(true)
        .run(&format!("explain --live {flow}"))
        .code(1);
    assert!(
        run.stderr.contains("worker 1 does not answer"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_reload_says_what_became_of_it() {
    let run = Daemon::new(false).run("reload").code(0);
    assert_eq!(run.stdout, "policy 8 is in force: 12 rules, 1 interface\n");
    assert_eq!(run.stderr, "warning: group db is attached to nothing\n");

    let daemon = Daemon::new(true);
    let run = daemon.run("reload").code(1);
    assert_eq!(
        run.stderr,
        "error: no such group\n --> web.yaml:3\nerror: the policy was refused; policy 7 stays in force\n"
    );
    let document = daemon.run("reload --json").code(1).json();
    assert_eq!(document["outcome"], "refused");
}

#[test]
fn what_the_daemon_cannot_do_ends_with_1() {
    let daemon = Daemon::new(true);
    let run = daemon.run("flows").code(1);
    assert_eq!(run.stderr, "error: worker 1 does not answer\n");
    let run = daemon.run("handover").code(1);
    assert_eq!(
        run.stderr,
        "error: there is no state folder to save connections in\n"
    );
}

#[test]
fn without_a_daemon_it_says_how_to_start_one() {
    for command in [
        "status",
        "flows",
        "flows --follow",
        "reload",
        "stop",
        "handover",
    ] {
        let mut words: Vec<_> = command.split_whitespace().collect();
        words.extend(["--socket", "/nonexistent/control.sock"]);
        let run = secgroup(&words).code(2);
        assert!(
            run.stderr.contains("secgroup is not running")
                && run.stderr.contains("/nonexistent/control.sock"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn the_environment_names_the_socket() {
    let daemon = Daemon::new(false);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_secgroup"))
        .args(["flows", "--count", "--json"])
        .env("SECGROUP_SOCKET", &daemon.path)
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["matched"], 12_345);
}

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use secgroup_packet::Direction;
use secgroup_runtime::{BurstTimes, Metered};
use secgroup_testkit::tools;
use serde_json::Value;

use super::format::{CLASSIC, OPEN_METRICS};
use super::rules::RuleTable;
use super::*;
use crate::protocol::{
    ByFamily, FlowLogReport, InterfaceReport, InterfaceState, PolicyReport, PortReport, Reloads,
    VerdictReport, WorkerReport,
};

/// A name as nobody should give it: each character that the format escapes, and one that would end a line elsewhere.
const HOSTILE: &str = "we\"b\\\n} 7\n# EOF\r\u{2028}é";

/// A firewall that says what it is told to.
struct Fake {
    stuck: bool,
}

impl Measure for Fake {
    fn measure(&self) -> Measured {
        Measured {
            document: document(),
            workers: vec![WorkerStatus {
                stuck: self.stuck,
                metered: Metered {
                    bursts: BurstTimes {
                        buckets: [1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3],
                        nanos: 2_500_000_000,
                    },
                    begun: [5, 6, 7, 8],
                },
                table: secgroup_conntrack::Stats {
                    ran_out_in: std::array::from_fn(|state| 1 << state),
                    ..Default::default()
                },
                ..WorkerStatus::default()
            }],
            rules: vec![hits(0, 11), hits(1, 13), hits(2, 17)],
            timing: Timing {
                changes: 2,
                compile: Duration::from_millis(250),
                publish: Duration::from_millis(500),
            },
            last_reload_failed: true,
            calls: vec![Count {
                action: "CreateSecurityGroup",
                code: "ok",
                calls: 4,
            }],
        }
    }

    fn census(&self) -> Census {
        Census::default()
    }
}

fn hits(rule: u64, packets: u64) -> RuleHits {
    RuleHits {
        names: Some((format!("sgr-{rule}"), "sg-1".to_owned())),
        packets,
        bytes: packets * 100,
    }
}

fn document() -> StatusDocument {
    StatusDocument {
        version: "1".to_owned(),
        pid: 1,
        started_at: 1_700_000_000,
        uptime_seconds: 1,
        audit: false,
        policy: PolicyReport {
            generation: 3,
            ..PolicyReport::default()
        },
        reloads: Reloads { ok: 1, refused: 2 },
        workers: vec![WorkerReport {
            capacity: ByFamily { ipv4: 200, ipv6: 0 },
            connections: ByFamily { ipv4: 50, ipv6: 0 },
            ..WorkerReport::default()
        }],
        interfaces: vec![InterfaceReport {
            name: HOSTILE.to_owned(),
            id: "eni-1".to_owned(),
            mode: "inline".to_owned(),
            state: InterfaceState::Open,
            why: None,
            audit: false,
            workers: vec![0],
            connections: 50,
            allowance: Some(100),
            verdicts: vec![VerdictReport {
                direction: Direction::Ingress,
                verdict: "deny".to_owned(),
                reason: "no-rule".to_owned(),
                packets: 9,
                bytes: 540,
            }],
            ports: vec![PortReport::default()],
            not_ip_passed: 1,
            not_ip_dropped: 2,
            oversize: 3,
            oversize_told: 0,
        }],
        flow_logs: vec![FlowLogReport {
            id: "fl-1".to_owned(),
            flows: 1,
            records: 2,
            files: 3,
            packets_skipped: 4,
            records_lost: 5,
            failure: Some("full".to_owned()),
        }],
        flow_log_packets_lost: 6,
        warnings: Vec::new(),
    }
}

fn text(stuck: bool, rules: usize) -> String {
    asked_for(OPEN_METRICS, stuck, rules)
}

fn asked_for(format: &'static str, stuck: bool, rules: usize) -> String {
    let pages = of_daemon(Arc::new(Fake { stuck }), rules, None);
    assert_eq!(pages.page(&Asked::default()), None);
    let asked = Asked {
        path: PATH.to_owned(),
        accept: format.to_owned(),
        ..Asked::default()
    };
    let page = pages.page(&asked).unwrap();
    assert_eq!(page.media_type, format);
    page.text
}

/// Every sample: its name with its labels, and its value.
fn samples(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples: Vec<_> = lines.map(|line| line.rsplit_once(' ').unwrap()).collect();
    let found: BTreeMap<_, _> = samples.iter().copied().collect();
    assert_eq!(found.len(), samples.len(), "no series is there twice");
    found
}

#[test]
fn what_was_measured_is_what_is_told() {
    let text = text(false, 1000);
    let samples = samples(&text);
    let name = r#"we\"b\\\n} 7\n# EOF"#.to_owned() + "\r\u{2028}é";
    let verdict = format!(
        "{{interface=\"{name}\",direction=\"ingress\",verdict=\"deny\",reason=\"no-rule\"}}"
    );
    for (series, value) in [
        (format!("secgroup_packets_total{verdict}"), "9"),
        (format!("secgroup_packet_bytes_total{verdict}"), "540"),
        (
            format!("secgroup_connections_allowance_used_ratio{{interface=\"{name}\"}}"),
            "0.5",
        ),
        (
            "secgroup_table_load_ratio{worker=\"0\",family=\"ipv4\"}".into(),
            "0.25",
        ),
        (
            "secgroup_table_load_ratio{worker=\"0\",family=\"ipv6\"}".into(),
            "0.0",
        ),
        (
            "secgroup_connections_begun_total{protocol=\"udp\"}".into(),
            "6",
        ),
        (
            "secgroup_connections_expired_total{protocol=\"tcp\",state=\"fin-wait\"}".into(),
            "48",
        ),
        (
            "secgroup_connections_expired_total{protocol=\"other\",state=\"other\"}".into(),
            "16384",
        ),
        ("secgroup_reload_refused{}".into(), "1"),
        ("secgroup_policy_compile_seconds_total{}".into(), "0.25"),
        (
            "secgroup_api_calls_total{action=\"CreateSecurityGroup\",code=\"ok\"}".into(),
            "4",
        ),
        (
            "secgroup_flow_log_lost_records_total{flow_log=\"fl-1\"}".into(),
            "5",
        ),
        ("secgroup_burst_duration_seconds_sum".into(), "2.5"),
        ("secgroup_burst_duration_seconds_count".into(), "6"),
        (
            "secgroup_burst_duration_seconds_bucket{le=\"+Inf\"}".into(),
            "6",
        ),
        (
            "secgroup_rule_bytes_total{rule=\"sgr-2\",group=\"sg-1\"}".into(),
            "1700",
        ),
        ("secgroup_other_rules_packets_total{}".into(), "0"),
    ] {
        assert_eq!(samples.get(series.as_str()), Some(&value), "{series}");
    }
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(text.lines().filter(|line| *line == "# EOF").count(), 1);
}

#[test]
fn sums_are_not_told_without_the_part_of_a_worker_that_does_not_answer() {
    let text = text(true, 1000);
    let samples = samples(&text);
    assert_eq!(samples["secgroup_worker_stuck{worker=\"0\"}"], "1");
    for name in [
        "secgroup_packets",
        "secgroup_rule",
        "secgroup_table",
        "secgroup_burst",
    ] {
        assert!(
            !samples.keys().any(|series| series.starts_with(name)),
            "{name}"
        );
    }
}

#[test]
fn a_rule_that_has_a_seat_keeps_it_and_the_others_are_summed() {
    let mut seats = RuleSeats::new(2);
    seats.place(&[hits(7, 1)]);
    let named = |rule: &str| (rule.to_owned(), "sg-1".to_owned());
    // The first number of a rule that was changed, a rule that came before the one that has a seat, and one that nobody knows any more.
    let nameless = RuleHits {
        names: None,
        ..hits(0, 40)
    };
    let table = seats.place(&[hits(7, 2), hits(1, 3), hits(3, 30), hits(7, 5), nameless]);
    let rows = [(named("sgr-1"), (3, 300)), (named("sgr-7"), (7, 700))];
    let expected = RuleTable {
        rows: rows.into_iter().collect(),
        others: (70, 7000),
        other_rules: 2,
    };
    assert_eq!(table, expected);
    assert_eq!(RuleSeats::new(0).place(&[hits(1, 3)]).rows.len(), 0);
}

/// What `server` answers to these bytes.
fn answer(server: &PageServer, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    // The other end may have closed it before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[test]
fn whoever_asks_for_something_else_is_told_so() {
    let pages = of_daemon(Arc::new(Fake { stuck: false }), 10, None);
    let server = serve(([127, 0, 0, 1], 0).into(), pages).unwrap();
    let get =
        |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let page = answer(&server, get("/metrics?x=1").as_bytes());
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(
        page.contains(&format!("content-type: {CLASSIC}\r\n")),
        "{page}"
    );
    assert!(
        page.contains("\n# TYPE secgroup_packets_total counter\n"),
        "{page}"
    );
    let long = format!("/{}", "a".repeat(100_000));
    let many = "X: y\r\n".repeat(200);
    for (request, status) in [
        (get("/"), "404"),
        (get("/metrics/../etc/passwd"), "404"),
        (get("/%6detrics"), "404"),
        (
            "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n".into(),
            "405",
        ),
        (
            "POST /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n"
                .into(),
            "405",
        ),
        ("\u{0}\u{1}\u{2}\r\n\r\n".into(), "400"),
        (get(&long), "431"),
        (
            get("/metrics").replace("localhost", "evil.example"),
            "421",
        ),
        (
            format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"),
            "431",
        ),
    ] {
        let answer = answer(&server, request.as_bytes());
        let begins = answer.starts_with(&format!("HTTP/1.1 {status} "));
        // A connection may be cut before its end read the answer: there is data that nobody took.
        assert!(begins || answer.is_empty(), "{status}: {answer}");
    }
    assert!(
        answer(&server, get("/metrics").as_bytes()).contains("# EOF"),
        "others are answered"
    );
}

/// Reads metrics as Prometheus does, and prints each sample as JSON.
const READER: &str = r"
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
text = sys.stdin.buffer.read().decode()
for family in text_string_to_metric_families(text):
    assert family.documentation, family.name
    for sample in family.samples:
        print(json.dumps([family.type, sample.name, sample.labels, sample.value]))
";

#[test]
fn the_reader_of_the_prometheus_project_reads_the_same() {
    let Some(python) = tools::python("prometheus_client") else {
        return;
    };
    let text = text(false, 2);
    let read = tools::run(Command::new(python).args(["-c", READER]), &text);
    let read: Vec<Value> = read
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(read.len(), samples(&text).len());
    let labels = serde_json::json!({
        "interface": HOSTILE, "direction": "ingress", "verdict": "deny", "reason": "no-rule",
    });
    let packets = serde_json::json!(["counter", "secgroup_packets_total", labels, 9]);
    assert!(read.contains(&packets), "{read:#?}");
}

/// Names, types and units as Prometheus wants them: what it would warn of fails, too.
#[test]
fn promtool_finds_nothing_wrong_with_metrics_and_alerts() {
    let Some(promtool) = tools::program("promtool") else {
        return;
    };
    let mut check = Command::new(&promtool);
    check.args(["check", "metrics"]);
    let said = tools::run(&mut check, &asked_for(CLASSIC, false, 2));
    assert_eq!(said, "");
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let rules = configs.join("prometheus-alerts.yml");
    let mut check = Command::new(&promtool);
    let said = tools::run(check.args(["check", "rules"]).arg(rules), "");
    assert!(said.contains("SUCCESS: "), "{said}");
}

/// Names of metrics in an expression.
fn names(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("secgroup_"))
}

#[test]
fn dashboard_and_alerts_ask_for_metrics_that_there_are() {
    let text = text(false, 10);
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut known = BTreeSet::new();
    for family in families {
        let (name, kind) = family.split_once(' ').unwrap();
        let suffixes: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            _ => &[""],
        };
        known.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
    }
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let dashboard = fs::read_to_string(configs.join("grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut expressions: Vec<_> = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten()
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect();
    assert!(expressions.len() >= 10, "{expressions:?}");
    let alerts = fs::read_to_string(configs.join("prometheus-alerts.yml")).unwrap();
    let of_alerts = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "));
    expressions.extend(of_alerts.map(str::to_owned));
    for expression in &expressions {
        assert!(names(expression).next().is_some(), "{expression}");
        for name in names(expression) {
            assert!(known.contains(name), "{name} of {expression}");
        }
    }
}

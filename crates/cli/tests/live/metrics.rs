//! `/metrics` while traffic flows: what the reader of the Prometheus project finds there is what `secgroup status --json` says.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use secgroup_testkit::{tools, wait};
use serde_json::Value;

use crate::support::{
    ANY, Backend, I, Lab, Policy, Server, Setup, everything, exchange, get, live, never_connects,
    never_pings, tcp, udp,
};

/// Where it is asked, in the network namespace of the daemon.
const ADDRESS: &str = "127.0.0.1:9273";
const LISTEN: &str = "[metrics]\nlisten = \"127.0.0.1:9273\"\nrules = 2";

/// Reads metrics as Prometheus does, and prints the value of each sample by its name and labels.
const READER: &str = r"
import json, sys
from prometheus_client.parser import text_string_to_metric_families as classic
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
read = open_metrics if sys.argv[1] == 'open' else classic
print(json.dumps([[sample.name + json.dumps(sample.labels, sort_keys=True), sample.value]
    for family in read(sys.stdin.read()) for sample in family.samples]))
";

/// The value of each series, by its name and labels.
type Series = BTreeMap<String, f64>;

live! {
    fn a_scrape_under_traffic_is_what_status_says() {
        for backend in [Backend::AfPacketV2, Backend::AfPacketSharded, Backend::Host] {
            agrees_with_status(backend);
        }
    }

    fn a_reload_that_was_refused_is_told_until_one_is_not() {
        if tools::python("prometheus_client").is_none() {
            return;
        }
        let lab = Lab::new(&Setup { top: LISTEN, ..Setup::hosts(Policy::of_aws()) });
        let told = |name: &str| scrape(&lab)[&format!("{name}{{}}")];
        assert_eq!((told("secgroup_reload_refused"), told("secgroup_policy_changes_total")), (0.0, 0.0));
        lab.write("policy.yaml", "Resources: [");
        lab.daemon().command(&["reload"]).code(1);
        assert_eq!(told("secgroup_reload_refused"), 1.0);
        lab.policy(&Policy::open());
        assert_eq!((told("secgroup_reload_refused"), told("secgroup_policy_changes_total")), (0.0, 1.0));
        assert!(told("secgroup_policy_compile_seconds_total") > 0.0);
        assert!(told("secgroup_policy_publish_seconds_total") > 0.0);
        assert_eq!(
            told("secgroup_policy_generation"),
            number(&lab.daemon().status()["policy"]["generation"])
        );
    }

    fn only_who_asks_for_this_host_is_answered() {
        let lab = Lab::new(&Setup { top: LISTEN, ..Setup::hosts(Policy::of_aws()) });
        let status = |path: &str, host: &str| get(&lab.firewall, ADDRESS, path, &[host]).status;
        assert_eq!(status("/metrics", "Host: localhost:9273"), 200);
        assert_eq!(status("/metrics", "Host: rebound.example:9273"), 421);
        assert_eq!(status("/", "Host: localhost:9273"), 404);
    }
}

fn agrees_with_status(backend: Backend) {
    let Some(promtool) = tools::program("promtool") else {
        return;
    };
    if tools::python("prometheus_client").is_none() {
        return;
    }
    let rules = [tcp(80, ANY), udp(53, ANY), tcp(81, "203.0.113.0/24")];
    let policy = Policy::new(&rules, &everything());
    let lab = Lab::new(&Setup {
        backend,
        top: LISTEN,
        interface: "allowance = 100",
        ..Setup::hosts(policy)
    });
    // Three rules let something in, and one lets the instance out: two have series of their own.
    let servers = [80, 81].map(|port| Server::new(&lab.instance, &format!("{I}:{port}")));
    let ends: Vec<_> = servers
        .iter()
        .map(|server| server.connection(&lab.outside))
        .collect();
    never_pings(&lab, &lab.outside, &lab.instance, I);
    never_connects(&lab, &lab.outside, &lab.instance, &format!("{I}:22"));
    let is_over = AtomicBool::new(false);
    let (before, under_traffic, after) = std::thread::scope(|scope| {
        for (here, there) in &ends {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    exchange(here, there, 100_000);
                }
            });
        }
        let looks = [status(&lab), scrape(&lab), status(&lab)];
        is_over.store(true, Ordering::Relaxed);
        looks.into()
    });
    for (name, first) in before.iter().filter(|(name, _)| is_counter(name)) {
        let told = under_traffic.get(name).copied().unwrap_or(f64::NAN);
        let last = after.get(name).copied().unwrap_or(f64::NAN);
        assert!(
            *first <= told && told <= last,
            "{name}: {first}, {told}, {last}"
        );
    }
    let frames = |looked: &Series| sum(looked, "secgroup_worker_frames_total");
    assert!(frames(&before) < frames(&after), "there was no traffic");
    // Packets may come on for a moment: both are asked until they agree.
    let told = wait::until("metrics that agree with the status", || {
        let (told, known) = (scrape(&lab), status(&lab));
        let agrees = |(name, value): (&String, &f64)| told.get(name) == Some(value);
        known.iter().all(agrees).then_some(told)
    });
    is_consistent(&told);
    let text = get(daemon_host(&lab), ADDRESS, "/metrics", &[]).body;
    let mut check = Command::new(promtool);
    assert_eq!(tools::run(check.args(["check", "metrics"]), &text), "");
}

/// What is told in two ways, or by parts and as a sum, is the same.
fn is_consistent(told: &Series) {
    let held = sum(told, "secgroup_connections{");
    assert!(held > 0.0);
    assert_eq!(sum(told, "secgroup_table_connections{"), held);
    let begun = sum(told, "secgroup_connections_begun_total");
    assert!(begun >= held, "{begun} began, {held} are there");
    // What passes by a rule: what a rule admits, and what continues that.
    let by_rules: f64 = told
        .iter()
        .filter(|(name, _)| name.starts_with("secgroup_packets_total"))
        .filter(|(name, _)| {
            ["established", "related", "new", "untracked"]
                .iter()
                .any(|reason| name.contains(&format!("\"reason\": \"{reason}\"")))
        })
        .map(|(_, value)| value)
        .sum();
    let of_rules = told
        .keys()
        .filter(|name| name.starts_with("secgroup_rule_packets_total"));
    assert_eq!(of_rules.count(), 2, "{told:#?}");
    let others = told["secgroup_other_rules_packets_total{}"];
    assert!(others > 0.0, "{told:#?}");
    let rules = sum(told, "secgroup_rule_packets_total") + others;
    assert_eq!(rules, by_rules, "{told:#?}");
    assert!(told["secgroup_burst_duration_seconds_count{}"] > 0.0);
    assert!(told["secgroup_burst_duration_seconds_sum{}"] > 0.0);
}

fn is_counter(name: &str) -> bool {
    let (name, _) = name.split_once('{').expect("a series has labels");
    name.ends_with("_total")
}

/// The sum of series whose name begins so.
fn sum(series: &Series, begins: &str) -> f64 {
    let those = series.iter().filter(|(name, _)| name.starts_with(begins));
    those.map(|(_, value)| value).sum()
}

/// The host that the daemon runs on.
fn daemon_host(lab: &Lab) -> &secgroup_testkit::netns::Namespace {
    if lab.backend.is_host() {
        &lab.instance
    } else {
        &lab.firewall
    }
}

/// One look at the metrics, in the format that Prometheus asks for.
fn scrape(lab: &Lab) -> Series {
    let accept = "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1";
    let answer = get(daemon_host(lab), ADDRESS, "/metrics", &[accept]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer.head.contains("application/openmetrics-text"),
        "{}",
        answer.head
    );
    let python = tools::python("prometheus_client").expect("asked before");
    let read = tools::run(
        Command::new(python).args(["-c", READER, "open"]),
        &answer.body,
    );
    let samples: Vec<(String, f64)> = serde_json::from_str(&read).expect("a list of pairs");
    samples.into_iter().collect()
}

/// What `secgroup status --json` says, as the series that tell it.
fn status(lab: &Lab) -> Series {
    let run = lab.daemon().command(&["status", "--json"]).code(0);
    let status: Value = serde_json::from_str(&run.stdout).expect("it is JSON");
    let mut series = Series::new();
    let mut add = |name: &str, labels: Value, value: &Value| {
        let labels = spelled(&labels);
        let added = series.insert(format!("secgroup_{name}{labels}"), number(value));
        assert_eq!(added, None, "{name}{labels} is there twice");
    };
    let none = || serde_json::json!({});
    add("policy_generation", none(), &status["policy"]["generation"]);
    add("policy_rules", none(), &status["policy"]["rules"]);
    add("start_time_seconds", none(), &status["started_at"]);
    for outcome in ["ok", "refused"] {
        let labels = serde_json::json!({ "outcome": outcome });
        add("reloads_total", labels, &status["reloads"][outcome]);
    }
    for interface in list(&status["interfaces"]) {
        let name = &interface["name"];
        let of = || serde_json::json!({ "interface": name });
        add("connections", of(), &interface["connections"]);
        add("connections_allowance", of(), &interface["allowance"]);
        add("oversize_frames_total", of(), &interface["oversize"]);
        for outcome in ["passed", "dropped"] {
            let labels = serde_json::json!({ "interface": name, "outcome": outcome });
            let count = &interface[&format!("not_ip_{outcome}")];
            add("not_ip_frames_total", labels, count);
        }
        for line in list(&interface["verdicts"]) {
            let labels = || {
                serde_json::json!({
                    "interface": name, "direction": line["direction"], "verdict": line["verdict"], "reason": line["reason"],
                })
            };
            add("packets_total", labels(), &line["packets"]);
            add("packet_bytes_total", labels(), &line["bytes"]);
        }
        for port in list(&interface["ports"]) {
            let labels = || serde_json::json!({ "interface": name, "side": port["side"], "device": port["device"] });
            add("device_received_frames_total", labels(), &port["received"]);
            add("device_sent_frames_total", labels(), &port["sent"]);
            for (cause, field) in [
                ("ring-full", "ring_drops"),
                ("truncated", "truncated"),
                ("vlan", "vlan_drops"),
                ("offload", "offload_drops"),
                ("not-sent", "not_sent"),
            ] {
                let mut labels = labels();
                labels["cause"] = cause.into();
                add("device_dropped_frames_total", labels, &port[field]);
            }
        }
    }
    for worker in list(&status["workers"]) {
        let number = worker["worker"].to_string();
        let of = || serde_json::json!({ "worker": number });
        for (name, field) in [
            ("worker_restarts_total", "panics"),
            ("worker_frames_total", "frames"),
            ("worker_handed_over_frames_total", "handed_over"),
            ("connections_gave_way_total", "gave_way"),
        ] {
            add(name, of(), &worker[field]);
        }
        for family in ["ipv4", "ipv6"] {
            let labels = || serde_json::json!({ "worker": number, "family": family });
            add(
                "table_connections",
                labels(),
                &worker["connections"][family],
            );
            add("table_capacity", labels(), &worker["capacity"][family]);
        }
        for (cause, field) in [("full", "table_full"), ("crowded", "crowded")] {
            let labels = serde_json::json!({ "worker": number, "cause": cause });
            add("connections_refused_total", labels, &worker[field]);
        }
    }
    series
}

/// Labels as the reader prints them: sorted, as Python writes JSON.
fn spelled(labels: &Value) -> String {
    let labels = labels.as_object().expect("labels");
    let sorted: BTreeMap<_, _> = labels.iter().collect();
    let labels = sorted
        .into_iter()
        .map(|(name, value)| format!("\"{name}\": {value}"));
    format!("{{{}}}", labels.collect::<Vec<_>>().join(", "))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("it is a list")
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().expect("it is a number")
}

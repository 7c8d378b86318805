//! What does it cost to say why? The whole explanation of a five-tuple: the engine's own verdict on a copy of what it looks at, every rule with the
//! field on which it failed, tracked or not, and the change that would turn it.
//!
//! Three rows for each verdict: found out, as data that points into the policy; the same put into words, each rule and the change spelled; and those as
//! the JSON that the control socket and `--json` send. Each has those before it in it.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group};
use secgroup_analysis::{Explainer, Flow, Outcome};
use secgroup_benches::harness::{criterion, group};
use secgroup_control::Defaults;
use secgroup_datapath::Settings;
use secgroup_model::{
    AccountId, Direction, GroupId, Inventory, NetworkInterface, NetworkInterfaceId, Peer,
    PortRange, Rule, RuleId, RuleSpec, SecurityGroup, Traffic,
};

/// An interface with a group of so many ingress rules, each for a port and a range of its own.
fn policy(rules: u16) -> Inventory {
    let mut inventory = Inventory::default();
    let id = GroupId::new("sg-0123456789abcdef0");
    let owner = AccountId::new("123456789012");
    let mut group = SecurityGroup::new(id.clone(), "web", owner, None);
    for number in 0..rules {
        let range = format!("10.{}.{}.0/24", number >> 8, number & 0xff);
        let spec = RuleSpec {
            direction: Direction::Ingress,
            traffic: Traffic::Tcp(PortRange::single(1000 + number)),
            peer: Peer::Cidr(range.parse().expect("a range")),
        };
        let rule = RuleId::new(&format!("sgr-{number:017x}"));
        group.rules.push(Rule::new(rule, spec));
    }
    inventory.groups.insert(id.clone(), group);
    let eni = NetworkInterfaceId::new("eni-0123456789abcdef0");
    let address = "192.0.2.10".parse().expect("an address");
    let interface = NetworkInterface::new(eni.clone(), vec![id], vec![address]);
    inventory.interfaces.insert(eni, interface);
    inventory
}

fn five_tuples(c: &mut Criterion) {
    let mut group = group(c, "explain");
    for rules in [1, 10, 60] {
        let inventory = policy(rules);
        let explainer = Explainer::new(&inventory, &Settings::default(), &Defaults::default());
        let flows = [
            (
                "denied",
                "tcp 198.51.100.7:40000 > 192.0.2.10:22",
                Outcome::Deny,
            ),
            (
                "allowed",
                "tcp 10.0.0.7:40000 > 192.0.2.10:1000",
                Outcome::Allow,
            ),
        ];
        for (name, flow, verdict) in flows {
            let flow: Flow = flow.parse().expect("a flow");
            let told = explainer
                .explain(None, None, &flow)
                .expect("it crosses one");
            assert_eq!(told.verdict, verdict, "{flow}");
            let judge = || explainer.judge(None, None, black_box(&flow));
            let found: Vec<_> = judge().expect("it crosses one").places[0]
                .fields()
                .collect();
            let fields: Vec<_> = told.places[0].rules().map(|rule| rule.fails_on).collect();
            assert_eq!(found, fields, "{flow}");
            let rules = format!("{rules} rules");
            group.bench_function(BenchmarkId::new(name, &rules), |bencher| {
                bencher.iter(|| black_box(judge()));
            });
            let explain = || explainer.explain(None, None, black_box(&flow));
            let in_words = BenchmarkId::new(format!("{name}, in words"), &rules);
            group.bench_function(in_words, |bencher| bencher.iter(|| black_box(explain())));
            let json = || explain().ok().map(|told| serde_json::to_string(&told));
            let in_json = BenchmarkId::new(format!("{name}, in JSON"), &rules);
            group.bench_function(in_json, |bencher| bencher.iter(|| black_box(json())));
        }
    }
    group.finish();
}

criterion_group! { name = benches; config = criterion(); targets = five_tuples }

fn main() {
    benches();
    criterion().final_summary();
}

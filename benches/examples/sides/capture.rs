//! A capture of web traffic, the policy that judges it, and what comes near that policy in tcpdump's language.

use std::path::Path;

use secgroup_benches::captures::{Sizes, pcap, web_traffic};
use secgroup_benches::check::against_oracle;
use secgroup_benches::flows::LOCAL;
use secgroup_benches::policy::inventory;
use secgroup_import::write_template;
use secgroup_model::{Peer, Rule, Traffic};
use secgroup_packet::{Direction, PortRange};

/// Flows in the capture.
const FLOWS: usize = 10_000;

/// Rules of the policy, besides the two that admit everybody to the web.
const RULES: usize = 60;

/// Frames that are judged by the reference evaluator, too, before the capture is written.
const CHECKED: usize = 4_000;

/// Writes `capture.pcap`, `policy.yaml`, and two stateless filters: `filter-short`, one expression that passes what the
/// policy passes of this capture, and `filter-rules`, all of its rules.
pub(crate) fn write(packets: usize, folder: &Path) -> std::io::Result<()> {
    let inventory = inventory(RULES);
    let some = web_traffic(CHECKED, CHECKED / 10, Sizes::Small);
    against_oracle(&inventory, &some, CHECKED, 256);
    let frames = web_traffic(packets, FLOWS.min(packets / 10), Sizes::Small);
    std::fs::write(folder.join("capture.pcap"), pcap(&frames))?;
    std::fs::write(folder.join("policy.yaml"), write_template(&inventory, &[]))?;
    std::fs::write(folder.join("filter-short"), short())?;
    let ingress = inventory.groups.values().flat_map(|group| &group.rules);
    let ingress = ingress.filter(|rule| rule.spec.direction == Direction::Ingress);
    let rules: Vec<String> = ingress.map(primitive).collect();
    let rules = format!(
        "src host {LOCAL} or (dst host {LOCAL} and ({}))",
        rules.join(" or ")
    );
    std::fs::write(folder.join("filter-rules"), rules)
}

fn short() -> String {
    let (clients, length) = secgroup_benches::flows::CLIENTS;
    format!("src host {LOCAL} or (tcp dst port 443 and src net {clients}/{length})")
}

/// A rule as an expression, without the interface's address. In parentheses: `and` and `or` bind equally there.
fn primitive(rule: &Rule) -> String {
    let ports = |ports: PortRange| {
        let one = ports.from() == ports.to();
        format!("{} {ports}", if one { "port" } else { "portrange" })
    };
    let traffic = match rule.spec.traffic {
        Traffic::Tcp(range) => format!("tcp dst {}", ports(range)),
        Traffic::Udp(range) => format!("udp dst {}", ports(range)),
        Traffic::Icmp(_) => "icmp".to_owned(),
        other => unreachable!("inventory() makes no {other:?}"),
    };
    match &rule.spec.peer {
        Peer::Cidr(net) => format!("({traffic} and src net {net})"),
        other => unreachable!("inventory() makes no {other:?}"),
    }
}

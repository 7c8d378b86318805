//! Ports that the world should not reach.

use ipnet::IpNet;
use secgroup_model::{Direction, IcmpMatch, Inventory, PortRange, SecurityGroup, Traffic};

use crate::lint::{Code, Finding};
use crate::mismatch::ranges;

/// A range with a prefix this long, in bits, or shorter is as good as the world.
const WORLD_PREFIX: u8 = 7;

/// How many open services a message names.
const NAMED: usize = 8;

/// TCP ports by which hosts are administered, files shared and databases queried. A rule that opens
/// one of them to everybody is almost never meant.
const TCP: [(u16, &str); 34] = [
    (20, "FTP data"),
    (21, "FTP"),
    (22, "SSH"),
    (23, "Telnet"),
    (111, "portmapper"),
    (135, "Windows RPC"),
    (139, "NetBIOS"),
    (389, "LDAP"),
    (445, "SMB"),
    (873, "rsync"),
    (1433, "Microsoft SQL Server"),
    (1521, "Oracle"),
    (2049, "NFS"),
    (2375, "Docker"),
    (2379, "etcd"),
    (3306, "MySQL"),
    (3389, "RDP"),
    (4333, "mSQL"),
    (5432, "PostgreSQL"),
    (5439, "Redshift"),
    (5601, "Kibana"),
    (5900, "VNC"),
    (5984, "CouchDB"),
    (5985, "WinRM"),
    (5986, "WinRM over TLS"),
    (6379, "Redis"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch nodes"),
    (10250, "kubelet"),
    (11211, "Memcached"),
    (27017, "MongoDB"),
    (27018, "MongoDB shards"),
];

/// The same for UDP, and services that answer a small question of a forged sender with much more.
const UDP: [(u16, &str); 13] = [
    (69, "TFTP"),
    (111, "portmapper"),
    (137, "NetBIOS names"),
    (138, "NetBIOS"),
    (161, "SNMP"),
    (389, "LDAP"),
    (623, "IPMI"),
    (1434, "SQL Server Browser"),
    (1900, "SSDP"),
    (2049, "NFS"),
    (3389, "RDP"),
    (5353, "mDNS"),
    (11211, "Memcached"),
];

/// Reports ingress rules of `group` that are open to everybody and should not be.
pub(super) fn look_at(inventory: &Inventory, group: &SecurityGroup, findings: &mut Vec<Finding>) {
    for rule in group.rules_of(Direction::Ingress) {
        let spec = &rule.spec;
        let everybody = ranges(inventory, &spec.peer)
            .any(|range| is_world(range) && reaches(spec.traffic, range));
        if !everybody {
            continue;
        }
        let open = match spec.traffic {
            Traffic::All => Some((Code::OpenEverything, "reach every port".to_owned())),
            Traffic::Tcp(ports) => ports_open("TCP", &TCP, ports),
            Traffic::Udp(ports) => ports_open("UDP", &UDP, ports),
            Traffic::Icmp(IcmpMatch::All) | Traffic::Icmpv6(IcmpMatch::All) => {
                Some((Code::OpenIcmp, "send every ICMP message".to_owned()))
            }
            Traffic::Icmp(_) | Traffic::Icmpv6(_) | Traffic::Other(_) => None,
        };
        let Some((code, may)) = open else { continue };
        let help = match spec.traffic {
            Traffic::Icmp(_) => {
                "types 8 (echo request) and 3 code 4 (packet too big) are all that is needed"
            }
            Traffic::Icmpv6(_) => {
                "types 128 (echo request) and 2 (packet too big) are all that is needed: neighbour \
                 discovery passes without a rule"
            }
            _ => "give the addresses, the prefix list or the group that need it as the peer",
        };
        let message = format!("everybody may {may}: {spec}");
        findings.push(Finding::new(code, message, help).of_rule(group, rule));
    }
}

/// Whether `range` is so large that whoever is in it is anybody.
fn is_world(range: IpNet) -> bool {
    // RFC 4193: fc00::/7 has the length of a large range, but nobody's public address is in it.
    let is_local = matches!(range, IpNet::V6(range)
        if range.prefix_len() == 7 && range.network().is_unique_local());
    range.prefix_len() <= WORLD_PREFIX && !is_local
}

/// Whether a packet of `traffic` can come from `range` (A19).
fn reaches(traffic: Traffic, range: IpNet) -> bool {
    let family = secgroup_model::Family::of(range.addr());
    traffic.family().is_none_or(|only| only == family)
}

fn ports_open(
    protocol: &str,
    services: &[(u16, &str)],
    ports: PortRange,
) -> Option<(Code, String)> {
    // Nobody listens on port 0: `1-65535` is every port as well.
    if ports.from() <= 1 && ports.to() == u16::MAX {
        return Some((Code::OpenEverything, format!("reach every {protocol} port")));
    }
    let open: Vec<_> = services
        .iter()
        .filter(|(port, _)| ports.contains(*port))
        .map(|(port, name)| format!("{name} ({protocol} {port})"))
        .collect();
    let more = match open.len().checked_sub(NAMED) {
        Some(more @ 1..) => format!(" and {more} more"),
        _ => String::new(),
    };
    let named = open[..open.len().min(NAMED)].join(", ");
    (!open.is_empty()).then(|| (Code::OpenAdminPort, format!("reach {named}{more}")))
}

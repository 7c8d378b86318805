//! Ports that the world should not reach.

use secgroup_model::{Direction, Peer, PortRange, SecurityGroup, Traffic};

use crate::lint::{Finding, Level};

/// TCP ports by which hosts are administered and databases queried. A rule that opens one of them to everybody is almost never meant.
const ADMINISTRATION: [(u16, &str); 19] = [
    (22, "SSH"),
    (23, "Telnet"),
    (135, "Windows RPC"),
    (445, "SMB"),
    (1433, "Microsoft SQL Server"),
    (1521, "Oracle"),
    (2375, "Docker"),
    (2379, "etcd"),
    (3306, "MySQL"),
    (3389, "RDP"),
    (5432, "PostgreSQL"),
    (5439, "Redshift"),
    (5900, "VNC"),
    (5985, "WinRM"),
    (6379, "Redis"),
    (9042, "Cassandra"),
    (9200, "Elasticsearch"),
    (11211, "Memcached"),
    (27017, "MongoDB"),
];

/// Reports ingress rules of `group` that are open to everybody and should not be.
pub(super) fn look_at(group: &SecurityGroup, findings: &mut Vec<Finding>) {
    for rule in group.rules_of(Direction::Ingress) {
        let Peer::Cidr(range) = &rule.spec.peer else {
            continue;
        };
        if range.prefix_len() != 0 {
            continue;
        }
        let ports = match rule.spec.traffic {
            Traffic::Tcp(ports) => ports,
            Traffic::All => PortRange::ALL,
            Traffic::Udp(_) | Traffic::Icmp(_) | Traffic::Icmpv6(_) | Traffic::Other(_) => continue,
        };
        let finding = if ports == PortRange::ALL {
            let message = format!("everybody may reach every port: {}", rule.spec);
            Finding::new(Level::Error, "open-everything", message)
        } else {
            let open: Vec<_> = ADMINISTRATION
                .iter()
                .filter(|(port, _)| ports.contains(*port))
                .map(|(port, name)| format!("{name} ({port})"))
                .collect();
            if open.is_empty() {
                continue;
            }
            let message = format!("everybody may reach {}: {}", open.join(", "), rule.spec);
            Finding::new(Level::Error, "open-admin-port", message)
        };
        findings.push(
            finding
                .of_rule(group, rule)
                .help("give the addresses, the prefix list or the group that need it as the peer"),
        );
    }
}

//! Denials that look as if somebody needed what was denied.

use std::net::IpAddr;

use secgroup_analysis::why_denied;
use secgroup_datapath::Reason;
use secgroup_model::{Inventory, NetworkInterfaceId};
use secgroup_packet::Protocol;
use secgroup_policy::{Query, Selector};

use crate::audit::Audit;
use crate::audit::observe::Observed;
use crate::audit::report::DeniedService;
use crate::usage::{Denied, Service};

/// Denied packets from which on a service counts as asked for again and again.
const REPEATED: u64 = 3;

/// Services denied to a member of a group, to an internal address, or that were answered all the
/// same, most packets first. A stranger who knocks once is no finding.
pub(super) fn legitimate(plan: &Audit<'_>, observed: &Observed) -> Vec<DeniedService> {
    let registry = observed.session.registry();
    let mut found: Vec<_> = observed
        .usage
        .denied
        .iter()
        .filter_map(|(service, denied)| {
            let interface = registry.interface(service.interface)?;
            let looks = looks(plan.policy, interface, service, denied);
            let is_needed = looks.iter().any(|look| !look.starts_with("repeated"));
            (is_needed && denied.count.packets > 1)
                .then(|| report(plan.policy, interface, service, denied, looks))
        })
        .collect();
    found.sort_by(|one, other| {
        let order = |service: &DeniedService| {
            let packets = std::cmp::Reverse(service.volume.packets);
            (packets, service.first_packet, service.direction)
        };
        order(one).cmp(&order(other))
    });
    found.truncate(plan.top);
    found
}

fn looks(
    policy: &Inventory,
    at: &NetworkInterfaceId,
    service: &Service,
    denied: &Denied,
) -> Vec<String> {
    let mut looks = Vec::new();
    let members = policy
        .interfaces
        .values()
        .filter(|interface| interface.has_address(service.peer) && interface.id != *at);
    for member in members {
        let groups: Vec<_> = member.groups.iter().map(ToString::to_string).collect();
        looks.push(format!("{} has {}", member.id, groups.join(", ")));
    }
    if looks.is_empty() && is_internal(policy, service.peer) {
        looks.push("internal address".to_owned());
    }
    if denied.answered > 0 {
        looks.push("answered".to_owned());
    }
    if denied.count.packets >= REPEATED {
        looks.push(format!("repeated {} times", denied.count.packets));
    }
    looks
}

/// Whether nobody else's traffic comes from the address: private ranges (RFC 1918, RFC 4193), and
/// those of the policy's VPCs.
fn is_internal(policy: &Inventory, address: IpAddr) -> bool {
    let mut vpcs = policy.vpcs.values();
    match address {
        IpAddr::V4(v4) => v4.is_private() || vpcs.any(|v| v.cidrs.iter().any(|r| r.contains(&v4))),
        IpAddr::V6(v6) => {
            v6.is_unique_local() || vpcs.any(|v| v.ipv6_cidrs.iter().any(|r| r.contains(&v6)))
        }
    }
}

fn report(
    policy: &Inventory,
    interface: &NetworkInterfaceId,
    service: &Service,
    denied: &Denied,
    looks: Vec<String>,
) -> DeniedService {
    let query = Query {
        direction: service.direction,
        protocol: service.protocol,
        peer: service.peer,
        selector: service.selector,
    };
    DeniedService {
        interface: interface.to_string(),
        direction: service.direction.as_str(),
        peer: service.peer.to_string(),
        traffic: traffic(service.protocol, service.selector),
        flows: denied.flows,
        answered: denied.answered,
        volume: denied.count.into(),
        first_packet: denied.first_packet,
        looks,
        why: why_denied(policy, interface, &query, Reason::NoRule),
    }
}

fn traffic(protocol: Protocol, selector: Selector) -> String {
    match selector {
        Selector::Port(port) => format!("{protocol} {port}"),
        Selector::Icmp { kind, code } => format!("{protocol} type {kind} code {code}"),
        Selector::None => format!("protocol {}", protocol.0),
    }
}

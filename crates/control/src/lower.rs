//! Inventory to snapshot: the seam between what a user can say and what the engine matches.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::IpNet;
use secgroup_datapath::{AlwaysTrack, Interface, Snapshot, Timeouts};
use secgroup_model::{
    self as model, GroupId, Inventory, NetworkInterface, PrefixList, PrefixListId, SecurityGroup,
};
use secgroup_policy::{self as policy, Directory, RuleSet};

use crate::Registry;

/// What holds for an interface where the inventory does not say otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// Timeouts of connection states; an interface's `ConnectionTrackingSpecification` overrides
    /// three of them (D29).
    pub timeouts: Timeouts,
    /// Whether what security groups never filter passes (C16).
    pub exemptions: bool,
    /// Packets a second to or from link-local services (C20); `None` for no limit.
    pub link_local_pps: Option<u32>,
    /// Flows that are tracked whatever the rules (D12).
    pub always_track: AlwaysTrack,
    /// How many connections an interface may have at once (D42); `None` for as many as the table
    /// holds.
    pub allowance: Option<u32>,
}

impl Defaults {
    /// The documented limit of an interface to link-local services (C20).
    pub const LINK_LOCAL_PPS: u32 = 1024;
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            exemptions: true,
            link_local_pps: Some(Self::LINK_LOCAL_PPS),
            always_track: AlwaysTrack::Never,
            allowance: None,
        }
    }
}

/// Lowers one inventory after another, with the same numbers for the same things.
#[derive(Debug, Clone, Default)]
pub struct Lowering {
    defaults: Defaults,
    registry: Registry,
    generation: u64,
}

impl Lowering {
    /// A lowering that has seen nothing yet.
    #[must_use]
    pub fn new(defaults: Defaults) -> Self {
        Self {
            defaults,
            ..Self::default()
        }
    }

    /// What holds from the next policy on where that does not say otherwise; numbers stay.
    pub fn set_defaults(&mut self, defaults: Defaults) {
        self.defaults = defaults;
    }

    /// What the numbers of the snapshots stand for.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The next generation of the policy. Interfaces that have the same groups in the same order
    /// share their rules.
    pub fn lower(&mut self, inventory: &Inventory) -> Snapshot {
        self.generation += 1;
        let directory = Arc::new(Directory::new());
        let lists = lists(inventory);
        let mut compiled = HashMap::new();
        let mut lowered = Vec::with_capacity(inventory.interfaces.len());
        for interface in inventory.interfaces.values() {
            self.enrol(interface, &directory);
            let rules = compiled
                .entry(interface.groups.as_slice())
                .or_insert_with(|| Arc::new(self.rule_set(inventory, &lists, &interface.groups)))
                .clone();
            let index = self.registry.number_interface(&interface.id);
            lowered.push((index, self.interface(inventory, interface, rules)));
        }
        let mut interfaces = vec![None; self.registry.interface_count()];
        for (index, interface) in lowered {
            interfaces[index.0 as usize] = Some(interface);
        }
        let rules = self.registry.rule_count();
        Snapshot {
            generation: self.generation,
            interfaces,
            rules,
            directory,
        }
    }

    /// The compiled union of the rules of `groups`, in their order, each group's rules in theirs
    /// (C3).
    fn rule_set(
        &mut self,
        inventory: &Inventory,
        lists: &Lists<'_>,
        groups: &[GroupId],
    ) -> RuleSet {
        let mut rules = Vec::new();
        for group in groups.iter().filter_map(|id| inventory.groups.get(id)) {
            for rule in &group.rules {
                let number = self.registry.number_rule(&group.id, rule);
                if let Some(peer) = self.peer(inventory, lists, group, &rule.spec.peer) {
                    let direction = rule.spec.direction;
                    let traffic = traffic(rule.spec.traffic);
                    rules.push(policy::Rule {
                        number,
                        direction,
                        traffic,
                        peer,
                    });
                }
            }
        }
        RuleSet::compile(&rules)
    }

    /// The engine's peer; `None` for one that can match nothing (B28).
    fn peer(
        &mut self,
        inventory: &Inventory,
        lists: &Lists<'_>,
        from: &SecurityGroup,
        peer: &model::Peer,
    ) -> Option<policy::Peer> {
        Some(match peer {
            model::Peer::Cidr(cidr) => policy::Peer::Cidr(*cidr),
            model::Peer::PrefixList(id) => policy::Peer::Prefixes(lists.get(id)?.clone()),
            model::Peer::Group(reference) if inventory.reach(from, reference).is_allowed() => {
                policy::Peer::Group(self.registry.number_group(&reference.group))
            }
            model::Peer::Group(_) => return None,
        })
    }

    /// Lists every private address and delegated prefix of an interface under its groups (C6, C7).
    fn enrol(&mut self, interface: &NetworkInterface, directory: &Directory) {
        let groups: Vec<_> = interface
            .groups
            .iter()
            .map(|group| self.registry.number_group(group))
            .collect();
        let addresses = interface
            .addresses
            .iter()
            .map(|address| IpNet::from(*address));
        for range in addresses.chain(interface.prefixes.iter().copied()) {
            directory.join(range, &groups);
        }
    }

    fn interface(
        &self,
        inventory: &Inventory,
        interface: &NetworkInterface,
        rules: Arc<RuleSet>,
    ) -> Interface {
        let Defaults {
            exemptions,
            link_local_pps,
            allowance,
            ..
        } = self.defaults;
        Interface {
            rules,
            addresses: interface.addresses.clone(),
            prefixes: interface.prefixes.clone(),
            source_dest_check: interface.source_dest_check,
            exemptions,
            resolver: resolver(inventory, interface),
            router: router(inventory, interface),
            link_local_pps,
            always_track: self.defaults.always_track.clone(),
            timeouts: timeouts(self.defaults.timeouts, &interface.tracking),
            allowance,
        }
    }
}

/// The ranges of every prefix list, once for all rules that name it.
type Lists<'a> = HashMap<&'a PrefixListId, Arc<[IpNet]>>;

fn lists(inventory: &Inventory) -> Lists<'_> {
    let ranges = |list: &PrefixList| list.entries().iter().map(|entry| entry.cidr).collect();
    inventory
        .prefix_lists
        .iter()
        .map(|(id, list)| (id, ranges(list)))
        .collect()
}

const fn traffic(traffic: model::Traffic) -> policy::Traffic {
    match traffic {
        model::Traffic::All => policy::Traffic::All,
        model::Traffic::Tcp(ports) => policy::Traffic::Tcp(ports),
        model::Traffic::Udp(ports) => policy::Traffic::Udp(ports),
        model::Traffic::Icmp(messages) => policy::Traffic::Icmp(icmp(messages)),
        model::Traffic::Icmpv6(messages) => policy::Traffic::Icmpv6(icmp(messages)),
        model::Traffic::Other(protocol) => policy::Traffic::Other(protocol),
    }
}

const fn icmp(messages: model::IcmpMatch) -> policy::IcmpMatch {
    let (kind, code) = match messages {
        model::IcmpMatch::All => (None, None),
        model::IcmpMatch::Type(kind) => (Some(kind), None),
        model::IcmpMatch::TypeAndCode(kind, code) => (Some(kind), Some(code)),
    };
    policy::IcmpMatch { kind, code }
}

fn timeouts(defaults: Timeouts, tracking: &model::ConnectionTracking) -> Timeouts {
    Timeouts {
        tcp_established: tracking.tcp_established.unwrap_or(defaults.tcp_established),
        udp: tracking.udp.unwrap_or(defaults.udp),
        udp_stream: tracking.udp_stream.unwrap_or(defaults.udp_stream),
        ..defaults
    }
}

/// The resolver of the interface's VPC, which is its own or its subnet's (C17).
fn resolver(inventory: &Inventory, interface: &NetworkInterface) -> Option<Ipv4Addr> {
    let subnet = || inventory.subnets.get(interface.subnet.as_ref()?);
    let vpc = interface.vpc.as_ref().or_else(|| Some(&subnet()?.vpc))?;
    inventory.vpcs.get(vpc)?.resolver()
}

/// The router of the interface's subnet (C17).
fn router(inventory: &Inventory, interface: &NetworkInterface) -> Option<Ipv4Addr> {
    inventory.subnets.get(interface.subnet.as_ref()?)?.router()
}

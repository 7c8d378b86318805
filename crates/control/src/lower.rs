//! Inventory to snapshot: the seam between what a user can say and what the engine matches.
//!
//! A policy is lowered whole ([`Lowering::lower`]) or, where it is known what was touched since the last time, in part
//! ([`Lowering::update`]): rules are compiled again for the groups that were touched, and a member that joins or leaves is one entry of
//! the directory, for every address that it has (M6). What comes out is the same.
//!
//! **In place, or beside.** The directory of the last snapshot is changed in place only where a single interface was touched and nothing else: a packet is judged
//! by the rules of one interface and the groups of one peer, so it sees that interface's membership as it was or as it is, and no mixture. Where several things
//! were touched at once a new directory is made beside the old one and swapped in with the rules.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::IpNet;
use secgroup_datapath::{AlwaysTrack, Interface, Lifetimes, Snapshot, Timeouts};
use secgroup_model::{
    self as model, GroupId, Inventory, NetworkInterface, NetworkInterfaceId, PrefixList,
    PrefixListId, SecurityGroup,
};
use secgroup_policy::{self as policy, Directory, GroupNumber, RuleSet};

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

/// What was touched since a policy was lowered: new, other or gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// Groups, for their rules.
    pub groups: BTreeSet<GroupId>,
    /// Interfaces, for anything of theirs.
    pub interfaces: BTreeSet<NetworkInterfaceId>,
}

/// Lowers one inventory after another, with the same numbers for the same things.
#[derive(Debug, Default)]
pub struct Lowering {
    defaults: Defaults,
    registry: Registry,
    generation: u64,
    scope: Option<BTreeSet<NetworkInterfaceId>>,
    last: Last,
}

/// The last policy, as far as the next one may share it.
#[derive(Debug, Default)]
struct Last {
    /// Compiled rules, by groups in their order.
    rule_sets: HashMap<Vec<GroupId>, Arc<RuleSet>>,
    /// By number.
    interfaces: Vec<Option<Interface>>,
    directory: Arc<Directory>,
    members: HashMap<NetworkInterfaceId, Member>,
}

/// What the directory holds of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    ranges: Vec<IpNet>,
    groups: Vec<GroupNumber>,
}

impl Member {
    fn join(&self, directory: &Directory) {
        for range in &self.ranges {
            directory.join(*range, &self.groups);
        }
    }

    fn leave(&self, directory: &Directory) {
        for range in &self.ranges {
            directory.leave(*range, &self.groups);
        }
    }

    /// Becomes `next`: a range that stays changes its groups in one step.
    fn change(&self, next: &Self, directory: &Directory) {
        let stays = |range: &&IpNet| next.ranges.contains(range);
        for range in self.ranges.iter().filter(stays) {
            directory.change(*range, &self.groups, &next.groups);
        }
        for range in self.ranges.iter().filter(|range| !stays(range)) {
            directory.leave(*range, &self.groups);
        }
        for range in next
            .ranges
            .iter()
            .filter(|range| !self.ranges.contains(range))
        {
            directory.join(*range, &next.groups);
        }
    }
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

    /// What holds from the next policy that is lowered whole on where that does not say otherwise; numbers stay.
    pub fn set_defaults(&mut self, defaults: Defaults) {
        self.defaults = defaults;
    }

    /// Which interfaces' packets will be judged, from the next policy that is lowered whole on: only their rules are compiled, the others are
    /// members of their groups and nothing else. `None`, as at first, for all.
    pub fn set_scope(&mut self, scope: Option<BTreeSet<NetworkInterfaceId>>) {
        self.scope = scope;
    }

    /// What the numbers of the snapshots stand for.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The next generation of the policy. Interfaces that have the same groups in the same order
    /// share their rules.
    pub fn lower(&mut self, inventory: &Inventory) -> Snapshot {
        self.last = Last::default();
        let interfaces = inventory.interfaces.keys().cloned().collect();
        self.advance(inventory, &interfaces)
    }

    /// The next generation of the policy, where nothing but `touched` differs from the last one (and VPCs, subnets, prefix lists, peering
    /// connections and associations do not at all).
    pub fn update(&mut self, inventory: &Inventory, touched: &Touched) -> Snapshot {
        let stale = |groups: &Vec<GroupId>| groups.iter().any(|id| touched.groups.contains(id));
        self.last.rule_sets.retain(|groups, _| !stale(groups));
        let mut interfaces = touched.interfaces.clone();
        // A member that joins or leaves touches no group: what it costs must not depend on how many there are (M6).
        if !touched.groups.is_empty() {
            let has_touched_group = |interface: &&NetworkInterface| stale(&interface.groups);
            let affected = inventory.interfaces.values().filter(has_touched_group);
            interfaces.extend(affected.map(|interface| interface.id.clone()));
        }
        let is_alone = touched.interfaces.len() == 1 && touched.groups.is_empty();
        if !touched.interfaces.is_empty() && !is_alone {
            // Beside the one in force, which workers go on reading.
            self.last.directory = Arc::default();
            for member in self.last.members.values() {
                member.join(&self.last.directory);
            }
        }
        self.advance(inventory, &interfaces)
    }

    /// Brings `interfaces` to what `inventory` says of them.
    fn advance(
        &mut self,
        inventory: &Inventory,
        interfaces: &BTreeSet<NetworkInterfaceId>,
    ) -> Snapshot {
        self.generation += 1;
        let lists = lists(inventory);
        for id in interfaces {
            let interface = inventory.interfaces.get(id);
            self.enrol(id, interface);
            self.judge(inventory, &lists, id, interface);
        }
        // A number stays given when its interface is gone.
        let places = self.registry.interface_count();
        self.last.interfaces.resize(places, None);
        // What no interface has, now or in a snapshot that somebody still holds.
        let has_users = |rules: &mut Arc<RuleSet>| Arc::strong_count(rules) > 1;
        self.last.rule_sets.retain(|_, rules| has_users(rules));
        Snapshot {
            generation: self.generation,
            interfaces: self.last.interfaces.clone(),
            rules: self.registry.rule_count(),
            directory: Arc::clone(&self.last.directory),
        }
    }

    fn is_in_scope(&self, id: &NetworkInterfaceId) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.contains(id))
    }

    /// Compiles what holds for the packets of an interface, or takes it away.
    fn judge(
        &mut self,
        inventory: &Inventory,
        lists: &Lists<'_>,
        id: &NetworkInterfaceId,
        interface: Option<&NetworkInterface>,
    ) {
        let lowered = interface.filter(|_| self.is_in_scope(id)).map(|interface| {
            let rules = match self.last.rule_sets.get(&interface.groups) {
                Some(rules) => Arc::clone(rules),
                None => {
                    let rules = Arc::new(self.rule_set(inventory, lists, &interface.groups));
                    let groups = interface.groups.clone();
                    self.last.rule_sets.insert(groups, Arc::clone(&rules));
                    rules
                }
            };
            self.interface(inventory, interface, rules)
        });
        if lowered.is_none() && self.registry.interface_index(id).is_none() {
            return; // It never had a number, and needs none.
        }
        let place = self.registry.number_interface(id).0 as usize;
        let places = self.registry.interface_count();
        self.last.interfaces.resize(places, None);
        self.last.interfaces[place] = lowered;
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

    /// Lists every private address and delegated prefix of an interface under its groups (C6, C7), and nothing of one that is gone.
    fn enrol(&mut self, id: &NetworkInterfaceId, interface: Option<&NetworkInterface>) {
        let next = interface.map(|interface| self.member(interface));
        let before = self.last.members.get(id);
        let directory = &*self.last.directory;
        match (before, &next) {
            (Some(before), Some(next)) => before.change(next, directory),
            (Some(before), None) => before.leave(directory),
            (None, Some(next)) => next.join(directory),
            (None, None) => {}
        }
        match next {
            Some(next) => self.last.members.insert(id.clone(), next),
            None => self.last.members.remove(id),
        };
    }

    fn member(&mut self, interface: &NetworkInterface) -> Member {
        let addresses = interface.addresses.iter().map(|&a| IpNet::from(a));
        let prefixes = interface.prefixes.iter().copied();
        let ranges: BTreeSet<_> = addresses.chain(prefixes).collect();
        Member {
            ranges: ranges.into_iter().collect(),
            groups: interface
                .groups
                .iter()
                .map(|group| self.registry.number_group(group))
                .collect(),
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
            lifetimes: Lifetimes::from(&timeouts(self.defaults.timeouts, &interface.tracking)),
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

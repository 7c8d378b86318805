//! Policies in a line each, and traces through a session.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use secgroup_datapath::{Settings, TcpMode};
use secgroup_io::{Link, Record};
use secgroup_model::{
    AccountId, Direction, GroupId, GroupReference, IcmpMatch, Inventory, NetworkInterface,
    NetworkInterfaceId, Peer, PortRange, PrefixList, PrefixListEntry, PrefixListId, Protocol, Rule,
    RuleId, RuleSpec, SecurityGroup, Tags, Traffic,
};
use secgroup_packet::{LinkType, Timestamp};
use secgroup_replay::{Burst, Kind, Session, SessionSettings};
use secgroup_testkit::trace::{Action, Step, Trace};

/// Where every trace begins, in nanoseconds since the epoch.
const START: u64 = 1_700_000_000_000_000_000;

/// No ingress, everything out: the rules of a new group.
pub(crate) const D: &str = "i egress all to 0.0.0.0/0\n i egress all to ::/0";

/// A policy of I (group `i`) and J (group `j`), one rule a line: `GROUP DIRECTION TRAFFIC from|to PEER`.
#[track_caller]
pub(crate) fn policy(rules: &str) -> Inventory {
    let mut inventory = Inventory::default();
    for id in ["i", "j"] {
        let group = SecurityGroup::new(GroupId::new(id), id, AccountId::new("123456789012"), None);
        inventory.groups.insert(group.id.clone(), group);
    }
    for line in rules.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (group, spec) = rule(line);
        let group = inventory
            .groups
            .get_mut(group)
            .expect("a group called i or j");
        group.rules.push(Rule::new(RuleId::new(line), spec));
    }
    for (id, group, addresses) in [
        ("I", "i", vec!["10.0.0.10", "2001:db8::10"]),
        ("J", "j", vec!["10.0.0.20"]),
    ] {
        let interface = interface(id, group, &addresses);
        inventory.interfaces.insert(interface.id.clone(), interface);
    }
    inventory
}

/// The policy with a prefix list `pl` that holds `ranges`.
pub(crate) fn with_prefix_list(mut policy: Inventory, ranges: &[&str]) -> Inventory {
    let entry = |range: &&str| PrefixListEntry {
        cidr: range.parse().unwrap(),
        description: None,
    };
    let id = PrefixListId::new("pl");
    let list = PrefixList {
        id: id.clone(),
        name: "list".to_owned(),
        owner: AccountId::new("123456789012"),
        family: secgroup_model::Family::V4,
        max_entries: 10,
        version: 1,
        versions: BTreeMap::from([(1, ranges.iter().map(entry).collect())]),
        tags: Tags::new(),
        origin: None,
    };
    policy.prefix_lists.insert(id, list);
    policy
}

fn interface(id: &str, group: &str, addresses: &[&str]) -> NetworkInterface {
    let addresses = addresses
        .iter()
        .map(|address| address.parse().unwrap())
        .collect();
    NetworkInterface::new(
        NetworkInterfaceId::new(id),
        vec![GroupId::new(group)],
        addresses,
    )
}

fn rule(line: &str) -> (&str, RuleSpec) {
    let words: Vec<_> = line.split_whitespace().collect();
    let (group, direction, kind, rest) = match words.as_slice() {
        [group, direction, kind, rest @ ..] => (*group, *direction, *kind, rest),
        _ => panic!("'{line}' is not a rule"),
    };
    let direction = if direction == "ingress" {
        Direction::Ingress
    } else {
        Direction::Egress
    };
    let traffic = match (kind, rest) {
        ("all", _) => Traffic::All,
        ("tcp", [ports, ..]) => Traffic::Tcp(range(ports)),
        ("udp", [ports, ..]) => Traffic::Udp(range(ports)),
        ("icmp", [message, ..]) => Traffic::Icmp(messages(message)),
        ("icmp6", [message, ..]) => Traffic::Icmpv6(messages(message)),
        ("proto", [number, ..]) => Traffic::Other(Protocol(number.parse().unwrap())),
        _ => panic!("'{line}' has no traffic"),
    };
    let peer = match *rest.last().expect("a peer") {
        group @ ("i" | "j") => Peer::Group(GroupReference::local(GroupId::new(group))),
        "pl" => Peer::PrefixList(PrefixListId::new("pl")),
        text => Peer::Cidr(text.parse::<IpNet>().unwrap()),
    };
    (
        group,
        RuleSpec {
            direction,
            traffic,
            peer,
        },
    )
}

fn range(text: &str) -> PortRange {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    PortRange::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
}

fn messages(text: &str) -> IcmpMatch {
    let (kind, code) = text.split_once('/').expect("TYPE/CODE");
    match (kind, code) {
        ("-1", "-1") => IcmpMatch::All,
        (kind, "-1") => IcmpMatch::Type(kind.parse().unwrap()),
        (kind, code) => IcmpMatch::TypeAndCode(kind.parse().unwrap(), code.parse().unwrap()),
    }
}

/// A session under way.
pub(crate) struct Story {
    session: Session,
    policies: BTreeMap<&'static str, Inventory>,
}

impl Story {
    pub(crate) fn new(rules: &str) -> Self {
        Self::of(&policy(rules))
    }

    pub(crate) fn of(policy: &Inventory) -> Self {
        Self::with(policy, |_| {})
    }

    /// With other settings than the standard ones.
    pub(crate) fn with(policy: &Inventory, adjust: impl FnOnce(&mut SessionSettings)) -> Self {
        let engine = Settings {
            capacity: 1024,
            capacity_v6: 1024,
            ..Settings::default()
        };
        let mut settings = SessionSettings {
            engine,
            ..SessionSettings::default()
        };
        adjust(&mut settings);
        let start = Timestamp::from_nanos(START);
        let session = Session::new(settings, policy, start).unwrap();
        Self {
            session,
            policies: BTreeMap::new(),
        }
    }

    /// Any TCP segment that a rule admits opens a connection.
    pub(crate) fn loose(rules: &str) -> Self {
        Self::with(&policy(rules), |settings| {
            settings.engine.tcp = TcpMode::Loose
        })
    }

    /// Another policy, that the event `! policy NAME` puts in force.
    pub(crate) fn policy(mut self, name: &'static str, policy: Inventory) -> Self {
        self.policies.insert(name, policy);
        self
    }

    /// Runs a trace and compares every outcome.
    #[track_caller]
    pub(crate) fn trace(self, table: &str) -> Self {
        self.frames(table, &[])
    }

    /// The same, with frames by name.
    #[track_caller]
    pub(crate) fn frames(mut self, table: &str, frames: &[(&str, Vec<u8>)]) -> Self {
        Trace::parse_with(table, frames).check(|step| self.step(step));
        self
    }

    /// How many connections are tracked.
    pub(crate) fn connections(&self) -> usize {
        self.session.datapath().connections().count()
    }

    /// The state of the one connection that is tracked.
    #[track_caller]
    pub(crate) fn state(&self) -> String {
        let mut connections = self.session.datapath().connections();
        let one = connections.next().expect("a connection");
        assert!(connections.next().is_none(), "more than one connection");
        format!("{:?}", one.state)
    }

    fn step(&mut self, step: &Step) -> String {
        let at = Timestamp::from_nanos(START + step.time);
        match &step.action {
            Action::Packet(frame) => self.packet(frame, at),
            Action::Event(event) => {
                let name = event
                    .strip_prefix("policy ")
                    .expect("an event 'policy NAME'");
                let policy = self.policies.get(name).expect("a policy of that name");
                self.session.change(policy, at).unwrap();
                String::new()
            }
        }
    }

    /// `allow new`; with the direction before it where a packet crosses two interfaces.
    fn packet(&mut self, frame: &[u8], time: Timestamp) -> String {
        let record = Record {
            number: 1,
            time,
            time_digits: 9,
            link: Link::Supported(LinkType::Ethernet),
            data: frame,
            wire_len: u32::try_from(frame.len()).unwrap(),
            interface: 0,
        };
        let mut burst = Burst::default();
        self.session.judge([record], &mut burst);
        let seen = &burst.seen()[0];
        let judged: Vec<_> = burst.judged(seen).collect();
        match (judged.as_slice(), seen.kind) {
            ([], Kind::NotIp(_)) => "none not-ip".to_owned(),
            ([], _) => "none no-interface".to_owned(),
            ([one], _) => format!("{} {}", one.verdict.action(), one.verdict.reason),
            (several, _) => several
                .iter()
                .map(|one| {
                    let direction = one.direction.map_or("", Direction::as_str);
                    format!(
                        "{direction} {} {}",
                        one.verdict.action(),
                        one.verdict.reason
                    )
                })
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

/// A time in the middle of nowhere, for settings.
pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

//! Random bytes and random conversations: no panic, and what holds of every verdict.

use proptest::collection::vec;
use proptest::prelude::*;
use secgroup_model::{Direction, NetworkInterfaceId};

use super::frames;
use super::world::{ENI, Policy, World, direction};
use crate::{InterfaceSettings, LinkKind, Oracle, Outcome, Settings};

fn link() -> impl Strategy<Value = LinkKind> {
    prop::sample::select(vec![
        LinkKind::Ethernet,
        LinkKind::RawIp,
        LinkKind::Ipv4,
        LinkKind::Ipv6,
        LinkKind::LinuxSll,
        LinkKind::LinuxSll2,
        LinkKind::Null,
        LinkKind::Loop,
    ])
}

/// One packet of a conversation between 10.0.0.5 and a few peers.
#[derive(Debug, Clone)]
struct Said {
    inbound: bool,
    kind: usize,
    ports: (u16, u16),
    flags: &'static str,
    message: &'static str,
    peer: u8,
    id: u16,
}

impl Said {
    /// The packet in words; `mirrored`, the one that goes the other way with the same ports.
    fn words(&self, mirrored: bool) -> String {
        let peer = format!("198.51.100.{}", self.peer);
        let (way, source, destination) = if self.inbound == mirrored {
            ("out", "10.0.0.5", peer.as_str())
        } else {
            ("in", peer.as_str(), "10.0.0.5")
        };
        let Self {
            ports: (sport, dport),
            flags,
            message,
            id,
            ..
        } = self;
        match self.kind {
            0 => format!("{way} tcp {flags} {source}:{sport} > {destination}:{dport}"),
            1 => format!("{way} udp {source}:{sport} > {destination}:{dport}"),
            2 => format!("{way} icmp {message} {id} {source} > {destination}"),
            _ => format!("{way} 47 {source} > {destination}"),
        }
    }
}

/// Few addresses, ports and flags, so that packets meet again.
fn said() -> impl Strategy<Value = Said> {
    let port = || prop::sample::select(vec![22_u16, 53, 80]);
    let flags = prop::sample::select(vec!["S", "SA", "A", "FA", "R", "RA", "-", "SF"]);
    let message = prop::sample::select(vec!["8/0", "0/0", "3/3", "13/0", "14/0"]);
    (
        any::<bool>(),
        0..5_usize,
        (port(), port()),
        flags,
        message,
        1..3_u8,
        0..2_u16,
    )
        .prop_map(|(inbound, kind, ports, flags, message, peer, id)| {
            let kind = kind.saturating_sub(1); // TCP twice as often.
            Said {
                inbound,
                kind,
                ports,
                flags,
                message,
                peer,
                id,
            }
        })
}

fn rules() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(
        vec![
            "in tcp 22 198.51.100.1/32",
            "in tcp 80 0.0.0.0/0",
            "in udp 53 0.0.0.0/0",
            "in icmp all 0.0.0.0/0",
            "in -1 0.0.0.0/0",
            "in -1 198.51.100.0/24",
            "out tcp 0-65535 0.0.0.0/0",
            "out tcp 22 198.51.100.0/24",
            "out udp 53 198.51.100.0/24",
            "out icmp 8 0.0.0.0/0",
            "out -1 0.0.0.0/0",
        ],
        0..=7,
    )
}

fn settings() -> impl Strategy<Value = Settings> {
    (
        any::<bool>(),
        0..6_usize,
        prop::option::of(0..6_usize),
        0..60_u64,
    )
        .prop_map(|(strict, capacity_v4, allowance, grace)| Settings {
            strict,
            capacity_v4,
            change_grace: std::time::Duration::from_secs(grace),
            interface: InterfaceSettings {
                allowance,
                ..InterfaceSettings::default()
            },
            ..Settings::default()
        })
}

/// What happens in a conversation: seconds pass, perhaps backwards; perhaps the policy changes to
/// the one of this number; a packet is seen.
fn events() -> impl Strategy<Value = Vec<(i64, usize, Said)>> {
    vec((-20..40_i64, 0..30_usize, said()), 1..80)
}

/// Every rule in a group of its own, the last one first.
fn scattered(rules: &[&str]) -> Policy {
    let names: Vec<String> = (0..rules.len())
        .map(|number| format!("sg-{number}"))
        .collect();
    let mut policy = Policy::default();
    for (name, rule) in names.iter().zip(rules) {
        policy = policy.group(name, &[rule]);
    }
    let names: Vec<&str> = names.iter().rev().map(String::as_str).collect();
    policy.interface(ENI, &["10.0.0.5"], &names)
}

/// The same rules with the directions changed over.
fn mirrored(rules: &[&str]) -> Policy {
    let rules: Vec<String> = rules
        .iter()
        .map(|rule| match rule.split_once(' ').unwrap() {
            ("in", rest) => format!("out {rest}"),
            (_, rest) => format!("in {rest}"),
        })
        .collect();
    Policy::of(&rules.iter().map(String::as_str).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn bytes_never_panic(
        link in link(),
        mut frames in vec(vec(any::<u8>(), 0..120), 1..20),
        version in prop::sample::select(vec![0x45_u8, 0x46, 0x60, 0x65]),
        wire in 0..200_u32,
        verify_checksums in any::<bool>(),
    ) {
        let policy = Policy::of(&["in -1 0.0.0.0/0", "in -1 ::/0"])
            .with(ENI, |eni| eni.source_dest_check = false);
        let settings = Settings { verify_checksums, ..Settings::default() };
        let mut oracle = Oracle::new(&policy.inventory, settings, 0);
        let interface = NetworkInterfaceId::new(ENI);
        for frame in &mut frames {
            if let Some(first) = frame.first_mut() {
                *first = version;
            }
            let now = u64::from(wire);
            oracle.judge(link, frame, wire, &interface, Direction::Ingress, now);
            let len = u32::try_from(frame.len()).unwrap();
            oracle.judge(link, frame, len, &interface, Direction::Ingress, now);
        }
    }

    #[test]
    fn damaged_packets_never_panic(
        said in said(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        captured in any::<prop::sample::Index>(),
    ) {
        let (direction, mut bytes) = frames::packet(&said.words(false));
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let mut world = World::new(&Policy::of(&["in -1 0.0.0.0/0", "out -1 0.0.0.0/0"]));
        world.judge_snapped(direction, &bytes[..captured.index(bytes.len())], bytes.len());
    }

    /// What holds in any conversation, under changing rules and a clock that may step back: a pass
    /// names its rule, a denial none; an admission names a rule of its own direction; nothing is
    /// `established` before something was `new`; the limits hold.
    #[test]
    fn conversations(
        policies in vec(rules(), 1..4),
        settings in settings(),
        events in events(),
    ) {
        let (capacity, allowance) = (settings.capacity_v4, settings.interface.allowance);
        let mut policy = Policy::of(&policies[0]);
        let mut world = World::with(&policy, settings);
        let mut opened = false;
        for (seconds, number, said) in &events {
            world.now = world.now.saturating_add_signed(seconds * 1_000_000_000);
            if let Some(rules) = policies.get(*number) {
                policy = Policy::of(rules);
                world.change(&policy);
            }
            let words = said.words(false);
            let judgement = world.judge(&words);
            prop_assert_eq!(judgement.outcome.passes(), judgement.rule.is_some());
            match judgement.outcome.as_str() {
                "new" | "untracked" => {
                    let (group, id) = judgement.rule.unwrap();
                    let rules = &policy.inventory.groups[&group].rules;
                    let rule = rules.iter().find(|rule| rule.id == id).unwrap();
                    let way = direction(words.split(' ').next().unwrap());
                    prop_assert_eq!(rule.spec.direction, way);
                    opened = true;
                }
                "established" | "related" => prop_assert!(opened, "{}", words),
                _ => {}
            }
            let connections = world.oracle.connections();
            prop_assert!(connections.len() <= capacity);
            prop_assert!(connections.len() <= allowance.unwrap_or(usize::MAX));
        }
    }

    /// Neither the order of rules nor the groups they are in makes a difference (A2, C3, D9), and
    /// what holds of ingress holds of egress (D1, D8).
    #[test]
    fn order_grouping_and_direction_do_not_matter(
        policies in vec(rules(), 1..4),
        settings in settings(),
        events in events(),
    ) {
        let mut plain = World::with(&Policy::of(&policies[0]), settings.clone());
        let mut other = World::with(&scattered(&policies[0]), settings.clone());
        let mut mirror = World::with(&mirrored(&policies[0]), settings);
        for (seconds, number, said) in &events {
            let now = plain.now.saturating_add_signed(seconds * 1_000_000_000);
            (plain.now, other.now, mirror.now) = (now, now, now);
            if let Some(rules) = policies.get(*number) {
                plain.change(&Policy::of(rules));
                other.change(&scattered(rules));
                mirror.change(&mirrored(rules));
            }
            let words = said.words(false);
            let outcome: Outcome = plain.judge(&words).outcome;
            prop_assert_eq!(outcome, other.judge(&words).outcome, "{} scattered", words);
            let mirrored = said.words(true);
            prop_assert_eq!(outcome, mirror.judge(&mirrored).outcome, "{} {}", words, mirrored);
        }
    }
}

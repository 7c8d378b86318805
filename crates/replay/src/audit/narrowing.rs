//! A narrower policy with the same verdicts on the captures.
//!
//! Every rule starts as narrow as what it admitted. Then both policies are replayed side by side; a
//! packet whose verdict turns points at rules, and these are widened one step: traffic alone is
//! narrowed, then nothing is. For an untracked flow they are the two that leave it untracked (D8):
//! the one that opens it must stay open to everybody, the one for its answers stays whole. A round
//! that widens nothing widens everything, so the search ends, in the worst case with the policy
//! itself.

use std::collections::BTreeMap;

use foldhash::fast::RandomState;
use hashbrown::HashSet;
use secgroup_analysis::{Admitted, Narrowing, narrowed, opens};
use secgroup_datapath::{Action, Count, Reason};
use secgroup_model::{
    Direction, Family, GroupId, Inventory, NetworkInterface, PortRange, Rule, RuleId, RuleSpec,
};
use secgroup_packet::{FlowKey, L4, Packet, Protocol};

use crate::audit::Audit;
use crate::audit::observe::{Observed, attached_groups};
use crate::lockstep::{Lockstep, Pair};
use crate::run::{Position, ReplayError};
use crate::session::Kind;

/// Rounds after which nothing is narrowed any more.
const ROUNDS: u32 = 12;
/// Most flows of a round whose first turned packet is looked at.
const BLAMED: usize = 1 << 14;

/// A rule: its group, and what it allows.
pub(super) type RuleKey = (GroupId, RuleSpec);

/// The outcome.
pub(super) struct Narrowed {
    pub(super) policy: Inventory,
    /// Packets whose verdict turns all the same.
    pub(super) turned: u64,
    pub(super) problem: Option<String>,
    /// How often captures were read, the first pass included.
    pub(super) passes: u32,
    pub(super) now_tracked: Count,
    levels: Levels,
    made: BTreeMap<RuleKey, Vec<RuleSpec>>,
}

/// How much narrower each rule is made, and why not more.
#[derive(Default)]
struct Levels(BTreeMap<RuleKey, (Narrowing, &'static str)>);

const OPENS: &str = "its flows are untracked only while it is open to everybody, and have segments \
                     that open no tracked connection (D8, D37)";
const ANSWERS: &str = "untracked flows need one rule for all of their answers (D8)";
const STATE: &str = "packets that it admitted do not pass otherwise";

/// A policy under construction.
struct Draft {
    policy: Inventory,
    made: BTreeMap<RuleKey, Vec<RuleSpec>>,
    /// The rules that a new one stands for.
    origins: BTreeMap<RuleKey, Vec<RuleKey>>,
}

/// One replay of both policies.
#[derive(Default)]
struct Round {
    turned: u64,
    widened: bool,
    now_tracked: Count,
}

/// Narrows the policy.
pub(super) fn narrow(
    plan: &Audit<'_>,
    observed: &Observed,
    progress: &mut dyn FnMut(Position),
) -> Result<Narrowed, ReplayError> {
    let mut levels = Levels::default();
    let mut passes = 1;
    let draft = loop {
        let draft = Draft::new(plan.policy, observed, &levels);
        passes += 1;
        let round = compare(plan, &draft, &draft.policy, Some(&mut levels), progress)?;
        if round.turned == 0 {
            break draft;
        }
        if !round.widened || passes > ROUNDS {
            if draft.policy == *plan.policy {
                break draft; // Nothing is left to be widened.
            }
            levels.widen_all(plan.policy);
        }
    };
    // What is handed out is what somebody will read.
    let (reread, problem) = match (plan.reread)(&draft.policy) {
        Ok(reread) => (reread, None),
        Err(problem) => (draft.policy.clone(), Some(problem)),
    };
    let last = compare(plan, &draft, &reread, None, progress)?;
    let problem = problem.or_else(|| {
        (last.turned > 0).then(|| {
            format!(
                "{} packets have another verdict under the policy as a template: it cannot say \
                 everything that the policy does (MAC addresses, for one)",
                last.turned
            )
        })
    });
    Ok(Narrowed {
        turned: last.turned,
        problem,
        passes: passes + 1,
        now_tracked: last.now_tracked,
        policy: draft.policy,
        made: draft.made,
        levels,
    })
}

impl Narrowed {
    pub(super) fn level_of(&self, key: &RuleKey) -> Narrowing {
        self.levels.of(key)
    }

    pub(super) fn why(&self, key: &RuleKey) -> Option<String> {
        self.levels.0.get(key).map(|(_, why)| (*why).to_owned())
    }

    /// The rules that stand for one of the policy.
    pub(super) fn rules_for(&self, key: &RuleKey) -> &[RuleSpec] {
        self.made.get(key).map_or(&[], Vec::as_slice)
    }
}

impl Levels {
    fn of(&self, key: &RuleKey) -> Narrowing {
        self.0.get(key).map_or(Narrowing::Both, |(level, _)| *level)
    }

    /// Narrows a rule no more than `level`; whether that is news.
    fn widen(&mut self, key: RuleKey, level: Narrowing, why: &'static str) -> bool {
        let news = self.of(&key) < level;
        if news {
            self.0.insert(key, (level, why));
        }
        news
    }

    /// One step wider than it is.
    fn widen_one_step(&mut self, key: RuleKey, why: &'static str) -> bool {
        let next = match self.of(&key) {
            Narrowing::Both => Narrowing::Traffic,
            Narrowing::Traffic | Narrowing::Nothing => Narrowing::Nothing,
        };
        self.widen(key, next, why)
    }

    fn widen_all(&mut self, policy: &Inventory) {
        for group in attached_groups(policy) {
            for rule in &group.rules {
                let key = (group.id.clone(), rule.spec.clone());
                self.widen(key, Narrowing::Nothing, STATE);
            }
        }
    }
}

impl Draft {
    fn new(policy: &Inventory, observed: &Observed, levels: &Levels) -> Self {
        let mut draft = Self {
            policy: policy.clone(),
            made: BTreeMap::new(),
            origins: BTreeMap::new(),
        };
        let nothing = Admitted::default();
        for group in attached_groups(policy) {
            let mut rules: Vec<Rule> = Vec::new();
            for rule in &group.rules {
                let key = (group.id.clone(), rule.spec.clone());
                let seen = observed.admitted(&key).unwrap_or(&nothing);
                let specs = narrowed(&rule.spec, seen, levels.of(&key));
                for (place, spec) in specs.iter().enumerate() {
                    let new = (group.id.clone(), spec.clone());
                    let of_new = draft.origins.entry(new).or_default();
                    // Two rules may be narrowed to the same.
                    if of_new.is_empty() {
                        rules.push(renamed(rule, spec, place));
                    }
                    of_new.push(key.clone());
                }
                draft.made.insert(key, specs);
            }
            if let Some(of_draft) = draft.policy.groups.get_mut(&group.id) {
                of_draft.rules = rules;
            }
        }
        draft
    }
}

/// `rule` with another content; the first of several keeps its id.
fn renamed(rule: &Rule, spec: &RuleSpec, place: usize) -> Rule {
    let id = match place {
        0 => rule.id.clone(),
        place => RuleId::new(&format!("{}.{}", rule.id, place + 1)),
    };
    Rule {
        id,
        spec: spec.clone(),
        ..rule.clone()
    }
}

/// Replays `policy` beside the audited one, and widens the rules to which turned packets point.
fn compare(
    plan: &Audit<'_>,
    draft: &Draft,
    policy: &Inventory,
    mut levels: Option<&mut Levels>,
    progress: &mut dyn FnMut(Position),
) -> Result<Round, ReplayError> {
    let mut lockstep = Lockstep::new(&plan.settings, plan.policy, policy)?;
    let mut round = Round::default();
    let mut blamed: HashSet<FlowKey, RandomState> = HashSet::default();
    lockstep.run(&plan.captures, progress, |lockstep, pair| {
        round.count_tracked(pair);
        let Some(action) = pair.turned() else { return };
        round.turned += 1;
        let Some(levels) = levels.as_deref_mut() else {
            return;
        };
        let Kind::Ip(packet) = &pair.seen.kind else {
            return;
        };
        // What comes later of a flow follows from what came first.
        let interface = pair.old.and_then(|judged| judged.interface);
        let flow = interface.zip(pair.direction);
        let flow = flow.and_then(|(interface, way)| packet.flow_key(interface, way));
        if blamed.len() < BLAMED && flow.is_none_or(|flow| blamed.insert(flow)) {
            let blame = Blame {
                policy: plan.policy,
                draft,
                lockstep,
                packet,
            };
            round.widened |= blame.widen(pair, action, levels);
        }
    });
    Ok(round)
}

impl Round {
    fn count_tracked(&mut self, pair: &Pair<'_>) {
        let (Some(old), Some(new)) = (pair.old, pair.new) else {
            return;
        };
        let now = matches!(new.verdict.reason, Reason::New | Reason::Established);
        if let (Reason::Untracked, true, Kind::Ip(packet)) =
            (old.verdict.reason, now, &pair.seen.kind)
        {
            self.now_tracked += Count {
                packets: 1,
                bytes: u64::from(packet.ip_len),
            };
        }
    }
}

/// Which rules a turned packet points at.
struct Blame<'a> {
    policy: &'a Inventory,
    draft: &'a Draft,
    lockstep: &'a Lockstep,
    packet: &'a Packet,
}

impl Blame<'_> {
    fn widen(&self, pair: &Pair<'_>, action: Action, levels: &mut Levels) -> bool {
        let Some((interface, way)) = pair.old.and_then(|old| {
            let id = self.lockstep.old.registry().interface(old.interface?)?;
            Some((self.policy.interfaces.get(id)?, old.direction?))
        }) else {
            return false;
        };
        match action {
            Action::Deny => self.denied(pair, interface, way, levels),
            Action::Allow => self.allowed(pair, interface, levels),
        }
    }

    /// The new policy denies what the old one allows.
    fn denied(
        &self,
        pair: &Pair<'_>,
        interface: &NetworkInterface,
        way: Direction,
        levels: &mut Levels,
    ) -> bool {
        let mut widened = false;
        let verdict = pair.old.map(|judged| judged.verdict);
        if verdict.is_some_and(|verdict| verdict.reason == Reason::Untracked)
            && let L4::Tcp { sport, dport, .. } | L4::Udp { sport, dport } = self.packet.l4
        {
            for (way, port) in [(way, dport), (way.reverse(), sport)] {
                widened |= self.keep_untracked(interface, way, port, levels);
            }
        }
        let rule = verdict.and_then(|verdict| self.lockstep.old.registry().rule(verdict.rule?));
        if let (false, Some(rule)) = (widened, rule) {
            let key = (rule.group.clone(), rule.rule.spec.clone());
            widened = levels.widen_one_step(key, STATE);
        }
        widened
    }

    /// Keeps the two rules that leave flows untracked that are opened `way` to `port` (D8).
    fn keep_untracked(
        &self,
        interface: &NetworkInterface,
        way: Direction,
        port: u16,
        levels: &mut Levels,
    ) -> bool {
        let (protocol, single) = (self.packet.protocol, PortRange::single(port));
        let opener = self.open(interface, way, protocol, single);
        let answers = self.open(interface, way.reverse(), protocol, PortRange::ALL);
        let (Some(opener), Some(answers)) = (opener, answers) else {
            return false;
        };
        let opener = levels.widen(opener, Narrowing::Traffic, OPENS);
        levels.widen(answers, Narrowing::Nothing, ANSWERS) || opener
    }

    /// The first rule that opens `ports` to everybody.
    fn open(
        &self,
        interface: &NetworkInterface,
        way: Direction,
        protocol: Protocol,
        ports: PortRange,
    ) -> Option<RuleKey> {
        let family = Family::of(self.packet.addresses.src());
        let groups = interface.groups.iter();
        let groups = groups.filter_map(|id| self.policy.groups.get(id));
        let mut rules = groups.flat_map(|group| group.rules_of(way).map(move |rule| (group, rule)));
        let found = rules
            .find(|(_, rule)| opens(rule, protocol, family).is_some_and(|open| open.covers(ports)));
        found.map(|(group, rule)| (group.id.clone(), rule.spec.clone()))
    }

    /// The new policy allows what the old one denies: by a connection that the old one does not
    /// track, for its rules are narrower everywhere.
    fn allowed(&self, pair: &Pair<'_>, interface: &NetworkInterface, levels: &mut Levels) -> bool {
        let rule = pair
            .new
            .and_then(|judged| self.lockstep.new.registry().rule(judged.verdict.rule?));
        let Some(rule) = rule else { return false };
        let made = (rule.group.clone(), rule.rule.spec.clone());
        let mut widened = false;
        for origin in self.draft.origins.get(&made).into_iter().flatten() {
            let answers = origin.1.direction.reverse();
            for protocol in [Protocol::TCP, Protocol::UDP] {
                if let Some(key) = self.open(interface, answers, protocol, PortRange::ALL) {
                    widened |= levels.widen(key, Narrowing::Nothing, ANSWERS);
                }
            }
            widened |= levels.widen_one_step(origin.clone(), OPENS);
        }
        widened
    }
}

//! What two policies would do differently.
//!
//! The rules of a policy are compared as what they admit, not as text: a rule that another covers
//! makes no difference, and one that was split into two neither. For each network interface that
//! both policies have, each direction and each address family, the new flows whose verdict differs
//! are given as disjoint [`Class`]es, exactly: a flow that is opened from or to an address of the
//! interface is admitted by one policy and denied by the other if and only if a class
//! [holds](Class::holds) it. `difference/class.rs` says how. Beside them stand the classes of flows
//! that both admit, but only one tracks (D7 to D11): they survive another change of rules
//! differently, and segments in the middle of a connection pass or do not.
//!
//! What rules do not decide is left out of the classes and compared by itself: traffic that is
//! never filtered (C16 to C19), the source/destination check (C12), addresses and timeouts.

mod class;
mod pairs;
mod settings;
mod side;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use secgroup_datapath::AlwaysTrack;
use secgroup_model::{Direction, Family, GroupId, Inventory, NetworkInterfaceId};
use secgroup_policy::Query;
use serde::Serialize;

use self::class::classes;
pub use self::class::{Class, PeerSet};
pub use self::settings::SettingChange;
use self::side::{Resolver, Side};
use crate::traffic_set::{self, Span};

/// What two policies would do differently.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Difference {
    /// Interfaces that only the old policy has.
    pub vanished: Vec<String>,
    /// Interfaces that only the new policy has.
    pub appeared: Vec<String>,
    /// Interfaces that both have under different ids: old and new.
    pub renamed: Vec<(String, String)>,
    /// What changes at interfaces, those with the same changes together. Ids are those of the new
    /// policy.
    pub places: Vec<PlaceDifference>,
    /// What changes at single interfaces beside the rules.
    pub settings: Vec<SettingChange>,
}

/// What the rules of some places would do differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceDifference {
    /// The interfaces; or, where no interface has it, one group.
    pub at: Vec<String>,
    /// Whether it is a group that no interface has.
    pub idle_group: bool,
    /// The groups attached before.
    pub old_groups: Vec<String>,
    /// The groups attached now.
    pub new_groups: Vec<String>,
    /// New flows that were denied and are allowed.
    pub newly_allowed: Vec<Class>,
    /// New flows that were allowed and are denied.
    pub newly_denied: Vec<Class>,
    /// New flows that both allow, and only the new policy tracks.
    pub now_tracked: Vec<Class>,
    /// New flows that both allow, and only the old policy tracked.
    pub now_untracked: Vec<Class>,
}

impl Difference {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.vanished.is_empty()
            && self.appeared.is_empty()
            && self.places.is_empty()
            && self.settings.is_empty()
    }

    /// What changes at the interface with this id in the new policy.
    #[must_use]
    pub fn at(&self, interface: &str) -> Option<&PlaceDifference> {
        let mut places = self.places.iter();
        places.find(|place| !place.idle_group && place.at.iter().any(|id| id == interface))
    }
}

impl PlaceDifference {
    fn is_empty(&self) -> bool {
        self.all().iter().all(|classes| classes.is_empty())
    }

    fn all(&self) -> [&Vec<Class>; 4] {
        [
            &self.newly_allowed,
            &self.newly_denied,
            &self.now_tracked,
            &self.now_untracked,
        ]
    }

    /// Whether the flow that `query` opens is allowed by the new policy alone (`Some(true)`), by
    /// the old one alone (`Some(false)`), or by both or none.
    #[must_use]
    pub fn verdict_of(&self, query: &Query) -> Option<bool> {
        let holds = |classes: &[Class]| classes.iter().any(|class| class.holds(query));
        if holds(&self.newly_allowed) {
            Some(true)
        } else {
            holds(&self.newly_denied).then_some(false)
        }
    }
}

/// Compares two policies. `always` are the peers whose flows are tracked whatever the rules (D12),
/// under both.
#[must_use]
pub fn diff(old: &Inventory, new: &Inventory, always: &AlwaysTrack) -> Difference {
    let mut comparison = Comparison {
        old: Resolver::new(old),
        new: Resolver::new(new),
        always,
        places: Vec::new(),
        known: BTreeMap::new(),
    };
    let pairs = pairs::interfaces(old, new);
    let mut settings = Vec::new();
    for (before, after) in &pairs.both {
        let (Some(of_old), Some(of_new)) =
            (old.interfaces.get(*before), new.interfaces.get(*after))
        else {
            continue;
        };
        settings.extend(settings::changes((old, of_old), (new, of_new)));
        comparison.interface(after.to_string(), &of_old.groups, &of_new.groups);
    }
    for (before, after) in pairs::idle_groups(old, new).both {
        let groups = [before.clone(), after.clone()].map(|group| vec![group]);
        comparison.idle_group(after.to_string(), &groups[0], &groups[1]);
    }
    let mut places = comparison.places;
    places.retain(|place| !place.is_empty());
    let names =
        |ids: &[&NetworkInterfaceId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    Difference {
        vanished: names(&pairs.only_old),
        appeared: names(&pairs.only_new),
        renamed: pairs
            .both
            .iter()
            .filter(|(before, after)| before != after)
            .map(|(before, after)| (before.to_string(), after.to_string()))
            .collect(),
        places,
        settings,
    }
}

/// A comparison under way.
struct Comparison<'a> {
    old: Resolver<'a>,
    new: Resolver<'a>,
    always: &'a AlwaysTrack,
    places: Vec<PlaceDifference>,
    /// Where in `places` interfaces with these groups are: a fleet is compared once.
    known: BTreeMap<(Vec<GroupId>, Vec<GroupId>), usize>,
}

impl Comparison<'_> {
    fn interface(&mut self, name: String, before: &[GroupId], after: &[GroupId]) {
        let place = match self.known.entry((before.to_vec(), after.to_vec())) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                unknown.insert(self.places.len());
                let place = self.place(before, after);
                self.places.push(place);
                self.places.len() - 1
            }
        };
        self.places[place].at.push(name);
    }

    fn idle_group(&mut self, name: String, before: &[GroupId], after: &[GroupId]) {
        let place = self.place(before, after);
        self.places.push(PlaceDifference {
            at: vec![name],
            idle_group: true,
            ..place
        });
    }

    fn place(&mut self, before: &[GroupId], after: &[GroupId]) -> PlaceDifference {
        let names = |groups: &[GroupId]| groups.iter().map(ToString::to_string).collect();
        let mut place = PlaceDifference {
            at: Vec::new(),
            idle_group: false,
            old_groups: names(before),
            new_groups: names(after),
            newly_allowed: Vec::new(),
            newly_denied: Vec::new(),
            now_tracked: Vec::new(),
            now_untracked: Vec::new(),
        };
        for direction in Direction::BOTH {
            for family in Family::BOTH {
                let old = Side::of(&mut self.old, before, direction, family);
                let new = Side::of(&mut self.new, after, direction, family);
                self.compare(direction, &old, &new, &mut place);
            }
        }
        place
    }

    fn compare(&self, way: Direction, old: &Side, new: &Side, place: &mut PlaceDifference) {
        let cuts: BTreeSet<u32> = old.cuts().chain(new.cuts()).collect();
        let everything = |_| true;
        let allowed = classes(way, (new, old), &cuts, everything);
        place.newly_allowed.extend(allowed);
        let denied = classes(way, (old, new), &cuts, everything);
        place.newly_denied.extend(denied);
        // What is untracked is open to everybody: whom the other policy admits, both do.
        let always = Side::always_tracked(self.always, new.family);
        let only = |one: &[Span], other: &[Span], number| {
            traffic_set::holds(one, number) && !traffic_set::holds(other, number)
        };
        let (before, after) = (&old.untracked, &new.untracked);
        let tracked = classes(way, (new, &always), &cuts, |n| only(before, after, n));
        place.now_tracked.extend(tracked);
        let untracked = classes(way, (old, &always), &cuts, |n| only(after, before, n));
        place.now_untracked.extend(untracked);
    }
}

//! Quotas: how much there may be of everything (semantics B15 to B23).
//!
//! The figures are data. [`Quotas::today`] is the default; the other presets are those that the
//! documentation gave for EC2-Classic and VPCs in 2012 and for VPCs in 2019, and each figure can be
//! set.

use std::collections::BTreeMap;

use crate::{
    Direction, ErrorCode, Family, Flavour, Inventory, ModelError, Part, Peer, PrefixList,
    PrefixListId, RuleSpec, SecurityGroup,
};

/// How much there may be. `None` is "no limit is documented".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas {
    /// Groups of an account in a Region.
    pub groups_per_region: Option<u32>,
    /// Groups of an account in a VPC.
    pub groups_per_vpc: Option<u32>,
    /// Rules of a group in each direction and for each address family (B16).
    pub rules_per_group: u32,
    /// Groups on a network interface; in EC2-Classic, on an instance.
    pub groups_per_interface: Option<u32>,
    /// How a rule with a prefix list counts.
    pub prefix_list_counting: PrefixListCounting,
    /// What managed prefix lists are limited to.
    pub prefix_lists: PrefixListQuotas,
    /// How far the above may be raised.
    pub ceilings: Ceilings,
}

/// In which families a rule with a prefix list counts (B18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrefixListCounting {
    /// In the list's own, as today.
    OwnFamily,
    /// In both, as measured in 2019.
    BothFamilies,
}

/// Quotas of managed prefix lists (B23). They are younger than all presets but today's, which
/// therefore share them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixListQuotas {
    /// Lists of an account in a Region.
    pub lists_per_region: u32,
    /// Versions on record of one list.
    pub versions_per_list: u32,
    /// Entries of one list.
    pub entries_per_list: u32,
    /// Rules, of all groups together, that may refer to one list.
    pub references_per_list: u32,
}

/// How far quotas can be raised, where that is documented.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ceilings {
    /// For groups of an account in a Region.
    pub groups_per_region: Option<u32>,
    /// For groups on an interface.
    pub groups_per_interface: Option<u32>,
    /// For rules of a group times groups on an interface (B17).
    pub rules_times_groups: Option<u32>,
}

/// How many rules of one direction count for each family (B19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RuleCount {
    /// Against the limit for IPv4.
    pub ipv4: u64,
    /// Against the limit for IPv6.
    pub ipv6: u64,
}

impl RuleCount {
    /// The greater of the two: what is nearest to the limit.
    #[must_use]
    pub fn max(self) -> u64 {
        self.ipv4.max(self.ipv6)
    }

    fn add(&mut self, family: Family, weight: u64) {
        let count = match family {
            Family::V4 => &mut self.ipv4,
            Family::V6 => &mut self.ipv6,
        };
        *count = count.saturating_add(weight);
    }
}

impl Default for PrefixListQuotas {
    fn default() -> Self {
        Self {
            lists_per_region: 100,
            versions_per_list: 1_000,
            entries_per_list: 1_000,
            references_per_list: 5_000,
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self::today()
    }
}

/// Presets (B15).
impl Quotas {
    /// VPCs today.
    #[must_use]
    pub fn today() -> Self {
        Self {
            groups_per_region: Some(2_500),
            groups_per_vpc: None,
            rules_per_group: 60,
            groups_per_interface: Some(5),
            prefix_list_counting: PrefixListCounting::OwnFamily,
            prefix_lists: PrefixListQuotas::default(),
            ceilings: Ceilings {
                groups_per_region: Some(10_000),
                groups_per_interface: Some(16),
                rules_times_groups: Some(1_000),
            },
        }
    }

    /// VPCs about 2019.
    #[must_use]
    pub fn vpc_2019() -> Self {
        Self {
            groups_per_region: None,
            groups_per_vpc: Some(500),
            rules_per_group: 50,
            groups_per_interface: Some(5),
            prefix_list_counting: PrefixListCounting::BothFamilies,
            prefix_lists: PrefixListQuotas::default(),
            ceilings: Ceilings::default(),
        }
    }

    /// VPCs in 2012.
    #[must_use]
    pub fn vpc_2012() -> Self {
        Self {
            groups_per_vpc: Some(50),
            groups_per_interface: None,
            ..Self::vpc_2019()
        }
    }

    /// EC2-Classic (A39).
    #[must_use]
    pub fn classic_2012() -> Self {
        Self {
            groups_per_region: Some(500),
            groups_per_vpc: None,
            rules_per_group: 100,
            groups_per_interface: Some(500),
            ..Self::vpc_2019()
        }
    }
}

impl Quotas {
    /// Checks the quotas themselves against their ceilings (B15, B17).
    ///
    /// # Errors
    /// Every quota that is raised too far.
    pub fn check(&self) -> Result<(), Vec<ModelError>> {
        let mut errors = Vec::new();
        let mut check = |what: &str, value: Option<u64>, ceiling: Option<u32>| {
            if let (Some(value), Some(ceiling)) = (value, ceiling.map(u64::from))
                && value > ceiling
            {
                errors.push(ModelError::value(format!(
                    "The quota for {what} is {value}; it may not exceed {ceiling}"
                )));
            }
        };
        let per_interface = self.groups_per_interface.map(u64::from);
        check(
            "groups per Region",
            self.groups_per_region.map(u64::from),
            self.ceilings.groups_per_region,
        );
        check(
            "groups per interface",
            per_interface,
            self.ceilings.groups_per_interface,
        );
        check(
            "rules per group times groups per interface",
            per_interface.map(|groups| groups * u64::from(self.rules_per_group)),
            self.ceilings.rules_times_groups,
        );
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    /// How much the rules of `direction` count (B18, B19): a range once in its family, a group once
    /// in both, a prefix list its weight. A list that is not known counts once in both.
    pub fn count_rules<'a>(
        &self,
        rules: impl IntoIterator<Item = &'a RuleSpec>,
        direction: Direction,
        lists: &BTreeMap<PrefixListId, PrefixList>,
    ) -> RuleCount {
        let mut count = RuleCount::default();
        for rule in rules.into_iter().filter(|rule| rule.direction == direction) {
            let list = match &rule.peer {
                Peer::PrefixList(id) => lists.get(id),
                Peer::Cidr(_) | Peer::Group(_) => None,
            };
            let weight = list.map_or(1, |list| u64::from(list.weight()));
            let own_family = match self.prefix_list_counting {
                PrefixListCounting::OwnFamily => list.map(|list| list.family),
                PrefixListCounting::BothFamilies => None,
            };
            match rule.peer.family().or(own_family) {
                Some(family) => count.add(family, weight),
                None => Family::BOTH
                    .into_iter()
                    .for_each(|family| count.add(family, weight)),
            }
        }
        count
    }

    /// Checks that a group has room for `rules`: those it has, and those it is to get.
    ///
    /// # Errors
    /// `RulesPerSecurityGroupLimitExceeded` (B19).
    pub fn check_rules<'a>(
        &self,
        rules: impl IntoIterator<Item = &'a RuleSpec>,
        lists: &BTreeMap<PrefixListId, PrefixList>,
    ) -> Result<(), ModelError> {
        let rules: Vec<_> = rules.into_iter().collect();
        for direction in Direction::BOTH {
            let count = self.count_rules(rules.iter().copied(), direction, lists);
            if count.max() > u64::from(self.rules_per_group) {
                return Err(ModelError::new(
                    ErrorCode::RulesPerSecurityGroupLimitExceeded,
                    "The maximum number of rules per security group has been reached.",
                )
                .with_help(format!(
                    "the {direction} rules count {} for IPv4 and {} for IPv6; the quota is {}",
                    count.ipv4, count.ipv6, self.rules_per_group
                )));
            }
        }
        Ok(())
    }

    /// Checks that an interface, or an instance of EC2-Classic, may have `count` groups.
    ///
    /// # Errors
    /// `SecurityGroupsPerInterfaceLimitExceeded`, or in EC2-Classic
    /// `SecurityGroupsPerInstanceLimitExceeded` (B21).
    pub fn check_groups_per_interface(
        &self,
        count: usize,
        flavour: Flavour,
    ) -> Result<(), ModelError> {
        let Some(limit) = self
            .groups_per_interface
            .filter(|&limit| exceeds(count, limit))
        else {
            return Ok(());
        };
        let (code, noun) = match flavour {
            Flavour::Vpc => (
                ErrorCode::SecurityGroupsPerInterfaceLimitExceeded,
                "interface",
            ),
            Flavour::Classic => (
                ErrorCode::SecurityGroupsPerInstanceLimitExceeded,
                "instance",
            ),
        };
        Err(ModelError::new(
            code,
            format!("The maximum number of security groups per {noun} has been reached."),
        )
        .with_help(format!("it has {count} groups; the quota is {limit}")))
    }

    /// Checks that there is room for `new` beside the groups of `inventory`, which may hold it
    /// already. Groups of another account do not count.
    ///
    /// # Errors
    /// `SecurityGroupLimitExceeded` (B20).
    pub fn check_groups(
        &self,
        inventory: &Inventory,
        new: &SecurityGroup,
    ) -> Result<(), ModelError> {
        let others: Vec<_> = inventory
            .groups
            .values()
            .filter(|group| group.owner == new.owner && group.id != new.id)
            .collect();
        let in_vpc = others.iter().filter(|group| group.vpc == new.vpc).count();
        let full = self
            .groups_per_region
            .is_some_and(|limit| exceeds(others.len() + 1, limit))
            || self
                .groups_per_vpc
                .is_some_and(|limit| exceeds(in_vpc + 1, limit));
        if !full {
            return Ok(());
        }
        let whole = new
            .vpc
            .as_ref()
            .map_or_else(String::new, |vpc| format!(" for VPC '{vpc}'"));
        Err(ModelError::new(
            ErrorCode::SecurityGroupLimitExceeded,
            format!("The maximum number of security groups{whole} has been reached."),
        ))
    }

    /// Checks that there is room for `new` beside the prefix lists of `inventory`, which may hold
    /// it already.
    ///
    /// # Errors
    /// `ResourceCountExceeded` (B23).
    pub fn check_prefix_lists(
        &self,
        inventory: &Inventory,
        new: &PrefixList,
    ) -> Result<(), ModelError> {
        let others = inventory
            .prefix_lists
            .values()
            .filter(|list| list.owner == new.owner && list.id != new.id)
            .count();
        let limit = self.prefix_lists.lists_per_region;
        if !exceeds(others + 1, limit) {
            return Ok(());
        }
        Err(ModelError::new(
            ErrorCode::ResourceCountExceeded,
            format!("The maximum number of prefix lists ({limit}) has been reached."),
        ))
    }

    /// Checks that `references` rules may refer to one prefix list.
    ///
    /// # Errors
    /// `ResourceCountExceeded` (B23).
    pub fn check_prefix_list_references(&self, references: usize) -> Result<(), ModelError> {
        let limit = self.prefix_lists.references_per_list;
        if !exceeds(references, limit) {
            return Ok(());
        }
        Err(ModelError::new(
            ErrorCode::ResourceCountExceeded,
            format!(
                "The maximum number of references to a prefix list ({limit}) has been reached."
            ),
        )
        .at(Part::Whole))
    }
}

fn exceeds(count: usize, limit: u32) -> bool {
    u32::try_from(count).map_or(true, |count| count > limit)
}

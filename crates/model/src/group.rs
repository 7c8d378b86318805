//! Security groups (semantics B).
//!
//! A group is created with its name and description for good (B7: nothing changes them) and lives
//! through its rules: `authorize` adds, `revoke` takes away, each the whole of a request or nothing
//! (A37). Whether there is room for more rules is the business of [`Quotas`](crate::Quotas),
//! whether a peer may be referred to that of [`Inventory`](crate::Inventory).

use std::collections::BTreeSet;

use crate::text::DEFAULT_NAME;
use crate::{
    AccountId, Direction, ErrorCode, Family, GroupId, GroupReference, IcmpMatch, ModelError,
    Origin, Part, Peer, PortRange, Rule, RuleId, RuleSpec, Tags, Traffic, Vpc, VpcId,
};

/// What EC2 writes into the description of the group that a VPC comes with (B8).
const DEFAULT_DESCRIPTION: &str = "default VPC security group";
/// The same in EC2-Classic.
const DEFAULT_CLASSIC_DESCRIPTION: &str = "default group";

/// A security group: a named set of allow rules (semantics A2, B1 to B10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: GroupId,
    /// Its name: unique within the VPC without regard to case (B4).
    pub name: String,
    /// Its description.
    pub description: String,
    /// The account that owns it.
    pub owner: AccountId,
    /// The VPC it was created for; `None` for EC2-Classic.
    pub vpc: Option<VpcId>,
    /// Its rules, both directions, in the order in which they were added.
    pub rules: Vec<Rule>,
    /// Its tags.
    pub tags: Tags,
    /// Where it was written.
    pub origin: Option<Origin>,
}

impl SecurityGroup {
    /// A group of `owner` without rules, described by its name until that is changed.
    #[must_use]
    pub fn new(id: GroupId, name: &str, owner: AccountId, vpc: Option<VpcId>) -> Self {
        Self {
            id,
            name: name.to_owned(),
            description: name.to_owned(),
            owner,
            vpc,
            rules: Vec::new(),
            tags: Tags::new(),
            origin: None,
        }
    }

    /// The group that a VPC comes with: everything from its members, everything to everywhere (B8).
    #[must_use]
    pub fn default_of(vpc: &Vpc, id: GroupId, mut rule_id: impl FnMut() -> RuleId) -> Self {
        let mut group = Self::new(id, DEFAULT_NAME, vpc.owner.clone(), Some(vpc.id.clone()));
        DEFAULT_DESCRIPTION.clone_into(&mut group.description);
        group
            .rules
            .push(Rule::new(rule_id(), group.members_may_send(Traffic::All)));
        group.add_default_egress(vpc.families(), rule_id);
        group
    }

    /// The default group of EC2-Classic: all that EC2-Classic knows, from its members (A39).
    #[must_use]
    pub fn default_in_classic(
        id: GroupId,
        owner: AccountId,
        mut rule_id: impl FnMut() -> RuleId,
    ) -> Self {
        let mut group = Self::new(id, DEFAULT_NAME, owner, None);
        DEFAULT_CLASSIC_DESCRIPTION.clone_into(&mut group.description);
        for traffic in [
            Traffic::Tcp(PortRange::ALL),
            Traffic::Udp(PortRange::ALL),
            Traffic::Icmp(IcmpMatch::All),
        ] {
            group
                .rules
                .push(Rule::new(rule_id(), group.members_may_send(traffic)));
        }
        group
    }

    /// Adds the egress rules of a new group: everything, in each of `families`. EC2 takes the VPC's
    /// own ([`Vpc::families`], B10), CloudFormation always takes both (F4).
    pub fn add_default_egress(&mut self, families: &[Family], mut rule_id: impl FnMut() -> RuleId) {
        self.rules.extend(
            families
                .iter()
                .map(|&family| Rule::new(rule_id(), RuleSpec::allow_all_egress(family))),
        );
    }

    /// Adds the egress rule of IPv6 because the VPC now has an IPv6 range, unless the outbound
    /// rules were changed (B8). Answers whether it did.
    pub fn gain_ipv6_egress(&mut self, id: RuleId) -> bool {
        let egress: Vec<_> = self
            .rules_of(Direction::Egress)
            .map(|rule| &rule.spec)
            .collect();
        let unchanged = egress == [&RuleSpec::allow_all_egress(Family::V4)];
        if unchanged {
            self.rules
                .push(Rule::new(id, RuleSpec::allow_all_egress(Family::V6)));
        }
        unchanged
    }

    /// Adds `rules`, all or none (A37).
    ///
    /// # Errors
    /// Each rule that is twice in the request (A36) or, if there is none such, in the group already
    /// (A35), as [`Part::Rule`]. The description makes no difference (A33).
    pub fn authorize(&mut self, rules: Vec<Rule>) -> Result<(), Vec<ModelError>> {
        check_once(rules.iter().map(|rule| &rule.spec))?;
        let present: BTreeSet<&RuleSpec> = self.rules.iter().map(|rule| &rule.spec).collect();
        let errors: Vec<_> = rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| present.contains(&rule.spec))
            .map(|(place, rule)| rule.spec.already_exists().at(Part::Rule(place)))
            .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        self.rules.extend(rules);
        Ok(())
    }

    /// Takes away the rules that are equal to `specs`, all or none, and answers with them. Ports of
    /// protocols that have none are not part of a rule, so (-1, 0, 0) finds what was stored as (-1,
    /// -1, -1) (A21).
    ///
    /// # Errors
    /// Each rule that is twice in the request (A36) or, if there is none such, not in the group
    /// (E53).
    pub fn revoke(&mut self, specs: &[RuleSpec]) -> Result<Vec<Rule>, Vec<ModelError>> {
        check_once(specs.iter())?;
        let present: BTreeSet<&RuleSpec> = self.rules.iter().map(|rule| &rule.spec).collect();
        let errors: Vec<_> = specs
            .iter()
            .enumerate()
            .filter(|(_, spec)| !present.contains(spec))
            .map(|(place, _)| {
                ModelError::new(
                    ErrorCode::InvalidPermissionNotFound,
                    "The specified rule does not exist in this security group",
                )
                .at(Part::Rule(place))
            })
            .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let wanted: BTreeSet<&RuleSpec> = specs.iter().collect();
        let (revoked, kept) = self
            .rules
            .drain(..)
            .partition(|rule| wanted.contains(&rule.spec));
        self.rules = kept;
        Ok(revoked)
    }

    /// The rules of one direction, in the order in which they were added.
    pub fn rules_of(&self, direction: Direction) -> impl Iterator<Item = &Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.spec.direction == direction)
    }

    /// The rule with this id.
    #[must_use]
    pub fn rule(&self, id: &RuleId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == *id)
    }

    /// Whether it is the group that its VPC came with (B8): no other may have that name (B5).
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.is_named(DEFAULT_NAME)
    }

    /// Whether this is its name: case makes no difference (B4), nor do spaces at the end (B3).
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.trim_end_matches(' '))
    }

    /// Checks that it may be deleted by a user (B9).
    ///
    /// # Errors
    /// `CannotDelete` for a default group.
    pub fn check_deletable(&self) -> Result<(), ModelError> {
        if !self.is_default() {
            return Ok(());
        }
        Err(ModelError::new(
            ErrorCode::CannotDelete,
            format!(
                "the specified group: \"{}\" name: \"{}\" cannot be deleted by a user",
                self.id, self.name
            ),
        ))
    }

    /// What its members may send to each other.
    fn members_may_send(&self, traffic: Traffic) -> RuleSpec {
        RuleSpec {
            direction: Direction::Ingress,
            traffic,
            peer: Peer::Group(GroupReference::local(self.id.clone())),
        }
    }
}

/// A36: nothing may be twice in one request.
fn check_once<'a>(specs: impl Iterator<Item = &'a RuleSpec>) -> Result<(), Vec<ModelError>> {
    let mut seen = BTreeSet::new();
    let errors: Vec<_> = specs
        .enumerate()
        .filter(|&(_, spec)| !seen.insert(spec))
        .map(|(place, spec)| {
            ModelError::value("The same permission must not appear multiple times")
                .at(Part::Rule(place))
                .with_help(format!("leave out the second `{spec}`"))
        })
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

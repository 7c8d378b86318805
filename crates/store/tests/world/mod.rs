//! A history of numbered edits: what the state is after the n-th of them is known, to the last field.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use secgroup_ec2::{
    Changes, Edit, PrefixListCode, PrefixListState, Site, State, Token, TokenKey, vpcs,
};
use secgroup_model::{
    AccountId, Direction, Family, GroupId, GroupReference, Peer, PortRange, PrefixList,
    PrefixListEntry, PrefixListId, Rule, RuleId, RuleSpec, SecurityGroup, Tags, Traffic, Vpc,
};
use secgroup_store::Store;

/// The tag of the VPC that says which edit was the last one.
const LAST: &str = "Last";

fn account() -> AccountId {
    AccountId::new("111122223333")
}

/// Pseudo-random numbers (splitmix64), the same for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Dice that nobody threw before; the seed is printed, so that a failure can be seen again.
    pub(crate) fn fresh() -> Self {
        let seed = std::env::var("SECGROUP_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = seed
            .unwrap_or_else(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0));
        println!("SECGROUP_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Makes the n-th edit (from 1 on), of several records in several tables, and says what it changed.
pub(crate) fn edit(state: &mut State, number: u64) -> Changes {
    let site = Site::new("us-east-1", vec![account()]);
    let mut dice = Dice(number);
    let mut random = || dice.next();
    let now = Timestamp::from_second(i64::try_from(number).unwrap()).unwrap();
    let mut edit = Edit::new(state, &site, now, &mut random);
    if number == 1 {
        vpcs::create_default_vpc(&mut edit, &account());
    }
    let vpc = edit.inventory().vpcs.keys().next().unwrap().clone();
    let tags = &mut edit.get_mut::<Vpc>(&vpc).unwrap().tags;
    tags.insert(LAST.to_owned(), number.to_string());
    put_list(&mut edit, number);
    put_group(&mut edit, number, &vpc);
    if number.is_multiple_of(3) {
        edit.remove::<SecurityGroup>(&group_id(number / 2));
    }
    let key = TokenKey {
        account: account(),
        action: "CreateSecurityGroup".to_owned(),
        token: format!("token {number} / {}", edit.random()),
    };
    let token = Token {
        parameters: edit.random(),
        created: vec![group_id(number).to_string()],
        at: now,
    };
    edit.put(key, token);
    edit.commit()
}

fn group_id(number: u64) -> GroupId {
    GroupId::from_random(number)
}

/// A list that gets an entry each time, and loses the oldest version.
fn put_list(edit: &mut Edit<'_>, number: u64) {
    let id = PrefixListId::new("pl-0123456789abcdef0");
    let list = edit.get::<PrefixList>(&id).cloned();
    let mut list = list.unwrap_or_else(|| PrefixList {
        id: id.clone(),
        name: "offices".to_owned(),
        owner: account(),
        family: Family::V4,
        max_entries: 10,
        version: 0,
        versions: BTreeMap::new(),
        tags: Tags::new(),
        origin: None,
    });
    let third = u8::try_from(number % 256).unwrap();
    list.version = number;
    list.versions.insert(
        number,
        vec![PrefixListEntry {
            cidr: format!("10.0.{third}.0/24").parse().unwrap(),
            description: Some(format!("office {number}")),
        }],
    );
    while list.versions.len() > 3 {
        list.versions.pop_first();
    }
    edit.put(id.clone(), list);
    edit.put(
        id,
        PrefixListState {
            code: PrefixListCode::ModifyComplete,
            message: None,
        },
    );
}

fn put_group(edit: &mut Edit<'_>, number: u64, vpc: &secgroup_model::VpcId) {
    let mut group = SecurityGroup::new(
        group_id(number),
        &format!("edit-{number}"),
        account(),
        Some(vpc.clone()),
    );
    let peers = [
        Peer::Group(GroupReference::local(group.id.clone())),
        Peer::PrefixList(PrefixListId::new("pl-0123456789abcdef0")),
        Peer::anywhere(Family::V6),
    ];
    for peer in peers {
        let mut rule = Rule::new(
            RuleId::from_random(edit.random()),
            RuleSpec {
                direction: Direction::Ingress,
                traffic: Traffic::Tcp(PortRange::new(443, 443).unwrap()),
                peer,
            },
        );
        rule.description = Some("a rule, as long as people make them".to_owned());
        group.rules.push(rule);
    }
    group
        .tags
        .insert("Name".to_owned(), "web \u{1f525}".to_owned());
    edit.put(group.id.clone(), group);
}

/// The state after the first `number` edits.
pub(crate) fn after(number: u64) -> State {
    let mut state = State::default();
    for number in 1..=number {
        let _ = edit(&mut state, number);
    }
    state
}

/// How many edits a state has seen: 0 for an empty one.
pub(crate) fn last(state: &State) -> u64 {
    let mut vpcs = state.inventory.vpcs.values();
    vpcs.next().map_or(0, |vpc| vpc.tags[LAST].parse().unwrap())
}

/// A store with the first `number` edits, each in a transaction of its own.
pub(crate) fn store(path: &Path, number: u64) -> (Store, State) {
    let (store, state) = Store::open(path).unwrap();
    assert_eq!(state, None);
    let mut state = State::default();
    for number in 1..=number {
        let changes = edit(&mut state, number);
        store.commit(&state, &changes).unwrap();
    }
    (store, state)
}

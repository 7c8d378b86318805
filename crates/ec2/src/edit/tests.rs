use secgroup_model::{AccountId, GroupId, SecurityGroup};

use super::*;

fn site() -> Site {
    Site::new("us-east-1", vec![AccountId::new("123456789012")])
}

fn group(id: &str) -> SecurityGroup {
    SecurityGroup::new(GroupId::new(id), id, AccountId::new("123456789012"), None)
}

/// A state with the groups a and b.
fn before() -> State {
    let mut state = State::default();
    for id in ["a", "b"] {
        state.inventory.groups.insert(GroupId::new(id), group(id));
    }
    state
}

/// Changes a, removes b, adds c, adds and removes d, and changes nothing of what it touches besides.
fn change(edit: &mut Edit<'_>) {
    edit.get_mut::<SecurityGroup>(&GroupId::new("a"))
        .unwrap()
        .description = "other".to_owned();
    edit.remove::<SecurityGroup>(&GroupId::new("b"));
    edit.put(GroupId::new("c"), group("c"));
    edit.put(GroupId::new("d"), group("d"));
    edit.remove::<SecurityGroup>(&GroupId::new("d"));
    assert!(edit.get_mut::<SecurityGroup>(&GroupId::new("e")).is_none());
}

#[test]
fn what_is_not_committed_never_was() {
    let (site, mut state) = (site(), before());
    let mut random = || 0;
    let mut edit = Edit::new(&mut state, &site, Timestamp::UNIX_EPOCH, &mut random);
    change(&mut edit);
    drop(edit);
    assert_eq!(state, before());
}

#[test]
fn a_commit_says_what_it_changed_and_nothing_else() {
    let (site, mut state) = (site(), before());
    let mut random = || 0;
    let mut edit = Edit::new(&mut state, &site, Timestamp::UNIX_EPOCH, &mut random);
    change(&mut edit);
    let changes = edit.commit();
    let changed: Vec<_> = changes
        .of::<SecurityGroup>()
        .map(|(id, was)| (id.as_str(), was.is_some()))
        .collect();
    assert_eq!(changed, [("a", true), ("b", true), ("c", false)]);
    assert_eq!(state.inventory.groups.len(), 2);
    changes.take_back(&mut state);
    assert_eq!(state, before());
}

#[test]
fn a_fresh_id_is_nobody_elses() {
    let (site, mut state) = (site(), State::default());
    let mut bits = [7, 7, 8].into_iter();
    let mut random = || bits.next().unwrap();
    let mut edit = Edit::new(&mut state, &site, Timestamp::UNIX_EPOCH, &mut random);
    let first = edit.fresh::<SecurityGroup>(GroupId::from_random);
    edit.put(first.clone(), group(first.as_str()));
    assert_eq!(
        edit.fresh::<SecurityGroup>(GroupId::from_random),
        GroupId::from_random(8)
    );
}

//! The directory against a plain list of memberships, one change after the other and many at once
//! (semantics C6-C8).

#[cfg(test)]
mod common;

use std::net::IpAddr;
use std::sync::Barrier;
use std::thread;

use common::{Memberships, address, group, groups_of, net};
use ipnet::IpNet;
use proptest::collection::vec;
use proptest::prelude::*;
use secgroup_policy::{Directory, GroupNumber};

/// One call of [`Directory::change`].
type Change = (IpNet, Vec<GroupNumber>, Vec<GroupNumber>);

/// The same change to a list that holds each joined pair as often as it was joined.
fn change(list: &mut Memberships, (net, leaves, joins): &Change) {
    let net = net.trunc();
    for group in leaves {
        if let Some(at) = list.iter().position(|pair| *pair == (net, *group)) {
            list.swap_remove(at);
        }
    }
    list.extend(joins.iter().map(|&group| (net, group)));
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    // Few networks, so that joins repeat and leaves meet what was joined.
    vec(net(), 1..6).prop_flat_map(|nets| {
        vec(
            (
                prop::sample::select(nets),
                vec(group(), 0..4),
                vec(group(), 0..3),
            ),
            0..60,
        )
    })
}

/// Addresses at and around the edges of the networks.
fn edges(changes: &[Change]) -> impl Iterator<Item = IpAddr> {
    changes
        .iter()
        .flat_map(|(net, ..)| [net.network(), net.broadcast(), net.addr()])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn agrees_with_the_list_after_each_change(
        changes in changes(), others in vec(address(), 0..8),
    ) {
        let directory = Directory::new();
        let mut list = Memberships::new();
        for one in &changes {
            directory.change(one.0, &one.1, &one.2);
            change(&mut list, one);
            for address in edges(&changes).chain(others.iter().copied()) {
                let expected = groups_of(&list, address);
                prop_assert_eq!(&directory.groups_of(address), &expected, "{}", address);
                for group in (0..6).map(GroupNumber) {
                    prop_assert_eq!(directory.contains(address, group), expected.contains(&group));
                }
            }
        }
        let mut nets: Vec<IpNet> = list.iter().map(|pair| pair.0).collect();
        nets.sort_unstable();
        nets.dedup();
        prop_assert_eq!(directory.len(), nets.len());
        prop_assert_eq!(directory.is_empty(), nets.is_empty());
    }
}

/// Threads join and leave the same few networks, each undoing what it did but for its own last
/// join.
#[test]
fn concurrent_changes_leave_exactly_what_was_not_undone() {
    const THREADS: u32 = 4;
    const ROUNDS: u32 = 2000;
    let directory = Directory::new();
    let nets: Vec<IpNet> = ["10.0.0.1/32", "10.0.0.0/28", "10.0.0.2/32", "2001:db8::/80"]
        .map(|net| net.parse().unwrap())
        .to_vec();
    let shared = GroupNumber(1000);
    let start = Barrier::new(THREADS as usize + 1);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (directory, nets, start) = (&directory, &nets, &start);
            scope.spawn(move || {
                start.wait();
                let own = GroupNumber(thread);
                for round in 0..ROUNDS {
                    let net = nets[(thread + round) as usize % nets.len()];
                    directory.join(net, &[shared, own]);
                    assert!(
                        directory.contains(net.addr(), own),
                        "{net} in {own:?} while joined"
                    );
                    // From one group to the other in one step, then out.
                    directory.change(net, &[own], &[GroupNumber(thread + 100)]);
                    directory.leave(net, &[GroupNumber(thread + 100), shared]);
                }
                directory.join(nets[0], &[own, shared]);
            });
        }
        // A member of one of two groups at any time is never seen in neither, nor in both.
        let member: IpNet = "192.0.2.1/32".parse().unwrap();
        let (a, b) = (GroupNumber(2000), GroupNumber(2001));
        directory.join(member, &[a]);
        start.wait();
        let (directory, done) = (&directory, std::sync::atomic::AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    directory.change(member, &[a], &[b]);
                    directory.change(member, &[b], &[a]);
                }
                done.store(true, std::sync::atomic::Ordering::Release);
            });
            while !done.load(std::sync::atomic::Ordering::Acquire) {
                assert_eq!(directory.groups_of(member.addr()).len(), 1);
            }
        });
        directory.leave(member, &[a]);
    });
    let own: Vec<GroupNumber> = (0..THREADS).map(GroupNumber).collect();
    let mut all = own.clone();
    all.push(shared);
    assert_eq!(directory.groups_of(nets[0].addr()), all);
    assert_eq!(directory.len(), 1);
    // The shared group was joined once by each thread, and needs as many leaves.
    for left in (0..THREADS).rev() {
        directory.leave(nets[0], &[shared]);
        assert_eq!(directory.contains(nets[0].addr(), shared), left > 0);
    }
    directory.leave(nets[0], &own);
    assert!(directory.is_empty());
}

//! What does a change cost until it is acknowledged, and does it cost more when there is more? Ours against a sync of the same bytes, and against
//! a copy of the state.

use std::fs::File;
use std::hint::black_box;
use std::io::{Seek, Write};

use criterion::{BenchmarkId, Criterion, criterion_group};
use jiff::Timestamp;
use secgroup_benches::harness::{criterion, group};
use secgroup_ec2::{Edit, Site, State, vpcs};
use secgroup_model::{
    AccountId, Direction, Family, GroupId, Peer, PortRange, Rule, RuleId, RuleSpec, SecurityGroup,
    Traffic,
};
use secgroup_store::Store;

/// Groups in a state.
const SIZES: [u64; 2] = [10, 1_000];
/// Rules of a group: what EC2 allows of one direction.
const RULES: u64 = 60;

fn site() -> Site {
    Site::new("us-east-1", vec![AccountId::new("111122223333")])
}

/// A default VPC with `groups` groups of 60 rules.
fn state(groups: u64) -> State {
    let (site, mut state, mut bits) = (site(), State::default(), 1 << 32);
    let mut random = || {
        bits += 1;
        bits
    };
    let mut edit = Edit::new(&mut state, &site, Timestamp::UNIX_EPOCH, &mut random);
    let owner = site.accounts[0].clone();
    let vpc = vpcs::create_default_vpc(&mut edit, &owner);
    for number in 0..groups {
        let id = GroupId::from_random(number);
        let name = format!("group-{number}");
        let mut group = SecurityGroup::new(id.clone(), &name, owner.clone(), Some(vpc.clone()));
        for port in 0..RULES {
            let port = u16::try_from(port).expect("60 of them");
            let spec = RuleSpec {
                direction: Direction::Ingress,
                traffic: Traffic::Tcp(PortRange::new(port, port).expect("one port")),
                peer: Peer::anywhere(Family::V4),
            };
            group
                .rules
                .push(Rule::new(RuleId::from_random(edit.random()), spec));
        }
        edit.put(id, group);
    }
    let _ = edit.commit();
    state
}

/// Changes one group, as a call would.
fn change(edit: &mut Edit<'_>, number: u64) {
    let group = edit.get_mut::<SecurityGroup>(&GroupId::from_random(number % SIZES[0]));
    group.expect("the state has it").description = format!("change {number}");
}

/// An edit alone: kept, and taken back.
fn edits(c: &mut Criterion) {
    let mut bench = group(c, "edit");
    let site = site();
    for size in SIZES {
        let mut state = state(size);
        let param = format!("{size} groups");
        let (mut number, mut random) = (0, || 0);
        bench.bench_function(BenchmarkId::new("kept", &param), |bencher| {
            bencher.iter(|| {
                number += 1;
                let mut edit = Edit::new(&mut state, &site, Timestamp::UNIX_EPOCH, &mut random);
                change(&mut edit, number);
                black_box(edit.commit())
            });
        });
        let before = state.clone();
        bench.bench_function(BenchmarkId::new("taken back", &param), |bencher| {
            bencher.iter(|| {
                number += 1;
                let mut edit = Edit::new(&mut state, &site, Timestamp::UNIX_EPOCH, &mut random);
                change(&mut edit, number);
                drop(black_box(edit));
            });
        });
        assert_eq!(state, before, "what was taken back never was");
        bench.bench_function(BenchmarkId::new("a copy of the state", &param), |bencher| {
            bencher.iter(|| black_box(state.clone()));
        });
    }
    bench.finish();
}

/// An edit until it is on disk.
fn commits(c: &mut Criterion) {
    let mut bench = group(c, "commit");
    let folder = tempfile::tempdir().expect("a folder for files");
    let site = site();
    for size in SIZES {
        let path = folder.path().join(format!("{size}.redb"));
        let (store, _) = Store::open(&path).expect("a new store");
        let mut state = state(size);
        store.replace(&state).expect("room on the disk");
        let (mut number, mut random) = (0, || 0);
        let id = BenchmarkId::new("secgroup", format!("{size} groups"));
        bench.bench_function(id, |bencher| {
            bencher.iter(|| {
                number += 1;
                let mut edit = Edit::new(&mut state, &site, Timestamp::UNIX_EPOCH, &mut random);
                change(&mut edit, number);
                let changes = edit.commit();
                store.commit(&state, &changes).expect("room on the disk");
            });
        });
        drop(store);
        let (_, kept) = Store::open(&path).expect("the same store");
        assert_eq!(kept, Some(state), "what was measured is on disk");
    }
    let mut file = File::create(folder.path().join("bytes")).expect("a file");
    let group = state(1).inventory.groups[&GroupId::from_random(0)].clone();
    let bytes = serde_json::to_vec(&group).expect("a group is JSON");
    bench.bench_function("write and sync the group", |bencher| {
        bencher.iter(|| {
            file.rewind().expect("a file has a beginning");
            file.write_all(&bytes).expect("room on the disk");
            file.sync_data().expect("a disk");
        });
    });
    bench.finish();
}

/// What a person waits for at the start.
fn openings(c: &mut Criterion) {
    let mut bench = group(c, "open");
    let folder = tempfile::tempdir().expect("a folder for files");
    for size in SIZES {
        let path = folder.path().join(format!("{size}.redb"));
        let (store, _) = Store::open(&path).expect("a new store");
        store.replace(&state(size)).expect("room on the disk");
        drop(store);
        let id = BenchmarkId::new("secgroup", format!("{size} groups"));
        bench.bench_function(id, |bencher| {
            bencher.iter(|| black_box(Store::open(&path).expect("the same store")));
        });
    }
    bench.finish();
}

criterion_group! { name = benches; config = criterion(); targets = edits, commits, openings }

fn main() {
    benches();
    criterion().final_summary();
}

//! Does a rule allow the packet? Ours against a walk of the list and a trie of prefixes.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group};
use secgroup_benches::flows::short;
use secgroup_benches::harness::{bursts, criterion, group};
use secgroup_benches::rules::{
    Linear, MEMBERS, SIZES, Trie, group_rules, member_address, prefix_list_rules, queries, rules,
};
use secgroup_policy::{Directory, GroupNumber, Query, Rule, RuleSet};

/// Questions per rule set. More than fit the first cache, fewer than the rest of a program touches
/// between two packets.
const QUERIES: usize = 16_384;

/// Questions that are checked rule by rule before anything is measured.
const CHECKED: usize = 512;

fn by_size(c: &mut Criterion) {
    let mut group = group(c, "rule match");
    for size in SIZES {
        let param = format!("{} rules", short(size));
        measure(&mut group, &param, &rules(size), &Directory::new());
    }
    measure(
        &mut group,
        "100k prefixes",
        &prefix_list_rules(100_000),
        &Directory::new(),
    );
    let (rules, directory) = group_rules(60);
    measure(&mut group, "60 group rules", &rules, &directory);
    group.finish();
}

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    param: &str,
    rules: &[Rule],
    directory: &Directory,
) {
    let set = RuleSet::compile(rules);
    let queries = queries(rules, QUERIES);
    let linear = Linear::new(rules, directory);
    let trie = Trie::new(rules);
    let has_groups = !set.groups().is_empty();
    check(
        &set,
        directory,
        &queries,
        &linear,
        (!has_groups).then_some(&trie),
    );
    let id = |name: &str| BenchmarkId::new(name, param);
    for (burst, name) in [(32, "secgroup"), (256, "secgroup, bursts of 256")] {
        let mut answers = vec![None; burst];
        bursts(group, id(name), &queries, burst, |queries| {
            set.match_burst(queries, directory, &mut answers);
            black_box(&mut answers);
        });
    }
    bursts(
        group,
        id("secgroup, one at a time"),
        &queries,
        1,
        |queries| {
            black_box(set.matches(&queries[0], directory));
        },
    );
    bursts(group, id("list, rule by rule"), &queries, 1, |queries| {
        black_box(linear.matches(&queries[0]));
    });
    if !has_groups {
        bursts(group, id("prefix-trie"), &queries, 1, |queries| {
            black_box(trie.matches(&queries[0]));
        });
    }
}

/// All of them give the same answers, and not all answers are the same.
fn check(
    set: &RuleSet,
    directory: &Directory,
    queries: &[Query],
    linear: &Linear,
    trie: Option<&Trie>,
) {
    let mut answers = vec![None; queries.len()];
    set.match_burst(queries, directory, &mut answers);
    let found = answers.iter().flatten().count();
    assert!(
        found > queries.len() / 8,
        "{found} of {} found a rule",
        queries.len()
    );
    for (query, answer) in queries.iter().zip(&answers) {
        assert_eq!(set.matches(query, directory), *answer, "{query:?}");
        assert!(
            trie.is_none_or(|trie| trie.matches(query) == *answer),
            "{query:?}"
        );
    }
    for (query, answer) in queries.iter().zip(&answers).take(CHECKED) {
        assert_eq!(linear.matches(query), *answer, "{query:?}");
    }
}

/// Two thousand members join a group, and leave it.
fn membership(c: &mut Criterion) {
    let mut group = group(c, "group membership");
    let members = MEMBERS;
    let groups = [GroupNumber(7)];
    let directory = Directory::new();
    group.throughput(Throughput::Elements(u64::from(members)));
    group.bench_function(
        BenchmarkId::new("secgroup", "2000 join and leave"),
        |bencher| {
            bencher.iter(|| {
                for address in (0..members).map(member_address) {
                    directory.join(address.into(), &groups);
                }
                for address in (0..members).map(member_address) {
                    directory.leave(address.into(), &groups);
                }
            });
        },
    );
    assert!(directory.is_empty(), "whoever joined left");
    let [before, after] = [999, 1000].map(rules);
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new("compile", "1k rules"), |bencher| {
        let mut flip = false;
        bencher.iter(|| {
            flip = !flip;
            RuleSet::compile(if flip { &before } else { &after })
        });
    });
    group.finish();
}

/// What a rule takes, compiled.
fn memory() {
    let of = |name: &str, count: usize, rules: &[Rule]| {
        let bytes = RuleSet::compile(rules).memory_bytes() as f64 / count as f64;
        println!("memory: {name}: {bytes:.1} B a rule or prefix");
    };
    for size in SIZES {
        of(&format!("{} rules", short(size)), size, &rules(size));
    }
    of(
        "100k prefixes in 10 lists",
        100_000,
        &prefix_list_rules(100_000),
    );
}

criterion_group! { name = benches; config = criterion(); targets = by_size, membership }

fn main() {
    memory();
    benches();
    criterion().final_summary();
}

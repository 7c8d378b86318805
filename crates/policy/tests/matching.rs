//! The compiled rules give the answer that walking the list gives (semantics A9-A19, C3-C8, C14,
//! D8-D11).

#[cfg(test)]
mod common;

use common::{Case, cases, crowded_cases, directory_of, first_match, open_ranges};
use proptest::prelude::*;
use secgroup_packet::{Direction, Family, Protocol};
use secgroup_policy::{Directory, Query, RuleNumber, RuleSet};

/// Sizes around the batch and the chunks of the engine.
const BURSTS: [usize; 10] = [1, 2, 15, 16, 17, 31, 32, 33, 255, 257];

fn singly(rules: &RuleSet, directory: &Directory, queries: &[Query]) -> Vec<Option<RuleNumber>> {
    queries
        .iter()
        .map(|query| rules.matches(query, directory))
        .collect()
}

fn assert_all_agree(case: &Case) {
    let compiled = RuleSet::compile(&case.rules);
    let directory = directory_of(&case.members);
    for query in &case.queries {
        let expected = first_match(&case.rules, &case.members, query);
        assert_eq!(compiled.matches(query, &directory), expected, "{query:?}");
    }
}

fn assert_open_agrees(case: &Case) {
    let compiled = RuleSet::compile(&case.rules);
    for direction in Direction::BOTH {
        for family in Family::BOTH {
            for protocol in [Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol(132)] {
                let ranges = open_ranges(&case.rules, direction, family, protocol);
                assert_eq!(
                    compiled.open_all(direction, family, protocol),
                    // D10: one rule, not two halves.
                    ranges.contains(&(0, 65535)),
                    "{direction} {family} {protocol}",
                );
                let edges = ranges
                    .iter()
                    .flat_map(|&(from, to)| [from, from.wrapping_sub(1), to, to.wrapping_add(1)]);
                for port in edges.chain([0, 80, 65535]) {
                    assert_eq!(
                        compiled.open(direction, family, protocol, port),
                        ranges.iter().any(|&(from, to)| from <= port && port <= to),
                        "{direction} {family} {protocol} {port}",
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn short_lists_match_as_walked(case in cases(12, 64)) {
        assert_all_agree(&case);
    }

    #[test]
    fn long_lists_match_as_walked(case in cases(200, 128)) {
        assert_all_agree(&case);
    }

    #[test]
    fn crowded_nested_ranges_match_as_walked(case in crowded_cases(128)) {
        assert_all_agree(&case);
    }

    #[test]
    fn bursts_equal_single_matches(case in cases(60, 257)) {
        let compiled = RuleSet::compile(&case.rules);
        let directory = directory_of(&case.members);
        let expected = singly(&compiled, &directory, &case.queries);
        for size in BURSTS {
            // Stale answers must not shine through.
            let mut answers = vec![Some(RuleNumber::new(u32::MAX)); size];
            compiled.match_burst(&case.queries[..size], &directory, &mut answers);
            prop_assert_eq!(&answers[..], &expected[..size], "burst of {}", size);
        }
    }

    #[test]
    fn open_agrees_with_the_list(case in cases(80, 0)) {
        assert_open_agrees(&case);
    }
}

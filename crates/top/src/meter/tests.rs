//! Rates, by a clock of the test's own.

use secgroup_packet::Direction;

use super::*;
use crate::testing::{busy, interface, quiet, rule, verdict};

fn meter(samples: impl IntoIterator<Item = Sample>) -> Meter {
    let mut meter = Meter::default();
    for sample in samples {
        meter.take(&sample);
    }
    meter
}

#[test]
fn a_rate_is_a_difference_over_the_time_between() {
    let meter = meter([busy(10), busy(14)]);
    let web = meter.interface("web");
    assert_eq!(
        web.allowed,
        [
            Rate {
                packets: 100.0,
                bytes: 100_000.0
            },
            Rate {
                packets: 50.0,
                bytes: 50_000.0
            }
        ]
    );
    assert_eq!(web.denied.packets, 10.0);
    assert_eq!(meter.rule("sg-web", "web[0]").packets, 150.0);
    let no_rule = meter.reason("web", Direction::Ingress, "no-rule");
    assert_eq!(no_rule.packets, 10.0);
    assert_eq!(meter.history("web").count(), 1);
}

#[test]
fn the_first_sample_has_no_rates() {
    let meter = meter([busy(10)]);
    assert_eq!(meter.interface("web"), InterfaceRates::default());
    assert_eq!(meter.history("web").count(), 0);
}

/// A reason that nothing had before is not in the document: it was zero, and counts.
#[test]
fn what_appears_counts_from_nothing() {
    let meter = meter([quiet(10), busy(11)]);
    let web = meter.interface("web");
    assert_eq!(web.allowed[0].packets, 1100.0);
}

/// A rule that the list did not have may be new in the list only.
#[test]
fn a_rule_that_appears_has_no_rate_yet() {
    let mut later = busy(11);
    later.rules.rules.push(rule("web[3]", "all", 5000));
    let meter = meter([busy(10), later]);
    assert_eq!(meter.rule("sg-web", "web[3]"), Rate::default());
}

#[test]
fn counters_that_begin_anew_make_no_rate() {
    let mut restarted = busy(11);
    let few = vec![verdict(Direction::Ingress, "allow", "established", 3)];
    restarted.status.interfaces = vec![interface("web", few)];
    let meter = meter([busy(10), restarted]);
    assert_eq!(meter.interface("web").allowed[0], Rate::default());
}

#[test]
fn another_daemon_is_another_history() {
    let mut other = busy(11);
    other.status.pid = 43;
    let mut meter = meter([busy(9), busy(10), other]);
    assert_eq!(meter.history("web").count(), 0);
    let mut next = busy(12);
    next.status.pid = 43;
    meter.take(&next);
    assert_eq!(meter.history("web").count(), 1);
    assert_eq!(meter.interface("web").allowed[0].packets, 100.0);
}

#[test]
fn two_samples_of_one_moment_do_not_divide_by_zero() {
    let meter = meter([busy(10), busy(10)]);
    assert_eq!(meter.interface("web"), InterfaceRates::default());
}

#[test]
fn history_is_bounded_and_ends_with_its_interface() {
    let seconds = HISTORY as u64 + 50;
    let mut meter = meter((1..seconds).map(busy));
    assert_eq!(meter.history("web").count(), HISTORY);
    let mut gone = busy(seconds);
    gone.status.interfaces = Vec::new();
    meter.take(&gone);
    assert_eq!(meter.history("web").count(), 0);
}

#[test]
fn frames_are_lost_in_several_ways() {
    let mut web = interface("web", Vec::new());
    web.oversize = 1;
    web.ports[0].ring_drops = 2;
    web.ports[0].not_sent = 4;
    web.ports[0].truncated = 8;
    web.ports[0].vlan_drops = 16;
    web.ports[0].offload_drops = 32;
    assert_eq!(lost(&web), 63);
    web.ports[0].ring_drops = u64::MAX;
    assert_eq!(lost(&web), u64::MAX);
}

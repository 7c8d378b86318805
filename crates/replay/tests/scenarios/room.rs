//! Who gives way, and whose a packet is, where that takes more than one interface.

use secgroup_packet::Timestamp;
use secgroup_replay::{Session, SessionSettings};

use crate::support::{Story, policy};

#[test]
fn one_connection_gives_way_and_only_one_that_makes_room() {
    let rules = "i ingress tcp 80 from 203.0.113.0/24
         i ingress tcp 80 from 2001:db8:1::/64
         j ingress tcp 80 from 203.0.113.0/24";
    let story = Story::with(&policy(rules), |settings| {
        settings.engine.capacity = 1;
        settings.engine.capacity_v6 = 1;
        settings.defaults.allowance = Some(1);
    });
    // I's own half-open connection would not make room in the IPv4 table, and J's not in I's allowance.
    let story = story.trace(
        "0 [2001:db8:1::7]:1000 > [2001:db8::10]:80  tcp S | allow new
         1 203.0.113.7:1001 > 10.0.0.20:80           tcp S | allow new
         2 203.0.113.7:1002 > 10.0.0.10:80           tcp S | deny table-full",
    );
    assert_eq!(story.connections(), 2);
}

#[test]
fn what_belongs_to_two_interfaces_is_an_error() {
    let clash = |change: fn(&mut secgroup_model::NetworkInterface)| {
        let mut policy = policy("i ingress tcp 22 from 203.0.113.0/24");
        policy.interfaces.values_mut().for_each(change);
        let session = Session::new(SessionSettings::default(), &policy, Timestamp::ZERO);
        session.unwrap_err().to_string()
    };
    let address = clash(|interface| interface.addresses.push([10, 0, 0, 99].into()));
    assert!(
        address.contains("10.0.0.99 belongs to both I and J"),
        "{address}"
    );
    let prefix = clash(|interface| interface.prefixes.push("10.9.0.0/28".parse().unwrap()));
    assert!(
        prefix.contains("10.9.0.0/28 belongs to both I and J"),
        "{prefix}"
    );
    let mac = clash(|interface| interface.mac = Some(secgroup_model::MacAddress([2; 6])));
    assert!(mac.contains("02:02:02:02:02:02 belongs to both"), "{mac}");
    assert!(mac.contains("--vpc"), "the remedy: {mac}");
}

//! A path between two interfaces: both ends, and the way back, against the reference evaluator.

use proptest::prelude::*;
use secgroup_control::Defaults;
use secgroup_datapath::Settings;
use secgroup_oracle::{LinkKind, Oracle};

use crate::tests::random::{Sent, flows, frame_of, worlds};
use crate::tests::world::World;
use crate::{Explained, Explainer, Outcome};

/// `web egress allow new`, one per place.
fn told(explained: &Explained) -> Vec<String> {
    let places = explained.places.iter().map(|at| {
        let (verdict, reason) = (at.verdict.as_str(), at.reason);
        format!("{} {} {verdict} {reason}", at.interface, at.direction)
    });
    places.collect()
}

fn answered(explained: &Explained) -> Vec<String> {
    let answer = explained.answer.as_ref().unwrap();
    let places = answer.places.iter().map(|at| {
        let (verdict, reason) = (at.verdict.as_str(), at.reason);
        format!("{} {} {verdict} {reason}", at.interface, at.direction)
    });
    places.collect()
}

fn world(web: &[&str], app: &[&str]) -> World {
    World::new()
        .group("sg-web", web)
        .group("sg-app", app)
        .interface("web", &["sg-web"], &["10.0.1.10"])
        .interface("app", &["sg-app"], &["10.0.1.20"])
}

const CALL: &str = "tcp 10.0.1.10:40000 > 10.0.1.20:8080";

#[test]
fn both_ends_and_the_way_back() {
    let explained = world(&["out tcp 8080 sg-app"], &["in tcp 8080 sg-web"]).everywhere(CALL);
    assert_eq!(explained.verdict, Outcome::Allow);
    assert_eq!(
        told(&explained),
        ["web egress allow new", "app ingress allow new"]
    );
    // By the connections that it opened, though no rule lets anything back.
    let answer = explained.answer.as_ref().unwrap();
    assert_eq!(answer.flow, "tcp syn+ack 10.0.1.20:8080 > 10.0.1.10:40000");
    assert_eq!(
        answered(&explained),
        [
            "app egress allow established",
            "web ingress allow established"
        ]
    );
}

#[test]
fn a_path_is_as_good_as_its_worse_end() {
    let explained = world(&["out tcp 8080 sg-app"], &["in tcp 80 sg-web"]).everywhere(CALL);
    assert_eq!(explained.verdict, Outcome::Deny);
    assert_eq!(
        told(&explained),
        ["web egress allow new", "app ingress deny no-rule"]
    );
    assert_eq!(explained.answer, None);
}

/// A UDP answer that passes by rules alone (D8), and a message that nobody answers.
#[test]
fn answers_of_other_kinds() {
    let open = &["in all 0.0.0.0/0", "out all 0.0.0.0/0"];
    let explained = world(open, open).everywhere("udp 10.0.1.10:5000 > 10.0.1.20:53");
    assert_eq!(
        answered(&explained),
        ["app egress allow untracked", "web ingress allow untracked"]
    );
    let explained = world(open, open).everywhere("icmp 10.0.1.10 > 10.0.1.20");
    assert_eq!(
        explained.answer.as_ref().unwrap().flow,
        "icmp 0/0 10.0.1.20 > 10.0.1.10"
    );
    let quiet = [
        "icmp 3/4 10.0.1.10 > 10.0.1.20",
        "tcp rst 10.0.1.10:1 > 10.0.1.20:2",
    ];
    for flow in quiet {
        assert_eq!(world(open, open).everywhere(flow).answer, None, "{flow}");
    }
}

proptest! {
    /// Request and answer, one after the other, at every end: as the reference evaluator has it.
    #[test]
    fn answers_are_those_of_the_reference(world in worlds(), Sent { flow, frame } in flows()) {
        let explainer = Explainer::new(&world.0, &Settings::default(), &Defaults::default());
        let Ok(explained) = explainer.explain(None, None, &flow) else { return Ok(()) };
        let Some(answer) = &explained.answer else { return Ok(()) };
        prop_assert_eq!(explained.verdict, Outcome::Allow);
        let mut oracle = Oracle::new(&world.0, secgroup_oracle::Settings::default(), 0);
        let len = |frame: &[u8]| u32::try_from(frame.len()).unwrap();
        for place in &explained.places {
            let id = secgroup_model::NetworkInterfaceId::new(&place.interface);
            oracle.judge(LinkKind::Ethernet, &frame, len(&frame), &id, place.direction, 0);
        }
        let reply: crate::Flow = answer.flow.parse().unwrap();
        let reply = frame_of(&reply.packet());
        for place in &answer.places {
            let id = secgroup_model::NetworkInterfaceId::new(&place.interface);
            let judged = oracle.judge(LinkKind::Ethernet, &reply, len(&reply), &id, place.direction, 0);
            prop_assert_eq!(place.reason.as_str(), judged.outcome.as_str(), "{} {:?}", answer.flow, place);
            prop_assert_eq!(place.verdict == Outcome::Allow, judged.outcome.passes());
        }
    }
}

use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;
use crate::report::{Connections, Rules, Stages, Sweeps, Verified, Workload};
use crate::{FlowsPoint, FlowsSweep, Machine, MembersPoint, RulesPoint, Size};

fn figure(best: f64) -> Figure {
    Figure::of(vec![best; 5])
}

fn report(sweeps: Sweeps) -> Report {
    let one = figure(1.0);
    Report {
        version: "1",
        machine: Machine {
            cpu: Some("A & B <fast>".to_owned()),
            cpus: 2,
            pinned_to: Some(1),
            clock_hz: 2.5e9,
            cpu_share: 1.0,
            kernel: None,
            huge_pages: None,
            available_bytes: None,
        },
        workload: Workload {
            flows: 1000,
            rules: 60,
            members: 0,
            size: Size::Imix,
            draw: "uniform",
            zipf: None,
            burst: 32,
            frames: 1,
            seed: 1,
            seconds: 1.0,
        },
        verified: Verified { verdicts: 1 },
        connections: Connections {
            established: one,
            stages: Stages {
                parse: one,
                hash_prefetch: one,
                decide: one,
                counters: one,
            },
            new: one,
            denied: one,
            bytes_each: 74.7,
        },
        rules: Rules {
            matching: one,
            compile: one,
            update: one,
            bytes_each: 1.0,
        },
        workers: None,
        sweeps,
    }
}

fn every_sweep() -> Sweeps {
    let by_flows = |flows| FlowsPoint {
        flows,
        uniform: figure(f64::from(flows).sqrt()),
        zipf: figure(20.0),
    };
    let by_rules = |rules| RulesPoint {
        rules,
        matching: figure(20.0),
        denied: figure(50.0),
        new: figure(100.0),
        compile: figure(f64::from(rules) * 300.0),
        update: figure(f64::from(rules) * 500.0),
        bytes_each: 16.0,
    };
    let by_members = |members| MembersPoint {
        members,
        matching: figure(20.0),
        denied: figure(50.0),
        new: figure(100.0),
        change: figure(500.0),
    };
    Sweeps {
        flows: Some(FlowsSweep {
            zipf: 0.99,
            points: [1_000, 10_000, 100_000].map(by_flows).to_vec(),
            left_out: vec![LeftOut {
                size: 1_000_000,
                needed_bytes: 2,
                available_bytes: 1,
            }],
        }),
        rules: Some([1, 10, 100].map(by_rules).to_vec()),
        members: Some([1, 10, 100].map(by_members).to_vec()),
    }
}

/// The texts of a picture, which must be XML.
fn texts(picture: &str) -> Vec<String> {
    let mut reader = Reader::from_str(picture);
    let (mut texts, mut text) = (Vec::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(_) => text.clear(),
            Event::Text(piece) => text.push_str(&piece),
            Event::GeneralRef(name) => text.push_str(&format!("&{};", &*name)),
            Event::End(_) => texts.push(text.trim().to_owned()),
            Event::Eof => return texts,
            _ => {}
        }
    }
}

#[test]
fn every_sweep_is_in_the_picture() {
    let picture = plot(&report(every_sweep())).unwrap();
    let texts = texts(&picture);
    for expected in [
        "A &amp; B &lt;fast&gt;, 2.5 GHz, one core; frames of IMIX, bursts of 32; best of 5 rounds",
        "Packet of an open connection, 60 rules (1M left out for lack of memory)",
        "drawn evenly",
        "by Zipf 0.99",
        "First packets, by rules",
        "opens a connection",
        "rule match alone",
        "Policy changes, by rules",
        "compile alone",
        "First packets, by members of a group that a rule refers to, 60 rules",
        "100k",
    ] {
        assert!(
            texts.iter().any(|text| text == expected),
            "{expected}: {texts:?}"
        );
    }
}

#[test]
fn what_was_not_swept_is_not_drawn() {
    assert_eq!(plot(&report(Sweeps::default())), None);
    let only_flows = Sweeps {
        flows: every_sweep().flows,
        ..Sweeps::default()
    };
    let picture = plot(&report(only_flows)).unwrap();
    assert!(!picture.contains("by rules"), "{picture}");
}

#[test]
fn dark_systems_exchange_every_colour_that_is_drawn() {
    let picture = plot(&report(every_sweep())).unwrap();
    let (style, drawn) = picture.split_once("</style>").unwrap();
    for attribute in ["fill=\"#", "stroke=\"#"] {
        for (at, _) in drawn.match_indices(attribute) {
            let colour = &drawn[at..at + attribute.len() + 7];
            let is_clear = drawn[..at].ends_with("opacity=\"0\" ");
            assert!(is_clear || style.contains(colour), "{colour}");
        }
    }
}

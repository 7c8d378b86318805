//! Built frames through the firewall, as packet-trace tables.
//!
//! A line of a table is sent from the side its source is on: the instance's where the source is one of the instance's addresses, the
//! network's otherwise. What came of it is `pass` or `drop`, and the reason that the daemon counted, so that every table tests the
//! counters, too. A frame that passes must arrive unchanged and once.

use secgroup_testkit::frame;
use secgroup_testkit::netns::Namespace;
use secgroup_testkit::station::{Station, cross};
use secgroup_testkit::trace::{Action, Trace};
use serde_json::Value;

use super::daemon::Daemon;
use super::{I, I6};

/// Both ends of an instance's way through the firewall.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) inside: Station,
    pub(crate) outside: Station,
}

impl Wire {
    #[track_caller]
    pub(crate) fn open(inside: (&Namespace, &str), outside: (&Namespace, &str)) -> Self {
        Self {
            inside: Station::open(inside.0, inside.1),
            outside: Station::open(outside.0, outside.1),
        }
    }

    /// Sends frames to the instance; what arrives.
    #[track_caller]
    pub(crate) fn ingress(&mut self, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
        cross(&mut self.outside, &mut self.inside, frames)
    }

    /// Sends frames from the instance; what arrives.
    #[track_caller]
    pub(crate) fn egress(&mut self, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
        cross(&mut self.inside, &mut self.outside, frames)
    }

    /// Sends one frame from the side its source is on; what arrives at the other.
    #[track_caller]
    fn send(&mut self, sent: &[u8]) -> Vec<Vec<u8>> {
        if from_instance(sent) {
            self.egress(&[sent.to_vec()])
        } else {
            self.ingress(&[sent.to_vec()])
        }
    }

    /// Checks a table.
    #[track_caller]
    pub(crate) fn trace(&mut self, daemon: &Daemon, table: &str) {
        self.trace_with(daemon, table, &[], |event| panic!("{event}?"));
    }

    /// Checks a table that uses frames by name, or has events for `act`.
    #[track_caller]
    pub(crate) fn trace_with(
        &mut self,
        daemon: &Daemon,
        table: &str,
        frames: &[(&str, Vec<u8>)],
        mut act: impl FnMut(&str),
    ) {
        let mut before = daemon.interface("I");
        Trace::parse_with(table, frames).check(|step| {
            let sent = match &step.action {
                Action::Event(words) => {
                    act(words);
                    before = daemon.interface("I");
                    return String::new();
                }
                Action::Packet(frame) => frame,
            };
            let outcome = match self.send(sent).as_slice() {
                [] => "drop",
                [one] if one == sent => "pass",
                _ => "changed",
            };
            let after = daemon.interface("I");
            let reason = reason(&before, &after);
            before = after;
            format!("{outcome} {reason}")
        });
    }
}

/// Whether a frame leaves the instance.
fn from_instance(sent: &[u8]) -> bool {
    let source = frame::layers(sent).src.to_string();
    [I, I6].contains(&source.as_str())
}

/// The reason that was counted between two statuses of an interface; several where there are several.
fn reason(before: &Value, after: &Value) -> String {
    let count = |status: &Value, line: &Value| {
        let lines = status["verdicts"].as_array().expect("it is a list");
        let same = |other: &&Value| {
            other["direction"] == line["direction"] && other["reason"] == line["reason"]
        };
        lines.iter().find(same).map_or(0, |line| {
            line["packets"].as_u64().expect("packets are a number")
        })
    };
    let lines = after["verdicts"].as_array().expect("it is a list");
    let counted: Vec<_> = lines
        .iter()
        .filter(|line| count(after, line) > count(before, line))
        .map(|line| line["reason"].as_str().expect("a reason is a word"))
        .collect();
    counted.join("+")
}

/// Whether exactly these frames were heard.
#[track_caller]
pub(crate) fn heard(heard: &[Vec<u8>], expected: &[&[u8]]) {
    assert_eq!(heard, expected, "frames that arrived, frames expected");
}

/// Sends a frame of the instance again and again until it does not arrive any more.
#[track_caller]
pub(crate) fn until_drop(wire: &mut Wire, frame: &[u8]) {
    secgroup_testkit::wait::until("the frame to be dropped", || {
        wire.egress(&[frame.to_vec()]).is_empty().then_some(())
    });
}

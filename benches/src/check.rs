//! What a benchmark measured must also be right: the reference evaluator on the same frames.

use secgroup_io::{Link, Record};
use secgroup_model::{Inventory, NetworkInterfaceId};
use secgroup_oracle::{LinkKind, Oracle};
use secgroup_packet::{LinkType, Timestamp};
use secgroup_replay::{Burst, Session, SessionSettings};

use crate::captures::time;
use crate::flows::{LOCAL, low32};
use crate::frames::Frames;
use crate::policy::{START, settings};

/// Compares a session's verdicts on the first `count` frames, in bursts of `burst`, with those of
/// the reference evaluator: outcome and rule.
///
/// # Panics
/// Where they differ: a benchmark of wrong answers is worth nothing.
pub fn against_oracle(inventory: &Inventory, frames: &Frames, count: usize, burst: usize) {
    let session_settings = SessionSettings {
        engine: settings(1 << 20),
        ..SessionSettings::default()
    };
    let mut session = Session::new(session_settings, inventory, START)
        .expect("one interface, so no address is ambiguous");
    let mut oracle = Oracle::new(inventory, oracle_settings(), START.as_nanos());
    let interface = NetworkInterfaceId::new("eni-bench");
    let records: Vec<_> = (0..count.min(frames.len()))
        .map(|index| record(frames, index))
        .collect();
    let mut judged = Burst::default();
    for part in records.chunks(burst) {
        session.judge(part.iter().copied(), &mut judged);
        for seen in judged.seen() {
            for said in judged.judged(seen) {
                let direction = said.direction.expect("no frame is malformed");
                let data = seen.record.data;
                let (len, at) = (seen.record.wire_len, seen.record.time.as_nanos());
                let link = LinkKind::Ethernet;
                let right = oracle.judge(link, data, len, &interface, direction, at);
                let number = seen.record.number;
                let reason = said.verdict.reason.as_str();
                assert_eq!(reason, right.outcome.as_str(), "frame {number}");
                let rule = said
                    .verdict
                    .rule
                    .and_then(|rule| session.registry().rule(rule));
                let rule = rule.map(|rule| rule.rule.id.clone());
                assert_eq!(rule, right.rule.map(|(_, rule)| rule), "frame {number}");
            }
            let crosses = is_of_local(seen.record.data);
            assert_eq!(
                judged.judged(seen).count(),
                usize::from(crosses),
                "one crossing each"
            );
        }
    }
}

fn oracle_settings() -> secgroup_oracle::Settings {
    secgroup_oracle::Settings {
        capacity_v4: 1 << 20,
        ..secgroup_oracle::Settings::default()
    }
}

/// Whether [`LOCAL`] is an address of the frame, which is Ethernet and IPv4 without tags.
fn is_of_local(frame: &[u8]) -> bool {
    let addresses = frame.get(26..34).expect("a whole IPv4 header");
    addresses.as_chunks::<4>().0.contains(&LOCAL.octets())
}

/// The frame at `index` as a capture gives it.
#[must_use]
pub fn record(frames: &Frames, index: usize) -> Record<'_> {
    let data = frames.bytes(index);
    Record {
        number: index as u64 + 1,
        time: Timestamp::from_nanos(time(index)),
        time_digits: 9,
        link: Link::Supported(LinkType::Ethernet),
        data,
        wire_len: low32(data.len() as u64),
        interface: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captures::{Sizes, web_traffic};
    use crate::policy::inventory;

    #[test]
    fn web_traffic_is_judged_as_the_oracle_does() {
        let frames = web_traffic(3_000, 300, Sizes::Imix);
        for burst in [1, 31, 256] {
            against_oracle(&inventory(10), &frames, 3_000, burst);
        }
    }
}

//! Whose packets go where, and whether that can be written into rules as it is. Names go into the input of other
//! programs, so only what means nothing to them is let in.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::{HostRulesError, HostRulesSettings};

/// Longest name of a device, in bytes.
const MAX_NAME: usize = 15;

/// Whose packets go to which queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRoute {
    /// The devices whose packets are decided; at least one, and none that is in another route. They need
    /// not be there yet.
    pub devices: Vec<String>,
    /// The queues that their packets are spread over, of which none is another route's.
    pub queues: RangeInclusive<u16>,
}

/// The settings, if they are good, in the one order that all that mean the same have: routes by their queues,
/// devices by name and each once.
pub(super) fn checked(
    mut settings: HostRulesSettings,
) -> Result<HostRulesSettings, HostRulesError> {
    let routes = &mut settings.routes;
    if routes.is_empty() {
        return Err(HostRulesError::NoRoute);
    }
    for route in &mut *routes {
        check(route)?;
        route.devices.sort();
        route.devices.dedup();
    }
    routes.sort_by_key(|route| *route.queues.start());
    let mut named = BTreeSet::new();
    let mut devices = routes.iter().flat_map(|route| &route.devices);
    if let Some(again) = devices.find(|device| !named.insert(*device)) {
        return Err(HostRulesError::DeviceTwice(again.clone()));
    }
    let mut neighbours = routes.windows(2).map(|two| (&two[0], &two[1]));
    if let Some((_, next)) = neighbours.find(|(one, next)| one.queues.end() >= next.queues.start())
    {
        return Err(HostRulesError::QueueTwice(*next.queues.start()));
    }
    Ok(settings)
}

/// Whether a route is good by itself.
fn check(route: &QueueRoute) -> Result<(), HostRulesError> {
    if route.queues.is_empty() {
        let (first, last) = route.queues.clone().into_inner();
        return Err(HostRulesError::NoQueues(first, last));
    }
    if route.devices.is_empty() {
        return Err(HostRulesError::NoDevice);
    }
    match route.devices.iter().find(|name| !is_plain(name)) {
        Some(bad) => Err(HostRulesError::BadDevice(bad.clone())),
        None => Ok(()),
    }
}

/// Whether the tools take a name for nothing but a name: a trailing `+` or `*` would be all devices that
/// begin alike.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:@".contains(&byte);
    (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with('-')
        && name != "."
        && name != ".."
        && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::host_rules::Tool;

    fn route(devices: &[&str], queues: RangeInclusive<u16>) -> QueueRoute {
        QueueRoute {
            devices: devices.iter().map(ToString::to_string).collect(),
            queues,
        }
    }

    fn check_all(routes: &[QueueRoute]) -> Result<Vec<QueueRoute>, HostRulesError> {
        let settings = HostRulesSettings {
            routes: routes.to_vec(),
            flow_mark: None,
            carry_for: std::time::Duration::from_secs(30),
            tool: Tool::Auto,
        };
        checked(settings).map(|settings| settings.routes)
    }

    #[test]
    fn names_that_the_tools_read_otherwise_are_refused() {
        let long = "a".repeat(16);
        for name in [
            "",
            "eth+",
            "eth*",
            "-i",
            "a b",
            "a\nCOMMIT",
            "\"",
            "e\\",
            "..",
            "é",
            "!eth0",
            "$x",
            &long,
        ] {
            let refused = check_all(&[route(&["eth7"], 1..=1), route(&["eth0", name], 0..=0)]);
            assert!(
                matches!(refused, Err(HostRulesError::BadDevice(_))),
                "{name:?}"
            );
        }
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        let good = check_all(&[
            route(&["wlp3s0"], 9..=9),
            route(&["br-lan", "eth0.100", "eth0:1", "eth0", "eth0"], 0..=8),
        ]);
        let expected = [
            route(&["br-lan", "eth0", "eth0.100", "eth0:1"], 0..=8),
            route(&["wlp3s0"], 9..=9),
        ];
        assert_eq!(good.unwrap(), expected);
    }

    #[test]
    fn something_has_to_be_asked_for() {
        assert!(matches!(check_all(&[]), Err(HostRulesError::NoRoute)));
        let refused = check_all(&[route(&["eth0"], 0..=0), route(&[], 1..=1)]);
        assert!(matches!(refused, Err(HostRulesError::NoDevice)));
        #[allow(clippy::reversed_empty_ranges, reason = "that is what is refused")]
        let refused = check_all(&[route(&["eth0"], 3..=2)]);
        assert!(matches!(refused, Err(HostRulesError::NoQueues(3, 2))));
    }

    #[test]
    fn a_packet_has_one_way_to_go_and_a_queue_one_owner() {
        let refused = check_all(&[route(&["eth0", "eth1"], 0..=0), route(&["eth1"], 1..=1)]);
        assert!(
            matches!(&refused, Err(HostRulesError::DeviceTwice(name)) if name == "eth1"),
            "{refused:?}"
        );
        for (one, other, shared) in [
            (0..=3, 3..=5, 3),
            (4..=4, 0..=u16::MAX, 4),
            (7..=8, 7..=7, 7),
        ] {
            let refused = check_all(&[route(&["a"], one), route(&["b"], other)]);
            assert!(
                matches!(refused, Err(HostRulesError::QueueTwice(queue)) if queue == shared),
                "{refused:?}"
            );
        }
    }
}

//! Whether settings can be written into rules as they are. Names go into the input of other programs, so
//! only what means nothing to them is let in.

use super::{HostRulesError, HostRulesSettings};

/// Longest name of a device, in bytes.
const MAX_NAME: usize = 15;

/// The settings, if they are good, each device once.
pub(super) fn checked(
    mut settings: HostRulesSettings,
) -> Result<HostRulesSettings, HostRulesError> {
    if settings.queues.is_empty() {
        let (first, last) = settings.queues.into_inner();
        return Err(HostRulesError::NoQueues(first, last));
    }
    settings.devices.sort();
    settings.devices.dedup();
    if settings.devices.is_empty() {
        return Err(HostRulesError::NoDevice);
    }
    match settings.devices.iter().find(|name| !is_plain(name)) {
        Some(bad) => Err(HostRulesError::BadDevice(bad.clone())),
        None => Ok(settings),
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

    fn settings(devices: &[&str]) -> HostRulesSettings {
        HostRulesSettings {
            devices: devices.iter().map(ToString::to_string).collect(),
            queues: 0..=0,
            flow_mark: None,
            tool: Tool::Auto,
        }
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
            let refused = checked(settings(&["eth0", name]));
            assert!(
                matches!(refused, Err(HostRulesError::BadDevice(_))),
                "{name:?}"
            );
        }
        let good = checked(settings(&[
            "wlp3s0", "br-lan", "eth0.100", "eth0:1", "eth0", "eth0",
        ]));
        assert_eq!(
            good.unwrap().devices,
            ["br-lan", "eth0", "eth0.100", "eth0:1", "wlp3s0"]
        );
    }

    #[test]
    fn something_has_to_be_asked_for() {
        assert!(matches!(
            checked(settings(&[])),
            Err(HostRulesError::NoDevice)
        ));
        let mut upside_down = settings(&["eth0"]);
        #[allow(clippy::reversed_empty_ranges, reason = "that is what is refused")]
        let queues = 3..=2;
        upside_down.queues = queues;
        assert!(matches!(
            checked(upside_down),
            Err(HostRulesError::NoQueues(3, 2))
        ));
    }
}

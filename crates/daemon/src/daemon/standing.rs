//! How the firewall stands, in one line for whoever started it: `systemctl status` shows it.
//!
//! That the daemon is *ready* does not mean that every device is there. It means that every interface is enforced or closed, and in
//! neither case does a packet pass unjudged: a service that is ordered before the network must not wait for the network's devices.
//! So the line says what is missing, and is said anew whenever that changes.

use std::fmt;

use secgroup_report::words::counted;

/// Of what is missing, so much is named.
const NAMED: usize = 3;

/// How the firewall stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// Interfaces that are configured.
    pub(super) interfaces: usize,
    /// Those that carry frames.
    pub(super) attached: usize,
    /// Devices that are not there.
    pub(super) waits_for: Vec<String>,
    /// Interfaces that are closed though no device is missing, and why.
    pub(super) closed: Vec<String>,
    /// Of the policy in force.
    pub(super) generation: u64,
    /// Nothing is enforced.
    pub(super) audit: bool,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = counted(self.interfaces as u64, "interface");
        if self.attached < self.interfaces {
            write!(f, "{} of ", self.attached)?;
        }
        write!(f, "{all} attached")?;
        if !self.waits_for.is_empty() {
            write!(f, ", waiting for {}", some(&self.waits_for))?;
        }
        if !self.closed.is_empty() {
            write!(f, ", {}", some(&self.closed))?;
        }
        write!(f, "; policy generation {}", self.generation)?;
        f.write_str(if self.audit { ", only counting" } else { "" })
    }
}

/// The first few, and how many more.
fn some(all: &[String]) -> String {
    let named = all[..all.len().min(NAMED)].join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn it_is_short_where_all_is_well() {
        let one = Standing {
            interfaces: 1,
            attached: 1,
            generation: 1,
            ..Standing::default()
        };
        assert_eq!(one.to_string(), "1 interface attached; policy generation 1");
        let audit = Standing {
            interfaces: 1024,
            attached: 1024,
            generation: 7,
            audit: true,
            ..Standing::default()
        };
        let line = "1,024 interfaces attached; policy generation 7, only counting";
        assert_eq!(audit.to_string(), line);
    }

    #[test]
    fn it_names_what_is_missing() {
        let some = Standing {
            interfaces: 2,
            attached: 1,
            waits_for: names(&["veth7"]),
            generation: 1,
            ..Standing::default()
        };
        let line = "1 of 2 interfaces attached, waiting for veth7; policy generation 1";
        assert_eq!(some.to_string(), line);
        let none = Standing {
            interfaces: 6,
            attached: 0,
            waits_for: names(&["a", "b", "c", "d", "e"]),
            closed: names(&["web is closed (worker 0 panicked and is started again)"]),
            ..some
        };
        assert_eq!(
            none.to_string(),
            "0 of 6 interfaces attached, waiting for a, b, c and 2 more, \
             web is closed (worker 0 panicked and is started again); policy generation 1"
        );
    }
}

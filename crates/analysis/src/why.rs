//! Why a packet was denied, in one line.

use std::fmt;

use secgroup_datapath::{Reason, State};
use secgroup_model::{Direction, Inventory, NetworkInterfaceId, Rule};
use secgroup_packet::TcpFlags;
use secgroup_policy::Query;

use crate::attached::attached_rules;
use crate::flow::flag_names;
use crate::mismatch::{Field, Mismatch};

/// Why `interface` denied the packet that `query` was asked about: for a missing rule, the one that
/// came nearest, which would have matched but for its port, peer or protocol. Empty for a packet
/// that was not denied.
#[must_use]
pub fn why_denied(
    inventory: &Inventory,
    interface: &NetworkInterfaceId,
    query: &Query,
    reason: Reason,
) -> String {
    let why = Why::of(inventory, interface, query, reason);
    why.map_or_else(String::new, |why| why.to_string())
}

/// Why a packet was denied.
#[derive(Debug, Clone)]
pub(crate) enum Why<'a> {
    /// The reason says it all.
    Reason(&'static str),
    /// A segment that does not fit the state of its connection.
    Segment {
        /// Its control bits.
        flags: TcpFlags,
        /// Whether the end that opened the connection sent it.
        by_opener: bool,
        /// That state.
        state: State,
    },
    /// The policy is of a later time than the packet, and without its interface.
    NoInterface,
    /// There is no rule of its direction.
    NoRules(Direction),
    /// No rule of its direction matches, and this one is the least far off.
    Nearest(&'a Rule, Mismatch),
}

impl<'a> Why<'a> {
    /// Why `interface` denied the packet that `query` was asked about; `None` where it did not.
    pub(crate) fn of(
        inventory: &'a Inventory,
        interface: &NetworkInterfaceId,
        query: &Query,
        reason: Reason,
    ) -> Option<Self> {
        let words = match reason {
            Reason::NoRule => return Some(Self::no_rule(inventory, interface, query)),
            Reason::InvalidState => {
                "TCP segment that no tracked connection accounts for and that opens none, or whose \
                 flags no segment may have"
            }
            Reason::Malformed => "not what its headers say",
            Reason::Fragment => {
                "fragment whose first was not seen, that overlaps another, or that there is no \
                 room for"
            }
            Reason::Spoofed => "address is not the interface's (source/destination check)",
            Reason::TableFull => "no room for another tracked connection",
            Reason::LinkLocalExceeded => "more than the allowance to link-local services",
            Reason::Established
            | Reason::Related
            | Reason::New
            | Reason::Untracked
            | Reason::Exempt => return None,
        };
        Some(Self::Reason(words))
    }

    /// The rule of the packet's direction that is the least far off; the first of several in order.
    fn no_rule(inventory: &'a Inventory, interface: &NetworkInterfaceId, query: &Query) -> Self {
        let direction = query.direction;
        let Some(interface) = inventory.interfaces.get(interface) else {
            return Self::NoInterface;
        };
        attached_rules(inventory, interface, direction)
            .map(|(group, rule)| (Mismatch::of(inventory, group, &rule.spec, query), rule))
            .min_by(|(one, _), (other, _)| one.cmp(other))
            .map_or(Self::NoRules(direction), |(mismatch, rule)| {
                Self::Nearest(rule, mismatch)
            })
    }
}

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reason(words) => f.write_str(words),
            Self::Segment {
                flags,
                by_opener,
                state,
            } => {
                let flags = flag_names(*flags);
                let sender = if *by_opener {
                    "the end that opened the connection"
                } else {
                    "the end that was called"
                };
                write!(
                    f,
                    "a segment with {flags} from {sender} does not fit the connection, which is in \
                     the state {state}"
                )
            }
            Self::NoInterface => f.write_str("the policy no longer has the interface"),
            Self::NoRules(direction) => write!(f, "no {direction} rules at all"),
            Self::Nearest(rule, mismatch) => {
                write!(f, "{} ({}) ", rule.id, rule.spec)?;
                match mismatch.fields() {
                    // Whoever asks may have the rules of a later time than the packet met.
                    [] => f.write_str("would match now"),
                    [only] => write!(f, "would match but for its {only}"),
                    several => {
                        let names: Vec<_> = several.iter().copied().map(Field::as_str).collect();
                        write!(f, "fails on {}", names.join(" and "))
                    }
                }
            }
        }
    }
}

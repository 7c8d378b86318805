//! The kernel rules that send the host's own packets to the queues, put in and taken out by this program.
//!
//! # Where they stand
//!
//! At the hooks of the host's own traffic, *input* and *output*, at the priority `security`: behind the
//! user's filter rules, so that a packet has to please both, and where practically nobody else has rules. That
//! matters, as a queue is asked *instead of* whatever rules follow in the same table: the kernel goes on with
//! the next table when a packet is accepted. For the same reason our jump is the first rule: behind an accepting
//! one it would be a firewall with a hole in it.
//!
//! | tool | table | what is ours |
//! |---|---|---|
//! | `nft` | `inet secgroup` | the table |
//! | `iptables` and `ip6tables`, on nftables or legacy | `security`, or `mangle` where the kernel has no `security` | chains whose names begin with `SECGROUP-`, and the jumps to them |
//!
//! Nothing else is touched. Packets that arrive are seen with the addresses that the host's NAT gave them, and
//! packets that leave with those that they have before it: in both cases the host's own. Only packets of the named
//! devices are sent to queues; loopback is one of them if it is named.
//!
//! # Failing closed
//!
//! Queues are asked without bypass: where nobody listens, packets are dropped. So the rules are put in before a
//! queue is opened or after, and when the program is killed, its devices stay closed until it is started again,
//! or until [`clear`] takes out what it left behind. A change is one step of the kernel for each address family: there is
//! no moment with half the rules.
//!
//! Another program may hold the lock of iptables' legacy tables. It is waited for one second, and then the error
//! says so ([`HostRulesError::is_busy`]): whoever has something else to do than to wait does this on a thread of its own.
//!
//! # Flow marks
//!
//! With a [`FlowMark`], the kernel carries connections on without asking, once the queue's owner accepted a packet
//! of them as a flow. What still comes to the queue: packets that begin a connection or are no part of one
//! that was answered, TCP packets that begin or end one (SYN, FIN, RST), ICMP errors. The rest of the
//! connection passes *unseen*: it is neither counted nor does it keep an entry in our own connection table
//! alive. So a flow is accepted as such only once it is established in both directions, and
//! [`next_generation`](HostRules::next_generation) is called not only when the policy changes, but also more often than the
//! shortest timeout of an established connection, so that every flow that lives is seen once in this time.
//!
//! What the kernel carries, it carries for [`carry_for`](HostRulesSettings::carry_for) and no longer, unless a next
//! generation begins before: also where the program was killed, or cannot change its rules. From then on the connection's packets come to
//! the queues, or are dropped where nobody listens.
//!
//! Connections are the kernel's (`nf_conntrack`), which flow marks turn on; without them nothing is tracked.
//!
//! A mark is the connection's, on whichever route: one that moves to the devices of another route is carried there
//! as well, until the next generation.
//!
//! # Which queue
//!
//! Each [`QueueRoute`] has devices and queues of its own, so that whoever owns a queue knows which policy its
//! packets are under. Over several queues of a route the kernel spreads by a symmetric hash of the two *addresses*: all connections between
//! two hosts, in both directions, meet at one queue.

mod carried;
mod error;
mod iptables;
mod nft;
mod program;
mod routes;

pub use self::error::HostRulesError;
pub use self::routes::QueueRoute;

use std::time::{Duration, SystemTime};

use self::carried::Carried;
use self::iptables::Iptables;
use self::routes::checked;
use super::nfqueue::FlowMark;

/// What is to be installed.
#[derive(Debug, Clone)]
pub struct HostRulesSettings {
    /// Whose packets go to which queues; at least one, in any order.
    pub routes: Vec<QueueRoute>,
    /// Has the kernel carry established connections, from the first [`next_generation`](HostRules::next_generation) on; none
    /// for every packet to be decided.
    pub flow_mark: Option<FlowMark>,
    /// For how long the kernel carries connections of one generation, in whole seconds; by the clock of the host.
    pub carry_for: Duration,
    /// The program that installs the rules.
    pub tool: Tool,
}

/// A program that installs rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tool {
    /// The first that works, in the order of the others.
    #[default]
    Auto,
    /// `nft`, where the kernel's nftables can queue (`CONFIG_NFT_QUEUE`).
    Nft,
    /// `iptables` and `ip6tables`, whichever kind they are.
    Iptables,
    /// `iptables-legacy` and `ip6tables-legacy`.
    IptablesLegacy,
}

impl Tool {
    /// All that do something.
    const ALL: [Self; 3] = [Self::Nft, Self::Iptables, Self::IptablesLegacy];
}

/// Rules that are in force in the network namespace of the thread that installed them, until they are
/// removed. Everything here has to be called from a thread in that namespace.
#[derive(Debug)]
pub struct HostRules {
    installed: Option<Installed>,
    settings: HostRulesSettings,
    /// What was asked for last; rules of one address family may be older where that failed.
    carried: Option<Carried>,
    /// Until when rules let a connection through that has any mark which was given out.
    carried_until: Option<SystemTime>,
}

/// What rules say.
#[derive(Debug, Clone, Copy)]
struct Contents<'a> {
    routes: &'a [QueueRoute],
    /// None where each packet is decided.
    carried: Option<Carried>,
}

/// How rules were installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Installed {
    Nft,
    Iptables(Iptables),
}

impl Installed {
    /// Puts these rules in place of those that are there.
    fn refill(self, contents: Contents<'_>) -> Result<(), HostRulesError> {
        match self {
            Self::Nft => nft::install(contents),
            Self::Iptables(tool) => tool.refill(contents),
        }
    }
}

impl HostRules {
    /// Installs rules, in place of whatever an earlier run left behind. One program at a time can do so
    /// in a network namespace: the rules of another that still runs are replaced like leftovers. Where there are
    /// rules of this run, [`change`](Self::change) is what is wanted: they would take out these when they go.
    ///
    /// With flow marks, nothing is carried before the first [`next_generation`](Self::next_generation): a connection that an
    /// earlier run marked is decided like any other.
    ///
    /// # Errors
    /// What is wrong with the settings, or what each tool that was tried said. Nothing is installed then.
    pub fn install(settings: HostRulesSettings) -> Result<Self, HostRulesError> {
        let settings = checked(settings)?;
        let carried = settings.flow_mark.map(Carried::nothing);
        let contents = Contents {
            routes: &settings.routes,
            carried,
        };
        let installed = match settings.tool {
            Tool::Auto => install_any(contents)?,
            tool => install_with(tool, contents)?,
        };
        // Only now, so that there is no moment with no rules. What is ours just now is kept.
        let cleared = clear_others(Some(installed));
        let rules = Self {
            installed: Some(installed),
            settings,
            carried,
            carried_until: None,
        };
        cleared.map(|()| rules)
    }

    /// Has every connection that the kernel carries come back to the queues: with its next packet, each is
    /// decided again. Returns the new mark, to be set on the queues until the next call; `None` without flow marks, and
    /// where it is too early for another generation ([`FlowMark::next`]): nothing is carried then.
    ///
    /// # Errors
    /// What the tool said. Rules of one address family may have changed then: the mark counts as used,
    /// and calling this again makes both the same.
    pub fn next_generation(&mut self) -> Result<Option<FlowMark>, HostRulesError> {
        match self.carried {
            Some(_) => self.renew(self.settings.routes.clone()),
            None => Ok(None),
        }
    }

    /// Puts other routes in the place of those that are there, in one step for each address family. This begins a
    /// new generation, as another policy may now be in charge of a connection, and returns it as
    /// [`next_generation`](Self::next_generation) does.
    ///
    /// # Errors
    /// What is wrong with the routes; nothing is changed then. Or what the tool said: the rules of one address family may
    /// have changed then, and either calling this again or [`next_generation`](Self::next_generation), which
    /// puts back the routes that were there, makes both the same.
    pub fn change(&mut self, routes: Vec<QueueRoute>) -> Result<Option<FlowMark>, HostRulesError> {
        let wanted = HostRulesSettings {
            routes,
            ..self.settings.clone()
        };
        self.renew(checked(wanted)?.routes)
    }

    fn renew(&mut self, routes: Vec<QueueRoute>) -> Result<Option<FlowMark>, HostRulesError> {
        let next = self
            .carried
            .map(|carried| carried.next(self.settings.carry_for));
        let until = next.and_then(|next| next.until);
        self.carried = next;
        if let Some(installed) = self.installed {
            installed.refill(Contents {
                routes: &routes,
                carried: next,
            })?;
        }
        self.carried_until = until;
        self.settings.routes = routes;
        Ok(next.and_then(Carried::usable))
    }

    /// Until when the kernel carries any connection that was marked so far, if nothing else is done or succeeds; `None`
    /// where it carries none.
    #[must_use]
    pub const fn carried_until(&self) -> Option<SystemTime> {
        self.carried_until
    }

    /// Whether these are the rules that `settings` ask for: the same routes, in any order, the same tool, and
    /// the same bits for flow marks, of whichever generation.
    #[must_use]
    pub fn is_of(&self, settings: &HostRulesSettings) -> bool {
        let bits = |settings: &HostRulesSettings| settings.flow_mark.map(FlowMark::mask);
        checked(settings.clone()).is_ok_and(|asked| {
            asked.routes == self.settings.routes
                && asked.tool == self.settings.tool
                && bits(&asked) == bits(&self.settings)
        })
    }

    /// How the rules were installed: `nft`, `iptables (security)`.
    #[must_use]
    pub fn tool(&self) -> &'static str {
        match self.installed {
            Some(Installed::Iptables(tool)) => tool.name(),
            Some(Installed::Nft) | None => "nft",
        }
    }

    /// Removes the rules. Dropping does the same, but cannot say that it failed.
    ///
    /// # Errors
    /// What the tool said; rules may be left.
    pub fn remove(mut self) -> Result<(), HostRulesError> {
        self.take_out()
    }

    fn take_out(&mut self) -> Result<(), HostRulesError> {
        match self.installed.take() {
            Some(Installed::Nft) => nft::clear(),
            Some(Installed::Iptables(tool)) => tool.clear(),
            None => Ok(()),
        }
    }
}

impl Drop for HostRules {
    fn drop(&mut self) {
        // Nobody is left to tell; `remove` is there for those who want to know.
        let _ = self.take_out();
    }
}

/// Removes what a run that was killed left behind, whichever tool it used.
///
/// # Errors
/// What a tool said; rules may be left.
pub fn clear() -> Result<(), HostRulesError> {
    clear_others(None)
}

/// Installs with the first tool that can.
fn install_any(contents: Contents<'_>) -> Result<Installed, HostRulesError> {
    let mut refused = Vec::new();
    for tool in Tool::ALL {
        match install_with(tool, contents) {
            Ok(installed) => return Ok(installed),
            Err(error) => refused.push(error.to_string()),
        }
    }
    Err(HostRulesError::NoTool(refused))
}

fn install_with(tool: Tool, contents: Contents<'_>) -> Result<Installed, HostRulesError> {
    if tool == Tool::IptablesLegacy {
        return Iptables::install(iptables::Kind::Legacy, contents).map(Installed::Iptables);
    }
    if tool == Tool::Iptables {
        return Iptables::install(iptables::Kind::Default, contents).map(Installed::Iptables);
    }
    nft::install(contents)?;
    Ok(Installed::Nft)
}

/// Removes everything of ours that `kept` did not install.
fn clear_others(kept: Option<Installed>) -> Result<(), HostRulesError> {
    if kept != Some(Installed::Nft) {
        nft::clear()?;
    }
    let kept = match kept {
        Some(Installed::Iptables(tool)) => Some(tool),
        Some(Installed::Nft) | None => None,
    };
    Iptables::clear_others(kept)
}

//! Host mode's share of the kernel: the rules that hold the host's own packets back for us.
//!
//! They are put in when queues are open and taken out when the daemon ends, and only then: while it runs, or after it was killed,
//! packets of the named devices pass by a verdict or not at all.
//!
//! A program of the system changes them, which may have to wait for others that do the same. So a [`keeper`] does it on a thread of its
//! own, and whoever wants something changed gets a [`Change`] to wait for, or not.

mod keeper;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use secgroup_io::live::host_rules::{HostRulesSettings, QueueRoute, Tool};
use secgroup_io::live::nfqueue::{CurrentFlowMark, FlowMark};

pub(super) use self::wanted::Change;
use self::wanted::Desk;
use crate::config::{Config, Firewall, Interface, Mode};

/// How often every flow that the kernel carries on by itself comes back to us: well within the shortest timeout of
/// a connection that is established in both directions (180 s of a UDP stream, 60 s where it is set to the least), so that
/// an entry never runs out while its flow is alive.
const FLOWS_COME_BACK: Duration = Duration::from_secs(20);

/// For how long the kernel carries a flow on by itself where nobody has it come back: the daemon was killed, or another program
/// holds the lock of the rules. Longer than [`FLOWS_COME_BACK`] by what a change of rules takes on a busy host.
const CARRY_FOR: Duration = Duration::from_secs(30);

/// How long the start waits for another program that is changing rules.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// How long the end waits until rules are taken out.
const END_PATIENCE: Duration = Duration::from_secs(3);

/// What takes out rules that were left behind.
const HOW_TO_CLEAR: &str = "nothing passes at their devices until secgroup runs again, or they are taken out: `nft delete table inet secgroup`, or \
    `for t in iptables ip6tables; do $t-save -t security | grep -v SECGROUP- | $t-restore; done`";

/// The rules, and the mark that they share with queues.
#[derive(Debug)]
pub(super) struct HostSide {
    /// The bits of the mark.
    bits: Option<FlowMark>,
    tool: Tool,
    mark: CurrentFlowMark,
    /// Where wishes are left for the keeper; none while host mode was never asked for.
    desk: Option<Arc<Desk>>,
    tell: Sender<()>,
    told: Receiver<()>,
}

impl HostSide {
    /// Nothing is installed yet.
    ///
    /// # Errors
    /// Bits that cannot be a mark.
    pub(super) fn new(config: &Config, mark: CurrentFlowMark) -> Result<Self, String> {
        let bits = config.host.mark_mask.map(FlowMark::fresh).transpose();
        let (tell, told) = bounded(1);
        Ok(Self {
            bits: bits.map_err(|error| error.to_string())?,
            tool: tool(config.host.firewall),
            mark,
            desk: None,
            tell,
            told,
        })
    }

    /// Has the packets of these interfaces held back, and returns when they are.
    ///
    /// # Errors
    /// In one line, what each tool said.
    pub(super) fn install(&mut self, interfaces: &[Interface]) -> Result<(), String> {
        self.change(interfaces).carried_out(START_PATIENCE)
    }

    /// Has the packets of these interfaces held back, and of no others, and every flow that the kernel carries decided
    /// again: the policy, too, has changed.
    pub(super) fn change(&mut self, interfaces: &[Interface]) -> Change {
        let routes: Vec<_> = interfaces.iter().filter_map(route).collect();
        if let Some(desk) = &self.desk {
            return Desk::ask(desk, routes);
        }
        if routes.is_empty() {
            return Change::nothing();
        }
        let desk = Arc::new(Desk::new(self.mark.clone(), self.tell.clone()));
        let change = Desk::ask(&desk, routes);
        let settings = HostRulesSettings {
            routes: Vec::new(),
            flow_mark: self.bits,
            carry_for: CARRY_FOR,
            tool: self.tool,
        };
        if let Err(error) = keeper::start(&desk, settings) {
            return Change::failed(format!(
                "the rules of host mode cannot be installed: {error}"
            ));
        }
        self.desk = Some(desk);
        change
    }

    /// Says so whenever a [`Change`] may be over.
    pub(super) fn told(&self) -> Receiver<()> {
        self.told.clone()
    }

    /// The policy changed: every flow that the kernel carries comes back to be decided.
    pub(super) fn policy_changed(&self) -> Change {
        // Without flow marks, each packet comes anyway.
        match &self.desk {
            Some(desk) if self.bits.is_some() => Desk::ask_again(desk),
            _ => Change::nothing(),
        }
    }

    /// What a person should know.
    pub(super) fn warning(&self) -> Option<String> {
        self.desk.as_ref().and_then(|desk| desk.trouble())
    }

    /// Has the rules taken out, for good.
    pub(super) fn end(&self) -> End {
        End(self.desk.as_ref().map(Desk::ask_to_end))
    }
}

/// The end of the rules.
#[derive(Debug)]
#[must_use = "rules may be there still"]
pub(super) struct End(Option<Change>);

impl End {
    /// Waits a little until the rules are gone.
    ///
    /// # Errors
    /// In one line, why they may still be there, and what takes them out.
    pub(super) fn wait(self) -> Result<(), String> {
        let ended = self
            .0
            .map_or(Ok(()), |change| change.carried_out(END_PATIENCE));
        ended.map_err(|why| {
            format!("the rules of host mode may still be there: {why}; {HOW_TO_CLEAR}")
        })
    }
}

fn route(interface: &Interface) -> Option<QueueRoute> {
    let Mode::Host { devices, queues } = &interface.mode else {
        return None;
    };
    let last = queues.first.saturating_add(queues.count - 1);
    Some(QueueRoute {
        devices: devices.clone(),
        queues: queues.first..=last,
    })
}

const fn tool(firewall: Firewall) -> Tool {
    match firewall {
        Firewall::Auto => Tool::Auto,
        Firewall::Nft => Tool::Nft,
        Firewall::Iptables => Tool::Iptables,
        Firewall::IptablesLegacy => Tool::IptablesLegacy,
    }
}

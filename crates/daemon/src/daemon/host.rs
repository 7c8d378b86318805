//! Host mode's share of the kernel: the rules that hold the host's own packets back for us.
//!
//! They are put in when queues are open and taken out when the daemon ends, and only then: while it runs, or after it was killed,
//! packets of the named devices pass by a verdict or not at all.

use std::time::{Duration, Instant};

use secgroup_io::live::host_rules::{
    HostRules, HostRulesError, HostRulesSettings, QueueRoute, Tool,
};
use secgroup_io::live::nfqueue::{CurrentFlowMark, FlowMark};
use tracing::{info, warn};

use crate::config::{Config, Firewall, Interface, Mode};

/// How often every flow that the kernel carries on by itself comes back to us: well within the shortest timeout of
/// a connection that is established in both directions (180 s of a UDP stream, 60 s where it is set to the least), so that
/// an entry never runs out while its flow is alive.
const FLOWS_COME_BACK: Duration = Duration::from_secs(20);

/// The rules, and the mark that they share with queues.
#[derive(Debug)]
pub(super) struct HostSide {
    mark: CurrentFlowMark,
    fresh: Option<FlowMark>,
    tool: Tool,
    rules: Option<HostRules>,
    marked: Instant,
    trouble: Option<String>,
}

impl HostSide {
    /// Nothing is installed yet.
    ///
    /// # Errors
    /// Bits that cannot be a mark.
    pub(super) fn new(config: &Config, mark: CurrentFlowMark) -> Result<Self, String> {
        let fresh = config.host.mark_mask.map(FlowMark::fresh).transpose();
        let fresh = fresh.map_err(|error| error.to_string())?;
        mark.set(fresh);
        Ok(Self {
            mark,
            fresh,
            tool: tool(config.host.firewall),
            rules: None,
            marked: Instant::now(),
            trouble: None,
        })
    }

    /// Has the packets of these interfaces held back, and of no others.
    ///
    /// # Errors
    /// In one line, what each tool said.
    pub(super) fn install(&mut self, interfaces: &[Interface]) -> Result<(), String> {
        let routes: Vec<_> = interfaces.iter().filter_map(route).collect();
        if routes.is_empty() {
            return self.remove();
        }
        let settings = HostRulesSettings {
            routes,
            flow_mark: self.fresh,
            tool: self.tool,
        };
        match &mut self.rules {
            Some(rules) if rules.is_of(&settings) => return Ok(()),
            Some(rules) => {
                let changed = rules.change(settings.routes);
                self.mark.set(rules.flow_mark());
                changed.map_err(|error| not_installed(&error))?;
            }
            None => {
                self.rules =
                    Some(HostRules::install(settings).map_err(|error| not_installed(&error))?)
            }
        }
        if let Some(rules) = &self.rules {
            info!("the rules of host mode are in force ({})", rules.tool());
        }
        Ok(())
    }

    /// The policy changed: every flow that the kernel carries comes back to be decided.
    pub(super) fn policy_changed(&mut self) {
        self.next_generation();
    }

    /// What is due now and then.
    pub(super) fn round(&mut self) {
        if self.fresh.is_some() && self.marked.elapsed() >= FLOWS_COME_BACK {
            self.next_generation();
        }
    }

    /// What a person should know.
    pub(super) fn warning(&self) -> Option<String> {
        self.trouble.clone()
    }

    /// Takes the rules out.
    ///
    /// # Errors
    /// In one line, what the tool said.
    pub(super) fn remove(&mut self) -> Result<(), String> {
        self.rules
            .take()
            .map_or(Ok(()), HostRules::remove)
            .map_err(|error| error.to_string())
    }

    fn next_generation(&mut self) {
        let Some(rules) = &mut self.rules else {
            return;
        };
        self.marked = Instant::now();
        match rules.next_generation() {
            Ok(mark) => {
                self.mark.set(mark);
                self.trouble = None;
            }
            Err(error) => {
                // No flow is marked from here on. One that was marked before goes on by the rules that are still
                // there, until a later round replaces them.
                self.mark.set(None);
                let trouble = format!("flows are not left to the kernel any more: {error}");
                warn!("{trouble}");
                self.trouble = Some(trouble);
            }
        }
    }
}

fn not_installed(error: &HostRulesError) -> String {
    format!("the rules of host mode cannot be installed: {error}")
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

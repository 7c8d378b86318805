//! The thread that has the rules, and does with them what is wanted.
//!
//! It has the network namespace and the capabilities of the thread that started it, which are the daemon's. It ends when it is asked to, with the rules; a daemon
//! that cannot wait for that leaves it behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secgroup_io::live::host_rules::{self, HostRules, HostRulesError, HostRulesSettings};
use secgroup_io::live::nfqueue::FlowMark;
use tracing::info;

use super::FLOWS_COME_BACK;
use super::wanted::{Desk, Trouble, Wish};

/// Between two attempts: what went wrong may pass, and a generation that it was too early for may be there.
const AGAIN: Duration = Duration::from_secs(1);

/// Carries out what is wanted at the desk, from now on.
///
/// # Errors
/// The system has no thread for it.
pub(super) fn start(desk: &Arc<Desk>, settings: HostRulesSettings) -> std::io::Result<()> {
    let desk = Arc::clone(desk);
    let keeper = Keeper {
        settings,
        rules: None,
        is_left_over: false,
    };
    std::thread::Builder::new()
        .name("host rules".to_owned())
        .spawn(move || keeper.keep(&desk))
        .map(drop)
}

struct Keeper {
    /// But for the routes.
    settings: HostRulesSettings,
    rules: Option<HostRules>,
    /// Rules could not be taken out.
    is_left_over: bool,
}

impl Keeper {
    fn keep(mut self, desk: &Desk) {
        let mut due = None;
        loop {
            let wish = desk.next(due);
            let wait = match self.carry_out(&wish) {
                Ok(mark) => {
                    let until = self.rules.as_ref().and_then(HostRules::carried_until);
                    desk.done(&wish, mark, until);
                    self.until_renewal(mark)
                }
                Err(trouble) => {
                    desk.failed(&wish, trouble);
                    Some(AGAIN)
                }
            };
            if wish.end && self.rules.is_none() && !self.is_left_over {
                return;
            }
            due = wait.map(|wait| Instant::now() + wait);
        }
    }

    /// How long these rules are good for; for ever where nothing is carried by them.
    fn until_renewal(&self, mark: Option<FlowMark>) -> Option<Duration> {
        self.rules.as_ref()?;
        self.settings.flow_mark?;
        Some(if mark.is_some() {
            FLOWS_COME_BACK
        } else {
            AGAIN
        })
    }

    /// The mark for flows, where there is one.
    fn carry_out(&mut self, wish: &Wish) -> Result<Option<FlowMark>, Trouble> {
        if wish.end || wish.routes.is_empty() {
            return self.remove().map(|()| None);
        }
        let settings = HostRulesSettings {
            routes: wish.routes.clone(),
            ..self.settings.clone()
        };
        let Some(rules) = &mut self.rules else {
            let mut rules = HostRules::install(settings).map_err(|error| not_installed(&error))?;
            info!("the rules of host mode are in force ({})", rules.tool());
            let mark = rules.next_generation();
            self.rules = Some(rules);
            self.is_left_over = false;
            return mark.map_err(|error| not_renewed(&error));
        };
        if rules.is_of(&settings) {
            return rules.next_generation().map_err(|error| not_renewed(&error));
        }
        let mark = rules.change(settings.routes);
        let mark = mark.map_err(|error| not_installed(&error))?;
        info!("the rules of host mode are in force ({})", rules.tool());
        Ok(mark)
    }

    fn remove(&mut self) -> Result<(), Trouble> {
        let removed = match self.rules.take() {
            Some(rules) => rules.remove(),
            None if self.is_left_over => host_rules::clear(),
            None => Ok(()),
        };
        self.is_left_over = removed.is_err();
        removed.map_err(|error| trouble("cannot be taken out", &error))
    }
}

fn not_installed(error: &HostRulesError) -> Trouble {
    trouble("cannot be installed", error)
}

fn not_renewed(error: &HostRulesError) -> Trouble {
    trouble(
        "cannot be renewed, and flows are not left to the kernel any more",
        error,
    )
}

fn trouble(what: &str, error: &HostRulesError) -> Trouble {
    Trouble {
        text: format!("the rules of host mode {what}: {error}"),
        passes: error.is_busy(),
    }
}

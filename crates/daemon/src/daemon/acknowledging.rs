//! Reloads that every worker goes by already, until the kernel does: whoever asked is answered then, and not before.
//!
//! In host mode the kernel carries flows on by itself, and goes by the former policy until its rules are changed. That may take
//! as long as another program changes rules; the main loop does not wait for it.

use crossbeam_channel::Sender;
use tracing::{info, warn};

use super::host::Change;
use crate::protocol::ReloadOutcome;

/// Reloads that are not acknowledged yet.
#[derive(Debug, Default)]
pub(super) struct Acknowledging(Vec<Reload>);

#[derive(Debug)]
struct Reload {
    outcome: ReloadOutcome,
    change: Change,
    asker: Option<Sender<ReloadOutcome>>,
}

impl Acknowledging {
    /// Takes one down.
    pub(super) fn add(
        &mut self,
        (outcome, change): (ReloadOutcome, Change),
        asker: Option<Sender<ReloadOutcome>>,
    ) {
        self.0.push(Reload {
            outcome,
            change,
            asker,
        });
    }

    /// Acknowledges those that are in force everywhere, or were refused; whether there are any.
    pub(super) fn look(&mut self) -> bool {
        let before = self.0.len();
        self.0.retain_mut(|reload| match reload.change.is_over() {
            Some(said) => {
                reload.acknowledge(said);
                false
            }
            None => true,
        });
        self.0.len() < before
    }

    /// Whether all are.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Reload {
    fn acknowledge(&mut self, said: Vec<String>) {
        match &mut self.outcome {
            ReloadOutcome::InForce {
                generation,
                warnings,
                ..
            } => {
                info!("reloaded: policy {generation} is in force");
                warnings.extend(said);
            }
            ReloadOutcome::Refused { generation, errors } => {
                let errors = errors.join("\n");
                warn!("reload refused, policy {generation} stays in force\n{errors}");
            }
        }
        if let Some(asker) = self.asker.take() {
            // Whoever asked may have gone.
            let _ = asker.try_send(self.outcome.clone());
        }
    }
}

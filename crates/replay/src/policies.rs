//! The policies of a replay: lowered one after the other, each when the capture reaches its moment.

use std::sync::Arc;

use secgroup_control::{Lowering, Registry};
use secgroup_datapath::Snapshot;
use secgroup_model::Inventory;
use secgroup_packet::Timestamp;

use crate::look::Lookout;
use crate::run::Change;
use crate::select::{Ambiguous, Selector};
use crate::session::SessionSettings;

/// Lowers policies, with the same numbers for the same things.
#[derive(Debug)]
pub(crate) struct Policies {
    settings: SessionSettings,
    lowering: Lowering,
}

impl Policies {
    pub(crate) fn new(settings: SessionSettings) -> Self {
        let lowering = Lowering::new(settings.defaults.clone());
        Self { settings, lowering }
    }

    /// What looks at records under a policy, and what judges them.
    pub(crate) fn lower(
        &mut self,
        inventory: &Inventory,
    ) -> Result<(Lookout, Arc<Snapshot>), Ambiguous> {
        let snapshot = Arc::new(self.lowering.lower(inventory));
        let vpc = self.settings.vpc.as_ref();
        let lookout = Lookout {
            selector: Selector::new(inventory, self.lowering.registry(), vpc)?,
            verify_checksums: self.settings.engine.verify_checksums,
        };
        Ok((lookout, snapshot))
    }

    pub(crate) const fn registry(&self) -> &Registry {
        self.lowering.registry()
    }

    pub(crate) const fn settings(&self) -> &SessionSettings {
        &self.settings
    }
}

/// The changes to come, and the moment that they are counted from.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    /// The next one last, each with its position among all.
    changes: Vec<(usize, Change)>,
    /// The time of the first packet; set when it is seen.
    start: Option<Timestamp>,
}

impl Schedule {
    /// `changes` in the order of their moments.
    pub(crate) fn new(changes: &[Change]) -> Self {
        Self {
            changes: changes.iter().cloned().enumerate().rev().collect(),
            start: None,
        }
    }

    /// The next packet is of this time; whether it is the first.
    pub(crate) const fn begin(&mut self, time: Timestamp) -> bool {
        let is_first = self.start.is_none();
        if is_first {
            self.start = Some(time);
        }
        is_first
    }

    /// When the next change is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let (_, change) = self.changes.last()?;
        Some(self.start?.saturating_add(change.after))
    }

    /// The next change, if it is due at `time`: when it was due, its position, and itself.
    pub(crate) fn take_due(&mut self, time: Timestamp) -> Option<(Timestamp, usize, Change)> {
        let due = self.next_due().filter(|due| *due <= time)?;
        let (index, change) = self.changes.pop()?;
        Some((due, index, change))
    }
}

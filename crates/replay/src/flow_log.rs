//! A flow log of a replay: what the interfaces of the policy would have had in theirs, by the clock of the capture.

use std::sync::Arc;

use secgroup_flowlog::{
    DeliveryError, Destination, Encoding, FLOWS_MAX, Format, Interface, LogSettings, LogStatus,
    Observation, Recorder, Scope, Traffic,
};
use secgroup_model::{Inventory, VpcId};
use secgroup_packet::Timestamp;

use crate::session::{Burst, Session};

/// A flow log's id has to be one; every replay's is this.
const ID: &str = "fl-00000000000000000";

/// What is recorded, and where.
#[derive(Debug, Clone)]
pub struct FlowLogPlan {
    /// The file or folder.
    pub destination: Destination,
    /// What files look like.
    pub encoding: Encoding,
    /// Which fields records have.
    pub format: Format,
    /// Which traffic they are of.
    pub traffic: Traffic,
    /// Seconds that a record covers at most; at least 1.
    pub interval: u32,
    /// The account that interfaces belong to of which nobody says whose they are; files are named after it.
    pub account: String,
    /// The Region.
    pub region: String,
}

/// The log under way.
#[derive(Debug)]
pub(crate) struct FlowLog {
    plan: FlowLogPlan,
    recorder: Recorder,
    is_begun: bool,
}

impl FlowLog {
    pub(crate) fn new(plan: FlowLogPlan) -> Self {
        Self {
            plan,
            // The same captures give the same files.
            recorder: Recorder::new(FLOWS_MAX, 0),
            is_begun: false,
        }
    }

    /// The interfaces are those of `inventory` from `at` on. What cannot be written is said before anything is read.
    pub(crate) fn configure(
        &mut self,
        session: &Session,
        inventory: &Inventory,
        vpc: Option<&VpcId>,
        at: Timestamp,
    ) -> Result<(), DeliveryError> {
        let FlowLogPlan {
            account, region, ..
        } = &self.plan;
        let registry = session.registry();
        let crossed = inventory.interfaces.values().filter_map(|interface| {
            let is_crossed = vpc.is_none() || inventory.vpc_of(interface) == vpc;
            let index = registry.interface_index(&interface.id)?;
            is_crossed.then(|| {
                let interface = Interface::of(interface, inventory, account, region);
                (index, Arc::new(interface))
            })
        });
        let settings = self.settings();
        self.recorder
            .configure(&[settings], crossed.collect(), at, registry);
        self.is_begun = true;
        self.recorder.failure().map_or(Ok(()), Err)
    }

    /// Takes in a burst.
    pub(crate) fn take(&mut self, session: &Session, burst: &Burst<'_>) {
        let registry = session.registry();
        for (crossing, verdict) in burst.decided() {
            if let Some(observation) = Observation::of(crossing, verdict) {
                self.recorder.observe(&observation, registry);
            }
        }
        if let Some(last) = burst.seen().last() {
            self.recorder.tick(last.record.time, registry);
        }
    }

    /// Writes the rest.
    pub(crate) fn finish(mut self, session: &Session) -> Result<LogStatus, DeliveryError> {
        if !self.is_begun {
            // No packet came: the file is there all the same.
            let settings = self.settings();
            let none = std::collections::BTreeMap::new();
            let registry = session.registry();
            self.recorder
                .configure(&[settings], none, Timestamp::ZERO, registry);
        }
        let mut status = self.recorder.finish(session.registry())?;
        Ok(status.pop().unwrap_or_default())
    }

    fn settings(&self) -> LogSettings {
        let plan = self.plan.clone();
        LogSettings {
            id: ID.to_owned(),
            account: plan.account,
            region: plan.region,
            scope: Scope::All,
            traffic: plan.traffic,
            format: plan.format,
            interval: plan.interval,
            destination: plan.destination,
            encoding: plan.encoding,
        }
    }
}

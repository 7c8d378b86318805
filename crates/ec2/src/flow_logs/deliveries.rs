//! What becomes of deliveries: whoever delivers says which flow logs fail, and `DescribeFlowLogs` tells it (`deliverLogsStatus`).
//!
//! It is no part of the state: it is not stored, and a flow log of which nobody says anything is delivered.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use secgroup_model::FlowLogId;

/// Why a flow log is not delivered, in the words of EC2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryFault {
    /// There is no such destination, or it may not be written to.
    Access,
    /// Anything else.
    Unknown,
}

impl DeliveryFault {
    /// `deliverLogsErrorMessage`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "Access error",
            Self::Unknown => "Unknown error",
        }
    }
}

/// Flow logs that are not delivered; shared by those who know and those who ask.
#[derive(Debug, Clone, Default)]
pub struct Deliveries(Arc<RwLock<BTreeMap<FlowLogId, DeliveryFault>>>);

impl Deliveries {
    /// These fail, and all others do not.
    pub fn fail(&self, faults: BTreeMap<FlowLogId, DeliveryFault>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Why this one fails; `None` where it does not.
    #[must_use]
    pub fn fault(&self, id: &FlowLogId) -> Option<DeliveryFault> {
        let faults = self.0.read().unwrap_or_else(PoisonError::into_inner);
        faults.get(id).copied()
    }
}

/// Whether both are the same, not whether they say the same.
impl PartialEq for Deliveries {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Deliveries {}

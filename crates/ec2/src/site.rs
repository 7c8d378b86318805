//! Where and for whom an operation happens.

use std::sync::Arc;

use secgroup_model::{AccountId, Quotas};

use crate::flow_logs::Deliveries;

/// What all calls of one endpoint share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The Region, such as `us-east-1`: part of ARNs and of the names of zones.
    pub region: Arc<str>,
    /// Names of the Availability Zones, at least one; the first takes what names none.
    pub zones: Vec<String>,
    /// The accounts that have keys, the first being the default one. Never empty.
    pub accounts: Vec<AccountId>,
    /// How much there may be of everything (B15 to B23).
    pub quotas: Quotas,
    /// What becomes of flow logs.
    pub deliveries: Deliveries,
}

impl Site {
    /// A Region with three zones (`a`, `b`, `c`), these accounts, and the quotas of today.
    #[must_use]
    pub fn new(region: &str, accounts: Vec<AccountId>) -> Self {
        let zones = ["a", "b", "c"].map(|zone| format!("{region}{zone}"));
        Self {
            region: region.into(),
            zones: zones.to_vec(),
            accounts,
            quotas: Quotas::today(),
            deliveries: Deliveries::default(),
        }
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account that the key belongs to: it owns what the call creates, and sees what it owns.
    pub account: AccountId,
    /// The id of the access key, for logs and `GetCallerIdentity`.
    pub key: Arc<str>,
    /// Whether the key may change anything.
    pub may_write: bool,
}

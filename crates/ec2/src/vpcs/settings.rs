//! What of a VPC can be switched on and off: kept for those who ask, and without effect on what is filtered.

use secgroup_model::{ModelError, VpcId};

use super::known_vpc;
use crate::spelled::spelled;
use crate::{Caller, Edit, State, VpcSettings};

spelled! {
    /// What `ModifyVpcAttribute` sets and `DescribeVpcAttribute` tells.
    VpcAttribute {
        /// Whether the Amazon resolver answers.
        DnsSupport = "enableDnsSupport",
        /// Whether instances get names.
        DnsHostnames = "enableDnsHostnames",
        /// Whether the use of addresses is measured.
        UsageMetrics = "enableNetworkAddressUsageMetrics",
    }
}

impl VpcSettings {
    /// The value of one attribute.
    #[must_use]
    pub const fn get(&self, attribute: VpcAttribute) -> bool {
        match attribute {
            VpcAttribute::DnsSupport => self.dns_support,
            VpcAttribute::DnsHostnames => self.dns_hostnames,
            VpcAttribute::UsageMetrics => self.usage_metrics,
        }
    }

    const fn get_mut(&mut self, attribute: VpcAttribute) -> &mut bool {
        match attribute {
            VpcAttribute::DnsSupport => &mut self.dns_support,
            VpcAttribute::DnsHostnames => &mut self.dns_hostnames,
            VpcAttribute::UsageMetrics => &mut self.usage_metrics,
        }
    }
}

/// How a VPC is set.
#[must_use]
pub fn of(state: &State, id: &VpcId) -> VpcSettings {
    state.vpc_settings.get(id).copied().unwrap_or_default()
}

/// Sets one attribute.
///
/// # Errors
/// `InvalidVpcID.NotFound`, or `InvalidParameterValue` for names without a resolver that knows them.
pub fn modify(
    edit: &mut Edit<'_>,
    caller: &Caller,
    id: &VpcId,
    attribute: VpcAttribute,
    value: bool,
) -> Result<(), ModelError> {
    known_vpc(edit.state(), caller, id)?;
    if attribute == VpcAttribute::DnsHostnames && value && !of(edit.state(), id).dns_support {
        return Err(ModelError::value(
            "DNS hostnames cannot be enabled while DNS support is disabled",
        ));
    }
    set(edit, id, attribute, value);
    Ok(())
}

/// Only what differs from the default has a record.
pub(super) fn set(edit: &mut Edit<'_>, id: &VpcId, attribute: VpcAttribute, value: bool) {
    let mut settings = of(edit.state(), id);
    *settings.get_mut(attribute) = value;
    if settings == VpcSettings::default() {
        edit.remove::<VpcSettings>(id);
    } else {
        edit.put(id.clone(), settings);
    }
}

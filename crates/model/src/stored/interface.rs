//! Network interfaces.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{all, range, stored_as, tag_list};
use crate::{
    ConnectionTracking, GroupId, InstanceId, NetworkInterface, NetworkInterfaceId, SubnetId, Tags,
    VpcId,
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StoredInterface {
    network_interface_id: NetworkInterfaceId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vpc_id: Option<VpcId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subnet_id: Option<SubnetId>,
    /// Ids, in the order given.
    groups: Vec<GroupId>,
    /// Of both families, the primary one first.
    ip_addresses: Vec<IpAddr>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prefixes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac_address: Option<String>,
    source_dest_check: bool,
    #[serde(default, skip_serializing_if = "StoredTracking::is_empty")]
    connection_tracking_configuration: StoredTracking,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance_id: Option<InstanceId>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, with = "tag_list", skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

/// Timeouts, in seconds.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StoredTracking {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tcp_established_timeout: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    udp_stream_timeout: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    udp_timeout: Option<i64>,
}

impl StoredTracking {
    const fn is_empty(&self) -> bool {
        self.tcp_established_timeout.is_none()
            && self.udp_stream_timeout.is_none()
            && self.udp_timeout.is_none()
    }
}

stored_as! { NetworkInterface => StoredInterface; }

impl From<&NetworkInterface> for StoredInterface {
    fn from(interface: &NetworkInterface) -> Self {
        Self {
            network_interface_id: interface.id.clone(),
            vpc_id: interface.vpc.clone(),
            subnet_id: interface.subnet.clone(),
            groups: interface.groups.clone(),
            ip_addresses: interface.addresses.clone(),
            prefixes: interface.prefixes.iter().map(ToString::to_string).collect(),
            mac_address: interface.mac.map(|mac| mac.to_string()),
            source_dest_check: interface.source_dest_check,
            connection_tracking_configuration: (&interface.tracking).into(),
            instance_id: interface.instance.clone(),
            description: interface.description.clone(),
            tags: interface.tags.clone(),
        }
    }
}

impl From<&ConnectionTracking> for StoredTracking {
    fn from(tracking: &ConnectionTracking) -> Self {
        let seconds = |timeout: Option<Duration>| {
            timeout.map(|timeout| i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX))
        };
        Self {
            tcp_established_timeout: seconds(tracking.tcp_established),
            udp_stream_timeout: seconds(tracking.udp_stream),
            udp_timeout: seconds(tracking.udp),
        }
    }
}

impl TryFrom<StoredInterface> for NetworkInterface {
    type Error = String;

    fn try_from(stored: StoredInterface) -> Result<Self, String> {
        let mac = stored.mac_address.map(|text| text.parse());
        let prefixes = stored.prefixes.iter();
        let tracking = stored.connection_tracking_configuration;
        Ok(Self {
            id: stored.network_interface_id,
            vpc: stored.vpc_id,
            subnet: stored.subnet_id,
            groups: stored.groups,
            addresses: stored.ip_addresses,
            prefixes: prefixes.map(|text| range(text)).collect::<Result<_, _>>()?,
            mac: mac.transpose().map_err(|error| all(&[error]))?,
            source_dest_check: stored.source_dest_check,
            tracking: ConnectionTracking::parse(
                tracking.tcp_established_timeout,
                tracking.udp_stream_timeout,
                tracking.udp_timeout,
            )
            .map_err(|errors| all(&errors))?,
            instance: stored.instance_id,
            description: stored.description,
            tags: stored.tags,
            origin: None,
        })
    }
}

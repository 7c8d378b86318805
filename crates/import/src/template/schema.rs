//! Which properties the resource types have that a policy is made of.

use crate::diagnostic::{Draft, Sink, nearest};
use crate::node::Node;

/// A resource type that a policy is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    SecurityGroup,
    SecurityGroupIngress,
    SecurityGroupEgress,
    SecurityGroupVpcAssociation,
    PrefixList,
    NetworkInterface,
    NetworkInterfaceAttachment,
    Instance,
    Vpc,
    VpcCidrBlock,
    Subnet,
    SubnetCidrBlock,
    Peering,
}

/// The types by name.
const TYPES: [(&str, Type); 13] = [
    ("AWS::EC2::SecurityGroup", Type::SecurityGroup),
    ("AWS::EC2::SecurityGroupIngress", Type::SecurityGroupIngress),
    ("AWS::EC2::SecurityGroupEgress", Type::SecurityGroupEgress),
    (
        "AWS::EC2::SecurityGroupVpcAssociation",
        Type::SecurityGroupVpcAssociation,
    ),
    ("AWS::EC2::PrefixList", Type::PrefixList),
    ("AWS::EC2::NetworkInterface", Type::NetworkInterface),
    (
        "AWS::EC2::NetworkInterfaceAttachment",
        Type::NetworkInterfaceAttachment,
    ),
    ("AWS::EC2::Instance", Type::Instance),
    ("AWS::EC2::VPC", Type::Vpc),
    ("AWS::EC2::VPCCidrBlock", Type::VpcCidrBlock),
    ("AWS::EC2::Subnet", Type::Subnet),
    ("AWS::EC2::SubnetCidrBlock", Type::SubnetCidrBlock),
    ("AWS::EC2::VPCPeeringConnection", Type::Peering),
];

/// What a resource may say beside its properties.
const ATTRIBUTES: [&str; 9] = [
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];

/// The properties of an embedded ingress rule (F2).
pub(super) const INGRESS: [&str; 10] = [
    "CidrIp",
    "CidrIpv6",
    "Description",
    "FromPort",
    "IpProtocol",
    "SourcePrefixListId",
    "SourceSecurityGroupId",
    "SourceSecurityGroupName",
    "SourceSecurityGroupOwnerId",
    "ToPort",
];

/// The properties of an embedded egress rule (F3).
pub(super) const EGRESS: [&str; 8] = [
    "CidrIp",
    "CidrIpv6",
    "Description",
    "DestinationPrefixListId",
    "DestinationSecurityGroupId",
    "FromPort",
    "IpProtocol",
    "ToPort",
];

impl Type {
    /// The type of this name, if a policy is made of it.
    pub(super) fn named(name: &str) -> Option<Self> {
        TYPES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| *kind)
    }

    /// What resources of the type are called in messages.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::SecurityGroup => "security group",
            Self::SecurityGroupIngress => "ingress rule",
            Self::SecurityGroupEgress => "egress rule",
            Self::SecurityGroupVpcAssociation => "VPC association",
            Self::PrefixList => "prefix list",
            Self::NetworkInterface => "network interface",
            Self::NetworkInterfaceAttachment => "attachment",
            Self::Instance => "instance",
            Self::Vpc => "VPC",
            Self::VpcCidrBlock => "CIDR block",
            Self::Subnet => "subnet",
            Self::SubnetCidrBlock => "subnet CIDR block",
            Self::Peering => "peering connection",
        }
    }

    /// The properties that are worked out.
    pub(super) const fn read(self) -> &'static [&'static str] {
        match self {
            Self::SecurityGroup => &[
                "GroupDescription",
                "GroupName",
                "SecurityGroupEgress",
                "SecurityGroupIngress",
                "Tags",
                "VpcId",
            ],
            Self::SecurityGroupIngress => &[
                "CidrIp",
                "CidrIpv6",
                "Description",
                "FromPort",
                "GroupId",
                "GroupName",
                "IpProtocol",
                "SourcePrefixListId",
                "SourceSecurityGroupId",
                "SourceSecurityGroupName",
                "SourceSecurityGroupOwnerId",
                "ToPort",
            ],
            Self::SecurityGroupEgress => &[
                "CidrIp",
                "CidrIpv6",
                "Description",
                "DestinationPrefixListId",
                "DestinationSecurityGroupId",
                "FromPort",
                "GroupId",
                "IpProtocol",
                "ToPort",
            ],
            Self::SecurityGroupVpcAssociation => &["GroupId", "VpcId"],
            Self::PrefixList => &[
                "AddressFamily",
                "Entries",
                "MaxEntries",
                "PrefixListName",
                "Tags",
            ],
            Self::NetworkInterface => &[
                "ConnectionTrackingSpecification",
                "Description",
                "GroupSet",
                "Ipv4Prefixes",
                "Ipv6Addresses",
                "Ipv6Prefixes",
                "PrivateIpAddress",
                "PrivateIpAddresses",
                "SourceDestCheck",
                "SubnetId",
                "Tags",
            ],
            Self::NetworkInterfaceAttachment => &["InstanceId", "NetworkInterfaceId"],
            Self::Instance => &[
                "Ipv6Addresses",
                "NetworkInterfaces",
                "PrivateIpAddress",
                "SecurityGroupIds",
                "SecurityGroups",
                "SourceDestCheck",
                "SubnetId",
                "Tags",
            ],
            Self::Vpc => &["CidrBlock", "Tags"],
            Self::VpcCidrBlock => &["CidrBlock", "Ipv6CidrBlock", "VpcId"],
            Self::Subnet => &[
                "AvailabilityZone",
                "CidrBlock",
                "Ipv6CidrBlock",
                "Tags",
                "VpcId",
            ],
            Self::SubnetCidrBlock => &["Ipv6CidrBlock", "SubnetId"],
            Self::Peering => &["PeerVpcId", "VpcId"],
        }
    }

    /// Further properties that exist.
    pub(super) const fn other(self) -> &'static [&'static str] {
        match self {
            Self::SecurityGroup
            | Self::SecurityGroupIngress
            | Self::SecurityGroupEgress
            | Self::SecurityGroupVpcAssociation
            | Self::PrefixList => &[],
            Self::NetworkInterface => &[
                "EnablePrimaryIpv6",
                "InterfaceType",
                "Ipv4PrefixCount",
                "Ipv6AddressCount",
                "Ipv6PrefixCount",
                "PublicIpDnsHostnameTypeSpecification",
                "SecondaryPrivateIpAddressCount",
            ],
            Self::NetworkInterfaceAttachment => &[
                "DeleteOnTermination",
                "DeviceIndex",
                "EnaQueueCount",
                "EnaSrdSpecification",
            ],
            Self::Instance => &[
                "AdditionalInfo",
                "Affinity",
                "AvailabilityZone",
                "BlockDeviceMappings",
                "CpuOptions",
                "CreditSpecification",
                "DisableApiTermination",
                "EbsOptimized",
                "ElasticGpuSpecifications",
                "ElasticInferenceAccelerators",
                "EnclaveOptions",
                "HibernationOptions",
                "HostId",
                "HostResourceGroupArn",
                "IamInstanceProfile",
                "ImageId",
                "InstanceInitiatedShutdownBehavior",
                "InstanceType",
                "Ipv6AddressCount",
                "KernelId",
                "KeyName",
                "LaunchTemplate",
                "LicenseSpecifications",
                "MetadataOptions",
                "Monitoring",
                "PlacementGroupName",
                "PrivateDnsNameOptions",
                "PropagateTagsToVolumeOnCreation",
                "RamdiskId",
                "SsmAssociations",
                "Tenancy",
                "UserData",
                "Volumes",
            ],
            Self::Vpc => &[
                "EnableDnsHostnames",
                "EnableDnsSupport",
                "InstanceTenancy",
                "Ipv4IpamPoolId",
                "Ipv4NetmaskLength",
            ],
            Self::VpcCidrBlock => &[
                "AmazonProvidedIpv6CidrBlock",
                "Ipv4IpamPoolId",
                "Ipv4NetmaskLength",
                "Ipv6CidrBlockNetworkBorderGroup",
                "Ipv6IpamPoolId",
                "Ipv6NetmaskLength",
                "Ipv6Pool",
            ],
            Self::Subnet => &[
                "AssignIpv6AddressOnCreation",
                "AvailabilityZoneId",
                "EnableDns64",
                "EnableLniAtDeviceIndex",
                "Ipv4IpamPoolId",
                "Ipv4NetmaskLength",
                "Ipv6CidrBlocks",
                "Ipv6IpamPoolId",
                "Ipv6Native",
                "Ipv6NetmaskLength",
                "MapPublicIpOnLaunch",
                "OutpostArn",
                "PrivateDnsNameOptionsOnLaunch",
            ],
            Self::SubnetCidrBlock => &["Ipv6IpamPoolId", "Ipv6NetmaskLength"],
            Self::Peering => &[
                "AssumeRoleRegion",
                "PeerOwnerId",
                "PeerRegion",
                "PeerRoleArn",
                "Tags",
            ],
        }
    }
}

/// The property that an attribute repeats, where the template says it itself.
pub(crate) fn attribute_property(kind: &str, attribute: &str) -> Option<&'static str> {
    Some(match (Type::named(kind)?, attribute) {
        (Type::Vpc | Type::Subnet, "CidrBlock") => "CidrBlock",
        (Type::Subnet, "AvailabilityZone") => "AvailabilityZone",
        (Type::Subnet | Type::SecurityGroup, "VpcId") => "VpcId",
        (Type::NetworkInterface, "PrimaryPrivateIpAddress") => "PrivateIpAddress",
        (Type::Instance, "PrivateIp") => "PrivateIpAddress",
        _ => return None,
    })
}

/// Warns of a type that was surely meant to be another one, and of unknown words beside `Type`.
pub(super) fn check_kind(kind: &str, body: &Node, sink: &Sink<'_>) {
    let Some(known) = Type::named(kind) else {
        let groups = TYPES[..3].iter().map(|(name, _)| *name);
        let near = nearest(kind, groups).filter(|near| near.len().abs_diff(kind.len()) <= 1);
        if let (Some(near), Some(node)) = (near, body.get("Type")) {
            let draft = Draft::warning(node.span, format!("there is no resource type `{kind}`"));
            sink.push(
                draft
                    .here("skipped")
                    .help(format!("did you mean `{near}`?")),
            );
        }
        return;
    };
    for entry in body.entries() {
        if !ATTRIBUTES.contains(&&*entry.key) {
            let message = format!("a resource has no attribute `{}`", entry.key);
            let property = known.read().contains(&&*entry.key).then(|| {
                format!(
                    "`{}` is a property: it belongs under `Properties`",
                    entry.key
                )
            });
            let meant = sink.did_you_mean(&entry.key, ATTRIBUTES);
            let draft = Draft::warning(entry.key_span, message).here("ignored");
            sink.push(draft.maybe_help(property.or(meant)));
        }
    }
}

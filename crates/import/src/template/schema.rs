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

/// What there is to know about a type.
struct Schema {
    /// As templates name it.
    name: &'static str,
    kind: Type,
    /// What resources of the type are called in messages.
    noun: &'static str,
    /// The properties that are worked out.
    read: &'static [&'static str],
    /// Further properties that exist.
    other: &'static [&'static str],
}

/// The types, the ones that are most often misspelt first.
const SCHEMAS: [Schema; 13] = [
    Schema {
        name: "AWS::EC2::SecurityGroup",
        kind: Type::SecurityGroup,
        noun: "security group",
        read: &[
            "GroupDescription",
            "GroupName",
            "SecurityGroupEgress",
            "SecurityGroupIngress",
            "Tags",
            "VpcId",
        ],
        other: &[],
    },
    Schema {
        name: "AWS::EC2::SecurityGroupIngress",
        kind: Type::SecurityGroupIngress,
        noun: "ingress rule",
        read: &[
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
        other: &[],
    },
    Schema {
        name: "AWS::EC2::SecurityGroupEgress",
        kind: Type::SecurityGroupEgress,
        noun: "egress rule",
        read: &[
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
        other: &[],
    },
    Schema {
        name: "AWS::EC2::SecurityGroupVpcAssociation",
        kind: Type::SecurityGroupVpcAssociation,
        noun: "VPC association",
        read: &["GroupId", "VpcId"],
        other: &[],
    },
    Schema {
        name: "AWS::EC2::PrefixList",
        kind: Type::PrefixList,
        noun: "prefix list",
        read: &[
            "AddressFamily",
            "Entries",
            "MaxEntries",
            "PrefixListName",
            "Tags",
        ],
        other: &[],
    },
    Schema {
        name: "AWS::EC2::NetworkInterface",
        kind: Type::NetworkInterface,
        noun: "network interface",
        read: &[
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
        other: &[
            "EnablePrimaryIpv6",
            "InterfaceType",
            "Ipv4PrefixCount",
            "Ipv6AddressCount",
            "Ipv6PrefixCount",
            "PublicIpDnsHostnameTypeSpecification",
            "SecondaryPrivateIpAddressCount",
        ],
    },
    Schema {
        name: "AWS::EC2::NetworkInterfaceAttachment",
        kind: Type::NetworkInterfaceAttachment,
        noun: "attachment",
        read: &["InstanceId", "NetworkInterfaceId"],
        other: &[
            "DeleteOnTermination",
            "DeviceIndex",
            "EnaQueueCount",
            "EnaSrdSpecification",
        ],
    },
    Schema {
        name: "AWS::EC2::Instance",
        kind: Type::Instance,
        noun: "instance",
        read: &[
            "Ipv6Addresses",
            "NetworkInterfaces",
            "PrivateIpAddress",
            "SecurityGroupIds",
            "SecurityGroups",
            "SourceDestCheck",
            "SubnetId",
            "Tags",
        ],
        other: &[
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
    },
    Schema {
        name: "AWS::EC2::VPC",
        kind: Type::Vpc,
        noun: "VPC",
        read: &["CidrBlock", "Tags"],
        other: &[
            "EnableDnsHostnames",
            "EnableDnsSupport",
            "InstanceTenancy",
            "Ipv4IpamPoolId",
            "Ipv4NetmaskLength",
        ],
    },
    Schema {
        name: "AWS::EC2::VPCCidrBlock",
        kind: Type::VpcCidrBlock,
        noun: "CIDR block",
        read: &["CidrBlock", "Ipv6CidrBlock", "VpcId"],
        other: &[
            "AmazonProvidedIpv6CidrBlock",
            "Ipv4IpamPoolId",
            "Ipv4NetmaskLength",
            "Ipv6CidrBlockNetworkBorderGroup",
            "Ipv6IpamPoolId",
            "Ipv6NetmaskLength",
            "Ipv6Pool",
        ],
    },
    Schema {
        name: "AWS::EC2::Subnet",
        kind: Type::Subnet,
        noun: "subnet",
        read: &[
            "AvailabilityZone",
            "CidrBlock",
            "Ipv6CidrBlock",
            "Tags",
            "VpcId",
        ],
        other: &[
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
    },
    Schema {
        name: "AWS::EC2::SubnetCidrBlock",
        kind: Type::SubnetCidrBlock,
        noun: "subnet CIDR block",
        read: &["Ipv6CidrBlock", "SubnetId"],
        other: &["Ipv6IpamPoolId", "Ipv6NetmaskLength"],
    },
    Schema {
        name: "AWS::EC2::VPCPeeringConnection",
        kind: Type::Peering,
        noun: "peering connection",
        read: &["PeerVpcId", "VpcId"],
        other: &[
            "AssumeRoleRegion",
            "PeerOwnerId",
            "PeerRegion",
            "PeerRoleArn",
            "Tags",
        ],
    },
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
        SCHEMAS
            .iter()
            .find(|schema| schema.name == name)
            .map(|schema| schema.kind)
    }

    /// What resources of the type are called in messages.
    pub(super) fn noun(self) -> &'static str {
        self.schema().map_or("resource", |schema| schema.noun)
    }

    /// The properties that are worked out.
    pub(super) fn read(self) -> &'static [&'static str] {
        self.schema().map_or(&[], |schema| schema.read)
    }

    /// Further properties that exist.
    pub(super) fn other(self) -> &'static [&'static str] {
        self.schema().map_or(&[], |schema| schema.other)
    }

    /// Its row of the table, which has one for each type.
    fn schema(self) -> Option<&'static Schema> {
        SCHEMAS.iter().find(|schema| schema.kind == self)
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
        let groups = SCHEMAS[..3].iter().map(|schema| schema.name);
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

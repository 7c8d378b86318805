//! What is wrong with what was said: the codes and messages of EC2 (semantics E64).
//!
//! One error per fault, with the code and text that EC2 answers, the part of the input that is at
//! fault (so that a policy file's reader can point at a line and column), and, where the text alone
//! does not say it, what would be right.

use std::fmt;

use thiserror::Error;

use crate::VpcId;

/// One fault, as EC2 words it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ModelError {
    /// Its kind.
    pub code: ErrorCode,
    /// EC2's text.
    pub message: String,
    /// Which part of the input is at fault.
    pub part: Part,
    /// What would be right, where the message does not say it.
    pub help: Option<String>,
}

impl ModelError {
    /// An error about the whole of what was said.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            part: Part::Whole,
            help: None,
        }
    }

    /// `InvalidParameterValue`, EC2's most frequent answer.
    #[must_use]
    pub fn value(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameterValue, message)
    }

    /// The same error, about `part`.
    #[must_use]
    pub fn at(self, part: Part) -> Self {
        Self { part, ..self }
    }

    /// The same error, with what would be right.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// The one that the API answers with, which has room for one fault of several. Of none it is `InternalError`: an error without
    /// a fault is one.
    #[must_use]
    pub fn first(errors: Vec<Self>) -> Self {
        let mut errors = errors.into_iter();
        errors.next().unwrap_or_else(|| {
            Self::new(ErrorCode::InternalError, "An internal error has occurred")
        })
    }

    /// No group of this id or name (B26, E64).
    #[must_use]
    pub fn unknown_group(group: &str) -> Self {
        let message = format!("The security group '{group}' does not exist");
        Self::new(ErrorCode::InvalidGroupNotFound, message)
    }

    /// No VPC of this id (E63).
    #[must_use]
    pub fn unknown_vpc(id: &VpcId) -> Self {
        let message = format!("The vpc ID '{id}' does not exist");
        Self::new(ErrorCode::InvalidVpcIdNotFound, message).at(Part::Vpc)
    }

    /// No VPC is named, and there is no default one (B2).
    #[must_use]
    pub fn no_default_vpc() -> Self {
        Self::new(ErrorCode::VpcIdNotSpecified, "No default VPC for this user").at(Part::Vpc)
    }

    /// The code as the API spells it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code.as_str()
    }
}

/// Which part of the input an error or a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// All of it, or something that is not there.
    Whole,
    /// The protocol of a rule.
    Protocol,
    /// `FromPort`, or the ICMP type.
    FromPort,
    /// `ToPort`, or the ICMP code.
    ToPort,
    /// The peer at this place in the list; 0 where there is only one.
    Peer(usize),
    /// The account of the group that the peer at this place refers to.
    PeerAccount(usize),
    /// The description of the peer at this place.
    PeerDescription(usize),
    /// The rule at this place in the request.
    Rule(usize),
    /// The name of a group or prefix list.
    Name,
    /// The description of a group.
    Description,
    /// The VPC of a group or interface.
    Vpc,
    /// The group at this place in the list of an interface.
    Group(usize),
    /// The address at this place in the list of an interface.
    Address(usize),
    /// The entry at this place in a prefix list.
    Entry(usize),
    /// `MaxEntries` of a prefix list.
    MaxEntries,
    /// The tags.
    Tags,
    /// `TcpEstablishedTimeout`.
    TcpEstablishedTimeout,
    /// `UdpStreamTimeout`.
    UdpStreamTimeout,
    /// `UdpTimeout`.
    UdpTimeout,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// The error codes of EC2 that the nouns can answer with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// The code as the API spells it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

codes! {
    /// No valid signature (E17).
    AuthFailure = "AuthFailure",
    /// The default group cannot be deleted (B9).
    CannotDelete = "CannotDelete",
    /// A VPC has no room for more ranges.
    CidrLimitExceeded = "CidrLimitExceeded",
    /// The account has a default VPC.
    DefaultVpcAlreadyExists = "DefaultVpcAlreadyExists",
    /// Something else depends on what is to be deleted (B24, B31).
    DependencyViolation = "DependencyViolation",
    /// It would have succeeded (E6).
    DryRunOperation = "DryRunOperation",
    /// Too many values of a filter (E21).
    FilterLimitExceeded = "FilterLimitExceeded",
    /// There is such a flow log (E63).
    FlowLogAlreadyExists = "FlowLogAlreadyExists",
    /// A resource has no room for more flow logs.
    FlowLogsLimitExceeded = "FlowLogsLimitExceeded",
    /// A client token that was used with other parameters.
    IdempotentParameterMismatch = "IdempotentParameterMismatch",
    /// What is there of a signature is not spelled as one (E17).
    IncompleteSignature = "IncompleteSignature",
    /// Not possible in the state that something is in.
    IncorrectInstanceState = "IncorrectInstanceState",
    /// Not possible in the state that something is in.
    IncorrectState = "IncorrectState",
    /// No room for more instances.
    InstanceLimitExceeded = "InstanceLimitExceeded",
    /// A subnet has no room for another delegated prefix.
    InsufficientCidrBlocks = "InsufficientCidrBlocks",
    /// A subnet has no address left.
    InsufficientFreeAddressesInSubnet = "InsufficientFreeAddressesInSubnet",
    /// The endpoint failed (E13).
    InternalError = "InternalError",
    /// No such action (E5).
    InvalidAction = "InvalidAction",
    /// No such attachment.
    InvalidAttachmentIdNotFound = "InvalidAttachmentID.NotFound",
    /// No such flow log (E63).
    InvalidFlowLogIdNotFound = "InvalidFlowLogId.NotFound",
    /// Not the syntax of a flow log id.
    InvalidFlowLogIdMalformed = "InvalidFlowLogId.Malformed",
    /// The name is taken in the VPC (B5).
    InvalidGroupDuplicate = "InvalidGroup.Duplicate",
    /// Something still uses the group (B24).
    InvalidGroupInUse = "InvalidGroup.InUse",
    /// No such group, or one of a network that is not connected (A30, B26).
    InvalidGroupNotFound = "InvalidGroup.NotFound",
    /// Not the syntax of a group id (B26).
    InvalidGroupIdMalformed = "InvalidGroupId.Malformed",
    /// An id that stands for nothing (E58).
    InvalidId = "InvalidID",
    /// The address is another interface's (E60).
    InvalidIpAddressInUse = "InvalidIPAddress.InUse",
    /// The instance has several interfaces (B13).
    InvalidInstanceId = "InvalidInstanceID",
    /// Not the syntax of an instance id.
    InvalidInstanceIdMalformed = "InvalidInstanceID.Malformed",
    /// No such instance.
    InvalidInstanceIdNotFound = "InvalidInstanceID.NotFound",
    /// The interface is attached.
    InvalidNetworkInterfaceInUse = "InvalidNetworkInterface.InUse",
    /// Not the syntax of an attachment id.
    InvalidNetworkInterfaceAttachmentIdMalformed = "InvalidNetworkInterfaceAttachmentId.Malformed",
    /// Not the syntax of an interface id.
    InvalidNetworkInterfaceIdMalformed = "InvalidNetworkInterfaceId.Malformed",
    /// No such interface (E63).
    InvalidNetworkInterfaceIdNotFound = "InvalidNetworkInterfaceID.NotFound",
    /// A page token that this endpoint did not give (E20).
    InvalidNextToken = "InvalidNextToken",
    /// A parameter that cannot be, as flow logs say it.
    InvalidParameter = "InvalidParameter",
    /// Values that exclude each other.
    InvalidParameterCombination = "InvalidParameterCombination",
    /// A value that cannot be.
    InvalidParameterValue = "InvalidParameterValue",
    /// The rule exists (A35).
    InvalidPermissionDuplicate = "InvalidPermission.Duplicate",
    /// EC2-Classic: a protocol or port that cannot be (A13, A41).
    InvalidPermissionMalformed = "InvalidPermission.Malformed",
    /// The rule does not exist (E53).
    InvalidPermissionNotFound = "InvalidPermission.NotFound",
    /// Not the syntax of a prefix list id.
    InvalidPrefixListIdMalformed = "InvalidPrefixListId.Malformed",
    /// No such prefix list (E63).
    InvalidPrefixListIdNotFound = "InvalidPrefixListID.NotFound",
    /// A prefix list cannot be changed in this way (B30).
    InvalidPrefixListModification = "InvalidPrefixListModification",
    /// Not the syntax of a rule id (E54).
    InvalidSecurityGroupRuleIdMalformed = "InvalidSecurityGroupRuleId.Malformed",
    /// No such rule (E54).
    InvalidSecurityGroupRuleIdNotFound = "InvalidSecurityGroupRuleId.NotFound",
    /// Not a step that a peering connection takes.
    InvalidStateTransition = "InvalidStateTransition",
    /// The range overlaps another subnet's.
    InvalidSubnetConflict = "InvalidSubnet.Conflict",
    /// The range lies outside of the VPC's.
    InvalidSubnetRange = "InvalidSubnet.Range",
    /// Not the syntax of a subnet id.
    InvalidSubnetIdMalformed = "InvalidSubnetID.Malformed",
    /// No such subnet (E63).
    InvalidSubnetIdNotFound = "InvalidSubnetID.NotFound",
    /// No such association of a range with a VPC.
    InvalidVpcCidrBlockAssociationIdNotFound = "InvalidVpcCidrBlockAssociationID.NotFound",
    /// Not the syntax of a VPC id.
    InvalidVpcIdMalformed = "InvalidVpcId.Malformed",
    /// No such VPC (E63).
    InvalidVpcIdNotFound = "InvalidVpcID.NotFound",
    /// The range of a VPC is too large or too small.
    InvalidVpcRange = "InvalidVpc.Range",
    /// Not the syntax of a peering connection id.
    InvalidVpcPeeringConnectionIdMalformed = "InvalidVpcPeeringConnectionId.Malformed",
    /// No such peering connection.
    InvalidVpcPeeringConnectionIdNotFound = "InvalidVpcPeeringConnectionID.NotFound",
    /// A key that is not known, as STS says it (E17).
    InvalidClientTokenId = "InvalidClientTokenId",
    /// No action was named (E5).
    MissingAction = "MissingAction",
    /// The request is not signed (E17).
    MissingAuthenticationToken = "MissingAuthenticationToken",
    /// Something is needed that the account does not have.
    MissingInput = "MissingInput",
    /// Something that must be said was not.
    MissingParameter = "MissingParameter",
    /// No room for more interfaces.
    NetworkInterfaceLimitExceeded = "NetworkInterfaceLimitExceeded",
    /// Not allowed: another account's, or one that nobody may change.
    OperationNotPermitted = "OperationNotPermitted",
    /// An account has too many requests for peering that nobody answered, or that failed.
    OutstandingVpcPeeringConnectionLimitExceeded = "OutstandingVpcPeeringConnectionLimitExceeded",
    /// More entries than the list may hold (B30).
    PrefixListMaxEntriesExceeded = "PrefixListMaxEntriesExceeded",
    /// The list was changed meanwhile (B30).
    PrefixListVersionMismatch = "PrefixListVersionMismatch",
    /// An interface has no room for more addresses.
    PrivateIpAddressLimitExceeded = "PrivateIpAddressLimitExceeded",
    /// Signed too long ago, or in the future (E17).
    RequestExpired = "RequestExpired",
    /// Too many requests at once (E13).
    RequestLimitExceeded = "RequestLimitExceeded",
    /// A quota of prefix lists is used up (B23).
    ResourceCountExceeded = "ResourceCountExceeded",
    /// A group has no room for more rules (B19).
    RulesPerSecurityGroupLimitExceeded = "RulesPerSecurityGroupLimitExceeded",
    /// No room for more groups (B20).
    SecurityGroupLimitExceeded = "SecurityGroupLimitExceeded",
    /// An interface has no room for more groups (B21).
    SecurityGroupsPerInterfaceLimitExceeded = "SecurityGroupsPerInterfaceLimitExceeded",
    /// An EC2-Classic instance has no room for more groups (B21, A39).
    SecurityGroupsPerInstanceLimitExceeded = "SecurityGroupsPerInstanceLimitExceeded",
    /// The signature is not the one that the key makes (E17).
    SignatureDoesNotMatch = "SignatureDoesNotMatch",
    /// A VPC has no room for more subnets.
    SubnetLimitExceeded = "SubnetLimitExceeded",
    /// A resource has no room for more tags (A38).
    TagLimitExceeded = "TagLimitExceeded",
    /// The key may not do this (E17).
    UnauthorizedOperation = "UnauthorizedOperation",
    /// The endpoint is about to end, or cannot write (E13).
    Unavailable = "Unavailable",
    /// A parameter that the action does not have (E5).
    UnknownParameter = "UnknownParameter",
    /// EC2 can do this, and this endpoint cannot.
    UnsupportedOperation = "UnsupportedOperation",
    /// There is such a peering connection already.
    VpcPeeringConnectionAlreadyExists = "VpcPeeringConnectionAlreadyExists",
    /// A VPC has no room for more peering connections.
    VpcPeeringConnectionsPerVpcLimitExceeded = "VpcPeeringConnectionsPerVpcLimitExceeded",
    /// No VPC was named and there is no default one (B2).
    VpcIdNotSpecified = "VPCIdNotSpecified",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

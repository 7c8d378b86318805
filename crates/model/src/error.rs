//! What is wrong with what was said: the codes and messages of EC2 (semantics E64).
//!
//! One error per fault, with the code and text that EC2 answers, the part of the input that is at
//! fault (so that a policy file's reader can point at a line and column), and, where the text alone
//! does not say it, what would be right.

use std::fmt;

use thiserror::Error;

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
    /// The default group cannot be deleted (B9).
    CannotDelete = "CannotDelete",
    /// Something else depends on what is to be deleted (B24, B31).
    DependencyViolation = "DependencyViolation",
    /// The name is taken in the VPC (B5).
    InvalidGroupDuplicate = "InvalidGroup.Duplicate",
    /// No such group, or one of a network that is not connected (A30, B26).
    InvalidGroupNotFound = "InvalidGroup.NotFound",
    /// Not the syntax of a group id (B26).
    InvalidGroupIdMalformed = "InvalidGroupId.Malformed",
    /// The instance has several interfaces (B13).
    InvalidInstanceId = "InvalidInstanceID",
    /// Not the syntax of an instance id.
    InvalidInstanceIdMalformed = "InvalidInstanceID.Malformed",
    /// No such instance.
    InvalidInstanceIdNotFound = "InvalidInstanceID.NotFound",
    /// Not the syntax of an interface id.
    InvalidNetworkInterfaceIdMalformed = "InvalidNetworkInterfaceId.Malformed",
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
    /// Not the syntax of a subnet id.
    InvalidSubnetIdMalformed = "InvalidSubnetID.Malformed",
    /// Not the syntax of a VPC id.
    InvalidVpcIdMalformed = "InvalidVpcId.Malformed",
    /// No such VPC (E63).
    InvalidVpcIdNotFound = "InvalidVpcID.NotFound",
    /// Not the syntax of a peering connection id.
    InvalidVpcPeeringConnectionIdMalformed = "InvalidVpcPeeringConnectionId.Malformed",
    /// Something that must be said was not.
    MissingParameter = "MissingParameter",
    /// More entries than the list may hold (B30).
    PrefixListMaxEntriesExceeded = "PrefixListMaxEntriesExceeded",
    /// The list was changed meanwhile (B30).
    PrefixListVersionMismatch = "PrefixListVersionMismatch",
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
    /// A resource has no room for more tags (A38).
    TagLimitExceeded = "TagLimitExceeded",
    /// No VPC was named and there is no default one (B2).
    VpcIdNotSpecified = "VPCIdNotSpecified",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

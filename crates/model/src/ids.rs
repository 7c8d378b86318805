//! Ids: strings with a type, cheap to clone (semantics B1).
//!
//! `new` takes any text: in a template the logical id of a resource stands for its id. `parse`
//! takes only what EC2 itself would have issued. Randomness is an argument, as time is everywhere
//! else.

use std::fmt;
use std::sync::Arc;

use crate::{ErrorCode, ModelError};

/// Hexadecimal digits of an id issued before 2016.
const SHORT_DIGITS: usize = 8;
/// Hexadecimal digits of an id issued since.
const LONG_DIGITS: usize = 17;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id with this text; its syntax is not looked at.
            #[must_use]
            pub fn new(text: &str) -> Self {
                Self(text.into())
            }

            /// The text of the id.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

/// An id with a prefix of its own: `id`, the ARN resource type, the code for a malformed one, the
/// digit counts EC2 issues.
macro_rules! resource {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal, $code:ident, $digits:expr) => {
        id! { $(#[$doc])* $name }

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// The id with this text, which must have the syntax of EC2's own (B1).
            ///
            /// # Errors
            /// The `Malformed` code of this kind of id.
            pub fn parse(text: &str) -> Result<Self, ModelError> {
                if is_well_formed(text, $prefix, $digits) {
                    Ok(Self::new(text))
                } else {
                    Err(malformed(ErrorCode::$code, text, $kind, $prefix))
                }
            }

            /// Whether it has the syntax of EC2's own ids, and not a template's (B1).
            #[must_use]
            pub fn is_well_formed(&self) -> bool {
                is_well_formed(&self.0, $prefix, $digits)
            }

            /// A new id out of 64 random bits, in the form that EC2 issues: the prefix, a zero, 16
            /// digits.
            #[must_use]
            pub fn from_random(bits: u64) -> Self {
                Self(format!(concat!($prefix, "0{:016x}"), bits).into())
            }

            /// Its Amazon Resource Name (B1).
            #[must_use]
            pub fn arn(&self, region: &str, account: &AccountId) -> String {
                format!(concat!("arn:aws:ec2:{}:{}:", $kind, "/{}"), region, account, self)
            }
        }
    };
}

resource! {
    /// A security group: `sg-` and 8 or 17 hexadecimal digits, or a template's logical id.
    GroupId, "sg-", "security-group", InvalidGroupIdMalformed, &[SHORT_DIGITS, LONG_DIGITS]
}
resource! {
    /// A security group rule: `sgr-` and 17 hexadecimal digits, or the rule's place in a template.
    RuleId, "sgr-", "security-group-rule", InvalidSecurityGroupRuleIdMalformed, &[LONG_DIGITS]
}
resource! {
    /// A VPC.
    VpcId, "vpc-", "vpc", InvalidVpcIdMalformed, &[SHORT_DIGITS, LONG_DIGITS]
}
resource! {
    /// A subnet.
    SubnetId, "subnet-", "subnet", InvalidSubnetIdMalformed, &[SHORT_DIGITS, LONG_DIGITS]
}
resource! {
    /// A network interface (ENI).
    NetworkInterfaceId, "eni-", "network-interface", InvalidNetworkInterfaceIdMalformed,
    &[SHORT_DIGITS, LONG_DIGITS]
}
resource! {
    /// A managed prefix list.
    PrefixListId, "pl-", "prefix-list", InvalidPrefixListIdMalformed, &[SHORT_DIGITS, LONG_DIGITS]
}
resource! {
    /// An instance: a name that owns network interfaces.
    InstanceId, "i-", "instance", InvalidInstanceIdMalformed, &[SHORT_DIGITS, LONG_DIGITS]
}
resource! {
    /// A VPC peering connection.
    PeeringId, "pcx-", "vpc-peering-connection", InvalidVpcPeeringConnectionIdMalformed,
    &[SHORT_DIGITS, LONG_DIGITS]
}
resource! {
    /// A flow log.
    FlowLogId, "fl-", "vpc-flow-log", InvalidFlowLogIdMalformed, &[LONG_DIGITS]
}
resource! {
    /// What attaches an interface to an instance.
    AttachmentId, "eni-attach-", "network-interface-attachment",
    InvalidNetworkInterfaceAttachmentIdMalformed, &[SHORT_DIGITS, LONG_DIGITS]
}
id! {
    /// An AWS account, 12 digits.
    AccountId
}

impl AccountId {
    /// Whether it is 12 digits, and not the alias of an AWS service (`AWS`, `amazon-elb`).
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        self.0.len() == 12 && self.0.bytes().all(|b| b.is_ascii_digit())
    }
}

fn is_well_formed(text: &str, prefix: &str, digits: &[usize]) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else {
        return false;
    };
    digits.contains(&rest.len()) && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// B26 and E64: EC2 words an empty id in its own way, and says what it expects of every other one.
fn malformed(code: ErrorCode, text: &str, kind: &str, prefix: &str) -> ModelError {
    if text.is_empty() {
        return ModelError::new(code, format!("The {kind} ID '' is malformed"));
    }
    ModelError::new(
        code,
        format!("Invalid id: \"{text}\" (expecting \"{prefix}...\")"),
    )
    .with_help(format!(
        "an id is `{prefix}` and 17 (older ones: 8) lower-case hexadecimal digits"
    ))
}

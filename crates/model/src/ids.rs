//! Ids: strings with a type, cheap to clone.

use std::fmt;
use std::sync::Arc;

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

id! {
    /// A security group: `sg-` and 8 or 17 hexadecimal digits, or a template's logical id.
    GroupId
}
id! {
    /// A security group rule: `sgr-` and 17 hexadecimal digits, or the rule's place in a template.
    RuleId
}
id! {
    /// A VPC.
    VpcId
}
id! {
    /// A subnet.
    SubnetId
}
id! {
    /// A network interface (ENI).
    NetworkInterfaceId
}
id! {
    /// A managed prefix list.
    PrefixListId
}
id! {
    /// An instance: a name that owns network interfaces.
    InstanceId
}
id! {
    /// A VPC peering connection.
    PeeringId
}
id! {
    /// An AWS account, 12 digits.
    AccountId
}

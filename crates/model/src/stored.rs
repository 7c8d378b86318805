//! The nouns as JSON: what stores and exports keep of them.
//!
//! The words are those of EC2's `describe` commands, so that a person who knows one reads the other. But each noun is written
//! here by a struct of its own, not by its own fields: the format outlives refactorings, and what is read back has to become the noun
//! through the same gates as what a user types. So nothing can be loaded that could not be said: a rule is parsed as a
//! [`RawRule`](crate::RawRule), ranges have no host bits, timeouts are within their limits. Whether what is loaded fits
//! *together* is not the business of one record.
//!
//! Ids are text of any syntax, as in templates. Unknown fields are refused: a word that is not understood is a mistake of a
//! person, or of a program that is older than the file. Where something was written (`origin`) is not kept; whatever else
//! a noun holds comes back as it was.

mod group;
mod interface;
mod network;
mod prefix_list;
mod rule;
pub mod tag_list;

use std::str::FromStr;

use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    AccountId, AssociationStatus, AttachmentId, FlowLogId, GroupId, InstanceId, ModelError,
    NetworkInterfaceId, PeeringId, PrefixListId, RuleId, SubnetId, VpcId,
};

/// A noun is written and read in the form of another struct: `From<&Noun>` and `TryInto<Noun>`.
macro_rules! stored_as {
    ($($noun:ty => $form:ty;)*) => {
        $(impl serde::Serialize for $noun {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                <$form>::from(self).serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $noun {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$form>::deserialize(deserializer)?
                    .try_into()
                    .map_err(<D::Error as serde::de::Error>::custom)
            }
        })*
    };
}

pub(crate) use stored_as;

macro_rules! ids {
    ($($id:ty),* $(,)?) => {
        $(impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                if text.is_empty() {
                    return Err(D::Error::custom("an id is not empty"));
                }
                Ok(Self::new(&text))
            }
        })*
    };
}

ids!(
    AccountId,
    AttachmentId,
    FlowLogId,
    GroupId,
    InstanceId,
    NetworkInterfaceId,
    PeeringId,
    PrefixListId,
    RuleId,
    SubnetId,
    VpcId,
);

impl Serialize for AssociationStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AssociationStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        [
            Self::Associating,
            Self::Associated,
            Self::AssociationFailed,
            Self::Disassociating,
            Self::Disassociated,
            Self::DisassociationFailed,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| D::Error::custom(format!("`{text}` is no state of an association")))
    }
}

/// Several faults in one line.
fn all(errors: &[ModelError]) -> String {
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// A range without host bits, in its canonical form.
fn range<N>(text: &str) -> Result<N, String>
where
    N: FromStr + Copy + Into<IpNet>,
{
    let canonical = |net: &N| {
        let net: IpNet = (*net).into();
        net == net.trunc() && net.to_string() == text
    };
    text.parse()
        .ok()
        .filter(canonical)
        .ok_or_else(|| format!("`{text}` is no address range in its canonical form"))
}

#[cfg(test)]
mod tests;

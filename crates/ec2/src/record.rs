//! What is kept one by one: every table of the [`State`], its keys and how they are written.
//!
//! A record is the unit of an [`Edit`](crate::Edit)'s journal and of the store. This file is the one list of tables;
//! whoever has to do something with each (the store, export, rollback) is a [`Visitor`] and cannot forget one.

use std::collections::BTreeMap;
use std::fmt::Debug;

use secgroup_model::{
    AccountId, AssociationStatus, FlowLogId, GroupId, InstanceId, NetworkInterface,
    NetworkInterfaceId, Peering, PeeringId, PrefixList, PrefixListId, SecurityGroup, Subnet,
    SubnetId, Vpc, VpcId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::flow_logs::FlowLog;
use crate::state::{
    Attachment, Instance, PeeringDetails, PrefixListState, Stack, State, Token, TokenKey,
    VpcSettings,
};

/// One kind of thing that the state holds, by key. As JSON it is an object in the words of EC2; what is written can always be read, so a
/// new field of a record has to do without it in old files (`#[serde(default)]`).
pub trait Record: Clone + PartialEq + Debug + Serialize + DeserializeOwned + 'static {
    /// What identifies one.
    type Key: Ord + Clone + Debug + 'static;
    /// The name of the table, in stores and exports.
    const TABLE: &'static str;

    /// Its table.
    fn table(state: &State) -> &BTreeMap<Self::Key, Self>;
    /// Its table, to be changed.
    fn table_mut(state: &mut State) -> &mut BTreeMap<Self::Key, Self>;
    /// Its part of a journal.
    fn journal(journal: &Journal) -> &BTreeMap<Self::Key, Option<Self>>;
    /// Its part of a journal, to be changed.
    fn journal_mut(journal: &mut Journal) -> &mut BTreeMap<Self::Key, Option<Self>>;
    /// The key as text; different keys have different texts.
    fn key_text(key: &Self::Key) -> String;
    /// The key of a text that [`key_text`](Self::key_text) wrote.
    fn parse_key(text: &str) -> Option<Self::Key>;
}

/// Does something with every table, in the order in which records depend on each other.
pub trait Visitor {
    /// Why it may stop.
    type Error;

    /// Visits the table of `R`.
    ///
    /// # Errors
    /// The visitor's own; no further table is visited then.
    fn visit<R: Record>(&mut self) -> Result<(), Self::Error>;
}

/// Lists the tables: the record, its key, the place in the state, the name.
macro_rules! tables {
    ($($field:ident: $record:ty, $key:ty, $($place:ident).+;)*) => {
        /// Records as they were before they were touched: `None` for one that was not there.
        #[derive(Debug, Clone, Default)]
        pub struct Journal {
            $($field: BTreeMap<$key, Option<$record>>,)*
        }

        $(impl Record for $record {
            type Key = $key;
            const TABLE: &'static str = stringify!($field);

            fn table(state: &State) -> &BTreeMap<$key, Self> {
                &state.$($place).+
            }
            fn table_mut(state: &mut State) -> &mut BTreeMap<$key, Self> {
                &mut state.$($place).+
            }
            fn journal(journal: &Journal) -> &BTreeMap<$key, Option<Self>> {
                &journal.$field
            }
            fn journal_mut(journal: &mut Journal) -> &mut BTreeMap<$key, Option<Self>> {
                &mut journal.$field
            }
            fn key_text(key: &$key) -> String {
                KeyText::text(key)
            }
            fn parse_key(text: &str) -> Option<$key> {
                KeyText::parse(text)
            }
        })*

        /// Shows `visitor` every table.
        ///
        /// # Errors
        /// The visitor's own.
        pub fn visit_tables<V: Visitor>(visitor: &mut V) -> Result<(), V::Error> {
            $(visitor.visit::<$record>()?;)*
            Ok(())
        }
    };
}

tables! {
    vpcs: Vpc, VpcId, inventory.vpcs;
    vpc_settings: VpcSettings, VpcId, vpc_settings;
    subnets: Subnet, SubnetId, inventory.subnets;
    peerings: Peering, PeeringId, inventory.peerings;
    peering_details: PeeringDetails, PeeringId, peerings;
    prefix_lists: PrefixList, PrefixListId, inventory.prefix_lists;
    prefix_list_states: PrefixListState, PrefixListId, prefix_lists;
    groups: SecurityGroup, GroupId, inventory.groups;
    associations: AssociationStatus, (GroupId, VpcId), inventory.associations;
    instances: Instance, InstanceId, instances;
    interfaces: NetworkInterface, NetworkInterfaceId, inventory.interfaces;
    attachments: Attachment, NetworkInterfaceId, attachments;
    flow_logs: FlowLog, FlowLogId, flow_logs;
    tokens: Token, TokenKey, tokens;
    stacks: Stack, (AccountId, String), stacks;
}

/// Keys as text, for stores.
trait KeyText: Sized {
    fn text(&self) -> String;
    fn parse(text: &str) -> Option<Self>;
}

macro_rules! id_keys {
    ($($id:ty),*) => {
        $(impl KeyText for $id {
            fn text(&self) -> String {
                self.as_str().to_owned()
            }
            fn parse(text: &str) -> Option<Self> {
                Some(Self::new(text))
            }
        })*
    };
}

id_keys!(
    VpcId,
    SubnetId,
    PeeringId,
    PrefixListId,
    GroupId,
    InstanceId,
    NetworkInterfaceId,
    FlowLogId
);

/// Ids have no `/`.
const SEPARATOR: char = '/';

impl KeyText for (GroupId, VpcId) {
    fn text(&self) -> String {
        format!("{}{SEPARATOR}{}", self.0, self.1)
    }
    fn parse(text: &str) -> Option<Self> {
        let (group, vpc) = text.split_once(SEPARATOR)?;
        Some((GroupId::new(group), VpcId::new(vpc)))
    }
}

impl KeyText for (AccountId, String) {
    fn text(&self) -> String {
        format!("{}{SEPARATOR}{}", self.0, self.1)
    }
    fn parse(text: &str) -> Option<Self> {
        let (account, name) = text.split_once(SEPARATOR)?;
        Some((AccountId::new(account), name.to_owned()))
    }
}

impl KeyText for TokenKey {
    fn text(&self) -> String {
        let Self {
            account,
            action,
            token,
        } = self;
        format!("{account}{SEPARATOR}{action}{SEPARATOR}{token}")
    }
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, SEPARATOR);
        Some(Self {
            account: AccountId::new(parts.next()?),
            action: parts.next()?.to_owned(),
            token: parts.next()?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;

//! The JSON that `aws ec2 describe-*` prints (F11 to F16).
//!
//! What a file holds is told by its keys, not by its name, and one file may hold several kinds.
//! A bare list is taken too: `--query SecurityGroups` prints one. Absent keys are as empty ones,
//! because older dumps and tutorials lack some (F12, F16); unknown keys are no fault, because AWS
//! adds new ones all the time.

mod groups;
mod interfaces;
mod networks;
mod prefix_lists;

use crate::collect::Collected;
use crate::diagnostic::{Draft, Sink};
use crate::node::{Kind, Node};
use crate::reader::Object;
use crate::value::{Value, ValueKind};

/// A kind of thing that is printed as a list under a key of its own.
struct Section {
    /// The key.
    key: &'static str,
    /// What one item is called in messages.
    noun: &'static str,
    /// A key that items have, and items of other kinds have not: tells bare lists apart.
    mark: &'static str,
    /// Takes down one item.
    read: fn(&Object<'_, '_>, &Page<'_>, &mut Collected),
}

/// What the items of a file have in common.
struct Page<'a> {
    /// The account of what does not say its own.
    account: &'a str,
    /// `PrefixListId` at the top.
    prefix_list: Option<&'a str>,
}

/// Every kind, the more telling marks first.
const SECTIONS: [Section; 9] = [
    Section {
        key: "SecurityGroups",
        noun: "security group",
        mark: "IpPermissions",
        read: groups::read_group,
    },
    Section {
        key: "SecurityGroupRules",
        noun: "rule",
        mark: "SecurityGroupRuleId",
        read: groups::read_row,
    },
    Section {
        key: "NetworkInterfaces",
        noun: "network interface",
        mark: "NetworkInterfaceId",
        read: interfaces::read_interface,
    },
    Section {
        key: "Reservations",
        noun: "reservation",
        mark: "Instances",
        read: interfaces::read_reservation,
    },
    Section {
        key: "PrefixLists",
        noun: "prefix list",
        mark: "PrefixListName",
        read: prefix_lists::read_list,
    },
    Section {
        key: "Subnets",
        noun: "subnet",
        mark: "AvailableIpAddressCount",
        read: networks::read_subnet,
    },
    Section {
        key: "Vpcs",
        noun: "VPC",
        mark: "CidrBlockAssociationSet",
        read: networks::read_vpc,
    },
    Section {
        key: "VpcPeeringConnections",
        noun: "peering connection",
        mark: "VpcPeeringConnectionId",
        read: networks::read_peering,
    },
    Section {
        key: "SecurityGroupVpcAssociations",
        noun: "VPC association",
        mark: "State",
        read: networks::read_association,
    },
];

/// The key of the entries of a prefix list, which are read together.
const ENTRIES: &str = "Entries";

/// The keys by which a dump is known, for messages.
pub(crate) fn known_keys() -> String {
    let keys: Vec<_> = SECTIONS
        .iter()
        .map(|section| format!("`{}`", section.key))
        .collect();
    format!("{}, `{ENTRIES}`", keys.join(", "))
}

/// Whether a tree is meant to be a dump.
pub(crate) fn is_dump(root: &Node) -> bool {
    match &root.kind {
        Kind::Mapping(_) => {
            root.get(ENTRIES).is_some() || SECTIONS.iter().any(|s| root.get(s.key).is_some())
        }
        Kind::Sequence(items) => items.first().is_some_and(|item| section_of(item).is_some()),
        Kind::Null | Kind::Scalar(_) => false,
    }
}

/// The kind of an item of a bare list.
fn section_of(item: &Node) -> Option<&'static Section> {
    SECTIONS
        .iter()
        .find(|section| item.get(section.mark).is_some())
}

/// Takes down everything of a dump. `account` owns what does not say its owner.
pub(crate) fn read(root: &Node, account: &str, sink: &Sink<'_>, collected: &mut Collected) {
    let page = Page {
        account,
        prefix_list: root.get("PrefixListId").and_then(Node::text),
    };
    if let Kind::Sequence(items) = &root.kind {
        for (at, item) in items.iter().enumerate() {
            match section_of(item) {
                Some(section) => read_item(section, at, item, &page, sink, collected),
                None => sink.push(Draft::error(
                    item.span,
                    "this is no object of EC2 that is known",
                )),
            }
        }
        return;
    }
    for section in &SECTIONS {
        for (at, item) in items(root, section.key, sink).iter().enumerate() {
            read_item(section, at, item, &page, sink, collected);
        }
    }
    if let Some(entry) = root.entry(ENTRIES) {
        prefix_lists::read_entries(root, entry, &page, sink, collected);
    }
    if let Some(entry) = root.entry("NextToken")
        && entry.value.text().is_some_and(|token| !token.is_empty())
    {
        let message = "this dump is only a page of several";
        let help = "dump again without `--max-items` and `--no-paginate`";
        sink.push(Draft::warning(entry.key_span, message).help(help));
    }
}

/// The list under a key.
fn items<'n>(root: &'n Node, key: &str, sink: &Sink<'_>) -> &'n [Node] {
    match root.get(key).map(|node| (&node.kind, node)) {
        None | Some((Kind::Null, _)) => &[],
        Some((Kind::Sequence(items), _)) => items,
        Some((_, node)) => {
            let message = format!("`{key}` must be a list, not {}", node.describe());
            sink.push(Draft::error(node.span, message));
            &[]
        }
    }
}

fn read_item(
    section: &Section,
    at: usize,
    item: &Node,
    page: &Page<'_>,
    sink: &Sink<'_>,
    collected: &mut Collected,
) {
    let value = Value::literal(item);
    let ValueKind::Map(fields) = &value.kind else {
        let (key, found) = (section.key, value.describe());
        let message = format!("`{key}[{at}]` must be an object, not {found}");
        sink.push(Draft::error(item.span, message));
        return;
    };
    let what = format!("{} {at}", section.noun);
    (section.read)(
        &Object::of_dump(fields, item.span, what, sink),
        page,
        collected,
    );
}

/// A text that is there and not empty.
fn text(object: &Object<'_, '_>, key: &str) -> Option<String> {
    let (text, _) = object.text(key, crate::reader::Need::Rule)?;
    Some(text.to_string()).filter(|text| !text.is_empty())
}

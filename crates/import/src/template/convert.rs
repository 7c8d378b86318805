//! The resources of a template, one after the other.

use secgroup_model::{AccountId, AssociationStatus, GroupId, Peering, PeeringStatus, VpcId};

use super::ids::{IdOf, Names};
use super::schema::Type;
use super::{Absent, Resource, group, interface, network, prefix_list, rule};
use crate::collect::{Collected, Found, origin};
use crate::diagnostic::Draft;
use crate::node::Kind;
use crate::reader::{Need, Object, unknown_key};
use crate::source::Span;
use crate::value::{Evaluator, Field, Truth, Value, ValueKind};

/// The VPC of what names none: the default VPC, whose id a template does not know.
pub(crate) const DEFAULT_VPC: &str = "default";

/// What the conversion of every resource needs.
pub(super) struct Scope<'a> {
    pub(super) evaluator: &'a Evaluator<'a>,
    pub(super) names: &'a Names,
}

/// A resource that exists and is made of properties.
pub(super) struct Item<'a> {
    pub(super) resource: &'a Resource<'a>,
    pub(super) kind: Type,
    /// Its id in the inventory.
    pub(super) id: String,
    /// Its properties, worked out.
    pub(super) fields: Vec<Field>,
    /// Where its name stands.
    pub(super) span: Span,
}

/// Which of the modelled resources do not exist because their condition does not hold. Says so of
/// those of which it cannot be told.
pub(crate) fn find_absent(evaluator: &Evaluator<'_>, names: &mut Names) {
    for resource in evaluator.template.resources() {
        let Some(kind) = Type::named(resource.kind) else {
            continue;
        };
        let Some(node) = resource.condition else {
            continue;
        };
        let Some(name) = node.text() else {
            let message = "`Condition` of a resource names a condition";
            evaluator.sink().push(Draft::error(node.span, message));
            continue;
        };
        match evaluator.condition(name, node.span) {
            Truth::False => {
                let key = (evaluator.template.index, resource.name.to_owned());
                names.absent.insert(
                    key,
                    Absent {
                        condition: node.span,
                    },
                );
            }
            Truth::Unknown(unresolved) => {
                let (noun, cause) = (kind.noun(), &unresolved.cause);
                let message = format!(
                    "whether {noun} `{}` exists depends on {}",
                    resource.name,
                    cause.on()
                );
                let draft = Draft::error(node.span, message).help(cause.help());
                let declared = cause.declared();
                evaluator.sink().push(match declared {
                    Some(span) => draft.label(span, "declared here"),
                    None => draft,
                });
            }
            Truth::True | Truth::Invalid => {}
        }
    }
}

/// Converts every resource of a template that a policy is made of.
pub(crate) fn convert(evaluator: &Evaluator<'_>, names: &Names, collected: &mut Collected) {
    let scope = Scope { evaluator, names };
    for resource in evaluator.template.resources() {
        let Some(kind) = Type::named(resource.kind) else {
            continue;
        };
        let key = (evaluator.template.index, resource.name.to_owned());
        if names.absent.contains_key(&key) {
            continue;
        }
        let Some(fields) = scope.properties(resource, kind) else {
            continue;
        };
        let id = names.id(evaluator.template.index, resource.name);
        let item = Item {
            resource,
            kind,
            id,
            fields,
            span: resource.name_span,
        };
        match kind {
            Type::SecurityGroup => group::convert(&scope, &item, collected),
            Type::SecurityGroupIngress | Type::SecurityGroupEgress => {
                rule::convert_standalone(&scope, &item, collected);
            }
            Type::SecurityGroupVpcAssociation => associate(&scope, &item, collected),
            Type::PrefixList => prefix_list::convert(&scope, &item, collected),
            Type::NetworkInterface => interface::convert(&scope, &item, collected),
            Type::NetworkInterfaceAttachment => interface::attach(&scope, &item, collected),
            Type::Instance => interface::convert_instance(&scope, &item, collected),
            Type::Vpc => network::convert_vpc(&scope, &item, collected),
            Type::VpcCidrBlock => network::add_vpc_range(&scope, &item, collected),
            Type::Subnet => network::convert_subnet(&scope, &item, collected),
            Type::SubnetCidrBlock => network::add_subnet_range(&scope, &item, collected),
            Type::Peering => peer(&scope, &item, collected),
        }
    }
}

impl Scope<'_> {
    /// The properties of a resource that are of use, worked out.
    fn properties(&self, resource: &Resource<'_>, kind: Type) -> Option<Vec<Field>> {
        let sink = self.evaluator.sink();
        let entries = match resource.properties {
            None => &[][..],
            Some(node) if matches!(node.kind, Kind::Mapping(_)) => node.entries(),
            Some(node) => {
                let message = format!("`Properties` must be a mapping, not {}", node.describe());
                sink.push(Draft::error(node.span, message));
                return None;
            }
        };
        let mut fields = Vec::new();
        for entry in entries {
            let key: &str = &entry.key;
            if kind.read().contains(&key) {
                let value = self.evaluator.eval(&entry.value);
                fields.push(Field {
                    key: key.into(),
                    key_span: entry.key_span,
                    value,
                });
            } else if key.starts_with("Fn::") {
                let message = format!("`{key}` is worked out by CloudFormation itself");
                sink.push(Draft::error(entry.key_span, message).here("not supported"));
            } else if !kind.other().contains(&key) {
                let known: Vec<&str> = kind.read().iter().chain(kind.other()).copied().collect();
                unknown_key(sink, &describe(resource, kind), key, entry.key_span, &known);
            }
        }
        Some(fields)
    }

    /// A reader of the properties of a resource.
    pub(super) fn object<'v>(&'v self, item: &'v Item<'_>) -> Object<'v, 'v> {
        let what = describe(item.resource, item.kind);
        Object::of_template(&item.fields, item.span, what, self.evaluator.sink())
    }

    /// The account of the stack.
    pub(super) fn account(&self) -> AccountId {
        AccountId::new(self.evaluator.account())
    }

    /// Where an item was written.
    pub(super) fn origin(&self, span: Span) -> Option<secgroup_model::Origin> {
        origin(self.evaluator.sink().sources, span)
    }

    /// A property as an id.
    pub(super) fn id(
        &self,
        object: &Object<'_, '_>,
        key: &str,
        of: IdOf,
        need: Need,
    ) -> Option<(std::rc::Rc<str>, Span)> {
        self.names.read(object, key, object.get(key)?, of, need)
    }

    /// The items of a property as ids.
    pub(super) fn ids(
        &self,
        object: &Object<'_, '_>,
        key: &str,
        of: IdOf,
    ) -> Vec<(std::rc::Rc<str>, Span)> {
        // A list parameter without a value is one unknown group, not none: nothing would be worse
        // than to give the interface the default group instead.
        if let Some(value) = object.get(key)
            && matches!(value.kind, ValueKind::Unresolved(_))
        {
            return object
                .as_text(key, value, Need::Shown)
                .into_iter()
                .collect();
        }
        let item = |(at, value): (usize, &Value)| {
            self.names
                .read(object, &format!("{key}[{at}]"), value, of, Need::Shown)
        };
        object
            .list(key, Need::Shown)
            .into_iter()
            .filter_map(item)
            .collect()
    }

    /// Notes that somebody refers to the default group of a VPC of a template.
    pub(super) fn note_default_group(&self, collected: &mut Collected, value: Option<&Value>) {
        let Some(Value {
            kind: ValueKind::Resource(reference),
            span,
        }) = value
        else {
            return;
        };
        if reference.attribute.as_deref() == Some("DefaultSecurityGroup") {
            let vpc = self.names.id(reference.template, &reference.logical);
            let group = GroupId::new(&Names::default_group(&vpc));
            collected
                .default_groups
                .entry(group)
                .or_insert_with(|| (VpcId::new(&vpc), *span));
        }
    }
}

/// `security group `WebServers``.
fn describe(resource: &Resource<'_>, kind: Type) -> String {
    format!("{} `{}`", kind.noun(), resource.name)
}

/// B29.
fn associate(scope: &Scope<'_>, item: &Item<'_>, collected: &mut Collected) {
    let object = scope.object(item);
    let group = scope.id(&object, "GroupId", IdOf::Group, Need::Rule);
    let vpc = scope.id(&object, "VpcId", IdOf::Vpc, Need::Rule);
    if let (Some((group, _)), Some((vpc, _))) = (group, vpc) {
        let key = (GroupId::new(&group), VpcId::new(&vpc));
        collected
            .associations
            .push((key, AssociationStatus::Associated));
    }
}

/// A stack is complete only once its peering connections are active.
fn peer(scope: &Scope<'_>, item: &Item<'_>, collected: &mut Collected) {
    let object = scope.object(item);
    let requester = scope.id(&object, "VpcId", IdOf::Vpc, Need::Shown);
    let accepter = scope.id(&object, "PeerVpcId", IdOf::Vpc, Need::Shown);
    if let (Some((requester, _)), Some((accepter, _))) = (requester, accepter) {
        let thing = Peering {
            id: secgroup_model::PeeringId::new(&item.id),
            requester: VpcId::new(&requester),
            accepter: VpcId::new(&accepter),
            status: PeeringStatus::Active,
        };
        collected.peerings.push(Found {
            thing,
            span: item.span,
        });
    }
}

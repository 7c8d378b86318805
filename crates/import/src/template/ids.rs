//! How the resources of templates are called in an inventory, and what stands for an id.
//!
//! The logical id is the id: `WebServers`. Where two templates that are loaded together use the
//! same logical id, both are qualified by their template: `web/Servers` and `db/Servers`.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::Type;
use crate::diagnostic::Draft;
use crate::reader::{Need, Object, Text};
use crate::source::Span;
use crate::value::{Cause, Reference, Value, ValueKind};

/// Why a resource does not exist although it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Absent {
    /// The condition that does not hold.
    pub(crate) condition: Span,
}

/// The names of all templates of a load.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// By template, what qualifies its ids.
    pub(crate) stems: Vec<String>,
    /// Logical ids that more than one template uses.
    pub(crate) shared: BTreeSet<String>,
    /// Resources whose condition does not hold.
    pub(crate) absent: BTreeMap<(usize, String), Absent>,
}

/// What an id is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdOf {
    Group,
    Vpc,
    Subnet,
    PrefixList,
    Interface,
    Instance,
}

impl IdOf {
    const fn noun(self) -> &'static str {
        match self {
            Self::Group => "a security group",
            Self::Vpc => "a VPC",
            Self::Subnet => "a subnet",
            Self::PrefixList => "a prefix list",
            Self::Interface => "a network interface",
            Self::Instance => "an instance",
        }
    }

    /// Whether a reference to a resource of this type, or to this attribute of one, is such an id.
    fn is(self, kind: Type, attribute: Option<&str>) -> bool {
        match (self, kind) {
            // EC2-Classic and the default VPC had groups go by their names.
            (Self::Group, Type::SecurityGroup) => {
                matches!(attribute, None | Some("GroupId" | "Id" | "GroupName"))
            }
            (Self::Group, Type::Vpc) => attribute == Some("DefaultSecurityGroup"),
            (Self::Vpc, Type::Vpc) => matches!(attribute, None | Some("VpcId")),
            (Self::Subnet, Type::Subnet) => matches!(attribute, None | Some("SubnetId")),
            (Self::PrefixList, Type::PrefixList) => {
                matches!(attribute, None | Some("PrefixListId"))
            }
            (Self::Interface, Type::NetworkInterface) => matches!(attribute, None | Some("Id")),
            (Self::Instance, Type::Instance) => matches!(attribute, None | Some("InstanceId")),
            _ => false,
        }
    }
}

impl Names {
    /// The id of a resource.
    pub(crate) fn id(&self, template: usize, logical: &str) -> String {
        match self.stems.get(template) {
            Some(stem) if self.shared.contains(logical) => format!("{stem}/{logical}"),
            _ => logical.to_owned(),
        }
    }

    /// The id of the default group of a VPC of a template.
    pub(crate) fn default_group(vpc: &str) -> String {
        format!("{vpc}.DefaultSecurityGroup")
    }

    /// A value as an id. Ids of resources of other types (a nested stack, a load balancer) are only
    /// known to a running stack: their names stand for them, as those of our resources do, but
    /// nothing will be found behind them.
    pub(super) fn read(
        &self,
        object: &Object<'_, '_>,
        key: &str,
        value: &Value,
        of: IdOf,
        need: Need,
    ) -> Option<Text> {
        let ValueKind::Resource(reference) = &value.kind else {
            return object.as_text(key, value, need);
        };
        let attribute = reference.attribute.as_deref();
        match Type::named(&reference.kind) {
            Some(kind) if of.is(kind, attribute) => {
                self.check_present(object, reference, value.span, need)?;
                let id = self.id(reference.template, &reference.logical);
                let default = of == IdOf::Group && kind == Type::Vpc;
                let id = if default {
                    Self::default_group(&id)
                } else {
                    id
                };
                Some((id.into(), value.span))
            }
            // `Ref` of such a resource is no id of ours; of an attribute nothing is known.
            Some(kind)
                if attribute.is_none() || IdOf::ALL.iter().any(|of| of.is(kind, attribute)) =>
            {
                let message = format!(
                    "`{}` is not {}, but of type `{}`",
                    reference.written(),
                    of.noun(),
                    reference.kind
                );
                object.fail(Draft::error(value.span, message));
                None
            }
            _ => {
                let cause = Cause::Resource(reference.clone());
                let message = format!("{} depends on {}", object.what, cause.on());
                let written = reference.written();
                let stands = format!("`{written}` stands for its id");
                object.sink.push(
                    Draft::warning(value.span, message)
                        .here(stands)
                        .help(cause.help()),
                );
                Some((written.into(), value.span))
            }
        }
    }

    fn check_present(
        &self,
        object: &Object<'_, '_>,
        reference: &Reference,
        span: Span,
        need: Need,
    ) -> Option<()> {
        let key = (reference.template, reference.logical.to_string());
        let Some(absent) = self.absent.get(&key) else {
            return Some(());
        };
        let message = format!("`{}` does not exist here", reference.logical);
        let draft = match need {
            Need::Rule => Draft::error(span, message),
            Need::Shown => Draft::warning(span, message),
        };
        object.fail_or_say(
            need,
            draft.label(absent.condition, "this condition does not hold"),
        );
        None
    }
}

impl IdOf {
    const ALL: [Self; 6] = [
        Self::Group,
        Self::Vpc,
        Self::Subnet,
        Self::PrefixList,
        Self::Interface,
        Self::Instance,
    ];
}

//! The policy of a configuration: read from its files, with the interfaces that only the configuration has; and the watch
//! that tells when to read it again.
//!
//! An interface of the configuration is one of the policy: by its name, or as its [`Binding`] says. Where the configuration gives it
//! groups and addresses, the policy has none of that name, and gets one: after that nobody can tell the two kinds apart.

mod watch;

use secgroup_control::Attachment;
use secgroup_import::{Diagnostic, Severity, load as import, nearest};
use secgroup_model::{Inventory, NetworkInterfaceId};

pub use self::watch::PolicyWatch;
use crate::Loaded;
use crate::config::{Binding, Config, Interface};

/// Names that an error lists; more are cut off.
const NAMES_MAX: usize = 20;

/// Reads the policy of a configuration. Every interface of the configuration is in it, by its name. Notes are left out: they are for
/// `secgroup check`.
#[must_use]
pub fn load(config: &Config) -> Loaded<Inventory> {
    let import = import(&config.policy.files, &config.policy.options);
    let mut inventory = import.inventory;
    let mut diagnostics: Vec<_> = import
        .diagnostics
        .into_iter()
        .filter(|diagnostic| diagnostic.severity != Severity::Note)
        .collect();
    let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
    // What a broken policy lacks is no fault of the configuration; and with an endpoint the files are only a beginning.
    if config.api.is_none() && !diagnostics.iter().any(is_error) {
        diagnostics.extend(apply(config, &mut inventory));
    }
    let failed = diagnostics.iter().any(is_error);
    Loaded {
        value: (!failed).then_some(inventory),
        diagnostics,
        sources: import.sources,
    }
}

/// Brings what the configuration says about interfaces into the policy; what cannot be is returned.
fn apply(config: &Config, inventory: &mut Inventory) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    for interface in &config.interfaces {
        if let Some(attachment) = &interface.attachment {
            faults.extend(attach(interface, attachment, inventory));
        }
    }
    for interface in &config.interfaces {
        match interface.binding.find(inventory, None) {
            Ok(Some(_)) => {}
            Ok(None) if interface.attachment.is_some() => {} // Said above.
            Ok(None) => faults.push(missing(interface, inventory)),
            Err(several) => faults.push(ambiguous(interface, &several)),
        }
    }
    faults
}

/// Adds an interface with the configuration's name, or says why it cannot be.
fn attach(
    interface: &Interface,
    attachment: &Attachment,
    inventory: &mut Inventory,
) -> Option<Diagnostic> {
    let name = &interface.name;
    let id = NetworkInterfaceId::new(name);
    if inventory.interfaces.contains_key(&id) {
        let message = format!(
            "the policy has an interface \"{name}\" already, and the configuration gives one of that name groups and addresses"
        );
        let help =
            "leave `groups` and `addresses` out to use the policy's, or choose another `name`";
        return Some(error(message, help.to_owned()));
    }
    let fault = attachment.apply_as(id, inventory).err()?;
    let help = format!("check `groups` and `addresses` of [[interface]] \"{name}\"");
    Some(error(format!("interface \"{name}\": {fault}"), help))
}

/// Several network interfaces of the policy that an interface may be.
fn ambiguous(interface: &Interface, several: &[&NetworkInterfaceId]) -> Diagnostic {
    let Interface { name, binding, .. } = interface;
    let ids: Vec<_> = several.iter().map(|id| id.as_str()).collect();
    let message = format!(
        "interface \"{name}\": several are {binding}: {}",
        ids.join(", ")
    );
    error(message, "say which by `eni`".to_owned())
}

/// An interface that the policy does not have.
fn missing(interface: &Interface, inventory: &Inventory) -> Diagnostic {
    let Binding::Id(id) = &interface.binding else {
        let (name, binding) = (&interface.name, &interface.binding);
        let message = format!("interface \"{name}\": the policy has not {binding}");
        return error(
            message,
            "check `tag` and `mac`, or say which by `eni`".to_owned(),
        );
    };
    let name = id.as_str();
    let known = || inventory.interfaces.keys().map(NetworkInterfaceId::as_str);
    let help = match nearest(name, known()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => {
            let mut names: Vec<_> = known().take(NAMES_MAX).collect();
            if known().count() > NAMES_MAX {
                names.push("...");
            }
            let there = if names.is_empty() {
                "the policy has none".to_owned()
            } else {
                format!("the policy has {}", names.join(", "))
            };
            format!("{there}; or give it `groups` and `addresses` in the configuration")
        }
    };
    error(format!("the policy has no interface \"{name}\""), help)
}

fn error(message: String, help: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: None,
        message,
        location: None,
        label: None,
        labels: Vec::new(),
        help: vec![help],
    }
}

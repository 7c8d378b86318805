//! Policy files to an inventory, with what is wrong in them said as a compiler would.

use std::io::{IsTerminal, stderr};
use std::net::IpAddr;
use std::path::PathBuf;

use secgroup_control::Attachment;
use secgroup_import::{Diagnostic, Import, Options, Severity, load, render};
use secgroup_model::Inventory;

use crate::args::{AttachArgs, PolicyArgs};
use crate::render::counted;
use crate::{Failure, say};

/// Reads `files`; what is to be said about them is on standard error already. `None` where they
/// have errors.
pub(crate) fn read(files: &[PathBuf], args: &PolicyArgs) -> Option<Inventory> {
    let import = load(files, &options(args));
    tell(&import);
    (!import.has_errors()).then_some(import.inventory)
}

/// What was typed about reading policies, for the importer.
pub(crate) fn options(args: &PolicyArgs) -> Options {
    let mut options = Options {
        parameters: args.parameters.iter().cloned().collect(),
        import_values: args.import_values.iter().cloned().collect(),
        ..Options::default()
    };
    if let Some(region) = &args.region {
        options.region.clone_from(region);
    }
    if let Some(account) = &args.account {
        options.account.clone_from(account);
    }
    options.stack_name.clone_from(&args.stack_name);
    options
}

/// Prints errors and warnings, and how many errors, so that the last line says why nothing was
/// done. Notes only say what a reader may want to know, and are left to `secgroup check`.
fn tell(import: &Import) {
    let worth_telling: Vec<_> = import
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity != Severity::Note)
        .cloned()
        .collect();
    if !worth_telling.is_empty() {
        let color = stderr().is_terminal();
        say::tell(&render(&worth_telling, &import.sources, color));
    }
    let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
    let errors = worth_telling.iter().filter(is_error).count();
    if errors > 0 {
        say::tell(&format!(
            "\nThe policy has {}; nothing was done.\n",
            counted(errors as u64, "error")
        ));
    }
}

/// Adds the interfaces that were typed.
pub(crate) fn attach(inventory: &mut Inventory, args: &AttachArgs) -> Result<(), Failure> {
    for attachment in &args.attachments {
        attachment
            .apply(inventory)
            .map_err(|error| format!("--attach: {error}"))?;
    }
    for (groups, device) in &args.device_attachments {
        let groups = groups
            .split(',')
            .map(|group| group.trim().to_owned())
            .collect();
        let addresses = device_addresses(device)?;
        Attachment::new(groups, addresses)
            .apply(inventory)
            .map_err(|error| format!("--attach-device: {error}"))?;
    }
    Ok(())
}

/// The addresses of a network device of this host.
fn device_addresses(name: &str) -> Result<Vec<IpAddr>, Failure> {
    let devices = pnet::datalink::interfaces();
    let Some(device) = devices.iter().find(|device| device.name == name) else {
        let known: Vec<_> = devices.iter().map(|device| device.name.as_str()).collect();
        let known = known.join(", ");
        return Err(
            format!("--attach-device: there is no device '{name}'; there are: {known}").into(),
        );
    };
    let addresses: Vec<_> = device.ips.iter().map(|range| range.ip()).collect();
    if addresses.is_empty() {
        return Err(format!(
            "--attach-device: device '{name}' has no address; give one with --attach GROUP=ADDRESS"
        )
        .into());
    }
    Ok(addresses)
}

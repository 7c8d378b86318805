//! What may be there only once: names, addresses, devices, files; and where it was for the first time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Check;
use crate::config::{CaptureFiles, Port};

/// Everything that is taken, and by what.
#[derive(Debug, Default)]
pub(super) struct Devices {
    taken: HashMap<Thing, Taken>,
}

/// What can be taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Thing {
    /// An interface's name.
    Name(String),
    /// An address of an interface that the policy does not have.
    Address(IpAddr),
    /// A device, in a network namespace.
    Device(Option<String>, String),
    /// A capture file.
    File(PathBuf),
}

#[derive(Debug)]
struct Taken {
    at: Range<usize>,
    by: String,
    share: Share,
}

/// With whom a thing may be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// With nobody.
    Never,
    /// With those that only read it, and tell their own packets from others.
    Readers,
}

impl Thing {
    fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("the name {name:?}"),
            Self::Address(address) => format!("address {address}"),
            Self::Device(None, name) => format!("device {name:?}"),
            Self::Device(Some(netns), name) => format!("device {name:?} of namespace {netns:?}"),
            Self::File(path) => format!("file {:?}", path.display().to_string()),
        }
    }

    const fn help(&self) -> &'static str {
        match self {
            Self::Name(_) => "each network interface has one [[interface]] section",
            Self::Address(_) => "an address belongs to one interface",
            Self::Device(..) => {
                "a device belongs to one interface; only interfaces with `mode = \"watch\"` and `sees = \"addresses\"` can share one"
            }
            Self::File(_) => "a capture that is written cannot be read or written by anything else",
        }
    }
}

impl Devices {
    /// Takes a thing for the interface `by`, or says who has it.
    pub(super) fn take(
        &mut self,
        check: &mut Check<'_, '_>,
        thing: Thing,
        at: Range<usize>,
        by: &str,
        share: Share,
    ) {
        match self.taken.get(&thing) {
            Some(taken) if share == Share::Never || taken.share == Share::Never => {
                let message = format!("{} is used twice", thing.describe());
                let problem = check.problems.error(at, message).help(thing.help());
                problem.label(
                    taken.at.clone(),
                    format!("here for interface {:?}", taken.by),
                );
            }
            Some(_) => {}
            None => {
                let by = by.to_owned();
                self.taken.insert(thing, Taken { at, by, share });
            }
        }
    }

    /// Takes what a port needs.
    pub(super) fn take_port(
        &mut self,
        check: &mut Check<'_, '_>,
        port: &Port,
        at: &Range<usize>,
        by: &str,
        share: Share,
    ) {
        let netns = |port: &Port| match port {
            Port::Device(device) => match &device.backend {
                crate::config::Backend::Tap(tap) => tap.netns.clone(),
                _ => None,
            },
            Port::Capture(_) => None,
        };
        match port {
            Port::Device(device) => {
                let thing = Thing::Device(netns(port), device.name.clone());
                self.take(check, thing, at.clone(), by, share);
            }
            Port::Capture(CaptureFiles { read, write, .. }) => {
                let file = |path: &Path| Thing::File(path.to_owned());
                if let Some(read) = read {
                    self.take(check, file(read), at.clone(), by, Share::Readers);
                }
                if let Some(write) = write {
                    self.take(check, file(write), at.clone(), by, Share::Never);
                }
            }
        }
    }
}

//! One `[[interface]]`: its mode, and what belongs to that mode.

use secgroup_control::Attachment;
use secgroup_model::NetworkInterfaceId;
use secgroup_report::words::counted;
use secgroup_runtime::Sees;

use super::Check;
use super::devices::{Devices, Share, Thing};
use crate::config::file::{self, EtherType, ModeName};
use crate::config::tree::Place;
use crate::config::{BackendName, Binding, CaptureFiles, Interface, Mode, Port, QueueRange};

use ModeName::{Host, Inline, Watch};

/// What an interface is checked against.
pub(super) struct Surroundings {
    /// Whether the whole file only audits.
    pub(super) audit: bool,
    /// Whether the policy is managed by an endpoint.
    pub(super) api: bool,
    /// How many workers there are.
    pub(super) workers: u16,
    /// The queues of an interface in host mode.
    pub(super) queues: QueueRange,
    /// The first queue that no interface has.
    pub(super) next_queue: u32,
}

/// Keys that only some modes have.
const KEYS: [(&str, &[ModeName]); 10] = [
    ("inside", &[Inline]),
    ("outside", &[Inline]),
    ("ethertypes", &[Inline]),
    ("shield", &[Inline]),
    ("devices", &[Host]),
    ("device", &[Watch]),
    ("sees", &[Watch]),
    ("backend", &[Inline, Watch]),
    ("shards", &[Inline, Watch]),
    ("audit", &[Inline, Host]),
];

/// EtherTypes that have a way of their own, and what that is.
const DECIDED_ETHERTYPES: [(u16, &str); 5] = [
    (0x0800, "IPv4 is decided by the rules"),
    (0x86dd, "IPv6 is decided by the rules"),
    (0x0806, "ARP always passes"),
    (0x8100, "what is behind a VLAN tag is decided"),
    (0x88a8, "what is behind a VLAN tag is decided"),
];

/// Below this a frame's type field is its length (IEEE 802.3).
const ETHERTYPE_MIN: u16 = 0x0600;

impl Check<'_, '_> {
    pub(super) fn interface(
        &mut self,
        file: &file::Interface,
        here: &Place<'_>,
        around: &mut Surroundings,
        devices: &mut Devices,
    ) -> Interface {
        let name = Thing::Name(file.name.clone());
        devices.take(
            self,
            name,
            here.key("name").span(),
            &file.name,
            Share::Never,
        );
        self.keys_of_mode(file.mode, here);
        let mode = match file.mode {
            Inline => self.inline(file, here, devices),
            Host => self.host_mode(file, here, around, devices),
            Watch => self.watch(file, here, devices),
        };
        let shards = match file.mode {
            Host => around.queues.count,
            Inline | Watch => self.shards(file, here, around.workers, &mode),
        };
        if let Some(worker) = file.worker.filter(|&worker| worker >= around.workers) {
            let message = format!("there is no worker {worker}: there {}", are(around.workers));
            let problem = self.problems.error(here.key("worker").span(), message);
            problem.help(
                "workers are counted from 0; raise `count` in [workers], or leave `worker` out",
            );
        }
        Interface {
            name: file.name.clone(),
            binding: self.binding(file, here, around.api),
            attachment: self.attachment(file, here, around.api, devices),
            mode,
            shards,
            worker: file.worker,
            audit: file.audit.unwrap_or(around.audit) || around.audit,
            allowance: file.allowance,
            source_dest_check: file.source_dest_check,
        }
    }

    /// Says which keys have no meaning in this mode.
    fn keys_of_mode(&mut self, mode: ModeName, here: &Place<'_>) {
        for (key, modes) in KEYS {
            if !here.has(key) || modes.contains(&mode) {
                continue;
            }
            let modes: Vec<_> = modes
                .iter()
                .map(|mode| format!("{:?}", mode.as_str()))
                .collect();
            let modes = modes.join(" and ");
            let message = format!("`{key}` has no meaning in mode {:?}", mode.as_str());
            let problem = self.problems.error(here.name(key), message);
            let problem = problem.here(format!("only in mode {modes}"));
            let problem = problem.label(here.key("mode").span(), "the mode of this interface");
            problem.help(match (key, mode) {
                ("shards", Host) => {
                    "in this mode `queues` in [host] says over how many workers it is spread"
                }
                ("audit", Watch) => "an interface that is watched is never enforced",
                (_, Inline) => "its devices are `inside` and `outside`",
                (_, Host) => "its devices are listed in `devices`",
                (_, Watch) => "its device is `device`",
            });
        }
    }

    fn inline(&mut self, file: &file::Interface, here: &Place<'_>, devices: &mut Devices) -> Mode {
        let mut side = |check: &mut Self, key: &str, port: Option<&file::Port>, missing: &str| {
            let Some(port) = port else {
                let message = format!("interface {:?} has no `{key}`", file.name);
                let problem = check.problems.error(here.span(), message);
                problem.help(missing);
                return nowhere();
            };
            let place = here.key(key);
            let (port, at) = check.port(port, file, &place);
            devices.take_port(check, &port, &at, &file.name, Share::Never);
            port
        };
        let missing = "name the device of the instance's side, for example: `inside = \"tap0\"`";
        let inside = side(self, "inside", file.inside.as_ref(), missing);
        let missing = "name the device of the network's side, for example: `outside = \"uplink0\"`";
        let outside = side(self, "outside", file.outside.as_ref(), missing);
        Mode::Inline {
            inside,
            outside,
            ethertypes: self.ethertypes(file, here),
            shield: file.shield.unwrap_or(true),
        }
    }

    fn host_mode(
        &mut self,
        file: &file::Interface,
        here: &Place<'_>,
        around: &mut Surroundings,
        devices: &mut Devices,
    ) -> Mode {
        let list = here.key("devices");
        let names = file.devices.clone().unwrap_or_default();
        if file.devices.is_none() {
            let message = format!("interface {:?} has no `devices`", file.name);
            let problem = self.problems.error(here.span(), message);
            problem.help("list the devices whose own packets are judged, for example: `devices = [\"eth0\"]`");
        }
        for (index, name) in names.iter().enumerate() {
            let at = list.item(index).span();
            self.device_name(name, at.clone());
            devices.take(
                self,
                Thing::Device(None, name.clone()),
                at,
                &file.name,
                Share::Never,
            );
        }
        Mode::Host {
            devices: names,
            queues: self.next_queues(here, around),
        }
    }

    /// Queues that no other interface has.
    fn next_queues(&mut self, here: &Place<'_>, around: &mut Surroundings) -> QueueRange {
        let count = around.queues.count;
        let first = around.next_queue;
        around.next_queue += u32::from(count);
        if around.next_queue > 1 << 16 {
            let message = format!(
                "there are no queues left for this interface: {} from {first} on",
                counted(count.into(), "queue")
            );
            let problem = self.problems.error(here.key("mode").span(), message);
            problem.help("queue numbers end at 65535; choose a lower `queue` in [host]");
        }
        QueueRange {
            first: u16::try_from(first).unwrap_or(u16::MAX),
            count,
        }
    }

    fn watch(&mut self, file: &file::Interface, here: &Place<'_>, devices: &mut Devices) -> Mode {
        let sees = match file.sees {
            None | Some(file::Sees::Host) => Sees::Host,
            Some(file::Sees::Instance) => Sees::Instance,
            Some(file::Sees::Addresses) => Sees::Addresses,
        };
        let Some(port) = &file.device else {
            let message = format!("interface {:?} has no `device`", file.name);
            let problem = self.problems.error(here.span(), message);
            problem.help("name the device that is watched, for example: `device = \"eth0\"`");
            return Mode::Watch {
                port: nowhere(),
                sees,
            };
        };
        let (port, at) = self.port(port, file, &here.key("device"));
        let share = match sees {
            Sees::Addresses => Share::Readers,
            Sees::Host | Sees::Instance => Share::Never,
        };
        devices.take_port(self, &port, &at, &file.name, share);
        Mode::Watch { port, sees }
    }

    fn shards(
        &mut self,
        file: &file::Interface,
        here: &Place<'_>,
        workers: u16,
        mode: &Mode,
    ) -> u16 {
        let shards = file.shards.unwrap_or(1);
        let at = here.key("shards").span();
        if shards > workers {
            let message = format!(
                "{} for {}",
                counted(shards.into(), "shard"),
                counted(workers.into(), "worker")
            );
            let problem = self.problems.error(at, message);
            problem.help(format!(
                "each shard is on a worker of its own: at most `shards = {workers}`, or more `count` in [workers]"
            ));
        } else if shards > 1
            && let Some(backend) = unshardable(mode)
        {
            let message = format!(
                "backend {:?} cannot spread frames over shards",
                backend.as_str()
            );
            self.problems
                .error(at, message)
                .help("leave `shards` out, or choose another backend");
        }
        shards
    }

    fn ethertypes(&mut self, file: &file::Interface, here: &Place<'_>) -> Vec<u16> {
        let list = here.key("ethertypes");
        let mut ethertypes = Vec::new();
        for (index, ethertype) in file.ethertypes.iter().flatten().enumerate() {
            let at = list.item(index).span();
            let number = match ethertype {
                EtherType::Number(number) => Some(*number),
                EtherType::Text(text) => hexadecimal(text),
            };
            let Some(number) = number.filter(|&number| number >= ETHERTYPE_MIN) else {
                let problem = self.problems.error(at, "this is not an EtherType");
                problem.help("an EtherType is from 0x0600 to 0xffff, such as \"0x88cc\" for LLDP");
                continue;
            };
            if let Some((_, why)) = DECIDED_ETHERTYPES
                .iter()
                .find(|(known, _)| *known == number)
            {
                let message = format!("EtherType {number:#06x} cannot be listed: {why}");
                let problem = self.problems.error(at, message);
                problem.help("leave it out");
            }
            ethertypes.push(number);
        }
        ethertypes.sort_unstable();
        ethertypes.dedup();
        ethertypes
    }

    /// Which network interface of the policy it is.
    fn binding(&mut self, file: &file::Interface, here: &Place<'_>, api: bool) -> Binding {
        let keys = ["eni", "tag", "mac", "groups"];
        let given: Vec<_> = keys.into_iter().filter(|key| here.has(key)).collect();
        if let [first, second, ..] = given[..] {
            let message = format!("`{second}` together with `{first}`");
            let problem = self.problems.error(here.name(second), message);
            let problem = problem.label(here.key(first).span(), "this says already which it is");
            problem.help("leave one of them out");
        }
        if api && given.is_empty() && !NetworkInterfaceId::new(&file.name).is_well_formed() {
            let message = format!("{:?} is not the id of a network interface", file.name);
            let problem = self.problems.error(here.key("name").span(), message);
            problem.help("with [api] say which it is by `eni = \"eni-…\"`, by a tag of it such as `tag = \"Name=web-1\"`, or by its `mac`");
        }
        if let Some(text) = &file.tag {
            return match text.split_once('=') {
                Some((key, value)) if !key.is_empty() => Binding::Tag {
                    key: key.to_owned(),
                    value: value.to_owned(),
                },
                _ => {
                    let message = format!("{text:?} is not KEY=VALUE");
                    let problem = self.problems.error(here.key("tag").span(), message);
                    problem.help("for example: `tag = \"Name=web-1\"`");
                    by_name(file)
                }
            };
        }
        if let Some(text) = &file.mac {
            return text.parse().map_or_else(
                |_| {
                    let message = format!("{text:?} is not a MAC address");
                    let problem = self.problems.error(here.key("mac").span(), message);
                    problem.help("for example: `mac = \"02:00:5e:10:00:01\"`");
                    by_name(file)
                },
                Binding::Mac,
            );
        }
        by_name(file)
    }

    /// Groups and addresses of an interface that the policy does not have.
    fn attachment(
        &mut self,
        file: &file::Interface,
        here: &Place<'_>,
        api: bool,
        devices: &mut Devices,
    ) -> Option<Attachment> {
        if api
            && let Some(key) = ["groups", "addresses"]
                .into_iter()
                .find(|key| here.has(key))
        {
            let message = format!("`{key}` has no meaning with [api]");
            let problem = self.problems.error(here.name(key), message);
            problem.help("make the network interface with `aws ec2 create-network-interface`, and say here which it is: by `eni`, `tag` or `mac`");
            return None;
        }
        let (groups, texts) = match (&file.groups, &file.addresses) {
            (None, None) => return None,
            (Some(groups), Some(texts)) => (groups, texts),
            (Some(_), None) => {
                let problem = self
                    .problems
                    .error(here.name("groups"), "`groups` without `addresses`");
                problem.help("say which addresses the interface has, for example: `addresses = [\"10.0.1.10\"]`; or leave both out and name an interface of the policy");
                return None;
            }
            (None, Some(_)) => {
                let problem = self
                    .problems
                    .error(here.name("addresses"), "`addresses` without `groups`");
                problem.help("say which groups are attached, for example: `groups = [\"WebGroup\"]`; or leave both out and name an interface of the policy");
                return None;
            }
        };
        let list = here.key("addresses");
        let addresses = self.addresses(texts, &list);
        for (index, text) in texts.iter().enumerate() {
            if let Ok(address) = text.parse() {
                if texts[..index].contains(text) {
                    continue;
                }
                let at = list.item(index).span();
                devices.take(self, Thing::Address(address), at, &file.name, Share::Never);
            }
        }
        for (index, group) in groups.iter().enumerate() {
            if groups[..index].contains(group) {
                let at = here.key("groups").item(index).span();
                let problem = self
                    .problems
                    .error(at, format!("group {group:?} is here twice"));
                problem.help("remove one of them");
            }
        }
        Some(Attachment::new(groups.clone(), addresses))
    }
}

/// What stands for a port that is missing, until the file is refused.
const fn nowhere() -> Port {
    Port::Capture(CaptureFiles {
        read: None,
        write: None,
        pace: true,
    })
}

/// A backend of the interface that every shard would hear every frame from.
fn unshardable(mode: &Mode) -> Option<BackendName> {
    let ports = match mode {
        Mode::Inline {
            inside, outside, ..
        } => vec![inside, outside],
        Mode::Host { .. } => Vec::new(),
        Mode::Watch { port, .. } => vec![port],
    };
    let mut backends = ports.into_iter().map(Port::backend);
    backends.find(|backend| matches!(backend, BackendName::Pnet | BackendName::Capture))
}

/// `0x88cc`
fn hexadecimal(text: &str) -> Option<u16> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_number)
}

/// `is 1 worker`, `are 2 workers`
fn are(workers: u16) -> String {
    let verb = if workers == 1 { "is" } else { "are" };
    format!("{verb} {}", counted(workers.into(), "worker"))
}

/// The network interface that is called so.
fn by_name(file: &file::Interface) -> Binding {
    Binding::Id(NetworkInterfaceId::new(
        file.eni.as_ref().unwrap_or(&file.name),
    ))
}

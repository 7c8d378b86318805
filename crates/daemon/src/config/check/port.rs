//! One side of an interface: its backend, and what belongs to that backend.

use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;
use secgroup_model::MacAddress;

use super::Check;
use crate::config::file::{self, ModeName, PortSettings};
use crate::config::tree::Place;
use crate::config::{AfXdp, Backend, BackendName, CaptureFiles, Device, Port, Tap};

use BackendName::{AfPacket, AfXdp as Xdp, Capture, Pnet, Tap as TapDevice};

/// Keys that only some backends have.
const KEYS: [(&str, &[BackendName]); 13] = [
    ("device", &[AfPacket, TapDevice, Pnet, Xdp]),
    ("ring", &[AfPacket]),
    ("ring_frames", &[AfPacket, Xdp]),
    ("mode", &[Xdp]),
    ("attach", &[Xdp]),
    ("netns", &[TapDevice]),
    ("mac", &[TapDevice]),
    ("mtu", &[TapDevice]),
    ("addresses", &[TapDevice]),
    ("gateways", &[TapDevice]),
    ("read", &[Capture]),
    ("write", &[Capture]),
    ("pace", &[Capture]),
];

/// Most bytes of the name of a network device (`IFNAMSIZ`, with its final zero).
const DEVICE_NAME_MAX: usize = 15;

/// Most bytes of the name of a file, and so of a network namespace.
const FILE_NAME_MAX: usize = 255;

impl Check<'_, '_> {
    /// The port, and where the device or file that it uses is named.
    pub(super) fn port(
        &mut self,
        port: &file::Port,
        interface: &file::Interface,
        here: &Place<'_>,
    ) -> (Port, Range<usize>) {
        let from_name;
        let (settings, at) = match port {
            file::Port::Device(name) => {
                from_name = PortSettings {
                    device: Some(name.clone()),
                    ..PortSettings::default()
                };
                (&from_name, here.span())
            }
            file::Port::Settings(settings) => (&**settings, here.key("device").span()),
        };
        let backend = settings.backend.or(interface.backend).unwrap_or_default();
        if interface.mode == ModeName::Watch && matches!(backend, TapDevice | Xdp) {
            let message = format!("backend {:?} cannot only watch", backend.as_str());
            let place = if here.has("backend") {
                here.key("backend").span()
            } else {
                at.clone()
            };
            let problem = self.problems.error(place, message);
            problem.help("to watch there are \"af-packet\", \"pnet\" and \"capture\"");
        }
        self.keys_of_backend(backend, here);
        if backend == Capture {
            return (Port::Capture(self.capture(settings, here)), at);
        }
        let name = self.device(settings, backend, here, &at);
        let backend = match backend {
            AfPacket | Capture => Backend::AfPacket {
                ring: settings.ring.unwrap_or_default(),
                ring_frames: settings.ring_frames,
            },
            Pnet => Backend::Pnet,
            Xdp => Backend::AfXdp(self.xdp(settings, here)),
            TapDevice => Backend::Tap(self.tap(settings, here)),
        };
        (Port::Device(Device { name, backend }), at)
    }

    /// Says which keys have no meaning with this backend.
    fn keys_of_backend(&mut self, backend: BackendName, here: &Place<'_>) {
        for (key, backends) in KEYS {
            if !here.has(key) || backends.contains(&backend) {
                continue;
            }
            let names: Vec<_> = backends
                .iter()
                .map(|name| format!("{:?}", name.as_str()))
                .collect();
            let message = format!("`{key}` has no meaning with backend {:?}", backend.as_str());
            let problem = self.problems.error(here.name(key), message);
            problem
                .here(format!("only with {}", names.join(", ")))
                .help(match backends {
                    [only] => format!("leave it out, or write `backend = {:?}`", only.as_str()),
                    _ => "leave it out, or choose another backend".to_owned(),
                });
        }
    }

    fn device(
        &mut self,
        settings: &PortSettings,
        backend: BackendName,
        here: &Place<'_>,
        at: &Range<usize>,
    ) -> String {
        let Some(name) = &settings.device else {
            let message = format!("backend {:?} needs a `device`", backend.as_str());
            let problem = self.problems.error(here.span(), message);
            problem.help("for example: `device = \"tap0\"`");
            return String::new();
        };
        self.device_name(name, at.clone());
        name.clone()
    }

    /// Checks the name of a device as the kernel does (`dev_valid_name`).
    pub(super) fn device_name(&mut self, name: &str, at: Range<usize>) {
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':');
        let fault = match name {
            "" => "it is empty".to_owned(),
            "." | ".." => "it is the name of a folder".to_owned(),
            _ if name.len() > DEVICE_NAME_MAX => {
                format!(
                    "it has {} bytes, and the kernel allows {DEVICE_NAME_MAX}",
                    name.len()
                )
            }
            _ => match name.chars().find(|&c| is_odd(c)) {
                Some(odd) => format!("the kernel allows no {odd:?} in it"),
                None => return,
            },
        };
        let problem = self.problems.error(
            at,
            format!("{name:?} cannot be the name of a device: {fault}"),
        );
        problem.help("`ip link` lists the devices of this host");
    }

    fn xdp(&mut self, settings: &PortSettings, here: &Place<'_>) -> AfXdp {
        if let Some(frames) = settings
            .ring_frames
            .filter(|frames| !frames.is_power_of_two())
        {
            let message = format!("`ring_frames` is {frames}, which is not a power of two");
            let problem = self.problems.error(here.key("ring_frames").span(), message);
            problem.help(format!(
                "for example: `ring_frames = {}`",
                frames.next_power_of_two().min(65_536)
            ));
        }
        AfXdp {
            mode: settings.mode.unwrap_or_default(),
            attach: settings.attach.unwrap_or_default(),
            ring_frames: settings.ring_frames,
        }
    }

    fn tap(&mut self, settings: &PortSettings, here: &Place<'_>) -> Tap {
        let addresses = self.tap_addresses(settings, here);
        Tap {
            netns: settings
                .netns
                .clone()
                .inspect(|name| self.netns(name, here)),
            mac: settings.mac.as_ref().and_then(|text| self.mac(text, here)),
            mtu: settings.mtu,
            gateways: self.gateways(settings, &addresses, here),
            addresses,
        }
    }

    fn netns(&mut self, name: &str, here: &Place<'_>) {
        let is_name = !matches!(name, "" | "." | "..") && name.len() <= FILE_NAME_MAX;
        if !is_name || name.contains(['/', '\0']) {
            let message = format!("{name:?} cannot be the name of a network namespace");
            let problem = self.problems.error(here.key("netns").span(), message);
            problem.help("`ip netns list` lists them; `ip netns add blue` makes one");
        }
    }

    fn mac(&mut self, text: &str, here: &Place<'_>) -> Option<MacAddress> {
        let at = here.key("mac").span();
        let Ok(mac) = text.parse::<MacAddress>() else {
            let problem = self
                .problems
                .error(at, format!("{text:?} is not a hardware address"));
            problem.help("a hardware address is written like \"02:00:5e:10:00:01\"");
            return None;
        };
        if mac.0[0] & 1 != 0 || mac.0 == [0; 6] {
            let problem = self
                .problems
                .error(at, format!("{mac} cannot be the address of a device"));
            problem.help("the first byte of one that is made up is best 02: \"02:00:5e:10:00:01\"");
        }
        Some(mac)
    }

    fn tap_addresses(&mut self, settings: &PortSettings, here: &Place<'_>) -> Vec<IpNet> {
        let list = here.key("addresses");
        let mut addresses = Vec::new();
        for (index, text) in settings.addresses.iter().flatten().enumerate() {
            let at = list.item(index).span();
            match text.parse::<IpNet>() {
                Ok(address) => addresses.push(address),
                Err(_) => {
                    let problem = self.problems.error(
                        at,
                        format!("{text:?} is not an address with a prefix length"),
                    );
                    problem.help("for example: \"10.0.1.10/24\" or \"2001:db8::10/64\"");
                }
            }
        }
        addresses
    }

    fn gateways(
        &mut self,
        settings: &PortSettings,
        addresses: &[IpNet],
        here: &Place<'_>,
    ) -> Vec<IpAddr> {
        let list = here.key("gateways");
        let texts = settings.gateways.clone().unwrap_or_default();
        let gateways = self.addresses(&texts, &list);
        for (index, gateway) in gateways.iter().enumerate() {
            let is_link_local = matches!(gateway, IpAddr::V6(v6) if v6.is_unicast_link_local());
            let in_reach = addresses.iter().any(|address| address.contains(gateway));
            let at = list.item(index).span();
            if gateways[..index]
                .iter()
                .any(|other| other.is_ipv4() == gateway.is_ipv4())
            {
                let problem = self
                    .problems
                    .error(at, "a second default gateway of its address family");
                problem.help("remove one of them");
            } else if !in_reach && !is_link_local {
                let message =
                    format!("gateway {gateway} is in the network of none of the `addresses`");
                let problem = self.problems.error(at, message);
                problem.help("the device could not reach it; check the prefix lengths");
            }
        }
        gateways
    }

    fn capture(&mut self, settings: &PortSettings, here: &Place<'_>) -> CaptureFiles {
        if settings.read.is_none() && settings.write.is_none() {
            let problem = self
                .problems
                .error(here.span(), "backend \"capture\" needs a file");
            problem.help("for example: `{ backend = \"capture\", read = \"in.pcap\", write = \"out.pcap\" }`");
        }
        let mut path = |text: &Option<String>, key: &str| {
            text.as_ref().map(|text| self.path(text, &here.key(key)))
        };
        CaptureFiles {
            read: path(&settings.read, "read"),
            write: path(&settings.write, "write"),
            pace: settings.pace.unwrap_or(true),
        }
    }
}

//! Opens the devices of one interface.
//!
//! A [`LinkOpener`] is asked whenever a link has to be opened: at the start, when a device came back, after a worker failed.
//! It remembers nothing but the shields: a port of an inline link is kept off the host's own network stack for as long as the
//! link is configured, also while it is closed.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

use secgroup_io::live::af_packet::{AfPacket, AfPacketSettings, Fanout, Ring};
use secgroup_io::live::af_xdp::{AfXdp, AfXdpSettings, CopyMode, XdpMode};
use secgroup_io::live::device::{self, DeviceError};
use secgroup_io::live::nfqueue::{NfQueue, NfQueueSettings};
use secgroup_io::live::pnet::{Pnet, PnetSettings};
use secgroup_io::live::rehearsal::{Rehearsal, RehearsalSettings};
use secgroup_io::live::shield::Shield;
use secgroup_io::live::tap::{Netns, Tap, TapSettings};
use secgroup_io::live::{Port as LivePort, Receiver};
use secgroup_packet::MacAddress;
use secgroup_runtime::{Attached, Open, OpenError, Shard};

use super::Surroundings;
use crate::config::{self, Backend, CaptureFiles, Device, Mode, Port};

/// Opens the devices of one interface.
#[derive(Debug)]
pub(super) struct LinkOpener {
    mode: Mode,
    around: Surroundings,
    /// By device.
    shields: Mutex<BTreeMap<String, Raised>>,
}

/// A shield, and the number of the device that it is for: one that came back has another.
#[derive(Debug)]
pub(super) struct Raised {
    index: u32,
    shield: Shield,
}

impl Open for LinkOpener {
    fn open(&self, shard: Shard) -> Result<Attached, OpenError> {
        match &self.mode {
            Mode::Inline {
                inside,
                outside,
                shield,
                ..
            } => {
                let [inside, outside] = [(inside, 0), (outside, 1)].map(|(port, side)| {
                    if *shield {
                        self.raise(port)?;
                    }
                    self.port(port, shard, side)
                });
                Ok(Attached::Inline {
                    inside: inside?,
                    outside: outside?,
                })
            }
            Mode::Host { queues, .. } => {
                let settings = NfQueueSettings {
                    copy_range: self.around.copy_bytes,
                    flow_mark: self.around.mark.clone(),
                    ..NfQueueSettings::new(queues.first + shard.index)
                };
                let queue = NfQueue::open(&settings).map_err(refused)?;
                Ok(Attached::Host(Box::new(queue)))
            }
            Mode::Watch { port, sees } => Ok(Attached::Watch {
                receiver: self.watched(port)?,
                sees: *sees,
            }),
        }
    }

    fn devices(&self) -> Vec<String> {
        let made_elsewhere = |port: &&Port| {
            matches!(
                port,
                Port::Device(Device {
                    backend: Backend::Tap(_),
                    ..
                })
            )
        };
        let names = |ports: &[&Port]| {
            let devices = ports.iter().copied().filter(|port| !made_elsewhere(port));
            devices
                .filter_map(Port::device)
                .map(str::to_owned)
                .collect()
        };
        match &self.mode {
            Mode::Inline {
                inside, outside, ..
            } => names(&[inside, outside]),
            Mode::Host { .. } => Vec::new(), // Queues are there whether devices are or not.
            Mode::Watch { port, .. } => names(&[port]),
        }
    }
}

impl LinkOpener {
    /// Opens what an interface in this mode needs. Nothing is open yet.
    pub(super) fn new(mode: Mode, around: Surroundings) -> Self {
        Self {
            mode,
            around,
            shields: Mutex::default(),
        }
    }

    fn port(&self, port: &Port, shard: Shard, side: u16) -> Result<Box<dyn LivePort>, OpenError> {
        let Device { name, backend } = match port {
            Port::Device(device) => device,
            Port::Capture(files) => {
                return Ok(Box::new(
                    Rehearsal::open(&rehearsal(files)).map_err(refused)?,
                ));
            }
        };
        Ok(match backend {
            Backend::AfPacket { ring, ring_frames } => {
                let mut settings = af_packet(AfPacketSettings::port(name), *ring, *ring_frames);
                settings.fanout = (shard.count > 1).then(|| Fanout {
                    group: fanout_group(name, side),
                    shards: shard.count,
                    steering: self.around.steering,
                });
                Box::new(AfPacket::open(&settings).map_err(device_error)?)
            }
            Backend::Tap(tap) => {
                let settings = self.tap(name, tap)?;
                Box::new(Tap::open(&settings, shard.index).map_err(refused)?)
            }
            Backend::Pnet => {
                let device = name.clone();
                Box::new(Pnet::open(&PnetSettings { device }).map_err(device_error)?)
            }
            Backend::AfXdp(xdp) => {
                let settings = af_xdp(name, xdp, shard);
                Box::new(AfXdp::open(&settings).map_err(refused)?)
            }
        })
    }

    fn watched(&self, port: &Port) -> Result<Box<dyn Receiver>, OpenError> {
        Ok(match port {
            Port::Device(Device {
                name,
                backend: Backend::AfPacket { ring, ring_frames },
            }) => {
                let settings = af_packet(AfPacketSettings::watch(name), *ring, *ring_frames);
                Box::new(AfPacket::open(&settings).map_err(device_error)?)
            }
            Port::Device(Device { name, .. }) => {
                let device = name.clone();
                Box::new(Pnet::open(&PnetSettings { device }).map_err(device_error)?)
            }
            Port::Capture(files) => {
                let settings = RehearsalSettings {
                    keep_snapped: true,
                    ..rehearsal(files)
                };
                Box::new(Rehearsal::open(&settings).map_err(refused)?)
            }
        })
    }

    fn tap(&self, name: &str, tap: &config::Tap) -> Result<TapSettings, OpenError> {
        let named = tap.netns.as_deref().map(Netns::named).transpose();
        let default = TapSettings::named(name);
        Ok(TapSettings {
            netns: named
                .map_err(refused)?
                .or_else(|| self.around.namespace.clone()),
            mac: tap.mac.map(|mac| MacAddress(mac.0)),
            mtu: tap.mtu.unwrap_or(default.mtu),
            addresses: tap
                .addresses
                .iter()
                .map(|range| (range.addr(), range.prefix_len()))
                .collect(),
            gateways: tap.gateways.clone(),
            ..default
        })
    }

    /// Keeps the devices that are there off the host's own network stack, although none is open. One that is not there yet is no fault.
    pub(super) fn raise_all(&self) -> Result<(), OpenError> {
        let Mode::Inline {
            inside,
            outside,
            shield: true,
            ..
        } = &self.mode
        else {
            return Ok(());
        };
        for port in [inside, outside] {
            match self.raise(port) {
                Ok(()) | Err(OpenError::NoDevice(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Keeps a device off the host's own network stack, unless it is already. A tap's frames come to nobody else. An XDP
    /// socket consumes what it hears, but only while it is open.
    fn raise(&self, port: &Port) -> Result<(), OpenError> {
        let Port::Device(Device {
            name,
            backend: Backend::AfPacket { .. } | Backend::Pnet | Backend::AfXdp(_),
        }) = port
        else {
            return Ok(());
        };
        let found = device::Device::find(name).map_err(refused)?;
        let found = found.ok_or_else(|| OpenError::NoDevice(name.clone()))?;
        let mut shields = self.shields();
        if shields
            .get(name)
            .is_some_and(|raised| raised.index == found.index)
        {
            return Ok(());
        }
        let shield = Shield::raise(&found).map_err(refused)?;
        let index = found.index;
        shields.insert(name.clone(), Raised { index, shield });
        Ok(())
    }

    pub(super) fn shield_warnings(&self) -> Vec<String> {
        let shields = self.shields();
        let incomplete = |(name, raised): (&String, &Raised)| {
            let why = raised.shield.gap()?;
            Some(format!(
                "the host's own network stack hears what comes in at {name}: {why}"
            ))
        };
        shields.iter().filter_map(incomplete).collect()
    }

    pub(super) fn shields(&self) -> MutexGuard<'_, BTreeMap<String, Raised>> {
        self.shields.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn af_packet(
    settings: AfPacketSettings,
    ring: config::Ring,
    frames: Option<u32>,
) -> AfPacketSettings {
    AfPacketSettings {
        ring: match ring {
            config::Ring::V2 => Ring::V2,
            config::Ring::V3 => Ring::V3,
        },
        frames: frames.unwrap_or(settings.frames),
        ..settings
    }
}

fn af_xdp(device: &str, xdp: &config::AfXdp, shard: Shard) -> AfXdpSettings {
    let default = AfXdpSettings::new(device);
    AfXdpSettings {
        queue: shard.index.into(),
        queues: shard.count.into(),
        copy: match xdp.mode {
            config::XdpMode::Auto => CopyMode::Auto,
            config::XdpMode::Copy => CopyMode::Copy,
            config::XdpMode::ZeroCopy => CopyMode::ZeroCopy,
        },
        mode: match xdp.attach {
            config::XdpAttach::Auto => XdpMode::Auto,
            config::XdpAttach::Native => XdpMode::Native,
            config::XdpAttach::Generic => XdpMode::Generic,
        },
        frames: xdp.ring_frames.unwrap_or(default.frames),
        ..default
    }
}

fn rehearsal(files: &CaptureFiles) -> RehearsalSettings {
    RehearsalSettings {
        received: files.read.clone(),
        sent: files.write.clone(),
        pace: files.pace,
        keep_snapped: false,
    }
}

/// A number that no other device of this namespace has: fanout groups are numbered across devices.
fn fanout_group(device: &str, side: u16) -> u16 {
    let index = device::Device::find(device)
        .ok()
        .flatten()
        .map_or(0, |device| device.index);
    let [.., a, b] = index.to_be_bytes();
    u16::from_be_bytes([a, b]).rotate_left(1) ^ side
}

fn device_error(error: DeviceError) -> OpenError {
    match error {
        DeviceError::NoDevice(name) => OpenError::NoDevice(name),
        other => refused(other),
    }
}

fn refused(error: impl Display) -> OpenError {
    OpenError::Refused(error.to_string())
}

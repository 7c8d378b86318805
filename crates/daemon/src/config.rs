//! What `secgroup run --config FILE` is told: a TOML file, as a [`Config`] that has nothing left to doubt.
//!
//! A file goes through four steps, and each reports everything it finds, not only the first fault:
//!
//! 1. it is parsed (`toml`);
//! 2. its *shape* is checked (`shape`): keys, types, ranges, words. By the JSON Schema that editors use as well, which is
//!    made of the types in `file`: there is one description of the file, and nothing can accept what another refuses;
//! 3. it is read into those types (serde), which after step 2 cannot fail;
//! 4. its *meaning* is checked (`check`): addresses are addresses, what belongs to another mode or backend is not there,
//!    no device is used twice. What comes out are the types of this module, without a trace of TOML.
//!
//! Faults are the [`Diagnostic`]s of policy files, and look the same: file, line, column, the line itself, and what
//! to write instead. A daemon that runs compares the `Config` of a changed file with its own: [`Config::changes`].

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secgroup_control::Defaults;
use secgroup_datapath::Settings;
use secgroup_flowlog::{Encoding, Folder, Format, Traffic};
use secgroup_import::{Diagnostic, Options, Severity, Sources};

pub use self::change::ConfigChange;
pub use self::choices::{
    BackendName, Firewall, FlowLogFile, FlowLogTraffic, LogFormat, LogLevel, Ring, XdpAttach,
    XdpMode,
};
pub use self::interface::{
    AfXdp, Backend, Binding, CaptureFiles, Device, Interface, Mode, Port, QueueRange, Tap,
};
pub use self::schema::schema;
use crate::Loaded;

mod change;
mod check;
mod choices;
mod file;
mod interface;
mod problems;
mod schema;
mod shape;
mod tree;

/// Files larger than this are not read, in bytes. 4096 interfaces with everything said about them are 4 MiB.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// A valid configuration. Paths are absolute if that of the file was.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The policy.
    pub policy: PolicyFiles,
    /// Read policy files again as soon as they change.
    pub watch: bool,
    /// The endpoint by which the policy is managed; `None` where the files are the policy.
    pub api: Option<Api>,
    /// What is told to Prometheus; `None` for nothing.
    pub metrics: Option<Metrics>,
    /// What is shown in a browser; `None` for nothing.
    pub page: Option<Page>,
    /// The process.
    pub daemon: Daemon,
    /// The threads that carry packets.
    pub workers: Workers,
    /// The engine of each worker. Its seed is 0: whoever starts it puts one in that nobody can guess.
    pub engine: Settings,
    /// What holds for interfaces where the policy does not say otherwise.
    pub defaults: Defaults,
    /// What is logged.
    pub log: Log,
    /// Flow logs.
    pub flow_logs: FlowLogs,
    /// The rules that hand the host's own packets over.
    pub host: Host,
    /// In the order of the file; names are unique.
    pub interfaces: Vec<Interface>,
}

/// Policy files and how to read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFiles {
    /// None twice; at least one, unless there is an endpoint.
    pub files: Vec<PathBuf>,
    /// Values for what they leave open.
    pub options: Options,
}

/// The endpoint by which the policy is managed. Its store lies in [`Daemon::state`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The file of access keys that somebody made; `None` for one that is made at the first start.
    pub keys: Option<PathBuf>,
    /// Rules of a group in each direction and family (B15).
    pub rules_per_group: u32,
    /// Groups of a network interface (B15).
    pub groups_per_interface: u32,
}

/// What is told to Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// Where it is asked.
    pub listen: SocketAddr,
    /// Rules that have counters of their own, at most.
    pub rules: usize,
}

/// What is shown in a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where.
    pub listen: SocketAddr,
    /// To whom.
    pub viewers: Viewers,
}

/// Who may look at the live page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Viewers {
    /// Every user of this host: it listens on loopback.
    ThisHost,
    /// Whoever has an access key of [`Config::api`], which is there.
    KeysOfApi,
    /// Whoever has an access key of this file, which is made where it is not there.
    KeysIn(PathBuf),
}

/// The process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    /// The control socket.
    pub socket: PathBuf,
    /// The folder for saved connections.
    pub state: PathBuf,
    /// Save connections when stopped, and restore them at the start.
    pub handover: bool,
}

/// The threads that carry packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// How many; 1 to 64.
    pub count: u16,
    /// The CPU of each worker, in their order and round again; none for wherever the kernel likes.
    pub pin: Vec<usize>,
    /// Never sleep.
    pub busy_poll: bool,
    /// Frames that may wait in the channel from one worker to another.
    pub handoff: usize,
}

/// What is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// The least important lines.
    pub level: LogLevel,
    /// Lines about denied packets a second; 0 for none.
    pub denied_per_second: u32,
}

/// Flow logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowLogs {
    /// Flows of which records are being made at a time, all logs together.
    pub flows: usize,
    /// The folder that stands for S3; `None` where nothing does.
    pub buckets: Option<PathBuf>,
    /// Those of the configuration; no two are the same.
    pub logs: Vec<FlowLog>,
}

/// A flow log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowLog {
    /// Where its files go.
    pub folder: Folder,
    /// Names of interfaces, ids of network interfaces, subnets and VPCs; empty for all.
    pub of: Vec<String>,
    /// Which traffic it has.
    pub traffic: Traffic,
    /// Its fields.
    pub format: Format,
    /// Seconds that a record covers at most.
    pub interval: u32,
    /// What files look like.
    pub encoding: Encoding,
}

/// The rules that hand the host's own packets over; queue numbers are each [`Mode::Host`]'s own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// The tool that installs them.
    pub firewall: Firewall,
    /// The bits of marks by which the kernel carries allowed, tracked connections on by itself;
    /// `None` where it does not. A run of ones.
    pub mark_mask: Option<u32>,
    /// Bytes of a packet that are looked at.
    pub copy_bytes: u32,
}

impl Config {
    /// Reads a file. That it cannot be read is among the diagnostics. Whether it may be trusted is for
    /// [`trust`](crate::trust) to say, before.
    #[must_use]
    pub fn load(path: &Path) -> Loaded<Self> {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        match read(path) {
            Ok(text) => Self::parse(&text, path, cpus),
            Err(message) => Loaded {
                value: None,
                diagnostics: vec![placeless(message)],
                sources: Sources::default(),
            },
        }
    }

    /// Makes a configuration of the text of the file at `path`, which is not touched, for a host with `cpus` CPUs.
    #[must_use]
    pub fn parse(text: &str, path: &Path, cpus: usize) -> Loaded<Self> {
        let mut sources = Sources::default();
        let source = sources.add(&path.display().to_string(), text);
        let mut problems = problems::Problems::new(&sources, source);
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let config = shape::read(text, &mut problems).and_then(|(file, document)| {
            check::check(&file, &document, folder, cpus, &mut problems)
        });
        let (diagnostics, failed) = problems.finish();
        Loaded {
            value: config.filter(|_| !failed),
            diagnostics,
            sources,
        }
    }
}

/// A file as text, or what is wrong with it, in one line.
fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let fault = |error: io::Error| format!("cannot read {shown}: {error}");
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(fault)?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(fault)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!(
            "{shown} is larger than {} MiB: that is no configuration",
            FILE_BYTES_MAX >> 20
        ));
    }
    String::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8 text: save it as UTF-8"))
}

/// An error of no place.
fn placeless(message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: None,
        message,
        location: None,
        label: None,
        labels: Vec::new(),
        help: Vec::new(),
    }
}

/// A number of seconds, as the file has it.
const fn seconds(count: u32) -> Duration {
    Duration::from_secs(count as u64)
}

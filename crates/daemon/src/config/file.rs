//! The configuration file as it is written: keys, types, ranges, defaults and what each is for.
//!
//! These types are the one description of the file. The JSON Schema is made of them, editors complete and check by it,
//! the reader of files checks by it ([`shape`](super::shape)), and the reference table of the README is tested
//! against it. They say nothing about what fits together; that is for [`check`](super::check).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::flow_log::{FlowLog, FlowLogs};
pub(crate) use self::interface::{EtherType, Interface, ModeName, Port, PortSettings, Sees};
pub(crate) use self::metrics::Metrics;
pub(crate) use self::page::Page;
pub(crate) use self::tracking::{AlwaysTrack, AlwaysTrackWord, Tracking};
use super::choices::{Firewall, LogFormat, LogLevel};

mod flow_log;
mod interface;
mod metrics;
mod page;
mod tracking;

/// Configuration of `secgroup run`. Paths are relative to the folder of this file.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "secgroup run")]
pub(crate) struct File {
    /// Policy files: CloudFormation templates and the JSON of `aws ec2 describe-...`, in any order. With `[api]` they are what
    /// an empty store begins with, and there may be none.
    #[serde(default)]
    #[schemars(length(max = 1000), example = list("web.yaml"))]
    pub(crate) policy: Vec<String>,
    /// Values of template parameters.
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, String>,
    /// Values of exports that templates import (`Fn::ImportValue`).
    #[serde(default)]
    pub(crate) import_values: BTreeMap<String, String>,
    /// What `AWS::Region` stands for.
    #[serde(default = "region")]
    pub(crate) region: String,
    /// What `AWS::AccountId` stands for; it owns what templates make. 12 digits.
    #[serde(default = "account")]
    pub(crate) account: String,
    /// What `AWS::StackName` stands for; the name of the template's file by default.
    pub(crate) stack_name: Option<String>,
    /// Read policy files again as soon as they change.
    #[serde(default = "yes")]
    pub(crate) watch: bool,
    /// Only count and log what would be denied, and let everything pass.
    #[serde(default)]
    pub(crate) audit: bool,
    /// The EC2 endpoint: where it is there, the AWS CLI and its like manage the policy, and `policy` files only begin it.
    #[schemars(example = Api::default())]
    pub(crate) api: Option<Api>,
    /// What Prometheus reads, where it is there: `/metrics`.
    #[schemars(example = Metrics::default())]
    pub(crate) metrics: Option<Metrics>,
    /// The live page, where it is there: interfaces, connections, denials and rules in a browser.
    #[schemars(example = Page::default())]
    pub(crate) page: Option<Page>,
    /// The process.
    #[serde(default)]
    pub(crate) daemon: Daemon,
    /// The threads that carry packets.
    #[serde(default)]
    pub(crate) workers: Workers,
    /// Connections and how they are tracked.
    #[serde(default)]
    pub(crate) tracking: Tracking,
    /// What is logged.
    #[serde(default)]
    pub(crate) log: Log,
    /// What all flow logs share.
    #[serde(default)]
    pub(crate) flow_logs: FlowLogs,
    /// A flow log each: records of who talked to whom, in the formats of VPC Flow Logs.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub(crate) flow_log: Vec<FlowLog>,
    /// The rules that hand the host's own packets over, for interfaces with `mode = "host"`.
    #[serde(default)]
    pub(crate) host: Host,
    /// One network interface of the policy each, and the devices that carry its traffic.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    pub(crate) interface: Vec<Interface>,
}

fn region() -> String {
    secgroup_import::Options::default().region
}

fn account() -> String {
    secgroup_import::Options::default().account
}

/// A list of one, as an example.
const fn list<T: Copy>(item: T) -> [T; 1] {
    [item]
}

const fn yes() -> bool {
    true
}

/// `[api]`
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Api {
    /// Address and port of the endpoint. Beyond loopback it needs a `keys` file.
    pub(crate) listen: String,
    /// The file of access keys; by default `keys.toml` in `daemon.state`, which is made at the first start.
    #[schemars(example = &"keys.toml")]
    pub(crate) keys: Option<String>,
    /// Rules of a group in each direction and family (quota L-0EA8095F).
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) rules_per_group: u32,
    /// Groups of a network interface (quota L-2AFB9258). Times `rules_per_group` at most 1000.
    #[schemars(range(min = 1, max = 16))]
    pub(crate) groups_per_interface: u32,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:4599".to_owned(),
            keys: None,
            rules_per_group: 60,
            groups_per_interface: 5,
        }
    }
}

/// `[daemon]`
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Daemon {
    /// The socket of `secgroup status`, `flows`, `reload` and `stop`.
    pub(crate) socket: String,
    /// The folder in which connections are saved for the next start.
    pub(crate) state: String,
    /// Save connections when stopped, and restore them at the start.
    pub(crate) handover: bool,
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            socket: "/run/secgroup/control.sock".to_owned(),
            state: "/var/lib/secgroup".to_owned(),
            handover: true,
        }
    }
}

/// `[workers]`
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Workers {
    /// How many, 1 to 64; `"auto"` for one per CPU, up to 4.
    pub(crate) count: Count,
    /// The CPU of each worker, in their order and round again; none for wherever the kernel likes.
    #[schemars(inner(range(max = 8191)), example = list(0))]
    pub(crate) pin: Vec<u16>,
    /// Never sleep: a whole CPU for every worker, and the lowest latency.
    pub(crate) busy_poll: bool,
    /// Frames that may wait on their way from one worker to another; beyond, they are dropped and counted.
    #[schemars(range(min = 256, max = 1_048_576))]
    pub(crate) handoff_frames: u32,
}

impl Default for Workers {
    fn default() -> Self {
        Self {
            count: Count::Number(1),
            pin: Vec::new(),
            busy_poll: false,
            handoff_frames: 4096,
        }
    }
}

/// A number, or the word for as many as are good.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum Count {
    /// So many.
    Number(#[schemars(range(min = 1, max = 64))] u16),
    /// As many as are good.
    Auto(Auto),
}

/// The word.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(crate) enum Auto {
    /// One per CPU, up to 4.
    Auto,
}

/// `[log]`
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// How lines look.
    pub(crate) format: LogFormat,
    /// The least important lines that are logged.
    pub(crate) level: LogLevel,
    /// Lines about denied packets.
    pub(crate) denied: Denied,
}

/// `[log.denied]`
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Denied {
    /// Lines a second at most, all workers together; 0 for none. Every denied packet is counted, whether it has a line or not.
    #[schemars(range(max = 10_000))]
    pub(crate) per_second: u32,
}

impl Default for Denied {
    fn default() -> Self {
        Self { per_second: 10 }
    }
}

/// `[host]`
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Host {
    /// The first of the kernel's queue numbers that are used; an interface uses as many as `queues` says, and the next interface those behind.
    pub(crate) queue: u16,
    /// Queues of an interface, each on a worker of its own: 1 to the number of workers, which is the default.
    #[schemars(range(min = 1, max = 64), example = 2)]
    pub(crate) queues: Option<u16>,
    /// The tool that installs the rules.
    pub(crate) firewall: Firewall,
    /// Let the kernel carry allowed, tracked connections on by itself until the policy changes. Faster; their packets are no longer counted.
    pub(crate) flow_marks: bool,
    /// The bits of packet and connection marks that `flow_marks` may use: at least 16, side by side, and nothing else on the host uses them.
    #[schemars(range(min = 1))]
    pub(crate) mark_mask: u32,
    /// Bytes of a packet that are looked at: its headers, and what an ICMP error quotes.
    #[schemars(range(min = 128, max = 65_535))]
    pub(crate) copy_bytes: u32,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            queue: 4200,
            queues: None,
            firewall: Firewall::Auto,
            flow_marks: false,
            mark_mask: 0xffff_0000,
            copy_bytes: 256,
        }
    }
}

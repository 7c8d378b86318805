//! Whether a file of the right shape means something: every fault of it, and the [`Config`] if there is none.
//!
//! Values are checked where they stand, and what a faulty one stands for is left out or replaced: the `Config` that comes
//! out beside an error is only good for finding more errors, and nobody gets to see it.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use secgroup_control::Defaults;
use secgroup_datapath::{AlwaysTrack, Settings};
use secgroup_import::Options;
use secgroup_io::live::nfqueue::FlowMark;
use secgroup_model::AccountId;
use secgroup_report::words::counted;
use toml::Spanned;
use toml::de::DeTable;

use self::devices::Devices;
use super::file::{self, Count, File};
use super::problems::Problems;
use super::tree::Place;
use super::{Api, Config, Daemon, Host, Log, PolicyFiles, QueueRange, Workers, seconds};

mod devices;
mod flow_log;
mod interface;
mod metrics;
mod page;
mod port;

/// Most bytes of the path of a Unix socket (`sun_path`, with its final zero).
const SOCKET_PATH_MAX: usize = 107;

/// Rules of a group times groups of an interface, at most (B17).
const RULES_TIMES_GROUPS_MAX: u32 = 1000;

/// Workers where the file says `"auto"`, at most.
const AUTO_WORKERS_MAX: usize = 4;

/// The configuration; to be thrown away if there are problems.
pub(crate) fn check(
    file: &File,
    document: &Spanned<DeTable<'_>>,
    folder: &Path,
    cpus: usize,
    problems: &mut Problems<'_>,
) -> Option<Config> {
    let root = Place::of(document);
    let mut check = Check { folder, problems };
    let policy = check.policy(file, &root);
    let api = file
        .api
        .as_ref()
        .and_then(|api| check.api(api, &root.key("api")));
    let metrics = file
        .metrics
        .as_ref()
        .and_then(|metrics| check.metrics(metrics, &root.key("metrics")));
    let page = file
        .page
        .as_ref()
        .and_then(|page| check.page(page, file, metrics.as_ref(), &root.key("page")));
    let daemon = check.daemon(&file.daemon, &root.key("daemon"));
    let workers = check.workers(&file.workers, &root.key("workers"), cpus);
    let (engine, defaults) = check.tracking(&file.tracking, &root.key("tracking"));
    let flow_logs = check.flow_logs(file, &root);
    let host = check.host(&file.host, &root.key("host"));
    let queues = check.queues(&file.host, &root.key("host"), workers.count);
    let interfaces = check.interfaces(file, &root, workers.count, queues);
    Some(Config {
        policy,
        watch: file.watch,
        api,
        metrics,
        page,
        daemon,
        workers,
        engine,
        defaults,
        log: Log {
            format: file.log.format,
            level: file.log.level,
            denied_per_second: file.log.denied.per_second,
        },
        flow_logs,
        host,
        interfaces,
    })
}

/// What a check needs everywhere.
pub(super) struct Check<'c, 's> {
    /// The folder that paths start from.
    folder: &'c Path,
    problems: &'c mut Problems<'s>,
}

impl Check<'_, '_> {
    fn policy(&mut self, file: &File, root: &Place<'_>) -> PolicyFiles {
        let mut files: Vec<PathBuf> = Vec::new();
        let list = root.key("policy");
        if file.policy.is_empty() && file.api.is_none() {
            let span = if root.has("policy") {
                list.span()
            } else {
                0..0
            };
            let problem = self.problems.error(span, "there is no policy");
            problem.help("name its files: `policy = [\"web.yaml\"]`; or let the AWS tools manage it: add a section `[api]`");
        }
        for (index, text) in file.policy.iter().enumerate() {
            let here = list.item(index);
            let path = self.path(text, &here);
            match files.iter().position(|known| *known == path) {
                Some(_) => self.twice(&here, "policy", text, &list, index, &file.policy),
                None => files.push(path),
            }
        }
        if !AccountId::new(&file.account).is_well_formed() {
            let message = format!(
                "`account` is {:?}, which is not an account id",
                file.account
            );
            let problem = self.problems.error(root.key("account").span(), message);
            problem.help("an account id has 12 digits: `account = \"123456789012\"`");
        }
        PolicyFiles {
            files,
            options: Options {
                parameters: file.parameters.clone(),
                import_values: file.import_values.clone(),
                region: file.region.clone(),
                account: file.account.clone(),
                stack_name: file.stack_name.clone(),
                rest_is_known: false,
            },
        }
    }

    /// One thing twice in a list of texts: the item at `index`, and an item before it.
    fn twice(
        &mut self,
        here: &Place<'_>,
        key: &str,
        text: &str,
        list: &Place<'_>,
        index: usize,
        texts: &[String],
    ) {
        let first = texts[..index].iter().position(|other| other == text);
        let problem = self
            .problems
            .error(here.span(), format!("{text:?} is twice in `{key}`"));
        let problem = problem.help("remove one of them");
        if let Some(first) = first {
            problem.label(list.item(first).span(), "here for the first time");
        }
    }

    /// Where to listen, as an address with a port; `port` is that of the example where it is none.
    fn socket_address(&mut self, text: &str, place: &Place<'_>, port: u16) -> Option<SocketAddr> {
        let address = text.parse();
        if address.is_err() {
            let message = format!("{text:?} is not an address with a port");
            let problem = self.problems.error(place.span(), message);
            problem.help(format!(
                "for example: `listen = \"127.0.0.1:{port}\"`, or \"[::1]:{port}\""
            ));
        }
        address.ok()
    }

    fn api(&mut self, api: &file::Api, here: &Place<'_>) -> Option<Api> {
        let place = here.key("listen");
        let listen = self.socket_address(&api.listen, &place, 4599);
        if let Some(listen) = listen
            && !listen.ip().is_loopback()
            && api.keys.is_none()
        {
            let message = format!("{listen} can be reached by others, and there is no `keys` file");
            let problem = self.problems.error(place.span(), message);
            problem.help("make a file of access keys for those who may manage the policy: `keys = \"keys.toml\"`; or listen on loopback: `listen = \"127.0.0.1:4599\"`");
        }
        // B17.
        let product = api.rules_per_group * api.groups_per_interface;
        if product > RULES_TIMES_GROUPS_MAX {
            let message = format!(
                "{} rules a group times {} groups an interface are {product}, more than {RULES_TIMES_GROUPS_MAX}",
                api.rules_per_group, api.groups_per_interface
            );
            let at = if here.has("rules_per_group") {
                "rules_per_group"
            } else {
                "groups_per_interface"
            };
            let problem = self.problems.error(here.key(at).span(), message);
            problem.help("an interface may have 1000 rules: lower one of the two");
        }
        Some(Api {
            listen: listen?,
            keys: api
                .keys
                .as_deref()
                .map(|keys| self.path(keys, &here.key("keys"))),
            rules_per_group: api.rules_per_group,
            groups_per_interface: api.groups_per_interface,
        })
    }

    fn daemon(&mut self, daemon: &file::Daemon, here: &Place<'_>) -> Daemon {
        let place = here.key("socket");
        let socket = self.path(&daemon.socket, &place);
        if socket.as_os_str().len() > SOCKET_PATH_MAX {
            let message = format!(
                "the path of the control socket has {} bytes, and the kernel allows {SOCKET_PATH_MAX}",
                socket.as_os_str().len()
            );
            let problem = self.problems.error(place.span(), message);
            problem.help("for example: `socket = \"/run/secgroup/control.sock\"`");
        }
        Daemon {
            socket,
            state: self.path(&daemon.state, &here.key("state")),
            handover: daemon.handover,
        }
    }

    fn workers(&mut self, workers: &file::Workers, here: &Place<'_>, cpus: usize) -> Workers {
        let count = match workers.count {
            Count::Number(count) => count,
            Count::Auto(file::Auto::Auto) => {
                u16::try_from(cpus.clamp(1, AUTO_WORKERS_MAX)).unwrap_or(1)
            }
        };
        if workers.pin.len() > usize::from(count) {
            let message = format!(
                "`pin` has {} CPUs for {}",
                workers.pin.len(),
                counted(count.into(), "worker")
            );
            let problem = self.problems.error(here.key("pin").span(), message);
            problem.help(format!(
                "raise the number of workers: `count = {}`, or leave CPUs out",
                workers.pin.len()
            ));
        }
        Workers {
            count,
            pin: workers.pin.iter().copied().map(usize::from).collect(),
            busy_poll: workers.busy_poll,
            handoff: workers.handoff_frames as usize,
        }
    }

    fn tracking(&mut self, tracking: &file::Tracking, here: &Place<'_>) -> (Settings, Defaults) {
        let timeouts = secgroup_datapath::Timeouts::from(&tracking.timeouts);
        let engine = Settings {
            tcp: tracking.tcp.into(),
            start_grace: seconds(tracking.start_grace_seconds),
            change_grace: seconds(tracking.change_grace_seconds),
            icmp_related: tracking.icmp_related,
            verify_checksums: tracking.verify_checksums,
            timeouts,
            capacity: tracking.connections,
            capacity_v6: tracking.connections_v6,
            fragment_capacity: tracking.fragments,
            ..Settings::default()
        };
        let always_track = match &tracking.always_track {
            file::AlwaysTrack::Word(file::AlwaysTrackWord::Never) => AlwaysTrack::Never,
            file::AlwaysTrack::Word(file::AlwaysTrackWord::All) => AlwaysTrack::Always,
            file::AlwaysTrack::Peers(texts) => {
                AlwaysTrack::Peers(self.ranges(texts, &here.key("always_track")))
            }
        };
        let defaults = Defaults {
            timeouts,
            exemptions: tracking.exemptions,
            link_local_pps: Some(tracking.link_local_pps).filter(|&limit| limit > 0),
            always_track,
            allowance: tracking.allowance,
        };
        (engine, defaults)
    }

    fn host(&mut self, host: &file::Host, here: &Place<'_>) -> Host {
        if let Err(error) = FlowMark::fresh(host.mark_mask) {
            let problem = self
                .problems
                .error(here.key("mark_mask").span(), error.to_string());
            problem.help("for example: `mark_mask = 0xffff0000`");
        }
        Host {
            firewall: host.firewall,
            mark_mask: host.flow_marks.then_some(host.mark_mask),
            copy_bytes: host.copy_bytes,
        }
    }

    /// The queues of the first interface in host mode; others have as many behind them.
    fn queues(&mut self, host: &file::Host, here: &Place<'_>, workers: u16) -> QueueRange {
        let count = host.queues.unwrap_or(workers);
        if count > workers {
            let message = format!(
                "{} for {}",
                counted(count.into(), "queue"),
                counted(workers.into(), "worker")
            );
            let problem = self.problems.error(here.key("queues").span(), message);
            problem.help(format!(
                "each queue is on a worker of its own: at most `queues = {workers}`, or more `count` in [workers]"
            ));
        }
        QueueRange {
            first: host.queue,
            count,
        }
    }

    /// A path, from the folder of the file.
    fn path(&mut self, text: &str, here: &Place<'_>) -> PathBuf {
        if text.is_empty() {
            let problem = self.problems.error(here.span(), "an empty text is no path");
            problem.help("write the path of a file, absolute or from the folder of this one");
        }
        self.folder.join(text)
    }

    /// Ranges of addresses; those that are none are reported and left out.
    fn ranges(&mut self, texts: &[String], list: &Place<'_>) -> Vec<IpNet> {
        let mut ranges = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            match text.parse::<IpNet>() {
                Ok(range) => ranges.push(range.trunc()),
                Err(_) => self.bad_range(text, list.item(index).span()),
            }
        }
        ranges
    }

    fn bad_range(&mut self, text: &str, at: Range<usize>) {
        let help = match text.parse::<IpAddr>() {
            Ok(address) => {
                let range = IpNet::from(address);
                format!("a prefix length is missing: \"{range}\" is this address alone")
            }
            Err(_) => "a range is written like \"10.0.0.0/8\" or \"2001:db8::/32\"".to_owned(),
        };
        let message = format!("{text:?} is not a range of addresses");
        self.problems.error(at, message).help(help);
    }

    /// Addresses of hosts; those that are none are reported and left out.
    fn addresses(&mut self, texts: &[String], list: &Place<'_>) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let here = list.item(index);
            let Ok(address) = text.parse::<IpAddr>() else {
                let help = match text.parse::<IpNet>() {
                    Ok(range) => format!("without a prefix length: \"{}\"", range.addr()),
                    Err(_) => {
                        "an address is written like \"10.0.1.10\" or \"2001:db8::10\"".to_owned()
                    }
                };
                let message = format!("{text:?} is not an address");
                self.problems.error(here.span(), message).help(help);
                continue;
            };
            if address.is_unspecified() || address.is_multicast() {
                let message = format!("{address} cannot be the address of an interface");
                let problem = self.problems.error(here.span(), message);
                problem.help("write the address of one host, such as \"10.0.1.10\"");
            }
            if addresses.contains(&address) {
                let problem = self
                    .problems
                    .error(here.span(), format!("{address} is here twice"));
                problem.help("remove one of them");
            }
            addresses.push(address);
        }
        addresses
    }

    fn interfaces(
        &mut self,
        file: &File,
        root: &Place<'_>,
        workers: u16,
        queues: QueueRange,
    ) -> Vec<super::Interface> {
        let list = root.key("interface");
        if file.interface.is_empty() {
            let problem = self.problems.warning(
                root.name("interface"),
                "there is no interface: nothing is enforced",
            );
            problem.help("add an `[[interface]]` section for each network interface of the policy");
        }
        let mut devices = Devices::default();
        let mut surroundings = interface::Surroundings {
            audit: file.audit,
            api: file.api.is_some(),
            workers,
            queues,
            next_queue: u32::from(queues.first),
        };
        let interfaces = file.interface.iter().enumerate().map(|(index, interface)| {
            self.interface(
                interface,
                &list.item(index),
                &mut surroundings,
                &mut devices,
            )
        });
        let interfaces: Vec<_> = interfaces.collect();
        interfaces
    }
}

//! Mary's three tiers, from the first group to the last revoked rule, with the AWS CLI and nothing else.
//!
//! The tutorial of 2012 that the project began with tells how Mary deploys a web service: web servers that the world may reach, application
//! servers that only web servers may, databases that only application servers may. Each of her ten steps is a command here, and each of her claims is a
//! connection that is made or not.
//!
//! ```text
//!   web-1 ── web-1i [ secgroup run ] web-1o ──┐
//!   app-1 ── app-1i [   with [api]  ] app-1o ──┼ br0 ┄ router ──── the world, 203.0.113.10
//!   db-1  ── db-1i  [              ] db-1o  ──┘     172.31.0.1
//! ```
//!
//! The daemon knows machines by the tag `Name` of their network interfaces, which are not there yet when it starts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use secgroup_testkit::netns::Namespace;
use secgroup_testkit::wait;
use serde_json::Value;

use crate::flow_log::files;
use crate::support::{Daemon, Server, connect, exchange, live};

const WORLD: &str = "203.0.113.10";
/// Machines with cables; Mary has more, which nobody connects to.
const MACHINES: [&str; 6] = ["web-1", "web-2", "app-1", "app-2", "db-1", "db-2"];
/// Long enough for a handshake between namespaces, and short enough to wait for in vain.
const IN_VAIN: Duration = Duration::from_millis(300);

live! {
    fn three_tiers_with_the_aws_cli_alone() {
        let Some(mut site) = Site::new() else { return };
        site.nothing_is_there_yet();
        site.traffic_is_logged();
        site.tier_of_the_web();
        site.tier_of_applications();
        site.tier_of_databases();
        site.more_load();
        site.rules_change_under_connections();
        site.traffic_was_logged();
    }
}

/// Where it happens.
struct Site {
    daemon: Daemon,
    world: Namespace,
    machines: BTreeMap<&'static str, Namespace>,
    addresses: BTreeMap<&'static str, String>,
    groups: BTreeMap<&'static str, String>,
    firewall: Namespace,
    _network: Namespace,
    folder: tempfile::TempDir,
    aws: PathBuf,
}

impl Site {
    /// The hosts, their cables, and the daemon; nothing where the AWS CLI is not installed.
    fn new() -> Option<Self> {
        let aws = aws()?;
        let (firewall, network) = (Namespace::new("fw"), Namespace::new("n"));
        let world = Namespace::new("w");
        for setting in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
            network.sysctl(setting, "1");
        }
        network.ip_batch(&format!(
            "link add br0 type bridge mcast_snooping 0
             addr add 172.31.0.1/16 dev br0
             link set br0 up
             link add out0 type veth peer name eth0 netns {}
             addr add 203.0.113.1/24 dev out0
             link set out0 up
            ",
            world.name()
        ));
        world.ip_batch(&format!(
            "addr add {WORLD}/24 dev eth0
             link set eth0 up
             route add default via 203.0.113.1
            "
        ));
        let machines: BTreeMap<_, _> = MACHINES
            .map(|name| (name, cables(name, &firewall, &network)))
            .into();
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("secgroup.toml"), config()).expect("it is ours");
        Some(Self {
            daemon: Daemon::start(&firewall, folder.path()),
            world,
            machines,
            addresses: BTreeMap::new(),
            groups: BTreeMap::new(),
            firewall,
            _network: network,
            folder,
            aws,
        })
    }

    /// Before there is a network interface, a machine reaches nobody: not even the host that the daemon runs on, which has an address on
    /// the machine's own cable.
    fn nothing_is_there_yet(&self) {
        self.firewall.ip("addr add 192.0.2.1/24 dev web-2i");
        self.machines["web-2"].ip("addr add 192.0.2.2/24 dev eth0");
        self.never_hears_the_host("web-2");
    }

    /// The shield of an interface is up for as long as it is configured, whether it is bound or not.
    fn never_hears_the_host(&self, name: &str) {
        let tried = self.machines[name].sh("ping -c 2 -i 0.2 -W 1 192.0.2.1");
        assert!(!tried.status.success(), "{tried:?}");
    }

    /// She wants to know who talks to whom in her VPC, those to come among them.
    fn traffic_is_logged(&self) {
        let vpcs = self.aws("describe-vpcs");
        let vpc = vpcs["Vpcs"][0]["VpcId"].as_str().unwrap();
        for (bucket, kind) in [
            ("arn:aws:s3:::flows/mary", "s3"),
            (
                "arn:aws:logs:us-east-1:123456789012:log-group:flows",
                "cloud-watch-logs",
            ),
        ] {
            self.aws(&format!(
                "create-flow-logs --resource-type VPC --resource-ids {vpc} --traffic-type ALL --max-aggregation-interval 60 \
                 --log-destination-type {kind} --log-destination {bucket} --deliver-logs-permission-arn arn:aws:iam::123456789012:role/flows"
            ));
        }
    }

    /// Files are where the bucket is on this host, and what nobody can deliver is said to have failed.
    fn traffic_was_logged(&mut self) {
        let logs = self.aws("describe-flow-logs");
        for log in logs["FlowLogs"].as_array().unwrap() {
            let is_s3 = log["LogDestinationType"] == "s3";
            let expected = if is_s3 { "SUCCESS" } else { "FAILED" };
            assert_eq!(log["DeliverLogsStatus"], expected, "{log}");
            assert_eq!(log["DeliverLogsErrorMessage"].is_null(), is_s3, "{log}");
        }
        // The last records are written when it ends.
        assert_eq!(self.daemon.end(Signal::TERM), 0);
        let files = files(&self.folder.path().join("buckets/flows/mary"));
        let text = std::process::Command::new("zcat")
            .args(files)
            .output()
            .unwrap();
        let text = String::from_utf8(text.stdout).unwrap();
        let web = &self.addresses["web-1"];
        for (port, action) in [("80", "ACCEPT"), ("443", "REJECT"), ("22", "REJECT")] {
            let is_it = |line: &&str| {
                let words: Vec<_> = line.split(' ').collect();
                matches!(words.as_slice(), [_, _, eni, from, to, _, dport, "6", .., was, "OK"]
                    if eni.starts_with("eni-") && from == &WORLD && to == web && dport == &port && was == &action)
            };
            assert!(
                text.lines().any(|line| is_it(&line)),
                "{port} {action} in {text}"
            );
        }
    }

    /// Steps 1 to 4: a group for web servers that the world may reach by HTTP, and machines in it.
    fn tier_of_the_web(&mut self) {
        self.create_group("web", "Mary's Apache group");
        self.allow("web", "--protocol tcp --port 80 --cidr 0.0.0.0/0");
        self.launch("web-1", "web");
        self.launch("web-2", "web");
        // Seven in all, as she has; five of them are elsewhere.
        let group = self.groups["web"].clone();
        let others = self.aws(&format!(
            "run-instances --image-id ami-fba54092 --count 5 --security-group-ids {group}"
        ));
        assert_eq!(others["Instances"].as_array().unwrap().len(), 5);
        // "Being as cautious as Albert", she scans: nothing but port 80.
        for port in [21, 22, 443, 3306] {
            self.never(&self.world, "web-1", port);
        }
        self.reaches(&self.world, "web-1", 80);
        self.reaches(&self.world, "web-2", 80);
    }

    /// Steps 5 to 9: application servers, for web servers alone.
    fn tier_of_applications(&mut self) {
        self.create_group("app", "Mary's app server group");
        self.launch("app-1", "app");
        self.launch("app-2", "app");
        self.never(&self.machines["web-1"], "app-1", 8000);
        let web = self.groups["web"].clone();
        self.allow(
            "app",
            &format!("--protocol tcp --port 8000 --source-group {web}"),
        );
        self.never(&self.world, "app-1", 8000);
        self.never(&self.machines["app-2"], "app-1", 8000);
        self.never(&self.machines["web-1"], "app-1", 22);
        self.reaches(&self.machines["web-1"], "app-1", 8000);
        self.reaches(&self.machines["web-2"], "app-2", 8000);
    }

    /// Step 10: the same for databases.
    fn tier_of_databases(&mut self) {
        self.create_group("db", "Mary's database group");
        self.launch("db-1", "db");
        self.launch("db-2", "db");
        let app = self.groups["app"].clone();
        self.allow(
            "db",
            &format!("--protocol tcp --port 3306 --source-group {app}"),
        );
        for stranger in ["web-1", "db-2"] {
            self.never(&self.machines[stranger], "db-1", 3306);
        }
        self.never(&self.world, "db-1", 3306);
        self.reaches(&self.machines["app-1"], "db-1", 3306);
        self.reaches(&self.machines["app-2"], "db-2", 3306);
    }

    /// Holidays: who joins a group may at once what its members may, and who leaves it may no more.
    fn more_load(&mut self) {
        self.never(&self.machines["web-2"], "db-1", 3306);
        let eni = self.interface("web-2");
        let (web, app) = (self.groups["web"].clone(), self.groups["app"].clone());
        let attribute = "modify-network-interface-attribute --network-interface-id";
        self.aws(&format!("{attribute} {eni} --groups {web} {app}"));
        self.reaches(&self.machines["web-2"], "db-1", 3306);
        self.aws(&format!("{attribute} {eni} --groups {web}"));
        self.never(&self.machines["web-2"], "db-1", 3306);
        // A machine that is terminated is behind nothing any more.
        let instance = self.aws(&format!(
            "describe-network-interfaces --network-interface-ids {eni} --query NetworkInterfaces[0].Attachment.InstanceId"
        ));
        let instance = instance.as_str().expect("it is attached").to_owned();
        self.aws(&format!("terminate-instances --instance-ids {instance}"));
        self.never(&self.world, "web-2", 80);
        self.never_hears_the_host("web-2");
        let status = self.daemon.status();
        let warnings = status["warnings"].to_string();
        assert!(warnings.contains("web-2 waits for"), "{warnings}");
    }

    /// D15: a tracked connection outlives its rule, an untracked one ends with it.
    fn rules_change_under_connections(&mut self) {
        let ssh = format!("--protocol tcp --port 22 --cidr {WORLD}/32");
        self.allow("web", &ssh);
        let server = self.server("web-1", 22);
        let (here, there) = server.connection(&self.world);
        exchange(&here, &there, 100_000);
        self.revoke("web", &ssh);
        exchange(&here, &there, 100_000);
        drop((here, there, server));
        self.never(&self.world, "web-1", 22);

        let http = "--protocol tcp --port 80 --cidr 0.0.0.0/0";
        let server = self.server("web-1", 80);
        let (mut here, mut there) = server.connection(&self.world);
        exchange(&here, &there, 100_000);
        self.revoke("web", http);
        there.write_all(b"anybody there?").unwrap();
        here.set_read_timeout(Some(IN_VAIN)).unwrap();
        let mut buffer = [0; 14];
        let heard = here.read(&mut buffer);
        assert!(heard.is_err(), "{heard:?}: it was heard without a rule");
        // And lives on with its rule, since to TCP there was nothing but loss.
        self.allow("web", http);
        here.set_read_timeout(Some(wait::PATIENCE)).unwrap();
        here.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"anybody there?");
    }

    /// Runs `aws ec2 …` beside the daemon, and gives its JSON.
    #[track_caller]
    fn aws(&self, arguments: &str) -> Value {
        let keys = std::fs::read_to_string(self.folder.path().join("state/keys.toml"));
        let keys: toml::Table = keys.expect("keys were made").parse().expect("it is TOML");
        let output = self
            .firewall
            .command(self.aws.to_str().expect("a path"))
            .args(["ec2"].into_iter().chain(arguments.split_whitespace()))
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:4599")
            .env("AWS_ACCESS_KEY_ID", keys["key"][0]["id"].as_str().unwrap())
            .env(
                "AWS_SECRET_ACCESS_KEY",
                keys["key"][0]["secret"].as_str().unwrap(),
            )
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_DEFAULT_OUTPUT", "json")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_PAGER", "")
            .stdin(Stdio::null())
            .output()
            .expect("it is installed");
        assert!(output.status.success(), "aws ec2 {arguments}\n{output:?}");
        if output.stdout.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    }

    fn create_group(&mut self, name: &'static str, description: &str) {
        // Words are split at spaces, and a description needs none.
        let description = description.replace(' ', "_").replace('\'', "");
        let made = self.aws(&format!(
            "create-security-group --group-name {name} --description {description}"
        ));
        let id = made["GroupId"].as_str().expect("an id").to_owned();
        self.groups.insert(name, id);
    }

    fn allow(&self, group: &str, rule: &str) {
        let id = &self.groups[group];
        self.aws(&format!(
            "authorize-security-group-ingress --group-id {id} {rule}"
        ));
    }

    fn revoke(&self, group: &str, rule: &str) {
        let id = &self.groups[group];
        self.aws(&format!(
            "revoke-security-group-ingress --group-id {id} {rule}"
        ));
    }

    /// Launches an instance whose network interface is called `name`, and gives the machine its address.
    fn launch(&mut self, name: &'static str, group: &str) {
        let group = &self.groups[group];
        let made = self.aws(&format!(
            "run-instances --image-id ami-e3a5408a --security-group-ids {group} --tag-specifications \
             ResourceType=network-interface,Tags=[{{Key=Name,Value={name}}}]"
        ));
        let address = made["Instances"][0]["PrivateIpAddress"].as_str();
        let address = address.expect("an address").to_owned();
        self.machines[name].ip_batch(&format!(
            "addr add {address}/16 dev eth0
             route add default via 172.31.0.1
            "
        ));
        self.addresses.insert(name, address);
    }

    /// The id of the network interface that is called `name`.
    fn interface(&self, name: &str) -> String {
        let found = self.aws(&format!(
            "describe-network-interfaces --filters Name=tag:Name,Values={name} --query NetworkInterfaces[].NetworkInterfaceId"
        ));
        found[0].as_str().expect("it was launched").to_owned()
    }

    fn server(&self, name: &str, port: u16) -> Server {
        Server::new(
            &self.machines[name],
            &format!("{}:{port}", self.addresses[name]),
        )
    }

    #[track_caller]
    fn reaches(&self, client: &Namespace, name: &str, port: u16) {
        connect(&self.server(name, port), client);
    }

    /// Tries in vain to reach a server that listens.
    #[track_caller]
    fn never(&self, client: &Namespace, name: &str, port: u16) {
        let server = self.server(name, port);
        let address: SocketAddr = format!("{}:{port}", self.addresses[name]).parse().unwrap();
        let attempt = client.enter(|| TcpStream::connect_timeout(&address, IN_VAIN));
        let error = attempt.expect_err("it must not be reached");
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::TimedOut,
            "{name}:{port}: {error}"
        );
        assert!(!server.was_reached(), "{name}:{port}");
    }
}

/// A machine, and its cables: to the firewall, and from there to the network.
fn cables(name: &str, firewall: &Namespace, network: &Namespace) -> Namespace {
    let machine = Namespace::new(&name.replace('-', ""));
    firewall.ip_batch(&format!(
        "link add {name}i type veth peer name eth0 netns {}
         link add {name}o type veth peer name {name}n netns {}
         link set {name}i up
         link set {name}o up
        ",
        machine.name(),
        network.name()
    ));
    network.ip_batch(&format!(
        "link set {name}n master br0
         link set {name}n up
        "
    ));
    machine.ip("link set eth0 up");
    machine
}

fn config() -> String {
    let mut text = "\
[api]
[flow_logs]
buckets = \"buckets\"
[daemon]
socket = \"control.sock\"
state = \"state\"
[tracking]
start_grace_seconds = 0
"
    .to_owned();
    for name in MACHINES {
        writeln!(
            text,
            "[[interface]]\nname = \"{name}\"\ntag = \"Name={name}\"\nmode = \"inline\"\ninside = \"{name}i\"\noutside = \"{name}o\""
        )
        .expect("a String takes all that is written");
    }
    text
}

/// The AWS CLI; says why not where it is not installed.
fn aws() -> Option<PathBuf> {
    let own = std::env::var_os("SECGROUP_AWS_CLIENTS").map(PathBuf::from);
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../aws-clients");
    let places = [
        own.unwrap_or(target).join("venv/bin/aws"),
        PathBuf::from("/usr/bin/aws"),
    ];
    let found = places.into_iter().find(|path| path.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("SECGROUP_REQUIRE_AWS").is_none(),
            "the AWS CLI is required here; scripts/install-aws-clients installs it"
        );
        eprintln!("skipped: the AWS CLI is not installed; scripts/install-aws-clients installs it");
    }
    found
}

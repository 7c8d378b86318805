//! The daemon as its operator has it: starting, stopping, being killed, restarting with connections, and what it refuses.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use secgroup_testkit::frame;
use secgroup_testkit::station::try_cross;
use secgroup_testkit::wait;

use crate::support::{
    ANY, Backend, Daemon, I, Lab, O, Policy, SECGROUP, Server, Setup, connect, counter, counter6,
    everything, exchange, live, never_connects, pings, secgroup, tcp, udp,
};

/// What the program needs as an ordinary user, and what it is lent.
const AMBIENT: &str = "+net_raw,+net_admin";
/// An ordinary user: nobody.
const NOBODY: u32 = 65_534;

live! {
    fn a_check_says_what_is_wrong_and_starts_nothing() {
        let lab = Lab::prepare(&Setup::hosts(Policy::of_aws()));
        let config = lab.folder().join("secgroup.toml");
        let config = config.to_str().unwrap();
        secgroup(&["run", "--check", "--config", config]).code(0);
        lab.edit_config(|text| text.replace("mode = \"inline\"", "mode = \"inlined\""));
        let run = secgroup(&["run", "--check", "--config", config]).code(2);
        let line = std::fs::read_to_string(config).unwrap();
        let line = 1 + line.lines().position(|line| line.contains("inlined")).unwrap();
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains(&format!("secgroup.toml:{line}:")), "{said}");
        lab.edit_config(|text| text.replace("inlined", "inline"));
        lab.write("policy.yaml", "Resources: [");
        secgroup(&["run", "--check", "--config", config]).code(2);
        assert!(!lab.folder().join("control.sock").exists());
    }

    /// Who can write the policy is the firewall.
    fn files_that_others_may_write_are_refused() {
        for file in ["secgroup.toml", "policy.yaml"] {
            let lab = Lab::prepare(&Setup::hosts(Policy::of_aws()));
            let path = lab.folder().join(file);
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
            let (code, said) = Daemon::refused(lab.firewall.command(SECGROUP), lab.folder());
            assert_eq!(code, 2, "{said}");
            assert!(said.contains(file) && said.contains("chmod"), "{said}");
        }
    }

    /// A stop within a second; and over the socket, after which nobody listens there.
    fn it_stops_when_told_to() {
        let mut lab = Lab::new(&Setup::hosts(Policy::open()));
        pings(&lab.instance, "", O);
        lab.daemon_mut().process.signal(Signal::TERM);
        let ended = lab.daemon_mut().process.end_within(Duration::from_secs(1));
        assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
        lab.start();
        lab.daemon().command(&["stop"]).code(0);
        assert_eq!(lab.daemon_mut().process.code(), 0);
        lab.daemon().command(&["status"]).code(2);
    }

    fn a_status_for_people_and_for_programs() {
        let lab = Lab::new(&Setup::hosts(Policy::open()));
        pings(&lab.instance, "", O);
        let human = lab.daemon().command(&["status"]).code(0).stdout;
        assert!(human.contains("I") && human.contains("ia0"), "{human}");
        let run = lab.daemon().command(&["status", "--json"]).code(0);
        let status: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(status["interfaces"][0]["state"], "open", "{status:#}");
        // The identifier of a ping is tracked whatever the rules.
        let flows = lab.daemon().command(&["flows", "--protocol", "icmp"]).code(0).stdout;
        assert!(flows.contains(O), "{flows}");
        let run = lab.daemon().command(&["flows", "--protocol", "tcp", "--count"]).code(0);
        assert_eq!(run.stdout.trim(), "0");
        lab.daemon().command(&["flows", "--address", O, "--delete"]).code(0);
        assert_eq!(lab.daemon().connections(), 0);
    }

    /// While it restarts nothing passes, and then everything goes on, though nothing but its table would let it in again.
    fn connections_outlive_a_restart() {
        let rules = [tcp(22, &format!("{O}/32"))];
        let mut lab = Lab::new(&Setup::hosts(Policy::new(&rules, &everything())));
        let server = Server::new(&lab.instance, &format!("{I}:22"));
        let (here, there) = server.connection(&lab.outside);
        exchange(&here, &there, 100_000);
        assert_eq!(lab.end(Signal::TERM), 0);
        lab.write("policy.yaml", &Policy::of_aws().yaml());
        lab.start();
        exchange(&here, &there, 100_000);
        never_connects(&lab, &lab.outside, &lab.instance, &format!("{I}:22"));
    }

    /// What is saved but damaged is no reason not to start.
    fn a_damaged_state_is_ignored_with_a_warning() {
        let rules = [tcp(22, &format!("{O}/32"))];
        let mut lab = Lab::new(&Setup::hosts(Policy::new(&rules, &everything())));
        let server = Server::new(&lab.instance, &format!("{I}:22"));
        let (_here, _there) = server.connection(&lab.outside);
        assert_eq!(lab.daemon().connections(), 1);
        assert_eq!(lab.end(Signal::TERM), 0);
        let saved: Vec<_> = std::fs::read_dir(lab.folder().join("state"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(!saved.is_empty(), "nothing was saved");
        for file in saved {
            let mut bytes = std::fs::read(&file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0xff;
            std::fs::write(&file, bytes).unwrap();
        }
        lab.start();
        assert_eq!(lab.daemon().connections(), 0);
        let log = lab.daemon().log();
        assert!(log.contains("WARN") && log.contains("state"), "{log}");
        connect(&server, &lab.outside);
    }

    /// D39: without anything saved, a running connection is picked up for as long as the grace window says.
    fn connections_that_were_there_before_are_picked_up() {
        let rules = [tcp(22, &format!("{O}/32"))];
        let setup = Setup {
            tracking: "start_grace_seconds = 60",
            ..Setup::hosts(Policy::new(&rules, &everything()))
        };
        let mut lab = Lab::new(&setup);
        let server = Server::new(&lab.instance, &format!("{I}:22"));
        let (here, there) = server.connection(&lab.outside);
        lab.end(Signal::KILL);
        lab.start();
        exchange(&here, &there, 100_000);
        assert_eq!(lab.daemon().connections(), 1);
    }

    /// Frames for the ports' own hardware addresses and for everybody reach the instance, not the host that carries them.
    fn the_host_hears_nothing_on_its_ports() {
        let lab = Lab::new(&Setup::stations(Policy::open()));
        lab.firewall.sysctl("net.ipv4.ip_forward", "1");
        let mut wire = lab.wire();
        let heard = || {
            [
                counter(&lab.firewall, "Ip", "InReceives"),
                counter6(&lab.firewall, "Ip6InReceives"),
            ]
        };
        let before = heard();
        for (device, inwards) in [("ia0", false), ("ib0", true)] {
            let mac = mac(&lab.firewall.ip(&format!("link show {device}")));
            for (from, to) in [(O, I), ("2001:db8:1::10", "2001:db8::10")] {
                for destination in [mac, [0xff; 6]] {
                    let (from, to) = if inwards { (from, to) } else { (to, from) };
                    let mut sent = frame::ping(from, to, 1, 1);
                    sent[..6].copy_from_slice(&destination);
                    let sent = [sent];
                    let arrived = if inwards { wire.ingress(&sent) } else { wire.egress(&sent) };
                    assert_eq!(arrived, sent);
                }
            }
        }
        assert_eq!(heard(), before, "the host that carries them took frames in");
    }

    /// A device that goes and comes back; the other interface does not notice.
    fn a_device_that_comes_back_is_taken_up_again() {
        let lab = Lab::new(&Setup { second: true, ..Setup::hosts(Policy::open()) });
        let second = lab.second.as_ref().unwrap();
        pings(&lab.instance, "", O);
        lab.firewall.ip("link del ib0");
        wait::until("the interface to be closed", || {
            (lab.daemon().interface("I")["state"] == "closed").then_some(())
        });
        pings(second, "", O);
        lab.firewall.ip_batch(&format!(
            "link add ib0 type veth peer name in0 netns {}
             link set ib0 up
            ",
            lab.network.name()
        ));
        lab.network.ip_batch("link set in0 master br0\nlink set in0 up\n");
        wait::until("the interface to be open", || {
            (lab.daemon().interface("I")["state"] == "open").then_some(())
        });
        // The bridge beyond takes its time with a new port.
        answered(&lab);
        pings(second, "", O);
        // Down and up again: a port does not stay broken after an error.
        lab.firewall.ip("link set ib0 down");
        lab.firewall.ip("link set ib0 up");
        answered(&lab);
    }

    /// The loop of two sockets on a device: one frame in, one frame out.
    fn a_frame_is_sent_on_once() {
        for backend in [Backend::AfPacketV2, Backend::AfPacketV3, Backend::Pnet] {
            let lab = Lab::new(&Setup::stations(Policy::open()).backend(backend));
            let mut wire = lab.wire();
            let frame = frame::udp(&format!("{O}:1"), &format!("{I}:2"), b"once");
            let frame = [frame];
            assert_eq!(wire.ingress(&frame), frame);
            // Nothing comes round to the side it came from, nor again.
            assert!(wire.egress(&[]).is_empty(), "{backend:?}");
            assert!(wire.ingress(&[]).is_empty(), "{backend:?}");
            assert_eq!(lab.daemon().packets("I", "ingress", "untracked"), 1);
            assert_eq!(lab.daemon().packets("I", "egress", "untracked"), 0);
        }
    }

    /// Without traffic it sleeps.
    fn an_idle_daemon_uses_no_cpu() {
        let lab = Lab::new(&Setup::stations(Policy::open()));
        let id = lab.daemon().process.id();
        // What it does right after its start is done when it answers.
        let _ = lab.daemon().status();
        let before = ticks(id);
        std::thread::sleep(Duration::from_secs(1));
        let used = ticks(id) - before;
        assert!(used <= 2, "{used} ticks in a second of nothing");
    }

    /// Capabilities that it does not need are gone, and cannot come back.
    fn what_it_does_not_need_it_gives_up() {
        let lab = Lab::new(&Setup::stations(Policy::open()));
        let status = format!("/proc/{}/status", lab.daemon().process.id());
        let status = std::fs::read_to_string(status).unwrap();
        let value = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        assert_eq!(value("NoNewPrivs:"), "1");
        // CAP_NET_ADMIN is bit 12, CAP_NET_RAW 13, and the shield's CAP_BPF 39.
        let allowed = 1 << 12 | 1 << 13 | 1_u64 << 39;
        for set in ["CapEff:", "CapPrm:", "CapBnd:"] {
            let has = u64::from_str_radix(&value(set), 16).unwrap();
            assert_eq!(has & !allowed, 0, "{set} {has:x}");
        }
    }

    fn an_ordinary_user_with_two_capabilities() {
        let mut lab = Lab::prepare(&Setup::hosts(Policy::new(&[tcp(22, ANY)], &everything())));
        give_to_nobody(&lab);
        let daemon = Daemon::start_as(as_nobody(&lab, &["--inh-caps", AMBIENT, "--ambient-caps", AMBIENT]), lab.folder());
        lab.adopt(daemon);
        connect(&Server::new(&lab.instance, &format!("{I}:22")), &lab.outside);
        never_connects(&lab, &lab.outside, &lab.instance, &format!("{I}:23"));
        assert_eq!(lab.end(Signal::TERM), 0);
    }

    /// One line that says what is missing and how to grant it.
    fn an_ordinary_user_without_is_told() {
        let lab = Lab::prepare(&Setup::hosts(Policy::open()));
        give_to_nobody(&lab);
        let (code, said) = Daemon::refused(as_nobody(&lab, &[]), lab.folder());
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("CAP_NET_RAW") && said.contains("setcap"), "{said}");
    }

    /// Two daemons on the same devices would pass what one of them denies.
    fn a_second_daemon_is_refused() {
        let lab = Lab::new(&Setup::hosts(Policy::open()));
        let (code, said) = Daemon::refused(lab.firewall.command(SECGROUP), lab.folder());
        assert_eq!(code, 2, "{said}");
        pings(&lab.instance, "", O);
    }

    /// Killed between two frames: not one more comes through, whatever the way was before.
    fn a_killed_daemon_passes_not_one_frame() {
        let mut lab = Lab::new(&Setup::stations(Policy::open()));
        let mut wire = lab.wire();
        let frame = frame::udp(&format!("{O}:1"), &format!("{I}:2"), b"");
        assert_eq!(wire.ingress(std::slice::from_ref(&frame)).len(), 1);
        lab.end(Signal::KILL);
        let patience = Duration::from_millis(200);
        let arrived = try_cross(&mut wire.outside, &mut wire.inside, &[frame], patience);
        assert_eq!(arrived, Err(Vec::new()), "ARP, too, is carried by nobody");
    }

    /// `secgroup run -- PROGRAM`: the program behind its groups, and its exit code.
    fn a_program_behind_its_own_groups() {
        let policy = Policy::new(&[], &[tcp(80, ANY), udp(9, ANY)]);
        let lab = Lab::prepare(&Setup::hosts(policy).backend(Backend::Tap));
        // It gets a namespace of its own; the one of the lab is not needed.
        lab.edit_config(|text| text.replace(&format!("netns = \"{}\", ", lab.instance.name()), ""));
        let server = Server::new(&lab.outside, &format!("{O}:80"));
        let denied = Server::new(&lab.outside, &format!("{O}:81"));
        let config = lab.folder().join("secgroup.toml");
        let script = format!("nc -n -z -w 5 {O} 80 || exit 1; nc -n -z -w 1 {O} 81 && exit 2; exit 42");
        let output = lab
            .firewall
            .command(SECGROUP)
            .args(["run", "--config"])
            .arg(config)
            .args(["--", "sh", "-c", &script])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(42), "{said}");
        assert!(server.was_reached(), "{said}");
        assert!(!denied.was_reached(), "{said}");
    }

    /// Root starts it as somebody else: who cannot reach the firewall that it is behind.
    fn a_program_of_another_user() {
        let lab = program_lab();
        let socket = lab.folder().join("control.sock");
        let policy = lab.folder().join("policy.yaml");
        // The folder is open, so that only what they are themselves keeps others from socket and policy.
        std::fs::set_permissions(lab.folder(), PermissionsExt::from_mode(0o755)).unwrap();
        let script = format!(
            "id -un; id -Gn; grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status; echo HOME=$HOME; test -S {0} && echo there
             nc -U -N {0} </dev/null && echo connected; echo >>{1} && echo written; exit 0",
            socket.display(),
            policy.display()
        );
        let output = run_program(&lab, &["--user", "nobody"], &script);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let mut lines = said.lines();
        assert_eq!(lines.next(), Some("nobody"), "{said}");
        let groups = Command::new("id").args(["-Gn", "nobody"]).output().unwrap().stdout;
        assert_eq!(lines.next(), Some(String::from_utf8_lossy(&groups).trim()), "{said}");
        assert_eq!(said.matches("\t0000000000000000").count(), 4, "{said}");
        assert!(said.contains("HOME=/nonexistent") && said.contains("there"), "{said}");
        assert!(!said.contains("connected") && !said.contains("written"), "{said}");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(!log.contains("--user"), "{log}");
    }

    fn a_program_of_the_own_user_is_warned_of() {
        let output = run_program(&program_lab(), &[], "true");
        let log = String::from_utf8_lossy(&output.stderr);
        let lines = log.lines().filter(|line| line.contains("WARN") && line.contains("--user NAME"));
        assert_eq!(lines.count(), 1, "{log}");
    }

    fn a_user_that_is_not_there_is_refused() {
        let lab = program_lab();
        for (user, said) in [("no-such-user", "there is no user 'no-such-user'"), ("3999999001", "3999999001:GROUP")] {
            let output = run_program(&lab, &["--user", user], "touch started");
            assert_eq!(output.status.code(), Some(2), "{output:?}");
            assert!(String::from_utf8_lossy(&output.stderr).contains(said), "{output:?}");
        }
        assert!(!lab.folder().join("control.sock").exists());
    }
}

/// A lab where a program gets a namespace of its own; the instance's is not needed.
fn program_lab() -> Lab {
    let lab = Lab::prepare(&Setup::hosts(Policy::open()).backend(Backend::Tap));
    lab.edit_config(|text| text.replace(&format!("netns = \"{}\", ", lab.instance.name()), ""));
    lab
}

/// Runs a shell script behind the firewall until it ends.
fn run_program(lab: &Lab, options: &[&str], script: &str) -> std::process::Output {
    let mut command = lab.firewall.command(SECGROUP);
    command
        .args(["run", "--config"])
        .arg(lab.folder().join("secgroup.toml"))
        .args(options)
        .args(["--", "sh", "-c", script]);
    command.output().expect("it starts")
}

/// Waits until the host outside answers the instance.
#[track_caller]
fn answered(lab: &Lab) {
    wait::until("an answer to a ping", || {
        let ping = format!("ping -n -c 1 -W 0.2 {O}");
        lab.instance.sh(&ping).status.success().then_some(())
    });
}

/// The hardware address in what `ip link show` prints.
fn mac(text: &str) -> [u8; 6] {
    let mut words = text
        .split_whitespace()
        .skip_while(|word| *word != "link/ether");
    let address = words.nth(1).expect("an Ethernet device");
    let bytes: Vec<_> = address
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).expect("two digits"))
        .collect();
    bytes.try_into().expect("six bytes")
}

/// Clock ticks that a process has used, in user and in kernel mode.
fn ticks(id: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    let (_, fields) = stat.rsplit_once(')').expect("behind the name");
    let field = |number: usize| {
        let text = fields.split_whitespace().nth(number - 3).expect("a field");
        text.parse::<u64>().expect("a number")
    };
    field(14) + field(15)
}

/// The folder of the lab, for an ordinary user.
fn give_to_nobody(lab: &Lab) {
    let folder = lab.folder();
    let give = |path: &std::path::Path| {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("we are root");
    };
    give(folder);
    for entry in std::fs::read_dir(folder).expect("it is ours") {
        give(&entry.expect("it is ours").path());
    }
    // The program lies where an ordinary user may not look.
    let program = folder.join("secgroup");
    std::fs::copy(SECGROUP, &program).expect("there is room");
    give(&program);
}

/// The program as an ordinary user, in the namespace of the firewall.
fn as_nobody(lab: &Lab, options: &[&str]) -> Command {
    let mut command = lab.firewall.command("setpriv");
    let id = NOBODY.to_string();
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
    command.args(options).arg(lab.folder().join("secgroup"));
    command
}

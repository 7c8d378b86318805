//! Dropping privileges for real: what the kernel says of the thread that did, and of its children.
//!
//! Capabilities belong to threads. So each case drops those of a thread of its own, and those of the test stay.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use rustix::thread::{CapabilitySet, capabilities};
use secgroup_daemon::privileges::Needs;
use secgroup_io::live::identity::{Identity, spawn_as};

/// Set in the process that a test starts as another user.
const CHILD: &str = "SECGROUP_PRIVILEGES_CHILD";

const DEVICES: CapabilitySet = CapabilitySet::NET_RAW.union(CapabilitySet::NET_ADMIN);

/// The lines of a `/proc/.../status` that are about privileges.
fn privileges(status: &str) -> BTreeMap<&str, u64> {
    status
        .lines()
        .filter_map(|line| line.split_once(":\t"))
        .filter(|(name, _)| name.starts_with("Cap") || *name == "NoNewPrivs")
        .map(|(name, value)| (name, u64::from_str_radix(value, 16).expect("hexadecimal")))
        .collect()
}

fn only(kept: CapabilitySet) -> BTreeMap<&'static str, u64> {
    let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
    let mut expected: BTreeMap<_, _> = sets.map(|name| (name, kept.bits())).into();
    expected.insert("NoNewPrivs", 1);
    expected
}

/// What a child of this thread has.
fn of_a_child() -> String {
    let output = Command::new("cat")
        .arg("/proc/self/status")
        .output()
        .expect("cat is everywhere");
    String::from_utf8(output.stdout).expect("a status is text")
}

/// Whether this thread has all that these tests are about.
fn is_privileged(test: &str) -> bool {
    let others = CapabilitySet::IPC_LOCK | CapabilitySet::SETPCAP | CapabilitySet::SETUID;
    let needed = DEVICES | CapabilitySet::BPF | others;
    let has = capabilities(None)
        .expect("a thread may ask for its own")
        .effective;
    if !has.contains(needed) {
        eprintln!("skipped {test}: it needs to be root");
    }
    has.contains(needed)
}

#[test]
fn root_keeps_what_is_needed_and_nothing_else() {
    if !is_privileged("root_keeps_what_is_needed_and_nothing_else") {
        return;
    }
    let programs = CapabilitySet::BPF | CapabilitySet::IPC_LOCK;
    for (bpf, kept) in [(false, DEVICES), (true, DEVICES | programs)] {
        // A program of the shield's is welcome where it is needed anyway, and kept.
        let needs = Needs {
            bpf,
            shield: bpf,
            namespaces: false,
            other_user: false,
        };
        let dropping = std::thread::spawn(move || {
            needs.drop_others().unwrap();
            let own = fs::read_to_string("/proc/thread-self/status").unwrap();
            assert_eq!(privileges(&own), only(kept), "bpf: {bpf}");
            // Root gets back by exec what the bounding set leaves: nothing more.
            assert_eq!(privileges(&of_a_child()), only(kept), "bpf: {bpf}");
            // A second time there is nothing left to drop.
            needs.drop_others().unwrap();
            assert_eq!(needs.check(), Ok(()));
            let more = Needs {
                namespaces: true,
                ..needs
            };
            assert!(more.check().is_err(), "what was not needed is gone");
        });
        dropping.join().unwrap();
    }
    let own = fs::read_to_string("/proc/thread-self/status").unwrap();
    assert_eq!(
        privileges(&own)["NoNewPrivs"],
        0,
        "other threads are as they were"
    );
}

#[test]
fn a_program_behind_the_firewall_has_nothing_even_if_it_is_roots() {
    if !is_privileged("a_program_behind_the_firewall_has_nothing_even_if_it_is_roots") {
        return;
    }
    let confined = std::thread::spawn(|| {
        let needs = Needs {
            bpf: true,
            shield: true,
            namespaces: true,
            other_user: false,
        };
        needs.keep_to_start_program().unwrap();
        of_a_child()
    });
    let status = confined.join().unwrap();
    let has = privileges(&status);
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(has[set], 0, "{set}");
    }
}

/// Root becomes somebody else, with the groups that it has, and leaves everything behind.
#[test]
fn a_program_of_another_user_has_its_ids_and_nothing_else() {
    if !is_privileged("a_program_of_another_user_has_its_ids_and_nothing_else") {
        return;
    }
    let status = std::thread::spawn(|| {
        let needs = Needs {
            bpf: true,
            other_user: true,
            ..Needs::default()
        };
        needs.keep_to_start_program().unwrap();
        let rights = CapabilitySet::SETUID | CapabilitySet::SETGID;
        assert_eq!(capabilities(None).unwrap().permitted, rights);
        let identity = Identity {
            uid: 65_534,
            gid: 1,
            groups: vec![2, 3],
        };
        let mut command = Command::new("cat");
        command.arg("/proc/self/status").stdout(Stdio::piped());
        let child = spawn_as(&mut command, Some(&identity)).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    });
    let status = status.join().unwrap();
    let has = privileges(&status);
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(has[set], 0, "{set}");
    }
    assert_eq!(has["NoNewPrivs"], 1);
    let line = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let words = line.unwrap().split_whitespace();
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(line("Uid:"), ["65534"; 4]);
    assert_eq!(line("Gid:"), ["1"; 4]);
    assert_eq!(line("Groups:"), ["2", "3"]);
}

#[test]
fn children_can_work_with_the_firewall_of_the_kernel() {
    const TEST: &str = "children_can_work_with_the_firewall_of_the_kernel";
    if secgroup_testkit::netns::skip(TEST) || !is_privileged(TEST) {
        return;
    }
    let host = secgroup_testkit::netns::Namespace::new("caps");
    host.enter(|| {
        Needs::default().drop_others().unwrap();
        let lists = Command::new("iptables-legacy")
            .args(["-w", "-t", "filter", "-L"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output();
        match lists {
            Ok(output) => assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            ),
            Err(error) => eprintln!("skipped {TEST}: iptables-legacy: {error}"),
        }
    });
}

/// As the unit starts it: an ordinary user with ambient capabilities, who cannot limit the bounding set.
#[test]
fn an_ordinary_user_keeps_what_it_was_given() {
    const TEST: &str = "an_ordinary_user_keeps_what_it_was_given";
    if std::env::var_os(CHILD).is_some() {
        return as_an_ordinary_user();
    }
    if !is_privileged(TEST) {
        return;
    }
    let child = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["--inh-caps=+net_raw,+net_admin"])
        .args(["--ambient-caps=+net_raw,+net_admin"])
        // The folder of the test may be closed to that user.
        .args(["/proc/self/fd/0", "--exact", TEST, "--nocapture"])
        .env(CHILD, "1")
        .stdin(fs::File::open(std::env::current_exe().unwrap()).unwrap())
        .output();
    let Ok(output) = child else {
        eprintln!("skipped {TEST}: setpriv is not installed");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{stderr}"
    );
}

fn as_an_ordinary_user() {
    assert!(!rustix::process::geteuid().is_root());
    let needs = Needs::default();
    assert_eq!(needs.check(), Ok(()));
    let bpf = Needs { bpf: true, ..needs };
    let missing = bpf.check().expect_err("it has not").to_string();
    assert!(missing.starts_with("CAP_BPF "), "{missing}");
    needs.drop_others().expect("dropped");
    let own = fs::read_to_string("/proc/thread-self/status").expect("there is /proc");
    let mut expected = only(DEVICES);
    // It has no right to limit it; without new privileges it does not matter.
    expected.insert("CapBnd", privileges(&own)["CapBnd"]);
    assert_eq!(privileges(&own), expected);
    assert_eq!(privileges(&of_a_child()), expected);
}
